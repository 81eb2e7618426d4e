package plan

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// A reading is what is known of one asset of the workspace: it is seen, it is
// notThere, or it is unread. There is no fourth, and none of the three can be
// taken for another: what was not read has no asset to compare with and cannot
// be asked whether it is absent. A plan removes only what is seen and creates
// only what is notThere.
type reading interface{ isReading() }

// seen is an asset that exists. again says that it was read in this pass;
// otherwise it is as the journal remembers it.
type seen struct {
	asset *asset.Asset
	again bool
}

// notThere is an asset that the workspace was asked for and does not have.
type notThere struct{}

// unread is an asset of which nobody knows whether it exists, and why.
type unread struct{ why string }

func (seen) isReading()     {}
func (notThere) isReading() {}
func (unread) isReading()   {}

// look is what is known of id. Whatever was not said of it is unread.
func (m *maker) look(id asset.ID) reading {
	if why := m.Live.Unknown[id]; why != "" {
		return unread{why}
	}
	if a := m.Live.Assets.Get(id); a != nil {
		return seen{a, true}
	}
	if a := m.remembered(id); a != nil {
		return seen{a, false}
	}
	if m.Live.Absent[id] {
		return notThere{}
	}
	switch why := m.Observed.Partial[id.Kind]; {
	case why != "":
		return unread{why}
	case !m.Live.Listed[id.Kind]:
		return unread{"the " + kind.Of(id.Kind).Plural + " of the workspace were not read"}
	}
	return notThere{}
}

// remembered is an asset that exists and that was not read again, as the
// journal knows it; nil if it is no such asset.
func (m *maker) remembered(id asset.ID) *asset.Asset {
	o, ok := m.Owned[id]
	if !ok || !m.Live.Known[id] {
		return nil
	}
	return &asset.Asset{ID: id, Variant: o.Variant, Body: o.Body, ARM: o.ARM, Stamps: map[string]string{"owner": m.Owner}}
}
