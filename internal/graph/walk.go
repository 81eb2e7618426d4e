package graph

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
)

// Status says how a node ended in a walk.
type Status int

// The four ends of a node.
const (
	// NotStarted: the context was cancelled before the node's turn.
	NotStarted Status = iota
	// Done: the function returned nil.
	Done
	// Failed: the function returned an error.
	Failed
	// Blocked: a node that this one needs, directly or not, failed.
	Blocked
)

// String returns the status in lower case words.
func (s Status) String() string {
	switch s {
	case NotStarted:
		return "not started"
	case Done:
		return "done"
	case Failed:
		return "failed"
	case Blocked:
		return "blocked"
	default:
		return fmt.Sprintf("status(%d)", int(s))
	}
}

// Outcome is the end of one node in a walk.
type Outcome[K comparable] struct {
	Node   K
	Status Status
	// Err is the error of a failed node, nil otherwise.
	Err error
	// By holds, for a blocked node, all the failed nodes it needs directly or
	// not, sorted; empty otherwise.
	By []K
}

// Walk calls fn once for every node, at most limit at a time and never before
// all that the node needs is done. A node whose need failed is not called but
// reported as Blocked; all others go on. When ctx is cancelled no further call
// starts, those under way are waited for, and the rest is NotStarted (or
// Blocked, if a need of theirs failed).
//
// Of the nodes that are ready, the one that begins the longest chain of nodes
// that need each other starts first, and of several the first in Order. The outcomes are in
// Order. The error is a *CycleError[K], and then fn was never called; a limit
// below 1 panics. A panic in fn stops the walk as a cancel does and is raised
// again in the caller's goroutine as a *Panic.
func (g *Graph[K]) Walk(ctx context.Context, limit int, fn func(ctx context.Context, node K) error) ([]Outcome[K], error) {
	if limit < 1 {
		panic(fmt.Sprintf("graph: walk with limit %d", limit))
	}
	ix := g.index()
	levels := ix.levels()
	if levels == nil {
		return nil, &CycleError[K]{Cycles: g.Cycles()}
	}
	w := &walk[K]{indexed: ix, order: slices.Concat(levels...), fn: fn}
	w.run(ctx, limit)
	return w.outcomes(), nil
}

// Panic is what Walk panics with when the function panicked.
type Panic struct {
	Value any    // what the function panicked with
	Stack string // the goroutine's stack at that moment
}

// Error gives the value and the stack.
func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }

type walk[K comparable] struct {
	*indexed[K]
	order  []int // nodes in topological order
	fn     func(context.Context, K) error
	status []Status
	errs   []error
}

type result struct {
	node     int
	err      error
	panicked *Panic
}

// run is the scheduler. Only it touches the walk's state; calls report to it.
func (w *walk[K]) run(ctx context.Context, limit int) {
	w.status = make([]Status, len(w.keys))
	w.errs = make([]error, len(w.keys))
	turns := w.turns()
	turn := make([]int, len(w.keys)) // place among the turns, by node
	open := make([]int, len(w.keys)) // needs not yet done, by node
	ready := &places{}
	for at, n := range turns {
		turn[n], open[n] = at, len(w.needs[n])
		if open[n] == 0 {
			heap.Push(ready, at)
		}
	}
	results := make(chan result)
	var panicked *Panic
	for running := 0; ; {
		for running < limit && ready.Len() > 0 && ctx.Err() == nil && panicked == nil {
			node := turns[heap.Pop(ready).(int)]
			running++
			go func() { results <- w.call(ctx, node) }()
		}
		if running == 0 {
			break
		}
		r := <-results
		running--
		switch {
		case r.panicked != nil:
			panicked = r.panicked
		case r.err != nil:
			w.status[r.node], w.errs[r.node] = Failed, r.err
		default:
			w.status[r.node] = Done
			for _, user := range w.users[r.node] {
				if open[user]--; open[user] == 0 {
					heap.Push(ready, turn[user])
				}
			}
		}
	}
	if panicked != nil {
		panic(panicked)
	}
}

// turns are the nodes in the order in which they start when they are ready:
// those that begin the longest chain first, so that it does not run alone at
// the end; then those that are first in the order.
func (w *walk[K]) turns() []int {
	chain := make([]int, len(w.keys)) // weight of a node and of its users
	for _, n := range slices.Backward(w.order) {
		for _, user := range w.users[n] {
			chain[n] = max(chain[n], chain[user])
		}
		chain[n] += w.weights[n]
	}
	out := slices.Clone(w.order)
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(chain[b], chain[a]) })
	return out
}

func (w *walk[K]) call(ctx context.Context, node int) (r result) {
	r.node = node
	defer func() {
		if v := recover(); v != nil {
			r.panicked = &Panic{Value: v, Stack: string(debug.Stack())}
		}
	}()
	r.err = w.fn(ctx, w.keys[node])
	return r
}

// outcomes finds the blocked nodes afterwards, from what failed, so that the
// answer does not depend on the moment at which a failure was noticed.
func (w *walk[K]) outcomes() []Outcome[K] {
	by := make([][]int, len(w.keys))
	out := make([]Outcome[K], len(w.order))
	for at, n := range w.order {
		for _, need := range w.needs[n] {
			if w.status[need] == Failed {
				by[n] = append(by[n], need)
			}
			by[n] = append(by[n], by[need]...)
		}
		if len(by[n]) > 0 {
			slices.Sort(by[n])
			by[n] = slices.Compact(by[n])
			w.status[n] = Blocked
		}
		out[at] = Outcome[K]{Node: w.keys[n], Status: w.status[n], Err: w.errs[n]}
		if len(by[n]) > 0 {
			out[at].By = w.named(by[n])
		}
	}
	return out
}

// places is a heap of places among the turns, the first on top.
type places []int

func (p places) Len() int           { return len(p) }
func (p places) Less(i, j int) bool { return p[i] < p[j] }
func (p places) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *places) Push(x any)        { *p = append(*p, x.(int)) }
func (p *places) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	*p = (*p)[:last]
	return x
}
