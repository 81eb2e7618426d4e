package state_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func TestRunFromBeginToEnd(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		c := newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := target(t, s, "prod")
		run := begin(t, j)
		if run.ID != "prod-1" || run.Generation != 1 || run.Target != "prod" || run.Started.IsZero() {
			t.Fatalf("begin: %+v", run)
		}
		id, blocked := env("train", "3"), env("score", "1")
		want := ownedEnv(id)
		n, err := j.IntendAll(t.Context(), 1, []state.Intent{{Key: plan.Key{ID: id}, Action: plan.Create, Digest: "d", Want: &want}})
		must(t, err)
		must(t, j.Operation(t.Context(), 1, n[0], "https://x/operations/1"))

		open, err := j.Unfinished(t.Context())
		must(t, err)
		if len(open) != 1 || open[0].ID != n[0] || open[0].Run != "prod-1" || open[0].Generation != 1 || open[0].Key.ID != id || open[0].Action != plan.Create ||
			open[0].Digest != "d" || open[0].Operation != "https://x/operations/1" || open[0].Started.IsZero() {
			t.Fatalf("unfinished: %+v", open)
		}
		sameOwned(t, *open[0].Want, want)

		must(t, j.Finish(t.Context(), 1, state.End{Intent: n[0], Outcome: done(id), Own: &want}))
		lost := plan.Outcome{Key: plan.Key{ID: blocked, Part: "late"}, Action: plan.Update, State: plan.Skipped, By: plan.Key{ID: id, Part: "clear"}, Err: "x\x00\xff"}
		must(t, j.Record(t.Context(), 1, lost))
		run.State, run.Digest, run.Summary, run.Err = plan.Failed, "sha256:p", map[string]int{"create": 1}, "one step was blocked"
		must(t, j.EndRun(t.Context(), run))

		if open, err = j.Unfinished(t.Context()); err != nil || len(open) != 0 {
			t.Fatalf("unfinished after the end: %v %v", open, err)
		}
		got, err := s.Run(t.Context(), "prod-1")
		must(t, err)
		if got.State != plan.Failed || got.Digest != "sha256:p" || got.Summary["create"] != 1 || got.Err != run.Err || got.Commit != "4f1c2ab" || got.Trigger != "push" || !got.Ended.After(got.Started) {
			t.Errorf("run: %+v", got)
		}
		if len(got.Outcomes) != 2 || got.Outcomes[0].Request != "req-1" || got.Outcomes[0].Took != time.Second || got.Outcomes[0].State != plan.Done {
			t.Fatalf("outcomes: %+v", got.Outcomes)
		}
		lost.Err = "x\uFFFD\uFFFD"
		if !reflect.DeepEqual(got.Outcomes[1], lost) {
			t.Errorf("blocked: got %+v, want %+v", got.Outcomes[1], lost)
		}
		owned, err := j.Owned(t.Context())
		must(t, err)
		if len(owned) != 1 {
			t.Fatalf("owned: %v", owned)
		}
		sameOwned(t, owned[id], want)
	})
}

// reporter is a test of package testing or rapid.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

func sameOwned(t reporter, got, want plan.Owned) {
	t.Helper()
	if (got.Body == nil) != (want.Body == nil) || !got.Body.Equal(want.Body) {
		t.Errorf("body: got %s, want %s", got.Body.Canonical(), want.Body.Canonical())
	}
	got.Body, want.Body = nil, nil
	if len(got.Secrets) == 0 && len(want.Secrets) == 0 {
		got.Secrets, want.Secrets = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("owned:\ngot  %+v\nwant %+v", got, want)
	}
}

