package lineage

import (
	"mlsync.dev/mlsync/asset"
)

// Type tells nodes apart.
type Type string

// The types of nodes. An address is data that has no version; a gap stands for
// what nobody knows.
const (
	Asset   Type = "asset"
	Release Type = "release"
	Commit  Type = "commit"
	Address Type = "address"
	Gap     Type = "gap"
)

// State is what is known of a node.
type State string

// The states: it is there, the answer was that it is not, or nobody knows.
const (
	Known   State = "known"
	Absent  State = "absent"
	Unknown State = "unknown"
)

// Node is one thing of a lineage.
type Node struct {
	// Key names the node within the graph.
	Key  string `json:"key"`
	Type Type   `json:"type"`
	// Target is where an asset is; ID is that of an asset.
	Target string   `json:"target,omitempty"`
	ID     asset.ID `json:"id,omitzero"`
	// Name is that of a release, the hash of a commit or the address.
	Name  string `json:"name,omitempty"`
	State State  `json:"state"`
	// Why says what could not be read, or why it is not there.
	Why string `json:"why,omitempty"`
	// Remark is what else is to be said.
	Remark string `json:"remark,omitempty"`
	// Metrics are those of a job that a release notes.
	Metrics map[string]string `json:"metrics,omitempty"`
}

// Edge leads from a node to one that it came from or, in a graph of uses, went to.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	What string `json:"what"`
}

// Graph is a lineage. Nodes and edges are in the order in which they were found,
// which is the same for the same answers.
type Graph struct {
	Down  bool     `json:"down"`
	Roots []string `json:"roots"`
	Nodes []*Node  `json:"nodes"`
	Edges []Edge   `json:"edges"`

	at  map[string]*Node
	out map[string][]Edge
}

func newGraph(down bool) *Graph {
	return &Graph{Down: down, Roots: []string{}, Nodes: []*Node{}, Edges: []Edge{}, at: map[string]*Node{}, out: map[string][]Edge{}}
}

// Node is the node of a key, or nil.
func (g *Graph) Node(key string) *Node { return g.at[key] }

// Complete reports whether all that was asked for was read.
func (g *Graph) Complete() bool {
	for _, n := range g.Nodes {
		if n.State == Unknown {
			return false
		}
	}
	return true
}

// Tells reports whether the graph says more of its root than files do: that a
// job or a release made it, or that nobody knows.
func (g *Graph) Tells() bool {
	for _, e := range g.Edges {
		if e.What == madeBy || e.What == cameBy || g.at[e.To].State == Unknown {
			return true
		}
	}
	return false
}

// add adds a node, and reports whether it is new.
func (g *Graph) add(n Node) (*Node, bool) {
	if old := g.at[n.Key]; old != nil {
		return old, false
	}
	if n.State == "" {
		n.State = Known
	}
	g.at[n.Key] = &n
	g.Nodes = append(g.Nodes, &n)
	return &n, true
}

// edge adds an edge, once.
func (g *Graph) edge(from *Node, what string, to *Node) {
	e := Edge{from.Key, to.Key, what}
	for _, old := range g.out[e.From] {
		if old == e {
			return
		}
	}
	g.out[e.From] = append(g.out[e.From], e)
	g.Edges = append(g.Edges, e)
}
