package tree

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// ErrNotThere says that a file does not hold the asset that was to be updated.
var ErrNotThere = errors.New("the file does not hold this asset")

// Update changes an existing file so that it says what a says, and leaves
// comments, order, quotes and layout of everything else as they are: a file
// that says it already comes back byte for byte. Values are compared in their
// normal form, so that other spellings of the same stay. A version is changed
// if a has one. Files of the preview dialect must be upgraded first.
func Update(original []byte, a *asset.Asset) ([]byte, error) {
	return UpdateWith(original, a, nil)
}

// UpdateWith is Update for a file with ${{ var.NAME }}: values that say the
// right thing through a variable stay.
func UpdateWith(original []byte, a *asset.Asset, vars map[string]*asset.Value) ([]byte, error) {
	u := &updater{want: a, vars: vars, lines: newLines(original)}
	if err := u.find(original); err != nil {
		return nil, err
	}
	variant := kind.VariantOf(a)
	if u.has.Variant == a.Variant && u.node.Style&yaml.FlowStyle == 0 {
		u.heads(variant)
		body := ordered(kind.Object{Fields: variant.AllFields()}, a.Body)
		if u.mapping(u.node, u.has.Body, body, u.end) {
			out := u.lines.bytes()
			if u.fits(out) {
				return out, nil
			}
		}
	}
	if u.single {
		return Write(a), nil
	}
	return nil, errors.New("the change cannot be made in a file of several documents")
}

type updater struct {
	want   *asset.Asset
	vars   map[string]*asset.Value
	lines  *lines
	node   *yaml.Node   // the map of the document
	has    *asset.Asset // what the document says now
	end    int          // the line behind the document
	single bool
}

// find looks for the document that holds the asset.
func (u *updater) find(original []byte) error {
	docs, bad := parseNodes(original, "", ParseOptions{})
	if err := bad.Err(); err != nil {
		return err
	}
	u.single = len(docs) == 1
	best := -1
	for i, d := range docs {
		has, preview := u.read(d)
		if has == nil || has.ID.Kind != u.want.ID.Kind {
			continue
		}
		if preview {
			return errors.New("the file is of the preview dialect: upgrade it first")
		}
		fits := 0
		if has.ID.Name == u.want.ID.Name {
			fits = 1
		}
		if has.ID == u.want.ID {
			fits = 2
		}
		if fits <= best || fits == 0 && !u.single {
			continue
		}
		best, u.has, u.node = fits, has, d.Content[0]
		u.end = len(u.lines.text) + 1
		if i+1 < len(docs) {
			u.end = docs[i+1].Line
			for u.end > u.node.Line && !strings.HasPrefix(u.lines.line(u.end), "---") {
				u.end--
			}
		}
	}
	if u.node == nil {
		return ErrNotThere
	}
	u.lines.flat = flatLists(u.node)
	return nil
}

// read is the asset of a document; nil if it is none.
func (u *updater) read(d *yaml.Node) (a *asset.Asset, preview bool) {
	p := &parser{lim: Limits{}.orDefaults()}
	doc := p.value(d.Content[0], nil, 1)
	folder := ""
	if t := kind.Of(u.want.ID.Kind); t != nil {
		folder = t.Plural
	}
	v := kind.Identify(doc, folder)
	if v.Variant == nil {
		return nil, false
	}
	doc = Substitute(doc, u.vars, &p.bad)
	return v.Variant.Read(&kind.Checker{Literals: true}, doc), v.Preview
}

// fits reports whether the result says what it should.
func (u *updater) fits(out []byte) bool {
	docs, bad := parseNodes(out, "", ParseOptions{})
	if len(bad) > 0 {
		return false
	}
	return slices.ContainsFunc(docs, func(d *yaml.Node) bool {
		a, _ := u.read(d)
		return a != nil && a.Body.Equal(u.want.Body) && a.ID.Kind == u.want.ID.Kind &&
			(u.want.Auto || a.ID.Version == u.want.ID.Version)
	})
}

// heads brings the keys up to date that say which asset it is.
func (u *updater) heads(v *kind.Variant) {
	t := v.Table()
	set := func(key, has, want string) {
		_, node := entry(u.node, key)
		if want == "" || has == want {
			return
		}
		if node == nil {
			u.insert(u.node, key, asset.NewString(want), []string{"$schema", "type", "name"}, u.end)
			return
		}
		u.replace(u.node, key, asset.NewString(want), u.end)
	}
	if !u.want.Auto {
		set("name", u.has.ID.Name, u.want.ID.Name)
		if t.Versioned {
			set("version", u.has.ID.Version, u.want.ID.Version)
		}
	}
	if _, node := entry(u.node, t.ParentKey); node != nil {
		set(t.ParentKey, u.has.ID.Parent, u.want.ID.Parent)
	}
}

