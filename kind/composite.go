package kind

import (
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Object is a map with known fields.
type Object struct {
	Fields []Field
	// Open keeps keys that have no row, unchanged.
	Open bool
	// Lax takes keys that have no row and leaves them out, as the reference
	// client does.
	Lax bool
	// AnyCase lets keys be written in snake or camel case.
	AnyCase bool
	// After looks at what rows cannot say; v is the normal form.
	After func(c *Checker, v *asset.Value)
	// ToREST and FromREST finish what rows cannot say.
	ToREST   func(e *Encoder, v, rest *asset.Value)
	FromREST func(d *Decoder, rest, v *asset.Value)
}

// Obj is an Object of the given rows.
func Obj(rows ...Field) Object { return Object{Fields: rows} }

func (o Object) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		c.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	}
	if o.AnyCase {
		v = snakeKeys(o.Fields, v)
	}
	var idle []string
	if o.Lax {
		idle = c.idle(v, o.Fields)
	}
	out := c.object(v, o.Fields, idle, o.Open)
	if o.After != nil {
		o.After(c, out)
	}
	return out
}

// snakeKeys spells the keys as the rows do.
func snakeKeys(rows []Field, v *asset.Value) *asset.Value {
	out := asset.NewMap().At(v.Pos())
	for key, item := range v.Entries() {
		for _, f := range rows {
			if squash(f.YAML) == squash(key) {
				key = f.YAML
			}
		}
		out.Set(key, item)
	}
	return out
}

func (o Object) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	o.encodeInto(e, v, rest)
	return rest
}

func (o Object) encodeInto(e *Encoder, v, rest *asset.Value) {
	e.fields(o.Fields, v, rest)
	if o.Open {
		for k, item := range v.Entries() {
			if fieldOf(o.Fields, k) == nil {
				rest.Set(k, item)
			}
		}
	}
	if o.ToREST != nil {
		o.ToREST(e, v, rest)
	}
}

func (o Object) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.Map {
		return nil
	}
	v := asset.NewMap()
	d.fields(o.Fields, rest, v)
	if o.FromREST != nil {
		o.FromREST(d, rest, v)
	}
	if v.Len() == 0 {
		return nil
	}
	return v
}

func (o Object) Schema() map[string]any { return objectSchema(o.Fields, o.Open || o.AnyCase || o.Lax) }
func (o Object) Describe() string       { return "map" }

// Rows are the fields.
func (o Object) Rows(*asset.Value) []Field { return o.Fields }

func (o Object) Children(v *asset.Value, visit func(Child)) { children(o.Fields, v, visit) }

func children(rows []Field, v *asset.Value, visit func(Child)) {
	for i := range rows {
		if item := v.Get(rows[i].YAML); item != nil {
			visit(Child{Key: rows[i].YAML, Field: &rows[i], Type: rows[i].As, Value: item})
		}
	}
}

func (o Object) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	return withKey(v, key, part)
}

func withKey(v *asset.Value, key string, part *asset.Value) *asset.Value {
	out := asset.NewMap().At(v.Pos())
	for k, item := range v.Entries() {
		if k == key {
			item = part
		}
		if item != nil {
			out.Set(k, item)
		}
	}
	return out
}

// Map is a map with free keys and values of one type.
type Map struct {
	Of Type
	// Keys restricts the keys; a regular expression, "" for none.
	Keys string
	// Nulls keeps entries without a value.
	Nulls bool
	// Drop reports entries of a live map that the service made.
	Drop func(key string) bool
	// Owned says that each key is owned by itself: keys that git does not
	// mention are left alone (tags).
	Owned bool
}

func (m Map) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		c.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	}
	out := asset.NewMap()
	for key, item := range v.Entries() {
		c.in(key, func() {
			switch {
			case m.Keys != "" && !matches(m.Keys, key):
				c.Badf(item, "bad_name", "it must match "+m.Keys, "%q cannot be a name here", key)
			case item.IsNull():
				if !m.Nulls {
					c.Badf(item, "no_value", "write a value, or remove the key", "has no value")
					return
				}
				out.Set(key, asset.NewNull().At(item.Pos()))
			default:
				if got := m.Of.Check(c, item); got != nil {
					out.Set(key, got.At(item.Pos()))
				}
			}
		})
	}
	return out
}

func (m Map) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for key, item := range v.Entries() {
		if item.IsNull() {
			rest.Set(key, item)
		} else if got := m.Of.Encode(e, item); got != nil {
			rest.Set(key, got)
		}
	}
	return rest
}

func (m Map) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.Map {
		return nil
	}
	v := asset.NewMap()
	for key, item := range rest.Entries() {
		if m.Drop != nil && m.Drop(key) {
			continue
		}
		if item.IsNull() {
			if m.Nulls {
				v.Set(key, item)
			}
		} else if got := decodeItem(m.Of, d, item); got != nil {
			v.Set(key, got)
		}
	}
	if v.Len() == 0 {
		return nil
	}
	return v
}

