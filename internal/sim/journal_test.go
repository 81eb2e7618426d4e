package sim_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// journal lets reconcile use the journal of a target, as the program does,
// every access at its turn.
type journal struct {
	p *process
}

var (
	_ reconcile.Journal = (*journal)(nil)
	_ reconcile.Book    = (*journal)(nil)
)

// journal opens the journal, once a process.
func (p *process) journal(ctx context.Context) (*journal, error) {
	j := &journal{p}
	if p.target != nil {
		return j, nil
	}
	return j, j.point(ctx, "open", func() error {
		store, err := state.Open(context.Background(), p.w.db, state.Options{LockTTL: lockTTL})
		if err != nil {
			return err
		}
		if p.target, err = store.Target(context.Background(), target, scope.WorkspaceID()); err != nil {
			return errors.Join(err, store.Close())
		}
		p.store = store
		return nil
	})
}

// errDisk is what storage answers when it fails.
var errDisk = errors.New("database or disk is full")

// point is an access to the journal. Storage may fail: before it, so that
// nothing is written, or after it.
func (j *journal) point(ctx context.Context, call string, do func() error) error {
	return j.access(ctx, &record{kind: journalled, call: call}, do)
}

func (j *journal) access(ctx context.Context, r *record, do func() error) error {
	w := j.p.w
	return w.sched.point(ctx, j.p, "journal "+r.call+" "+r.key.String(), func() error {
		r.p, r.gen = j.p.n, j.p.gen
		f := w.struck(storage, r.call)
		switch {
		case f == nil:
			r.err = do()
		case f.Name == "disk-full":
			r.fault, r.err = f.Name, errDisk
		default:
			r.fault = f.Name
			if r.err = do(); r.err == nil {
				r.err, r.effect = errDisk, true
			}
		}
		r.effect = r.effect || r.err == nil
		w.note(r)
		return r.err
	})
}

// lasting is ctx for what must be noted although ctx is cancelled.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func (j *journal) Owned(ctx context.Context) (out map[asset.ID]plan.Owned, err error) {
	err = j.point(ctx, "owned", func() (err error) {
		out, err = j.p.target.Owned(context.Background())
		return err
	})
	return out, err
}

func (j *journal) Begin(ctx context.Context, run plan.Run) (out plan.Run, err error) {
	r := &record{kind: journalled, call: "begin"}
	err = j.access(ctx, r, func() (err error) {
		out, err = j.p.target.Begin(context.Background(), run)
		if err == nil {
			j.p.gen, r.gen = out.Generation, out.Generation
		}
		return err
	})
	return out, err
}

func (j *journal) Intend(ctx context.Context, generation int64, key plan.Key, action plan.Action, digest string) (intent int64, err error) {
	r := &record{kind: journalled, call: "intend", key: key, action: action}
	err = j.access(ctx, r, func() (err error) {
		intent, err = j.p.target.Intend(context.Background(), generation, key, action, digest)
		r.intent, r.gen = intent, generation
		return err
	})
	return intent, err
}

func (j *journal) Operation(ctx context.Context, generation, intent int64, operation []byte) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	r := &record{kind: journalled, call: "operation", intent: intent}
	return j.access(ctx, r, func() error {
		return j.p.target.Operation(context.Background(), generation, intent, string(operation))
	})
}

func (j *journal) Finish(ctx context.Context, generation int64, ends ...reconcile.End) error {
	if len(ends) == 0 {
		return nil
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	out := make([]state.End, len(ends))
	for i, e := range ends {
		out[i] = state.End(e)
	}
	r := &record{kind: journalled, call: "finish", key: ends[0].Outcome.Key, ends: ends}
	return j.access(ctx, r, func() error {
		r.gen = generation
		return j.p.target.Finish(context.Background(), generation, out...)
	})
}

func (j *journal) Own(ctx context.Context, generation int64, owned ...plan.Owned) error {
	if len(owned) == 0 {
		return nil
	}
	r := &record{kind: journalled, call: "own", owned: owned}
	return j.access(ctx, r, func() error { return j.p.target.Own(context.Background(), generation, owned...) })
}

func (j *journal) Record(ctx context.Context, generation int64, outcomes ...plan.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	return j.point(ctx, "record", func() error { return j.p.target.Record(context.Background(), generation, outcomes...) })
}

func (j *journal) Observe(ctx context.Context, generation int64, missing []asset.ID) error {
	return j.point(ctx, "observe", func() error { return j.p.target.Observe(context.Background(), generation, missing) })
}

func (j *journal) Saw(ctx context.Context, generation int64, drift []plan.Drift) error {
	return j.point(ctx, "saw", func() error { return j.p.target.Saw(context.Background(), generation, drift) })
}

func (j *journal) Rollouts(ctx context.Context) (out map[asset.ID]plan.RolloutRecord, err error) {
	err = j.point(ctx, "rollouts", func() (err error) {
		out, err = j.p.target.Rollouts(context.Background())
		return err
	})
	return out, err
}

func (j *journal) Roll(ctx context.Context, generation int64, records ...plan.RolloutRecord) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	r := &record{kind: journalled, call: "roll", rolls: records}
	return j.access(ctx, r, func() error { return j.p.target.Roll(context.Background(), generation, records...) })
}

func (j *journal) End(ctx context.Context, run plan.Run) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	r := &record{kind: journalled, call: "end", run: run}
	return j.access(ctx, r, func() error { return j.p.target.EndRun(context.Background(), run) })
}

func (j *journal) Unfinished(ctx context.Context) (out []reconcile.Intent, err error) {
	err = j.point(ctx, "unfinished", func() error {
		open, err := j.p.target.Unfinished(context.Background())
		for _, in := range open {
			out = append(out, reconcile.Intent{ID: in.ID, Key: in.Key, Action: in.Action, Started: in.Started, Operation: []byte(in.Operation)})
		}
		return err
	})
	return out, err
}

func (j *journal) Fingerprint(s asset.Secret) string { return j.p.store.Fingerprint(s) }

func (j *journal) See(ctx context.Context, generation int64, commit string) error {
	return j.point(ctx, "see", func() error { return j.p.target.See(context.Background(), generation, commit) })
}

func (j *journal) Approvals(ctx context.Context, consent string) (out []reconcile.Approval, err error) {
	err = j.point(ctx, "approvals", func() error {
		given, err := j.p.target.Approvals(context.Background(), consent)
		var allow []string
		for _, a := range given {
			out = append(out, reconcile.Approval{ID: a.ID, Allow: a.Allow})
			allow = append(allow, a.Allow...)
		}
		j.p.w.note(&record{kind: approvals, p: j.p.n, allow: allow, text: consent})
		return err
	})
	return out, err
}

func (j *journal) Use(ctx context.Context, generation int64, ids ...int64) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return j.point(ctx, "use", func() error { return j.p.target.Use(context.Background(), generation, ids...) })
}

// request is an approval that a plan asks for.
type request struct {
	digest string
	needs  []string
}

// approve gives an approval on behalf of the user.
func (w *world) approve(p *process) error {
	if len(w.asked.needs) == 0 || p.target == nil {
		return nil
	}
	_, err := p.target.Approve(context.Background(), state.Approval{Digest: w.asked.digest, Allow: w.asked.needs, Author: "user"})
	if err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	w.note(&record{kind: granted, text: w.asked.digest, allow: w.asked.needs})
	return nil
}
