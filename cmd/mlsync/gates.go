package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func (a *app) gatesCommand() *cobra.Command {
	var where string
	c := &cobra.Command{
		Use: "gates", Short: "Show what the gates of targets say, and why", GroupID: "move", Args: cobra.NoArgs,
		Long: `Show for each target with gates the release that waits, or that was looked at
last, and the verdict on each gate: open, shut or failed, why, with what evidence,
and when it is looked at next. It is what the journal knows: nothing is asked of
anybody. mlsync apply and the daemon look at the gates.

A gate that is shut at its deadline has failed, and the release is refused. It
takes another release, or an approval: mlsync approve gate:NAME.`,
		Example: `  mlsync gates
  mlsync gates --target prod --json
  mlsync gates -v --state /var/lib/mlsync/mlsync.db   # with the evidence`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runGates(cmd.Context(), where) },
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error { return a.farGates(ctx, r) })
}

// targetGates are the gates of one target for people and machines.
type targetGates struct {
	Target      string `json:"target"`
	Release     string `json:"release,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Commit      string `json:"commit,omitempty"`
	// State is waiting, refused, taken, left (git has another release now) or
	// none.
	State string      `json:"state"`
	Gates []gateState `json:"gates"`
}

type gateState struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	State    string            `json:"state"`
	Why      string            `json:"why"`
	Evidence map[string]string `json:"evidence,omitempty"`
	Since    *time.Time        `json:"since,omitempty"`
	At       *time.Time        `json:"at,omitempty"`
	Next     *time.Time        `json:"next,omitempty"`
	Deadline *time.Time        `json:"deadline,omitempty"`
}

func (a *app) runGates(ctx context.Context, where string) error {
	cfg, bad, err := a.readConfig()
	if err != nil {
		return err
	}
	if err := bad.Err(); err != nil {
		return err
	}
	if a.flags.target != "" {
		if _, bad := cfg.Pick(a.flags.target); bad != nil {
			return bad
		}
	}
	store, err := a.openStore(ctx, where)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	list := []targetGates{}
	for i := range cfg.Targets {
		t := &cfg.Targets[i]
		if a.flags.target != t.Name && (a.flags.target != "" || len(t.Gates) == 0) {
			continue
		}
		one, err := gatesNow(ctx, store, t)
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	return a.listGates(list)
}

func (a *app) listGates(list []targetGates) error {
	if a.flags.json {
		return a.printJSON(map[string]any{"format": "mlsync.gates/1", "targets": list})
	}
	if len(list) == 0 {
		a.printf("no target has gates\n")
	}
	for _, one := range list {
		a.showGates(one)
	}
	return nil
}

// gatesNow are the gates of a target with what the journal knows of them, in
// the order of the file.
func gatesNow(ctx context.Context, store *state.Store, t *config.Target) (targetGates, error) {
	out := targetGates{Target: t.Name, State: "none", Gates: []gateState{}}
	j, err := store.Known(ctx, t.Name)
	if err != nil {
		return out, err
	}
	var kept []state.Verdict
	if j != nil {
		if kept, err = judged(ctx, j, &out); err != nil {
			return out, err
		}
	}
	for _, g := range gatesOf(t) {
		i := slices.IndexFunc(kept, func(v state.Verdict) bool { return v.Gate == g.Name && v.Rule == g.Digest() })
		if i < 0 {
			out.Gates = append(out.Gates, gateState{Name: g.Name, Type: g.Rule.Type(), State: "unknown", Why: "it was not looked at yet"})
			continue
		}
		out.Gates = append(out.Gates, gateStateOf(kept[i]))
	}
	return out, nil
}

// judged are the verdicts on the release that waits, or on the one that was
// looked at last.
func judged(ctx context.Context, j *state.Target, out *targetGates) ([]state.Verdict, error) {
	waits, err := j.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	r := waits
	if r == (plan.Release{}) {
		if r, err = j.Judged(ctx); err != nil || r == (plan.Release{}) {
			return nil, err
		}
	}
	kept, err := j.Verdicts(ctx, r.Fingerprint)
	if err != nil {
		return nil, err
	}
	out.Release, out.Fingerprint = r.Name, r.Fingerprint
	if len(kept) > 0 {
		out.Commit = kept[0].Commit
	}
	taken, err := j.Taken(ctx)
	switch {
	case err != nil:
		return nil, err
	case waits == (plan.Release{}) && slices.ContainsFunc(taken, func(t state.Taken) bool { return t.Release.Fingerprint == r.Fingerprint }):
		out.State = "taken"
	case waits == (plan.Release{}):
		out.State = "left"
	case slices.ContainsFunc(kept, func(v state.Verdict) bool { return v.State == string(gate.Failed) }):
		out.State = "refused"
	default:
		out.State = string(plan.Waiting)
	}
	return kept, nil
}

func gateStateOf(v state.Verdict) gateState {
	when := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return gateState{
		Name: v.Gate, Type: v.Type, State: v.State, Why: v.Why, Evidence: v.Evidence,
		Since: when(v.Since), At: when(v.At), Next: when(v.Next), Deadline: when(v.Deadline),
	}
}

// clockTime is how times are printed.
const clockTime = "2006-01-02 15:04:05"

func (a *app) showGates(g targetGates) {
	switch g.State {
	case "none":
		a.printf("%s  no release waits\n", g.Target)
	default:
		a.printf("%s  release %s is %s  (commit %.12s)\n", g.Target, printable(g.Release), g.State, dash(g.Commit))
	}
	for _, one := range g.Gates {
		a.printf("  %-8s %s: %s\n", one.State, one.Name, printable(one.Why))
		if one.Next != nil {
			a.printf("           next look %s, deadline %s\n", one.Next.Local().Format(clockTime), one.Deadline.Local().Format(clockTime))
		}
		if a.flags.verbose == 0 {
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(one.Evidence)) {
			a.printf("           %s: %s\n", printable(k), printable(one.Evidence[k]))
		}
	}
}
