package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mlsync.dev/mlsync/internal/bridge"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/tree"
)

const (
	owner = "tests"
	// version is what the tests ask the emulator with.
	version = "?api-version=2024-04-01"
)

var scope = kind.Scope{Subscription: "00000000-0000-0000-0000-000000000001", ResourceGroup: "rg", Workspace: "ws"}

// clock passes time at once: the client sleeps by it and the emulator lives by
// it. asleep, if set, is called in place of a sleep.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	asleep func(ctx context.Context) error
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(max(d, 0))
	asleep := c.asleep
	c.mu.Unlock()
	if asleep != nil {
		return asleep(ctx)
	}
	return ctx.Err()
}

// world is a workspace on an emulator, a tree and a journal.
type world struct {
	t       *testing.T
	clock   *clock
	em      *emulator.Server
	client  *azureml.Client
	ws      *azureml.Workspace
	journal *journal
	files   map[string]string
	secrets map[string]string
	rule    func(id asset.ID, file string) plan.Rule
	bytes   map[string]resolve.Source // what releases say
	source  bridge.Source

	mu     sync.Mutex
	events []reconcile.Event
	emit   func(reconcile.Event)
}

func newWorld(t *testing.T, opt emulator.Options) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, files: map[string]string{}, secrets: map[string]string{}}
	opt.Now, opt.JobStep = w.clock.Now, -1
	var err error
	if w.em, err = emulator.New(opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.must(w.em.Close()) })
	w.must(w.em.Start("127.0.0.1:0", false, ""))
	w.through(nil)
	w.must(w.ws.Locate(t.Context()))
	w.journal = w.newJournal()
	return w
}

// through makes requests go through a transport; nil is the usual one.
func (w *world) through(transport policy.Transporter) {
	w.t.Helper()
	var err error
	w.client, err = azureml.New(azureml.Options{
		Endpoint: w.em.URL(), StorageEndpoint: w.em.URL(), Credential: "static", Token: "t", Insecure: true,
		Clock: w.clock, Random: func() float64 { return 0.5 }, Transport: transport,
	})
	w.must(err)
	w.ws = w.client.Workspace(scope)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// newJournal is an empty journal, as on another machine.
func (w *world) newJournal() *journal {
	w.t.Helper()
	store, err := state.Open(w.t.Context(), filepath.Join(w.t.TempDir(), "journal.db"), state.Options{Clock: w.clock.Now})
	w.must(err)
	w.t.Cleanup(func() { w.must(store.Close()) })
	target, err := store.Target(w.t.Context(), "dev", scope.WorkspaceID())
	w.must(err)
	return &journal{Target: target, store: store}
}

// pass is a pass over the target with the journal of the world.
func (w *world) pass() *reconcile.Pass {
	return &reconcile.Pass{
		Target:    plan.Target{Name: "dev", Subscription: scope.Subscription, ResourceGroup: scope.ResourceGroup, Workspace: scope.Workspace},
		Owner:     owner,
		Workspace: bridge.New(w.client, w.ws).From(w.source),
		Journal:   w.journal,
		Bytes:     func(fs.FS) (map[string]resolve.Source, problem.List) { return w.bytes, nil },
		Read:      func(fsys fs.FS) (*tree.Tree, problem.List) { return tree.Read(fsys, tree.Options{}) },
		Document: func(data []byte, file string) (*asset.Value, problem.List) {
			docs, bad := tree.Parse(data, file, tree.ParseOptions{LastWins: true})
			if len(docs) == 0 {
				return nil, bad
			}
			return docs[0], bad
		},
		Rule: func(id asset.ID, file string) plan.Rule {
			if w.rule == nil {
				return plan.Rule{}
			}
			return w.rule(id, file)
		},
		Secret: func(_ context.Context, name string) (asset.Secret, error) {
			if text, ok := w.secrets[name]; ok {
				return asset.NewSecret(text), nil
			}
			return asset.Secret{}, fmt.Errorf("nobody knows it: %w", reconcile.ErrNoSecret)
		},
		Parallel: 4,
		Now:      w.clock.Now,
		Log:      slog.New(slog.DiscardHandler),
		Emit: func(e reconcile.Event) {
			w.mu.Lock()
			w.events = append(w.events, e)
			emit := w.emit
			w.mu.Unlock()
			if emit != nil {
				emit(e)
			}
		},
	}
}

func (w *world) commit() reconcile.Commit {
	fsys := fstest.MapFS{}
	for name, text := range w.files {
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644, ModTime: time.Unix(1, 0)}
	}
	return reconcile.Commit{FS: fsys, Hash: "4f1c2ab0000000000000000000000000000000aa", Repo: "file:///repo"}
}

func (w *world) prepare(opt plan.Options) *reconcile.Prepared {
	w.t.Helper()
	prep, err := w.pass().Prepare(w.t.Context(), w.commit(), opt, reconcile.Trigger{Name: "manual"})
	w.must(err)
	return prep
}

// all is prepare with a look for what nobody manages.
func (w *world) all(opt plan.Options) *reconcile.Prepared {
	w.t.Helper()
	prep, err := w.pass().Prepare(w.t.Context(), w.commit(), opt, reconcile.Trigger{Name: "manual", Unmanaged: true})
	w.must(err)
	return prep
}

