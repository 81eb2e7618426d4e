package reconcile_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// shop is a tree of the usual kinds.
func shop() map[string]string {
	return map[string]string{
		"e/auto.yml":   env("auto", "", "image-1"),
		"e/five.yml":   env("five", "5", "image-5"),
		"m/m.yml":      model("m", "1"),
		"c/cpu.yml":    cluster,
		"j/train.yml":  job("azureml:auto@latest", "code: ../src", "compute: azureml:cpu"),
		"o/ep.yml":     endpoint("taxi", "traffic: {blue: 100}"),
		"o/blue.yml":   deployment("blue", "taxi", "azureml:m:1", "azureml:five:5"),
		"src/train.py": "print(1)",
	}
}

const lists = "GET computes, GET environments, GET models, GET onlineEndpoints, GET onlineEndpoints/deployments"

// What a plan asks of the service: lists first, single assets only where no
// list answers, and nothing that the journal knows.
func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *world)
		opt    plan.Options
		want   string
	}{
		{"unchanged", nil, plan.Options{}, lists},
		{"nothing in the tree", func(w *world) { w.files = map[string]string{} }, plan.Options{}, lists + ", GET environments/versions x2, GET jobs, GET models/versions"},
		{"comments", func(w *world) { w.files["e/five.yml"] += "# five\n" }, plan.Options{}, lists},
		{"a new name", func(w *world) { w.files["e/new.yml"] = env("new", "1", "x") }, plan.Options{}, lists},
		{"a new automatic name", func(w *world) { w.files["e/new.yml"] = env("new", "", "x") }, plan.Options{}, lists},
		{"a new version of a known name", func(w *world) { w.files["e/six.yml"] = env("five", "6", "image-6") }, plan.Options{}, lists + ", GET environments/versions"},
		{"a new job", func(w *world) { w.files["j/b.yml"] = job("azureml:five:5") }, plan.Options{}, lists + ", GET jobs"},
		{"other code", func(w *world) { w.files["src/train.py"] = "print(2)" }, plan.Options{}, lists + ", GET codes/versions x2, GET jobs"},
		{"a reference to the newest outside of the tree", func(w *world) { w.files["j/train.yml"] = job("azureml:other@latest") }, plan.Options{}, lists + ", GET jobs"},
		{"a reference to a version that is the newest", func(w *world) { w.files["j/train.yml"] = job("azureml:other:2") }, plan.Options{}, lists + ", GET jobs"},
		{"a reference to an older version", func(w *world) { w.files["j/train.yml"] = job("azureml:other:1") }, plan.Options{}, lists + ", GET environments/versions, GET jobs"},
		{"an automatic version changed", func(w *world) { w.files["e/auto.yml"] = env("auto", "", "image-2") }, plan.Options{}, lists + ", GET environments/versions x2, GET jobs"},
		{"everything again", nil, plan.Options{Full: true}, lists + ", GET codes/versions, GET environments/versions x2, GET jobs, GET models/versions"},
		{"the journal is lost", func(w *world) { w.journal = w.newJournal() }, plan.Options{}, lists + ", GET codes/versions, GET environments/versions x2, GET jobs, GET models/versions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.files = shop()
			w.put("environments/other/versions/1", map[string]any{"properties": map[string]any{"image": "a"}})
			w.put("environments/other/versions/2", map[string]any{"properties": map[string]any{"image": "b"}})
			w.apply(plan.Options{})
			if test.change != nil {
				test.change(w)
			}
			var observed plan.Observed
			got := w.requests(func() { observed = w.prepare(test.opt).Plan.Observed })
			want := strings.Split(test.want, ", ")
			slices.Sort(want)
			if text(got) != strings.Join(want, ", ") {
				t.Errorf("got  %s\nwant %s", text(got), strings.Join(want, ", "))
			}
			n := 0
			for _, c := range got {
				n += c
			}
			if observed.Requests != n {
				t.Errorf("the plan says %d requests, the service counted %d", observed.Requests, n)
			}
		})
	}
}

