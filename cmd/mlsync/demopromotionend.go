package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// copied writes a changed copy of a file of the clone.
func (d *promotionDemo) copied(from, to string, change map[string]string) error {
	data, err := os.ReadFile(d.path("ml-assets", filepath.FromSlash(from)))
	if err != nil {
		return err
	}
	for old, with := range change {
		if data, err = replaceOnce(data, old, with); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	return d.write(to, data)
}

// shares is where the traffic of prod goes.
func (d *promotionDemo) shares(ctx context.Context) (string, error) {
	body, err := d.live(ctx, "prod", "online-endpoint/fares")
	if err != nil {
		return "", err
	}
	var out []string
	sum := int64(0)
	traffic := body.GetPath("properties", "traffic")
	for _, name := range slices.Sorted(slices.Values(traffic.Keys())) {
		if n, _ := traffic.Get(name).Int64(); n > 0 {
			out, sum = append(out, fmt.Sprintf("%s %d", name, n)), sum+n
		}
	}
	if sum != 100 {
		return "", fmt.Errorf("the traffic of prod is %d %% in all (%s)", sum, strings.Join(out, ", "))
	}
	return strings.Join(out, ", "), nil
}

// moves waits until the traffic of prod is at its end, and returns all that it
// was on the way.
func (d *promotionDemo) moves(ctx context.Context, end string) ([]string, error) {
	var went []string
	var bad error
	err := d.until(ctx, "the traffic of prod is "+end, func() bool {
		now, err := d.shares(ctx)
		if err != nil {
			bad = err
			return true
		}
		if len(went) == 0 || went[len(went)-1] != now {
			went = append(went, now)
			d.printf("the traffic of prod: %s\n", now)
		}
		return now == end
	})
	return went, errors.Join(bad, err)
}

// traffic moves the traffic of prod to green, in steps.
func (d *promotionDemo) traffic(ctx context.Context) error {
	d.title("Git says that all traffic goes to green; the rule rollout moves it in steps, with checks")
	if err := d.edit("overlays/prod/online-endpoints/fares/endpoint.yml", "blue: 100", "green: 100"); err != nil {
		return err
	}
	if err := d.commit(ctx, "prod: traffic to green"); err != nil {
		return err
	}
	went, err := d.moves(ctx, "green 100")
	if err != nil {
		return err
	}
	if want := []string{"blue 100", "blue 75, green 25", "green 100"}; !slices.Equal(went, want) {
		return fmt.Errorf("the traffic of prod went %s, want %s", strings.Join(went, "; "), strings.Join(want, "; "))
	}
	d.printf("\n")
	err = d.until(ctx, "the rollout has ended", func() bool {
		_, out := d.ask("rollout")
		return strings.Contains(out, "online-endpoint/fares finished")
	})
	if err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"rollout"}, "(green 100)"); err != nil {
		return err
	}
	return d.call(exitDone, []string{"plan", "--target", "prod", "--exit-code"}, "No changes")
}

// follow shows where what serves in prod came from, and what is where.
func (d *promotionDemo) follow(context.Context) error {
	d.title("Where did what serves in prod come from, and what is where?")
	err := d.call(exitDone, []string{"lineage", "online-deployment/fares/green", "--target", "prod"},
		"came by release fares-3 (from dev)", "of online-deployment/fares/green in dev (as in fares-3)", "made by job/fares-3 in dev (mae 1.90)", "took data/rides:2025-06 in dev", "ran environment/fares-train:1 in dev")
	if err != nil {
		return err
	}
	err = d.call(exitDone, []string{"lineage", "model/fares:3", "--target", "dev", "--down"},
		"in release fares-3 (from dev)", "went to model/fares:3 in test", "used by online-deployment/fares/green in prod")
	if err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"lineage", "fares-3", "--format", "mermaid"}, "flowchart LR"); err != nil {
		return err
	}
	return d.call(exitDone, []string{"inventory", "--kind", "model,environment,online-endpoint,online-deployment"}, "fares")
}

// back rolls prod back to the first release.
func (d *promotionDemo) back(ctx context.Context) error {
	d.title("Back: a commit as well. Traffic goes first, and the release is remembered")
	err := d.call(exitDone, []string{"rollback", "--to", "fares-1", "--target", "prod", "--branch", "main", "--why", "drivers complain"}, "pushed", "online-deployment/fares/green")
	if err != nil {
		return err
	}
	if err := d.pull(ctx); err != nil {
		return err
	}
	if _, err := d.moves(ctx, "blue 100"); err != nil {
		return err
	}
	d.printf("\n")
	if err := d.until(ctx, "the rollback is applied", func() bool { return d.applied(ctx, "prod") }); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"release", "verify", "fares-1", "--target", "prod", "--quiet"}, "are what it says"); err != nil {
		return err
	}
	if err := d.call(exitProblems, []string{"promote", "fares-3", "--to", "prod"}, "was rolled back", "drivers complain"); err != nil {
		return err
	}
	if err := d.call(exitDone, []string{"release", "list"}, "fares-1"); err != nil {
		return err
	}
	return d.call(exitDone, []string{"history", "--target", "prod", "--limit", "5"}, "prod-")
}
