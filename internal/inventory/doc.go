// Package inventory says what is where: which assets of many workspaces a
// search finds, and the matrix of assets and targets with the version, the age
// and the state of each. It prints tables that text of others cannot break out
// of. It must not know clients, files and flags: what was read is handed in.
package inventory

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Unread is something that could not be read, so that nobody knows what of it
// is there. Place is the target or workspace; Kind is "" for all of it, and
// Name the asset, or what contains it, if only that is not known.
type Unread struct {
	Place string     `json:"where"`
	Kind  asset.Kind `json:"kind,omitempty"`
	Name  string     `json:"name,omitempty"`
	Why   string     `json:"why"`
}

// String is a sentence without its end.
func (u Unread) String() string {
	what := u.Place
	switch {
	case u.Name != "":
		what = string(u.Kind) + "/" + u.Name + " in " + u.Place
	case u.Kind != "":
		what = kind.Of(u.Kind).Plural + " in " + u.Place
	}
	return Clean(what + " could not be read: " + u.Why)
}

// Shown reports whether assets of a kind are in an inventory: all but runs of
// jobs, workspaces and registries themselves, and code, which nobody names.
func Shown(t *kind.Table) bool { return !t.Single() && t.Collection != "codes" }
