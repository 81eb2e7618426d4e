package kind

import (
	"cmp"
	"fmt"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Encoder makes REST bodies in one workspace.
type Encoder struct {
	Scope Scope
	// Secret gives the value of ${{ secret.NAME }}; nil leaves the text.
	Secret func(name string) (asset.Secret, error)
	// Late sends fields that can be set only after the contained assets exist.
	Late bool
	// Experiment is the experiment of jobs that name none; "" leaves it to
	// the service.
	Experiment string
	// Address is the resource id of an asset whose name or version the service
	// chose; "" for all others. May be nil.
	Address func(id asset.ID) string
	// CodeURI is the address of the content of a code asset, which stands on the
	// wire as text, for bodies that hold it; nil if it is not known yet.
	CodeURI func(text string) (string, error)
	// Around is what an action needs to know beside its file.
	Around Around
	// Err is the first error of Secret or CodeURI.
	Err error

	id              asset.ID // of the asset that is being encoded
	auto, anonymous bool     // of the same asset
}

func (e *Encoder) text(v *asset.Value) *asset.Value {
	name, ok := SecretName(v)
	if !ok || e.Secret == nil {
		return plain(v)
	}
	s, err := e.Secret(name)
	if err != nil && e.Err == nil {
		e.Err = fmt.Errorf("secret %s: %w", name, err)
	}
	return asset.NewString(s.Reveal())
}

// fields encodes each row of v into rest, with what is sent when v is silent.
func (e *Encoder) fields(rows []Field, v, rest *asset.Value) {
	for i := range rows {
		e.field(&rows[i], v, rest)
	}
}

func (e *Encoder) field(f *Field, v, rest *asset.Value) {
	item := v.Get(f.YAML)
	if f.Late && !e.Late {
		item = nil
	}
	if item.IsNull() {
		item = f.Send
	}
	if item.IsNull() || f.ReadOnly {
		return
	}
	if o, ok := f.As.(Object); ok && f.REST == "" {
		o.encodeInto(e, item, rest)
		return
	}
	if f.REST == "" {
		return
	}
	if got := f.As.Encode(e, item); got != nil {
		rest.SetPath(got, splitPath(f.REST)...)
	}
}

// encodeRows puts what the variant is and says into rest.
func (v *Variant) encodeRows(e *Encoder, body, rest *asset.Value) {
	for _, c := range v.Const {
		rest.SetPath(asset.NewString(c.Text), splitPath(c.REST)...)
	}
	e.fields(v.all, body, rest)
	v.openToREST(body, rest)
}

// encode is the body of an asset that has no identity.
func (v *Variant) encode(e *Encoder, body *asset.Value) *asset.Value {
	rest := asset.NewMap()
	v.encodeRows(e, body, rest)
	if v.ToREST != nil {
		v.ToREST(e, body, rest)
	}
	return rest
}

// ToREST makes the body that creates a, which must be resolved. With late,
// the fields that wait for contained assets are in it as well.
func ToREST(a *asset.Asset, e *Encoder) (*asset.Value, error) {
	v := VariantOf(a)
	e.id, e.auto, e.anonymous = a.ID, a.Auto, a.Anonymous
	rest := asset.NewMap()
	v.encodeRows(e, a.Body, rest)
	if v.table.Location && !rest.Has("location") && e.Scope.Location != "" {
		rest.Set("location", asset.NewString(e.Scope.Location))
	}
	if a.Anonymous && v.table.Versioned {
		rest.SetPath(asset.NewBool(true), "properties", "isAnonymous")
	}
	if v.ToREST != nil {
		v.ToREST(e, a.Body, rest)
	}
	if e.Err != nil {
		return nil, fmt.Errorf("%s: %w", a.ID, e.Err)
	}
	return rest, nil
}

// openToREST sends the fields that have no row.
func (v *Variant) openToREST(body, rest *asset.Value) {
	if v.Open == "" {
		return
	}
	for key, item := range body.Entries() {
		if v.Field(key) == nil {
			rest.SetPath(item, append(splitPath(v.Open), key)...)
		}
	}
}

// openFromREST reads the members that no row has read.
func (v *Variant) openFromREST(rest, body *asset.Value) {
	if v.Open == "" {
		return
	}
	taken := map[string]bool{}
	for _, f := range v.all {
		if name, ok := strings.CutPrefix(f.REST, v.Open+"."); ok {
			taken[splitPath(name)[0]] = true
		}
		taken[f.YAML] = true
	}
	for _, head := range append(v.heads(), v.Ignore...) {
		taken[head] = true
	}
	for key, item := range rest.GetPath(splitPath(v.Open)...).Entries() {
		if !taken[key] && !item.IsNull() {
			body.Set(key, item)
		}
	}
}

// Decoder reads REST bodies of one workspace.
type Decoder struct {
	Scope Scope

	id asset.ID // of the asset that is being decoded
}

func (d *Decoder) fields(rows []Field, rest, v *asset.Value) {
	for i := range rows {
		f := &rows[i]
		if f.ReadOnly || f.Secret {
			continue
		}
		var got *asset.Value
		if o, ok := f.As.(Object); ok && f.REST == "" {
			got = o.Decode(d, rest)
		} else if f.REST != "" {
			if item := rest.GetPath(splitPath(f.REST)...); !item.IsNull() {
				got = f.As.Decode(d, item)
				if got == nil && f.Required && item.Type() == asset.List {
					got = asset.NewList() // a list of none, which a file must say
				}
			}
		}
		if got != nil {
			v.Set(f.YAML, got)
		}
	}
}

// FromREST makes an asset of a body that the service sent; Raw is left to the
// caller, who has the bytes. The id within the
// workspace is read from the resource id of the body or, where the service
// leaves that out, from path.
func (t *Table) FromREST(d *Decoder, path string, rest *asset.Value) (*asset.Asset, error) {
	arm := rest.Get("id").Str()
	if !strings.HasPrefix(arm, "/") {
		arm = path
	}
	id, ok := d.Scope.parseAs(t, arm)
	if !ok {
		return nil, fmt.Errorf("%q is not the resource id of a %s", arm, t.Kind)
	}
	v := t.variantOfREST(rest)
	if v == nil {
		return nil, fmt.Errorf("%s: a form that this version of mlsync does not know", id)
	}
	a := &asset.Asset{
		ID: id, Variant: v.Name, Body: asset.NewMap(), ARM: arm, Stamps: t.stamps(rest),
		ModifiedAt: firstText(rest, "lastModifiedAt", "createdAt"), ModifiedBy: firstText(rest, "lastModifiedBy", "createdBy"),
		CreatedAt: cmp.Or(firstText(rest, "createdAt"), rest.GetPath("properties", "createdOn").Str()), // computes have the latter
	}
	a.Anonymous = t.Anonymous != "" && id.Name == t.Anonymous || t.Versioned && rest.GetPath("properties", "isAnonymous").Bool()
	d.id = id
	d.fields(v.all, rest, a.Body)
	v.openFromREST(rest, a.Body)
	if v.FromREST != nil {
		v.FromREST(d, rest, a.Body)
	}
	return a, nil
}

func firstText(rest *asset.Value, keys ...string) string {
	for _, k := range keys {
		if s := rest.GetPath("systemData", k).Str(); s != "" {
			return s
		}
	}
	return ""
}

// HasForm reports whether a live body is of a form of t.
func (t *Table) HasForm(rest *asset.Value) bool { return t.variantOfREST(rest) != nil }

func (t *Table) variantOfREST(rest *asset.Value) *Variant {
	for _, v := range t.Variants {
		fits := v.Live == nil || v.Live(rest)
		for _, c := range v.Const {
			fits = fits && strings.EqualFold(rest.GetPath(splitPath(c.REST)...).Text(), c.Text)
		}
		if fits {
			return v
		}
	}
	return nil
}

// StampPrefix begins the name of every tag that mlsync leaves on live assets.
const StampPrefix = "mlsync-"

// stamps are mlsync's tags of a live body, by name without the prefix.
func (t *Table) stamps(rest *asset.Value) map[string]string {
	if t.Tags == "" {
		return nil
	}
	var out map[string]string
	for k, v := range rest.GetPath(splitPath(t.Tags)...).Entries() {
		if name, ok := strings.CutPrefix(k, StampPrefix); ok {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = v.Text()
		}
	}
	return out
}

// Stamp puts mlsync's tags into a REST body of kind t, and takes away those
// that are ""; nothing if the kind cannot carry any.
func (t *Table) Stamp(rest *asset.Value, stamps map[string]string) {
	if t.Tags == "" {
		return
	}
	for _, k := range sortedKeys(stamps) {
		path := append(splitPath(t.Tags), StampPrefix+k)
		if stamps[k] == "" {
			RemovePath(rest, path)
			continue
		}
		rest.SetPath(asset.NewString(stamps[k]), path...)
	}
}
