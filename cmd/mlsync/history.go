package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func (a *app) historyCommand() *cobra.Command {
	var where string
	var limit int
	c := &cobra.Command{
		Use: "history [ASSET]", Short: "Show past runs, or what was done to one asset", GroupID: "work", Args: cobra.MaximumNArgs(1),
		Example: `  mlsync history
  mlsync history environment/train
  mlsync history --server https://mlsync.example.com --target prod
  mlsync history online-deployment/taxi/blue --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runHistory(cmd.Context(), where, limit, args) },
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().IntVarP(&limit, "limit", "n", 20, "how many at most")
	return a.onServer(c, func(ctx context.Context, r *remote, args []string) error {
		return a.farHistory(ctx, r, max(1, limit), args)
	}, "limit")
}

func (a *app) runHistory(ctx context.Context, where string, limit int, args []string) error {
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
		if len(args) == 0 {
			err = a.runsOf(ctx, t, limit)
		} else {
			err = a.historyOf(ctx, t, limit, args[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// journals are the targets of the journal, or the one of --target.
func (a *app) journals(ctx context.Context, store *state.Store) ([]*state.Target, error) {
	infos, err := store.Targets(ctx)
	if err != nil {
		return nil, err
	}
	var out []*state.Target
	for _, info := range infos {
		if a.flags.target != "" && a.flags.target != info.Name {
			continue
		}
		t, err := store.Target(ctx, info.Name, info.Workspace)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if len(out) == 0 && a.flags.target != "" {
		return nil, fmt.Errorf("the journal knows no target %q", a.flags.target)
	}
	return out, nil
}

func (a *app) runsOf(ctx context.Context, t *state.Target, limit int) error {
	runs, err := t.Runs(ctx, limit, 0)
	if err != nil {
		return err
	}
	return a.showRuns(runs)
}

func (a *app) showRuns(runs []plan.Run) error {
	if a.flags.json {
		list := []map[string]any{}
		for _, r := range runs {
			list = append(list, map[string]any{
				"run": r.ID, "target": r.Target, "commit": r.Commit, "trigger": r.Trigger,
				"started": r.Started, "ended": r.Ended, "state": r.State, "plan": r.Digest, "summary": r.Summary, "error": r.Err,
			})
		}
		return a.printJSON(list)
	}
	for _, r := range runs {
		a.printf("%s  %-10s %-8s %-7s %.12s  %s%s\n", r.Started.Local().Format("2006-01-02 15:04:05"), r.ID, r.Trigger, r.State, dash(r.Commit), changesText(r.Summary), note(r.Err))
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// changesText is a summary in a few words.
func changesText(summary map[string]int) string {
	out := ""
	for _, k := range []string{"create", "new_version", "update", "replace", "archive", "delete", "adopt", "blocked", "unknown"} {
		if n := summary[k]; n > 0 {
			out += fmt.Sprintf("%d %s, ", n, k)
		}
	}
	return out + fmt.Sprintf("%d unchanged", summary["noop"])
}

func (a *app) historyOf(ctx context.Context, t *state.Target, limit int, text string) error {
	id, err := asset.ParseID(text)
	if err != nil {
		return err
	}
	past, err := t.History(ctx, id, limit)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	list := []pastStep{}
	for _, p := range past {
		o := p.Outcome
		list = append(list, pastStep{
			Key: o.Key.String(), Action: string(o.Action), State: string(o.State), Run: p.Run, Commit: p.Commit, Trigger: p.Trigger,
			At: o.Started, Took: o.Took, Err: o.Err, Request: o.Request,
		})
	}
	return a.showPast(list)
}

// pastStep is what was done once to an asset.
type pastStep struct {
	Key, Action, State, Run, Commit, Trigger string
	At                                       time.Time
	Took                                     time.Duration
	Err, Request                             string
}

func (a *app) showPast(past []pastStep) error {
	if a.flags.json {
		list := []map[string]any{}
		for _, p := range past {
			list = append(list, map[string]any{
				"id": p.Key, "action": p.Action, "state": p.State, "run": p.Run, "commit": p.Commit, "trigger": p.Trigger,
				"at": p.At, "took_ms": p.Took.Milliseconds(), "error": p.Err, "request_id": p.Request,
			})
		}
		return a.printJSON(list)
	}
	for _, p := range past {
		a.printf("%s  %-12s %-8s %s  %s %.12s (%s)%s\n", p.At.Local().Format("2006-01-02 15:04:05"), printable(p.Action), printable(p.State), printable(p.Key), printable(p.Run), printable(dash(p.Commit)), p.Took.Truncate(time.Millisecond), note(p.Err))
	}
	return nil
}
