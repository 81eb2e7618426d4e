package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// What needs a step that failed is blocked and says by which; what does not
// need it goes on; the next run does the rest.
func TestIndependentBranches(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.fault("status=400,code=BadImage,method=PUT,path=*/environments/five/*")
	run, err := w.try(plan.Options{})
	w.must(err)
	if run.State != plan.Failed {
		t.Errorf("the run is %s", run.State)
	}
	if o := outcome(run, "environment/five:5"); o.State != plan.Failed || o.Code != "BadImage" {
		t.Errorf("environment: %+v", o)
	}
	if o := outcome(run, "online-deployment/taxi/blue"); o.State != plan.Skipped || o.By.String() != "environment/five:5" || o.Err != "blocked by environment/five:5" {
		t.Errorf("deployment: %+v", o)
	}
	if o := outcome(run, "online-endpoint/taxi#late"); o.State != plan.Skipped {
		t.Errorf("traffic: %+v", o)
	}
	for _, of := range []string{"environment/auto:1", "model/m:1", "compute/cpu", "online-endpoint/taxi"} {
		if o := outcome(run, of); o.State != plan.Done {
			t.Errorf("%s: %+v", of, o)
		}
	}
	var blocked, failed int
	for _, e := range w.events {
		switch e.Kind {
		case reconcile.StepBlocked:
			blocked++
		case reconcile.StepFailed:
			failed++
		default:
		}
	}
	if failed != 1 || blocked != 2 {
		t.Errorf("told of %d failed and %d blocked steps, want 1 and 2", failed, blocked)
	}
	if _, ok := w.owned()["environment/five:5"]; ok {
		t.Error("what failed is owned")
	}
	w.em.ClearFaults()
	w.apply(plan.Options{})
	w.settled(plan.Options{})
}

const store = schemas + "azureBlob.schema.json\nname: store\ntype: azure_blob\naccount_name: acct\ncontainer_name: c\ncredentials: {account_key: \"${{ secret.KEY }}\"}\n"

// A secret that nobody provides stops everything before the first write.
func TestMissingSecret(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x"), "s.yml": store}
	prep := w.prepare(plan.Options{})
	if len(prep.Plan.Problems) != 1 || !strings.Contains(prep.Plan.Problems[0].String(), "s.yml:6:28: credentials.account_key: nobody knows it") {
		t.Errorf("problems %v", prep.Plan.Problems)
	}
	if _, err := w.pass().Apply(t.Context(), prep, "manual"); err == nil {
		t.Error("applied without the secret")
	}

	// Known when the plan was made, and gone by then.
	w.secrets["KEY"] = "a2V5"
	prep = w.prepare(plan.Options{})
	delete(w.secrets, "KEY")
	if _, err := w.pass().Apply(t.Context(), prep, "manual"); err == nil || !strings.Contains(err.Error(), "secret KEY: nobody knows it") {
		t.Errorf("error %v", err)
	}
	if got := w.writes(); len(got) != 0 {
		t.Errorf("written: %v", got)
	}
	runs, err := w.journal.Runs(t.Context(), 10, 0)
	w.must(err)
	if len(runs) != 0 {
		t.Errorf("%d runs began", len(runs))
	}
}

// Secrets are got before the first write, and only those that are written.
func TestSecrets(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x"), "s.yml": store}
	w.secrets["KEY"] = "a2V5"
	p := w.pass()
	prep := w.prepare(plan.Options{})
	var asked []int
	get := p.Secret
	p.Secret = func(ctx context.Context, name string) (asset.Secret, error) {
		asked = append(asked, len(w.writes()))
		return get(ctx, name)
	}
	_, err := p.Apply(t.Context(), prep, "manual")
	w.must(err)
	if len(asked) != 1 || asked[0] != 0 {
		t.Errorf("asked after so many writes: %v; want once, before the first", asked)
	}
	asked = nil
	_, err = p.Apply(t.Context(), w.prepare(plan.Options{}), "manual")
	w.must(err)
	if len(asked) != 0 {
		t.Error("asked for a secret that is not written")
	}
	w.settled(plan.Options{})
	w.secrets["KEY"] = "bmV3"
	if s := w.step(w.prepare(plan.Options{}), "datastore/store"); s.Action != plan.Update {
		t.Errorf("a new secret makes %s", s.Action)
	}
	w.apply(plan.Options{})
	w.settled(plan.Options{})
}

// A run that another took over from writes nothing more.
func TestFencing(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"a.yml": env("a", "1", "x"), "b.yml": env("b", "1", "x")}
	taken := false
	w.emit = func(e reconcile.Event) {
		if e.Kind == reconcile.StepStarted && e.Step.Key.ID.Name == "b" {
			_, err := w.journal.Begin(context.Background(), plan.Run{Commit: "newer", Trigger: "push"})
			taken = err == nil
		}
	}
	p := w.pass()
	p.Parallel = 1
	_, err := p.Apply(t.Context(), w.prepare(plan.Options{}), "manual")
	if !taken || !errors.Is(err, state.ErrFenced) {
		t.Errorf("taken over: %v; error %v", taken, err)
	}
	if got := strings.Join(w.writes(), " "); got != "PUT workspaces/ws/environments/a/versions/1" {
		t.Errorf("written: %s", got)
	}
	w.emit = nil
	if got := w.owned(); len(got) != 1 {
		t.Errorf("owned %v", got)
	}
	w.apply(plan.Options{})
	w.settled(plan.Options{})
}

