package export

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Written is the written form of a live asset, complete in itself: documents
// stand in it and in no file beside, and so do anonymous assets, which have no
// name that another workspace would know. set holds those; s is the workspace
// that the asset is of.
func Written(set *asset.Set, a *asset.Asset, s kind.Scope) *asset.Asset {
	v := kind.VariantOf(a)
	w := whole{set: set, asset: a}
	out := *a
	out.Auto, out.Raw, out.Stamps = false, nil, nil
	out.Body = tidy(v, kind.RewriteBody(v, a.Body, w.site), s)
	return &out
}

// whole puts the anonymous assets into the place of the references to them.
type whole struct {
	set   *asset.Set
	asset *asset.Asset
	deep  int
}

// maxWhole ends a circle of anonymous assets, which nobody can have written.
const maxWhole = 16

func (w *whole) site(s kind.Site) *asset.Value {
	t, ok := s.Type.(kind.Ref)
	if !ok || !t.Inline || t.Apart || w.deep > maxWhole {
		return s.Value
	}
	id, ok := referred(w.asset, s)
	if !ok {
		return s.Value
	}
	part := w.set.Get(id)
	if part == nil || !IsAnonymous(part) {
		return s.Value
	}
	v := kind.VariantOf(part)
	inline := asset.NewMap()
	if len(v.Types) > 0 && v != v.Table().Variants[0] {
		inline.Set("type", asset.NewString(v.Types[0]))
	}
	for k, item := range rows(v.AllFields(), kind.FixedPart(part)).Entries() {
		inline.Set(k, item)
	}
	w.deep++
	defer func() { w.deep-- }()
	return kind.RewriteBody(v, inline, w.site)
}

// IsAnonymous reports whether a live asset was written inside others: its name
// is made of its content.
func IsAnonymous(a *asset.Asset) bool {
	t := kind.Of(a.ID.Kind)
	return a.ID.Kind != "code" && (a.Anonymous || t.Anonymous != "" && a.ID.Name == t.Anonymous)
}
