package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/state"
)

// driftCommands are what people do with drift that was found.
func (a *app) driftCommands() []*cobra.Command {
	return []*cobra.Command{a.driftAcceptCommand(), a.driftRevertCommand(), a.driftIgnoreCommand()}
}

func (a *app) driftAcceptCommand() *cobra.Command {
	var f planFlags
	var author, why string
	c := &cobra.Command{
		Use: "accept ASSET...", Short: "Take drift over: write the live values into the files", Args: cobra.MinimumNArgs(1),
		Long: `Write the live values of drifted assets into the files of the folder, keeping
their comments, and note in the journal that they are to stay: the daemon leaves
them alone until a commit with them is there, unless they become others.`,
		Example: "  mlsync drift accept environment/train:3 --why \"the pinned image was wrong\"\n  git commit -am 'take the new image over'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.acceptDrift(cmd.Context(), f, args, author, why)
		},
	}
	f.register(c)
	c.Flags().StringVar(&author, "author", "", "who accepts it (default: $USER)")
	c.Flags().StringVar(&why, "why", "", "the reason")
	a.completeFound(c, func() string { return f.state })
	return c
}

func (a *app) acceptDrift(ctx context.Context, f planFlags, args []string, author, why string) error {
	ids, err := assetIDs(args)
	if err != nil {
		return err
	}
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	f.full = true
	f.only = args
	prep, err := s.prepare(ctx, f, "drift")
	if err != nil {
		return err
	}
	kept := prep.Plan.Drift[:0:0]
	for _, d := range prep.Plan.Drift {
		if slices.Contains(ids, d.ID) {
			kept = append(kept, d)
		}
	}
	if prep.Plan.Drift = kept; len(kept) == 0 {
		return fmt.Errorf("%s: no drift", strings.Join(args, ", "))
	}
	if err := s.adoptDrift(prep); err != nil {
		return err
	}
	for _, d := range kept {
		ok, err := s.journal.Accept(ctx, d.ID, a.author(author), why)
		if err != nil {
			return err
		}
		if !ok {
			a.say("%s: no run has noted this drift yet, so nobody leaves it alone until the commit is there", d.ID)
		}
	}
	return nil
}

func (a *app) driftRevertCommand() *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		Use: "revert ASSET...", Short: "Change drifted assets back, whatever their drift mode", Args: cobra.MinimumNArgs(1),
		Example: "  mlsync drift revert environment/train:3 --target prod",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := assetIDs(args); err != nil {
				return err
			}
			f.only = args
			return a.runDrift(cmd.Context(), f, false, true)
		},
	}
	f.register(c)
	a.completeFound(c, func() string { return f.state })
	return c
}

