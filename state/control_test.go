package state_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func TestHoldEndsByItself(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		c := newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := target(t, s, "prod")
		run := begin(t, j)
		until := c.Now().Add(time.Hour)
		must(t, j.HoldUntil(ctx, "anna", "release day", until))
		_, err := j.Intend(ctx, run.Generation, plan.Key{ID: env("a", "1")}, plan.Create, "d")
		if !errors.Is(err, state.ErrHeld) || !strings.Contains(err.Error(), "by anna since") || !strings.Contains(err.Error(), "until "+until.UTC().Format(time.RFC3339)+": release day") {
			t.Errorf("while held: %v", err)
		}
		info, err := j.Info(ctx)
		must(t, err)
		if info.Hold.By != "anna" || !info.Hold.Until.Equal(until) || info.LastHold != (state.Hold{}) {
			t.Errorf("info %+v", info)
		}
		if over, err := j.Expire(ctx); over || err != nil {
			t.Errorf("expired early: %v %v", over, err)
		}
		c.Add(time.Hour)
		if _, err := j.Intend(ctx, run.Generation, plan.Key{ID: env("a", "1")}, plan.Create, "d"); err != nil {
			t.Errorf("after its end: %v", err)
		}
		all, err := s.Targets(ctx)
		must(t, err)
		if len(all) != 1 || all[0].Hold != (state.Hold{}) || all[0].LastHold.Why != "release day" {
			t.Errorf("after its end: %+v", all)
		}
		if over, err := j.Expire(ctx); !over || err != nil {
			t.Errorf("not expired: %v %v", over, err)
		}
		if over, err := j.Expire(ctx); over || err != nil {
			t.Errorf("expired twice: %v %v", over, err)
		}
		events, err := s.Events(ctx, "prod", 10, 0)
		must(t, err)
		if len(events) != 2 || events[0].What != "hold_expired" || events[1].What != "hold" || !strings.Contains(events[1].Text, "release day (until ") {
			t.Errorf("events %+v", events)
		}
		// Without an end it stays.
		must(t, j.Hold(ctx, "anna", "forever"))
		c.Add(1000 * time.Hour)
		if over, err := j.Expire(ctx); over || err != nil {
			t.Errorf("%v %v", over, err)
		}
	})
}

// foundDrift is drift of one field.
func foundDrift(id asset.ID, live string, revert bool) plan.Drift {
	return plan.Drift{ID: id, Paths: []string{"tags.team"}, By: "bob@contoso.com", At: "2026-03-01T11:00:00Z", Revert: revert, Changes: []diff.Change{
		{Path: []string{"tags", "team"}, Want: asset.NewString("ml"), Live: asset.NewString(live)},
		{Path: []string{"description"}, Want: asset.NewString("not drift"), Live: asset.NewString("x")},
	}}
}

