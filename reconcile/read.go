package reconcile

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// need is what must be read before the tree can be resolved.
type need struct {
	scope   kind.Scope
	kinds   map[asset.Kind]bool
	parents map[asset.Kind]map[string]bool // of contained kinds
	names   map[asset.ID]bool              // whose versions matter
	ids     map[asset.ID]bool              // single assets
	news    map[asset.ID]bool              // versions of the tree that the journal does not know, of names that it knows
}

// needs looks at the tree and the journal. Nothing is asked that the journal
// answers, unless the plan is to be full.
func needs(scope kind.Scope, assets []*asset.Asset, owned map[asset.ID]plan.Owned, full bool) *need {
	n := &need{scope: scope, kinds: map[asset.Kind]bool{}, parents: map[asset.Kind]map[string]bool{}, names: map[asset.ID]bool{}, ids: map[asset.ID]bool{}, news: map[asset.ID]bool{}}
	known := map[asset.ID]bool{}
	for id := range owned {
		known[id] = true
		known[id.Container()] = true
		n.asset(id, full || kind.Of(id.Kind) == nil, known)
	}
	for _, a := range assets {
		n.asset(a.ID, full || !known[a.ID.Container()], known)
		if a.ID.Version != "" && !full && known[a.ID.Container()] && !known[a.ID] {
			n.news[a.ID] = true
		}
		kind.Walk(a, func(s kind.Site) { n.site(a, s, full, known) })
	}
	return n
}

// asset asks for what says whether one asset is there; fresh asks for the
// versions of its name as well.
func (n *need) asset(id asset.ID, fresh bool, known map[asset.ID]bool) {
	t := kind.Of(id.Kind)
	switch {
	case t == nil:
	case t.Parent != "":
		n.kinds[t.Parent] = true
		if n.parents[id.Kind] == nil {
			n.parents[id.Kind] = map[string]bool{}
		}
		n.parents[id.Kind][id.Parent] = true
	case t.Top:
		n.ids[id] = true
	case t.Once:
		// The name of a job is known once it is resolved.
	case t.Collection == "codes":
	default:
		n.kinds[id.Kind] = true
		if t.Versioned && fresh {
			n.names[id.Container()] = true
		}
	}
}

// site asks for what a reference of the tree points to.
func (n *need) site(a *asset.Asset, s kind.Site, full bool, known map[asset.ID]bool) {
	r, ok := s.Type.(kind.Ref)
	if l, isLocal := s.Type.(kind.Local); isLocal && l.Asset != "" {
		r, ok = kind.Ref{To: l.Asset}, true
	}
	if !ok || kind.Of(r.To) == nil || s.Value.Type() != asset.String {
		return
	}
	ref, bad := r.Parse(s.Value.Str(), n.scope)
	if bad == "" && ref.Parent != "" {
		n.asset(asset.ID{Kind: r.To, Parent: ref.Parent, Name: ref.Name}, full, known)
		return
	}
	if bad != "" || ref.Form != kind.Short || kind.Of(r.To).Parent != "" {
		return
	}
	id := asset.ID{Kind: r.To, Name: ref.Name, Version: ref.Version}
	if known[id] && !full {
		return
	}
	if t := kind.Of(r.To); t.Once {
		n.ids[id] = true
		return
	}
	if r.To != a.ID.Kind || ref.Name != a.ID.Name {
		n.asset(id, full, known)
	}
	if ref.Version != "" {
		n.ids[id] = true
	}
}

// within asks for all that is in assets which bear our stamp: what the journal
// lost of it is found by its own stamp.
func (n *need) within(live Live, owner string) {
	inside := map[asset.Kind][]asset.Kind{}
	for _, t := range kind.All() {
		if t.Parent != "" {
			inside[t.Parent] = append(inside[t.Parent], t.Kind)
		}
	}
	for _, a := range live.Set().All() {
		if a.Stamps["owner"] != owner {
			continue
		}
		for _, k := range inside[a.ID.Kind] {
			if n.parents[k] == nil {
				n.parents[k] = map[string]bool{}
			}
			n.parents[k][a.ID.Name] = true
		}
	}
}

