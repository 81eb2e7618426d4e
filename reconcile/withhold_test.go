package reconcile_test

import (
	"testing"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// Steps that are withheld are not begun, what needs them neither, the others
// are done, and the run waits: nothing failed.
func TestWithheldStepsWait(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files["e.yml"], w.files["f.yml"] = env("e", "1", "x"), env("f", "1", "y")
	prep, err := w.pass().Prepare(t.Context(), w.commit(), plan.Options{}, reconcile.Trigger{Name: "sync"})
	w.must(err)
	p := w.pass()
	shut := true
	p.Withhold = func(s *plan.Step) string {
		if shut && s.Key.ID.Name == "f" {
			return "not now"
		}
		return ""
	}
	run, err := p.Apply(t.Context(), prep, "sync")
	w.must(err)
	states := map[string]plan.State{}
	for _, o := range run.Outcomes {
		states[o.Key.ID.Name] = o.State
	}
	if run.State != plan.Waiting || run.Err != "not now" || states["e"] != plan.Done || states["f"] != plan.Skipped {
		t.Errorf("%s %q %v", run.State, run.Err, states)
	}
	if kept, err := w.journal.Runs(t.Context(), 1, 0); err != nil || kept[0].State != plan.Waiting || kept[0].Err != "not now" {
		t.Errorf("%+v %v", kept, err)
	}
	shut = false
	prep, err = p.Prepare(t.Context(), w.commit(), plan.Options{}, reconcile.Trigger{Name: "sync"})
	w.must(err)
	if run, err = p.Apply(t.Context(), prep, "sync"); err != nil || run.State != plan.Done {
		t.Errorf("%s %v", run.State, err)
	}
}
