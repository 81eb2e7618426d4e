package lineage

import (
	"fmt"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
)

// Found is the answer to what one asset of a target is. Nothing but an answer
// makes it absent.
type Found struct {
	// Asset is the live one; nil if there is none.
	Asset *asset.Asset
	// Unknown says why nobody knows; "" if somebody does.
	Unknown string
}

// User is an asset of a target that refers to another one.
type User struct {
	Target string
	ID     asset.ID
}

// Look answers what a lineage is made of. Functions for the other direction may
// be nil.
type Look struct {
	// Asset is the live asset of a target.
	Asset func(target string, id asset.ID) Found
	// Contained are the assets in another one.
	Contained func(target string, id asset.ID) (ids []asset.ID, unknown string)
	// Users are the assets of all targets that refer to one.
	Users func(target string, id asset.ID) (users []User, unknown []string)
	// Metrics are those of a job that are worth telling.
	Metrics func(job *asset.Asset) map[string]string
	// TargetAt is the target at a place, "" if there is none.
	TargetAt func(scope kind.Scope) string
	// Releases are those of the repository, and Broken those that it has and
	// that could not be read, with the reason.
	Releases []*promote.Release
	Broken   map[string]string
	// Pins are the records of the targets with an overlay.
	Pins map[string]*promote.Pins
	// Max is how many nodes a graph may have.
	Max int
}

// walker makes one graph.
type walker struct {
	Look
	g *Graph
	// noted is what releases say of assets, by target and id; jobs by target and
	// name.
	noted map[string]promote.Origin
	jobs  map[string]promote.Origin
	full  bool
}

func newWalker(look Look, down bool) *walker {
	w := &walker{Look: look, g: newGraph(down), noted: map[string]promote.Origin{}, jobs: map[string]promote.Origin{}}
	for _, r := range look.Releases {
		target := w.target(r.Source)
		for _, a := range r.Assets {
			w.noted[keyOf(target, a.ID)] = a.Origin
			if a.Origin.Job != "" && a.Origin.Release == "" {
				w.jobs[keyOf(target, jobID(a.Origin.Job))] = a.Origin
			}
		}
	}
	return w
}

func jobID(name string) asset.ID { return asset.ID{Kind: "job", Name: name} }

func keyOf(target string, id asset.ID) string { return target + ":" + id.String() }

// nowhere begins the name of a place that is no target.
const nowhere = "workspace "

// target is the name of the target at the source of a release or, if there is
// none, of its workspace.
func (w *walker) target(s promote.Source) string {
	scope := kind.Scope{Subscription: s.Subscription, ResourceGroup: s.ResourceGroup, Workspace: s.Workspace}
	if t := w.TargetAt(scope); t != "" {
		return t
	}
	return nowhere + s.Workspace + " in " + s.ResourceGroup
}

// release is a release by its name, or nil.
func (w *walker) release(name string) *promote.Release {
	for _, r := range w.Releases {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// node adds a node; nil if the graph is full.
func (w *walker) node(n Node) (node *Node, fresh bool) {
	if w.g.at[n.Key] == nil && len(w.g.Nodes) >= w.Max {
		if !w.full {
			w.full = true
			w.g.add(Node{Key: "more", Type: Gap, State: Unknown, Name: "more", Why: fmt.Sprintf("a lineage has at most %d nodes, and the rest was left out", w.Max)})
		}
		return w.g.at["more"], false
	}
	return w.g.add(n)
}

// gap adds what nobody knows of a node.
func (w *walker) gap(of *Node, what, why string) {
	n, _ := w.node(Node{Key: what + " " + of.Key + " " + why, Type: Gap, Name: what, State: Unknown, Why: why})
	w.g.edge(of, what, n)
}

// asset adds an asset, with the answer to what it is.
func (w *walker) asset(target string, id asset.ID) (node *Node, live *asset.Asset, fresh bool) {
	n := Node{Key: keyOf(target, id), Type: Asset, Target: target, ID: id}
	t := kind.Of(id.Kind)
	switch {
	case w.g.at[n.Key] != nil:
	case len(w.g.Nodes) >= w.Max:
	case t == nil:
		n.State, n.Why = Unknown, "this mlsync does not know its kind"
	case t.IsSystem(id):
		n.Remark = "of the service"
	case strings.HasPrefix(target, nowhere):
		n.State, n.Why = Unknown, "no target of mlsync.yaml is at this workspace"
	default:
		got := w.Asset(target, id)
		live = got.Asset
		switch {
		case got.Unknown != "":
			n.State, n.Why = Unknown, got.Unknown
		case live == nil:
			n.State, n.Why = Absent, "it is not there"
		}
	}
	node, fresh = w.node(n)
	return node, live, fresh
}

func (w *walker) commit(of *Node, hash string) {
	if hash == "" {
		return
	}
	n, _ := w.node(Node{Key: "commit:" + hash, Type: Commit, Name: hash})
	w.g.edge(of, "at", n)
}

// releaseNode adds a release.
func (w *walker) releaseNode(name string) (node *Node, r *promote.Release, fresh bool) {
	n := Node{Key: "release:" + name, Type: Release, Name: name}
	if r = w.release(name); r == nil {
		n.State, n.Why = Unknown, w.Broken[name]
		if n.Why == "" {
			n.Why = promote.FileOf(name) + " is not in this folder"
		}
	} else {
		n.Remark = "from " + r.Source.Target
	}
	node, fresh = w.node(n)
	return node, r, fresh
}
