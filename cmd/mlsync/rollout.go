package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// rolloutRule is what the configuration says of the traffic of an asset.
func rolloutRule(r *config.Rollout) *plan.RolloutRule {
	if r == nil || r.Off {
		return nil
	}
	return &plan.RolloutRule{Steps: r.Steps, Pause: r.Pause, Mirror: r.Mirror, Deadline: r.Deadline, Keep: r.Keep, Stay: r.OnFailure == "stay"}
}

// routed are the kinds whose traffic can move in steps.
func routed() []string {
	var out []string
	for _, t := range kind.All() {
		if t.Routes.Shares != "" {
			out = append(out, string(t.Kind))
		}
	}
	return out
}

func (a *app) rolloutCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "rollout", Short: "Show rollouts, try one again or take it back", GroupID: "work", Args: cobra.NoArgs,
		Long: `Show for each online endpoint with the rule rollout how far its traffic is, since
when, and what the checks said. Nothing is asked of the workspace.`,
		Example: "  mlsync rollout\n  mlsync rollout retry online-endpoint/taxi\n  mlsync rollout return taxi --why \"it is slow\"",
	}
	var where string
	c.PersistentFlags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.RunE = func(cmd *cobra.Command, _ []string) error { return a.showRollouts(cmd.Context(), where) }
	var author, why string
	retry := &cobra.Command{
		Use: "retry ENDPOINT", Short: "Let a rollout that was returned begin again", Args: cobra.ExactArgs(1),
		Long: `Let a rollout that was returned begin again, with the same commit. The next run
does it: that of mlsync apply, or of the daemon at the next time of its schedule.`,
		Example: "  mlsync rollout retry online-endpoint/taxi --target prod",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.turnRollout(cmd.Context(), where, args[0], "begins again with the next run", "was not returned", func(ctx context.Context, t *state.Target, id asset.ID) (bool, error) {
				return t.RetryRollout(ctx, id, a.author(author))
			})
		},
	}
	back := &cobra.Command{
		Use: "return ENDPOINT", Short: "Take the traffic of a rollout back", Args: cobra.ExactArgs(1),
		Long: `Take the traffic back to what it was before the rollout, as if a check had
failed. The next run does it: that of mlsync apply, or of the daemon.`,
		Example: "  mlsync rollout return online-endpoint/taxi --why \"errors in the log\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.turnRollout(cmd.Context(), where, args[0], "goes back with the next run", "is not under way", func(ctx context.Context, t *state.Target, id asset.ID) (bool, error) {
				return t.ReturnRollout(ctx, id, a.author(author), why)
			})
		},
	}
	for _, sub := range []*cobra.Command{retry, back} {
		sub.Flags().StringVar(&author, "author", "", "who says so (default: $USER)")
		sub.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completeRollouts(cmd.Context(), where)
		}
	}
	back.Flags().StringVar(&why, "why", "", "the reason, which is shown until the rollout is tried again")
	_ = back.MarkFlagRequired("why") // the flag is there
	c.AddCommand(retry, back)
	return c
}

// rolloutJSON is a rollout for machines.
type rolloutJSON struct {
	Target string            `json:"target"`
	Asset  string            `json:"asset"`
	State  plan.RolloutState `json:"state"`
	Before plan.Shares       `json:"before,omitempty"`
	Shares plan.Shares       `json:"shares,omitempty"`
	Mirror plan.Shares       `json:"mirror,omitempty"`
	Since  time.Time         `json:"since"`
	Why    string            `json:"why,omitempty"`
}

func rolloutsOf(ctx context.Context, t *state.Target) ([]rolloutJSON, error) {
	all, err := t.Rollouts(ctx)
	var out []rolloutJSON
	for _, id := range slices.SortedFunc(maps.Keys(all), asset.ID.Compare) {
		r := all[id]
		out = append(out, rolloutJSON{t.Name(), id.String(), r.State, r.Before, r.Shares, r.Mirror, r.Since, r.Why})
	}
	return out, err
}

// String is the rollout on one line.
func (r rolloutJSON) String() string {
	text := fmt.Sprintf("%s %s (%s) since %s", r.Asset, r.State, r.Shares, r.Since.Local().Format("2006-01-02 15:04:05"))
	if r.State == plan.Reverted {
		text = fmt.Sprintf("%s RETURNED to %s at %s", r.Asset, r.Before, r.Since.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Mirror.Sum() > 0 {
		text += fmt.Sprintf(", mirrored: %s", r.Mirror)
	}
	return text + printable(note(r.Why))
}

func (a *app) showRollouts(ctx context.Context, where string) error {
	list := []rolloutJSON{}
	store, err := a.openStore(ctx, where)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	targets, err := a.journals(ctx, store)
	if err != nil {
		return err
	}
	for _, t := range targets {
		more, err := rolloutsOf(ctx, t)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	if a.flags.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.printf("there are no rollouts\n")
	}
	for _, r := range list {
		a.printf("%s  %s\n", r.Target, r)
	}
	return nil
}

// turnRollout does something with a rollout of the target that is named, or of
// the one that has it.
func (a *app) turnRollout(ctx context.Context, where, name, done, not string, do func(context.Context, *state.Target, asset.ID) (bool, error)) error {
	id, err := rolloutID(name)
	if err != nil {
		return err
	}
	turned := 0
	err = a.eachJournal(ctx, where, func(ctx context.Context, t *state.Target) error {
		ok, err := do(ctx, t, id)
		if ok {
			turned++
			a.printf("%s: the rollout of %s %s\n", t.Name(), id, done)
		}
		return err
	})
	if err == nil && turned == 0 {
		err = fmt.Errorf("the rollout of %s %s", id, not)
	}
	return err
}

// rolloutID is the id of an endpoint, with its kind or without.
func rolloutID(name string) (asset.ID, error) {
	if !strings.Contains(name, "/") {
		name = routed()[0] + "/" + name
	}
	return asset.ParseID(name)
}

// completeRollouts are the rollouts of the journal.
func (a *app) completeRollouts(ctx context.Context, where string) ([]string, cobra.ShellCompDirective) {
	var out []string
	_ = a.eachJournal(ctx, where, func(ctx context.Context, t *state.Target) error {
		list, err := rolloutsOf(ctx, t)
		for _, r := range list {
			out = append(out, r.Asset)
		}
		return err
	})
	return out, cobra.ShellCompDirectiveNoFileComp
}

// tellRollouts logs where rollouts are; those that were returned are errors.
func tellRollouts(ctx context.Context, log *slog.Logger, p *plan.Plan) {
	for _, id := range slices.SortedFunc(maps.Keys(p.Rollouts), asset.ID.Compare) {
		r := p.Rollouts[id]
		level := slog.LevelInfo
		if r.Stage == plan.Returning || r.Stage == plan.Returned {
			level = slog.LevelError
		}
		log.Log(ctx, level, "rollout", "asset", id.String(), "stage", string(r.Stage), "step", r.Step, "of", r.Of, "traffic", r.Next.String(), "git", r.Want.String(), "next", r.At, "why", r.Why)
	}
}
