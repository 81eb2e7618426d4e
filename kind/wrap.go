package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Wrap is a scalar that stands in a map on the wire, under REST, beside
// members with fixed texts.
type Wrap struct {
	Of    Type
	REST  string
	Const []Const
	// Key is the member of a map that may be written in place of the scalar.
	Key string
}

// Check is that of the scalar.
func (w Wrap) Check(c *Checker, v *asset.Value) *asset.Value {
	if item := v.Get(w.Key); item != nil && v.Len() == 1 {
		v = item
	}
	return w.Of.Check(c, v)
}

// Encode puts the scalar into its map.
func (w Wrap) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for _, c := range w.Const {
		rest.Set(c.REST, asset.NewString(c.Text))
	}
	if got := w.Of.Encode(e, v); got != nil {
		rest.SetPath(got, splitPath(w.REST)...)
	}
	return rest
}

// Decode takes the scalar out of its map; a map without one is a null.
func (w Wrap) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	item := rest.GetPath(splitPath(w.REST)...)
	if item.IsNull() {
		return asset.NewNull()
	}
	return w.Of.Decode(d, item)
}

// Schema allows the scalar and, with Key, the map.
func (w Wrap) Schema() map[string]any {
	s := w.Of.Schema()
	if w.Key == "" {
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{
		"type": "object", "properties": map[string]any{w.Key: s},
		"required": []any{w.Key}, "additionalProperties": false,
	}}}
}

// Describe is that of the scalar.
func (w Wrap) Describe() string { return w.Of.Describe() }

// KeyedList is a list of maps in the file that is a map on the wire, by the
// text of the member Key. The order means nothing, and keys are resource ids,
// which compare without case.
type KeyedList struct {
	Of  Object
	Key string
}

// Check is that of a list.
func (l KeyedList) Check(c *Checker, v *asset.Value) *asset.Value { return List{Of: l.Of}.Check(c, v) }

// Encode makes the map.
func (l KeyedList) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for _, item := range v.Items() {
		rest.Set(item.Get(l.Key).Text(), l.Of.Encode(e, item))
	}
	return rest
}

// Decode makes the list; what the service adds to the entries is left out.
func (l KeyedList) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.Map || rest.Len() == 0 {
		return nil
	}
	v := asset.NewList()
	for key, entry := range rest.Entries() {
		item := l.Of.Decode(d, entry)
		if item == nil {
			item = asset.NewMap()
		}
		v.Append(item.Set(l.Key, asset.NewString(key)))
	}
	return v
}

// Equal compares the keys.
func (l KeyedList) Equal(want, live *asset.Value) bool {
	keys := func(v *asset.Value) []string {
		var out []string
		for _, item := range v.Items() {
			out = append(out, strings.ToLower(item.Get(l.Key).Text()))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(keys(want), keys(live))
}

// Schema is that of a list.
func (l KeyedList) Schema() map[string]any { return List{Of: l.Of}.Schema() }

// Describe is that of a list.
func (l KeyedList) Describe() string { return List{Of: l.Of}.Describe() }

// Shorthand is a map for which one scalar may stand, the value of Key. The
// normal form is the map.
type Shorthand struct {
	Object
	Key string
}

// Check makes the map of a scalar and checks it.
func (s Shorthand) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.IsScalar() {
		v = asset.NewMap().At(v.Pos()).Set(s.Key, v)
	}
	return s.Object.Check(c, v)
}

// Equal compares what want mentions.
func (s Shorthand) Equal(want, live *asset.Value) bool { return SameValue(s.Object, want, live) }

// Schema allows both forms.
func (s Shorthand) Schema() map[string]any {
	key := fieldOf(s.Fields, s.Key)
	return map[string]any{"anyOf": []any{key.As.Schema(), s.Object.Schema()}}
}

// Describe names both forms.
func (s Shorthand) Describe() string { return fieldOf(s.Fields, s.Key).As.Describe() + ", or a map" }
