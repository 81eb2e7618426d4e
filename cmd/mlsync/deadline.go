package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
)

// errDeadline is why a run ended that took longer than it may.
var errDeadline = errors.New("the run took longer than its deadline")

// deadline bounds a run; what it is to do decides how long it may take.
type deadline struct {
	begun time.Time
	timer *time.Timer
	cut   context.CancelCauseFunc
}

// withDeadline is ctx, which ends after d. stop frees what it takes.
func withDeadline(ctx context.Context, d time.Duration) (bound context.Context, line *deadline, stop func()) {
	bound, cut := context.WithCancelCause(ctx)
	line = &deadline{begun: time.Now(), cut: cut}
	line.timer = time.AfterFunc(d, func() { line.pass(d) })
	return bound, line, func() {
		line.timer.Stop()
		cut(nil)
	}
}

func (l *deadline) pass(d time.Duration) {
	l.cut(fmt.Errorf("%w of %s; what was begun is in the journal, and the next run takes it up", errDeadline, d))
}

// forPlan gives a run that works on what takes minutes the longer deadline of
// the target, counted from its begin.
func (l *deadline) forPlan(p *plan.Plan, t *config.Target) {
	if t.EndpointDeadline <= t.Deadline || !takesLong(p) || !l.timer.Stop() {
		return
	}
	l.timer = time.AfterFunc(t.EndpointDeadline-time.Since(l.begun), func() { l.pass(t.EndpointDeadline) })
}

// takesLong reports whether the plan works on endpoints, deployments or
// computes: what has a region is made by operations of minutes.
func takesLong(p *plan.Plan) bool {
	for _, s := range p.Work() {
		if kind.Of(s.Key.ID.Kind).Location {
			return true
		}
	}
	return false
}
