package state

import (
	"context"
	"fmt"
	"time"

	"mlsync.dev/mlsync/plan"
)

// Intent is a write that is about to be made, or was about to be made when
// the process died.
type Intent struct {
	ID         int64
	Run        string
	Generation int64
	Key        plan.Key
	Action     plan.Action
	// Digest is the digest of the request.
	Digest  string
	Started time.Time
	// Operation is the URL of the long-running operation that the write
	// began; "" if it is not known.
	Operation string
	// Want is what will be owned if the write succeeds, so that a later run
	// can finish the intent even if git has moved on; nil if not given.
	Want *plan.Owned
}

// End is the end of an intent.
type End struct {
	Intent  int64
	Outcome plan.Outcome
	// Own is the new ownership; nil leaves it as it is.
	Own *plan.Owned
	// Forget ends the ownership of the asset.
	Forget bool
}

const intendQuery = `INSERT INTO steps (target_id, run_id, asset, part, action, digest, started, want) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`

// Intend records, before a request is sent, that it will be. It returns the
// number of the intent. It fails with ErrFenced after a later Begin, with
// ErrHeld while the target is on hold and with ErrAborted after Abort; the
// request must then not be sent.
func (t *Target) Intend(ctx context.Context, generation int64, key plan.Key, action plan.Action, digest string) (int64, error) {
	ids, err := t.IntendAll(ctx, generation, []Intent{{Key: key, Action: action, Digest: digest}})
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// IntendAll is Intend for many at once, all or none. Of the intents Key,
// Action, Digest, Operation and Want are used.
func (t *Target) IntendAll(ctx context.Context, generation int64, intents []Intent) ([]int64, error) {
	ids := make([]int64, 0, len(intents))
	err := t.s.write(ctx, func(x *tx) error {
		f, err := t.fence(ctx, x, generation)
		if err == nil {
			err = f.stops(t.name, generation)
		}
		if err != nil {
			return err
		}
		now := nanos(t.s.clock())
		run := runID(t.name, generation)
		for _, in := range intents {
			if err := checkID(in.Key.ID); err != nil {
				return err
			}
			want, err := wantText(in.Want)
			if err != nil {
				return err
			}
			var id int64
			_, err = x.get(ctx, intendQuery, []any{t.id, run, in.Key.ID.String(), in.Key.Part, string(in.Action), in.Digest, now, want}, &id)
			if err != nil {
				return fmt.Errorf("intend %s: %w", in.Key, err)
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

func wantText(o *plan.Owned) (string, error) {
	if o == nil {
		return "", nil
	}
	return toJSON(toOwnedJSON(*o))
}

// Operation records the URL of the long-running operation that the write of
// the intent has begun, also when ctx is cancelled.
func (t *Target) Operation(ctx context.Context, generation, intent int64, url string) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return t.write(ctx, generation, func(x *tx) error {
		n, err := x.exec(ctx, `UPDATE steps SET operation = ? WHERE id = ? AND target_id = ? AND state = ''`, url, intent, t.id)
		if err == nil && n == 0 {
			err = fmt.Errorf("operation of intent %d: %w", intent, ErrNoIntent)
		}
		return err
	})
}

const finishQuery = `UPDATE steps SET state = ?, took = ?, err = ?, code = ?, request = ?, by_asset = ?, by_part = ?, want = '', run_id = ?
	WHERE id = ? AND target_id = ? AND state = '' RETURNING asset`

// Finish records how intents ended together with the ownership that follows,
// in one transaction and also when ctx is cancelled: the requests have been
// sent. An intent that an earlier run left belongs to this run from then on.
// A write whose outcome is not known is not finished: its intent stays open
// until it has been read back.
func (t *Target) Finish(ctx context.Context, generation int64, ends ...End) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return t.write(ctx, generation, func(x *tx) error {
		for _, e := range ends {
			if err := t.finish(ctx, x, generation, e); err != nil {
				return fmt.Errorf("finish %s: %w", e.Outcome.Key, err)
			}
		}
		return nil
	})
}

func (t *Target) finish(ctx context.Context, x *tx, generation int64, e End) error {
	o := e.Outcome
	if o.State == "" || o.State == plan.Pending {
		return fmt.Errorf("an intent cannot end as %q", o.State)
	}
	var id string
	ok, err := x.get(ctx, finishQuery, []any{
		string(o.State), int64(o.Took), o.Err, o.Code, o.Request, idText(o.By.ID), o.By.Part,
		runID(t.name, generation), e.Intent, t.id,
	}, &id)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("intent %d: %w", e.Intent, ErrNoIntent)
	case id != o.Key.ID.String():
		return fmt.Errorf("intent %d is for %s", e.Intent, id)
	}
	if e.Forget {
		return t.forget(ctx, x, o.Key.ID)
	}
	if e.Own != nil {
		return t.own(ctx, x, e.Own)
	}
	return nil
}

const recordQuery = `INSERT INTO steps (target_id, run_id, asset, part, action, digest, started, state, took, err, code, request, by_asset, by_part)
	VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?)`

// Record keeps outcomes of steps that made no write, such as blocked ones.
func (t *Target) Record(ctx context.Context, generation int64, outcomes ...plan.Outcome) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return t.write(ctx, generation, func(x *tx) error {
		for _, o := range outcomes {
			if err := checkID(o.Key.ID); err != nil {
				return err
			}
			if o.State == "" {
				return fmt.Errorf("the outcome of %s has no state", o.Key)
			}
			_, err := x.exec(ctx, recordQuery, t.id, runID(t.name, generation), o.Key.ID.String(), o.Key.Part, string(o.Action), nanos(o.Started),
				string(o.State), int64(o.Took), o.Err, o.Code, o.Request, idText(o.By.ID), o.By.Part)
			if err != nil {
				return fmt.Errorf("record %s: %w", o.Key, err)
			}
		}
		return nil
	})
}

// Unfinished are the intents without an outcome, oldest first: what a restart
// has to read back before anything else.
func (t *Target) Unfinished(ctx context.Context) ([]Intent, error) {
	var out []Intent
	err := t.s.read(ctx, `SELECT s.id, s.run_id, r.generation, s.asset, s.part, s.action, s.digest, s.started, s.operation, s.want
		FROM steps s JOIN runs r ON r.id = s.run_id WHERE s.target_id = ? AND s.state = '' ORDER BY s.id`, []any{t.id}, func(r row) error {
		var in Intent
		var id, want string
		var started int64
		err := r.Scan(&in.ID, &in.Run, &in.Generation, &id, &in.Key.Part, &in.Action, &in.Digest, &started, &in.Operation, &want)
		if err != nil {
			return err
		}
		in.Started = fromNanos(started)
		if want != "" {
			var j ownedJSON
			if err := fromJSON(want, &j); err != nil {
				return err
			}
			o := j.owned()
			in.Want = &o
		}
		err = parseID(id, &in.Key.ID)
		out = append(out, in)
		return err
	})
	return out, err
}
