package tree

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// Output is a file that was made.
type Output struct {
	Path string
	Data []byte
}

// Upgrade rewrites the documents of a file that are of the 2020 preview
// dialect in released form, with their comments and as far as possible in
// their order. The first output takes the place of the file; documents that
// become one of their own, such as the deployments of an endpoint, follow as
// <file>.<name>.yml. What has no equivalent is a warning and a comment. Without
// preview documents there is no output.
func Upgrade(original []byte, file string) ([]Output, problem.List) {
	nodes, bad := parseNodes(original, file, ParseOptions{})
	docs, more := Parse(original, file, ParseOptions{})
	if len(more.Errors()) > 0 || len(docs) != len(nodes) {
		return nil, more
	}
	var parts []string
	var extra []Output
	some := false
	r := &reader{}
	text := newLines(original)
	for i, doc := range docs {
		v := r.identify(doc, file, commentSchema(original))
		if v.Variant == nil || !v.Preview {
			parts = append(parts, documentText(text, nodes, i))
			continue
		}
		some = true
		up, warned := upgradeOne(nodes[i], doc, file, v)
		bad.Append(warned)
		for n, u := range up {
			if n == 0 {
				parts = append(parts, string(u.Data))
			} else {
				extra = append(extra, u)
			}
		}
	}
	if !some {
		return nil, bad
	}
	first := Output{Path: file, Data: []byte(strings.Join(parts, "---\n"))}
	return append([]Output{first}, extra...), bad
}

// documentText are the lines of document i, without the line that begins it.
func documentText(text *lines, nodes []*yaml.Node, i int) string {
	from, to := 1, len(text.text)+1
	if i > 0 {
		from = boundary(text, nodes[i].Content[0].Line) + 1
	}
	if i+1 < len(nodes) {
		to = boundary(text, nodes[i+1].Content[0].Line)
	}
	return strings.Join(text.text[from-1:to-1], "\n") + "\n"
}

// boundary is the line --- before a line.
func boundary(text *lines, n int) int {
	for n > 1 && !strings.HasPrefix(text.line(n), "---") {
		n--
	}
	return n
}

func upgradeOne(node *yaml.Node, doc *asset.Value, file string, v kind.Verdict) ([]Output, problem.List) {
	docs, bad := v.Variant.Preview.Run(doc)
	notes := comments(node)
	owner := ownersOf(docs)
	var out []Output
	for i, up := range docs {
		variant := v.Variant
		if w := kind.Identify(up, v.Variant.Table().Plural); w.Variant != nil {
			variant = w.Variant
		}
		c := &commentWriter{}
		for _, n := range notes {
			if owner(n.line) == i {
				c.notes = append(c.notes, n)
			}
		}
		e := &emitter{before: c.before, after: c.after}
		e.document(released(up, variant))
		c.rest(e)
		if i == 0 {
			for _, p := range bad.Warnings() {
				if p.Code == "no_equivalent" {
					field, _, _ := strings.Cut(p.Text, " has no equivalent")
					e.b.WriteString("# No equivalent: " + field + ".\n")
				}
			}
		}
		out = append(out, Output{Path: partName(file, up, i), Data: []byte(e.b.String())})
	}
	return out, bad
}

// partName is the name of the file of document i of an upgraded one.
func partName(file string, doc *asset.Value, i int) string {
	if i == 0 {
		return file
	}
	ext := path.Ext(file)
	return fmt.Sprintf("%s.%s%s", strings.TrimSuffix(file, ext), cmp.Or(slug(doc.Get("name").Text()), itoa(i)), ext)
}

// released is an upgraded document as it is written: $schema and what names
// the asset first, everything else in the order in which it stood.
func released(doc *asset.Value, v *kind.Variant) *asset.Value {
	doc = inPlaceOrder(doc)
	out := asset.NewMap().At(doc.Pos())
	if len(v.Schemas) > 0 {
		out.Set("$schema", asset.NewString(schemaBase+v.Schemas[0]+".schema.json"))
	} else if s := doc.Get("$schema"); s != nil {
		out.Set("$schema", s)
	}
	for _, k := range []string{"type", "name", "version", v.Table().ParentKey} {
		if item := doc.Get(k); item != nil && k != "" {
			out.Set(k, item)
		}
	}
	for k, item := range doc.Entries() {
		if !out.Has(k) {
			out.Set(k, item)
		}
	}
	return out
}

