package kind

import (
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Scope is the workspace that resource ids are read and made in.
type Scope struct {
	Subscription, ResourceGroup, Workspace string
	// Location is the region of the workspace, "" if it is not known.
	Location string
}

const provider = "/providers/Microsoft.MachineLearningServices/workspaces/"

// WorkspaceID is the resource id of the workspace.
func (s Scope) WorkspaceID() string {
	return "/subscriptions/" + s.Subscription + "/resourceGroups/" + s.ResourceGroup + provider + s.Workspace
}

// ARM is the resource id of an asset.
func (s Scope) ARM(id asset.ID) string {
	t := Of(id.Kind)
	base := s.WorkspaceID()
	if t.Parent != "" {
		base = s.ARM(asset.ID{Kind: t.Parent, Name: id.Parent})
	}
	base += "/" + t.Collection + "/" + id.Name
	if id.Version != "" {
		base += "/versions/" + id.Version
	}
	return base
}

// ParseARM reads a resource id of this workspace, case aside for the fixed
// words; false for ids of elsewhere and of kinds without a table.
func (s Scope) ParseARM(arm string) (asset.ID, bool) {
	rest, ok := cutPrefixFold(arm, s.WorkspaceID()+"/")
	if !ok {
		return asset.ID{}, false
	}
	parts := strings.Split(rest, "/")
	for _, t := range All() {
		if id, ok := t.parse(parts); ok {
			return id, true
		}
	}
	return asset.ID{}, false
}

func (t *Table) parse(parts []string) (asset.ID, bool) {
	id := asset.ID{Kind: t.Kind}
	if t.Parent != "" {
		if len(parts) < 2 || !strings.EqualFold(parts[0], Of(t.Parent).Collection) {
			return id, false
		}
		id.Parent, parts = parts[1], parts[2:]
	}
	if len(parts) < 2 || !strings.EqualFold(parts[0], t.Collection) {
		return id, false
	}
	id.Name = parts[1]
	switch {
	case len(parts) == 2:
		return id, true
	case len(parts) == 4 && t.Versioned && strings.EqualFold(parts[2], "versions"):
		id.Version = parts[3]
		return id, true
	}
	return id, false
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
