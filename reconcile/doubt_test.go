package reconcile_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
)

// What a run made and died before it could note is looked for although git has
// lost it since, and is removed as everything that is ours.
func TestLookForWhatWasMade(t *testing.T) {
	for name, fail := range map[string]func(w *world){
		"the process died": func(w *world) {
			ctx, cancel := context.WithCancel(t.Context())
			w.clock.asleep = func(ctx context.Context) error {
				cancel()
				<-ctx.Done()
				return ctx.Err()
			}
			_, _ = w.pass().Apply(ctx, w.prepare(plan.Options{}), "manual")
			w.clock.asleep = nil
			_, err := w.pass().Recover(t.Context())
			w.must(err)
		},
		"the operation failed": func(w *world) {
			w.fault("lro-fail=OutOfQuota,method=PUT,path=*/deployments/*")
			_, err := w.try(plan.Options{})
			w.must(err)
			w.em.ClearFaults()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, emulator.Options{LRO: time.Minute})
			w.files = map[string]string{
				"ep.yml": endpoint("taxi"), "m.yml": model("m", "1"), "e.yml": env("e", "1", "x"), "src/train.py": "print(1)",
			}
			w.apply(plan.Options{})
			w.files["d/blue.yml"] = deployment("blue", "taxi", "azureml:m:1", "azureml:e:1")
			fail(w)
			if _, ok := w.owned()["online-deployment/taxi/blue"]; ok || w.live("onlineEndpoints/taxi/deployments/blue") == nil {
				t.Fatalf("owned: %v", ok)
			}
			delete(w.files, "d/blue.yml")
			opt := plan.Options{Prune: true, Allow: []string{"delete:online-deployment/taxi/blue"}}
			for range 3 {
				_, err := w.try(opt)
				w.must(err)
			}
			if w.live("onlineEndpoints/taxi/deployments/blue") != nil {
				t.Error("the deployment is left over")
			}
			if open, err := w.journal.Unfinished(t.Context()); len(open) > 0 || err != nil {
				t.Errorf("open: %v %v", open, err)
			}
		})
	}
}

// What the service took our request to make is ours, whatever fails next: a
// compute that it could not make shows no stamp.
func TestWhatWasTakenIsOurs(t *testing.T) {
	for name, faults := range map[string][]string{
		"the operation failed": {"lro-fail=OutOfQuota,method=PUT,path=*/computes/*,times=1"},
		"nobody could ask":     {"lro-fail=OutOfQuota,method=PUT,path=*/computes/*,times=1", "status=403,method=GET,path=*/computeOperationsStatus/*"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, emulator.Options{LRO: time.Minute})
			w.files = map[string]string{"c.yml": cluster}
			for _, f := range faults {
				w.fault(f)
			}
			failing := func() {
				t.Helper()
				if run, err := w.try(plan.Options{}); err != nil || run.State != plan.Failed {
					t.Fatalf("%s, %v", run.State, err)
				}
				w.em.ClearFaults()
				w.must(w.clock.Sleep(t.Context(), 2*time.Minute))
			}
			failing()
			w.fault("status=409,code=Conflict,method=PUT,path=*/computes/*")
			failing()
			run := w.apply(plan.Options{})
			if len(run.Outcomes) != 1 || run.Outcomes[0].Action == plan.Adopt || w.owned()["compute/cpu"].Origin != plan.Created {
				t.Errorf("%+v, owned %+v", run.Outcomes, w.owned()["compute/cpu"])
			}
			w.settled(plan.Options{})
		})
	}
}

