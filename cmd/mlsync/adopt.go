package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

func (a *app) adoptCommand() *cobra.Command {
	var f planFlags
	var write bool
	c := &cobra.Command{
		Use: "adopt ASSET...", Short: "Take over assets that exist already", GroupID: "work", Args: cobra.MinimumNArgs(1),
		Long: `Take over assets that are in git and exist in the workspace, and that nobody
manages yet: they are stamped with their owner and from then on mlsync says when
they drift. Without --write it only says what it would do.`,
		Example: "  mlsync adopt environment/train compute/cpu\n  mlsync adopt 'datastore/*' --write",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.only = args
			return a.runAdopt(cmd.Context(), f, write)
		},
	}
	f.targetFlags.register(c)
	c.Flags().BoolVar(&write, "write", false, "do it")
	return c
}

func (a *app) runAdopt(ctx context.Context, f planFlags, write bool) (err error) {
	f.writes = true
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	f.noPrune, f.full = true, true
	bar := a.newProgress()
	p := s.pass(bar.event)
	prep, err := p.Prepare(ctx, s.commit(ctx), s.planOptions(f), reconcile.Trigger{Name: "adopt"})
	if err != nil {
		return err
	}
	if !write || !a.flags.json {
		if err := a.showPlan(prep.Plan, false); err != nil {
			return err
		}
	}
	if code := prep.Plan.ExitCode(false); !write || code == exitProblems {
		return exitWith(code)
	}
	ctx, unlock, err := s.lock(ctx)
	if err != nil {
		return &codeError{exitRefused, err}
	}
	defer unlock()
	defer func() { err = because(ctx, err) }()
	run, err := s.carryOut(ctx, p, prep, "adopt")
	bar.done()
	if err != nil {
		return err
	}
	return a.showRun(prep.Plan, run)
}

func (a *app) disownCommand() *cobra.Command {
	var f targetFlags
	var all bool
	c := &cobra.Command{
		Use: "disown [ASSET...]", Short: "Let go of assets: remove mlsync's tags and forget them", GroupID: "work",
		Long: `Let go of managed assets without changing anything else of them: mlsync's tags are
removed from the workspace and the journal forgets them. The files stay plain
Azure ML YAML. Tags of environment versions cannot be removed; the service
keeps those of their creation.`,
		Example: "  mlsync disown compute/gpu\n  mlsync disown --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return fmt.Errorf("name assets, or --all")
			}
			return a.runDisown(cmd.Context(), f, args)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&all, "all", false, "all assets of the target")
	return c
}

func (a *app) runDisown(ctx context.Context, f targetFlags, args []string) (err error) {
	s, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, unlock, err := s.lock(ctx)
	if err != nil {
		return &codeError{exitRefused, err}
	}
	defer unlock()
	defer func() { err = because(ctx, err) }()
	owned, err := s.journal.Owned(ctx)
	if err != nil {
		return err
	}
	var ids []asset.ID
	for _, text := range args {
		id, err := asset.ParseID(text)
		if err != nil {
			return err
		}
		if _, ok := owned[id]; !ok {
			return fmt.Errorf("%s is not managed", id)
		}
		ids = append(ids, id)
	}
	if len(args) == 0 {
		for id := range owned {
			ids = append(ids, id)
		}
	}
	run, err := s.journal.Begin(ctx, plan.Run{Trigger: "disown"})
	if err != nil {
		return err
	}
	ws := s.ws
	if s.writer != nil {
		client, err := s.writer()
		if err != nil {
			return err
		}
		ws = ws.As(client)
	}
	var failed error
	for _, id := range ids {
		if err := ws.Unstamp(ctx, id); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", id, err))
			continue
		}
		if err := s.journal.Forget(ctx, run.Generation, id); err != nil {
			return err
		}
		a.printf("disowned %s\n", id)
	}
	run.State = plan.Done
	if failed != nil {
		run.State, run.Err = plan.Failed, failed.Error()
	}
	return errors.Join(failed, s.journal.EndRun(ctx, run))
}

func (a *app) approveCommand() *cobra.Command {
	var f planFlags
	var author string
	var valid time.Duration
	c := &cobra.Command{
		Use: "approve APPROVAL...", Short: "Approve what a guard refuses, for the plan as it is now", GroupID: "work", Args: cobra.MinimumNArgs(1),
		Long: `Approve steps that a guard refuses, such as delete:online-endpoint/taxi. The
approval is bound to the plan as it is now: if git or the workspace changes, it
does not hold any more. It allows one thing once, and ends by itself after
--valid. The daemon carries the steps out in its next pass.

gate:NAME approves a gate of the target, for the release that waits: it is one of
the approvals that a gate asks for, and opens any other gate, also one that has
failed. It is bound to the release.`,
		Example: `  mlsync approve --state /var/lib/mlsync/mlsync.db delete:online-endpoint/taxi
  mlsync approve --target prod gate:approval --author anna
  mlsync approve --server https://mlsync.example.com --target prod delete:online-endpoint/taxi`,
		ValidArgsFunction: a.completeNeeds,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runApprove(cmd.Context(), f, state.Approval{Allow: args, Author: author, Expires: time.Now().Add(valid)})
		},
	}
	f.targetFlags.register(c)
	c.Flags().StringVar(&author, "author", "", "who approves (default: $USER)")
	c.Flags().DurationVar(&valid, "valid", 24*time.Hour, "how long the approval holds")
	return a.onServer(c, func(ctx context.Context, r *remote, args []string) error { return a.farApprove(ctx, r, args, valid) }, "valid")
}

func (a *app) runApprove(ctx context.Context, f planFlags, given state.Approval) error {
	switch gates := slices.IndexFunc(given.Allow, isGate) >= 0; {
	case gates && slices.ContainsFunc(given.Allow, func(name string) bool { return !isGate(name) }):
		return errors.New("gates are approved for a release and steps for a plan: approve them one after the other")
	case gates:
		return a.approveGates(ctx, f.targetFlags, given)
	}
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	f.full = true // as the daemon looks
	prep, err := s.prepare(ctx, f, "manual")
	if err != nil {
		return err
	}
	asked := map[string]bool{}
	for _, st := range prep.Plan.Refusals() {
		asked[st.Needs] = true
	}
	for _, name := range given.Allow {
		if !asked[name] {
			return fmt.Errorf("the plan asks for no approval %q", name)
		}
	}
	given.Author, given.Digest = a.author(given.Author), prep.Plan.Consent()
	if c := s.commit(ctx); s.cfg.Approvals.FourEyes {
		if err := notAuthor(given.Author, c.By, c.Hash); err != nil {
			return err
		}
	}
	if _, err := s.journal.Approve(ctx, given); err != nil {
		return err
	}
	a.printf("approved until %s for plan %s\n", given.Expires.Local().Format("2006-01-02 15:04"), prep.Plan.Digest())
	return nil
}