// listed are the kinds of which the service has a list worth reading.
func listed() []asset.Kind {
	var out []asset.Kind
	for _, t := range kind.All() {
		if t.Parent == "" && !t.Single() && t.Collection != "codes" {
			out = append(out, t.Kind)
		}
	}
	return out
}

// ahead asks for what needs no answer to be known to be needed, all at a time:
// each answer that is waited for by itself is a round trip in which nothing
// else goes on.
func (n *need) ahead(ctx context.Context, live Live, owned map[asset.ID]plan.Owned) {
	var g errgroup.Group
	ask := func(f func()) {
		g.Go(func() error {
			f()
			return nil
		})
	}
	ask(func() { live.List(ctx, keys(n.kinds)...) })
	ask(func() { live.Get(ctx, keys(n.news)...) })
	for k, parents := range n.parents {
		var ours []string
		for p := range parents {
			if _, ok := owned[asset.ID{Kind: kind.Of(k).Parent, Name: p}]; ok {
				ours = append(ours, p)
			}
		}
		ask(func() { live.Contained(ctx, k, ours...) })
	}
	_ = g.Wait() // failures are kept by live
}

// read asks for all of n: first the collections, then what they show to exist.
func (n *need) read(ctx context.Context, live Live, inTree map[asset.ID]bool, owned map[asset.ID]plan.Owned) {
	live.List(ctx, keys(n.kinds)...)
	live.Get(ctx, doubted(owned, live)...)
	for _, k := range slices.Sorted(maps.Keys(n.parents)) { // one after the other, and always in the same order
		var there []string
		for p := range n.parents[k] {
			if live.Status(asset.ID{Kind: kind.Of(k).Parent, Name: p}) != resolve.Absent {
				there = append(there, p)
			}
		}
		live.Contained(ctx, k, there...)
	}
	live.Get(ctx, doubted(owned, live)...)
	var names []asset.ID
	for id := range n.names {
		if _, ok := live.Name(id); ok {
			names = append(names, id)
		}
	}
	live.Versions(ctx, names...)
	var ids []asset.ID
	for id := range owned { // a list of versions can be behind as well
		if n.names[id.Container()] && live.Asset(id) == nil {
			ids = append(ids, id)
		}
	}
	for id := range n.ids {
		name, ok := live.Name(id)
		if inTree[id] && !kind.Of(id.Kind).Top || kind.Of(id.Kind).Versioned && (!ok || name.Latest == id.Version) {
			continue
		}
		ids = append(ids, id)
	}
	live.Get(ctx, ids...)
}

// doubted are the owned assets that the lists do not show. A list of the
// service can be behind what was just written, so each of them is asked for by
// itself before it is taken for deleted and made again.
func doubted(owned map[asset.ID]plan.Owned, live Live) []asset.ID {
	var out []asset.ID
	for id := range owned {
		if t := kind.Of(id.Kind); t != nil && !t.Single() && live.Asset(id) == nil && live.Status(id) == resolve.Absent {
			out = append(out, id)
		}
	}
	return out
}

func keys[K comparable](m map[K]bool) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// all asks for everything that is in the workspace, for export and for plans
// that look for unmanaged assets.
func all(ctx context.Context, live Live, versions bool, skip func(asset.ID) bool) {
	live.List(ctx, listed()...)
	for _, t := range kind.All() {
		if t.Parent == "" {
			continue
		}
		var parents []string
		for _, a := range live.Set().All() {
			if a.ID.Kind == t.Parent {
				parents = append(parents, a.ID.Name)
			}
		}
		live.Contained(ctx, t.Kind, parents...)
	}
	if !versions {
		return
	}
	var names []asset.ID
	for _, id := range live.Names() {
		if !skip(id) {
			names = append(names, id)
		}
	}
	live.Versions(ctx, names...)
}

