package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
)

var devScope = kind.Scope{Subscription: scope.Subscription, ResourceGroup: "rg", Workspace: "dev"}

// promoted is a world whose tree was promoted from the workspace dev: a
// deployment with a model, code and a built environment. hash is that of the
// model.
func promoted(t *testing.T) (w *world, hash string) {
	t.Helper()
	w = newWorld(t, emulator.Options{})
	w.bytes = map[string]resolve.Source{}
	dev := w.client.Storage(devScope.WorkspaceID())
	trained := w.trained(dev, fstest.MapFS{"m/MLmodel": {Data: []byte("flavors: {}\n")}, "m/data/weights.bin": {Data: bytes.Repeat([]byte("0123456789"), 1000)}}, "m", "azureml/job/model")
	built := w.trained(dev, fstest.MapFS{"ctx/Dockerfile": {Data: []byte("FROM scratch\n")}}, "ctx", "build/ctx")
	src := w.code(dev, fstest.MapFS{"src/score.py": {Data: []byte("def init(): pass\n")}})
	ds := w.live("datastores/workspaceblobstore")["properties"].(map[string]any)
	uri := "https://" + ds["accountName"].(string) + ".blob.core.windows.net/" + ds["containerName"].(string) + "/LocalUpload/" + built + "/ctx/"
	w.files = map[string]string{
		"m.yml":  schemas + "model.schema.json\nname: m\nversion: \"3\"\npath: azureml://datastores/workspaceblobstore/paths/LocalUpload/" + trained + "/model\n",
		"e.yml":  schemas + "environment.schema.json\nname: e\nversion: \"1\"\nbuild:\n  path: " + uri + "\n",
		"ep.yml": endpoint("taxi", "traffic: {blue: 100}"),
		"d.yml":  strings.Replace(deployment("blue", "taxi", "azureml:m:3", "azureml:e:1"), "../src", "azureml:"+resolve.CodeName(src)+":1", 1),
	}
	w.source = func(_ context.Context, s kind.Scope) (*azureml.Storage, error) {
		if s != devScope {
			return nil, errors.New("nobody knows it")
		}
		return w.client.Storage(s.WorkspaceID()), nil
	}
	w.connect(nil)
	w.em.ClearRequests()
	return w, trained
}

// connect makes requests go through a transport; each is tried once.
func (w *world) connect(transport func(*http.Request) (*http.Response, error), log ...*slog.Logger) {
	w.t.Helper()
	o := azureml.Options{Endpoint: w.em.URL(), StorageEndpoint: w.em.URL(), Credential: "static", Token: "canary-token", Insecure: true, Clock: w.clock, Tries: 1}
	if transport != nil {
		o.Transport = transporter(transport)
	}
	for _, l := range log {
		o.Logger = l
	}
	var err error
	w.client, err = azureml.New(o)
	w.must(err)
	w.ws = w.client.Workspace(scope)
	if err := w.ws.Locate(w.t.Context()); transport == nil {
		w.must(err)
	}
}

type transporter func(*http.Request) (*http.Response, error)

func (f transporter) Do(r *http.Request) (*http.Response, error) { return f(r) }

// trained puts content into dev where a job would, and notes it as a release
// does.
func (w *world) trained(dev *azureml.Storage, fsys fstest.MapFS, dir, at string) string {
	w.t.Helper()
	c, err := content.Open(w.t.Context(), fsys, dir, content.Options{})
	w.must(err)
	up, err := dev.Upload(w.t.Context(), c, azureml.UploadOptions{})
	w.must(err)
	got, err := dev.Fingerprint(w.t.Context(), azureml.Place{Path: up.Path}, nil)
	w.must(err)
	_, err = dev.Copy(w.t.Context(), azureml.Copy{From: dev, Src: azureml.Place{Path: up.Path}, To: azureml.Place{Path: at}, Want: got})
	w.must(err)
	w.release(got, azureml.Place{Datastore: "workspaceblobstore", Path: at}, got.Object)
	return got.Object
}

// code makes a code asset in dev.
func (w *world) code(dev *azureml.Storage, fsys fstest.MapFS) string {
	w.t.Helper()
	c, err := content.Open(w.t.Context(), fsys, "src", content.Options{})
	w.must(err)
	up, err := dev.UploadCode(w.t.Context(), c, azureml.UploadOptions{Name: "c", Version: "1"})
	w.must(err)
	got, err := dev.Fingerprint(w.t.Context(), azureml.Place{URL: up.URI}, nil)
	w.must(err)
	w.release(got, azureml.Place{URL: up.URI}, got.Code)
	return got.Code
}