// A run that is stopped while the service works leaves an open intent with
// its operation; Recover waits for it, and the next pass finds it done.
func TestStoppedDuringAnOperation(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"ep.yml": endpoint("taxi"), "e.yml": env("e", "1", "x")}
	ctx, cancel := context.WithCancel(t.Context())
	w.clock.asleep = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	run, err := w.pass().Apply(ctx, w.prepare(plan.Options{}), "manual")
	if !errors.Is(err, context.Canceled) || run.State != plan.Failed {
		t.Errorf("the run is %s, error %v", run.State, err)
	}
	open, err := w.journal.Unfinished(t.Context())
	w.must(err)
	var of reconcile.Intent
	for _, in := range open {
		if in.Key.ID.Kind == "online-endpoint" {
			of = in
		}
	}
	if len(of.Operation) == 0 {
		t.Fatalf("open intents %+v, want one with an operation", open)
	}

	w.clock.asleep = nil
	n, err := w.pass().Recover(t.Context())
	w.must(err)
	if n != len(open) {
		t.Errorf("recovered %d of %d", n, len(open))
	}
	if got := w.live("onlineEndpoints/taxi")["properties"].(map[string]any)["provisioningState"]; got != "Succeeded" {
		t.Errorf("after Recover the endpoint is %v", got)
	}
	w.apply(plan.Options{})
	w.settled(plan.Options{Full: true})
	open, err = w.journal.Unfinished(t.Context())
	w.must(err)
	puts := 0
	for _, line := range w.writes() {
		if line == "PUT workspaces/ws/onlineEndpoints/taxi" {
			puts++
		}
	}
	if len(open) != 0 || puts != 1 {
		t.Errorf("%d intents are open, the endpoint was written %d times", len(open), puts)
	}
}

// Recover stops when it is told to, and does not stop for what it cannot read.
func TestRecover(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	run, err := w.journal.Begin(t.Context(), plan.Run{Trigger: "push"})
	w.must(err)
	for name, operation := range map[string]string{"none": "", "torn": "{", "gone": `{"method":"PUT","resourcePath":"` + scope.WorkspaceID() + `/onlineEndpoints/gone","apiVersion":"2024-04-01"}`} {
		intent, err := w.journal.Intend(t.Context(), run.Generation, plan.Key{ID: asset.ID{Kind: "online-endpoint", Name: name}}, plan.Create, "d")
		w.must(err)
		if operation != "" {
			w.must(w.journal.Operation(t.Context(), run.Generation, intent, []byte(operation)))
		}
	}
	if n, err := w.pass().Recover(t.Context()); n != 3 || err != nil {
		t.Errorf("recovered %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.pass().Recover(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after a cancel", err)
	}
}

// Only a complete look at the tree counts as one that misses an asset.
func TestObserve(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "", "x"), "m.yml": model("m", "1"), "j.yml": job("azureml:e@latest")}
	w.apply(plan.Options{})
	delete(w.files, "m.yml")

	w.files["broken.yml"] = env("b", "1", "x", "imag: y")
	if _, err := w.try(plan.Options{Prune: true}); err == nil {
		t.Error("applied a broken tree")
	}
	delete(w.files, "broken.yml")
	missing := func(of string, want int) {
		t.Helper()
		o, ok := w.owned()[of]
		if !ok || o.Missing != want {
			t.Errorf("%s: owned %v and missing %d times, want %d", of, ok, o.Missing, want)
		}
	}
	missing("model/m:1", 0)

	// The version of e cannot be found, so neither it nor the job is known.
	w.files["e.yml"] = env("e", "", "y")
	w.fault("status=403,method=GET,path=*/environments/e/versions")
	for range 3 {
		prep := w.prepare(plan.Options{Prune: true})
		for _, s := range prep.Plan.Steps {
			if s.Action.Destructive() || s.Action == plan.Orphan {
				t.Errorf("%s of %s while versions cannot be read: %s", s.Action, s.Key, s.Why)
			}
		}
		_, err := w.pass().Apply(t.Context(), prep, "manual")
		w.must(err)
		missing("model/m:1", 0)
		missing("environment/e:1", 0)
	}
	w.em.ClearFaults()
	w.apply(plan.Options{Prune: true})
	missing("model/m:1", 1)
	w.apply(plan.Options{Prune: true})
	if _, ok := w.owned()["model/m:1"]; ok {
		t.Error("the model is owned after it was archived")
	}
	w.settled(plan.Options{Prune: true})
}

