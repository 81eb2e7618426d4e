package reconcile

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// unresolved are the assets of the tree whose version or name is not known
// because the workspace could not be read. What the journal owns may be one of
// them: it must not be taken for something that git no longer has.
type unresolved struct {
	names map[asset.ID]string // why, by the id without version
	files map[string]string   // why, by the file of a job, whose name is made of its content
}

func unresolvedOf(assets []*asset.Asset, want *resolve.Want) unresolved {
	u := unresolved{names: map[asset.ID]string{}, files: map[string]string{}}
	for _, a := range assets {
		why, ok := want.Unresolved[a.ID]
		if !ok {
			continue
		}
		u.names[a.ID.Container()] = why
		if kind.Of(a.ID.Kind).Once {
			u.files[a.Pos.File] = why
		}
	}
	return u
}

// why is why it is not known whether git has an owned asset; "" if it is known.
func (u unresolved) why(o plan.Owned) string {
	if t := kind.Of(o.ID.Kind); t != nil && t.Once {
		return u.files[o.File]
	}
	return u.names[o.ID.Container()]
}
