package state_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func TestOneHolderOfALock(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		opts := state.Options{Clock: c.Now, LockTTL: time.Minute}
		anna, bob := target(t, open(t, url, opts), "prod"), target(t, open(t, url, opts), "prod")

		lock, err := anna.Lock(ctx, "anna@laptop pid 71")
		must(t, err)
		run := begin(t, anna)
		for what, err := range map[string]error{
			"another":            lockErr(bob, "bob@ci pid 2"),
			"the same process":   lockErr(anna, "anna@laptop pid 71"),
			"a run of another's": beginErr(bob),
		} {
			var locked *state.LockedError
			if !errors.As(err, &locked) || !errors.Is(err, state.ErrLocked) || locked.Holder != "anna@laptop pid 71" || !strings.Contains(err.Error(), "2026-03-01T12:01:00Z") {
				t.Errorf("%s: %v", what, err)
			}
		}
		info, err := bob.Info(ctx)
		must(t, err)
		if info.Holder != "anna@laptop pid 71" {
			t.Errorf("info: %+v", info)
		}

		c.Add(50 * time.Second)
		must(t, lock.Renew(ctx))
		c.Add(50 * time.Second)
		if err := lockErr(bob, "bob"); !errors.Is(err, state.ErrLocked) {
			t.Errorf("after a renewal: %v", err)
		}

		// Anna's process is stopped for longer than her lock lives.
		c.Add(11 * time.Second)
		other, err := bob.Lock(ctx, "bob")
		must(t, err)
		if err := lock.Renew(ctx); !errors.Is(err, state.ErrFenced) {
			t.Errorf("renewing a lost lock: %v", err)
		}
		if _, err := anna.Intend(ctx, run.Generation, plan.Key{ID: env("x", "1")}, plan.Create, ""); !errors.Is(err, state.ErrFenced) {
			t.Errorf("writing under a lost lock: %v", err)
		}
		must(t, lock.Release(ctx))
		if err := lockErr(anna, "anna"); !errors.Is(err, state.ErrLocked) {
			t.Errorf("releasing a lost lock freed another's: %v", err)
		}
		must(t, other.Release(ctx))
		_, err = anna.Lock(ctx, "anna")
		must(t, err)
	})
}

func lockErr(j *state.Target, holder string) error {
	_, err := j.Lock(context.Background(), holder)
	return err
}

func beginErr(j *state.Target) error {
	_, err := j.Begin(context.Background(), plan.Run{})
	return err
}

// A process that was stopped wakes up after another has taken its lock, has run
// and has given the lock back: it begins nothing.
func TestNoRunBeginsAfterTheLockWasLost(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		opts := state.Options{Clock: c.Now, LockTTL: time.Minute}
		anna, bob := target(t, open(t, url, opts), "prod"), target(t, open(t, url, opts), "prod")
		_, err := anna.Lock(ctx, "anna")
		must(t, err)
		c.Add(61 * time.Second)
		other, err := bob.Lock(ctx, "bob")
		must(t, err)
		must(t, beginErr(bob))
		must(t, other.Release(ctx))
		if err := beginErr(anna); !errors.Is(err, state.ErrFenced) {
			t.Errorf("a run under a lost lock: %v", err)
		}
		_, err = anna.Lock(ctx, "anna")
		must(t, err)
		must(t, beginErr(anna))
	})
}

func TestRestartTakesItsOwnLockBack(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		dead, alive := target(t, open(t, url, state.Options{}), "prod"), target(t, open(t, url, state.Options{}), "prod")
		must(t, lockErr(dead, "daemon /var/lib/mlsync"))
		run := begin(t, dead)
		must(t, lockErr(alive, "daemon /var/lib/mlsync"))
		if err := dead.EndRun(t.Context(), run); !errors.Is(err, state.ErrFenced) {
			t.Errorf("the dead process: %v", err)
		}
	})
}