func (a *app) driftIgnoreCommand() *cobra.Command {
	var where, author, why, until string
	var lasts time.Duration
	var again bool
	when := func() (time.Time, error) {
		end, err := untilWhen(lasts, until, time.Now())
		if err == nil && again == !end.IsZero() {
			err = errors.New("say how long: --for 48h, --until TIME or --end")
		}
		return end, err
	}
	c := &cobra.Command{
		Use: "ignore ASSET...", Short: "Put drift off until a time", Args: cobra.MinimumNArgs(1),
		Long: `Put the drift of assets off: until then it is neither changed back nor counted as
waiting for somebody, unless it becomes another. Nothing is asked of the
workspace.`,
		Example: `  mlsync drift ignore online-endpoint/taxi --for 48h --why "load test"
  mlsync drift ignore online-endpoint/taxi --until 2027-01-04T08:00:00Z
  mlsync drift ignore online-endpoint/taxi --end
  mlsync drift ignore online-endpoint/taxi --for 48h --target prod --server https://mlsync.example.com`,
		RunE: func(cmd *cobra.Command, args []string) error {
			end, err := when()
			if err != nil {
				return err
			}
			return a.ignoreDrift(cmd.Context(), where, args, end, a.author(author), why)
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().StringVar(&author, "author", "", "who puts it off (default: $USER)")
	c.Flags().StringVar(&why, "why", "", "the reason")
	c.Flags().DurationVar(&lasts, "for", 0, "for how long, such as 48h")
	c.Flags().StringVar(&until, "until", "", "until when, such as 2027-01-04T08:00:00Z")
	c.Flags().BoolVar(&again, "end", false, "put it off no longer")
	a.completeFound(c, func() string { return where })
	return a.onServer(c, func(ctx context.Context, r *remote, args []string) error {
		end, err := when()
		if err != nil {
			return err
		}
		return a.farIgnore(ctx, r, args, end, why)
	}, "for", "until", "end", "why")
}

func (a *app) ignoreDrift(ctx context.Context, where string, args []string, until time.Time, author, why string) error {
	ids, err := assetIDs(args)
	if err != nil {
		return err
	}
	done := map[asset.ID]bool{}
	err = a.eachJournal(ctx, where, func(ctx context.Context, t *state.Target) error {
		for _, id := range ids {
			ok, err := t.Ignore(ctx, id, until, author, why)
			if err != nil {
				return err
			}
			if done[id] = done[id] || ok; ok {
				a.sayIgnored(t.Name(), id, until)
			}
		}
		return nil
	})
	for _, id := range ids {
		if err == nil && !done[id] {
			err = fmt.Errorf("%s: no drift of it is known", id)
		}
	}
	return err
}

func (a *app) sayIgnored(target string, id asset.ID, until time.Time) {
	if until.IsZero() {
		a.printf("%s: %s waits again\n", target, id)
	} else {
		a.printf("%s: %s is put off%s\n", target, id, untilText(until))
	}
}

func assetIDs(args []string) ([]asset.ID, error) {
	var out []asset.ID
	for _, text := range args {
		id, err := asset.ParseID(text)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// foundJSON is drift of a target for machines.
type foundJSON struct {
	Target string `json:"target"`
	state.Found
}

// showInbox lists the drift that runs have found. Nothing is asked of the
// workspace.
func (a *app) showInbox(ctx context.Context, where string, all bool) error {
	list := []foundJSON{}
	states := []state.FoundState{state.FoundOpen, state.FoundAccepted}
	if all {
		states = nil
	}
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
		found, err := t.Inbox(ctx, states...)
		if err != nil {
			return err
		}
		for _, f := range found {
			list = append(list, foundJSON{t.Name(), f})
		}
	}
	return a.listFound(list)
}

func (a *app) listFound(list []foundJSON) error {
	if a.flags.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.printf("no drift waits for anybody\n")
	}
	for _, f := range list {
		a.printf("%s  %-9s %s%s\n", f.Target, f.State, f.ID, foundNote(f.Found, time.Now()))
	}
	return nil
}

// foundNote says more of drift, on one line.
func foundNote(f state.Found, now time.Time) string {
	var paths, out []string
	for _, field := range f.Fields {
		paths = append(paths, field.Path)
	}
	if len(paths) > 0 {
		out = append(out, strings.Join(paths, ", "))
	}
	if f.ChangedBy != "" {
		out = append(out, "by "+f.ChangedBy)
	}
	out = append(out, "since "+f.First.Local().Format("2006-01-02 15:04:05"), "last seen "+f.Last.Local().Format("2006-01-02 15:04:05"))
	if f.Until.After(now) {
		out = append(out, "put off"+untilText(f.Until))
	}
	if f.Author != "" {
		out = append(out, strings.TrimSuffix(string(f.State)+" by "+f.Author+": "+f.Why, ": "))
	}
	return printable("  (" + strings.Join(out, "; ") + ")")
}

// completeFound completes the assets of the inbox.
func (a *app) completeFound(c *cobra.Command, where func() string) {
	c.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var out []string
		_ = a.eachJournal(cmd.Context(), where(), func(ctx context.Context, t *state.Target) error {
			found, err := t.Inbox(ctx, state.FoundOpen, state.FoundAccepted)
			for _, f := range found {
				out = append(out, f.ID.String())
			}
			return err
		})
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