func (w *world) release(c azureml.Content, at azureml.Place, hash string) {
	s := resolve.Source{
		Subscription: devScope.Subscription, ResourceGroup: devScope.ResourceGroup, Workspace: devScope.Workspace,
		Datastore: at.Datastore, Path: at.Path, URL: at.URL, Listing: c.Listing, Files: c.Files, Bytes: c.Bytes,
	}
	if hash == c.Code {
		s.Code = hash
	} else {
		s.Object = hash
	}
	w.bytes[hash] = s
}

// ordered fails if an asset was sent before its bytes were marked as complete.
func (w *world) ordered(hash string) {
	w.t.Helper()
	marked, registered := false, false
	for _, r := range w.em.Requests() {
		ok := r.Status < 300
		switch {
		case r.Method != http.MethodPut:
		case strings.Contains(r.Path, "/LocalUpload/"+hash+"/") && strings.Contains(r.Query, "comp=metadata"):
			marked = marked || ok
		case strings.HasSuffix(r.Path, "/workspaces/ws/models/m/versions/3"):
			if registered = registered || ok; !marked {
				w.t.Errorf("the model was sent before its bytes were there")
			}
		case strings.HasSuffix(r.Path, "/deployments/blue"):
			if !registered || !marked {
				w.t.Errorf("the deployment was sent before its model")
			}
		}
	}
}

// holds fails unless the workspace has the content of the model.
func (w *world) holds(hash string) {
	w.t.Helper()
	got, err := w.client.Storage(scope.WorkspaceID()).Fingerprint(w.t.Context(), azureml.Place{Path: "LocalUpload/" + hash + "/model"}, nil)
	if err != nil || got.Object != hash {
		w.t.Errorf("got %+v (%v), want %s", got, err, hash)
	}
}

func TestCopyFromAnotherWorkspace(t *testing.T) {
	w, hash := promoted(t)
	prep := w.prepare(plan.Options{})
	for of, want := range map[string]plan.Copy{
		"model/m:3": {Files: 2, Bytes: 10_012, From: "dev"}, "environment/e:1": {Files: 1, Bytes: 13, From: "dev"},
		"online-endpoint/taxi": {}, "online-deployment/taxi/blue": {},
	} {
		if got := w.step(prep, of).Copy; got != want {
			t.Errorf("%s copies %+v, want %+v", of, got, want)
		}
	}
	w.apply(plan.Options{})
	w.ordered(hash)
	if n := w.client.Counters(); n.Copied != 10_042 || n.Uploaded != 0 || n.Downloaded != 0 {
		t.Errorf("counted %+v, want nothing to pass through here", n)
	}
	w.holds(hash)
	copied := map[string]int64{}
	for _, e := range w.events {
		if e.Kind == reconcile.StepCopy {
			copied[string(e.Step.Key.ID.Kind)] = e.Done
		}
	}
	if copied["model"] != 10_012 || copied["environment"] != 13 || copied["code"] != 17 {
		t.Errorf("told of %v", copied)
	}
	w.settled(plan.Options{})
	w.settled(plan.Options{Full: true})
	w.journal = w.newJournal()
	w.settled(plan.Options{})
}

// The same bytes are never copied twice, whatever they are called.
func TestCopyOnce(t *testing.T) {
	w, hash := promoted(t)
	w.apply(plan.Options{})
	before := w.client.Counters().Copied
	w.files["m2.yml"] = strings.NewReplacer("name: m", "name: m2", `"3"`, `"1"`).Replace(w.files["m.yml"])
	w.files["d2.yml"] = strings.Replace(w.files["d.yml"], "name: blue", "name: green", 1)
	w.apply(plan.Options{})
	if n := w.client.Counters().Copied - before; n != 0 {
		t.Errorf("%d bytes were copied again", n)
	}
	w.holds(hash)
	codes := 0
	for _, r := range w.em.Requests() {
		if r.Method == http.MethodPut && strings.Contains(r.Path, "/workspaces/ws/codes/") {
			codes++
		}
	}
	if codes != 1 {
		t.Errorf("the code was registered %d times", codes)
	}
}