// inPlaceOrder sorts the keys of maps by the places of their values; values
// without a place stay behind the key before them.
func inPlaceOrder(v *asset.Value) *asset.Value {
	switch v.Type() {
	case asset.List:
		out := asset.NewList().At(v.Pos())
		for _, item := range v.Items() {
			out.Append(inPlaceOrder(item))
		}
		return out
	case asset.Map:
		type at struct {
			key       string
			line, col int
		}
		var order []at
		last := at{}
		for k, item := range v.Entries() {
			here := at{k, item.Pos().Line, item.Pos().Col}
			if here.line == 0 {
				here.line, here.col = last.line, last.col
			}
			order = append(order, here)
			last = here
		}
		slices.SortStableFunc(order, func(a, b at) int { return cmp.Or(a.line-b.line, a.col-b.col) })
		out := asset.NewMap().At(v.Pos())
		for _, o := range order {
			out.Set(o.key, inPlaceOrder(v.Get(o.key)))
		}
		return out
	}
	return v
}

// ownersOf tells which of several documents a line of the original went to:
// that which holds the line, else that which holds the next one.
func ownersOf(docs []*asset.Value) func(line int) int {
	owner := map[int]int{}
	last := 0
	var mark func(v *asset.Value, doc int)
	mark = func(v *asset.Value, doc int) {
		if l := v.Pos().Line; l > 0 {
			if _, taken := owner[l]; !taken {
				owner[l] = doc
			}
			last = max(last, l)
		}
		for _, item := range v.Items() {
			mark(item, doc)
		}
	}
	for i, d := range docs {
		for _, item := range d.Items() {
			mark(item, i)
		}
	}
	return func(line int) int {
		for ; line <= last; line++ {
			if doc, ok := owner[line]; ok {
				return doc
			}
		}
		return 0
	}
}

// note is a comment of a file: above (head) or at the end of a line, or below
// everything (foot).
type note struct {
	line int
	text string
	side bool
}

// comments are the comments of a document in the order of their lines.
func comments(n *yaml.Node) []note {
	var out []note
	var walk func(n *yaml.Node, line int)
	walk = func(n *yaml.Node, line int) {
		if n.Kind != yaml.DocumentNode {
			line = n.Line
		}
		for _, c := range []note{{line, n.HeadComment, false}, {line, n.LineComment, true}} {
			// A comment that names the schema of before would be wrong now.
			c.text = strings.TrimPrefix(schemaRow.ReplaceAllString(c.text, ""), "\n")
			if c.text != "" {
				out = append(out, c)
			}
		}
		for _, c := range n.Content {
			walk(c, line)
		}
		if n.FootComment != "" {
			out = append(out, note{lastLine(n) + 1, n.FootComment, false})
		}
	}
	walk(n, 1)
	slices.SortStableFunc(out, func(a, b note) int { return a.line - b.line })
	return out
}

func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

// commentWriter puts comments back beside the values they stood at.
type commentWriter struct{ notes []note }

func (c *commentWriter) before(e *emitter, v *asset.Value, indent int) {
	line := v.Pos().Line
	if line == 0 {
		return
	}
	c.write(e, indent, func(n note) bool { return n.line < line || n.line == line && !n.side })
}

func (c *commentWriter) write(e *emitter, indent int, due func(note) bool) {
	var left []note
	for _, n := range c.notes {
		if !due(n) {
			left = append(left, n)
			continue
		}
		for row := range strings.SplitSeq(n.text, "\n") {
			if row != "" {
				e.b.WriteString(strings.Repeat(" ", indent) + row + "\n")
			}
		}
	}
	c.notes = left
}

// after is the comment at the end of the line of a value.
func (c *commentWriter) after(v *asset.Value) string {
	for i, n := range c.notes {
		if n.side && n.line == v.Pos().Line && !strings.Contains(n.text, "\n") {
			c.notes = slices.Delete(c.notes, i, i+1)
			return "  " + n.text
		}
	}
	return ""
}

// rest writes the comments of what is gone.
func (c *commentWriter) rest(e *emitter) {
	c.write(e, 0, func(note) bool { return true })
}
