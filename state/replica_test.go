package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// Replicas that are older than a migration go on under it: it only adds what has
// a default, unless it says that they must stop.
func TestMigrationsAreSurvivedByOlderReplicas(t *testing.T) {
	adds := regexp.MustCompile(`(?is)^(CREATE (UNIQUE )?(TABLE|INDEX|TRIGGER|FUNCTION)\b|ALTER TABLE \w+ ADD COLUMN \w+ [^;]*\bDEFAULT\b|ALTER TABLE \w+ ADD COLUMN \w+ \w+$|UPDATE installation SET needs\b)`)
	for _, dialect := range []string{"sqlite", "postgres"} {
		files, err := filepath.Glob("migrations/" + dialect + "/*.sql")
		must(t, err)
		for _, file := range files[1:] {
			data, err := os.ReadFile(file)
			must(t, err)
			text := regexp.MustCompile(`--[^\n]*`).ReplaceAllString(string(data), "")
			text = regexp.MustCompile(`(?s)\$\$.*?\$\$|BEGIN\b.*?END;?`).ReplaceAllString(text, "")
			for statement := range strings.SplitSeq(text, ";") {
				if statement = strings.TrimSpace(statement); statement != "" && !adds.MatchString(statement) {
					t.Errorf("%s: older replicas may not survive %q: add tables and columns with a default, or raise installation.needs", file, statement)
				}
			}
		}
	}
}

// Two looks at a ref come one after the other: what a slow one found is not taken
// for the newest.
func TestAnOldLookIsNotTheNewest(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		slow, fast := open(t, url, state.Options{}), open(t, url, state.Options{})
		look := func(s *state.Store, was state.Ref, commit string) bool {
			t.Helper()
			ok, busy, err := s.Looked(ctx, state.Look{Ref: "r", Group: "g", Was: was, Commit: commit})
			must(t, err)
			return ok && busy == nil
		}
		ref := func(s *state.Store) state.Ref {
			t.Helper()
			r, err := s.Ref(ctx, "r", "g")
			must(t, err)
			return r
		}
		must(t, slow.Ask(ctx, "r"))
		was := ref(slow) // and stops
		must(t, fast.Ask(ctx, "r"))
		if !look(fast, ref(fast), "new") {
			t.Fatal("a look was not noted")
		}
		if look(slow, was, "old") {
			t.Error("an older look was noted after a newer one")
		}
		if got := ref(slow); got != (state.Ref{Commit: "new", Moved: 1, Asked: 2, Looked: 2, Told: "new"}) {
			t.Errorf("known: %+v", got)
		}
		if !look(slow, ref(slow), "new") || ref(fast).Moved != 1 {
			t.Error("the same commit moved the ref")
		}
		other, err := fast.Ref(ctx, "r", "others")
		must(t, err)
		if other.Told != "" || other.Commit != "new" {
			t.Errorf("another group: %+v", other)
		}
	})
}

