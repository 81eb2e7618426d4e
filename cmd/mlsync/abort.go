package main

import (
	"context"
	"errors"
	"fmt"
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
	var where, author, why, until string
	var lasts time.Duration
	c := &cobra.Command{
		Use: "hold", Short: "Write nothing to the workspace until mlsync unhold", GroupID: "work", Args: cobra.NoArgs,
		Long: `Put the target on hold: no write is begun by anybody who uses the same journal,
until mlsync unhold, or until the time that --for or --until gives. Plans can be
made. When a hold ends by itself, the daemon goes on at once.`,
		Example: `  mlsync hold --why "release day" --target prod
  mlsync hold --why "load test" --for 2h --target prod
  mlsync hold --why "freeze" --until 2027-01-04T08:00:00+01:00`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			end, err := untilWhen(lasts, until, time.Now())
			if err != nil {
				return err
			}
			return a.eachJournal(cmd.Context(), where, func(ctx context.Context, t *state.Target) error {
				if err := t.HoldUntil(ctx, a.author(author), why, end); err != nil {
					return err
				}
				a.printf("%s: on hold%s\n", t.Name(), untilText(end))
				return nil
			})
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().StringVar(&author, "author", "", "who holds it (default: $USER)")
	c.Flags().StringVar(&why, "why", "", "the reason, which is shown to whoever is refused")
	c.Flags().DurationVar(&lasts, "for", 0, "how long the hold lasts, such as 2h")
	c.Flags().StringVar(&until, "until", "", "when the hold ends, such as 2027-01-04T08:00:00Z")
	_ = c.MarkFlagRequired("why") // the flag is there
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error {
		end, err := untilWhen(lasts, until, time.Now())
		if err != nil {
			return err
		}
		return a.farHold(ctx, r, why, end)
	}, "why", "for", "until")
}

// untilWhen is the end that --for or --until gives; zero for none.
func untilWhen(lasts time.Duration, until string, now time.Time) (time.Time, error) {
	switch {
	case lasts != 0 && until != "":
		return time.Time{}, errors.New("--for and --until exclude each other")
	case lasts < 0:
		return time.Time{}, errors.New("--for: it would be over already")
	case lasts > 0:
		return now.Add(lasts), nil
	case until == "":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, until)
	switch {
	case err != nil:
		return at, fmt.Errorf("--until %s: write it like 2027-01-04T08:00:00Z", printable(until))
	case !at.After(now):
		return at, errors.New("--until: it is past")
	}
	return at, nil
}

// untilText says when something ends by itself; "" if it does not.
func untilText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " until " + at.Local().Format("2006-01-02 15:04:05")
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
