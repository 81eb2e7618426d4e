package state_test

import (
	"errors"
	"testing"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// After an abort the journal takes no intent of the run, and all that the run
// still has to say of what it had begun.
func TestAbortedRunBeginsNoWrite(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		if holder, err := j.Abort(ctx, "anna"); err != nil || holder != "" {
			t.Errorf("abort of nothing: %q %v", holder, err)
		}
		lock, err := j.Lock(ctx, "bob@ci")
		must(t, err)
		run := begin(t, j)
		id := env("x", "1")
		n := intend(t, j, run.Generation, id)
		if holder, err := j.Abort(ctx, "anna"); err != nil || holder != "bob@ci" {
			t.Fatalf("abort: %q %v", holder, err)
		}
		if n, by, err := j.Aborts(ctx); n != 1 || by != "anna" || err != nil {
			t.Errorf("aborts: %d by %q, %v", n, by, err)
		}
		_, err = j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Update, "")
		var aborted *state.AbortedError
		if !errors.Is(err, state.ErrAborted) || !errors.As(err, &aborted) || aborted.By != "anna" {
			t.Errorf("intend: %v", err)
		}
		must(t, j.Operation(ctx, run.Generation, n, "https://operation"))
		own := ownedEnv(id)
		must(t, j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: done(id), Own: &own}))
		must(t, j.EndRun(ctx, run))
		must(t, lock.Release(ctx))
		next := begin(t, j)
		intend(t, j, next.Generation, id)
		events, err := s.Events(ctx, "prod", 10, 0)
		must(t, err)
		if len(events) != 1 || events[0].What != "abort" || events[0].Author != "anna" {
			t.Errorf("events: %+v", events)
		}
	})
}

// An approval allows one thing once.
func TestApprovalIsUsedOnce(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		id, err := j.Approve(ctx, state.Approval{Digest: "p", Allow: []string{"delete:x"}, Author: "anna"})
		must(t, err)
		old := begin(t, j)
		run := begin(t, j)
		if err := j.Use(ctx, old.Generation, id); !errors.Is(err, state.ErrFenced) {
			t.Errorf("used by a run that was overtaken: %v", err)
		}
		must(t, j.Use(ctx, run.Generation, id))
		if got, err := j.Approvals(ctx, "p"); err != nil || len(got) != 0 {
			t.Errorf("after its use: %+v %v", got, err)
		}
		if err := j.Use(ctx, run.Generation, id); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("used twice: %v", err)
		}
		if err := target(t, s, "dev").Use(ctx, 0, id); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("used in another target: %v", err)
		}
	})
}