func TestEarlierRunIsFenced(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		old := begin(t, j)
		id := env("train", "1")
		n := intend(t, j, old.Generation, id)
		now := begin(t, j)
		if now.Generation != old.Generation+1 {
			t.Fatalf("generation %d follows %d", now.Generation, old.Generation)
		}
		ctx := t.Context()
		_, err := j.Intend(ctx, old.Generation, plan.Key{ID: id}, plan.Create, "d")
		for what, err := range map[string]error{
			"intend":    err,
			"operation": j.Operation(ctx, old.Generation, n, "https://x"),
			"finish":    j.Finish(ctx, old.Generation, state.End{Intent: n, Outcome: done(id)}),
			"record":    j.Record(ctx, old.Generation, done(id)),
			"own":       j.Own(ctx, old.Generation, ownedEnv(id)),
			"forget":    j.Forget(ctx, old.Generation, id),
			"observe":   j.Observe(ctx, old.Generation, nil),
			"saw":       j.Saw(ctx, old.Generation, nil),
			"end":       j.EndRun(ctx, old),
			"see":       j.See(ctx, old.Generation, "4f1c2ab"),
			"use":       j.Use(ctx, old.Generation, 1),
		} {
			if !errors.Is(err, state.ErrFenced) {
				t.Errorf("%s by a stale run: %v", what, err)
			}
		}
		got, err := s.Run(ctx, old.ID)
		must(t, err)
		if got.State != plan.Failed || !strings.HasPrefix(got.Err, "interrupted") {
			t.Errorf("the run that never ended: %+v", got)
		}

		// The later run reads the intent back and finishes it as its own.
		own := ownedEnv(id)
		must(t, j.Finish(ctx, now.Generation, state.End{Intent: n, Outcome: done(id), Own: &own}))
		err = j.Finish(ctx, now.Generation, state.End{Intent: n, Outcome: done(id)})
		if !errors.Is(err, state.ErrNoIntent) {
			t.Errorf("finishing twice: %v", err)
		}
		got, err = s.Run(ctx, now.ID)
		must(t, err)
		if len(got.Outcomes) != 1 {
			t.Errorf("outcomes of the later run: %+v", got.Outcomes)
		}
	})
}

func TestTargetsDoNotFenceEachOther(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		a, b := target(t, s, "a"), target(t, s, "b")
		run := begin(t, a)
		begin(t, b)
		id := env("x", "1")
		n := intend(t, a, run.Generation, id)
		if err := b.Finish(t.Context(), 1, state.End{Intent: n, Outcome: done(id)}); !errors.Is(err, state.ErrNoIntent) {
			t.Errorf("finishing another target's intent: %v", err)
		}
		own := ownedEnv(id)
		must(t, a.Finish(t.Context(), run.Generation, state.End{Intent: n, Outcome: done(id), Own: &own}))
		if owned, err := b.Owned(t.Context()); err != nil || len(owned) != 0 {
			t.Errorf("owned by b: %v %v", owned, err)
		}
	})
}

func TestFinishIsOneTransaction(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		j := target(t, s, "prod")
		run := begin(t, j)
		id := env("x", "1")
		n := intend(t, j, run.Generation, id)
		own, bad := ownedEnv(id), ownedEnv(asset.ID{Kind: "environment", Name: "a:b"})
		for what, ends := range map[string][]state.End{
			"a bad id":          {{Intent: n, Outcome: done(id), Own: &own}, {Intent: n, Outcome: done(id), Own: &bad}},
			"an unknown one":    {{Intent: n, Outcome: done(id), Own: &own}, {Intent: n + 99, Outcome: done(id)}},
			"another asset":     {{Intent: n, Outcome: done(env("y", "1")), Own: &own}},
			"no state":          {{Intent: n, Outcome: plan.Outcome{Key: plan.Key{ID: id}}, Own: &own}},
			"pending is no end": {{Intent: n, Outcome: plan.Outcome{Key: plan.Key{ID: id}, State: plan.Pending}, Own: &own}},
		} {
			if err := j.Finish(t.Context(), run.Generation, ends...); err == nil {
				t.Errorf("%s: accepted", what)
			}
			open, err := j.Unfinished(t.Context())
			must(t, err)
			owned, err := j.Owned(t.Context())
			must(t, err)
			if len(open) != 1 || len(owned) != 0 {
				t.Errorf("%s: half a transaction is left: %d open, %d owned", what, len(open), len(owned))
			}
		}
		must(t, j.Finish(t.Context(), run.Generation, state.End{Intent: n, Outcome: done(id), Own: &own}))
		n = intend(t, j, run.Generation, id)
		must(t, j.Finish(t.Context(), run.Generation, state.End{Intent: n, Outcome: done(id), Forget: true}))
		if owned, err := j.Owned(t.Context()); err != nil || len(owned) != 0 {
			t.Errorf("owned after forget: %v %v", owned, err)
		}
	})
}

