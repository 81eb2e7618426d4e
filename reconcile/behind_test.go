package reconcile_test

import (
	"testing"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
)

// A list that is behind what was just written makes nothing a second time.
func TestListsThatAreBehind(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.fault("invisible=1h,method=PUT")
	w.apply(plan.Options{})
	w.settled(plan.Options{})
	w.settled(plan.Options{Full: true})
}

// What a later step sets is not noted as applied when that step was not done,
// and an asset whose creation failed is sent again before anything leads to it.
func TestTrafficIsAppliedWhenItWas(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = shop()
	w.fault("lro-fail=OutOfCapacity,method=PUT,path=*/deployments/blue,times=2")
	for range 2 {
		run, err := w.try(plan.Options{})
		if err != nil || outcome(run, "online-deployment/taxi/blue").State != plan.Failed || outcome(run, "online-endpoint/taxi#late").State != plan.Skipped {
			t.Fatalf("%v: %+v", err, run.Outcomes)
		}
		if o := w.owned()["online-endpoint/taxi"]; o.Body == nil || o.Body.Get("traffic") != nil {
			t.Errorf("the journal has the traffic: %v", o.Body)
		}
	}
	w.apply(plan.Options{})
	if got := w.owned()["online-endpoint/taxi"].Body.GetPath("traffic", "blue").Text(); got != "100" {
		t.Errorf("the journal has the traffic %q", got)
	}
	w.settled(plan.Options{Full: true})
}
