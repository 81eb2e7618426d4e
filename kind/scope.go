package kind

import (
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Scope is the workspace, or the registry, that resource ids are read and made
// in.
type Scope struct {
	Subscription, ResourceGroup, Workspace string
	// Registry is the name of the registry; then there is no workspace.
	Registry string
	// Location is the region of the workspace, "" if it is not known.
	Location string
}

// Name is that of the workspace or registry.
func (s Scope) Name() string {
	if s.Registry != "" {
		return s.Registry
	}
	return s.Workspace
}

// String names the workspace or registry for people.
func (s Scope) String() string {
	if s.Registry != "" {
		return "registry " + s.Registry
	}
	return "workspace " + s.Workspace
}

// providerID is what the resource ids of all workspaces of the resource group
// begin with.
func (s Scope) providerID() string {
	return "/subscriptions/" + s.Subscription + "/resourceGroups/" + s.ResourceGroup + "/providers/Microsoft.MachineLearningServices"
}

// WorkspaceID is the resource id of the workspace or registry.
func (s Scope) WorkspaceID() string {
	if s.Registry != "" {
		return s.providerID() + "/registries/" + s.Registry
	}
	return s.providerID() + "/workspaces/" + s.Workspace
}

// Holds reports whether assets of the kind can be in the workspace or registry.
func (s Scope) Holds(t *Table) bool { return s.Registry == "" || t.InRegistry }

// ARM is the resource id of an asset.
func (s Scope) ARM(id asset.ID) string {
	t := Of(id.Kind)
	base := s.WorkspaceID()
	switch {
	case t.Top:
		base = s.providerID()
	case t.Parent != "":
		base = s.ARM(asset.ID{Kind: t.Parent, Name: id.Parent})
	}
	base += "/" + t.Collection + "/" + id.Name
	if id.Version != "" {
		base += "/versions/" + id.Version
	}
	return base
}

// own is the reference to an asset of the workspace or registry.
func (s Scope) own(t *Table, name, version string) Reference {
	ref := Reference{Form: Short, Name: name, Version: version}
	if s.Registry != "" {
		ref.Registry = s.Registry
		ref.Text = "azureml://registries/" + s.Registry + "/" + t.Collection + "/" + name + "/versions/" + version
	}
	return ref
}

// Refer is the text that refers to an asset of the workspace or registry.
func (s Scope) Refer(id asset.ID) string { return s.own(Of(id.Kind), id.Name, id.Version).String() }

// Misplaced says why an asset cannot be in the workspace or registry, and the
// cure; "" if it can.
func (s Scope) Misplaced(a *asset.Asset) (code, hint, text string) {
	t := Of(a.ID.Kind)
	group := a.Body.Get("resource_group").Str()
	own := s.Workspace
	if t.InRegistry {
		own = s.Registry
	}
	switch {
	case !s.Holds(t):
		return "wrong_target", "leave the file out of this target with exclude: in mlsync.yaml", "a registry cannot hold " + aKind(t.Kind) + ": only environments, models, data and components"
	case t.Top && own != "" && a.ID.Name != own:
		return "wrong_name", "name it " + own + ", or leave the file out of this target", "it is " + string(t.Kind) + " " + a.ID.Name + ", and the target is " + own
	case t.Top && group != "" && s.ResourceGroup != "" && !strings.EqualFold(group, s.ResourceGroup):
		return "wrong_target", "correct one of them", "resource_group: it is in " + group + ", and the target in " + s.ResourceGroup
	case s.Registry != "" && t.Versioned && a.Auto:
		return "missing_version", "add version:", "a registry gives no versions, and it has none"
	}
	return "", "", ""
}

// parseAs reads a resource id of a kind, as ParseARM does.
func (s Scope) parseAs(t *Table, arm string) (asset.ID, bool) {
	base := s.WorkspaceID()
	if t.Top {
		base = s.providerID()
	}
	rest, ok := cutPrefixFold(arm, base+"/")
	if !ok {
		return asset.ID{}, false
	}
	return t.parse(strings.Split(rest, "/"))
}

// ParseARM reads a resource id of this workspace, case aside for the fixed
// words; false for ids of elsewhere and of kinds without a table. The id of the
// workspace itself is no id in it.
func (s Scope) ParseARM(arm string) (asset.ID, bool) {
	rest, ok := cutPrefixFold(arm, s.WorkspaceID()+"/")
	if !ok {
		return asset.ID{}, false
	}
	parts := strings.Split(rest, "/")
	for _, t := range All() {
		if t.Top {
			continue
		}
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