// entry are key and value of a map of nodes.
func entry(m *yaml.Node, key string) (k, v *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key && m.Content[i].Kind == yaml.ScalarNode {
			return m.Content[i], m.Content[i+1]
		}
	}
	return nil, nil
}

// mapping brings a block map to what want says; has is what it says now, end
// the line behind it. False means that it must be written anew.
func (u *updater) mapping(m *yaml.Node, has, want *asset.Value, end int) bool {
	if m.Kind != yaml.MappingNode || m.Style&yaml.FlowStyle != 0 || m.Anchor != "" || slices.ContainsFunc(m.Content, isMerge) {
		return has.Equal(want)
	}
	for i, key := range want.Keys() {
		w := want.Get(key)
		_, node := entry(m, key)
		switch {
		case has.Has(key) && has.Get(key).Equal(w):
		case node == nil:
			u.insert(m, key, w, want.Keys()[:i], end)
		default:
			if !u.value(m, key, node, has.Get(key), w, end) && !u.replace(m, key, w, end) {
				return false
			}
		}
	}
	for _, key := range has.Keys() {
		if k, _ := entry(m, key); k != nil && !want.Has(key) && !u.remove(m, key, end) {
			return false
		}
	}
	return true
}

// value tries to change only a part of an entry.
func (u *updater) value(m *yaml.Node, key string, node *yaml.Node, has, want *asset.Value, end int) bool {
	_, end = u.region(m, key, end)
	mark := len(u.lines.edits)
	ok := false
	switch {
	case node.Kind == yaml.MappingNode && has.Type() == asset.Map && want.Type() == asset.Map && want.Len() > 0:
		ok = u.mapping(node, has, want, end)
	case node.Kind == yaml.SequenceNode && has.Type() == asset.List && want.Type() == asset.List && want.Len() > 0:
		ok = u.list(node, has, want, end)
	case node.Kind == yaml.ScalarNode && want.IsScalar():
		ok = u.lines.token(node, want)
	}
	if !ok {
		u.lines.edits = u.lines.edits[:mark]
	}
	return ok
}

// region are the lines of an entry: from its key to before end or the next
// key, without the comments that belong to what follows.
func (u *updater) region(m *yaml.Node, key string, end int) (from, to int) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if k.Value != key {
			continue
		}
		if i+2 < len(m.Content) {
			end = m.Content[i+2].Line
		}
		return k.Line, u.lines.trimEnd(k.Line, end, k.Column, m.Content[i+1])
	}
	return 0, 0
}

// replace writes an entry anew.
func (u *updater) replace(m *yaml.Node, key string, want *asset.Value, end int) bool {
	k, node := entry(m, key)
	from, to := u.region(m, key, end)
	if node.Kind == yaml.ScalarNode && want.IsScalar() && u.lines.token(node, want) {
		return true
	}
	lead := u.lines.line(from)[:byteCol(u.lines.line(from), k.Column)]
	var out []string
	if node.Style&yaml.FlowStyle != 0 && node.Kind != yaml.ScalarNode {
		out = []string{lead + keyText(key, k.Column-1) + " " + flowText(want)}
	} else {
		out = u.entryLines(lead, k.Column-1, key, want)
	}
	if c := node.LineComment + k.LineComment; c != "" && !strings.HasSuffix(out[0], c) && from+1 >= to {
		out[0] += "  " + c
	}
	u.lines.edit(from, to, out...)
	return true
}

func (u *updater) entryLines(lead string, indent int, key string, v *asset.Value) []string {
	e := &emitter{flat: u.lines.flat}
	e.entries(asset.NewMap().Set(key, v), indent, lead)
	out := strings.Split(strings.TrimSuffix(e.b.String(), "\n"), "\n")
	if lead == "" && indent > 0 {
		out[0] = strings.Repeat(" ", indent) + out[0]
	}
	return out
}