// changed are the wanted assets whose live body must be read before they can
// be compared: those that the journal does not know as they are wanted.
func changed(want *resolve.Want, owned map[asset.ID]plan.Owned, live Live, full bool) []asset.ID {
	var out []asset.ID
	for _, id := range want.Order {
		a := want.Set.Get(id)
		t := kind.Of(id.Kind)
		if live.Asset(id) != nil || live.Status(id) == resolve.Absent || a.Anonymous && t.Renames {
			continue
		}
		o, known := owned[id]
		if known && !full && (t.Versioned || t.Once) && o.Digest == resolve.Digest(a) {
			continue
		}
		if t.Parent != "" && live.Complete(id) {
			continue
		}
		out = append(out, id)
	}
	return out
}

// leanedOn are the versions that only the journal knows and that assets name
// which are going to be made and serve: somebody may have deleted them. Of what
// is there already, of versions and of runs, a failure has everything read.
func leanedOn(scope kind.Scope, want *resolve.Want, owned map[asset.ID]plan.Owned, live Live) []asset.ID {
	var out []asset.ID
	if len(owned) == 0 {
		return nil
	}
	for _, id := range want.Order {
		a := want.Set.Get(id)
		_, known := owned[id]
		if t := kind.Of(id.Kind); t.Versioned || t.Once || known && live.Status(id) != resolve.Absent {
			continue
		}
		for _, to := range plan.References(scope, a) {
			_, known := owned[to]
			t := kind.Of(to.Kind)
			if known && live.Asset(to) == nil && live.Status(to) != resolve.Absent && !(t.Renames && to.Name == t.Anonymous) {
				out = append(out, to)
			}
		}
	}
	return out
}

// removed are the owned assets that git no longer has and that no list showed:
// nothing is removed that was not read in the same pass. Inline assets, and runs of jobs whose file has another run now, are history
// and are not asked for.
func removed(want *resolve.Want, owned map[asset.ID]plan.Owned, live Live) []asset.ID {
	var out []asset.ID
	newest := newestByFile(want)
	for id, o := range owned {
		t := kind.Of(id.Kind)
		switch {
		case t == nil || want.Set.Get(id) != nil || live.Asset(id) != nil || t.Remove == kind.Orphan:
		case history(t, o, newest):
		case t.Anonymous != "" && id.Name == t.Anonymous:
		case live.Status(id) != resolve.Absent:
			out = append(out, id)
		}
	}
	return out
}

// movedHistory is the history of files that were moved, with the file it is of
// now: moving a file removes nothing.
func movedHistory(want *resolve.Want, owned map[asset.ID]plan.Owned) []plan.Owned {
	now := map[fileName]string{} // of a name and its old file
	for _, id := range want.Order {
		if o, ok := owned[id]; ok && id.Version != "" && o.File != want.Set.Get(id).Pos.File {
			now[fileName{id.Container(), o.File}] = want.Set.Get(id).Pos.File
		}
	}
	var out []plan.Owned
	for id, o := range owned {
		if file := now[fileName{id.Container(), o.File}]; file != "" && want.Set.Get(id) == nil {
			o.File = file
			out = append(out, o)
		}
	}
	return out
}

// history reports whether the file of an owned asset holds a later version, or
// another run, now.
func history(t *kind.Table, o plan.Owned, newest map[fileName]string) bool {
	if t.Once {
		return newest[fileName{asset.ID{Kind: o.ID.Kind}, o.File}] != ""
	}
	return t.Versioned && later(newest[fileName{o.ID.Container(), o.File}], o.ID.Version)
}

// fileName is a name of versions and the file that holds one of them.
type fileName struct {
	name asset.ID
	file string
}

// newestByFile are the highest wanted versions: what a file held before is
// history, and not removed.
func newestByFile(want *resolve.Want) map[fileName]string {
	out := map[fileName]string{}
	for _, id := range want.Order {
		key := fileName{id.Container(), want.Set.Get(id).Pos.File}
		if kind.Of(id.Kind).Once {
			out[fileName{asset.ID{Kind: id.Kind}, key.file}] = "run"
			continue
		}
		if id.Version != "" && (out[key] == "" || later(id.Version, out[key])) {
			out[key] = id.Version
		}
	}
	return out
}

// later reports whether version a is there and after b.
func later(a, b string) bool { return a != "" && asset.CompareVersions(a, b) > 0 }