// apply makes a plan and carries it out; everything must succeed.
func (w *world) apply(opt plan.Options) plan.Run {
	w.t.Helper()
	run, err := w.try(opt)
	w.must(err)
	for _, o := range run.Outcomes {
		if o.State != plan.Done {
			w.t.Fatalf("%s of %s: %s: %s", o.Action, o.Key, o.State, o.Err)
		}
	}
	return run
}

func (w *world) try(opt plan.Options) (plan.Run, error) {
	w.t.Helper()
	return w.pass().Apply(w.t.Context(), w.prepare(opt), "manual")
}

// settled fails if a plan has anything to do or does not know something.
func (w *world) settled(opt plan.Options) {
	w.t.Helper()
	for _, s := range w.prepare(opt).Plan.Steps {
		if s.Action != plan.NoOp {
			w.t.Errorf("not settled: %s %s %s %s %v", s.Action, s.Key, s.Why, s.Blocked, s.Changes)
		}
	}
}

// step is the step of an asset, which the plan must have.
func (w *world) step(prep *reconcile.Prepared, of string) plan.Step {
	w.t.Helper()
	for _, s := range prep.Plan.Steps {
		if s.Key.String() == of {
			return s
		}
	}
	w.t.Fatalf("the plan has no step of %s", of)
	return plan.Step{}
}

// outcome is how a step ended; the zero Outcome if it is not among them.
func outcome(run plan.Run, of string) plan.Outcome {
	for _, o := range run.Outcomes {
		if o.Key.String() == of {
			return o
		}
	}
	return plan.Outcome{}
}

func (w *world) owned() map[string]plan.Owned {
	w.t.Helper()
	all, err := w.journal.Owned(w.t.Context())
	w.must(err)
	out := map[string]plan.Owned{}
	for id, o := range all {
		out[id.String()] = o
	}
	return out
}

func (w *world) fault(text string) {
	w.t.Helper()
	f, err := emulator.ParseFault(text)
	w.must(err)
	w.em.AddFault(f)
}

// requests are the requests that f makes, "METHOD collection" by how often.
func (w *world) requests(f func()) map[string]int {
	w.t.Helper()
	w.em.ResetCounters()
	f()
	out := map[string]int{}
	for _, c := range w.em.Counters() {
		out[c.Method+" "+c.Collection] += int(c.Count)
	}
	return out
}

// text is the requests, sorted, for comparing.
func text(requests map[string]int) string {
	var out []string
	for what, n := range requests {
		if n > 1 {
			what += " x" + string(rune('0'+n))
		}
		out = append(out, what)
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

// writes are the requests so far that write.
func (w *world) writes() []string {
	var out []string
	for _, r := range w.em.Requests() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(strings.ToLower(r.Path), "/listsecrets") {
			out = append(out, r.Method+" "+r.Path[strings.Index(r.Path, "/workspaces/")+1:])
		}
	}
	return out
}

// live is an asset as the service gives it; nil if there is none.
func (w *world) live(path string) map[string]any {
	w.t.Helper()
	data, status := w.call(http.MethodGet, path, nil)
	if status == http.StatusNotFound {
		return nil
	}
	var out map[string]any
	w.must(json.Unmarshal(data, &out))
	return out
}

// put writes past mlsync.
func (w *world) put(path string, body any) {
	w.t.Helper()
	data, err := json.Marshal(body)
	w.must(err)
	if answer, status := w.call(http.MethodPut, path, data); status >= 300 {
		w.t.Fatalf("PUT %s: %d %s", path, status, answer)
	}
}

func (w *world) call(method, path string, body []byte) ([]byte, int) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.em.URL()+scope.WorkspaceID()+"/"+path+version, bytes.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer somebody")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer func() { w.must(res.Body.Close()) }()
	data, err := io.ReadAll(res.Body)
	w.must(err)
	return data, res.StatusCode
}

const schemas = "$schema: https://azuremlschemas.azureedge.net/latest/"

// env is an environment; version "" leaves it out.
func env(name, version, image string, more ...string) string {
	text := schemas + "environment.schema.json\nname: " + name + "\nimage: " + image + "\n"
	if version != "" {
		text += "version: \"" + version + "\"\n"
	}
	return text + strings.Join(more, "\n") + "\n"
}

func job(environment string, more ...string) string {
	return schemas + "commandJob.schema.json\ntype: command\ncommand: python train.py\nenvironment: " + environment + "\n" + strings.Join(more, "\n") + "\n"
}

func model(name, version string) string {
	return schemas + "model.schema.json\nname: " + name + "\nversion: \"" + version + "\"\npath: azureml://datastores/workspaceblobstore/paths/m\n"
}

func endpoint(name string, more ...string) string {
	return schemas + "managedOnlineEndpoint.schema.json\nname: " + name + "\nauth_mode: key\n" + strings.Join(more, "\n") + "\n"
}

func deployment(name, endpoint, model, environment string) string {
	return schemas + "managedOnlineDeployment.schema.json\nname: " + name + "\nendpoint_name: " + endpoint + "\nmodel: " + model + "\nenvironment: " + environment +
		"\ncode_configuration: {code: ../src, scoring_script: train.py}\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"
}

const cluster = schemas + "amlCompute.schema.json\nname: cpu\ntype: amlcompute\nsize: STANDARD_DS3_V2\nmin_instances: 0\nmax_instances: 4\n"
