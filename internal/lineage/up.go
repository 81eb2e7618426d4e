package lineage

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
)

// What edges to where something came from say.
const (
	cameBy   = "came by"   // an asset by a release
	isOf     = "of"        // a release of the asset of its source
	holds    = "holds"     // a release its roots, an endpoint its deployments
	madeBy   = "made by"   // an asset by a job
	took     = "took"      // a job data
	ran      = "ran"       // a job code, an environment or a component
	refersTo = "refers to" // an asset to another
	reads    = "reads"     // an asset an address
)

// OfAsset is where an asset of a target came from.
func OfAsset(look Look, target string, id asset.ID) *Graph {
	w := newWalker(look, false)
	w.whole(target, id, w.up)
	return w.g
}

// whole follows an asset, the root of the graph, and what is in it.
func (w *walker) whole(target string, id asset.ID, follow func(target string, id asset.ID) *Node) {
	n := follow(target, id)
	w.g.Roots = append(w.g.Roots, n.Key)
	if n.State != Known || !hasParts(id.Kind) {
		return
	}
	inside, unknown := w.Contained(target, id)
	if unknown != "" {
		w.gap(n, holds, unknown)
	}
	for _, part := range inside {
		w.g.edge(n, holds, follow(target, part))
	}
}

// OfRelease is where what a release holds came from.
func OfRelease(look Look, name string) *Graph {
	w := newWalker(look, false)
	n, r, _ := w.releaseNode(name)
	w.g.Roots = append(w.g.Roots, n.Key)
	if r == nil {
		return w.g
	}
	w.commit(n, r.Source.Commit)
	for _, id := range r.Roots {
		root := w.of(r, r.Get(id))
		w.g.edge(n, holds, root)
		for i := range r.Assets {
			if a := &r.Assets[i]; a.ID.Parent == id.Name && kind.Of(a.ID.Kind).Parent == id.Kind {
				w.g.edge(root, holds, w.of(r, a))
			}
		}
	}
	return w.g
}

// of is an asset of the source of a release as it was released. A version is
// still what it was; of what has none, only the release knows.
func (w *walker) of(r *promote.Release, a *promote.Asset) *Node {
	target := w.target(r.Source)
	if kind.Of(a.ID.Kind).Versioned {
		return w.up(target, a.ID)
	}
	n, fresh := w.node(Node{Key: "release:" + r.Name + " " + keyOf(target, a.ID), Type: Asset, Target: target, ID: a.ID, Remark: "as in " + r.Name})
	if !fresh {
		return n
	}
	if a.Origin.Release != "" {
		w.cameBy(n, a.Origin.Release, "")
	}
	t := Read(a.Written())
	w.needs(n, refersTo, slices.Concat(t.Inputs, t.Needs))
	w.places(n, t.Places, reads)
	w.commit(n, a.Origin.Commit)
	return n
}

// hasParts reports whether assets of a kind contain others.
func hasParts(k asset.Kind) bool {
	for _, t := range kind.All() {
		if t.Parent == k {
			return true
		}
	}
	return false
}

// up follows an asset to where it came from.
func (w *walker) up(target string, id asset.ID) *Node {
	n, live, fresh := w.asset(target, id)
	if !fresh || n.Remark != "" {
		return n
	}
	var t Trace
	if live != nil {
		t = Read(live)
	}
	noted := w.noted[n.Key]
	if kind.Of(id.Kind) != nil && kind.Of(id.Kind).Once {
		noted = w.jobs[n.Key]
		n.Metrics = w.metrics(n, live)
		w.job(n, live, t, noted)
		return n
	}
	w.came(n, live != nil, t, noted)
	if t.Release == "" && noted.Release == "" && noted.Job != "" && !slices.Contains(t.Jobs, noted.Job) {
		t.Jobs = append(t.Jobs, noted.Job)
	}
	for _, job := range t.Jobs {
		w.g.edge(n, madeBy, w.up(target, jobID(job)))
	}
	w.needs(n, refersTo, slices.Concat(t.Inputs, t.Needs))
	w.places(n, t.Places, reads)
	if t.Commit == "" && n.State != Known {
		t.Commit = noted.Commit // of what it was when the release was made
	}
	w.commit(n, t.Commit)
	return n
}

