package diff

import (
	"crypto/sha256"
	"encoding/hex"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Equal reports whether two resolved values of type t mean the same, every
// field of both counted. References to secrets equal each other, whatever
// their names: their values are compared by fingerprint elsewhere.
func Equal(t kind.Type, a, b *asset.Value) bool {
	return covers(t, a, b, nil) && covers(t, b, a, a)
}

// Same reports whether two resolved bodies of a variant are equal, every field
// of both counted.
func Same(v *kind.Variant, a, b *asset.Value) bool {
	return Equal(kind.Object{Fields: v.AllFields()}, a, b)
}

// empty reports whether v says nothing: the service answers an empty text,
// list or map with nothing at all, and the other way round.
func empty(v *asset.Value) bool {
	switch v.Type() {
	case asset.Null:
		return true
	case asset.String:
		return v.Str() == ""
	case asset.List, asset.Map:
		return v.Len() == 0
	}
	return false
}

// covers reports whether live holds all that want mentions, and nothing that
// last had and want has not.
func covers(t kind.Type, want, live, last *asset.Value) bool {
	if empty(want) && empty(live) {
		return true
	}
	if isSecret(want) && isSecret(live) {
		return true
	}
	switch t := t.(type) {
	case kind.Equaler:
		return t.Equal(want, live)
	case kind.Wrap:
		return covers(t.Of, want, live, last)
	case kind.Pick:
		if inner := t.Of(either(want, live)); inner != nil {
			return covers(inner, want, live, last)
		}
	case kind.Object:
		if isMap(want) && isMap(live) {
			return coversObject(t, want, live, last)
		}
	case kind.Map:
		if isMap(want) && isMap(live) {
			return coversMap(t, want, live, last)
		}
	case kind.List:
		if want.Type() == asset.List && live.Type() == asset.List {
			return coversList(t, want, live, last)
		}
	}
	return want.Equal(live)
}

func isMap(v *asset.Value) bool { return v.IsNull() || v.Type() == asset.Map }

func coversObject(t kind.Object, want, live, last *asset.Value) bool {
	rows := map[string]bool{}
	for i := range t.Fields {
		f := &t.Fields[i]
		rows[f.YAML] = true
		w, l, a := want.Get(f.YAML), live.Get(f.YAML), last.Get(f.YAML)
		switch {
		case f.ReadOnly:
		case w.IsNull() && (a.IsNull() || l.IsNull() || f.Service != nil && f.Service.Equal(l)):
		case l.IsNull() && f.Service != nil && f.Service.Equal(w):
		case !covers(f.As, w, l, a):
			return false
		}
	}
	for k, w := range want.Entries() {
		if !rows[k] && t.Open && !w.Equal(live.Get(k)) {
			return false
		}
	}
	for k, a := range last.Entries() {
		if !rows[k] && t.Open && !want.Has(k) && !a.IsNull() && live.Has(k) {
			return false
		}
	}
	return true
}

func coversMap(t kind.Map, want, live, last *asset.Value) bool {
	for k, w := range want.Entries() {
		if !covers(t.Of, w, live.Get(k), last.Get(k)) {
			return false
		}
	}
	for k, l := range live.Entries() {
		if want.Has(k) || empty(l) || t.Drop != nil && t.Drop(k) {
			continue
		}
		if !t.Owned || last.Has(k) {
			return false
		}
	}
	return true
}

func coversList(t kind.List, want, live, last *asset.Value) bool {
	if want.Len() != live.Len() {
		return false
	}
	for i, w := range want.Items() {
		var a *asset.Value
		if last.Type() == asset.List && i < last.Len() {
			a = last.Items()[i]
		}
		if !covers(t.Of, w, live.Items()[i], a) {
			return false
		}
	}
	return true
}

// Digest is the digest of the content of an asset, its identity and place
// aside: assets with equal bodies, and only they, have equal digests.
func Digest(a *asset.Asset) string {
	h := sha256.New()
	_, _ = h.Write([]byte(string(a.ID.Kind) + "\x00" + a.Variant + "\x00"))
	_, _ = h.Write(a.Body.Canonical())
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
