package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/state"
)

func (a *app) abortCommand() *cobra.Command {
	var where, author string
	var hold bool
	c := &cobra.Command{
		Use: "abort", Short: "Stop the run that is under way", GroupID: "work", Args: cobra.NoArgs,
		Long: `Stop the run that is under way, in a terminal, a pipeline or a daemon that uses
the same journal. No write is begun from then on. What was begun stays in the
journal, and the next run takes it up. A daemon goes on with the next commit or
at the next time of its schedule, unless --hold keeps it.`,
		Example: "  mlsync abort --state /var/lib/mlsync/mlsync.db\n  mlsync abort --target prod --hold",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.eachJournal(cmd.Context(), where, func(ctx context.Context, t *state.Target) error {
				if hold {
					if err := t.Hold(ctx, a.author(author), "aborted"); err != nil {
						return err
					}
				}
				return a.abort(ctx, t, a.author(author))
			})
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().StringVar(&author, "author", "", "who stops it (default: $USER)")
	c.Flags().BoolVar(&hold, "hold", false, "keep the target on hold until mlsync unhold")
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error { return a.farAbort(ctx, r, hold) }, "hold")
}

func (a *app) abort(ctx context.Context, t *state.Target, by string) error {
	holder, err := t.Abort(ctx, by)
	if err == nil {
		a.sayStopped(t.Name(), holder)
	}
	return err
}

func (a *app) sayStopped(target, holder string) {
	if holder == "" {
		a.printf("%s: nothing is running\n", target)
		return
	}
	a.printf("%s: stopped %s\n", target, printable(holder))
}

func (a *app) holdCommand() *cobra.Command {
	var where, author, why string
	c := &cobra.Command{
		Use: "hold", Short: "Write nothing to the workspace until mlsync unhold", GroupID: "work", Args: cobra.NoArgs,
		Long: `Put the target on hold: no write is begun by anybody who uses the same journal,
until mlsync unhold. Plans can be made.`,
		Example: `  mlsync hold --why "release day" --target prod`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.eachJournal(cmd.Context(), where, func(ctx context.Context, t *state.Target) error {
				a.printf("%s: on hold\n", t.Name())
				return t.Hold(ctx, a.author(author), why)
			})
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().StringVar(&author, "author", "", "who holds it (default: $USER)")
	c.Flags().StringVar(&why, "why", "", "the reason, which is shown to whoever is refused")
	_ = c.MarkFlagRequired("why") // the flag is there
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error { return a.farHold(ctx, r, why, time.Time{}) }, "why")
}

func (a *app) unholdCommand() *cobra.Command {
	var where, author string
	c := &cobra.Command{
		Use: "unhold", Short: "End a hold", GroupID: "work", Args: cobra.NoArgs,
		Example: "  mlsync unhold --target prod",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.eachJournal(cmd.Context(), where, func(ctx context.Context, t *state.Target) error {
				a.printf("%s: released\n", t.Name())
				return t.Release(ctx, a.author(author))
			})
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().StringVar(&author, "author", "", "who ends it (default: $USER)")
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error { return a.farUnhold(ctx, r) })
}

// eachJournal does something with the journal of the target that is named, or
// of all.
func (a *app) eachJournal(ctx context.Context, where string, do func(context.Context, *state.Target) error) error {
	store, err := a.openStore(ctx, where)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	targets, err := a.journals(ctx, store)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		a.printf("the journal knows no target yet\n")
	}
	for _, t := range targets {
		if err := do(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// author is who calls the program.
func (a *app) author(given string) string {
	if given != "" {
		return given
	}
	if user, _ := a.env("USER"); user != "" {
		return user
	}
	return "somebody"
}
