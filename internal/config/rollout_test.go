package config_test

import (
	"reflect"
	"testing"
	"time"
)

func TestRollout(t *testing.T) {
	c, bad := read(t, `rules:
  - {name: "*", rollout: {}}
  - name: taxi
    rollout:
      steps: [5, 25, 100]
      pause: 1h
      mirror: 10
      keep: 48h
      on_failure: stay
      checks:
        - {body: {data: [1]}, expect: {predictions.0: {min: 0}}}
        - {body: {}, status: 400, timeout: 5s}
  - {name: bus, rollout: off}
`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if r := c.Match("online-endpoint", "any", "e.yml").Rollout; r == nil || !reflect.DeepEqual(r.Steps, []int{10, 50, 100}) || r.Pause != 10*time.Minute || r.Deadline != time.Hour || r.Keep != time.Hour || r.OnFailure != "return" {
		t.Errorf("any: %+v", r)
	}
	r := c.Match("online-endpoint", "taxi", "e.yml").Rollout
	if !reflect.DeepEqual(r.Steps, []int{5, 25, 100}) || r.Pause != time.Hour || r.Mirror != 10 || r.Keep != 48*time.Hour || r.OnFailure != "stay" || len(r.Checks) != 2 {
		t.Fatalf("taxi: %+v", r)
	}
	if a, b := r.Checks[0], r.Checks[1]; a.Status != 200 || a.Timeout != 30*time.Second || len(a.Expect) != 1 || b.Status != 400 || b.Timeout != 5*time.Second {
		t.Errorf("checks: %+v", r.Checks)
	}
	if r := c.Match("online-endpoint", "bus", "e.yml").Rollout; !r.Off {
		t.Errorf("bus: %+v", r)
	}
}

func TestRolloutProblems(t *testing.T) {
	for _, tc := range []struct{ rollout, want string }{
		{"{steps: [5, 25]}", `mlsync.yaml:1:27: rules.rollout.steps: the last step is 25 and must be 100: git says where the traffic goes in the end (end with 100)`},
		{"{steps: [25, 5, 100]}", `mlsync.yaml:1:32: rules.rollout.steps: each step is a whole number, more than the one before and at most 100, not "5" (write them like [5, 25, 100])`},
		{"{steps: 100}", `mlsync.yaml:1:27: rules.rollout.steps: want a list of percentages, not "100" (write them like [5, 25, 100])`},
		{"{mirror: 60}", `mlsync.yaml:1:28: rules.rollout.mirror: want a whole number from 0 to 50, not "60"`},
		{"{on_failure: retrun}", `mlsync.yaml:1:32: rules.rollout.on_failure: "retrun" is not a value of this key (did you mean "return"?)`},
		{"{checks: [{endpoint: x}]}", `mlsync.yaml:1:40: rules.rollout.checks: unknown key "endpoint" (known here: body, expect, status, timeout)`},
		{"{pauze: 1m}", `mlsync.yaml:1:27: rules.rollout: unknown key "pauze" (did you mean "pause"?)`},
	} {
		_, bad := read(t, "rules: [{rollout: "+tc.rollout+"}]\n")
		if len(bad) != 1 || bad[0].String() != tc.want {
			t.Errorf("%s: %v\nwant %s", tc.rollout, bad, tc.want)
		}
	}
}
