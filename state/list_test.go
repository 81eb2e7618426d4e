package state_test

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// seed makes a target with runs, assets, drift, an approval and a plan.
func seed(t *testing.T, s *state.Store, c *clock, name string) *state.Target {
	t.Helper()
	ctx, j := t.Context(), target(t, s, name)
	for i, commit := range []string{"c1", "c2"} {
		c.Add(time.Minute)
		run, err := j.Begin(ctx, plan.Run{Commit: commit, Trigger: "sync", Digest: "sha256:" + commit})
		must(t, err)
		for _, n := range []string{"a", "b_c"} {
			id := env(n, fmt.Sprint(i+1))
			intent, err := j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Create, "")
			must(t, err)
			o := done(id)
			if n == "b_c" && i == 1 {
				o.State, o.Err = plan.Failed, "no quota"
			}
			must(t, j.Finish(ctx, run.Generation, state.End{Intent: intent, Outcome: o, Own: &plan.Owned{ID: id, Origin: plan.Created, ARM: "/arm/" + n, File: n + ".yml", Commit: commit, At: c.Now()}}))
		}
		must(t, j.Saw(ctx, run.Generation, []plan.Drift{{ID: env("a", "1"), Paths: []string{"tags.x"}, By: "carl", Held: fmt.Sprint("left", i)}}))
		must(t, j.Keep(ctx, run.Generation, state.Planned{Digest: "sha256:" + commit, Consent: "consent", Commit: commit, Run: run.ID, Complete: true, Needs: []string{"delete:x"}, Body: []byte("body " + commit)}))
		run.State = plan.Done
		if i == 1 {
			run.State, run.Err = plan.Failed, "1 step failed"
		}
		must(t, j.EndRun(ctx, run))
	}
	_, err := j.Approve(ctx, state.Approval{Digest: "consent", Allow: []string{"delete:x"}, Author: "anna"})
	must(t, err)
	return j
}

func TestListsOfManyTargets(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		for _, name := range []string{"dev", "prod", "secret"} {
			seed(t, s, c, name)
		}
		names := []string{"dev", "prod", "new"}

		all, err := s.Overviews(ctx, names)
		must(t, err)
		o := all["dev"]
		if len(all) != 2 || o.Last.Commit != "c2" || o.Applied.Commit != "c1" || o.Failed != 1 || o.Drifted != 1 || o.Left != 1 || o.Owned != 4 || o.Planned.Digest != "sha256:c2" || !reflect.DeepEqual(o.Planned.Needs, []string{"delete:x"}) {
			t.Errorf("overview: %+v", o)
		}

		var ids []string
		var last plan.Run
		for {
			got, err := s.RunsOf(ctx, names, state.RunFilter{}, 3, last.Started, last.ID)
			must(t, err)
			for _, r := range got {
				ids = append(ids, r.ID)
			}
			if len(got) < 3 {
				break
			}
			last = got[2]
		}
		if want := []string{"prod-2", "prod-1", "dev-2", "dev-1"}; !reflect.DeepEqual(ids, want) {
			t.Errorf("runs: %v, want %v", ids, want)
		}
		failed, err := s.RunsOf(ctx, names, state.RunFilter{State: "failed", Trigger: "sync", Commit: "c2"}, 10, time.Time{}, "")
		must(t, err)
		if len(failed) != 2 {
			t.Errorf("failed runs: %v", failed)
		}

		owned, err := s.OwnedOf(ctx, names, state.AssetFilter{Kind: "environment"}, 3, "", "")
		must(t, err)
		rest, err := s.OwnedOf(ctx, names, state.AssetFilter{}, 10, owned[2].Target, owned[2].ID.String())
		must(t, err)
		if len(owned) != 3 || len(rest) != 5 || rest[0].Target != "dev" || rest[0].ID != env("b_c", "2") || rest[4].Target != "prod" || owned[0].ARM != "/arm/a" {
			t.Errorf("owned: %v then %v", owned, rest)
		}
		glob := state.AssetFilter{Like: state.Like("b_*"), Match: func(id asset.ID) bool { ok, _ := path.Match("b_*", id.Name); return ok }}
		if got, err := s.OwnedOf(ctx, names, glob, 10, "", ""); err != nil || len(got) != 4 {
			t.Errorf("by glob: %v %v", got, err)
		}
		if got, err := s.OwnedOf(ctx, names, state.AssetFilter{Kind: "env"}, 10, "", ""); err != nil || len(got) != 0 {
			t.Errorf("of the kind env: %v %v", got, err)
		}

		drift, of, err := s.DriftedOf(ctx, names, state.AssetFilter{}, 10, "", "")
		must(t, err)
		if len(drift) != 2 || !reflect.DeepEqual(of, []string{"dev", "prod"}) || drift[0].Held != "left1" || drift[0].Run != "dev-2" {
			t.Errorf("drift: %+v of %v", drift, of)
		}
		given, of, err := s.ApprovalsOf(ctx, names, 10, 0)
		must(t, err)
		if len(given) != 2 || of[1] != "prod" || given[0].Author != "anna" {
			t.Errorf("approvals: %+v of %v", given, of)
		}
		if next, _, err := s.ApprovalsOf(ctx, names, 10, given[0].ID); err != nil || len(next) != 1 {
			t.Errorf("approvals behind the first: %v %v", next, err)
		}
		none, err := s.Overviews(ctx, nil)
		if err != nil || len(none) != 0 {
			t.Errorf("of no targets: %v %v", none, err)
		}
	})
}