// A target is said to be as a newer commit says only while nobody has worked on
// it since it was compared.
func TestSameInputs(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{})
		a, b := target(t, s, "a"), target(t, s, "b")
		compared := func(j *state.Target) {
			t.Helper()
			run := begin(t, j)
			run.State = plan.Done
			must(t, j.EndRun(ctx, run))
			must(t, j.Compared(ctx, run.Generation, state.Inputs{Digest: "d", Paths: []string{"src"}, Commit: "1"}))
		}
		compared(a)
		compared(b)
		look := func(commit string, names ...string) (bool, []string) {
			t.Helper()
			was, err := s.Ref(ctx, "r", "g")
			must(t, err)
			same := map[string]string{}
			for _, name := range names {
				same[name] = "d"
			}
			ok, busy, err := s.Looked(ctx, state.Look{Ref: "r", Group: "g", Was: was, Commit: commit, Same: same})
			must(t, err)
			return ok, busy
		}
		if ok, busy := look("2", "a", "b"); !ok || len(busy) > 0 {
			t.Fatalf("%v %v", ok, busy)
		}
		in, ok, err := s.InputsOf(ctx, "a")
		must(t, err)
		if !ok || in.Commit != "1" || in.Same != "2" || in.Compared.IsZero() || len(in.Paths) != 1 {
			t.Errorf("inputs: %v %+v", ok, in)
		}
		info, err := a.Info(ctx)
		must(t, err)
		if info.Seen != "2" {
			t.Errorf("seen: %+v", info)
		}

		lock, err := a.Lock(ctx, "anna")
		must(t, err)
		if ok, busy := look("3", "a", "b"); ok || len(busy) != 1 || busy[0] != "a" {
			t.Errorf("a target that somebody works on: %v %v", ok, busy)
		}
		if r, err := s.Ref(ctx, "r", "g"); err != nil || r.Commit != "2" {
			t.Errorf("a part of a look was noted: %+v %v", r, err)
		}
		must(t, lock.Release(ctx))
		begin(t, a) // a later run takes back what the earlier one had compared
		all, err := s.Inputs(ctx)
		must(t, err)
		if _, ok := all["a"]; ok || len(all) != 1 {
			t.Errorf("inputs: %v", all)
		}
		must(t, b.Hold(ctx, "anna", "audit"))
		if all, err = s.Inputs(ctx); err != nil || len(all) != 0 {
			t.Errorf("inputs of a target on hold: %v %v", all, err)
		}
		if err := a.Compared(ctx, 1, state.Inputs{}); !errors.Is(err, state.ErrFenced) {
			t.Errorf("compared by an earlier run: %v", err)
		}
	})
}

// What processes take out of a budget comes one after the other at its rate,
// and nothing while it is paused.
func TestBudgetIsShared(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		opts := state.Options{Clock: c.Now}
		a, b := open(t, url, opts), open(t, url, opts)
		share := func(s *state.Store) (time.Duration, bool) {
			t.Helper()
			wait, paused, err := s.Share(ctx, "sub|reads", 10, 5)
			must(t, err)
			return wait.Round(time.Millisecond), paused
		}
		for i, s := range []*state.Store{a, b, a} {
			if wait, paused := share(s); wait != time.Duration(i)*2*time.Second || paused {
				t.Errorf("share %d: %v %v", i, wait, paused)
			}
		}
		if wait, _, err := b.Share(ctx, "sub|writes", 10, 5); err != nil || wait != 0 {
			t.Errorf("reads keep writes waiting: %v %v", wait, err)
		}
		must(t, a.Pause(ctx, "sub|reads", time.Minute))
		must(t, b.Pause(ctx, "sub|reads", time.Second)) // the longer one holds
		if wait, paused := share(b); wait != time.Minute || !paused {
			t.Errorf("paused: %v %v", wait, paused)
		}
		c.Add(time.Minute)
		if wait, paused := share(b); wait != 0 || paused {
			t.Errorf("after the pause: %v %v", wait, paused)
		}
	})
}

// The clocks of the machines do not agree: the lock lives for its time by that of
// the server.
func TestAttackR4LocksGoByOneClock(t *testing.T) {
	ctx, url := t.Context(), server.Database(t)
	slow := target(t, open(t, url, state.Options{Skew: -time.Hour, LockTTL: time.Minute}), "prod")
	fast := target(t, open(t, url, state.Options{Skew: time.Hour, LockTTL: time.Minute}), "prod")
	lock, err := slow.Lock(ctx, "slow")
	must(t, err)
	if err := lockErr(fast, "fast"); !errors.Is(err, state.ErrLocked) {
		t.Errorf("a clock that is an hour ahead took a lock: %v", err)
	}
	if info, err := fast.Info(ctx); err != nil || info.Holder != "slow" {
		t.Errorf("who has it: %+v %v", info, err)
	}
	must(t, lock.Renew(ctx))
	must(t, lock.Sure())
	must(t, lock.Release(ctx))
	_, err = fast.Lock(ctx, "fast")
	must(t, err)
}

// A process that was stopped for longer than its lock lives knows by itself that
// others may have it, before it has asked anybody.
func TestAttackR5AStoppedHolderKnows(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		j := target(t, open(t, url, state.Options{LockTTL: time.Millisecond}), "prod")
		lock, err := j.Lock(t.Context(), "anna")
		must(t, err)
		<-time.After(5 * time.Millisecond)
		if err := lock.Sure(); !errors.Is(err, state.ErrFenced) {
			t.Errorf("after its time: %v", err)
		}
	})
}
