package graph

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func needs(edges ...string) *Graph[string] { return build(cmp.Compare[string], edges) }

// build reads edges such as "a>b" (a needs b) and lone nodes such as "c".
func build(compare func(a, b string) int, edges []string) *Graph[string] {
	g := New(compare)
	for _, e := range edges {
		if len(e) == 3 {
			g.Edge(e[:1], e[2:])
		} else {
			g.Add(e)
		}
	}
	return g
}

func TestLevels(t *testing.T) {
	for _, tc := range []struct {
		name  string
		edges []string
		want  [][]string
	}{
		{"empty", nil, [][]string{}},
		{"lone nodes in key order", []string{"b", "a", "c"}, [][]string{{"a", "b", "c"}}},
		{"chain", []string{"a>b", "b>c"}, [][]string{{"c"}, {"b"}, {"a"}}},
		{"diamond", []string{"d>b", "d>c", "b>a", "c>a"}, [][]string{{"a"}, {"b", "c"}, {"d"}}},
		{"the longest chain decides", []string{"d>a", "d>c", "c>b", "b>a", "e"}, [][]string{{"a", "e"}, {"b"}, {"c"}, {"d"}}},
		{"edge given twice", []string{"a>b", "a>b"}, [][]string{{"b"}, {"a"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := needs(tc.edges...).Levels()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, tc.want, slices.Equal) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestCycles(t *testing.T) {
	for _, tc := range []struct {
		name  string
		edges []string
		want  [][]string
	}{
		{"none", []string{"a>b", "b>c", "a>c"}, nil},
		{"itself", []string{"b>b", "a>b"}, [][]string{{"b"}}},
		{"starts at the least node", []string{"c>a", "b>c", "a>b"}, [][]string{{"a", "b", "c"}}},
		{"leading in and out is no part", []string{"x>a", "a>b", "b>a", "b>y"}, [][]string{{"a", "b"}}},
		{"two apart", []string{"a>b", "b>a", "c>d", "d>c"}, [][]string{{"a", "b"}, {"c", "d"}}},
		{"two joined at a node", []string{"a>b", "b>a", "b>c", "c>b"}, [][]string{{"a", "b"}, {"b", "c"}}},
		{"the shortest", []string{"a>b", "b>c", "c>d", "d>a", "b>a"}, [][]string{{"a", "b"}, {"a", "b", "c", "d"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := needs(tc.edges...)
			if got := g.Cycles(); !slices.EqualFunc(got, tc.want, slices.Equal) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			_, err := g.Order()
			var cycle *CycleError[string]
			if errors.As(err, &cycle) != (tc.want != nil) {
				t.Errorf("order: got error %v", err)
			}
		})
	}
}

func TestCycleErrorNamesTheCircle(t *testing.T) {
	_, err := needs("a>b", "b>a", "c>c").Order()
	want := "cycle: a -> b -> a (and 1 more)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReach(t *testing.T) {
	g := needs("a>b", "b>c", "d>c", "c>b", "e")
	for _, tc := range []struct {
		name string
		got  []string
		want []string
	}{
		{"needs, through a cycle", g.Reach("a"), []string{"a", "b", "c"}},
		{"unknown nodes are left out", g.Reach("e", "z"), []string{"e"}},
		{"dependents", g.Reverse().Reach("c"), []string{"a", "b", "c", "d"}},
		{"direct needs", g.Needs("a"), []string{"b"}},
		{"needs of an unknown node", g.Needs("z"), nil},
	} {
		if !slices.Equal(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

type edge struct{ from, needs int }

// drawEdges makes any graph of up to ten nodes, or one without cycles.
func drawEdges(t *rapid.T, acyclic bool) (nodes int, edges []edge) {
	nodes = rapid.IntRange(0, 10).Draw(t, "nodes")
	if nodes == 0 {
		return 0, nil
	}
	one := rapid.Custom(func(t *rapid.T) edge {
		return edge{rapid.IntRange(0, nodes-1).Draw(t, "from"), rapid.IntRange(0, nodes-1).Draw(t, "needs")}
	})
	rank := rapid.Permutation(numbers(nodes)).Draw(t, "rank")
	for _, e := range rapid.SliceOfN(one, 0, 2*nodes).Draw(t, "edges") {
		if acyclic && rank[e.from] <= rank[e.needs] {
			continue
		}
		edges = append(edges, e)
	}
	return nodes, edges
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func fromEdges(nodes int, edges []edge) *Graph[int] {
	g := New(cmp.Compare[int])
	for n := range nodes {
		g.Add(n)
	}
	for _, e := range edges {
		g.Edge(e.from, e.needs)
	}
	return g
}

func TestPropertyOrderPutsNeedsFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes, edges := drawEdges(t, true)
		g := fromEdges(nodes, edges)
		order, err := g.Order()
		if err != nil {
			t.Fatal(err)
		}
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, g.Nodes()) {
			t.Fatalf("order %v is not a permutation of the nodes", order)
		}
		for _, e := range edges {
			if slices.Index(order, e.from) < slices.Index(order, e.needs) {
				t.Fatalf("%d before its need %d in %v", e.from, e.needs, order)
			}
		}
		slices.Reverse(edges)
		if again, _ := fromEdges(nodes, edges).Order(); !slices.Equal(order, again) {
			t.Fatalf("order depends on the order of building: %v, %v", order, again)
		}
	})
}

// onCycle is the slow definition: a node that reaches itself by one edge or more.
func onCycle(g *Graph[int], node int) bool {
	return slices.Contains(g.Reach(g.Needs(node)...), node)
}

func TestPropertyCyclesAreRealShortestAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := fromEdges(drawEdges(t, false))
		covered := map[int]bool{}
		for _, cycle := range g.Cycles() {
			if cycle[0] != slices.Min(cycle) {
				t.Fatalf("%v does not start at its least node", cycle)
			}
			shortest := false
			for i, node := range cycle {
				covered[node] = true
				if !slices.Contains(g.Needs(node), cycle[(i+1)%len(cycle)]) {
					t.Fatalf("%v is no cycle", cycle)
				}
				shortest = shortest || len(cycle) == shortestLen(g, node)
			}
			if !shortest {
				t.Fatalf("%v is a shortest cycle of none of its nodes", cycle)
			}
		}
		for _, node := range g.Nodes() {
			if onCycle(g, node) != covered[node] {
				t.Fatalf("node %d: on a cycle %v, listed %v", node, onCycle(g, node), covered[node])
			}
		}
		_, err := g.Levels()
		if (err != nil) != (len(covered) > 0) {
			t.Fatalf("levels: %v, with cycles %v", err, g.Cycles())
		}
	})
}

// shortestLen grows the set of nodes reached one step at a time.
func shortestLen(g *Graph[int], node int) int {
	front := g.Needs(node)
	for n := 1; n <= g.Len(); n++ {
		if slices.Contains(front, node) {
			return n
		}
		var next []int
		for _, f := range front {
			next = append(next, g.Needs(f)...)
		}
		slices.Sort(next)
		front = slices.Compact(next)
	}
	return -1
}

func TestPropertyReverseTwiceIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := fromEdges(drawEdges(t, false))
		twice := g.Reverse().Reverse()
		if !slices.Equal(g.Nodes(), twice.Nodes()) {
			t.Fatalf("nodes %v, %v", g.Nodes(), twice.Nodes())
		}
		for _, node := range g.Nodes() {
			if !slices.Equal(g.Needs(node), twice.Needs(node)) {
				t.Fatalf("needs of %d: %v, %v", node, g.Needs(node), twice.Needs(node))
			}
		}
	})
}

// A chain as long as a large tree of files must neither overflow the stack nor
// take quadratic time.
func TestLongChainAndRing(t *testing.T) {
	const n = 50_000
	g := New(cmp.Compare[string])
	key := func(i int) string { return strconv.Itoa(1_000_000 + i) }
	for i := range n - 1 {
		g.Edge(key(i), key(i+1))
	}
	if order, err := g.Order(); err != nil || order[0] != key(n-1) || len(order) != n {
		t.Fatalf("chain: %d nodes, error %v", len(order), err)
	}
	g.Edge(key(n-1), key(0))
	if cycles := g.Cycles(); len(cycles) != 1 || len(cycles[0]) != n {
		t.Fatalf("ring: %d cycles", len(cycles))
	}
}