func TestStepsGoOnWhereTheyWere(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := seed(t, s, c, "dev")
		past, n, err := j.Steps(ctx, asset.ID{Kind: "environment", Name: "a"}, 1, 0)
		must(t, err)
		more, _, err := j.Steps(ctx, asset.ID{Kind: "environment", Name: "a"}, 5, n[0])
		must(t, err)
		if len(past) != 1 || past[0].Outcome.Key.ID != env("a", "2") || len(more) != 1 || more[0].Commit != "c1" {
			t.Errorf("steps: %+v then %+v", past, more)
		}
	})
}

func TestPlanIsKept(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := seed(t, s, c, "dev")
		p, err := s.Planned(ctx, "dev")
		must(t, err)
		if string(p.Body) != "body c2" || p.Consent != "consent" || p.Run != "dev-2" || !p.Complete || p.Unfinished || p.Ended != plan.Failed {
			t.Errorf("plan: %+v", p)
		}
		if _, err := s.Planned(ctx, "prod"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("of an unknown target: %v", err)
		}
		must(t, j.Keep(ctx, 2, state.Planned{Digest: p.Digest, Body: []byte("again")}))
		if p, err := s.Planned(ctx, "dev"); err != nil || string(p.Body) != "body c2" {
			t.Errorf("the same plan was written again: %+v %v", p, err)
		}
		if err := j.Keep(ctx, 1, state.Planned{Digest: "old"}); !errors.Is(err, state.ErrFenced) {
			t.Errorf("a run that was overtaken keeps a plan: %v", err)
		}
	})
}

// Events are listed both ways. The end of a run is one, unless nothing is new.
func TestEventsOfRuns(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := seed(t, s, c, "dev")
		seed(t, s, c, "prod")
		for range 3 { // idle, then failing in the same way
			run := begin(t, j)
			run.State, run.Err = plan.Failed, "no answer"
			must(t, j.EndRun(ctx, run))
		}
		var what []string
		for after := int64(0); ; {
			got, err := s.EventsAfter(ctx, after, 2)
			must(t, err)
			for _, e := range got {
				what, after = append(what, e.Target+" "+e.What), e.ID
			}
			if len(got) < 2 {
				break
			}
		}
		want := []string{"dev run_done", "dev run_failed", "dev approve", "prod run_done", "prod run_failed", "prod approve", "dev run_failed"}
		if !reflect.DeepEqual(what, want) {
			t.Errorf("events: %v, want %v", what, want)
		}
		last, err := s.LastEvent(ctx)
		must(t, err)
		got, err := s.EventsOf(ctx, []string{"dev"}, 2, 0)
		must(t, err)
		if got[0].ID != last || got[0].Text != "dev-3 4f1c2ab: no answer" || got[1].What != "approve" {
			t.Errorf("events of dev: %+v, last %d", got, last)
		}
		if older, err := s.EventsOf(ctx, []string{"dev"}, 9, got[1].ID); err != nil || len(older) != 2 || older[1].What != "run_done" {
			t.Errorf("older events: %+v %v", older, err)
		}
	})
}

func TestLike(t *testing.T) {
	for glob, want := range map[string]string{"*": "%", "a?b*": "a_b%", "a_b%": `a\_b\%`, "x[ab]*y": "x%", `a\*`: "a%", "": ""} {
		if got := state.Like(glob); got != want {
			t.Errorf("Like(%q) = %q, want %q", glob, got, want)
		}
	}
}
