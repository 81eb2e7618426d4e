package kind

import (
	"fmt"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// serverMembers are members of a body that the service makes and does not
// take back.
var serverMembers = []string{"id", "name", "type", "systemData"}

// Patch makes the body that brings a live asset to what want says: the live
// body as the service sent it, in which only the fields that want mentions,
// and those released, are replaced. released are the paths of fields that
// git no longer mentions; they go back to the service's own value.
func Patch(want, live *asset.Asset, released [][]string, e *Encoder) (*asset.Value, error) {
	v := VariantOf(want)
	e.id = want.ID
	rest, err := asset.ParseJSON(live.Raw)
	if err != nil {
		return nil, fmt.Errorf("%s: body as read: %w", live.ID, err)
	}
	v.table.Sendable(rest)
	e.over(v.all, want.Body, rest)
	for _, path := range released {
		e.release(v.all, path, rest)
	}
	if v.ToREST != nil {
		v.ToREST(e, want.Body, rest)
	}
	if e.Err != nil {
		return nil, fmt.Errorf("%s: %w", want.ID, e.Err)
	}
	if v.table.Patches {
		return v.cut(want, live, released, rest)
	}
	return rest, nil
}

// cut is the part of a patched body that a PATCH carries: the fields that want
// mentions and those released. A member that is left out stays as it is; one
// that is to go is a null.
func (v *Variant) cut(want, live *asset.Asset, released [][]string, rest *asset.Value) (*asset.Value, error) {
	out := asset.NewMap()
	for i := range v.all {
		f := &v.all[i]
		gone := slices.ContainsFunc(released, func(p []string) bool { return p[0] == f.YAML })
		if f.REST == "" || f.ReadOnly || f.Change == Replace || f.Change == Once || want.Body.Get(f.YAML).IsNull() && !gone {
			continue
		}
		item := rest.GetPath(splitPath(f.REST)...)
		if item == nil {
			if f.Late && !gone {
				continue // it comes later
			}
			item = asset.NewNull()
		}
		out.SetPath(item, splitPath(f.REST)...)
	}
	if tags := rest.GetPath(splitPath(v.table.Tags)...); tags != nil {
		out.SetPath(tags, splitPath(v.table.Tags)...)
	}
	return out, dropIdentities(live, out)
}

// dropIdentities says of each live identity that is no longer wanted that it
// is to go: one that is left out stays.
func dropIdentities(live *asset.Asset, out *asset.Value) error {
	if out.Get("identity") == nil {
		return nil
	}
	before, err := asset.ParseJSON(live.Raw)
	if err != nil {
		return fmt.Errorf("%s: body as read: %w", live.ID, err)
	}
	wanted := map[string]bool{}
	for _, k := range out.GetPath("identity", "userAssignedIdentities").Keys() {
		wanted[strings.ToLower(k)] = true
	}
	for _, k := range before.GetPath("identity", "userAssignedIdentities").Keys() {
		if !wanted[strings.ToLower(k)] {
			out.SetPath(asset.NewNull(), "identity", "userAssignedIdentities", k)
		}
	}
	for _, k := range []string{"principalId", "tenantId"} {
		out.Get("identity").Delete(k)
	}
	return nil
}

// over writes the rows that v mentions over rest.
func (e *Encoder) over(rows []Field, v, rest *asset.Value) {
	for i := range rows {
		f := &rows[i]
		item := v.Get(f.YAML)
		if item.IsNull() || f.ReadOnly || f.Late && !e.Late {
			continue
		}
		e.overField(f, item, rest)
	}
}

// overField leaves what is fixed with a version as the service sent it: it is
// what want says, or there would be a new version, and members of which the
// rows know nothing, such as _source of the steps of a component, stay.
func (e *Encoder) overField(f *Field, item, rest *asset.Value) {
	if f.Change == NewVersion && f.REST != "" && !rest.GetPath(splitPath(f.REST)...).IsNull() {
		return
	}
	if o, ok := f.As.(Object); ok && !o.Open {
		base := rest
		if f.REST != "" {
			base = rest.GetPath(splitPath(f.REST)...)
			if base.Type() != asset.Map {
				base = asset.NewMap()
				rest.SetPath(base, splitPath(f.REST)...)
			}
		}
		e.over(o.Fields, item, base)
		if o.ToREST != nil {
			o.ToREST(e, item, base)
		}
		return
	}
	if f.REST == "" {
		return
	}
	got := f.As.Encode(e, item)
	if got == nil {
		return
	}
	if strings.HasPrefix(got.Str(), PendingURI) {
		return // it is in the registry already, where it cannot change
	}
	path := splitPath(f.REST)
	if m, ok := f.As.(Map); ok && m.Owned {
		old := rest.GetPath(path...)
		if old.Type() == asset.Map {
			for k, x := range got.Entries() {
				old.Set(k, x)
			}
			return
		}
	}
	rest.SetPath(got, path...)
}

// release takes the field at path out of rest, or puts the service's own
// value in its place.
func (e *Encoder) release(rows []Field, path []string, rest *asset.Value) {
	f := fieldOf(rows, path[0])
	if f == nil {
		return
	}
	switch t := f.As.(type) {
	case Embedded:
		if len(path) > 1 {
			return // it is sent whole
		}
	case Object:
		if len(path) > 1 {
			if f.REST != "" {
				rest = rest.GetPath(splitPath(f.REST)...)
			}
			if rest.Type() == asset.Map {
				e.release(t.Fields, path[1:], rest)
			}
			return
		}
	case Map:
		if len(path) > 1 {
			if m := rest.GetPath(splitPath(f.REST)...); m.Type() == asset.Map {
				m.Delete(path[1])
			}
			return
		}
	}
	if f.REST == "" {
		return
	}
	at := splitPath(f.REST)
	if f.Service != nil {
		rest.SetPath(f.As.Encode(e, f.Service), at...)
		return
	}
	if m := rest.GetPath(at[:len(at)-1]...); m.Type() == asset.Map && slices.Contains(m.Keys(), at[len(at)-1]) {
		m.Delete(at[len(at)-1])
	}
}

// RemovePath takes the value at path out of a body; nothing if it is not there.
func RemovePath(body *asset.Value, path []string) {
	if len(path) == 0 {
		return
	}
	if m := body.GetPath(path[:len(path)-1]...); m.Type() == asset.Map {
		m.Delete(path[len(path)-1])
	}
}

// Unstamp removes mlsync's tags, and what the service makes and does not take
// back, from a live body; false if there are no such tags.
func (t *Table) Unstamp(rest *asset.Value) bool {
	tags := rest.GetPath(splitPath(t.Tags)...)
	found := false
	for _, k := range slices.Clone(tags.Keys()) {
		if strings.HasPrefix(k, StampPrefix) {
			tags.Delete(k)
			found = true
		}
	}
	t.Sendable(rest)
	return found
}

// Sendable takes out of a body as the service sent it what the service does
// not take back.
func (t *Table) Sendable(rest *asset.Value) {
	for _, k := range serverMembers {
		rest.Delete(k)
	}
	if t.Resend != nil {
		t.Resend(rest)
	}
}
