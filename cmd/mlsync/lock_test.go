package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mlsync.dev/mlsync/state"
)

func TestDeadHolder(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("go", "version")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, tc := range []struct {
		name  string
		since time.Time
		want  bool
	}{
		{holderOf(host, gone.Process.Pid), now, true},
		{holderOf(host, os.Getppid()), now, false},
		{processHolder(), now, false},
		{processHolder(), processBegan.Add(-time.Second), true},
		{holderOf(host+"2", gone.Process.Pid), now, false},
		{holderOf("other", gone.Process.Pid), now, false},
		{"ann at her desk", now, false},
		{"mlsync on " + host + ", process none", now, false},
	} {
		if got := deadHolder(tc.name, tc.since); got != tc.want {
			t.Errorf("%q since %s: got %v", tc.name, tc.since, got)
		}
	}
}

// The work of a run ends when its lock is lost or somebody stops it, and says
// which of the two.
func TestWorkEndsWithItsLock(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(t *state.Target) error
		want error
	}{
		"broken": {func(j *state.Target) error { _, err := j.Break(context.Background(), "ann"); return err }, state.ErrFenced},
		"abort":  {func(j *state.Target) error { _, err := j.Abort(context.Background(), "ann"); return err }, state.ErrAborted},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), state.Options{LockTTL: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			j, err := store.Target(t.Context(), "prod", "/subscriptions/s")
			if err != nil {
				t.Fatal(err)
			}
			work, unlock, err := lockTarget(t.Context(), j, "bob")
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			if work.Err() != nil {
				t.Fatal("it ends at once")
			}
			if err := test.end(j); err != nil {
				t.Fatal(err)
			}
			<-work.Done()
			if cause := context.Cause(work); !errors.Is(cause, test.want) {
				t.Errorf("it ends because of %v, want %v", cause, test.want)
			}
		})
	}
}

// A lock that is given back can be taken again, and ends the work.
func TestLockIsGivenBack(t *testing.T) {
	store, err := state.Open(t.Context(), ":memory:", state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	j, err := store.Target(t.Context(), "prod", "/subscriptions/s")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		work, unlock, err := lockTarget(t.Context(), j, "bob")
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		if work.Err() == nil {
			t.Error("the work goes on without its lock")
		}
	}
}
