package main

import (
	"context"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/inventory"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
)

// A look at one workspace finds the newest active version of each name: the
// lists of names first, then one request a name for what only the version has.
type look struct {
	live  reconcile.Live
	scope kind.Scope
	// foreign are assets that lists showed and that no file can say.
	foreign func() []asset.ID
	// another says that the workspace is not of the kind of an id of its own; nil
	// if no workspace is looked for.
	another func(id asset.ID) bool
}

// lists reads the collections of the kinds, and what is in their assets.
func (l look) lists(ctx context.Context, kinds []*kind.Table) {
	var top []asset.Kind
	for _, t := range kinds {
		if t.Parent != "" {
			t = kind.Of(t.Parent)
		}
		if !t.Top {
			top = append(top, t.Kind)
		}
	}
	slices.Sort(top)
	l.live.List(ctx, slices.Compact(top)...)
	for _, t := range kinds {
		if t.Parent != "" {
			l.live.Contained(ctx, t.Kind, l.parents(t)...)
		}
		if id := (asset.ID{Kind: t.Kind, Name: l.scope.Name()}); t.Top && l.scope.Registry == "" == !t.InRegistry && !l.another(id) {
			l.live.Get(ctx, id)
		}
	}
}

// parents are what contains assets of a kind.
func (l look) parents(t *kind.Table) []string {
	var out []string
	for _, a := range l.live.Set().All() {
		if a.ID.Kind == t.Parent {
			out = append(out, a.ID.Name)
		}
	}
	return out
}

// names are the names of the kinds whose versions are assets, sorted, those
// aside that the service makes.
func (l look) names(kinds []*kind.Table) []asset.ID {
	var out []asset.ID
	for _, id := range l.live.Names() {
		if t := kind.Of(id.Kind); slices.Contains(kinds, t) && !hidden(t, id) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, asset.ID.Compare)
	return out
}

// hidden reports whether nobody looks for the asset: the service made it, or
// holds inline assets under its name.
func hidden(t *kind.Table, id asset.ID) bool {
	return t.IsSystem(id) || t.Anonymous != "" && t.Anonymous == id.Name
}

// newest reads the newest version of each name. Most names say which it is, so
// that one request tells all of it; only where that one is archived, or not
// said, the versions are listed.
func (l look) newest(ctx context.Context, names []asset.ID) {
	var ids []asset.ID
	for _, name := range names {
		if n, ok := l.live.Name(name); ok && n.Latest != "" {
			name.Version = n.Latest
			ids = append(ids, name)
		}
	}
	l.live.Get(ctx, ids...)
	var rest []asset.ID
	for _, name := range names {
		if id := l.latest(name); id.Version == "" || l.live.Archived(id) || l.live.Status(id) == resolve.Absent {
			rest = append(rest, name)
		}
	}
	l.live.Versions(ctx, rest...)
}

// latest is the version that the name says is its newest.
func (l look) latest(name asset.ID) asset.ID {
	n, _ := l.live.Name(name)
	name.Version = n.Latest
	return name
}

// version is the newest active version of a name after newest; false if all
// are archived. why is what could not be read, "" if nothing.
func (l look) version(name asset.ID) (v inventory.Live, there bool, why string) {
	id := l.latest(name)
	if a := l.live.Asset(id); a != nil && !l.live.Archived(id) {
		return inventory.Live{ID: id, Asset: a}, true, ""
	}
	if err := l.live.Problem(id); err != nil {
		return inventory.Live{ID: id}, true, err.Error()
	}
	var best *asset.Asset
	for _, a := range l.live.Of(name) {
		if l.live.Archived(a.ID) {
			continue
		}
		if best == nil || best.CreatedAt < a.CreatedAt || best.CreatedAt == a.CreatedAt && best.ID.Compare(a.ID) < 0 {
			best = a
		}
	}
	if best == nil {
		return inventory.Live{}, false, ""
	}
	return inventory.Live{ID: best.ID, Asset: best}, true, ""
}

// single are the assets of kinds without versions, also those of which a list
// showed no more than that they are there.
func (l look) single(kinds []*kind.Table) []inventory.Live {
	var out []inventory.Live
	ours := func(id asset.ID) bool {
		t := kind.Of(id.Kind)
		return !t.Versioned && slices.Contains(kinds, t) && !hidden(t, id)
	}
	for _, a := range l.live.Set().All() {
		if ours(a.ID) {
			out = append(out, inventory.Live{ID: a.ID, Asset: a})
		}
	}
	for _, id := range l.foreign() {
		if ours(id) {
			out = append(out, inventory.Live{ID: id})
		}
	}
	return out
}

// failed are the lists that could not be read. A place of which nothing could
// be read is one failure.
func (l look) failed(where string, kinds []*kind.Table) []inventory.Unread {
	var out []inventory.Unread
	seen := map[asset.ID]bool{}
	asked := 0
	check := func(id asset.ID) {
		if seen[id] {
			return
		}
		seen[id] = true
		asked++
		if err := l.live.Problem(id); err != nil {
			out = append(out, inventory.Unread{Place: where, Kind: id.Kind, Name: id.Parent, Why: err.Error()})
		}
	}
	for _, t := range kinds {
		switch {
		case !l.scope.Holds(t):
		case t.Top:
			if id := (asset.ID{Kind: t.Kind, Name: l.scope.Name()}); l.live.Problem(id) != nil {
				check(id)
			}
		case t.Parent != "":
			check(asset.ID{Kind: t.Parent})
			for _, p := range l.parents(t) {
				check(asset.ID{Kind: t.Kind, Parent: p})
			}
		default:
			check(asset.ID{Kind: t.Kind})
		}
	}
	if len(out) == asked && asked > 1 {
		return []inventory.Unread{{Place: where, Why: out[0].Why}}
	}
	slices.SortFunc(out, func(x, y inventory.Unread) int {
		return asset.ID{Kind: x.Kind, Name: x.Name}.Compare(asset.ID{Kind: y.Kind, Name: y.Name})
	})
	return out
}
