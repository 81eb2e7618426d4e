package reconcile_test

import (
	"context"
	"testing"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// book is a journal without approvals.
type book struct{ *journal }

func (book) Approvals(context.Context, string) ([]reconcile.Approval, error) { return nil, nil }

// A plan that is held is not carried out, and the commit does not count as
// brought to the target; the release is taken when it is let go.
func TestHold(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files["e.yml"] = env("e", "1", "x")
	c := w.commit()
	c.Release = plan.Release{Name: "r1", Fingerprint: "f1"}
	held, asked := true, 0
	work := reconcile.Work{
		Pass: w.pass(), Book: book{w.journal}, Commit: c, Task: "sync",
		Hold: func(ctx context.Context, p *plan.Plan) (*plan.Run, error) {
			asked++
			if !held {
				return nil, nil
			}
			run, err := w.journal.Wait(ctx, plan.Run{Commit: c.Hash, Trigger: "sync", Release: c.Release, Digest: p.Digest(), Err: "not yet"})
			return &run, err
		},
	}
	before := len(w.writes())
	run, p, err := work.Do(t.Context())
	w.must(err)
	if run.State != plan.Waiting || !p.Pending() || len(w.writes()) != before || asked != 1 {
		t.Errorf("held: %s, asked %d times, wrote %v", run.State, asked, w.writes()[before:])
	}
	info, err := w.journal.Info(t.Context())
	w.must(err)
	if info.Seen != "" {
		t.Error("the commit counts as brought to the target")
	}
	if _, err := w.journal.LastApplied(t.Context()); err == nil {
		t.Error("what waits counts as applied")
	}
	held = false
	run, _, err = work.Do(t.Context())
	w.must(err)
	taken, err := w.journal.Taken(t.Context())
	w.must(err)
	if run.State != plan.Done || len(taken) != 1 || taken[0].Release != c.Release || taken[0].Run != run.ID {
		t.Errorf("let go: %s, taken %+v", run.State, taken)
	}
	// A part of a release is not the release.
	w.files["f.yml"] = env("f", "1", "y")
	c = w.commit()
	c.Release = plan.Release{Name: "r2", Fingerprint: "f2"}
	prep, err := w.pass().Prepare(t.Context(), c, plan.Options{Select: []string{"environment/f"}}, reconcile.Trigger{Name: "manual"})
	w.must(err)
	if run, err = w.pass().Apply(t.Context(), prep, "manual"); err != nil || run.Release != (plan.Release{}) {
		t.Errorf("a part: %+v %v", run.Release, err)
	}
}

// A journal that is rebuilt knows the release if it is there.
func TestRebuildFindsTheRelease(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files["e.yml"] = env("e", "1", "x")
	w.apply(plan.Options{})
	rebuild := func() int {
		t.Helper()
		w.journal = w.newJournal()
		c := w.commit()
		c.Release = plan.Release{Name: "r1", Fingerprint: "f1"}
		prep, err := w.pass().Prepare(t.Context(), c, plan.Options{Full: true}, reconcile.Trigger{Name: "rebuild", Unmanaged: true})
		w.must(err)
		_, err = w.pass().Rebuild(t.Context(), prep)
		w.must(err)
		taken, err := w.journal.Taken(t.Context())
		w.must(err)
		return len(taken)
	}
	if n := rebuild(); n != 1 {
		t.Errorf("it is there, and %d releases are taken", n)
	}
	w.files["f.yml"] = env("f", "1", "y")
	if n := rebuild(); n != 0 {
		t.Errorf("some of it is missing, and %d releases are taken", n)
	}
}
