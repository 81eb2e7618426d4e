package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// roleDoor lets in who bears the name of a role as a token.
type roleDoor struct{}

func (roleDoor) Who(r *http.Request) (access.Principal, error) {
	role, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return access.Principal{}, access.ErrNoCredential
	}
	p := access.Principal{Subject: "user:entra/" + role, Name: role, Kind: access.Person, Has: []string{"user:entra/" + role}}
	for _, known := range access.Roles() {
		if role == string(known) {
			p.Grants = []access.Grant{{Role: known, Project: defaultProject}}
			return p, nil
		}
	}
	return p, access.ErrBadCredential
}

// apiWorld is an API over a journal, without passes.
type apiWorld struct {
	t     *testing.T
	d     *daemon
	url   string
	asked chan string // tasks of the queue
}

const apiWorkspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/"

func newAPIWorld(t *testing.T, targets ...string) *apiWorld {
	t.Helper()
	ctx := t.Context()
	w := &apiWorld{t: t, asked: make(chan string, 100)}
	cfg := &config.Config{}
	for _, name := range targets {
		c := config.DefaultTarget()
		c.Name = name
		cfg.Targets = append(cfg.Targets, c)
	}
	store, err := state.Open(ctx, filepath.Join(t.TempDir(), "journal.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	q, err := queue.OpenSQLite(ctx, store.DB(), queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	w.d = &daemon{app: &app{}, name: defaultProject, cfg: cfg, store: store, queue: q, log: slog.New(slog.DiscardHandler)}
	w.d.up.Store(true)
	p := &process{app: w.d.app, registry: prometheus.NewRegistry(), log: slog.New(slog.NewTextHandler(t.Output(), nil)), daemons: []*daemon{w.d}}
	api := p.openAPI(roleDoor{}, time.Hour)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		api.Close()
		server.Close()
	})
	w.url = server.URL
	return w
}

// seed gives a target a run with assets, drift, and a plan that waits.
func (w *apiWorld) seed(name string, assets int) *state.Target {
	w.t.Helper()
	ctx := w.t.Context()
	j, err := w.d.store.Target(ctx, name, apiWorkspace+name)
	check(w.t, err)
	p := waitingPlan(name)
	run, err := j.Begin(ctx, plan.Run{Commit: "4f1c2ab", Trigger: "sync", Digest: p.Digest()})
	check(w.t, err)
	for i := range assets {
		id := asset.ID{Kind: "environment", Name: fmt.Sprintf("e%03d", i), Version: "1"}
		n, err := j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Create, "")
		check(w.t, err)
		check(w.t, j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: plan.Outcome{Key: plan.Key{ID: id}, Action: plan.Create, State: plan.Done, Started: time.Now()}, Own: &plan.Owned{ID: id, Origin: plan.Created, At: time.Now()}}))
	}
	check(w.t, j.Saw(ctx, run.Generation, p.Drift))
	run.State = plan.Done
	check(w.t, j.EndRun(ctx, run))
	(&worker{daemon: w.d, name: name}).keep(ctx, &journal{Target: j, store: w.d.store}, run, p)
	return j
}

// waitingPlan has a step that asks for an approval, and drift.
func waitingPlan(target string) *plan.Plan {
	id := asset.ID{Kind: "compute", Name: "gpu"}
	return &plan.Plan{
		Target: plan.Target{Name: target, Workspace: "mlw-" + target}, Source: plan.Source{Commit: "4f1c2ab", Tree: "sha256:t"},
		Steps: []plan.Step{{Key: plan.Key{ID: id}, Action: plan.Replace, Needs: "replace:compute/gpu"}},
		Drift: []plan.Drift{{ID: asset.ID{Kind: "environment", Name: "e000", Version: "1"}, Paths: []string{"tags.x"}, By: "carl"}},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run is the program with --server, as who has the role.
func (w *apiWorld) run(role string, args ...string) (int, string, string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{serverVar: w.url, tokenVar: role, "HOME": w.t.TempDir(), "USER": "somebody-else"}
	code := runWith(args, streams{in: strings.NewReader(""), out: &out, err: &errs, width: 120}, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	return code, out.String(), errs.String()
}

// wants runs the program and looks at what it says.
func (w *apiWorld) wants(code int, says string, role string, args ...string) {
	w.t.Helper()
	got, out, errs := w.run(role, args...)
	if got != code || !strings.Contains(out+errs, says) {
		w.t.Errorf("mlsync %s as %s ends with %d and says:\n%s%s\nwant %d and %q", strings.Join(args, " "), role, got, out, errs, code, says)
	}
}