func TestBreakingALock(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{})
		a, b := target(t, s, "prod"), target(t, open(t, url, state.Options{}), "prod")
		must(t, lockErr(a, "anna"))
		run := begin(t, a)
		for _, want := range []string{"anna", ""} {
			if got, err := b.Break(t.Context(), "bob"); err != nil || got != want {
				t.Errorf("break: %q %v, want %q", got, err, want)
			}
		}
		if err := a.EndRun(t.Context(), run); !errors.Is(err, state.ErrFenced) {
			t.Errorf("the broken lock's holder: %v", err)
		}
		must(t, lockErr(b, "bob"))
		events, err := s.Events(t.Context(), "prod", 10, 0)
		must(t, err)
		if len(events) != 1 || events[0].What != "break_lock" || events[0].Author != "bob" || events[0].Text != "anna" {
			t.Errorf("events: %+v", events)
		}
	})
}

func TestKeepRenewsUntilTheLockIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	synctest.Test(t, func(t *testing.T) {
		opts := state.Options{LockTTL: 30 * time.Second}
		s, err := state.Open(context.Background(), path, opts)
		must(t, err)
		defer s.Close()
		other, err := state.Open(context.Background(), path, opts)
		must(t, err)
		defer other.Close()
		j, rival := target(t, s, "prod"), target(t, other, "prod")
		lock, err := j.Lock(context.Background(), "anna")
		must(t, err)

		ctx, cancel := context.WithCancel(context.Background())
		kept := make(chan error, 1)
		go func() { kept <- lock.Keep(ctx) }()
		time.Sleep(10 * time.Minute) // in the bubble's time
		if err := lockErr(rival, "bob"); !errors.Is(err, state.ErrLocked) {
			t.Errorf("after ten minutes: %v", err)
		}
		cancel()
		if err := <-kept; err != nil {
			t.Errorf("keep after cancel: %v", err)
		}

		go func() { kept <- lock.Keep(context.Background()) }()
		_, err = rival.Break(context.Background(), "bob")
		must(t, err)
		if err := <-kept; !errors.Is(err, state.ErrFenced) {
			t.Errorf("keep of a lost lock: %v", err)
		}
	})
}

func TestHoldStopsNewWrites(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		run := begin(t, j)
		id := env("x", "1")
		n := intend(t, j, run.Generation, id)
		must(t, j.Hold(ctx, "anna", "release day"))
		_, err := j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Update, "")
		if !errors.Is(err, state.ErrHeld) || !strings.Contains(err.Error(), "anna") || !strings.Contains(err.Error(), "release day") {
			t.Errorf("intend on hold: %v", err)
		}
		must(t, j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: done(id)})) // was sent before
		infos, err := s.Targets(ctx)
		must(t, err)
		if len(infos) != 1 || infos[0].Hold.By != "anna" || infos[0].Hold.At.IsZero() {
			t.Errorf("targets: %+v", infos)
		}
		must(t, j.Release(ctx, "bob"))
		intend(t, j, run.Generation, id)
		must(t, j.See(ctx, run.Generation, "4f1c2ab"))
		info, err := j.Info(ctx)
		must(t, err)
		if info.Hold != (state.Hold{}) || info.Seen != "4f1c2ab" || info.SeenAt.IsZero() || info.Generation != 1 || info.Workspace != workspace || info.Name != j.Name() {
			t.Errorf("info: %+v", info)
		}
		events, err := s.Events(ctx, "prod", 10, 0)
		must(t, err)
		if len(events) != 2 || events[0].What != "release" || events[1].What != "hold" || events[1].Text != "release day" {
			t.Errorf("events: %+v", events)
		}
	})
}

func TestLockOfADeadHolderIsTakenOver(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx, c := t.Context(), newClock()
		dead := map[string]bool{}
		var asked time.Time
		opts := state.Options{Clock: c.Now, Dead: func(holder string, since time.Time) bool { asked = since; return dead[holder] }}
		anna, bob := target(t, open(t, url, opts), "prod"), target(t, open(t, url, opts), "prod")
		_, err := anna.Lock(ctx, "anna")
		must(t, err)
		run := begin(t, anna)
		if err := lockErr(bob, "bob"); !errors.Is(err, state.ErrLocked) || asked.IsZero() || asked.After(c.Now()) {
			t.Errorf("a lock that lives: %v, taken at %s", err, asked)
		}
		dead["anna"] = true
		_, err = bob.Lock(ctx, "bob")
		must(t, err)
		if _, err := anna.Intend(ctx, run.Generation, plan.Key{ID: env("x", "1")}, plan.Create, ""); !errors.Is(err, state.ErrFenced) {
			t.Errorf("writing after the lock was taken over: %v", err)
		}
	})
}
