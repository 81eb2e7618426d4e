package plan

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/kind"
)

// reference is one asset that another names.
type reference struct {
	to   asset.ID
	path string
	// late says that a late field names it.
	late bool
}

// references are the assets of the scope that the resolved asset a names,
// in the order of its rows.
func references(scope kind.Scope, a *asset.Asset) []reference {
	var out []reference
	v := kind.VariantOf(a)
	kind.Walk(a, func(s kind.Site) {
		r, ok := refType(s.Type)
		if !ok {
			return
		}
		if to, ok := bound(scope, r, s.Value, a.ID); ok {
			out = append(out, reference{to: to, path: s.Dotted(), late: late(v.AllFields(), s.Path)})
		}
	})
	return out
}

// References are the assets of the scope that the resolved asset a names, in
// the order of its rows.
func References(scope kind.Scope, a *asset.Asset) []asset.ID {
	var out []asset.ID
	for _, r := range references(scope, a) {
		out = append(out, r.to)
	}
	return out
}

// refType is the reference that a value of the type can hold.
func refType(t kind.Type) (kind.Ref, bool) {
	switch t := t.(type) {
	case kind.Ref:
		return t, true
	case kind.Local:
		return kind.Ref{To: t.Asset}, t.Asset != ""
	}
	return kind.Ref{}, false
}

// bound is the asset of the workspace that the text names.
func bound(scope kind.Scope, r kind.Ref, v *asset.Value, from asset.ID) (asset.ID, bool) {
	t := kind.Of(r.To)
	if t == nil || v.Str() == "" {
		return asset.ID{}, false
	}
	if !r.Bare && !strings.HasPrefix(v.Str(), "azureml:") {
		return asset.ID{}, false
	}
	ref, bad := r.Parse(v.Str(), scope)
	if bad != "" || ref.Form != kind.Short || ref.Label != "" || t.Versioned != (ref.Version != "") {
		return asset.ID{}, false
	}
	id := asset.ID{Kind: r.To, Name: ref.Name, Version: ref.Version}
	switch {
	case ref.Parent != "":
		id.Parent = ref.Parent
	case t.Parent == "":
	case t.Parent == from.Kind:
		id.Parent = from.Name
	default:
		id.Parent = from.Parent
	}
	return id, true
}

// late reports whether a row on the path waits for contained assets.
func late(rows []kind.Field, path []string) bool {
	for _, k := range path {
		f := row(rows, k)
		switch {
		case f == nil:
			return false
		case f.Late:
			return true
		}
		o, ok := f.As.(kind.Object)
		if !ok {
			return false
		}
		rows = o.Fields
	}
	return false
}

func row(rows []kind.Field, key string) *kind.Field {
	for i := range rows {
		if rows[i].YAML == key {
			return &rows[i]
		}
	}
	return nil
}

// lateField is a late row that a body has; of a map with known fields, each
// of these.
type lateField struct {
	path  []string
	field *kind.Field
	value *asset.Value
}

func lateFields(rows []kind.Field, body *asset.Value, path []string, within bool) []lateField {
	var out []lateField
	for i := range rows {
		f := &rows[i]
		v := body.Get(f.YAML)
		if v.IsNull() {
			continue
		}
		at := append(append([]string(nil), path...), f.YAML)
		if o, ok := f.As.(kind.Object); ok {
			out = append(out, lateFields(o.Fields, v, at, within || f.Late)...)
		} else if within || f.Late {
			out = append(out, lateField{at, f, v})
		}
	}
	return out
}

// lateOf are the late rows that the asset has; none for nil.
func lateOf(a *asset.Asset) []lateField {
	if a == nil {
		return nil
	}
	return lateFields(kind.VariantOf(a).AllFields(), a.Body, nil, false)
}

// names are the contained assets that the field names, with what each gets of
// the traffic: the keys of a map of numbers, or a reference, which gets all.
func (l lateField) names() map[string]bool {
	out := map[string]bool{}
	switch l.field.As.(type) {
	case kind.Map:
		for k, v := range l.value.Entries() {
			n, ok := v.Float64()
			out[k] = !ok || n != 0
		}
	case kind.Ref:
		if !l.contained() {
			return nil // an asset beside it, as any reference names
		}
		if name := strings.TrimPrefix(l.value.Str(), "azureml:"); name != "" {
			out[name[strings.LastIndex(name, "/")+1:]] = true
		}
	}
	return out
}

// contained reports whether the field names assets that the asset contains.
func (l lateField) contained() bool {
	r, ok := l.field.As.(kind.Ref)
	return !ok || kind.Of(r.To).Parent != ""
}

// receiving are the contained assets that live traffic goes to.
func receiving(a *asset.Asset) map[string]bool {
	out := map[string]bool{}
	for _, l := range lateOf(a) {
		for name, some := range l.names() {
			if some {
				out[name] = true
			}
		}
	}
	return out
}

// explain gives changes of references whose target gets a new version in this
// plan the reason Reference.
func (m *maker) explain(s *Step) {
	if s.Want == nil || len(s.Changes) == 0 {
		return
	}
	to := map[string]asset.ID{}
	for _, r := range references(m.scope(), s.Want) {
		to[r.path] = r.to
	}
	for i := range s.Changes {
		ch := &s.Changes[i]
		id, ok := to[ch.Dotted()]
		if !ok || ch.Reason == diff.Drift || id.Version == "" {
			continue
		}
		next := m.steps[Key{ID: id}]
		if next == nil || next.Action != NewVersion && next.Action != Create {
			continue
		}
		if strings.HasPrefix(ch.Live.Str(), "azureml:"+id.Name+":") {
			ch.Reason = diff.Reference
		}
	}
}

// Needs are the assets of the workspace that a refers to, in order.
func Needs(scope kind.Scope, a *asset.Asset) []asset.ID {
	var out []asset.ID
	for _, r := range references(scope, a) {
		out = append(out, r.to)
	}
	if p := parentOf(a.ID); !p.IsZero() {
		out = append(out, p)
	}
	slices.SortFunc(out, asset.ID.Compare)
	return slices.Compact(out)
}
