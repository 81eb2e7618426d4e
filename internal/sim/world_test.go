package sim_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/reconcile"
)

// A world is everything that one simulation consists of.
type world struct {
	s     schedule
	ctx   context.Context //nolint:containedctx // of the bubble, for requests that nobody waits for
	begun time.Time
	sched *scheduler
	em    *emulator.Server
	repo  *repo
	db    string
	facts *facts
	procs map[int]*process
	lives []*process // all that ever were

	faults      []*fault
	loops       map[string]bool // lists whose next links lead in a circle
	crashes     map[int]*crash
	later       []func() // what the user does once the request that runs is over
	asked       request
	backup      *backup
	lockedVault bool
	checks      string // what checks of deployments come to; "" is pass
	rolling     bool   // the last plan had rollouts

	hash      hash.Hash
	lines     []string
	violation string
	last      string // what the last plan was, for a failure

	mu     sync.Mutex
	events strings.Builder // what was emitted
}

// A crash is the death of a replica after so many more of its ops, before or
// after the last one.
type crash struct {
	in   int
	late bool
}

// outcome is what a simulation came to.
type outcome struct {
	violation string
	trace     string // its hash
	lines     []string
	ops       int
	facts     *facts
}

// simulate runs a schedule in a bubble of its own.
func simulate(t *testing.T, s schedule, dir string) outcome {
	var out outcome
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s, dir)
		w.run()
		out = outcome{w.violation, hex.EncodeToString(w.hash.Sum(nil)), w.lines, len(w.lines), w.facts}
		w.close(t)
	})
	return out
}

func newWorld(t *testing.T, s schedule, dir string) *world {
	em, err := emulator.New(emulator.Options{PageSize: s.Page, LRO: time.Duration(s.LRO) * time.Second, JobStep: -1, NoRetryAfter: s.LRO > 10, LogSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		s: s, ctx: context.Background(), begun: time.Now(), sched: newScheduler(), em: em, repo: &repo{}, db: dir + "/journal.db", facts: newFacts(),
		procs: map[int]*process{}, crashes: map[int]*crash{}, loops: map[string]bool{}, hash: sha256.New(),
	}
	w.facts.prune = s.Prune
	w.sched.before = func(o *op) bool { return w.crashes[o.p.n] != nil && w.dies(o, false) }
	w.sched.after = func(o *op) bool {
		for _, f := range w.later {
			f()
		}
		w.later = nil
		return w.crashes[o.p.n] != nil && w.dies(o, true)
	}
	return w
}

func (w *world) now() time.Time { return time.Now() }

// dies reports whether the process of an op dies before or after it.
func (w *world) dies(o *op, late bool) bool {
	c := w.crashes[o.p.n]
	if c.in > 0 {
		if late {
			c.in--
		}
		return false
	}
	if c.late != late {
		return false
	}
	delete(w.crashes, o.p.n)
	w.note(&record{kind: died, p: o.p.n, text: o.key})
	return true
}

// note takes a record in: into the trace, past the invariants, into the facts.
func (w *world) note(r *record) {
	r.at, r.world = time.Since(w.begun), w
	line := fmt.Sprintf("%9.1fs r%d g%d %s", r.at.Seconds(), r.p, r.gen, r)
	_, _ = fmt.Fprintln(w.hash, line)
	w.lines = append(w.lines, line)
	for _, i := range invariants {
		if why := i.check(w.facts, r); why != "" {
			w.broke(i.name + ": " + why)
		}
	}
	if r.kind == passEnded && r.plan != nil {
		w.rolling = rollsOn(r.plan)
		w.last = explain(r.plan, r.run)
	}
	w.facts.learn(r)
}

// broke notes the first promise that was broken; the simulation ends there.
func (w *world) broke(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.violation == "" {
		w.violation = what
		w.lines = append(w.lines, w.last, "VIOLATION "+what)
	}
}

// emitted keeps the events of a run, in which a secret may hide.
func (w *world) emitted(_ *process, e reconcile.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(&w.events, e.Kind, e.Text, e.Outcome.Err)
}

// canaryMark is in every secret.
const canaryMark = "canary-5f1c"

// canary is the value of a secret.
func (w *world) canary(name string) string { return canaryMark + "-" + name }

// run carries out the schedule, and then lets everything come to rest.
func (w *world) run() {
	for i, e := range w.s.Events {
		w.sched.rng = rand.New(rand.NewPCG(e.Seed, uint64(i)))
		w.do(e)
		w.advance(e.Steps)
		if w.violation != "" {
			return
		}
	}
	w.settle()
}

// patience bounds what the processes do between two events.
const patience = 2 * time.Hour

// advance carries out so many ops.
func (w *world) advance(steps int) {
	until := time.Now().Add(patience)
	for n := 0; n < steps && w.violation == ""; n++ {
		if !w.sched.step(until) {
			return
		}
	}
}

// sleep lets time go by.
func (w *world) sleep(d time.Duration) {
	until := time.Now().Add(d)
	for w.violation == "" && w.sched.step(until) {
	}
	synctest.Wait()
	if left := time.Until(until); left > 0 {
		time.Sleep(left) // in the bubble's time
	}
}

// live is the process of a replica, started if it does not run.
func (w *world) live(n int) *process {
	p := w.procs[n]
	if p == nil || p.dead {
		p = w.start(n)
		w.procs[n] = p
		w.lives = append(w.lives, p)
	}
	return p
}

// pass lets a replica begin a pass, unless it makes one.
func (w *world) pass(n int, task string) {
	p := w.live(n)
	if p.busy {
		return
	}
	p.busy = true
	w.sched.begun()
	go p.pass(task)
}

// kill ends a replica at once.
func (w *world) kill(n int) {
	if p := w.procs[n]; p != nil && !p.dead {
		w.note(&record{kind: died, p: n})
		w.sched.kill(p)
		synctest.Wait()
	}
	delete(w.crashes, n)
}

// close ends everything that is left.
func (w *world) close(t *testing.T) {
	for n := range w.s.Replicas {
		if p := w.procs[n]; p != nil && !p.dead {
			w.sched.kill(p)
		}
	}
	synctest.Wait()
	w.bury(t.Errorf)
	if err := w.em.Close(); err != nil {
		t.Error(err)
	}
}

// bury closes the journals of the dead.
func (w *world) bury(complain func(string, ...any)) {
	for _, p := range w.lives {
		if p.dead && p.store != nil {
			if err := p.store.Close(); err != nil {
				complain("close the journal: %v", err)
			}
			p.store = nil
		}
	}
}

// archivedName reports whether the name of a version is archived.
func (w *world) archivedName(path string) bool {
	name, _, ok := strings.Cut(path, "/versions/")
	return ok && isArchived(w.peek(name))
}