// Drift that is reported only is not written over by a change of git.
func TestReportedDriftStays(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.rule = func(asset.ID, string) plan.Rule { return plan.Rule{Drift: plan.Report} }
	w.files = map[string]string{"ep.yml": endpoint("taxi", "description: ours", "tags: {a: \"1\", b: \"1\"}")}
	w.apply(plan.Options{})
	live := w.live("onlineEndpoints/taxi")
	live["tags"].(map[string]any)["a"] = "theirs"
	live["properties"].(map[string]any)["description"] = "theirs"
	w.put("onlineEndpoints/taxi", live)
	w.files["ep.yml"] = endpoint("taxi", "description: ours", "tags: {a: \"1\", b: \"2\"}")
	run := w.apply(plan.Options{})
	if o := outcome(run, "online-endpoint/taxi"); o.Action != plan.Update {
		t.Errorf("outcome %+v", o)
	}
	live = w.live("onlineEndpoints/taxi")
	tags := live["tags"].(map[string]any)
	if tags["a"] != "theirs" || tags["b"] != "2" || live["properties"].(map[string]any)["description"] != "theirs" {
		t.Errorf("tags %v, description %v", tags, live["properties"].(map[string]any)["description"])
	}
	if n := len(w.prepare(plan.Options{}).Plan.Drift); n != 1 {
		t.Errorf("%d assets with drift, want 1", n)
	}
	n := len(w.writes())
	w.apply(plan.Options{})
	if more := w.writes()[n:]; len(more) > 0 {
		t.Errorf("written without need: %v", more)
	}
}

// A step that needs an approval is not tried without it.
func TestRefused(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"c.yml": cluster}
	w.apply(plan.Options{})
	w.files["c.yml"] = strings.Replace(cluster, "DS3", "DS4", 1)
	n := len(w.writes())
	run, err := w.try(plan.Options{})
	w.must(err)
	if o := outcome(run, "compute/cpu"); o.State != plan.Skipped || o.Err != "needs the approval replace:compute/cpu" {
		t.Errorf("outcome %+v", o)
	}
	if more := w.writes()[n:]; len(more) > 0 {
		t.Errorf("written: %v", more)
	}
	w.apply(plan.Options{Allow: []string{"replace:compute/cpu"}})
	w.settled(plan.Options{})
}

// An asset that somebody took over between the plan and its removal stays.
func TestRemovalLooksAgain(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"ep.yml": endpoint("taxi"), "m.yml": model("m", "1")}
	w.apply(plan.Options{})
	delete(w.files, "ep.yml")
	opt := plan.Options{Prune: true, Allow: []string{"delete:online-endpoint/taxi"}}
	w.apply(opt)
	prep := w.prepare(opt)
	if s := w.step(prep, "online-endpoint/taxi"); s.Action != plan.Delete {
		t.Fatalf("the plan is to %s: %s", s.Action, s.Why)
	}
	live := w.live("onlineEndpoints/taxi")
	live["tags"].(map[string]any)["mlsync-owner"] = "others"
	w.put("onlineEndpoints/taxi", live)
	run, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	if o := outcome(run, "online-endpoint/taxi"); o.State != plan.Failed || !strings.Contains(o.Err, "belongs to others by now") {
		t.Errorf("outcome %+v", o)
	}
	if w.live("onlineEndpoints/taxi") == nil {
		t.Error("it was deleted")
	}
}

// The same holds for what is archived, and for what is replaced.
func TestArchiveAndReplaceLookAgain(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"m.yml": model("m", "1"), "n.yml": model("n", "1"), "c.yml": cluster}
	w.apply(plan.Options{})
	delete(w.files, "m.yml")
	w.files["c.yml"] = strings.Replace(cluster, "DS3", "DS4", 1)
	w.rule = func(asset.ID, string) plan.Rule { return plan.Rule{AllowReplace: true} }
	first := w.prepare(plan.Options{Prune: true, Select: []string{"model/*"}})
	_, err := w.pass().Apply(t.Context(), first, "manual")
	w.must(err)
	prep := w.prepare(plan.Options{Prune: true})
	if m, c := w.step(prep, "model/m:1"), w.step(prep, "compute/cpu"); m.Action != plan.Archive || c.Action != plan.Replace {
		t.Fatalf("the plan is to %s (%s) and to %s", m.Action, m.Why, c.Action)
	}
	live := w.live("models/m/versions/1")
	live["properties"].(map[string]any)["tags"].(map[string]any)["mlsync-owner"] = "others"
	w.put("models/m/versions/1", live)
	live = w.live("computes/cpu")
	live["tags"].(map[string]any)["mlsync-owner"] = "others"
	w.put("computes/cpu", live)
	run, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	for _, id := range []string{"model/m:1", "compute/cpu"} {
		if o := outcome(run, id); o.State != plan.Failed || !strings.Contains(o.Err, "belongs to others by now") {
			t.Errorf("outcome %+v", o)
		}
	}
	if n := w.count("DELETE workspaces/ws/computes/cpu"); n != 0 || w.live("models/m/versions/1")["properties"].(map[string]any)["isArchived"] == true {
		t.Errorf("%d deletes; the model is %v", n, w.live("models/m/versions/1"))
	}
}
