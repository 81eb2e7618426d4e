package reconcile

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/plan"
)

// Rebuild notes in the journal what the plan found by its stamps: the assets
// that are as git says, and those that git no longer has. Nothing is written
// to the workspace, and it counts as no look at what is missing.
func (p *Pass) Rebuild(ctx context.Context, prep *Prepared) ([]plan.Owned, error) {
	if err := prep.Plan.Problems.Err(); err != nil {
		return nil, err
	}
	begun := plan.Run{Commit: prep.Plan.Source.Commit, Trigger: "rebuild", Digest: prep.Plan.Digest()}
	if prep.Plan.Settled() { // the release is there, whoever brought it
		begun.Release = prep.release
	}
	run, err := p.Journal.Begin(ctx, begun)
	if err != nil {
		return nil, err
	}
	x := &execution{Pass: p, prep: prep, run: &run, steps: map[plan.Key]*plan.Step{}}
	for i := range prep.Plan.Steps {
		s := &prep.Plan.Steps[i]
		x.steps[s.Key] = s
	}
	for _, s := range x.steps {
		if s.Action == plan.NoOp {
			x.keep(s)
		}
	}
	found := append(x.kept, prep.rebuilt...)
	run.State, run.Summary, run.Ended = plan.Done, prep.Plan.Summary(), p.Now()
	return found, errors.Join(p.Journal.Own(ctx, run.Generation, found...), p.Journal.End(ctx, run))
}
