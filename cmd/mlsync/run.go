package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

func (a *app) runCommand() *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		Use: "run JOB...", Short: "Run jobs that are run by hand only", GroupID: "work", Args: cobra.MinimumNArgs(1),
		Long: `Submit jobs of the folder, with what they need, although a rule of mlsync.yaml
says jobs: manual. A job that has been run with exactly these inputs is not run
again.`,
		Example: "  mlsync run train\n  mlsync run job/train job/tune",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runJobs(cmd.Context(), f, args) },
	}
	f.targetFlags.register(c)
	return c
}

func (a *app) runJobs(ctx context.Context, f planFlags, names []string) (err error) {
	f.writes = true
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	f.noPrune = true
	all, err := s.prepare(ctx, f, "run")
	if err != nil {
		return err
	}
	for _, name := range names {
		id, ok := jobNamed(all.Want.Set, strings.TrimPrefix(name, "job/"))
		if !ok {
			return fmt.Errorf("there is no job %q in the folder", name)
		}
		f.only = append(f.only, id.String())
	}
	ctx, unlock, err := s.lock(ctx)
	if err != nil {
		return &codeError{exitRefused, err}
	}
	defer unlock()
	defer func() { err = because(ctx, err) }()
	bar := s.newProgress()
	p := s.pass(bar.event)
	if err := s.keepTo(ctx, p, ""); err != nil {
		return err
	}
	rule := p.Rule
	p.Rule = func(id asset.ID, file string) plan.Rule {
		r := rule(id, file)
		r.Jobs = plan.OnChange
		return r
	}
	prep, err := p.Prepare(ctx, s.commit(ctx), s.planOptions(f), reconcile.Trigger{Name: "run"})
	if err != nil {
		return err
	}
	if !a.flags.json {
		if err := a.showPlan(prep.Plan, false); err != nil {
			return err
		}
	}
	if err := a.stopped(prep.Plan); err != nil {
		return err
	}
	run, err := s.carryOut(ctx, p, prep, "run")
	bar.done()
	if err != nil {
		return err
	}
	return s.showRun(prep.Plan, run)
}

// digestLength is how many digits the name of a job without a name ends with.
const digestLength = 12

// jobNamed is the wanted job of a name, with or without the digest of its
// inputs that a job without a name has behind it.
func jobNamed(want *asset.Set, name string) (asset.ID, bool) {
	for _, a := range want.All() {
		t := kind.Of(a.ID.Kind)
		if !t.Once {
			continue
		}
		rest, ok := strings.CutPrefix(a.ID.Name, name)
		if ok && (rest == "" || rest[0] == '-' && len(rest) == digestLength+1) {
			return a.ID, true
		}
	}
	return asset.ID{}, false
}
