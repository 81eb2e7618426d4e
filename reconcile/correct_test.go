package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// spoil changes the description of a data asset behind git's back.
func (w *world) spoil(name string) {
	live := w.live("models/" + name + "/versions/1")
	live["properties"].(map[string]any)["description"] = "theirs"
	w.put("models/"+name+"/versions/1", live)
}

func (w *world) described(name string) any {
	return w.live("models/" + name + "/versions/1")["properties"].(map[string]any)["description"]
}

// correcting is a pass with bounds; it applies once and returns the drift.
func (w *world) correcting(c plan.Corrections) []plan.Drift {
	w.t.Helper()
	p := w.pass()
	p.Corrections, p.Corrected = c, w.journal.Reverts
	prep, err := p.Prepare(w.t.Context(), w.commit(), plan.Options{Full: true}, reconcile.Trigger{Name: "drift"})
	w.must(err)
	_, err = p.Apply(w.t.Context(), prep, "drift")
	w.must(err)
	return prep.Plan.Drift
}

// A field that comes back again and again is left and said, and corrected
// again when it was quiet for an hour. Other fields and git go on.
func TestFlappingFieldIsLeftAndSaid(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"m.yml": model("m", "1") + "description: ours\ntags: {a: \"1\"}\n"}
	w.apply(plan.Options{})
	bounds := plan.Corrections{PerField: 2}
	for range 2 {
		w.spoil("m")
		if drift := w.correcting(bounds); len(drift) != 1 || !drift[0].Revert || w.described("m") != "ours" {
			t.Fatalf("not corrected: %+v", drift)
		}
	}
	w.spoil("m")
	live := w.live("models/m/versions/1")
	live["properties"].(map[string]any)["tags"].(map[string]any)["a"] = "theirs"
	w.put("models/m/versions/1", live)
	drift := w.correcting(bounds)
	if len(drift) != 1 || !strings.Contains(drift[0].Held, "2 times within the hour") || w.described("m") != "theirs" {
		t.Errorf("the third time: %+v, %v", drift, w.described("m"))
	}
	if tag := w.live("models/m/versions/1")["properties"].(map[string]any)["tags"].(map[string]any)["a"]; tag != "1" {
		t.Errorf("another field of the asset is left as well: %v", tag)
	}
	if seen, err := w.journal.Drift(t.Context(), time.Time{}); err != nil || seen[len(seen)-1].Held != drift[0].Held {
		t.Errorf("the journal does not tell: %+v %v", seen, err)
	}
	before := len(w.writes())
	w.correcting(bounds)
	if more := w.writes()[before:]; len(more) > 0 {
		t.Errorf("written: %v", more)
	}
	w.clock.mu.Lock()
	w.clock.now = w.clock.now.Add(time.Hour)
	w.clock.mu.Unlock()
	w.correcting(bounds)
	if w.described("m") != "ours" {
		t.Error("not corrected after an hour")
	}
}

// Not more is changed back than the budget allows; what git changed is no
// correction and goes on.
func TestBudgetOfCorrections(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		w.files[name+".yml"] = model(name, "1") + "description: ours\n"
	}
	w.apply(plan.Options{})
	spoiled := func() (n int) {
		for _, name := range names {
			if w.described(name) == "theirs" {
				n++
			}
		}
		return n
	}
	for _, name := range names {
		w.spoil(name)
	}
	w.files["d.yml"] = model("d", "1") + "description: new\n"
	drift := w.correcting(plan.Corrections{PerRun: 2})
	if n := spoiled(); n != 1 || w.described("d") != "new" {
		t.Errorf("%d are left, d is %v", n, w.described("d"))
	}
	held := 0
	for _, d := range drift {
		if strings.Contains(d.Held, "a run changes back 2 assets at most") {
			held++
		}
	}
	if held != 1 {
		t.Errorf("held: %+v", drift)
	}
	w.correcting(plan.Corrections{PerHour: 2})
	if n := spoiled(); n != 1 {
		t.Errorf("%d are left beyond the budget of the hour", n)
	}
	w.correcting(plan.Corrections{PerHour: 3})
	if n := spoiled(); n != 0 {
		t.Errorf("%d are left within the budget", n)
	}
}