// metrics are those of a job: as it says, else as a release noted.
func (w *walker) metrics(n *Node, live *asset.Asset) map[string]string {
	if live != nil {
		return w.Metrics(live)
	}
	return w.jobs[n.Key].Metrics
}

// job follows a job to what it took. What cannot be read of it is what a release
// noted, as far as that goes.
func (w *walker) job(n *Node, live *asset.Asset, t Trace, noted promote.Origin) {
	if live == nil {
		t.Inputs, t.Places = parsed(noted.Data)
		needs, more := parsed(noted.Uses)
		t.Needs, t.Places, t.Commit = needs, append(t.Places, more...), noted.JobCommit
	}
	for _, job := range t.Jobs {
		w.g.edge(n, took, w.up(n.Target, jobID(job)))
	}
	w.needs(n, took, t.Inputs)
	w.needs(n, ran, t.Needs)
	w.places(n, t.Places, took)
	w.commit(n, t.Commit)
}

// parsed are the assets that a release notes of a job, and what is none.
func parsed(texts []string) (needs []Need, places []string) {
	for _, text := range texts {
		id, err := asset.ParseID(text)
		switch t := kind.Of(id.Kind); {
		case err == nil && t != nil:
			needs = append(needs, Need{"", id})
		default:
			places = append(places, text)
		}
	}
	return needs, places
}

// needs follows references; into registries that are targets.
func (w *walker) needs(n *Node, what string, list []Need) {
	for _, need := range list {
		if need.Registry == "" {
			w.g.edge(n, what, w.up(n.Target, need.ID))
			continue
		}
		if target := w.TargetAt(kind.Scope{Registry: need.Registry}); target != "" {
			w.g.edge(n, what, w.up(target, need.ID))
			continue
		}
		at := "registry " + need.Registry
		to, _ := w.node(Node{Key: keyOf(at, need.ID), Type: Asset, Target: at, ID: need.ID, Remark: "no target of mlsync.yaml"})
		w.g.edge(n, what, to)
	}
}

func (w *walker) places(n *Node, list []string, what string) {
	for _, p := range list {
		to, _ := w.node(Node{Key: "address:" + p, Type: Address, Name: p})
		w.g.edge(n, what, to)
	}
}

// came follows an asset to the release that brought it: the one of its stamp or,
// of a kind that carries none, of the target's record.
func (w *walker) came(n *Node, there bool, t Trace, noted promote.Origin) {
	name := t.Release
	if pins := w.Pins[n.Target]; name == "" && there && pins != nil {
		if pin := pins.Of(n.ID); pin != nil && len(pin.From) > 0 {
			name = pin.From[len(pin.From)-1]
		}
	}
	if name == "" && !there {
		name = noted.Release
	}
	if name != "" {
		w.cameBy(n, name, t.Source)
	}
}

// cameBy follows an asset to a release and its source; without the release, to
// the source of the stamp.
func (w *walker) cameBy(n *Node, name, source string) {
	by, r, _ := w.releaseNode(name)
	w.g.edge(n, cameBy, by)
	if r != nil {
		w.commit(by, r.Source.Commit)
		if a := r.Get(n.ID); a != nil && w.target(r.Source) != n.Target {
			w.g.edge(by, isOf, w.of(r, a))
		}
		return
	}
	s, ok := ParseSource(source)
	if !ok {
		return
	}
	w.commit(by, s.Commit)
	if target := w.target(s); kind.Of(n.ID.Kind).Versioned && target != n.Target {
		w.g.edge(by, isOf, w.up(target, n.ID))
	}
}

// SourceText is what the stamp "source" says: where a release was made, and of
// which commit.
func SourceText(s promote.Source) string {
	text := strings.Join([]string{s.Subscription, s.ResourceGroup, s.Workspace}, "/")
	if s.Commit != "" {
		text += "@" + s.Commit
	}
	return text
}

// ParseSource reads a stamp "source".
func ParseSource(text string) (promote.Source, bool) {
	place, commit, _ := strings.Cut(text, "@")
	parts := strings.Split(place, "/")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return promote.Source{}, false
	}
	return promote.Source{Subscription: parts[0], ResourceGroup: parts[1], Workspace: parts[2], Commit: commit}, true
}
