package kind

import (
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Filer is a Type whose value may stand in a YAML file of its own.
type Filer interface {
	Type
	// File is the text that names the file; nil if v does not name one.
	File(v *asset.Value) *asset.Value
	// Fill is the normal form of v, whose file holds doc.
	Fill(c *Checker, v, doc *asset.Value) *asset.Value
}

// Embedded is what an asset of another kind says, without being one: the
// definition of a job in a schedule. It may be written as the path of a file,
// as a map that names a file and says what is to be different from it, as a
// reference to an asset of which it is a copy, or in place. The normal form is
// the reference, a map with Key, or that of the kind with its type; the
// resolved form has no paths. On the wire it is the member properties of the
// kind's body.
type Embedded struct {
	Kind asset.Kind
	// Key is the member of a map that names the file, or the asset.
	Key string
	// Source is the member that names the asset on the wire, by its bare name.
	Source string
	// Copy is what is sent beside Source when nothing is to be different.
	Copy *asset.Value
	// Filled are members of a copy that the service takes from the asset, and
	// does not take back.
	Filled []string
	// Changes are the fields that may be different from the file or the asset,
	// by the type of the kind.
	Changes map[string][]string
	// Sent are the types that the reference client sends; others it refuses.
	Sent []string
}

// isReference tells references, also resource ids of other workspaces, which
// are normal without azureml:, from paths.
func (e Embedded) isReference(v *asset.Value) bool {
	return v.Type() == asset.String && hasPrefix(v.Str(), "azureml:", "/subscriptions/")
}

// named is what v names: the reference or the path; nil for none.
func (e Embedded) named(v *asset.Value) *asset.Value {
	if v.Type() == asset.Map {
		return v.Get(e.Key)
	}
	return v
}

// Variant is the form of the kind that a value in place has; nil if it has
// none, or stands elsewhere.
func (e Embedded) Variant(v *asset.Value) *Variant {
	if v.Type() != asset.Map {
		return nil
	}
	variant := PickVariant(e.Kind, v)
	if typ := v.Get("type"); !typ.IsNull() && !slices.ContainsFunc(variant.Types, func(name string) bool { return squash(name) == squash(typ.Text()) }) {
		return nil
	}
	return variant
}

// Check brings a reference and a value in place to their normal forms. What
// stands in a file is checked by Fill.
func (e Embedded) Check(c *Checker, v *asset.Value) *asset.Value {
	switch {
	case v.Type() == asset.Map && v.Has(e.Key):
		return e.checkChanges(c, v)
	case v.Type() == asset.Map:
		if c.AsClient {
			c.Badf(v, "not_sent", "put it into a file and write its path", "Azure's own client takes no %s in place", e.Kind)
		}
		return e.inPlace(c, v)
	}
	return e.checkName(c, v)
}

// checkName checks a reference or a path.
func (e Embedded) checkName(c *Checker, v *asset.Value) *asset.Value {
	switch {
	case strings.HasPrefix(v.Str(), "azureml:"):
		return Ref{To: e.Kind}.Check(c, v)
	case strings.HasPrefix(v.Str(), "/subscriptions/"):
		c.Badf(v, "bad_reference", "write azureml: before it", "a resource id begins with azureml:")
		return nil
	case v.Type() != asset.String || v.Str() == "":
		c.Badf(v, "wrong_type", "write azureml:NAME or the path of a file", "want a %s, not %s", e.Kind, sort(v))
		return nil
	case strings.HasPrefix(v.Str(), "file:"):
		c.Badf(v, "bad_reference", "write the path alone", "a file is named without file:")
		return nil
	}
	return asset.NewString(v.Str())
}

// inPlace is the normal form of a document of the kind.
func (e Embedded) inPlace(c *Checker, v *asset.Value) *asset.Value {
	variant := e.Variant(v)
	if variant == nil {
		c.Badf(v, "unknown_kind", "one of "+strings.Join(Of(e.Kind).typeNames(), ", "), "%s is no type of %s that mlsync manages", sort(v.Get("type")), e.Kind)
		return nil
	}
	e.checkSent(c, v, variant)
	body := variant.ReadInline(c, v)
	if len(variant.Types) > 0 {
		body.Set("type", asset.NewString(variant.Types[0]).At(v.Pos()))
	}
	return body
}

// checkSent refuses what the reference client refuses where it is asked what
// it sends. The service takes more.
func (e Embedded) checkSent(c *Checker, v *asset.Value, variant *Variant) {
	switch {
	case len(e.Sent) == 0 || slices.Contains(e.Sent, variant.Name):
	case c.AsClient:
		c.Badf(v, "not_sent", "make it a step of a "+e.Sent[0]+" "+string(e.Kind), "Azure's own client does not take a %s %s here", variant.Name, e.Kind)
	default:
		c.warn(v.Pos(), "not_sent", "make it a step of a "+e.Sent[0]+" "+string(e.Kind), "Azure's own client does not take a %s %s here", variant.Name, e.Kind)
	}
}

// checkChanges checks a map that names a file or an asset. What is to be
// different is checked with the file, if there is one.
func (e Embedded) checkChanges(c *Checker, v *asset.Value) *asset.Value {
	var name *asset.Value
	c.in(e.Key, func() { name = e.checkName(c, v.Get(e.Key)) })
	if name == nil || !e.mayChange(c, v) {
		return nil
	}
	rest := asset.NewMap().At(v.Pos())
	for k, item := range v.Entries() {
		if k != e.Key {
			rest.Set(k, item)
		}
	}
	name = name.At(v.Get(e.Key).Pos())
	if !e.isReference(name) {
		return rest.Set(e.Key, name)
	}
	if rest.Get("type").IsNull() {
		c.Badf(v, "missing_field", "write type: "+sortedKeys(e.Changes)[0], "type is missing: it says what may be different from the existing %s", e.Kind)
		return nil
	}
	for _, key := range e.Filled {
		rest.Set(key, asset.NewMap().At(v.Pos()))
	}
	body := e.inPlace(c, rest)
	if body == nil {
		return nil
	}
	for _, key := range e.Filled {
		body.Delete(key)
	}
	return body.Set(e.Key, name)
}

// mayChange refuses fields of v that cannot be different.
func (e Embedded) mayChange(c *Checker, v *asset.Value) bool {
	allowed := slices.Concat(slices.Collect(maps.Values(e.Changes))...)
	if typ := v.Get("type"); !typ.IsNull() {
		allowed = nil
		for name, fields := range e.Changes {
			if typ.Type() == asset.String && strings.EqualFold(name, typ.Str()) {
				allowed = fields
			}
		}
		if allowed == nil {
			c.Badf(typ, "bad_value", "one of "+strings.Join(sortedKeys(e.Changes), ", "), "type: %s is not a type of %s here", sort(typ), e.Kind)
			return false
		}
	}
	ok := true
	for k, item := range v.Entries() {
		if k == e.Key || k == "type" || slices.Contains(allowed, k) {
			continue
		}
		slices.Sort(allowed)
		hint := problem.DidYouMean(k, allowed)
		if hint == "" {
			hint = "known here: " + strings.Join(slices.Compact(allowed), ", ")
		}
		c.Badf(item, "unknown_field", hint, "unknown field %q: it cannot be different from the %s that is named", k, e.Kind)
		ok = false
	}
	return ok
}

// File implements Filer.
func (e Embedded) File(v *asset.Value) *asset.Value {
	if name := e.named(v); name.Type() == asset.String && !e.isReference(name) {
		return name
	}
	return nil
}

// Fill implements Filer: maps of the file and of v are merged, all other
// values of v take the place of those of the file. As for the reference
// client, paths in v are then relative to the file.
func (e Embedded) Fill(c *Checker, v, doc *asset.Value) *asset.Value {
	if v.Type() == asset.Map {
		changes := withKey(v, e.Key, nil)
		if file := doc.Pos().File; folderOf(file) != folderOf(v.Pos().File) {
			changes = moved(changes, problem.Pos{File: file})
		}
		doc = merged(doc, changes)
	}
	return e.inPlace(c, doc)
}

func folderOf(file string) string { return file[:strings.LastIndex(file, "/")+1] }

// moved is v with another place.
func moved(v *asset.Value, pos problem.Pos) *asset.Value {
	switch v.Type() {
	case asset.Map:
		out := asset.NewMap().At(pos)
		for k, item := range v.Entries() {
			out.Set(k, moved(item, pos))
		}
		return out
	case asset.List:
		out := asset.NewList().At(pos)
		for _, item := range v.Items() {
			out.Append(moved(item, pos))
		}
		return out
	}
	return v.At(pos)
}

// merged is a with the entries of b; maps in both are merged in turn.
func merged(a, b *asset.Value) *asset.Value {
	out := asset.NewMap().At(a.Pos())
	for k, item := range a.Entries() {
		out.Set(k, item)
	}
	for k, item := range b.Entries() {
		if old := a.Get(k); old.Type() == asset.Map && item.Type() == asset.Map {
			item = merged(old, item)
		}
		out.Set(k, item)
	}
	return out
}

// Encode makes the member properties of the kind's body. The name of the
// asset around it, and the experiment of jobs that name none, mean nothing.
func (e Embedded) Encode(enc *Encoder, v *asset.Value) *asset.Value {
	name := e.named(v)
	props := asset.NewMap()
	switch variant := e.Variant(v); {
	case variant != nil:
		inner := *enc
		inner.id, inner.Experiment = asset.ID{}, ""
		rest := variant.encode(&inner, v)
		enc.Err = inner.Err
		props = rest.Get("properties")
	case e.isReference(v):
		props = e.Copy.Clone()
	}
	if e.isReference(name) {
		return props.Set(e.Source, Ref{To: e.Kind, NameOnly: true}.Encode(enc, name))
	}
	return props
}

// Decode reads a definition; of a copy, what the service took from the asset
// is left out.
func (e Embedded) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	body := asset.NewMap()
	whole := asset.NewMap().Set("properties", rest)
	variant := Of(e.Kind).variantOfREST(whole)
	if variant != nil {
		inner := Decoder{Scope: d.Scope}
		inner.fields(variant.all, whole, body)
		if variant.FromREST != nil {
			variant.FromREST(&inner, whole, body)
		}
	}
	name := Ref{To: e.Kind, NameOnly: true}.Decode(d, rest.Get(e.Source))
	if name == nil {
		if variant == nil {
			return nil
		}
		return body.Set("type", asset.NewString(variant.Types[0]))
	}
	for _, key := range e.Filled {
		body.Delete(key)
	}
	for key, item := range e.Copy.Entries() {
		if f := fieldFor(variant, "properties."+key); f != nil && (body.Get(f.YAML).Text() == item.Text() || f.Service != nil && f.Service.Equal(body.Get(f.YAML))) {
			body.Delete(f.YAML)
		}
	}
	if variant == nil || body.Len() == 0 {
		return name
	}
	return body.Set("type", asset.NewString(variant.Types[0])).Set(e.Key, name)
}

