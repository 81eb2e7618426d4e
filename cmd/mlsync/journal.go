package main

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// journal lets reconcile use the journal of a target.
type journal struct {
	*state.Target
	store *state.Store
}

var (
	_ reconcile.Journal = (*journal)(nil)
	_ reconcile.Book    = (*journal)(nil)
)

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

// Approvals are those that hold for what a plan asks consent to.
func (j *journal) Approvals(ctx context.Context, consent string) ([]reconcile.Approval, error) {
	given, err := j.Target.Approvals(ctx, consent)
	out := make([]reconcile.Approval, len(given))
	for i, a := range given {
		out[i] = reconcile.Approval{ID: a.ID, Allow: a.Allow}
	}
	return out, err
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

// proven reports whether a run of the target has ended well: before, nothing
// is removed, whatever the journal says.
func (j *journal) proven(ctx context.Context) (bool, error) {
	_, err := j.LastApplied(ctx)
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (j *journal) Fingerprint(s asset.Secret) string { return j.store.Fingerprint(s) }
