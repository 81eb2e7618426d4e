// Package graph is a dependency graph over comparable keys: it finds cycles,
// orders nodes so that what is needed comes first, and walks them in that
// order with bounded parallelism.
//
// It must not know any word of the domain: a node is a key, an edge says that
// one key needs another, and that is all. Every result is deterministic: equal
// graphs give equal answers whatever the order in which they were built.
package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Graph is a set of nodes and of needs between them. Make one with New. It is
// not safe for concurrent change; any number of readers may share one that is
// no longer changed.
type Graph[K comparable] struct {
	compare func(a, b K) int
	needs   map[K]map[K]struct{}
	weights map[K]int
}

// New returns an empty graph. compare must be a total order in which only equal
// keys compare as 0; it breaks every tie.
func New[K comparable](compare func(a, b K) int) *Graph[K] {
	return &Graph[K]{compare: compare, needs: map[K]map[K]struct{}{}, weights: map[K]int{}}
}

// Add puts node in the graph. Adding it again changes nothing.
func (g *Graph[K]) Add(node K) {
	if _, ok := g.needs[node]; !ok {
		g.needs[node] = map[K]struct{}{}
	}
}

// Edge says that from needs needs, and adds both nodes. A node that needs
// itself is a cycle of one.
func (g *Graph[K]) Edge(from, needs K) {
	g.Add(from)
	g.Add(needs)
	g.needs[from][needs] = struct{}{}
}

// Weigh says how long node takes beside the others, each of which weighs 1.
// Weights decide only what a walk starts first.
func (g *Graph[K]) Weigh(node K, weight int) { g.weights[node] = weight }

// Has reports whether node was added.
func (g *Graph[K]) Has(node K) bool {
	_, ok := g.needs[node]
	return ok
}

// Len is the number of nodes.
func (g *Graph[K]) Len() int { return len(g.needs) }

// Nodes returns all nodes, sorted.
func (g *Graph[K]) Nodes() []K {
	return slices.SortedFunc(maps.Keys(g.needs), g.compare)
}

// Needs returns the nodes that node needs directly, sorted; none for a node
// that is not in the graph.
func (g *Graph[K]) Needs(node K) []K {
	return slices.SortedFunc(maps.Keys(g.needs[node]), g.compare)
}

// Reverse returns a new graph with the same nodes and every edge turned round:
// what was needed now needs.
func (g *Graph[K]) Reverse() *Graph[K] {
	out := New(g.compare)
	out.weights = maps.Clone(g.weights)
	for node, needs := range g.needs {
		out.Add(node)
		for need := range needs {
			out.Edge(need, node)
		}
	}
	return out
}

// Reach returns the given nodes and everything they need, directly or not,
// sorted. Nodes that are not in the graph are left out. On the reversed graph
// it returns everything that depends on them.
func (g *Graph[K]) Reach(from ...K) []K {
	seen := map[K]struct{}{}
	var open []K
	visit := func(node K) {
		if _, ok := seen[node]; !ok && g.Has(node) {
			seen[node] = struct{}{}
			open = append(open, node)
		}
	}
	for _, node := range from {
		visit(node)
	}
	for len(open) > 0 {
		node := open[len(open)-1]
		open = open[:len(open)-1]
		for need := range g.needs[node] {
			visit(need)
		}
	}
	return slices.SortedFunc(maps.Keys(seen), g.compare)
}

// Levels returns the nodes in layers: the first holds the nodes that need
// nothing, every later one the nodes whose longest chain of needs has that
// length. Layers are sorted. A graph with a cycle gives a *CycleError[K].
func (g *Graph[K]) Levels() ([][]K, error) {
	ix := g.index()
	levels := ix.levels()
	if levels == nil {
		return nil, &CycleError[K]{Cycles: g.Cycles()}
	}
	out := make([][]K, len(levels))
	for i, level := range levels {
		out[i] = ix.named(level)
	}
	return out, nil
}

// Order returns the levels one after another: every node comes after all that
// it needs. A graph with a cycle gives a *CycleError[K].
func (g *Graph[K]) Order() ([]K, error) {
	levels, err := g.Levels()
	return slices.Concat(levels...), err
}

// CycleError says that nodes need each other in a circle, so that no order
// exists.
type CycleError[K comparable] struct {
	// Cycles is what Graph.Cycles returned; never empty.
	Cycles [][]K
}

// Error names every node of the first cycle and counts the others.
func (e *CycleError[K]) Error() string {
	var b strings.Builder
	b.WriteString("cycle: ")
	for _, node := range e.Cycles[0] {
		fmt.Fprintf(&b, "%v -> ", node)
	}
	fmt.Fprintf(&b, "%v", e.Cycles[0][0])
	if more := len(e.Cycles) - 1; more > 0 {
		fmt.Fprintf(&b, " (and %d more)", more)
	}
	return b.String()
}
