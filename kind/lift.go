package kind

import "mlsync.dev/mlsync/asset"

// PickVariant is the variant of kind k that a document or body has, or nil.
func PickVariant(k asset.Kind, doc *asset.Value) *Variant {
	t := Of(k)
	if t == nil {
		return nil
	}
	v, _ := t.pick(doc)
	return v
}

// Fixed reports whether a field cannot change within one version.
func Fixed(f Field) bool {
	if f.Change == NewVersion {
		return true
	}
	if o, ok := f.As.(Object); ok {
		for _, inner := range o.Fields {
			if Fixed(inner) {
				return true
			}
		}
	}
	return false
}

// Same reports whether two resolved bodies of a variant mean the same, as far
// as want speaks: fields that want does not mention are not looked at, nor are
// those that are said at creation and sent nowhere.
func Same(v *Variant, want, live *asset.Value) bool {
	return sameFields(v.all, want, live)
}

func sameFields(rows []Field, want, live *asset.Value) bool {
	for i := range rows {
		f := &rows[i]
		w := want.Get(f.YAML)
		if w.IsNull() || f.Secret || f.ReadOnly || f.REST == "" && f.Change == Once {
			continue
		}
		if !SameValue(f.As, w, live.Get(f.YAML)) {
			return false
		}
	}
	return true
}

// SameValue compares two resolved values of a type.
func SameValue(t Type, want, live *asset.Value) bool {
	switch t := t.(type) {
	case Equaler:
		return t.Equal(want, live)
	case Object:
		// An empty map is the same as none: the service leaves it out.
		return (live.IsNull() || live.Type() == asset.Map) && sameFields(t.Fields, want, live)
	case Pick:
		if inner := t.Of(want); inner != nil {
			return SameValue(inner, want, live)
		}
	case Map:
		return sameMap(t, want, live)
	case List:
		if want.Len() != live.Len() || live.Type() != asset.List {
			return want.Len() == 0 && live.IsNull()
		}
		for i, item := range want.Items() {
			if !SameValue(t.Of, item, live.Items()[i]) {
				return false
			}
		}
		return true
	}
	return want.Equal(live)
}

func sameMap(t Map, want, live *asset.Value) bool {
	if !t.Owned && want.Len() != live.Len() {
		return false
	}
	for k, item := range want.Entries() {
		other := live.Get(k)
		if item.IsNull() && other.IsNull() {
			continue
		}
		if !SameValue(t.Of, item, other) {
			return false
		}
	}
	return true
}

// FixedPart is the part of the body of a that is fixed with its version.
func FixedPart(a *asset.Asset) *asset.Value {
	out := asset.NewMap()
	for _, f := range VariantOf(a).AllFields() {
		if v := a.Body.Get(f.YAML); !v.IsNull() && Fixed(f) {
			out.Set(f.YAML, v)
		}
	}
	return out
}