func TestInbox(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		c := newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		j := target(t, s, "prod")
		a, b := env("a", "1"), env("b", "1")
		one := func(want state.FoundState) state.Found {
			t.Helper()
			all, err := j.Inbox(ctx)
			must(t, err)
			if len(all) == 0 || all[0].State != want {
				t.Fatalf("want %s: %+v", want, all)
			}
			return all[0]
		}
		look := func(live string) plan.Run {
			t.Helper()
			run := begin(t, j)
			must(t, j.Saw(ctx, run.Generation, []plan.Drift{foundDrift(a, live, false)}))
			return run
		}
		look("theirs")
		f := one(state.FoundOpen)
		if len(f.Fields) != 1 || f.Fields[0].Path != "tags.team" || f.Fields[0].Git == "" || f.Fields[0].Live == "" || f.Fields[0].Git == f.Fields[0].Live || f.ChangedBy != "bob@contoso.com" || f.Run != "prod-1" {
			t.Errorf("%+v", f)
		}
		c.Add(time.Minute)
		look("theirs")
		if g := one(state.FoundOpen); !g.First.Equal(f.First) || !g.Last.After(f.Last) || g.Digest != f.Digest {
			t.Errorf("seen again: %+v", g)
		}
		// Put off: left alone until then, unless it becomes another.
		until := c.Now().Add(time.Hour)
		if ok, err := j.Ignore(ctx, a, until, "anna", "known"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		left := func() int { l, err := j.LeftAlone(ctx); must(t, err); return len(l) }
		look("theirs")
		if one(state.FoundOpen); left() != 1 {
			t.Error("not left alone")
		}
		c.Add(2 * time.Hour)
		if left() != 0 {
			t.Error("left alone for longer than asked")
		}
		if ok, err := j.Accept(ctx, a, "anna", "it is right"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		look("theirs")
		if f := one(state.FoundAccepted); left() != 1 || f.Author != "anna" || f.Why != "it is right" {
			t.Errorf("%+v", f)
		}
		look("another")
		if f := one(state.FoundOpen); left() != 0 || f.Author != "" || !f.First.Equal(f.Last) {
			t.Errorf("another: %+v", f)
		}
		// Compared, and not there any more.
		run := begin(t, j)
		must(t, j.NoDrift(ctx, run.Generation, b))
		one(state.FoundOpen)
		must(t, j.NoDrift(ctx, run.Generation, a, b))
		one(state.FoundGone)
		if ok, err := j.Accept(ctx, a, "anna", ""); ok || err != nil {
			t.Error("what is gone was accepted", err)
		}
		if ok, err := j.Ignore(ctx, b, time.Time{}, "anna", ""); ok || err != nil {
			t.Error("what was never found was put off", err)
		}
		// Changed back.
		run = begin(t, j)
		n := intend(t, j, run.Generation, a)
		must(t, j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: done(a)}))
		must(t, j.Saw(ctx, run.Generation, []plan.Drift{foundDrift(a, "theirs", true), foundDrift(b, "x", true)}))
		all, err := j.Inbox(ctx)
		must(t, err)
		if len(all) != 2 || all[0].State != state.FoundCorrected || all[1].State != state.FoundOpen {
			t.Errorf("%+v", all)
		}
		if open, err := j.Inbox(ctx, state.FoundOpen); err != nil || len(open) != 1 || open[0].ID != b {
			t.Errorf("%+v %v", open, err)
		}
		both := []state.FoundState{state.FoundOpen, state.FoundCorrected}
		for _, tt := range []struct {
			names, after string
			states       []state.FoundState
			filter       state.AssetFilter
			limit        int
			want         string
		}{
			{names: "prod", states: both, limit: -1, want: a.String() + " " + b.String()},
			{names: "prod", states: both, limit: 1, want: a.String()},
			{names: "prod", states: both, limit: -1, after: a.String(), want: b.String()},
			{names: "prod", states: both[:1], limit: 1, want: b.String()},
			{names: "prod", states: both, filter: state.AssetFilter{Kind: "data"}, limit: -1},
			{names: "dev", states: both, limit: -1},
		} {
			found, of, err := s.InboxOf(ctx, []string{tt.names}, tt.states, tt.filter, tt.limit, "prod", tt.after)
			var ids []string
			for i, f := range found {
				if ids = append(ids, f.ID.String()); of[i] != "prod" {
					t.Errorf("%+v: of %s", tt, of[i])
				}
			}
			if got := strings.Join(ids, " "); err != nil || got != tt.want {
				t.Errorf("%+v: %q %v", tt, got, err)
			}
		}
	})
}

