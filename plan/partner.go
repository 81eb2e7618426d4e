package plan

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// needs are the assets that a names, and its partners, which it does not name.
func (m *maker) needs(a *asset.Asset) []reference {
	out := references(m.scope(), a)
	p := kind.Of(a.ID.Kind).Partner
	v := a.Body.Get(p.Field)
	if p.Kind == "" || v.IsNull() {
		return out
	}
	for _, all := range [][]*asset.Asset{m.wantAll, m.liveAll} {
		for _, b := range all {
			if b.ID.Kind == p.Kind && b.Body.Get(p.Field).Equal(v) {
				out = append(out, reference{to: b.ID, path: p.Field})
			}
		}
	}
	return out
}