func (m Map) Schema() map[string]any {
	of := m.Of.Schema()
	if m.Nulls {
		of = map[string]any{"anyOf": []any{of, map[string]any{"type": "null"}}}
	}
	s := map[string]any{"type": "object", "additionalProperties": of}
	if m.Keys != "" {
		s["propertyNames"] = map[string]any{"pattern": "^(?:" + m.Keys + ")$"}
	}
	return s
}
func (m Map) Describe() string { return "map of " + m.Of.Describe() }

func (m Map) Children(v *asset.Value, visit func(Child)) {
	for key, item := range v.Entries() {
		visit(Child{Key: key, Type: m.Of, Value: item})
	}
}

func (m Map) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	return withKey(v, key, part)
}

// List is a list of values of one type.
type List struct {
	Of Type
	// Single lets one value stand for a list of one.
	Single bool
}

func (l List) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.List {
		if l.Single && !v.IsNull() {
			if got := l.Of.Check(c, v); got != nil {
				return asset.NewList(got)
			}
			return nil
		}
		c.Badf(v, "wrong_type", "begin each item with a dash, below the key", "want a list, not %s", sort(v))
		return nil
	}
	out := asset.NewList()
	for i, item := range v.Items() {
		c.in(strconv.Itoa(i), func() {
			if got := l.Of.Check(c, item); got != nil {
				out.Append(got.At(item.Pos()))
			}
		})
	}
	return out
}

func (l List) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewList()
	for _, item := range v.Items() {
		if got := l.Of.Encode(e, item); got != nil {
			rest.Append(got)
		}
	}
	return rest
}

func (l List) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.List || rest.Len() == 0 {
		return nil
	}
	v := asset.NewList()
	for _, item := range rest.Items() {
		if got := decodeItem(l.Of, d, item); got != nil {
			v.Append(got)
		}
	}
	return v
}

// decodeItem keeps an empty map: that it is there says something in a list or
// under a free key.
func decodeItem(of Type, d *Decoder, item *asset.Value) *asset.Value {
	got := of.Decode(d, item)
	if got == nil && item.Type() == asset.Map {
		return asset.NewMap()
	}
	return got
}

func (l List) Schema() map[string]any {
	s := map[string]any{"type": "array", "items": l.Of.Schema()}
	if l.Single {
		return map[string]any{"anyOf": []any{s, l.Of.Schema()}}
	}
	return s
}
func (l List) Describe() string { return "list of " + l.Of.Describe() }

func (l List) Children(v *asset.Value, visit func(Child)) {
	for i, item := range v.Items() {
		visit(Child{Key: strconv.Itoa(i), Type: l.Of, Value: item})
	}
}

func (l List) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	out := asset.NewList().At(v.Pos())
	for i, item := range v.Items() {
		if strconv.Itoa(i) == key {
			item = part
		}
		out.Append(item)
	}
	return out
}

// Pick chooses a type by the written or resolved value: by its sort or by a
// member that tells. Of is called with written, normal and resolved values;
// OfREST with REST values.
type Pick struct {
	Name   string
	Of     func(v *asset.Value) Type
	OfREST func(rest *asset.Value) Type
	// All are the alternatives, for schema and docs.
	All []Type
	// Types are the values of type that decide, for the message; nil if
	// something else does.
	Types []string
}

func (p Pick) Check(c *Checker, v *asset.Value) *asset.Value {
	t := p.Of(v)
	if typ := v.Get("type"); t == nil && typ != nil && p.Types != nil {
		hint := problem.DidYouMean(typ.Text(), p.Types)
		if hint == "" {
			hint = "one of " + strings.Join(p.Types, ", ")
		}
		c.in("type", func() { c.Badf(typ, "bad_value", hint, "%q is no type of %s", typ.Text(), p.Name) })
		return nil
	}
	if t == nil {
		c.Badf(v, "wrong_type", "", "want %s, not %s", p.Name, sort(v))
		return nil
	}
	return t.Check(c, v)
}

func (p Pick) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if t := p.Of(v); t != nil {
		return t.Encode(e, v)
	}
	return v
}

func (p Pick) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.IsNull() {
		return nil
	}
	if t := p.OfREST(rest); t != nil {
		return t.Decode(d, rest)
	}
	return rest
}

func (p Pick) Schema() map[string]any {
	var alts []any
	for _, t := range p.All {
		alts = append(alts, t.Schema())
	}
	return map[string]any{"anyOf": alts}
}
func (p Pick) Describe() string { return p.Name }

func (p Pick) Children(v *asset.Value, visit func(Child)) {
	if t := p.Of(v); t != nil {
		visit(Child{Type: t, Value: v})
	}
}

func (p Pick) With(_ *asset.Value, _ string, part *asset.Value) *asset.Value { return part }
