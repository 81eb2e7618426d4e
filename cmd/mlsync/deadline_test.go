package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
)

func writes(kinds ...asset.Kind) *plan.Plan {
	p := &plan.Plan{}
	for _, k := range kinds {
		p.Steps = append(p.Steps, plan.Step{Key: plan.Key{ID: asset.ID{Kind: k, Name: "x"}}, Action: plan.Update})
	}
	return p
}

// A run ends at its deadline and says so; what works on endpoints has the
// longer one, counted from the begin.
func TestDeadlineOfARun(t *testing.T) {
	target := &config.Target{Deadline: 30 * time.Minute, EndpointDeadline: time.Hour}
	for name, test := range map[string]struct {
		plan *plan.Plan
		want time.Duration
	}{
		"before there is a plan": {nil, 30 * time.Minute},
		"data":                   {writes("data"), 30 * time.Minute},
		"an endpoint":            {writes("data", "online-endpoint"), time.Hour},
		"a compute":              {writes("compute"), time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ctx, line, stop := withDeadline(t.Context(), target.Deadline)
				defer stop()
				if test.plan != nil {
					time.Sleep(10 * time.Minute) // in the bubble's time
					line.forPlan(test.plan, target)
				}
				<-ctx.Done()
				if took := time.Since(begun); took != test.want || !errors.Is(context.Cause(ctx), errDeadline) || !strings.Contains(context.Cause(ctx).Error(), test.want.String()) {
					t.Errorf("ended after %s: %v", took, context.Cause(ctx))
				}
			})
		})
	}
}

// A run that has ended in time is not cut, nor is a deadline made shorter.
func TestDeadlineThatIsNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &config.Target{Deadline: 2 * time.Hour, EndpointDeadline: time.Hour}
		ctx, line, stop := withDeadline(t.Context(), target.Deadline)
		line.forPlan(writes("online-endpoint"), target)
		time.Sleep(90 * time.Minute) // in the bubble's time
		if ctx.Err() != nil {
			t.Errorf("cut: %v", context.Cause(ctx))
		}
		stop()
		if errors.Is(context.Cause(ctx), errDeadline) {
			t.Error("stopped by its deadline")
		}
	})
}