// fieldFor is the row with a place on the wire; nil if there is none.
func fieldFor(v *Variant, rest string) *Field {
	if v == nil {
		return nil
	}
	if i := slices.IndexFunc(v.all, func(f Field) bool { return f.REST == rest }); i >= 0 {
		return &v.all[i]
	}
	return nil
}

// Equal reports whether both are copies of one asset, and say the same as far
// as want speaks.
func (e Embedded) Equal(want, live *asset.Value) bool {
	w, l := e.named(want), e.named(live)
	if w.Text() != l.Text() {
		return false
	}
	v := e.Variant(want)
	if v == nil {
		return want.Type() == asset.String
	}
	return v == e.Variant(live) && Same(v, want, live)
}

// Rows are the rows of two values in place that can be compared one by one;
// false if they are of different forms.
func (e Embedded) Rows(a, b *asset.Value) ([]Field, bool) {
	v := e.Variant(a)
	if v == nil || v != e.Variant(b) || e.named(a).Text() != e.named(b).Text() {
		return nil, false
	}
	return v.all, true
}

func (e Embedded) Schema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "string", "minLength": 1}, map[string]any{"type": "object"}}}
}

func (e Embedded) Describe() string {
	return "reference to " + string(e.Kind) + ", path of a file, or its content"
}

