package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/window"
	"mlsync.dev/mlsync/plan"
)

// windowRules are the change windows of a target.
func windowRules(w config.Windows) window.Rules {
	spans := func(in []config.Window) []window.Span {
		out := make([]window.Span, len(in))
		for i, s := range in {
			out[i] = window.Span(s)
		}
		return out
	}
	return window.Rules{Allow: spans(w.Allow), Deny: spans(w.Deny), Always: w.Always, Stop: w.Overrun == "stop"}
}

// timekeeper keeps changes of a target to its change windows. Of several rules
// all must allow a change: those of the commit, and those of the commit that was
// applied last, so that nobody opens a window with the change that waits for it.
type timekeeper struct {
	rules []window.Rules
	now   func() time.Time
}

func newTimekeeper(now func() time.Time, rules ...config.Windows) *timekeeper {
	k := &timekeeper{now: now}
	for _, r := range rules {
		if !r.None() {
			k.rules = append(k.rules, windowRules(r))
		}
	}
	return k
}

// verdict is what the rules say of a moment.
func (k *timekeeper) verdict(at time.Time) (window.Verdict, error) {
	out := window.Verdict{Open: true}
	for i, r := range k.rules {
		v, err := r.At(at)
		if err != nil {
			return v, err
		}
		if i == 0 {
			out = v
		} else {
			out = window.Both(out, v)
		}
	}
	return out, nil
}

// free reports whether the rules let assets of a kind be changed at any time.
func (k *timekeeper) free(kind string) bool {
	for _, r := range k.rules {
		if !r.Free(kind) {
			return false
		}
	}
	return true
}

func (k *timekeeper) stops() bool {
	for _, r := range k.rules {
		if r.Stop {
			return true
		}
	}
	return false
}

// withhold says why a step may not begin now. What began within a window is
// brought to its end, or is stopped when it closes.
func (k *timekeeper) withhold(began window.Verdict) func(*plan.Step) string {
	if len(k.rules) == 0 {
		return nil
	}
	var mu sync.Mutex
	now := began
	return func(s *plan.Step) string {
		if k.free(string(s.Key.ID.Kind)) {
			return ""
		}
		mu.Lock()
		defer mu.Unlock()
		if began.Open && !k.stops() {
			return ""
		}
		if at := k.now(); !now.Turns.IsZero() && !at.Before(now.Turns) {
			v, err := k.verdict(at)
			if err != nil {
				return err.Error()
			}
			now = v
		}
		if now.Open {
			return ""
		}
		return now.Why
	}
}

// hold keeps a plan back of which nothing may be changed now. What drifted is
// noted all the same.
func (k *timekeeper) hold(ctx context.Context, j *journal, p *plan.Plan, run plan.Run) (*plan.Run, error) {
	if len(k.rules) == 0 || len(p.Problems.Errors()) > 0 {
		return nil, nil
	}
	v, err := k.verdict(k.now())
	if err != nil || v.Open {
		return nil, err
	}
	waits := false
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action.Writes() && !p.Refused(*s) {
			if k.free(string(s.Key.ID.Kind)) {
				return nil, nil
			}
			waits = true
		}
	}
	if !waits {
		return nil, nil
	}
	run.Commit, run.Digest, run.Summary, run.Err = p.Source.Commit, p.Digest(), p.Summary(), v.Why
	if run, err = j.Wait(ctx, run); err != nil {
		return &run, err
	}
	return &run, j.Saw(ctx, run.Generation, p.Drift)
}

// windowState is what is shown of the change windows of a target.
type windowState struct {
	Open bool `json:"open"`
	// Turns is when that changes.
	Turns *time.Time `json:"turns,omitempty"`
	Why   string     `json:"why"`
}

// windowOf is what the change windows of a target say now; nil if it has none.
func windowOf(t *config.Target, now time.Time) *windowState {
	if t == nil || t.Windows.None() {
		return nil
	}
	v, err := windowRules(t.Windows).At(now)
	if err != nil {
		return &windowState{Why: err.Error()}
	}
	out := &windowState{Open: v.Open, Why: v.Why}
	if !v.Turns.IsZero() {
		out.Turns = &v.Turns
	}
	return out
}

// sayWindow says beside a plan that it cannot be carried out now.
func (a *app) sayWindow(t *config.Target, p *plan.Plan) {
	if w := windowOf(t, time.Now()); w != nil && !w.Open && p.Pending() {
		a.say("target %s: %s", t.Name, w.Why)
	}
}

// atTime lets a task of the target run at a time. The time is a part of the key:
// a task that runs cannot wait at the same time, and it is in the queue, so that
// neither a restart nor another replica loses it.
func (w *worker) atTime(ctx context.Context, task, why string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	at = at.Truncate(time.Second).Add(time.Second)
	return w.daemon.queue.Enqueue(context.WithoutCancel(ctx), task, fmt.Sprintf("%s %s@%d", w.name, why, at.Unix()), []byte(w.name), at)
}
