package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

func TestLayer(t *testing.T) {
	base := fstest.MapFS{"a/old.yml": {Data: []byte("old")}, "a/gone.yml": {Data: []byte("gone")}, "b.yml": {Data: []byte("b")}}
	l := layered(base, []promote.File{{Path: "a/old.yml", Bytes: []byte("new")}, {Path: "a/gone.yml"}, {Path: "c/d/e.yml", Bytes: []byte("e")}})
	if err := fstest.TestFS(l, "a/old.yml", "b.yml", "c/d/e.yml"); err != nil {
		t.Error(err)
	}
	if data, err := fs.ReadFile(l, "a/old.yml"); string(data) != "new" || err != nil {
		t.Errorf("got %q %v", data, err)
	}
	if _, err := fs.Stat(l, "a/gone.yml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// past is a source that has the trees of earlier commits.
type past map[string]fs.FS

func (past) fetch(context.Context, gitrepo.Ref) (reconcile.Commit, error) {
	return reconcile.Commit{}, nil
}
func (past) authors(string, string) []string { return nil }
func (past) wait(context.Context) error      { return nil }
func (past) close() error                    { return nil }
func (p past) at(commit string) fs.FS        { return p[commit] }

// A branch that is forced back to a commit that was rolled back is not applied.
func TestCommitsThatWereRolledBackAreNotApplied(t *testing.T) {
	store, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	target, err := store.Target(t.Context(), "prod", "/subscriptions/s")
	if err != nil {
		t.Fatal(err)
	}
	bad, good, other := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	pins := &promote.Pins{Release: "r1", Skipped: []promote.Skip{{Release: "r2", Set: strings.Repeat("0", 64), Commit: bad, Why: "errors"}}}
	d := &daemon{source: past{good: fstest.MapFS{"prod/release.yml": {Data: promote.WritePins(pins)}}}}
	conf := &config.Target{Name: "prod", Overlays: []string{"base", "prod"}}
	ask := func(commit string) error {
		return d.skipped(t.Context(), conf, &journal{Target: target, store: store}, reconcile.Commit{Hash: commit})
	}
	if err := ask(bad); err != nil {
		t.Errorf("nothing was applied yet: %v", err)
	}
	run, err := target.Begin(t.Context(), plan.Run{Commit: good})
	if err != nil {
		t.Fatal(err)
	}
	run.State = plan.Done
	if err := target.EndRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	if err := ask(bad); !errors.Is(err, reconcile.ErrRefused) || !strings.Contains(err.Error(), "the release r2 was rolled back (errors)") {
		t.Errorf("got %v", err)
	}
	for _, commit := range []string{good, other, ""} {
		if err := ask(commit); err != nil {
			t.Errorf("%s: %v", commit, err)
		}
	}
}

func TestMetricsOf(t *testing.T) {
	cfg := config.Default()
	job := &asset.Asset{Body: asset.NewMap().
		Set("tags", asset.NewMap().Set("auc", asset.NewString("0.9")).Set("team", asset.NewString("x"))).
		Set("properties", asset.NewMap().Set("auc", asset.NewString("0.1")).Set("metrics.rmse", asset.NewString("2")))}
	if got := metricsOf(cfg, job); got != nil {
		t.Errorf("got %v", got)
	}
	cfg.Lineage.Metrics = []string{"auc", "metrics.*"}
	if got := metricsOf(cfg, job); len(got) != 2 || got["auc"] != "0.9" || got["metrics.rmse"] != "2" {
		t.Errorf("got %v", got)
	}
}

func TestSignature(t *testing.T) {
	a := withEnv(map[string]string{"USER": "ann"})
	for given, want := range map[string]string{
		"":                        "ann mlsync@localhost",
		"Robin":                   "Robin mlsync@localhost",
		"Robin R <r@example.org>": "Robin R r@example.org",
	} {
		if s := a.signature(given); s.Name+" "+s.Email != want || s.When.IsZero() {
			t.Errorf("%q: got %s %s", given, s.Name, s.Email)
		}
	}
	a = withEnv(map[string]string{"USER": "ann", "GIT_AUTHOR_NAME": "Robin", "GIT_AUTHOR_EMAIL": "r@example.org"})
	if s := a.signature(""); s.Name != "Robin" || s.Email != "r@example.org" {
		t.Errorf("got %+v", s)
	}
}