// Bytes that are not those of the release stop the asset and what needs it.
func TestCopyOfOtherBytes(t *testing.T) {
	for name, spoil := range map[string]func(w *world, hash string){
		"another listing": func(w *world, hash string) {
			s := w.bytes[hash]
			s.Listing = strings.Repeat("0", 64)
			w.bytes[hash] = s
		},
		"another hash": func(w *world, hash string) {
			s := w.bytes[hash]
			s.Path, s.Listing, s.Files, s.Bytes = "build/ctx", "", 0, 0
			w.bytes[hash] = s
		},
		"nothing there": func(w *world, hash string) {
			s := w.bytes[hash]
			s.Path = "gone"
			w.bytes[hash] = s
		},
		"a workspace that nobody knows": func(w *world, hash string) {
			s := w.bytes[hash]
			s.Workspace = "other"
			w.bytes[hash] = s
		},
		"a foreign host": func(w *world, hash string) {
			s := w.bytes[hash]
			s.URL = "https://evil.example.com/c/m?sig=canary-sig"
			w.bytes[hash] = s
		},
		"denied": func(w *world, _ string) { w.fault("method=GET,collection=blobs,status=403") },
	} {
		t.Run(name, func(t *testing.T) {
			w, hash := promoted(t)
			delete(w.files, "e.yml")
			w.files["e.yml"] = env("e", "1", "img")
			spoil(w, hash)
			run, err := w.try(plan.Options{})
			w.must(err)
			o := outcome(run, "model/m:3")
			if o.State != plan.Failed || strings.Contains(o.Err, "canary") {
				t.Errorf("model: %+v", o)
			}
			if strings.HasPrefix(name, "another") && (!strings.Contains(o.Err, "want ") || !strings.Contains(o.Err, " is ")) {
				t.Errorf("no digests in %q", o.Err)
			}
			if o := outcome(run, "online-deployment/taxi/blue"); o.State != plan.Skipped || o.By.String() == "" {
				t.Errorf("deployment: %+v", o)
			}
			for _, r := range w.writes() {
				if strings.HasPrefix(r, "PUT workspaces/ws/models/") || strings.HasSuffix(r, "/deployments/blue") || strings.Contains(r, hash+"/model") && strings.HasSuffix(r, "comp=metadata") {
					t.Errorf("%s was sent", r)
				}
			}
			if w.live("models/m/versions/3") != nil {
				t.Error("the model is there")
			}
		})
	}
}

// A run that is broken at any request and started again ends well, and nothing
// is ever sent before its bytes.
func TestCopySurvivesEveryRequest(t *testing.T) {
	for n := 1; ; n++ {
		w, hash := promoted(t)
		var mu sync.Mutex
		seen := 0
		w.connect(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			seen++
			dead := seen >= n
			mu.Unlock()
			if dead {
				return nil, errors.New("the process died")
			}
			return http.DefaultClient.Do(r)
		})
		prep, err := w.pass().Prepare(t.Context(), w.commit(), plan.Options{}, reconcile.Trigger{})
		if err == nil {
			_, _ = w.pass().Apply(t.Context(), prep, "manual")
		}
		if seen < n {
			if n < 30 {
				t.Errorf("it took %d requests only", n-1)
			}
			return
		}
		w.connect(nil)
		w.apply(plan.Options{})
		w.ordered(hash)
		w.holds(hash)
		if t.Failed() {
			t.Fatalf("broken at request %d", n)
		}
	}
}

// Neither tokens nor signatures reach a log, an event or an error.
func TestCopyTellsNoSecrets(t *testing.T) {
	for _, fault := range []string{"", "method=PUT,path=*/LocalUpload/*,status=400", "method=GET,collection=blobs,status=403"} {
		w, _ := promoted(t)
		if fault != "" {
			w.fault(fault)
		}
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		noToken := func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "" && !strings.HasPrefix(r.URL.Path, "/subscriptions/") {
				return &http.Response{StatusCode: 403, Body: io.NopCloser(strings.NewReader("")), Header: http.Header{}, Request: r}, nil
			}
			return http.DefaultClient.Do(r)
		}
		w.connect(noToken, logger)
		run, err := w.try(plan.Options{})
		text := log.String()
		if err != nil {
			text += err.Error()
		}
		for _, o := range run.Outcomes {
			text += o.Err
		}
		for _, e := range w.events {
			text += e.Text + e.Outcome.Err
		}
		for _, word := range []string{"sig=", "canary-token", "Bearer"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %s is in what was told", fault, word)
			}
		}
		if fault == "" && outcome(run, "model/m:3").State != plan.Done {
			t.Errorf("with a signature: %+v", outcome(run, "model/m:3"))
		}
	}
}

// A version that is there with other bytes is refused, and both are named.
func TestCopyOverAnotherVersion(t *testing.T) {
	w, hash := promoted(t)
	other := strings.Repeat("b", 64)
	w.put("models/m/versions/3", map[string]any{"properties": map[string]any{
		"modelUri": "azureml://datastores/workspaceblobstore/paths/LocalUpload/" + other + "/model", "modelType": "custom_model",
	}})
	prep := w.prepare(plan.Options{})
	s := w.step(prep, "model/m:3")
	if s.Code != plan.VersionExists || !strings.Contains(s.Blocked, "sha256:"+hash) || !strings.Contains(s.Blocked, "sha256:"+other) {
		t.Errorf("got %s %s", s.Code, s.Blocked)
	}
}
