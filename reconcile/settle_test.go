package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
)

// An endpoint that somebody else is changing at the moment is changed, and
// removed, once that has ended.
func TestWriteWaitsForTheWriteOfAnother(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"ep.yml": endpoint("taxi", "description: one")}
	w.apply(plan.Options{})
	busy := func() {
		live := w.live("onlineEndpoints/taxi")
		live["tags"].(map[string]any)["theirs"] = "1"
		w.put("onlineEndpoints/taxi", live)
		if state := w.live("onlineEndpoints/taxi")["properties"].(map[string]any)["provisioningState"]; state != "Updating" {
			t.Fatalf("the endpoint is %v", state)
		}
	}
	busy()
	w.files["ep.yml"] = endpoint("taxi", "description: two")
	if run := w.apply(plan.Options{}); outcome(run, "online-endpoint/taxi").Action != plan.Update {
		t.Errorf("outcomes: %+v", run.Outcomes)
	}
	if got := w.live("onlineEndpoints/taxi")["properties"].(map[string]any)["description"]; got != "two" {
		t.Errorf("the description is %v", got)
	}
	w.files = map[string]string{"m.yml": model("m", "1")}
	opt := plan.Options{Prune: true, Allow: []string{"delete:online-endpoint/taxi"}}
	w.apply(opt)
	busy()
	w.apply(opt)
	if w.live("onlineEndpoints/taxi") != nil {
		t.Error("it is still there")
	}
}

// Another conflict is told as it is, and waited for by nobody.
func TestOtherConflictsAreTold(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"ep.yml": endpoint("taxi", "description: one")}
	w.apply(plan.Options{})
	fault, err := emulator.ParseFault("method=PUT,status=409,message=no such luck")
	w.must(err)
	w.em.AddFault(fault)
	w.files["ep.yml"] = endpoint("taxi", "description: two")
	run, err := w.try(plan.Options{})
	w.must(err)
	if o := outcome(run, "online-endpoint/taxi"); o.State != plan.Failed || !strings.Contains(o.Err, "no such luck") {
		t.Errorf("outcome %+v", o)
	}
}

// What somebody changes while the plan is carried out is not written over: the
// change was meant for the asset as it was, and the next run looks again.
func TestChangeOfAnotherIsNotWrittenOver(t *testing.T) {
	w := newWorld(t, emulator.Options{LRO: time.Hour})
	w.files = map[string]string{"ep.yml": endpoint("taxi", "tags: {a: \"1\"}")}
	w.apply(plan.Options{})
	w.files["ep.yml"] = endpoint("taxi", "tags: {a: \"2\"}")
	prep := w.prepare(plan.Options{})
	live := w.live("onlineEndpoints/taxi")
	live["properties"].(map[string]any)["description"] = "theirs"
	w.put("onlineEndpoints/taxi", live)
	run, err := w.pass().Apply(t.Context(), prep, "manual")
	w.must(err)
	if o := outcome(run, "online-endpoint/taxi"); o.State != plan.Failed {
		t.Errorf("outcome %+v", o)
	}
	w.apply(plan.Options{})
	live = w.live("onlineEndpoints/taxi")
	if live["properties"].(map[string]any)["description"] != "theirs" || live["tags"].(map[string]any)["a"] != "2" {
		t.Errorf("description %v, tags %v", live["properties"].(map[string]any)["description"], live["tags"])
	}
	w.settled(plan.Options{Full: true})
}