// An intent whose asset cannot be read stays open, and one whose asset is not
// there as long as somebody may be about to send it.
func TestDoubtStays(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	run, err := w.journal.Begin(t.Context(), plan.Run{Trigger: "push"})
	w.must(err)
	_, err = w.journal.Intend(t.Context(), run.Generation, plan.Key{ID: asset.ID{Kind: "model", Name: "m", Version: "1"}}, plan.Create, "d")
	w.must(err)
	w.files = map[string]string{"e.yml": env("e", "1", "x")}
	w.fault("status=403,method=GET,path=*/models/m/versions/1")
	w.apply(plan.Options{})
	if open, err := w.journal.Unfinished(t.Context()); len(open) != 1 || err != nil {
		t.Errorf("open: %v %v", open, err)
	}
	w.em.ClearFaults()
	for _, left := range []int{1, 0} {
		w.apply(plan.Options{})
		if open, err := w.journal.Unfinished(t.Context()); len(open) != left || err != nil {
			t.Errorf("open: %v %v", open, err)
		}
		w.must(w.clock.Sleep(t.Context(), time.Hour))
	}
}

// A process that was stopped between its intent and the request sends it when it
// goes on, although another has the lock by then and git has lost the asset: it
// is found and removed all the same.
func TestLateWriteIsFound(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	id := asset.ID{Kind: "model", Name: "m", Version: "1"}
	run, err := w.journal.Begin(t.Context(), plan.Run{Trigger: "push"})
	w.must(err)
	_, err = w.journal.Intend(t.Context(), run.Generation, plan.Key{ID: id}, plan.Create, "d")
	w.must(err)
	others := map[string]string{"e.yml": env("e", "1", "x")}
	w.files = others
	w.apply(plan.Options{})

	ours := w.journal
	w.journal, w.files = w.newJournal(), map[string]string{"m.yml": model("m", "1")}
	w.apply(plan.Options{})
	w.journal, w.files = ours, others
	for range 3 {
		w.apply(plan.Options{Prune: true})
	}
	properties, _ := w.live("models/m/versions/1")["properties"].(map[string]any)
	if open, err := w.journal.Unfinished(t.Context()); len(open) != 0 || err != nil || properties["isArchived"] != true {
		t.Errorf("open: %v, %v; live: %v", open, err, properties)
	}
}

// Versions that a later one followed in their file are not missing: when the
// file goes, they are seen twice without it like everything else.
func TestHistoryIsNotMissing(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"m.yml": model("m", "1")}
	w.apply(plan.Options{Prune: true})
	w.files["m.yml"] = model("m", "2")
	w.apply(plan.Options{Prune: true})
	w.apply(plan.Options{Prune: true})
	delete(w.files, "m.yml")
	for _, s := range w.prepare(plan.Options{Prune: true}).Plan.Steps {
		if s.Action != plan.NoOp {
			t.Errorf("%s of %s at the first look: %s", s.Action, s.Key, s.Why)
		}
	}
	w.apply(plan.Options{Prune: true})
	w.apply(plan.Options{Prune: true})
	if got := w.owned(); len(got) != 0 {
		t.Errorf("owned after two looks: %v", got)
	}
}

// Moving a file takes its history along.
func TestMovedHistory(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"m.yml": model("m", "1")}
	w.apply(plan.Options{Prune: true})
	w.files = map[string]string{"m.yml": model("m", "2")}
	w.apply(plan.Options{Prune: true})
	w.files = map[string]string{"moved/m.yml": model("m", "2")}
	n := len(w.writes())
	for range 4 {
		w.apply(plan.Options{Prune: true})
	}
	if more := w.writes()[n:]; len(more) > 0 || len(w.owned()) != 2 {
		t.Errorf("written %v, owned %v", more, w.owned())
	}
}

// What somebody took over since the plan was made is not archived either.
func TestArchiveLooksAgain(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"m.yml": model("m", "1")}
	w.apply(plan.Options{Prune: true})
	delete(w.files, "m.yml")
	w.apply(plan.Options{Prune: true})
	prep := w.prepare(plan.Options{Prune: true})
	live := w.live("models/m/versions/1")
	live["properties"].(map[string]any)["tags"].(map[string]any)["mlsync-owner"] = "others"
	w.put("models/m/versions/1", live)
	run, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	if o := outcome(run, "model/m:1"); o.State != plan.Failed || !strings.Contains(o.Err, "belongs to others by now") {
		t.Errorf("outcome %+v", o)
	}
	if w.live("models/m/versions/1")["properties"].(map[string]any)["isArchived"] == true {
		t.Error("it was archived")
	}
}

