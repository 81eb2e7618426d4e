package reconcile_test

import (
	"context"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// journal joins reconcile with state, as the program does.
type journal struct {
	*state.Target
	store *state.Store
}

func (j *journal) Operation(ctx context.Context, generation, intent int64, operation []byte) error {
	return j.Target.Operation(ctx, generation, intent, string(operation))
}

func (j *journal) Finish(ctx context.Context, generation int64, ends ...reconcile.End) error {
	if len(ends) == 0 {
		return nil
	}
	out := make([]state.End, len(ends))
	for i, e := range ends {
		out[i] = state.End(e)
	}
	return j.Target.Finish(ctx, generation, out...)
}

func (j *journal) Own(ctx context.Context, generation int64, owned ...plan.Owned) error {
	if len(owned) == 0 {
		return nil
	}
	return j.Target.Own(ctx, generation, owned...)
}

func (j *journal) Record(ctx context.Context, generation int64, outcomes ...plan.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	return j.Target.Record(ctx, generation, outcomes...)
}

func (j *journal) End(ctx context.Context, run plan.Run) error { return j.EndRun(ctx, run) }

func (j *journal) Unfinished(ctx context.Context) ([]reconcile.Intent, error) {
	open, err := j.Target.Unfinished(ctx)
	var out []reconcile.Intent
	for _, in := range open {
		out = append(out, reconcile.Intent{ID: in.ID, Key: in.Key, Action: in.Action, Started: in.Started, Operation: []byte(in.Operation)})
	}
	return out, err
}

func (j *journal) Fingerprint(s asset.Secret) string { return j.store.Fingerprint(s) }