func TestOutcomeIsKeptAfterCancel(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		j := target(t, s, "prod")
		run := begin(t, j)
		id := env("x", "1")
		n := intend(t, j, run.Generation, id)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Create, "d"); !errors.Is(err, context.Canceled) {
			t.Errorf("intend after cancel: %v", err)
		}
		own := ownedEnv(id)
		must(t, j.Operation(ctx, run.Generation, n, "https://x"))
		must(t, j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: done(id), Own: &own}))
		must(t, j.Record(ctx, run.Generation, done(id)))
		run.State = plan.Done
		must(t, j.EndRun(ctx, run))
		last, err := j.LastApplied(t.Context())
		must(t, err)
		if last.ID != run.ID {
			t.Errorf("last applied: %+v", last)
		}
	})
}

func TestObserveCountsInARow(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		j := target(t, s, "prod")
		run := begin(t, j)
		a, b := env("a", "1"), env("b", "1")
		must(t, j.Own(t.Context(), run.Generation, ownedEnv(a), ownedEnv(b)))
		look := func(missing ...asset.ID) (int, int) {
			t.Helper()
			must(t, j.Observe(t.Context(), run.Generation, missing))
			owned, err := j.Owned(t.Context())
			must(t, err)
			return owned[a].Missing, owned[b].Missing
		}
		for i, step := range []struct {
			missing []asset.ID
			a, b    int
		}{
			{[]asset.ID{a}, 1, 0}, {[]asset.ID{a, b, env("unknown", "1")}, 2, 1}, {[]asset.ID{b}, 0, 2}, {nil, 0, 0},
		} {
			if gotA, gotB := look(step.missing...); gotA != step.a || gotB != step.b {
				t.Errorf("look %d: got %d and %d, want %d and %d", i, gotA, gotB, step.a, step.b)
			}
		}
		must(t, j.Forget(t.Context(), run.Generation, a))
		if owned, err := j.Owned(t.Context()); err != nil || len(owned) != 1 {
			t.Errorf("owned after forget: %v %v", owned, err)
		}
	})
}

func TestHistoryAndRuns(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		if _, err := j.LastApplied(t.Context()); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("last applied of a new target: %v", err)
		}
		if _, err := s.Run(t.Context(), "prod-1"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("a run that never was: %v", err)
		}
		for i := range 5 {
			run := begin(t, j)
			for _, id := range []asset.ID{env("a", "1"), env("a", "2"), env("a-b", "1"), env("ab", "1"), {Kind: "compute", Name: "a"}} {
				must(t, j.Finish(t.Context(), run.Generation, state.End{Intent: intend(t, j, run.Generation, id), Outcome: done(id)}))
			}
			run.State = plan.Done
			if i == 4 {
				run.State = plan.Failed
			}
			must(t, j.EndRun(t.Context(), run))
		}
		all, err := j.History(t.Context(), env("a", ""), 100)
		must(t, err)
		one, err := j.History(t.Context(), env("a", "2"), 3)
		must(t, err)
		if len(all) != 10 || len(one) != 3 || one[0].Run != "prod-5" || one[2].Run != "prod-3" || one[0].Commit != "4f1c2ab" || one[0].Outcome.Key.ID != env("a", "2") {
			t.Errorf("history: %d of all versions, of one: %+v", len(all), one)
		}
		runs, err := j.Runs(t.Context(), 2, 0)
		must(t, err)
		more, err := j.Runs(t.Context(), 100, runs[1].Generation)
		must(t, err)
		if len(runs) != 2 || runs[0].ID != "prod-5" || len(more) != 3 || more[0].ID != "prod-3" {
			t.Errorf("runs: %v then %v", runs, more)
		}
		if last, err := j.LastApplied(t.Context()); err != nil || last.ID != "prod-4" {
			t.Errorf("last applied: %v %v", last, err)
		}

		// The last good run and one with an open intent are never trimmed.
		run := begin(t, j)
		intend(t, j, run.Generation, env("open", "1"))
		begin(t, j)
		gone, err := j.Trim(t.Context(), 1)
		must(t, err)
		left, err := j.Runs(t.Context(), 100, 0)
		must(t, err)
		if gone != 4 || len(left) != 3 || left[2].ID != "prod-4" {
			t.Errorf("trimmed %d, left %v", gone, left)
		}
		if past, err := j.History(t.Context(), env("a", "1"), 100); err != nil || len(past) != 1 {
			t.Errorf("history after trim: %v %v", past, err)
		}
	})
}
