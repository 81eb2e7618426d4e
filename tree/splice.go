package tree

import (
	"bytes"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/yaml11"
)

// lines is a file as lines that can be replaced without touching the others.
// Lines count from 1, as in nodes; edits are applied from the end on.
type lines struct {
	text  []string // without line ends
	eol   string
	last  bool // whether the last line ends with a line end
	edits []edit
	flat  bool // lists stand at the column of their key
}

// edit replaces the lines from .. to-1.
type edit struct {
	from, to int
	with     []string
}

func newLines(data []byte) *lines {
	l := &lines{eol: "\n"}
	if bytes.Contains(data, []byte("\r\n")) {
		l.eol = "\r\n"
	}
	s := string(data)
	l.last = strings.HasSuffix(s, "\n")
	s = strings.TrimSuffix(s, "\n")
	for _, line := range strings.Split(s, "\n") {
		l.text = append(l.text, strings.TrimSuffix(line, "\r"))
	}
	return l
}

// line is line n, "" beyond the end.
func (l *lines) line(n int) string {
	if n < 1 || n > len(l.text) {
		return ""
	}
	return l.text[n-1]
}

func (l *lines) edit(from, to int, with ...string) {
	l.edits = append(l.edits, edit{from, to, with})
}

// bytes applies the edits.
func (l *lines) bytes() []byte {
	slices.SortStableFunc(l.edits, func(a, b edit) int { return b.from - a.from })
	out := l.text
	for i := 0; i < len(l.edits); {
		// Insertions at one place keep the order in which they were made.
		from := l.edits[i].from
		to, with := from, []string(nil)
		for ; i < len(l.edits) && l.edits[i].from == from; i++ {
			to = max(to, l.edits[i].to)
			with = append(with, l.edits[i].with...)
		}
		out = slices.Concat(out[:min(from-1, len(out))], with, out[min(to-1, len(out)):])
	}
	s := strings.Join(out, l.eol)
	if l.last {
		s += l.eol
	}
	return []byte(s)
}

// trimEnd moves the end of an entry, which begins at line from with its key at
// column col, before the blank lines and comments that belong to what follows.
func (l *lines) trimEnd(from, end, col int, v *yaml.Node) int {
	blockText := v.Kind == yaml.ScalarNode && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	for end > from+1 {
		s := l.line(end - 1)
		trimmed := strings.TrimLeft(s, " \t")
		deeper := len(s)-len(trimmed) >= col
		if trimmed != "" && (trimmed[0] != '#' || blockText && deeper) && trimmed != "..." {
			break
		}
		end--
	}
	return end
}

// byteCol is the index in s of a column, which counts letters from 1.
func byteCol(s string, col int) int {
	n := 1
	for i := range s {
		if n == col {
			return i
		}
		n++
	}
	return len(s)
}

// token replaces a scalar that stands on one line by another; false if it
// does not stand on one line.
func (l *lines) token(old *yaml.Node, to *asset.Value) bool {
	s := l.line(old.Line)
	at := byteCol(s, old.Column)
	end, ok := tokenEnd(s, at, old)
	if !ok || old.Anchor != "" || old.Style&yaml.TaggedStyle != 0 {
		return false
	}
	text, ok := l.styled(old, to)
	if !ok {
		return false
	}
	for i := range l.edits { // two tokens of one flow on one line
		if l.edits[i].from == old.Line {
			return false
		}
	}
	l.edit(old.Line, old.Line+1, s[:at]+text+s[end:])
	return true
}

func tokenEnd(s string, at int, old *yaml.Node) (int, bool) {
	if at >= len(s) {
		return 0, false
	}
	switch rest := s[at:]; {
	case old.Style&yaml.DoubleQuotedStyle != 0 && rest[0] == '"':
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return at + i + 1, true
			}
		}
	case old.Style&yaml.SingleQuotedStyle != 0 && rest[0] == '\'':
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\'' {
				if i+1 < len(rest) && rest[i+1] == '\'' {
					i++
					continue
				}
				return at + i + 1, true
			}
		}
	case old.Style == 0 && old.Value != "" && strings.HasPrefix(rest, old.Value):
		return at + len(old.Value), true
	}
	return 0, false
}

// styled is a scalar in the quotes of the old one, where that is possible.
func (l *lines) styled(old *yaml.Node, v *asset.Value) (string, bool) {
	text := scalarText(v, 0, false)
	if strings.Contains(text, "\n") {
		return "", false
	}
	if v.Type() != asset.String || strings.HasPrefix(text, `"`) && strings.Contains(text, `\`) {
		return text, true
	}
	switch s := v.Str(); {
	case old.Style&yaml.SingleQuotedStyle != 0:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'", true
	case old.Style&yaml.DoubleQuotedStyle != 0:
		return escaped(s), true
	case wholeText(old.Value) && wholeText(s):
		return s, true // version: 3 becomes version: 4, and not "4"
	}
	return text, true
}

// wholeText reports a text that YAML reads as the whole number it shows.
func wholeText(s string) bool {
	v, err := yaml11.Plain(s)
	return err == nil && v.Type() == asset.Int && v.Text() == s
}
