package graph

import "slices"

// indexed is a graph whose nodes are the numbers 0..n-1 in key order, so that
// comparing numbers is comparing keys.
type indexed[K comparable] struct {
	keys  []K
	needs [][]int // sorted
	// users is needs turned round, sorted.
	users   [][]int
	weights []int
}

func (g *Graph[K]) index() *indexed[K] {
	keys := g.Nodes()
	number := make(map[K]int, len(keys))
	for i, key := range keys {
		number[key] = i
	}
	ix := &indexed[K]{keys: keys, needs: make([][]int, len(keys)), users: make([][]int, len(keys)), weights: make([]int, len(keys))}
	for i, key := range keys {
		ix.weights[i] = 1
		if w, ok := g.weights[key]; ok {
			ix.weights[i] = w
		}
		list := make([]int, 0, len(g.needs[key]))
		for need := range g.needs[key] {
			list = append(list, number[need])
		}
		slices.Sort(list)
		ix.needs[i] = list
		for _, need := range list {
			ix.users[need] = append(ix.users[need], i) // i only grows: sorted
		}
	}
	return ix
}

func (ix *indexed[K]) named(nodes []int) []K {
	out := make([]K, len(nodes))
	for i, n := range nodes {
		out[i] = ix.keys[n]
	}
	return out
}

// levels returns nil for a graph with a cycle, and an empty list for an empty
// one.
func (ix *indexed[K]) levels() [][]int {
	open := make([]int, len(ix.keys)) // needs not yet placed
	var level []int
	for n, needs := range ix.needs {
		open[n] = len(needs)
		if open[n] == 0 {
			level = append(level, n)
		}
	}
	out := [][]int{}
	placed := 0
	for len(level) > 0 {
		out = append(out, level)
		placed += len(level)
		var next []int
		for _, n := range level {
			for _, user := range ix.users[n] {
				if open[user]--; open[user] == 0 {
					next = append(next, user)
				}
			}
		}
		slices.Sort(next)
		level = next
	}
	if placed < len(ix.keys) {
		return nil
	}
	return out
}