// meeting answers none of the requests that end as said before all have come.
type meeting struct {
	mu   sync.Mutex
	open map[string]bool
	all  chan struct{}
}

func (m *meeting) Do(req *http.Request) (*http.Response, error) {
	m.mu.Lock()
	for end := range m.open {
		if strings.HasSuffix(req.URL.Path, end) {
			if delete(m.open, end); len(m.open) == 0 {
				close(m.all)
			}
		}
	}
	m.mu.Unlock()
	select {
	case <-m.all:
		return http.DefaultClient.Do(req)
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// What is known to be needed is asked for at once, and not list after list.
func TestReadsMeet(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.apply(plan.Options{})
	w.files["e/six.yml"] = env("five", "6", "image-6")
	m := &meeting{open: map[string]bool{"/environments": true, "/models": true, "/onlineEndpoints/taxi/deployments": true, "/environments/five/versions/6": true}, all: make(chan struct{})}
	w.through(m)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	prep, err := w.pass().Prepare(ctx, w.commit(), plan.Options{}, reconcile.Trigger{Name: "manual"})
	w.must(err)
	if s := w.step(prep, "environment/five:6"); s.Action != plan.Create && s.Action != plan.NewVersion {
		t.Errorf("%s of the new version", s.Action)
	}
}

// The deployments of an endpoint that somebody deleted are absent with it.
func TestReadsOfAnEndpointThatIsGone(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.apply(plan.Options{})
	w.call(http.MethodDelete, "onlineEndpoints/taxi", nil)
	w.must(w.clock.Sleep(t.Context(), time.Hour)) // it is an operation
	prep := w.prepare(plan.Options{})
	for _, of := range []string{"online-endpoint/taxi", "online-deployment/taxi/blue"} {
		if s := w.step(prep, of); s.Action != plan.Create {
			t.Errorf("%s of %s: %s", s.Action, of, s.Blocked)
		}
	}
}

func TestSettledAfterApply(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.apply(plan.Options{})
	n := len(w.writes())
	w.settled(plan.Options{})
	w.settled(plan.Options{Full: true})
	w.apply(plan.Options{Full: true})
	w.journal = w.newJournal()
	w.settled(plan.Options{})
	w.apply(plan.Options{})
	if more := w.writes()[n:]; len(more) > 0 {
		t.Errorf("written without need: %v", more)
	}
	if got := w.owned(); len(got) != 8 {
		t.Errorf("the journal is rebuilt with %d assets, want 8: %v", len(got), got)
	}
}

// A kind that cannot be read is unknown: nothing of it is made or removed,
// and the rest goes on.
func TestUnknownKind(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.apply(plan.Options{})
	w.files["m/n.yml"] = model("n", "1")
	w.files["e/six.yml"] = env("six", "6", "x")
	delete(w.files, "m/m.yml")
	w.files["o/blue.yml"] = deployment("blue", "taxi", "azureml:n:1", "azureml:five:5")
	w.fault("status=403,path=*/models*,method=GET")
	prep := w.prepare(plan.Options{Prune: true})
	for _, of := range []string{"model/n:1", "model/m:1"} {
		if s := w.step(prep, of); s.Action != plan.Unknown {
			t.Errorf("%s of %s", s.Action, of)
		}
	}
	if why := prep.Plan.Observed.Partial["model"]; !strings.Contains(why, "403") {
		t.Errorf("models are not read because %q", why)
	}
	n := len(w.writes())
	run, err := w.try(plan.Options{Prune: true})
	w.must(err)
	if got := strings.Join(w.writes()[n:], " "); got != "PUT workspaces/ws/environments/six/versions/6" {
		t.Errorf("written: %s", got)
	}
	if o := outcome(run, "environment/six:6"); o.State != plan.Done {
		t.Errorf("environment: %+v", o)
	}
}

// What cannot be resolved is in the plan, and said to be unknown.
func TestUnresolved(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.put("environments/e/versions/1", map[string]any{"properties": map[string]any{"image": "a"}})
	w.files = map[string]string{"e.yml": env("e", "", "x"), "j/train.yml": job("azureml:e@latest"), "m.yml": model("m", "1")}
	w.fault("status=403,method=GET,path=*/environments/e/versions")
	prep := w.prepare(plan.Options{})
	for _, of := range []string{"environment/e", "job/train"} {
		if s := w.step(prep, of); s.Action != plan.Unknown || s.Blocked == "" {
			t.Errorf("%s of %s: %s", s.Action, of, s.Blocked)
		}
	}
	if prep.Plan.Complete() || prep.TreeComplete {
		t.Error("the plan says that it is complete")
	}
	run, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	if o := outcome(run, "model/m:1"); o.State != plan.Done {
		t.Errorf("model: %+v", o)
	}
	w.em.ClearFaults()
	w.apply(plan.Options{})
	w.settled(plan.Options{})
}

// A look that is stopped is no look.
func TestPrepareCanceled(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.pass().Prepare(ctx, w.commit(), plan.Options{}, reconcile.Trigger{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// An asset of a kind that a newer mlsync made is left alone, and said.
func TestKindOfNewerVersion(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x")}
	run, err := w.journal.Begin(t.Context(), plan.Run{Trigger: "push"})
	w.must(err)
	id := asset.ID{Kind: "gadget", Name: "g", Version: "1"}
	w.must(w.journal.Own(t.Context(), run.Generation, plan.Owned{ID: id, Origin: plan.Created, Body: asset.NewMap(), File: "g.yml"}))
	w.must(w.journal.End(t.Context(), run))
	for _, opt := range []plan.Options{{}, {Prune: true, Full: true}} {
		prep := w.prepare(opt)
		if warnings := prep.Plan.Problems.Warnings(); len(warnings) != 1 || !strings.Contains(warnings[0].Text, "gadget/g:1 is managed and of a kind") {
			t.Errorf("problems %v", prep.Plan.Problems)
		}
		w.apply(opt)
	}
	if o, ok := w.owned()[id.String()]; !ok || o.Missing != 0 {
		t.Errorf("owned %v, missing %d times", ok, o.Missing)
	}
}

// A version that another machine made of the same content is found, although
// the journal knows others of the name.
func TestVersionOfAnotherMachine(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "", "image-1")}
	w.apply(plan.Options{})
	here := w.journal
	w.journal = w.newJournal()
	w.files["e.yml"] = env("e", "", "image-2")
	w.apply(plan.Options{})
	w.journal = here
	n := len(w.writes())
	w.apply(plan.Options{})
	if more := w.writes()[n:]; len(more) > 0 {
		t.Errorf("written again: %v", more)
	}
	if _, ok := w.owned()["environment/e:2"]; !ok {
		t.Errorf("the journal knows %v", w.owned())
	}
}

// Code that the live deployment uses under another name of the same content
// stays, with the journal and without it.
func TestCodeUnderAnotherName(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	delete(w.files, "j/train.yml")
	w.apply(plan.Options{})
	d := w.live("onlineEndpoints/taxi/deployments/blue")
	conf := d["properties"].(map[string]any)["codeConfiguration"].(map[string]any)
	name := strings.Split(conf["codeId"].(string)[strings.Index(conf["codeId"].(string), "/codes/")+len("/codes/"):], "/")[0]
	props := w.live("codes/" + name + "/versions/1")["properties"].(map[string]any)
	w.put("codes/0-by-hand/versions/1", map[string]any{"properties": map[string]any{"codeUri": props["codeUri"], "properties": props["properties"]}})
	conf["codeId"] = strings.Replace(conf["codeId"].(string), name, "0-by-hand", 1)
	w.put("onlineEndpoints/taxi/deployments/blue", d)
	if answer, status := w.call(http.MethodDelete, "codes/"+name+"/versions/1", nil); status >= 300 {
		t.Fatalf("%d %s", status, answer)
	}
	n := len(w.writes())
	for _, opt := range []plan.Options{{}, {Full: true}} {
		w.apply(opt)
	}
	if more := w.writes()[n:]; len(more) > 0 {
		t.Errorf("written without need: %v", more)
	}
}

// A job that somebody submitted uses code under another name: the file that
// says the same has no code to upload, with the journal and without it.
func TestCodeOfANamedJob(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{
		"e/five.yml": env("five", "5", "image-5"), "src/train.py": "print(1)",
		"j/train.yml": job("azureml:five:5", "code: ../src", "name: by-hand"),
	}
	w.apply(plan.Options{})
	props := w.live("jobs/by-hand")["properties"].(map[string]any)
	name := strings.Split(props["codeId"].(string)[strings.Index(props["codeId"].(string), "/codes/")+len("/codes/"):], "/")[0]
	code := w.live("codes/" + name + "/versions/1")["properties"].(map[string]any)
	w.put("codes/0-by-hand/versions/1", map[string]any{"properties": map[string]any{"codeUri": code["codeUri"], "properties": code["properties"]}})
	for _, path := range []string{"jobs/by-hand", "codes/" + name + "/versions/1"} {
		if answer, status := w.call(http.MethodDelete, path, nil); status >= 300 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	w.put("jobs/by-hand", map[string]any{"properties": map[string]any{
		"jobType": "Command", "command": props["command"], "environmentId": props["environmentId"], "tags": map[string]any{},
		"codeId": strings.Replace(props["codeId"].(string), name, "0-by-hand", 1),
	}})
	w.journal = w.newJournal()
	n := len(w.writes())
	for _, opt := range []plan.Options{{}, {}, {Full: true}} {
		w.apply(opt)
	}
	for _, write := range w.writes()[n:] {
		if strings.Contains(write, "codes") {
			t.Errorf("written without need: %v", write)
		}
	}
}

// A journal that was lost is rebuilt from the stamps that lists show, so that
// what git dropped in the meantime is still removed.
func TestRebuiltFromLists(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x"), "ep.yml": endpoint("taxi")}
	w.put("onlineEndpoints/theirs", map[string]any{"location": "eastus2", "identity": map[string]any{"type": "SystemAssigned"}, "properties": map[string]any{"authMode": "Key"}})
	w.apply(plan.Options{})
	w.journal = w.newJournal()
	delete(w.files, "ep.yml")
	opt := plan.Options{Prune: true, Allow: []string{"delete:online-endpoint/taxi"}}
	w.apply(opt)
	if o := w.owned()["online-endpoint/taxi"]; o.Missing != 1 || o.Origin != plan.Created {
		t.Errorf("owned %+v", o)
	}
	w.apply(opt)
	if w.live("onlineEndpoints/taxi") != nil || w.live("onlineEndpoints/theirs") == nil {
		t.Error("want ours deleted and theirs kept")
	}
	w.settled(opt)
}

// Lists of names show no stamps: versions of names that git dropped are found
// by a full look for what is unmanaged.
func TestRebuiltFromStamps(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x"), "f.yml": env("f", "1", "x"), "m.yml": model("m", "1")}
	w.put("models/theirs/versions/1", map[string]any{"properties": map[string]any{"modelUri": "azureml://datastores/d/paths/x", "tags": map[string]any{"mlsync-owner": "others"}}})
	w.apply(plan.Options{})
	w.journal = w.newJournal()
	delete(w.files, "m.yml")
	opt := plan.Options{Prune: true, Full: true}
	prep := w.all(opt)
	if s := w.step(prep, "model/m:1"); s.Code != plan.FirstSeen {
		t.Errorf("first look: %s %s", s.Action, s.Code)
	}
	_, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	if o := w.owned()["model/m:1"]; o.Missing != 1 {
		t.Errorf("missing %d times after one look", o.Missing)
	}
	if _, ok := w.owned()["model/theirs:1"]; ok {
		t.Error("took what belongs to others")
	}
	if s := w.step(w.all(opt), "model/m:1"); s.Action != plan.Archive {
		t.Errorf("second look: %s %s", s.Action, s.Why)
	}
}
