package kind

import (
	"strings"
	"unicode"

	"mlsync.dev/mlsync/asset"
)

// spelled is t as it stands in a component's specification: a copy of the
// file, in which members and words have the names of the file.
func spelled(t Type) Type {
	switch t := t.(type) {
	case Object:
		return Object{Fields: spelledRows(t.Fields, ""), Open: t.Open, Lax: t.Lax, AnyCase: t.AnyCase, After: t.After}
	case Map:
		t.Of = spelled(t.Of)
		return t
	case List:
		t.Of = spelled(t.Of)
		return t
	case Enum:
		e := Enum{Exact: t.Exact}
		for _, w := range t.Words {
			e.Words = append(e.Words, [2]string{w[0], w[0]})
		}
		return e
	case Duration:
		return Int{}
	case Pick:
		of := t.Of
		t.Of = func(v *asset.Value) Type { return spelledOrNil(of(v)) }
		t.OfREST = t.Of
		t.All = append([]Type(nil), t.All...)
		for i := range t.All {
			t.All[i] = spelled(t.All[i])
		}
		return t
	}
	return t
}

// laxPick is p with alternatives that leave out what they do not know.
func laxPick(p Pick) Pick {
	of := p.Of
	p.Of = func(v *asset.Value) Type {
		if o, ok := of(v).(Object); ok {
			o.Lax = true
			return o
		}
		return of(v)
	}
	p.All = append([]Type(nil), p.All...)
	for i, t := range p.All {
		if o, ok := t.(Object); ok {
			o.Lax = true
			p.All[i] = o
		}
	}
	return p
}

func spelledOrNil(t Type) Type {
	if t == nil {
		return nil
	}
	return spelled(t)
}

// spelledRows are rows whose REST path is the key of the file, below at.
func spelledRows(rows []Field, at string) []Field {
	out := make([]Field, len(rows))
	for i, f := range rows {
		if f.REST != "" || f.YAML == "type" {
			f.REST = at + f.YAML
		}
		f.As = spelled(f.As)
		out[i] = f
	}
	return out
}

// snaked is an object of a job in a step of a pipeline: what is sent of the
// job, with the names of its members in snake case.
type snaked struct {
	Object
	// Inner are members whose own members are snaked as well.
	Inner []string
}

// Encode renames the members of the job's object.
func (s snaked) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return s.rename(s.Object.Encode(e, v), snakeCase)
}

// Decode reads the members under both names.
func (s snaked) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	return s.Object.Decode(d, s.rename(rest, camelCase))
}

func (s snaked) rename(v *asset.Value, to func(string) string) *asset.Value {
	if v.Type() != asset.Map {
		return v
	}
	out := asset.NewMap()
	for key, item := range v.Entries() {
		if contains(s.Inner, key) {
			item = snaked{}.rename(item, to)
		}
		out.Set(to(key), item)
	}
	return out
}

// Equal compares what want mentions.
func (s snaked) Equal(want, live *asset.Value) bool { return SameValue(s.Object, want, live) }

func snakeCase(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) {
			if i > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

func camelCase(s string) string {
	var b strings.Builder
	up := false
	for _, r := range s {
		switch {
		case r == '_':
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// bound is a value for which an expression such as ${{parent.inputs.x}} may
// stand.
type bound struct{ Of Type }

// isBinding reports whether v is one expression and nothing else.
func isBinding(v *asset.Value) bool {
	s := v.Str()
	return strings.HasPrefix(s, "${{") && strings.HasSuffix(s, "}}") && strings.Count(s, "${{") == 1
}

func (b bound) Check(c *Checker, v *asset.Value) *asset.Value {
	if isBinding(v) {
		return asset.NewString(v.Str())
	}
	return b.Of.Check(c, v)
}

func (b bound) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if isBinding(v) {
		return plain(v)
	}
	return b.Of.Encode(e, v)
}

func (b bound) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if isBinding(rest) {
		return rest
	}
	return b.Of.Decode(d, rest)
}

func (b bound) Schema() map[string]any {
	return map[string]any{"anyOf": []any{b.Of.Schema(), map[string]any{"type": "string", "pattern": `^\$\{\{.*\}\}$`}}}
}

func (b bound) Describe() string { return b.Of.Describe() }

// Equal compares expressions as texts.
func (b bound) Equal(want, live *asset.Value) bool {
	if isBinding(want) || isBinding(live) {
		return want.Text() == live.Text()
	}
	return SameValue(b.Of, want, live)
}

// Children is the value itself, unless it is an expression.
func (b bound) Children(v *asset.Value, visit func(Child)) {
	if !isBinding(v) {
		visit(Child{Type: b.Of, Value: v})
	}
}

func (b bound) With(_ *asset.Value, _ string, part *asset.Value) *asset.Value { return part }

// bindable lets expressions stand for the values of the rows, and inside them.
// Ports have their own forms of them.
func bindable(rows []Field) []Field {
	out := make([]Field, len(rows))
	for i, f := range rows {
		if !contains([]string{"type", "inputs", "outputs", "component", "trial", "partition_keys", "tags", "display_name"}, f.YAML) {
			f.As = bound{bindableType(f.As)}
		}
		out[i] = f
	}
	return out
}

func bindableType(t Type) Type {
	switch t := t.(type) {
	case Object:
		t.Fields = bindable(t.Fields)
		return t
	case snaked:
		t.Fields = bindable(t.Fields)
		return t
	case Map:
		t.Of = bound{bindableType(t.Of)}
		return t
	case Pick:
		of, ofREST := t.Of, t.OfREST
		t.Of = func(v *asset.Value) Type { return bindableOrNil(of(v)) }
		t.OfREST = func(v *asset.Value) Type { return bindableOrNil(ofREST(v)) }
		return t
	}
	return t
}

func bindableOrNil(t Type) Type {
	if t == nil {
		return nil
	}
	return bindableType(t)
}
