package kind

import "mlsync.dev/mlsync/asset"

// Stay is a field of an asset that is its workspace's own.
type Stay struct {
	// Path are the keys from the body to the field.
	Path  []string
	Field *Field
	Value *asset.Value
	// fixed is how many keys at the beginning must be there already: the last
	// of them is a free key of a map, such as the name of a step.
	fixed int
	// listed says that a list is on the way, whose items have no names.
	listed bool
}

// Stays are the fields of a body that are the workspace's own, in the order of
// the rows; of a field in such a field, the outer one.
func Stays(v *Variant, body *asset.Value) []Stay {
	var s stayer
	s.walk(Object{Fields: v.all}, body, nil, 0, false)
	return s.out
}

type stayer struct{ out []Stay }

func (s *stayer) walk(t Type, v *asset.Value, path []string, fixed int, listed bool) {
	p, ok := t.(Parent)
	if !ok {
		return
	}
	p.Children(v, func(c Child) {
		if c.Value.IsNull() {
			return
		}
		if c.Key == "" { // another type for the same value
			s.walk(c.Type, c.Value, path, fixed, listed)
			return
		}
		at := append(append([]string(nil), path...), c.Key)
		listed := listed || v.Type() == asset.List
		deep := fixed
		if c.Field == nil {
			deep = len(at)
		}
		if c.Field != nil && c.Field.Stays {
			s.out = append(s.out, Stay{Path: at, Field: c.Field, Value: c.Value, fixed: deep, listed: listed})
			return
		}
		s.walk(c.Type, c.Value, at, deep, listed)
	})
}

// WithoutStays is a body without the fields that are the workspace's own, and
// without maps in which nothing else stood.
func WithoutStays(v *Variant, body *asset.Value) *asset.Value {
	if out := withoutStays(Object{Fields: v.all}, body); out != nil {
		return out
	}
	return asset.NewMap()
}

func withoutStays(t Type, v *asset.Value) *asset.Value {
	p, ok := t.(Parent)
	if !ok {
		return v
	}
	out := v
	p.Children(v, func(c Child) {
		if out == nil {
			return
		}
		if c.Key == "" {
			out = withoutStays(c.Type, c.Value)
			return
		}
		var got *asset.Value
		if c.Field == nil || !c.Field.Stays {
			got = withoutStays(c.Type, c.Value)
		}
		if got == nil && v.Type() == asset.List {
			got = asset.NewMap() // an item keeps its place
		}
		if got != c.Value {
			out = p.With(out, c.Key, got)
		}
	})
	if out != v && out.Type() == asset.Map && out.Len() == 0 {
		return nil
	}
	return out
}

// Put is body with the field of a Stay, unless what the field belongs to is
// not there: a step of another name.
func (s Stay) Put(body *asset.Value) (*asset.Value, bool) {
	if s.listed || s.fixed > 0 && body.GetPath(s.Path[:s.fixed]...).Type() != asset.Map {
		return body, false
	}
	return putPath(body, s.Path, s.Value), true
}

func putPath(v *asset.Value, path []string, item *asset.Value) *asset.Value {
	out := asset.NewMap().At(v.Pos())
	for k, old := range v.Entries() {
		out.Set(k, old)
	}
	if len(path) > 1 {
		item = putPath(v.Get(path[0]), path[1:], item)
	}
	return out.Set(path[0], item)
}

// Of are the keys from the body to what the field belongs to: a step of a
// pipeline, by its name; none for the asset itself.
func (s Stay) Of() []string { return s.Path[:s.fixed] }
