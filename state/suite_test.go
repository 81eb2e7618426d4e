package state_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/pgtest"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

var server pgtest.Server

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// clock is a clock that moves only when told, and by a nanosecond at each look.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Nanosecond)
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// both runs a test on SQLite and on PostgreSQL, each with an empty journal.
func both(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "journal.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, server.Database(t)) })
}

func open(t testing.TB, url string, opts state.Options) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"

func target(t testing.TB, s *state.Store, name string) *state.Target {
	t.Helper()
	got, err := s.Target(t.Context(), name, workspace)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func begin(t testing.TB, j *state.Target) plan.Run {
	t.Helper()
	run, err := j.Begin(t.Context(), plan.Run{Commit: "4f1c2ab", Trigger: "push"})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func env(name, version string) asset.ID {
	return asset.ID{Kind: "environment", Name: name, Version: version}
}

func ownedEnv(id asset.ID) plan.Owned {
	body := asset.NewMap().Set("image", asset.NewString("ubuntu")).Set("tags", asset.NewMap().Set("a", asset.NewInt(1)))
	return plan.Owned{
		ID: id, Origin: plan.Created, Body: body, Digest: "sha256:1", ARM: workspace + "/environments/" + id.Name,
		File: "environments/" + id.Name + ".yml", Commit: "4f1c2ab", At: time.Date(2026, 3, 1, 0, 0, 0, 5, time.UTC),
	}
}

func intend(t testing.TB, j *state.Target, gen int64, id asset.ID) int64 {
	t.Helper()
	n, err := j.Intend(context.Background(), gen, plan.Key{ID: id}, plan.Create, "d")
	must(t, err)
	return n
}

func done(id asset.ID) plan.Outcome {
	return plan.Outcome{Key: plan.Key{ID: id}, Action: plan.Create, State: plan.Done, Took: time.Second, Request: "req-1"}
}