// Children are the reference to the asset, and the parts of a value in place.
// What is to be different from a file is not known before the file is read.
func (e Embedded) Children(v *asset.Value, visit func(Child)) {
	if e.File(v) != nil {
		return
	}
	to := Ref{To: e.Kind}
	if e.isReference(v) {
		visit(Child{Type: to, Value: v})
		return
	}
	if name := v.Get(e.Key); name != nil {
		visit(Child{Key: e.Key, Type: to, Value: name})
	}
	if variant := e.Variant(v); variant != nil {
		children(variant.all, v, visit)
	}
}

func (e Embedded) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	return withKey(v, key, part)
}

// inFile is a value that may stand in a YAML file, whose path is written in
// its place.
type inFile struct{ Object }

// Check checks what stands in place.
func (t inFile) Check(c *Checker, v *asset.Value) *asset.Value {
	switch {
	case v.Type() != asset.String:
		return t.Object.Check(c, v)
	case v.Str() == "" || strings.HasPrefix(v.Str(), "file:"):
		c.Badf(v, "bad_reference", "write the path alone", "want the path of a file, not %q", v.Str())
		return nil
	}
	return asset.NewString(v.Str())
}

// File implements Filer.
func (t inFile) File(v *asset.Value) *asset.Value {
	if v.Type() == asset.String {
		return v
	}
	return nil
}

// Fill implements Filer.
func (t inFile) Fill(c *Checker, _, doc *asset.Value) *asset.Value { return t.Object.Check(c, doc) }

// Equal compares what want mentions.
func (t inFile) Equal(want, live *asset.Value) bool { return SameValue(t.Object, want, live) }

func (t inFile) Schema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "string", "minLength": 1}, t.Object.Schema()}}
}

func (t inFile) Describe() string { return "path of a file, or a map" }

// Children are the parts of what stands in place.
func (t inFile) Children(v *asset.Value, visit func(Child)) {
	if v.Type() == asset.Map {
		t.Object.Children(v, visit)
	}
}
