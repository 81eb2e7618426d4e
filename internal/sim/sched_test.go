package sim_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// errKilled is what a process hears at every effect once it has been killed.
// It never gets further: nothing it does from then on reaches anything.
var errKilled = errors.New("the process was killed")

// An op is an effect on the world outside a process (a request, a read or a
// write of the journal, a look at the repository) that waits for its turn.
type op struct {
	p *process
	// key says what it is. Ops that wait are ordered by it, so that the choice
	// among them does not depend on which goroutine was faster.
	key string
	// do is the effect. It is called by the scheduler, alone.
	do func() error
	// late is how long the answer takes after the effect.
	late time.Duration

	err   error
	done  chan struct{}
	until time.Time // the answer is held back until then
}

// The scheduler lets one op go on at a time, in an order that only its seed
// and the ops themselves decide. Goroutines of the program run freely between
// two ops: there they touch nothing that they share with another process.
type scheduler struct {
	mu      sync.Mutex
	waiting []*op // not yet carried out
	held    []*op // carried out, and not yet answered
	busy    int   // passes under way
	wake    chan struct{}
	rng     *rand.Rand
	// before is asked before an op is carried out whether its process dies
	// now; after, once it has been.
	before, after func(*op) bool
}

func newScheduler() *scheduler {
	return &scheduler{wake: make(chan struct{}, 1), rng: rand.New(rand.NewPCG(0, 0))}
}

func (s *scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// point waits until it is this op's turn and returns how it ended. An op whose
// context ends before that has no effect.
func (s *scheduler) point(ctx context.Context, p *process, key string, do func() error) error {
	return s.enter(ctx, &op{p: p}, key, do)
}

// enter is point for an op that its effect may change.
func (s *scheduler) enter(ctx context.Context, o *op, key string, do func() error) error {
	o.key, o.do, o.done = key, do, make(chan struct{})
	p := o.p
	s.mu.Lock()
	if p.dead {
		s.mu.Unlock()
		return errKilled
	}
	s.waiting = append(s.waiting, o)
	s.mu.Unlock()
	s.poke()
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting = slices.DeleteFunc(s.waiting, func(x *op) bool { return x == o })
		s.held = slices.DeleteFunc(s.held, func(x *op) bool { return x == o })
		return ctx.Err()
	}
}

// kill ends a process: none of its ops has an effect any more.
func (s *scheduler) kill(p *process) {
	s.mu.Lock()
	p.dead = true
	var mine []*op
	keep := func(o *op) bool {
		if o.p == p {
			mine = append(mine, o)
		}
		return o.p == p
	}
	s.waiting = slices.DeleteFunc(s.waiting, keep)
	s.held = slices.DeleteFunc(s.held, keep)
	s.mu.Unlock()
	p.cancel()
	for _, o := range mine {
		o.err = errKilled
		close(o.done)
	}
}

// begun and ended count the passes under way.
func (s *scheduler) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy++
}

func (s *scheduler) ended() {
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	s.poke()
}

// step carries out one op, or lets time go by until there is one. It reports
// false when nothing is under way any more or it is until.
func (s *scheduler) step(until time.Time) bool {
	for {
		synctest.Wait()
		s.release()
		synctest.Wait()
		if o := s.pick(); o != nil {
			s.run(o)
			return true
		}
		s.mu.Lock()
		idle := s.busy == 0
		s.mu.Unlock()
		now := time.Now()
		if idle || !now.Before(until) {
			return false
		}
		timer := time.NewTimer(s.pause(until).Sub(now))
		select {
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// release answers the ops whose time has come.
func (s *scheduler) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.held = slices.DeleteFunc(s.held, func(o *op) bool {
		over := !o.until.After(now)
		if over {
			close(o.done)
		}
		return over
	})
}

// pause is when something may go on without a new op: an answer that is held
// back, a process that was stopped, or until.
func (s *scheduler) pause(until time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.held {
		if o.until.Before(until) {
			until = o.until
		}
	}
	for _, o := range s.waiting {
		if o.p.stopped.Before(until) && o.p.stopped.After(time.Now()) {
			until = o.p.stopped
		}
	}
	return until
}

// pick takes one of the ops that can go on.
func (s *scheduler) pick() *op {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var can []*op
	for _, o := range s.waiting {
		if !o.p.stopped.After(now) {
			can = append(can, o)
		}
	}
	if len(can) == 0 {
		return nil
	}
	slices.SortFunc(can, func(a, b *op) int { return cmp.Or(cmp.Compare(a.p.n, b.p.n), cmp.Compare(a.key, b.key)) })
	o := can[s.rng.IntN(len(can))]
	s.waiting = slices.DeleteFunc(s.waiting, func(x *op) bool { return x == o })
	return o
}

// run carries out an op, with the death of its process before or after it.
func (s *scheduler) run(o *op) {
	if s.before(o) {
		s.kill(o.p)
		o.err = errKilled
		close(o.done)
		return
	}
	o.err = o.do()
	if s.after(o) {
		s.kill(o.p)
		o.err = errKilled
	}
	if o.late > 0 && !o.p.dead {
		s.mu.Lock()
		o.until = time.Now().Add(o.late)
		s.held = append(s.held, o)
		s.mu.Unlock()
		return
	}
	close(o.done)
}