// insert writes a new entry behind the last of the keys that come before it.
func (u *updater) insert(m *yaml.Node, key string, v *asset.Value, before []string, end int) {
	first := m.Content[0]
	lead := strings.Repeat(" ", first.Column-1)
	at := 0
	for i := 0; i+1 < len(m.Content); i += 2 {
		if slices.Contains(before, m.Content[i].Value) {
			_, to := u.region(m, m.Content[i].Value, end)
			at = max(at, to)
		}
	}
	switch _, afterFirst := u.region(m, first.Value, end); {
	case at > 0:
	case slices.Contains([]string{"$schema", "type", "name", "version"}, first.Value) || strings.TrimSpace(u.lines.line(first.Line)[:byteCol(u.lines.line(first.Line), first.Column)]) != "":
		at = afterFirst
		for _, head := range []string{"$schema", "type", "name", "version"} {
			if k, _ := entry(m, head); k != nil && m == u.node {
				_, to := u.region(m, head, end)
				at = max(at, to)
			}
		}
	default:
		at = first.Line
	}
	u.lines.edit(at, at, u.entryLines(lead, first.Column-1, key, v)...)
}

// remove takes an entry out, with the comment right above it. The first entry
// of a list item and the last one of a map cannot be taken out alone.
func (u *updater) remove(m *yaml.Node, key string, end int) bool {
	k, _ := entry(m, key)
	from, to := u.region(m, key, end)
	lead := u.lines.line(from)[:byteCol(u.lines.line(from), k.Column)]
	if strings.TrimSpace(lead) != "" || len(m.Content) == 2 {
		return false
	}
	for m.Content[0] != k && strings.HasPrefix(strings.TrimLeft(u.lines.line(from-1), " "), "#") && strings.HasPrefix(u.lines.line(from-1), lead+"#") {
		from--
	}
	u.lines.edit(from, to)
	return true
}

// list brings a block list to what want says: equal items at both ends stay.
func (u *updater) list(n *yaml.Node, has, want *asset.Value, end int) bool {
	if n.Style&yaml.FlowStyle != 0 || n.Anchor != "" || len(n.Content) != has.Len() || has.Len() == 0 {
		return false
	}
	starts := make([]int, 0, has.Len()+1)
	for _, item := range n.Content {
		s := u.lines.line(item.Line)
		if i := byteCol(s, n.Column); i >= len(s) || s[i] != '-' || strings.TrimSpace(s[:i]) != "" {
			return false
		}
		starts = append(starts, item.Line)
	}
	starts = append(starts, end)
	h, w := has.Items(), want.Items()
	head := 0
	for head < len(h) && head < len(w) && h[head].Equal(w[head]) {
		head++
	}
	tail := 0
	for tail < len(h)-head && tail < len(w)-head && h[len(h)-1-tail].Equal(w[len(w)-1-tail]) {
		tail++
	}
	h, w = h[head:len(h)-tail], w[head:len(w)-tail]
	for i := range max(len(h), len(w)) {
		switch {
		case i < len(h) && i < len(w):
			if u.item(n.Content[head+i], h[i], w[i], starts[head+i+1]) {
				continue
			}
			to := u.lines.trimEnd(starts[head+i], starts[head+i+1], n.Column, n.Content[head+i])
			u.lines.edit(starts[head+i], to, u.itemLines(n, w[i])...)
		case i < len(h):
			to := u.lines.trimEnd(starts[head+i], starts[head+i+1], n.Column, n.Content[head+i])
			u.lines.edit(starts[head+i], to)
		default:
			last := head + len(h) - 1
			at := starts[0]
			if last >= 0 {
				at = u.lines.trimEnd(starts[last], starts[last+1], n.Column, n.Content[last])
			}
			u.lines.edit(at, at, u.itemLines(n, w[i])...)
		}
	}
	return true
}

func (u *updater) item(node *yaml.Node, has, want *asset.Value, end int) bool {
	mark := len(u.lines.edits)
	ok := false
	switch {
	case node.Kind == yaml.ScalarNode && want.IsScalar():
		ok = u.lines.token(node, want)
	case node.Kind == yaml.MappingNode && has.Type() == asset.Map && want.Type() == asset.Map && want.Len() > 0:
		ok = u.mapping(node, has, want, end)
	}
	if !ok {
		u.lines.edits = u.lines.edits[:mark]
	}
	return ok
}

func (u *updater) itemLines(n *yaml.Node, v *asset.Value) []string {
	e := &emitter{flat: u.lines.flat}
	e.item(v, n.Column-1, strings.Repeat(" ", n.Column-1)+"- ")
	return strings.Split(strings.TrimSuffix(e.b.String(), "\n"), "\n")
}

// flatLists reports whether the lists of a document stand at the column of
// their keys.
func flatLists(n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			v := n.Content[i+1]
			if v.Kind == yaml.SequenceNode && v.Style&yaml.FlowStyle == 0 {
				return v.Column == n.Content[i].Column
			}
			if flatLists(v) {
				return true
			}
		}
	}
	return false
}