// Without the journal, what is in our endpoints is found by its stamp, and
// fields that git does not mention stay as they are.
func TestLostJournal(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{
		"ep.yml": endpoint("taxi"), "c.yml": cluster, "m.yml": model("m", "1"), "e.yml": env("e", "1", "x"), "src/train.py": "print(1)",
		"d/blue.yml": deployment("blue", "taxi", "azureml:m:1", "azureml:e:1"),
	}
	w.apply(plan.Options{Prune: true})
	live := w.live("computes/cpu")
	live["properties"].(map[string]any)["description"] = "theirs"
	w.put("computes/cpu", live)

	w.journal = w.newJournal()
	delete(w.files, "d/blue.yml")
	delete(w.files, "c.yml")
	w.apply(plan.Options{Prune: true})
	w.files["c.yml"] = cluster
	opt := plan.Options{Prune: true, Allow: []string{"delete:online-deployment/taxi/blue"}}
	w.apply(opt)
	w.apply(opt)
	if w.live("onlineEndpoints/taxi/deployments/blue") != nil {
		t.Error("the deployment is left over")
	}
	if got := w.live("computes/cpu")["properties"].(map[string]any)["description"]; got != "theirs" {
		t.Errorf("the description is %v", got)
	}
}

// Versions of an environment, which is archived by name, go together.
func TestArchiveVersionsTogether(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"a.yml": env("e", "1", "x"), "b.yml": env("e", "2", "y")}
	w.apply(plan.Options{Prune: true})
	delete(w.files, "a.yml")
	for range 3 { // it stays as long as the other is wanted
		w.apply(plan.Options{Prune: true})
	}
	if _, ok := w.owned()["environment/e:1"]; !ok {
		t.Error("a version that could not be archived was forgotten")
	}
	delete(w.files, "b.yml")
	for range 3 {
		w.apply(plan.Options{Prune: true})
	}
	if w.live("environments/e")["properties"].(map[string]any)["isArchived"] != true {
		t.Error("the environment is not archived")
	}
	n := len(w.writes())
	w.apply(plan.Options{Prune: true, Full: true})
	if more := w.writes()[n:]; len(more) > 0 || len(w.owned()) > 0 {
		t.Errorf("written %v, owned %v", more, w.owned())
	}
}

// What the service shows while an operation goes on is not all there is, and
// is not what an asset is changed from.
func TestNotFromTheMiddleOfAnOperation(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Minute})
	w.put("computes/cpu", map[string]any{
		"location": "eastus2", "tags": map[string]any{"team": "theirs"},
		"properties": map[string]any{"computeType": "AmlCompute", "properties": map[string]any{"vmSize": "STANDARD_DS3_V2", "scaleSettings": map[string]any{"minNodeCount": 0, "maxNodeCount": 4}}},
	})
	w.files = map[string]string{"c.yml": cluster}
	prep := w.prepare(plan.Options{})
	w.must(w.clock.Sleep(t.Context(), 2*time.Minute)) // it has been made by now
	_, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	w.must(w.clock.Sleep(t.Context(), 2*time.Minute))
	tags := w.live("computes/cpu")["tags"].(map[string]any)
	if tags["team"] != "theirs" || tags["mlsync-owner"] != owner {
		t.Errorf("tags %v", tags)
	}
	puts := slices.DeleteFunc(w.writes(), func(s string) bool { return !strings.HasPrefix(s, http.MethodPut) })
	if len(puts) != 2 {
		t.Errorf("written %v", puts)
	}
}
