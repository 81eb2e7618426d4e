package main

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// work is one pass of a worker: one commit for one target.
type work struct {
	*worker
	p      *reconcile.Pass
	j      *journal
	t      *config.Target
	line   *deadline
	commit reconcile.Commit
	task   string
}

// do brings the target to the commit. Assets on which an operation of an
// earlier run goes on do not hold up the others: they come when it has ended.
func (k *work) do(ctx context.Context) (plan.Run, *plan.Plan, error) {
	for {
		run, prep, err := k.once(ctx)
		if err != nil || prep == nil {
			return run, planOf(prep), err
		}
		if len(prep.Busy) == 0 {
			return run, prep.Plan, k.j.See(ctx, run.Generation, k.commit.Hash)
		}
		n, err := k.p.Recover(ctx)
		if err != nil {
			return run, prep.Plan, err
		}
		k.daemon.log.Info("took up an interrupted run", "target", k.name, "writes", n)
	}
}

func planOf(prep *reconcile.Prepared) *plan.Plan {
	if prep == nil {
		return nil
	}
	return prep.Plan
}

// once makes a plan and carries it out.
func (k *work) once(ctx context.Context) (plan.Run, *reconcile.Prepared, error) {
	none := plan.Run{Commit: k.commit.Hash}
	proven, err := k.j.proven(ctx)
	if err != nil {
		return none, nil, err
	}
	// The whole workspace is looked at once if the journal was lost, so that
	// what git no longer has is found by its stamp.
	search := k.daemon.store.Lost() && !k.searched
	opt := plan.Options{Prune: k.t.Prune.Mode != config.PruneOff && proven, Full: k.task != taskSync || search}
	why := reconcile.Trigger{Name: k.task, Unmanaged: search}
	prep, err := k.p.Prepare(ctx, k.commit, opt, why)
	if err != nil {
		return none, nil, err
	}
	given, err := k.j.Approvals(ctx, prep.Plan.Consent())
	if err != nil {
		return none, prep, err
	}
	if len(given) > 0 {
		for _, a := range given {
			opt.Allow = append(opt.Allow, a.Allow...)
		}
		if prep, err = k.p.Prepare(ctx, k.commit, opt, why); err != nil {
			return none, nil, err
		}
	}
	if bad := prep.Plan.Problems.Errors(); len(bad) > 0 {
		for _, b := range bad {
			k.daemon.log.Error("problem", "target", k.name, "commit", k.commit.Hash, "place", b.Pos.String(), "text", b.Text, "cure", b.Hint)
		}
		return none, prep, errors.New("problems in the tree: nothing is written")
	}
	k.line.forPlan(prep.Plan, k.t)
	run, err := k.p.Apply(ctx, prep, k.task)
	k.searched = k.searched || search && err == nil && prep.Plan.Complete()
	return run, prep, errors.Join(err, k.use(ctx, given, prep, run))
}

// use notes which approvals have served: those of which a step was carried
// out, or may have been. An approval of what was only tried still holds.
func (k *work) use(ctx context.Context, given []state.Approval, prep *reconcile.Prepared, run plan.Run) error {
	served := map[string]bool{}
	tried := map[plan.Key]bool{}
	for _, o := range run.Outcomes {
		tried[o.Key] = o.State == plan.Done || o.State == plan.Pending && !o.Started.IsZero()
	}
	for _, s := range prep.Plan.Steps {
		if s.Needs != "" && tried[s.Key] {
			served[s.Needs] = true
		}
	}
	var ids []int64
	for _, a := range given {
		for _, allow := range a.Allow {
			if served[allow] {
				ids = append(ids, a.ID)
				break
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return k.j.Use(ctx, run.Generation, ids...)
}
