package graph

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var errBad = errors.New("bad")

// One at a time, the calls show the turns: longest chain of users first, then
// the order.
func TestWalkStartsTheLongestChainFirst(t *testing.T) {
	g := needs("d>b", "d>c", "b>a", "c>a", "e")
	var calls []string
	outcomes, err := g.Walk(t.Context(), 1, func(_ context.Context, node string) error {
		calls = append(calls, node)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if turns := []string{"a", "b", "c", "e", "d"}; !slices.Equal(calls, turns) {
		t.Errorf("calls %v, want %v", calls, turns)
	}
	want, _ := g.Order()
	for i, o := range outcomes {
		if o.Node != want[i] || o.Status != Done || o.Err != nil || o.By != nil {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
}

// A node that takes long is a chain by itself.
func TestWalkStartsWhatTakesLongFirst(t *testing.T) {
	g := needs("b>a", "d>c", "e")
	g.Weigh("d", 5)
	g.Weigh("e", 3)
	var calls []string
	_, err := g.Walk(t.Context(), 1, func(_ context.Context, node string) error {
		calls = append(calls, node)
		return nil
	})
	if want := []string{"c", "d", "e", "a", "b"}; err != nil || !slices.Equal(calls, want) {
		t.Errorf("calls %v, want %v (%v)", calls, want, err)
	}
}

func TestWalkRefusesACycleBeforeAnyCall(t *testing.T) {
	_, err := needs("a>b", "b>a", "c").Walk(t.Context(), 1, func(context.Context, string) error {
		t.Error("called")
		return nil
	})
	var cycle *CycleError[string]
	if !errors.As(err, &cycle) || len(cycle.Cycles) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestWalkReportsWhatBlocked(t *testing.T) {
	g := needs("b>a", "c>b", "d>c", "d>x", "y>z")
	outcomes, err := g.Walk(t.Context(), 4, func(_ context.Context, node string) error {
		if node == "a" || node == "x" {
			return errBad
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Outcome[string]{
		"a": {Node: "a", Status: Failed, Err: errBad},
		"x": {Node: "x", Status: Failed, Err: errBad},
		"b": {Node: "b", Status: Blocked, By: []string{"a"}},
		"c": {Node: "c", Status: Blocked, By: []string{"a"}},
		"d": {Node: "d", Status: Blocked, By: []string{"a", "x"}},
		"z": {Node: "z", Status: Done},
		"y": {Node: "y", Status: Done},
	}
	for _, o := range outcomes {
		w := want[o.Node]
		if o.Status != w.Status || o.Err != w.Err || !slices.Equal(o.By, w.By) {
			t.Errorf("got %+v, want %+v", o, w)
		}
	}
	if len(outcomes) != len(want) {
		t.Errorf("%d outcomes, want %d", len(outcomes), len(want))
	}
}

func TestWalkCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := needs("b>a", "c>b", "f>e", "z")
	outcomes, err := g.Walk(ctx, 1, func(ctx context.Context, node string) error {
		if node == "e" {
			cancel()
			return ctx.Err()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Status{}
	for _, o := range outcomes {
		got[o.Node] = o.Status
	}
	want := map[string]Status{"a": Done, "e": Failed, "z": NotStarted, "b": NotStarted, "c": NotStarted, "f": Blocked}
	for node, status := range want {
		if got[node] != status {
			t.Errorf("%s: got %v, want %v", node, got[node], status)
		}
	}
}

func TestWalkWithACancelledContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	outcomes, err := needs("a", "b>a").Walk(ctx, 2, func(context.Context, string) error {
		t.Error("called")
		return nil
	})
	if err != nil || len(outcomes) != 2 || outcomes[0].Status != NotStarted || outcomes[1].Status != NotStarted {
		t.Errorf("got %+v, %v", outcomes, err)
	}
}

// The slow branch must not hold up the other one: with two at a time the whole
// takes as long as the slow node, not the sum.
func TestWalkDoesNotWaitForALevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := needs("c>b", "b>a", "s")
		start := time.Now()
		_, err := g.Walk(t.Context(), 2, func(_ context.Context, node string) error {
			if node == "s" {
				time.Sleep(3 * time.Second) //nolint:forbidigo // the fake clock of synctest
			} else {
				time.Sleep(time.Second) //nolint:forbidigo // the fake clock of synctest
			}
			return nil
		})
		if took := time.Since(start); err != nil || took != 3*time.Second {
			t.Errorf("took %v, error %v", took, err)
		}
	})
}

func TestWalkRaisesAPanicAgain(t *testing.T) {
	defer func() {
		p, ok := recover().(*Panic)
		if !ok || p.Value != "broken" || !strings.Contains(p.Error(), "broken") || !strings.Contains(p.Stack, "walk_test.go") {
			t.Errorf("got %v", p)
		}
	}()
	_, _ = needs("a", "b>a").Walk(t.Context(), 1, func(context.Context, string) error { panic("broken") })
	t.Error("returned")
}

func TestWalkRefusesALimitBelowOne(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_, _ = needs("a").Walk(t.Context(), 0, nil)
}

func TestStatusNames(t *testing.T) {
	got := []string{NotStarted.String(), Done.String(), Failed.String(), Blocked.String(), Status(9).String()}
	want := []string{"not started", "done", "failed", "blocked", "status(9)"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// recorder checks the promises of Walk while it runs.
type recorder struct {
	mu              sync.Mutex
	graph           *Graph[int]
	running, widest int
	ended           map[int]bool
	complaints      []string
}

func (r *recorder) begin(node int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running++
	r.widest = max(r.widest, r.running)
	for _, need := range r.graph.Needs(node) {
		if !r.ended[need] {
			r.complaints = append(r.complaints, "started before its need ended")
		}
	}
	if r.ended[node] {
		r.complaints = append(r.complaints, "started twice")
	}
}

func (r *recorder) end(node int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	r.ended[node] = true
}

func TestPropertyWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := fromEdges(drawEdges(t, true))
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		failing := map[int]bool{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 10), 0, 3).Draw(t, "failing") {
			failing[n] = true
		}
		r := &recorder{graph: g, ended: map[int]bool{}}
		outcomes, err := g.Walk(context.Background(), limit, func(_ context.Context, node int) error {
			r.begin(node)
			defer r.end(node)
			if failing[node] {
				return errBad
			}
			return nil
		})
		if err != nil || len(r.complaints) > 0 || r.widest > limit || r.running != 0 {
			t.Fatalf("error %v, complaints %v, %d at once of %d", err, r.complaints, r.widest, limit)
		}
		order, _ := g.Order()
		for i, o := range outcomes {
			if o.Node != order[i] {
				t.Fatalf("outcome %d is of %d, want %d", i, o.Node, order[i])
			}
			checkOutcome(t, g, failing, r.ended, o)
		}
	})
}

// checkOutcome compares one outcome with the definition: a node is blocked by
// those failing nodes among its needs that were themselves reached.
func checkOutcome(t *rapid.T, g *Graph[int], failing, called map[int]bool, o Outcome[int]) {
	var by []int
	for _, need := range g.Reach(o.Node) {
		if need != o.Node && failing[need] && called[need] {
			by = append(by, need)
		}
	}
	want := Outcome[int]{Node: o.Node, Status: Done, By: by}
	switch {
	case len(by) > 0:
		want.Status = Blocked
	case failing[o.Node]:
		want.Status, want.Err = Failed, errBad
	}
	if o.Status != want.Status || o.Err != want.Err || !slices.Equal(o.By, want.By) {
		t.Fatalf("got %+v, want %+v", o, want)
	}
	if called[o.Node] == (want.Status == Blocked) {
		t.Fatalf("node %d with status %v: called %v", o.Node, o.Status, called[o.Node])
	}
}

func BenchmarkWalk10000(b *testing.B) {
	g := New(cmp.Compare[int])
	for n := 1; n < 10_000; n++ {
		g.Edge(n, n/2)
	}
	for b.Loop() {
		if _, err := g.Walk(b.Context(), 10, func(context.Context, int) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
