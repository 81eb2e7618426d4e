package graph

import "slices"

// Cycles returns a set of cycles in which every node that lies on any cycle
// occurs at least once; none means that the graph can be ordered. Each cycle is
// a shortest one through one of its nodes, is listed in the direction of needs
// (each node needs the next, the last needs the first) and starts at its least
// node. The list is sorted by first node.
func (g *Graph[K]) Cycles() [][]K {
	ix := g.index()
	component := ix.components()
	covered := make([]bool, len(ix.keys))
	seen := make([]int, len(ix.keys)) // round in which the node was reached
	from := make([]int, len(ix.keys))
	var cycles [][]int
	for start := range ix.keys {
		if covered[start] {
			continue
		}
		cycle := ix.shortestThrough(start, component, seen, from)
		for _, n := range cycle {
			covered[n] = true
		}
		if cycle != nil {
			cycles = append(cycles, leastFirst(cycle))
		}
	}
	slices.SortFunc(cycles, slices.Compare[[]int])
	out := make([][]K, len(cycles))
	for i, cycle := range cycles {
		out[i] = ix.named(cycle)
	}
	return out
}

// shortestThrough searches breadth first from start back to start, inside
// start's component: outside it there is no way back. seen and from are scratch
// space that is shared by calls with different starts.
func (ix *indexed[K]) shortestThrough(start int, component, seen, from []int) []int {
	round := start + 1 // 0 means never reached
	queue := []int{start}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, need := range ix.needs[n] {
			if need == start {
				var path []int
				for ; n != start; n = from[n] {
					path = append(path, n)
				}
				path = append(path, start)
				slices.Reverse(path)
				return path
			}
			if component[need] != component[start] || seen[need] == round {
				continue
			}
			seen[need], from[need] = round, n
			queue = append(queue, need)
		}
	}
	return nil
}

func leastFirst(cycle []int) []int {
	at := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[at:], cycle[:at])
}

// components numbers the strongly connected components (Kosaraju, without
// recursion: a chain of needs may be as long as the graph).
func (ix *indexed[K]) components() []int {
	finished := make([]int, 0, len(ix.keys))
	visited := make([]bool, len(ix.keys))
	next := make([]int, len(ix.keys)) // next need to look at
	for root := range ix.keys {
		if visited[root] {
			continue
		}
		visited[root] = true
		stack := []int{root}
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			if next[n] == len(ix.needs[n]) {
				finished = append(finished, n)
				stack = stack[:len(stack)-1]
				continue
			}
			need := ix.needs[n][next[n]]
			next[n]++
			if !visited[need] {
				visited[need] = true
				stack = append(stack, need)
			}
		}
	}
	component := make([]int, len(ix.keys)) // 0 means none yet
	for _, root := range slices.Backward(finished) {
		if component[root] != 0 {
			continue
		}
		component[root] = root + 1
		stack := []int{root}
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, user := range ix.users[n] {
				if component[user] == 0 {
					component[user] = root + 1
					stack = append(stack, user)
				}
			}
		}
	}
	return component
}
