package resolve

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// complete is the body of the asset with what other assets say.
func (w *work) complete() *asset.Value {
	v := kind.VariantOf(w.asset)
	if v.Complete == nil {
		return w.asset.Body
	}
	body := w.asset.Body.Clone()
	v.Complete(&kind.Completion{ID: w.named, Asset: w.known, Bad: w.badf}, body)
	return body
}

// named is the asset of the workspace that a reference names; false if it
// names another thing, or none.
func (w *work) named(r kind.Ref, text string) (asset.ID, bool) {
	ref, bad := r.Parse(text, w.in.Scope)
	t := kind.Of(r.To)
	if bad != "" || t == nil || ref.Form != kind.Short || ref.Label != "" || t.Versioned != (ref.Version != "") || r.Parented != (ref.Parent != "") {
		return asset.ID{}, false
	}
	return lowered(t, asset.ID{Kind: r.To, Parent: ref.Parent, Name: ref.Name, Version: ref.Version}), true
}

// known is an asset that is wanted, resolved, or else a live one.
func (w *work) known(id asset.ID) *asset.Asset {
	for _, a := range w.byContainer[id.Container()] {
		if a.ID != id {
			continue
		}
		got := w.resolver.asset(a)
		if got == nil {
			w.unknown = "what " + id.String() + " says is not known"
		}
		return got
	}
	if a := w.want.Set.Get(id); a != nil {
		return a // it was lifted out of another
	}
	a, s := w.in.Facts.Asset(id)
	if s == Unknown {
		w.unknown = id.String() + ", of which more must be known, could not be read"
	}
	return a
}
