package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Site is a place in the body of an asset where a reference, a local path or
// a secret stands: the leaves that mean something beyond their text.
type Site struct {
	// Path are the keys and indexes from the body to the value.
	Path []string
	// Field is the nearest enclosing row.
	Field *Field
	// Type is a Ref, a Local or a Filer, or the type of a secret field.
	Type Type
	// Parent is the map that the value stands in.
	Parent *asset.Value
	Value  *asset.Value
	// Within is the kind of the inline asset that the site belongs to; ""
	// for the asset itself.
	Within asset.Kind
}

// Dotted is the path as problems and plans print it.
func (s Site) Dotted() string { return strings.Join(s.Path, ".") }

// Walk calls visit for every site of the asset, inner sites before the inline
// asset that holds them.
func Walk(a *asset.Asset, visit func(Site)) {
	Rewrite(a, func(s Site) *asset.Value {
		visit(s)
		return s.Value
	})
}

// Rewrite returns a copy of the body in which each site is replaced by what
// replace returns; nil removes it. Inner sites come before the inline asset
// that holds them.
func Rewrite(a *asset.Asset, replace func(Site) *asset.Value) *asset.Value {
	return RewriteBody(VariantOf(a), a.Body, replace)
}

// RewriteBody is Rewrite for a body of a variant.
func RewriteBody(v *Variant, body *asset.Value, replace func(Site) *asset.Value) *asset.Value {
	w := walker{replace: replace}
	return w.parts(Object{Fields: v.all}, nil, body, nil)
}

type walker struct {
	replace func(Site) *asset.Value
	path    []string
	within  asset.Kind
}

func (w *walker) value(c Child, outer *Field, parent *asset.Value) *asset.Value {
	f := c.Field
	if f == nil {
		f = outer
	}
	v := c.Value
	if p, ok := c.Type.(Parent); ok {
		within := w.within
		if r, ok := c.Type.(Ref); ok && v.Type() == asset.Map {
			w.within = r.To
		}
		v = w.parts(p, f, v, parent)
		w.within = within
	}
	switch c.Type.(type) {
	case Ref, Local, Filer:
	default:
		if f == nil || !f.Secret && !f.Hidden || c.Field == nil {
			return v
		}
	}
	return w.replace(Site{Path: append([]string(nil), w.path...), Field: f, Type: c.Type, Parent: parent, Value: v, Within: w.within})
}

// parts walks what is inside v and puts the results back.
func (w *walker) parts(p Parent, f *Field, v, parent *asset.Value) *asset.Value {
	out := v
	p.Children(v, func(c Child) {
		if c.Value.IsNull() {
			return
		}
		if c.Key == "" { // Pick: another type for the same value
			out = w.value(c, f, parent)
			return
		}
		w.path = append(w.path, c.Key)
		got := w.value(c, f, v)
		w.path = w.path[:len(w.path)-1]
		if got != c.Value {
			out = p.With(out, c.Key, got)
		}
	})
	return out
}

// HoldsParts reports whether an asset of the variant may hold other assets, or
// name the files in which they stand.
func (v *Variant) HoldsParts() bool {
	return v.Whole != nil || holdsParts(Object{Fields: v.all})
}

func holdsParts(t Type) bool {
	switch t := t.(type) {
	case Ref:
		return t.Inline || t.File
	case Filer:
		return true
	case Object:
		return slices.ContainsFunc(t.Fields, func(f Field) bool { return holdsParts(f.As) })
	case Map:
		return holdsParts(t.Of)
	case steps:
		return holdsParts(t.Of)
	case List:
		return holdsParts(t.Of)
	case Pick:
		return slices.ContainsFunc(t.All, holdsParts)
	case bound:
		return holdsParts(t.Of)
	}
	return false
}
