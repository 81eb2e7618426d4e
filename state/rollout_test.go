package state_test

import (
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func rollout(name string) plan.RolloutRecord {
	return plan.RolloutRecord{
		ID: asset.ID{Kind: "online-endpoint", Name: name}, Wanted: "d", State: plan.Running, Pause: true, Why: "200",
		Before: plan.Shares{"blue": 100}, Shares: plan.Shares{"blue": 95, "green": 5}, Mirror: plan.Shares{"grey": 10}, Since: time.Date(2026, 3, 1, 12, 0, 0, 7, time.UTC),
	}
}

func TestRolloutsAreKept(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		run := begin(t, j)
		a, b := rollout("taxi"), rollout("bus")
		must(t, j.Roll(t.Context(), run.Generation, a, b))
		a.State, a.Why, a.Mirror = plan.Reverted, "503", nil
		must(t, j.Roll(t.Context(), run.Generation, a))
		got, err := j.Rollouts(t.Context())
		must(t, err)
		if len(got) != 2 || !got[a.ID].Equal(a) || !got[b.ID].Equal(b) {
			t.Errorf("kept %+v", got)
		}
		if err := j.Roll(t.Context(), run.Generation-1, a); err == nil {
			t.Error("a run that was overtaken stores a rollout")
		}
		events, err := s.Events(t.Context(), "prod", 10, 0)
		must(t, err)
		if len(events) != 1 || events[0].What != "rollout_returned" || events[0].Asset != a.ID || events[0].Text != "503" {
			t.Errorf("events %+v", events)
		}
	})
}

func TestRolloutsAreTurned(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		s := open(t, url, state.Options{Clock: newClock().Now})
		j := target(t, s, "prod")
		run := begin(t, j)
		r := rollout("taxi")
		must(t, j.Roll(t.Context(), run.Generation, r))
		turn := func(do func() (bool, error), want bool) plan.RolloutRecord {
			t.Helper()
			ok, err := do()
			must(t, err)
			if ok != want {
				t.Errorf("turned: %v, want %v", ok, want)
			}
			all, err := j.Rollouts(t.Context())
			must(t, err)
			return all[r.ID]
		}
		retry := func() (bool, error) { return j.RetryRollout(t.Context(), r.ID, "anna") }
		back := func() (bool, error) { return j.ReturnRollout(t.Context(), r.ID, "anna", "it is slow") }
		turn(retry, false)
		if got := turn(back, true); got.State != plan.Reverted || got.Why != "by anna: it is slow" {
			t.Errorf("returned: %+v", got)
		}
		turn(back, false)
		if got := turn(retry, true); got.State != plan.Running || got.Why != "" || got.Pause || !got.Shares.Equal(r.Before) {
			t.Errorf("tried again: %+v", got)
		}
		must(t, j.Forget(t.Context(), run.Generation, r.ID))
		if got := turn(retry, false); !got.ID.IsZero() {
			t.Errorf("what is not managed any more has the rollout %+v", got)
		}
	})
}
