package state_test

import (
	"reflect"
	"testing"
	"time"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// verdictOf is a verdict with every field set.
func verdictOf(name, how string) state.Verdict {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return state.Verdict{
		Gate: name, Type: "http", Rule: "d1", State: how, Why: "because of " + name, Evidence: map[string]string{"status": "200"},
		Since: at, At: at.Add(time.Minute), Next: at.Add(time.Hour), Deadline: at.Add(24 * time.Hour),
	}
}

func TestVerdicts(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		r := plan.Release{Name: "r1", Fingerprint: "f1"}
		must(t, j.Judge(ctx, r, "c1", verdictOf("a", "shut"), verdictOf("b", "open")))
		must(t, j.Judge(ctx, r, "c2", verdictOf("a", "shut"), verdictOf("b", "failed")))
		must(t, j.Judge(ctx, plan.Release{Name: "r2", Fingerprint: "f2"}, "c3", verdictOf("a", "open")))
		got, err := j.Verdicts(ctx, "f1")
		must(t, err)
		var want []state.Verdict
		for _, v := range []state.Verdict{verdictOf("a", "shut"), verdictOf("b", "failed")} {
			v.Release, v.Commit = r, "c2"
			want = append(want, v)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		// A gate that the file does not have any more is forgotten.
		must(t, j.Judge(ctx, r, "c2", verdictOf("b", "failed")))
		if got, err = j.Verdicts(ctx, "f1"); err != nil || len(got) != 1 {
			t.Errorf("%v %v", got, err)
		}
		events, err := s.Events(ctx, "prod", 10, 0)
		must(t, err)
		var told []string
		for _, e := range events {
			told = append(told, e.What+" "+e.Text)
		}
		if want := []string{"gate_open r2 a: because of a", "gate_failed r1 b: because of b", "gate_open r1 b: because of b", "gate_shut r1 a: because of a"}; !reflect.DeepEqual(told, want) {
			t.Errorf("events %q", told)
		}
	})
}

func TestReleasesAreTakenAndWait(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		taken := func() (out []string) {
			t.Helper()
			list, err := j.Taken(ctx)
			must(t, err)
			for _, n := range list {
				out = append(out, n.Release.Name+" "+n.Commit)
			}
			return out
		}
		run := func(name, commit string) {
			t.Helper()
			release := plan.Release{Name: name, Fingerprint: "f" + name}
			if name == "" {
				release = plan.Release{}
			}
			r, err := j.Begin(ctx, plan.Run{Commit: commit, Release: release})
			must(t, err)
			r.State = plan.Done
			must(t, j.EndRun(ctx, r))
		}
		run("r1", "c1")
		first, err := j.Wait(ctx, plan.Run{Commit: "c2", Trigger: "sync", Release: plan.Release{Name: "r2", Fingerprint: "fr2"}, Err: "gate a"})
		must(t, err)
		again, err := j.Wait(ctx, plan.Run{Commit: "c2", Trigger: "gate", Release: plan.Release{Name: "r2", Fingerprint: "fr2"}, Err: "gate b"})
		must(t, err)
		if first.ID != again.ID || first.State != plan.Waiting {
			t.Errorf("it waits twice: %+v %+v", first, again)
		}
		if runs, err := j.Runs(ctx, 9, 0); err != nil || len(runs) != 2 || runs[0].Err != "gate b" || runs[0].State != plan.Waiting || runs[0].Release.Name != "r2" || runs[0].Ended.IsZero() {
			t.Errorf("%+v %v", runs, err)
		}
		if w, err := j.Waiting(ctx); err != nil || w.Name != "r2" {
			t.Errorf("waiting %+v %v", w, err)
		}
		if got := taken(); !reflect.DeepEqual(got, []string{"r1 c1"}) {
			t.Errorf("what waits is taken: %q", got)
		}
		run("r2", "c2")
		run("", "c3")
		run("r1", "c4")
		if got := taken(); !reflect.DeepEqual(got, []string{"r1 c4", "r2 c2"}) {
			t.Errorf("taken %q", got)
		}
		if w, err := j.Waiting(ctx); err != nil || w.Name != "" {
			t.Errorf("waiting %+v %v", w, err)
		}
	})
}
