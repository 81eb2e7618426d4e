package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// planFlags are the flags of the commands that make a plan.
type planFlags struct {
	targetFlags
	full, noPrune, unmanaged bool
	only, allow              []string
}

func (f *planFlags) register(c *cobra.Command) {
	f.targetFlags.register(c)
	c.Flags().BoolVar(&f.full, "full", false, "read everything again, also what the journal knows")
	c.Flags().BoolVar(&f.noPrune, "no-prune", false, "remove nothing")
	c.Flags().BoolVar(&f.unmanaged, "unmanaged", false, "list assets that are not in git and not managed")
	c.Flags().StringArrayVar(&f.only, "only", nil, "only this asset and what it needs: an id or a glob such as 'environment/*' (repeatable)")
	c.Flags().StringArrayVar(&f.allow, "allow", nil, "approve what a guard refuses, such as replace:compute/gpu (repeatable)")
}

func (a *app) planCommand() *cobra.Command {
	var f planFlags
	var out string
	var markdown, detailed bool
	c := &cobra.Command{
		Use: "plan", Short: "Show what apply would change", GroupID: "work", Args: cobra.NoArgs,
		Long: `Compare the folder with the workspace and show what apply would change, with
the reason of each change. Nothing is written.

With --exit-code, the exit code is 2 if changes are pending.

With --server, the plan is the one that the daemon made last, and no credential
of Azure is needed. What it would change is not pending if its run has done it.`,
		Example: `  mlsync plan
  mlsync plan --target prod --exit-code
  mlsync plan --markdown > comment.md
  mlsync plan --out out.plan && mlsync apply --plan out.plan
  mlsync plan --only 'online-endpoint/*' --json
  mlsync plan --server https://mlsync.example.com --target prod --markdown`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runPlan(cmd.Context(), f, planOutput{file: out, markdown: markdown, detailed: detailed})
		},
	}
	f.register(c)
	c.Flags().StringVarP(&out, "out", "o", "", "save the plan to this file, for apply --plan")
	c.Flags().BoolVar(&markdown, "markdown", false, "print Markdown for a pull request")
	c.Flags().BoolVar(&detailed, "exit-code", false, "exit with 2 if changes are pending")
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error {
		return a.farPlan(ctx, r, planOutput{markdown: markdown, detailed: detailed})
	}, "markdown", "exit-code")
}

// planOutput says how a plan is shown.
type planOutput struct {
	file               string
	markdown, detailed bool
}

func (a *app) runPlan(ctx context.Context, f planFlags, o planOutput) error {
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	prep, err := s.prepare(ctx, f, "manual")
	if err != nil {
		return err
	}
	if o.file != "" {
		data, err := prep.Plan.EncodeJSON(version)
		if err != nil {
			return err
		}
		if err := os.WriteFile(a.path(o.file), data, 0o600); err != nil {
			return err
		}
	}
	if err := a.showPlan(prep.Plan, o.markdown); err != nil {
		return err
	}
	a.sayWindow(s.target, prep.Plan)
	return exitWith(prep.Plan.ExitCode(o.detailed))
}

// prepare makes the plan of the session's folder.
func (s *session) prepare(ctx context.Context, f planFlags, trigger string) (*reconcile.Prepared, error) {
	p := s.pass(func(reconcile.Event) {})
	p.Check = reconcile.AssumeChecks
	if err := leaveAlone(ctx, p, s.journal); err != nil {
		return nil, err
	}
	s.searchIfLost(&f)
	return p.Prepare(ctx, s.commit(ctx), s.planOptions(f), reconcile.Trigger{Name: trigger, Unmanaged: f.unmanaged})
}

// searchIfLost looks at the whole workspace if the journal was lost, so that
// what git no longer has is found by its stamp.
func (s *session) searchIfLost(f *planFlags) {
	if s.store.Lost() {
		s.say("%s", lostJournal(s.store))
		f.full, f.unmanaged = true, true
	}
}

// planOptions are what a plan is asked for.
func (s *session) planOptions(f planFlags) plan.Options {
	return plan.Options{Prune: !f.noPrune && s.target.Prune.Mode != "off" && s.proven, Select: f.only, Allow: f.allow, Full: f.full}
}

// showPlan prints a plan as asked for.
func (a *app) showPlan(p *plan.Plan, markdown bool) error {
	switch {
	case a.flags.json:
		data, err := p.EncodeJSON(version)
		if err != nil {
			return err
		}
		_, err = a.streams.out.Write(append(data, '\n'))
		return err
	case markdown:
		_, err := fmt.Fprint(a.streams.out, plan.Markdown(p, plan.Budget))
		return err
	}
	return plan.Human(a.streams.out, p, plan.Style{Color: a.colour(), Width: a.streams.width, Verbose: a.flags.verbose, Unicode: a.unicode(), NoTime: !a.streams.outTTY})
}
