package tree

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Format lays a file out anew without changing what it says: two blanks a
// level, one blank behind a dash, no blanks at line ends, at most one empty
// line in a row, line ends of Unix, one at the end. Order, comments, quotes
// and line breaks within values stay; lists stay below or beside their keys as
// they are. Formatting twice is formatting once.
func Format(original []byte, file string) ([]byte, problem.List) {
	docs, bad := parseNodes(original, file, ParseOptions{})
	if len(bad) > 0 {
		return original, bad
	}
	out := format(original, docs)
	if again, bad := parseNodes(out, file, ParseOptions{}); len(bad) > 0 || !sameContent(original, out) || !bytes.Equal(format(out, again), out) {
		return original, nil // rare syntax, such as keys that begin with a ?
	}
	return out, nil
}

// sameContent reports whether two files say the same, comments aside.
func sameContent(a, b []byte) bool {
	x, bad := Parse(a, "", ParseOptions{LastWins: true})
	y, worse := Parse(b, "", ParseOptions{LastWins: true})
	if len(x) != len(y) || len(bad) != len(worse) {
		return false
	}
	for i := range x {
		if !bytes.Equal(typed(x[i]), typed(y[i])) {
			return false
		}
	}
	return true
}

// typed is a text of a value that tells sorts and the order of keys apart.
func typed(v *asset.Value) []byte {
	var b bytes.Buffer
	var walk func(*asset.Value)
	walk = func(v *asset.Value) {
		b.WriteString(v.Type().String() + "(")
		b.WriteString(escaped(v.Text()))
		for i, item := range v.Items() {
			if v.Type() == asset.Map {
				b.WriteString(escaped(v.Keys()[i]))
			}
			walk(item)
		}
		b.WriteString(")")
	}
	walk(v)
	return b.Bytes()
}

// formatter knows where the lines of a file begin anew.
type formatter struct {
	text   *lines
	indent map[int]int  // new indent of lines that begin an entry or item
	inside map[int]bool // lines within a block text, whose blanks count
	shift  map[int]int  // how far lines that go on move
}

func format(original []byte, docs []*yaml.Node) []byte {
	f := &formatter{
		text:   newLines(bytes.TrimPrefix(original, []byte("\xef\xbb\xbf"))),
		indent: map[int]int{}, inside: map[int]bool{}, shift: map[int]int{},
	}
	for i, d := range docs {
		end := len(f.text.text) + 1
		if i+1 < len(docs) {
			end = boundary(f.text, docs[i+1].Content[0].Line)
		}
		f.node(d.Content[0], 0, end)
	}
	f.comments()
	return f.write()
}

// node plans the lines of a block map or list whose new indent is n; end is
// the line behind it.
func (f *formatter) node(v *yaml.Node, n, end int) {
	if v.Style&yaml.FlowStyle != 0 {
		return
	}
	step := 2
	if v.Kind == yaml.SequenceNode {
		step = 1
	} else if v.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+step <= len(v.Content); i += step {
		first := v.Content[i]
		stop := end
		if i+step < len(v.Content) {
			stop = v.Content[i+step].Line
		}
		if f.begins(first.Line) {
			if _, taken := f.indent[first.Line]; !taken {
				f.indent[first.Line] = n
			}
		}
		if step == 1 {
			f.value(first, n+2, n, first.Line, stop, v.Column)
			continue
		}
		item := v.Content[i+1]
		inner := n + 2
		if item.Kind == yaml.SequenceNode && item.Column == first.Column {
			inner = n
		}
		f.value(item, inner, n, first.Line, stop, first.Column)
	}
}

// begins reports whether a line is one of the text.
func (f *formatter) begins(line int) bool { return line >= 1 && line <= len(f.text.text) }

// value plans a value: its parts, or the lines that it goes on for. owner is
// the new indent of the entry, from its line and col its column.
func (f *formatter) value(v *yaml.Node, inner, owner, from, stop, col int) {
	block := v.Kind == yaml.MappingNode || v.Kind == yaml.SequenceNode
	if block && v.Style&yaml.FlowStyle == 0 {
		f.node(v, inner, stop)
		return
	}
	to := f.text.trimEnd(from, stop, col, v)
	literal := v.Kind == yaml.ScalarNode && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	least := -1
	for l := from + 1; l < to; l++ {
		s := f.text.line(l)
		if trimmed := strings.TrimLeft(s, " "); trimmed != "" && (least < 0 || len(s)-len(trimmed) < least) {
			least = len(s) - len(trimmed)
		}
	}
	for l := from + 1; l < to; l++ {
		f.inside[l] = literal
		f.shift[l] = owner + 2 - max(least, 0)
	}
}

// comments plans the lines of comments: they stand at the indent of what
// follows, if they stood at its column before, else they move with what is
// above.
func (f *formatter) comments() {
	delta := 0
	for l := 1; l <= len(f.text.text); l++ {
		s := f.text.line(l)
		old := len(s) - len(strings.TrimLeft(s, " "))
		if n, ok := f.indent[l]; ok {
			delta = n - old
			continue
		}
		if _, ok := f.shift[l]; ok || !strings.HasPrefix(strings.TrimLeft(s, " "), "#") {
			continue
		}
		f.shift[l] = delta
		for next := l + 1; next <= len(f.text.text); next++ {
			if n, ok := f.indent[next]; ok {
				t := f.text.line(next)
				if len(t)-len(strings.TrimLeft(t, " ")) == old {
					f.shift[l] = n - old
				}
				break
			}
		}
	}
}

func (f *formatter) write() []byte {
	var out []string
	blank := true // no empty lines at the beginning
	for l := 1; l <= len(f.text.text); l++ {
		s := f.text.line(l)
		body := strings.TrimLeft(s, " ")
		if f.inside[l] {
			out = append(out, strings.TrimSuffix(strings.Repeat(" ", max(0, len(s)-len(body)+f.shift[l]))+body, "\r"))
			blank = false
			continue
		}
		body = strings.TrimRight(body, " \t")
		if body == "" {
			if _, part := f.shift[l]; !blank || part {
				out = append(out, "")
			}
			blank = true
			continue
		}
		blank = false
		n, begins := f.indent[l]
		if begins {
			body = tightDashes(body)
		} else {
			n = len(s) - len(strings.TrimLeft(s, " ")) + f.shift[l]
		}
		out = append(out, strings.Repeat(" ", max(0, n))+body)
	}
	for len(out) > 0 && out[len(out)-1] == "" && !f.inside[len(f.text.text)] {
		out = out[:len(out)-1]
	}
	if len(out) == 0 {
		return nil
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// tightDashes writes one blank behind the dashes that begin a line.
func tightDashes(s string) string {
	lead := ""
	for strings.HasPrefix(s, "- ") {
		lead += "- "
		s = strings.TrimLeft(s[2:], " ")
	}
	return lead + s
}
