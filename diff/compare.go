package diff

import (
	"maps"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Options are what a comparison needs to know beside the bodies. The zero
// Options know no secrets and ignore nothing.
type Options struct {
	// Ignore are patterns of fields that are shown and not acted on: dotted
	// paths in which * stands for any text within one key and ** for any
	// keys. A pattern covers everything below what it names.
	Ignore []string
	// WantSecrets and LastSecrets are fingerprints of the secrets in the
	// wanted body and of those applied last, by dotted path, as SecretNames
	// gives them.
	WantSecrets, LastSecrets map[string]string
	// Fingerprint fingerprints a secret that the service does give back, so
	// that drift of it is seen; nil if nobody can.
	Fingerprint func(text string) string
}

// Compare is Options{}.Compare.
func Compare(want, live *asset.Asset, last *asset.Value) []Change {
	return Options{}.Compare(want, live, last)
}

// Compare lists the differences between want and live, both resolved and of
// one kind, in the order of the kind's rows. last is the body that was applied
// last; nil if nobody knows. Only fields that want mentions, and those of last
// that want no longer mentions, are looked at. No argument is changed.
func (o Options) Compare(want, live *asset.Asset, last *asset.Value) []Change {
	v := kind.VariantOf(want)
	c := comparer{Options: o, hasLast: last != nil}
	if want.Variant != live.Variant {
		class := kind.Replace
		if v.Table().Versioned {
			class = kind.NewVersion
		}
		return []Change{{Path: []string{"type"}, Live: asset.NewString(live.Variant), Want: asset.NewString(want.Variant), Class: class, Reason: c.unsure()}}
	}
	c.rows(v.AllFields(), node{want: want.Body, live: live.Body, last: last})
	return c.out
}

// comparer collects the changes of one asset.
type comparer struct {
	Options
	hasLast bool
	out     []Change
}

// unsure is the reason of a difference that three-way comparison cannot explain.
func (c *comparer) unsure() Reason {
	if c.hasLast {
		return Git
	}
	return Adopt
}

// node is one place in the three bodies. field is set if the place is a row.
type node struct {
	path  []string
	field *kind.Field
	typ   kind.Type
	class kind.Change
	late  bool
	// within says that the place is in an asset of another kind, whose rows
	// say what changes of that kind mean.
	within           bool
	want, live, last *asset.Value
}

// row is the node of a row below n. A row inherits the class of the row around
// it unless it has one of its own.
func (n node) row(f *kind.Field) node {
	m := n.below(f.YAML, f.As)
	m.field = f
	if f.Change != kind.InPlace && !n.within {
		m.class = f.Change
	}
	m.late = m.late || f.Late
	return m
}

// below is the node of a part of n.
func (n node) below(key string, typ kind.Type) node {
	return node{
		path: append(slices.Clip(n.path), key), typ: typ, class: n.class, late: n.late, within: n.within,
		want: n.want.Get(key), live: n.live.Get(key), last: n.last.Get(key),
	}
}

func (c *comparer) rows(rows []kind.Field, n node) {
	for i := range rows {
		if !rows[i].ReadOnly {
			c.value(n.row(&rows[i]))
		}
	}
}

func (c *comparer) value(n node) {
	if n.want.IsNull() && n.last.IsNull() || n.unsent() {
		return
	}
	if p, ok := n.typ.(kind.Pick); ok {
		n.typ = p.Of(either(n.want, n.last))
		c.value(n)
		return
	}
	if w, ok := n.typ.(kind.Wrap); ok {
		n.typ = w.Of
		c.value(n)
		return
	}
	if n.field != nil && n.field.Secret {
		c.secret(n)
		return
	}
	if e, ok := n.typ.(kind.Embedded); ok {
		if rows, ok := e.Rows(n.want, n.live); ok {
			n.within = true
			c.rows(rows, n)
			return
		}
	}
	if _, ok := n.typ.(kind.Equaler); ok {
		c.leaf(n)
		return
	}
	switch t := n.typ.(type) {
	case kind.Object:
		if n.maps() && (!n.want.IsNull() || n.field != nil && n.field.REST == "") {
			c.object(t, n)
			return
		}
	case kind.Map:
		if n.maps() && (!n.want.IsNull() || t.Owned) {
			c.entries(t, n)
			return
		}
	}
	c.leaf(n)
}

// unsent reports whether the row is one that the service never sees: there is
// nothing to compare with.
func (n node) unsent() bool {
	if n.field == nil || n.field.REST != "" || !n.live.IsNull() {
		return false
	}
	_, ok := n.typ.(kind.Object)
	return !ok
}

func either(a, b *asset.Value) *asset.Value {
	if a.IsNull() {
		return b
	}
	return a
}

// maps reports whether all three values are maps or absent.
func (n node) maps() bool {
	for _, v := range []*asset.Value{n.want, n.live, n.last} {
		if !v.IsNull() && v.Type() != asset.Map {
			return false
		}
	}
	return true
}

func (c *comparer) object(t kind.Object, n node) {
	c.rows(t.Fields, n)
	if !t.Open {
		return
	}
	for _, k := range n.keys() {
		if !slices.ContainsFunc(t.Fields, func(f kind.Field) bool { return f.YAML == k }) {
			c.value(n.below(k, kind.Any{}))
		}
	}
}

// keys are those of want in its order, then the others of last, sorted.
func (n node) keys() []string {
	keys := slices.Clone(n.want.Keys())
	return append(keys, missing(n.want, n.last)...)
}

// missing are the keys of b that a has not, sorted.
func missing(a, b *asset.Value) []string {
	var out []string
	for _, k := range b.Keys() {
		if !a.Has(k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func (c *comparer) entries(t kind.Map, n node) {
	for _, k := range n.want.Keys() {
		if m := n.below(k, t.Of); !none(m, m.want, m.live) {
			c.value(m)
		}
	}
	gone := map[string]bool{}
	for _, k := range missing(n.want, n.last) {
		gone[k] = true
	}
	if !t.Owned {
		for _, k := range missing(n.want, n.live) {
			gone[k] = t.Drop == nil || !t.Drop(k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(gone)) {
		if m := n.below(k, t.Of); gone[k] && !empty(m.live) && !none(m, m.live, m.want) {
			c.entryGone(t, m)
		}
	}
}

// none reports whether a is 0 and b absent in a late map: the service lists
// contained assets that get no traffic, or does not.
func none(n node, a, b *asset.Value) bool {
	number, ok := a.Float64()
	return n.late && ok && number == 0 && b.IsNull()
}

// entryGone is an entry of a live map that want does not have. Where each
// entry is owned by itself, only the one that mlsync wrote is removed.
func (c *comparer) entryGone(t kind.Map, n node) {
	ours := !n.last.IsNull() && Equal(n.typ, n.live, n.last)
	ch := n.change(Git)
	switch {
	case !c.hasLast:
		ch.Reason = Adopt
	case n.last.IsNull():
		ch.Reason = Drift
	case !ours && t.Owned:
		ch.Reason, ch.Ignored = Default, "released: it was changed outside git since"
	case !ours:
		ch.Diverged = true
	case t.Owned:
		ch.Reason = Default
	}
	c.add(n, ch)
}

func (c *comparer) leaf(n node) {
	if holdsSecret(n.want) || holdsSecret(n.last) {
		c.secret(n)
		return
	}
	if n.want.IsNull() {
		c.release(n)
		return
	}
	if veiled(n) {
		c.veil(n)
		return
	}
	if c.settled(n) {
		return
	}
	ch := n.change(Drift)
	switch {
	case !c.hasLast:
		ch.Reason = Adopt
	case !Equal(n.typ, n.want, n.last):
		ch.Reason = Git
		ch.Diverged = !n.last.IsNull() && !Equal(n.typ, n.live, n.last)
	}
	c.add(n, ch)
}

// settled reports whether live is what want says. What the service fills in
// by itself it need not answer.
func (c *comparer) settled(n node) bool {
	if empty(n.live) && (empty(n.want) || n.field != nil && n.field.Service != nil && Equal(n.typ, n.want, n.field.Service)) {
		return true
	}
	return covers(n.typ, n.want, n.live, n.last)
}

func (n node) change(r Reason) Change {
	return Change{Path: n.path, Live: n.live, Want: n.want, Last: n.last, Class: n.class, Late: n.late, Reason: r}
}

// release is a field that git no longer mentions. It goes back to the
// service's own value if the value that mlsync applied is still there.
func (c *comparer) release(n node) {
	f := n.field
	if empty(n.live) || f != nil && f.Service != nil && Equal(n.typ, n.live, f.Service) {
		return
	}
	ch := n.change(Default)
	if f != nil {
		ch.Want = f.Service
		if kind.Fixed(*f) {
			ch.Class = kind.NewVersion
		}
	}
	switch {
	case !covers(n.typ, n.last, n.live, n.last):
		ch.Ignored = "released: it was changed outside git since"
	case ch.Class == kind.Replace:
		ch.Ignored = "released: it cannot be reset without a replacement"
	case f != nil && f.Required && f.Service == nil:
		ch.Ignored = "released: the service needs a value"
	}
	c.add(n, ch)
}

// add appends a change, with why it is not acted on.
func (c *comparer) add(n node, ch Change) {
	switch pattern := c.ignored(ch.Path); {
	case ch.Ignored != "":
	case pattern != "":
		ch.Ignored = "ignored by the rule " + pattern
	case ch.Class == kind.Once:
		ch.Ignored = "it is said at creation only"
	case ch.Class == kind.Append && !empty(n.live):
		ch.Ignored = "entries can be added, not changed or removed"
	}
	c.out = append(c.out, ch)
}