// A canary: neither what git says nor what is live is in the inbox.
func TestAttackK30InboxKeepsNoValues(t *testing.T) {
	ctx := t.Context()
	s := open(t, ":memory:", state.Options{Clock: newClock().Now})
	j := target(t, s, "prod")
	run := begin(t, j)
	d := plan.Drift{ID: env("a", "1"), Paths: []string{"key"}, Changes: []diff.Change{{Path: []string{"key"}, Secret: true, Want: asset.NewString("canary-1"), Live: asset.NewString("canary-2")}}}
	must(t, j.Saw(ctx, run.Generation, []plan.Drift{d, foundDrift(env("b", "1"), "canary-3", false)}))
	var out strings.Builder
	must(t, s.Export(ctx, &out, state.ExportOptions{}))
	if text := out.String(); strings.Contains(text, "canary") || !strings.Contains(text, `"inbox"`) {
		t.Error(text)
	}
	other := open(t, ":memory:", state.Options{})
	must(t, other.Import(ctx, strings.NewReader(out.String()), state.ImportOptions{TakeOver: true}))
	k, err := other.Known(ctx, "prod")
	must(t, err)
	got, err := k.Inbox(ctx)
	must(t, err)
	if len(got) != 2 || got[0].Fields[0].Git != "" || got[0].Fields[0].Live != "" {
		t.Errorf("%+v", got)
	}
}

func TestPosts(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		c := newClock()
		s := open(t, url, state.Options{Clock: c.Now})
		post := func(key, text string, again bool) bool {
			t.Helper()
			ok, err := s.Post(ctx, state.Post{Key: key, Lane: "l", Body: []byte(text), Digest: text}, again)
			must(t, err)
			return ok
		}
		if !post("a", "one", false) || post("a", "one", false) || !post("b", "two", false) || !post("a", "three", false) {
			t.Error("what is new is kept, and the same is not")
		}
		wait, err := s.Posts(ctx, "l")
		must(t, err)
		if len(wait) != 2 || wait[0].Key != "b" || string(wait[1].Body) != "three" || wait[1].Version != 2 {
			t.Fatalf("%+v", wait)
		}
		// Replaced while it was told: it is still to be told.
		post("a", "four", false)
		must(t, s.Posted(ctx, wait[1]))
		must(t, s.Posted(ctx, wait[0]))
		if wait, err = s.Posts(ctx, "l"); err != nil || len(wait) != 1 || string(wait[0].Body) != "four" {
			t.Fatalf("%+v %v", wait, err)
		}
		must(t, s.Posted(ctx, wait[0]))
		if lanes, err := s.Lanes(ctx); err != nil || len(lanes) != 0 {
			t.Error(lanes, err)
		}
		if post("a", "four", false) || !post("a", "four", true) {
			t.Error("the same is told again only if asked for")
		}
		if lanes, err := s.Lanes(ctx); err != nil || !reflect.DeepEqual(lanes, []string{"l"}) {
			t.Error(lanes, err)
		}
		c.Add(time.Hour)
		must(t, s.ForgetPosts(ctx, c.Now()))
		if post("b", "two", false) != true || len(mustPosts(t, s)) != 2 {
			t.Error("what was told is forgotten, and what is still to be told is not")
		}
	})
}

func mustPosts(t *testing.T, s *state.Store) []state.Post {
	t.Helper()
	out, err := s.Posts(t.Context(), "l")
	must(t, err)
	return out
}

func TestPulls(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		see := func(n int64, head string, at time.Time) state.Pull {
			t.Helper()
			p, err := s.SeePull(ctx, "r", n, head, at)
			must(t, err)
			return p
		}
		see(1, "h1", at)
		must(t, s.PlanPull(ctx, "r", 1, "k"))
		if p := see(1, "h1", at.Add(time.Hour)); !p.Seen.Equal(at) || p.Planned != "k" || p.At.IsZero() {
			t.Errorf("%+v", p)
		}
		if p := see(1, "h2", at.Add(time.Hour)); !p.Seen.Equal(at.Add(time.Hour)) || p.Planned != "k" {
			t.Errorf("%+v", p)
		}
		see(2, "h", at)
		gone, err := s.KeepPulls(ctx, "r", map[int64]bool{2: true})
		if err != nil || !reflect.DeepEqual(gone, []int64{1}) {
			t.Error(gone, err)
		}
		if p := see(1, "h2", at); p.Planned != "" {
			t.Errorf("forgotten, and still known: %+v", p)
		}
	})
}
