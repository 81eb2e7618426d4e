package export

import (
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// tidy leaves out of a body what nobody wrote: nulls, empty maps and what the
// service would fill in by itself. A new asset of the result is the same as
// one of the whole body.
func tidy(v *kind.Variant, body *asset.Value, s kind.Scope) *asset.Value {
	out := rows(v.AllFields(), body)
	if at := out.Get("location"); at != nil && !v.Table().Top && s.Location != "" && v.Field("location") != nil && region(at.Text()) == region(s.Location) {
		out.Delete("location")
	}
	return out
}

// region is the name of a region as the service compares it.
func region(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "")) }

// rows tidies a map with known fields.
func rows(fields []kind.Field, v *asset.Value) *asset.Value {
	return value(kind.Object{Fields: fields}, v).Clone()
}

// value tidies the parts of v that have rows.
func value(t kind.Type, v *asset.Value) *asset.Value {
	parent, ok := t.(kind.Parent)
	if !ok {
		return v
	}
	out := v
	parent.Children(v, func(c kind.Child) {
		switch got := part(c); {
		case got == c.Value:
		case c.Key == "": // another type for the same value
			out = got
		default:
			out = parent.With(out, c.Key, got)
		}
	})
	return out
}

// part tidies one part; nil if it goes.
func part(c kind.Child) *asset.Value {
	f := c.Field
	if f == nil {
		return value(c.Type, c.Value)
	}
	switch {
	case f.ReadOnly, f.Made, c.Value.IsNull():
		return nil
	case f.Required || f.Secret:
		return value(c.Type, c.Value)
	case filled(f, c.Value):
		return nil
	}
	got := value(c.Type, c.Value)
	if (got.Type() == asset.Map || got.Type() == asset.List) && got.Len() == 0 {
		if f.Send != nil {
			return got // silence would send something
		}
		return sent(c)
	}
	return got
}

// sent are the fields of a map that are sent only because the map is there; nil
// if there are none.
func sent(c kind.Child) *asset.Value {
	o, ok := c.Type.(kind.Object)
	if !ok || c.Value.Type() != asset.Map {
		return nil
	}
	out := asset.NewMap()
	for _, f := range o.Fields {
		if item := c.Value.Get(f.YAML); item != nil && f.Send != nil {
			out.Set(f.YAML, item)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

// filled reports whether a field has the value that it gets when the file is
// silent: what the client sends then, else what the service fills in.
func filled(f *kind.Field, v *asset.Value) bool {
	def := f.Send
	if def == nil {
		def = f.Service
	}
	return def != nil && def.Equal(v)
}
