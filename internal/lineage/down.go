package lineage

import (
	"cmp"
	"maps"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
)

// What edges to where something went say.
const (
	usedBy  = "used by"  // an asset by one that refers to it
	takenBy = "taken by" // data, code or an environment by a job
	made    = "made"     // a job an asset
	in      = "in"       // an asset in a release
	wentTo  = "went to"  // a release, to a target
)

// UsesOfAsset is where an asset of a target went: what refers to it, which
// releases hold it, and where these went.
func UsesOfAsset(look Look, target string, id asset.ID) *Graph {
	w := newWalker(look, true)
	w.whole(target, id, w.down)
	return w.g
}

// UsesOfRelease is where a release went.
func UsesOfRelease(look Look, name string) *Graph {
	w := newWalker(look, true)
	n, r, _ := w.releaseNode(name)
	w.g.Roots = append(w.g.Roots, n.Key)
	if r != nil {
		for i := range r.Assets {
			w.went(n, r, &r.Assets[i])
		}
	}
	return w.g
}

// down follows an asset to where it went.
func (w *walker) down(target string, id asset.ID) *Node {
	n, live, fresh := w.asset(target, id)
	if !fresh || kind.Of(id.Kind) == nil {
		return n
	}
	if kind.Of(id.Kind).Once {
		n.Metrics = w.metrics(n, live)
	} else if n.State == Known {
		users, unknown := w.Users(target, id)
		for _, u := range users {
			w.g.edge(n, usedBy, w.down(u.Target, u.ID))
		}
		for _, why := range unknown {
			w.gap(n, usedBy, why)
		}
	}
	for _, r := range w.Releases {
		if w.target(r.Source) != target {
			continue
		}
		w.runs(n, r)
		if a := r.Get(id); a != nil && (live == nil || released(live, a)) {
			to, _, _ := w.releaseNode(r.Name)
			w.g.edge(n, in, to)
			w.went(to, r, a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Broken)) {
		w.gap(n, in, promote.FileOf(name)+" could not be read: "+w.Broken[name])
	}
	return n
}

// released reports whether a live asset is what a release holds: a version
// always is; what has none may have changed, and then refers to others.
func released(live *asset.Asset, a *promote.Asset) bool {
	if kind.Of(a.ID.Kind).Versioned {
		return true
	}
	now, then := Read(live).Needs, Read(a.Written()).Needs
	slices.SortFunc(now, compareNeeds)
	slices.SortFunc(then, compareNeeds)
	return slices.Equal(now, then)
}

func compareNeeds(a, b Need) int {
	return cmp.Or(cmp.Compare(a.Registry, b.Registry), a.ID.Compare(b.ID))
}

// runs follows what a release says of the jobs of its source.
func (w *walker) runs(n *Node, r *promote.Release) {
	text := n.ID.String()
	for _, a := range r.Assets {
		o := a.Origin
		switch {
		case o.Job == "" || o.Release != "": // it ran elsewhere
		case n.ID == jobID(o.Job):
			w.g.edge(n, made, w.down(n.Target, a.ID))
		case slices.Contains(o.Data, text) || slices.Contains(o.Uses, text):
			w.g.edge(n, takenBy, w.down(n.Target, jobID(o.Job)))
		}
	}
}

// went follows an asset of a release to the targets that it was promoted to.
func (w *walker) went(n *Node, r *promote.Release, a *promote.Asset) {
	source := w.target(r.Source)
	for _, target := range slices.Sorted(maps.Keys(w.Pins)) {
		pins := w.Pins[target]
		pin := pins.Of(a.ID)
		if pin == nil || target == source || pin.Digest != a.Digest || !slices.Contains(pin.From, r.Name) && !slices.Contains(pins.History, r.Name) {
			continue
		}
		to := w.down(target, a.ID)
		if to.State == Absent {
			to.Why = "pinned, and not applied yet"
		}
		w.g.edge(n, wentTo, to)
	}
}
