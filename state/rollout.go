package state

import (
	"context"
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// Rollouts are what the journal knows of rollouts of the target, by the asset
// whose traffic moves.
func (t *Target) Rollouts(ctx context.Context) (map[asset.ID]plan.RolloutRecord, error) {
	out := map[asset.ID]plan.RolloutRecord{}
	err := t.s.read(ctx, `SELECT `+rolloutColumns+` FROM rollouts r WHERE r.target_id = ?`, []any{t.id}, func(r row) error {
		rec, err := scanRollout(r)
		out[rec.ID] = rec
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rollouts of target %q: %w", t.name, err)
	}
	return out, nil
}

const rolloutColumns = `r.asset, r.wanted, r.state, r.before, r.shares, r.mirror, r.since, r.pause, r.why`

// scanRollout reads rolloutColumns and then more.
func scanRollout(r row, more ...any) (plan.RolloutRecord, error) {
	var rec plan.RolloutRecord
	var id, before, shares, mirror string
	var since int64
	var pause int
	dest := []any{&id, &rec.Wanted, &rec.State, &before, &shares, &mirror, &since, &pause, &rec.Why}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return rec, err
	}
	if err := parseID(id, &rec.ID); err != nil {
		return rec, err
	}
	rec.Since, rec.Pause = fromNanos(since), pause != 0
	for _, m := range []struct {
		text string
		into *plan.Shares
	}{{before, &rec.Before}, {shares, &rec.Shares}, {mirror, &rec.Mirror}} {
		if err := fromJSON(m.text, m.into); err != nil {
			return rec, fmt.Errorf("the rollout of %s in the journal: %w", id, err)
		}
	}
	return rec, nil
}

// Roll stores records of rollouts. A rollout that is returned or comes to its
// end is an event.
func (t *Target) Roll(ctx context.Context, generation int64, records ...plan.RolloutRecord) error {
	return t.write(ctx, generation, func(x *tx) error {
		for _, r := range records {
			var was string
			known, err := x.get(ctx, `SELECT state FROM rollouts WHERE target_id = ? AND asset = ?`, []any{t.id, r.ID.String()}, &was)
			if err != nil {
				return err
			}
			if err := t.roll(ctx, x, &r); err != nil {
				return err
			}
			if known && was != string(r.State) {
				if err := t.s.note(ctx, x, t.name, Event{What: "rollout_" + string(r.State), Asset: r.ID, Text: r.Why}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (t *Target) roll(ctx context.Context, x *tx, r *plan.RolloutRecord) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	texts := make([]string, 3)
	for i, s := range []plan.Shares{r.Before, r.Shares, r.Mirror} {
		var err error
		if texts[i], err = toJSON(s); err != nil {
			return err
		}
	}
	_, err := x.exec(ctx, `INSERT INTO rollouts (target_id, asset, wanted, state, before, shares, mirror, since, pause, why)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (target_id, asset) DO UPDATE SET wanted = excluded.wanted, state = excluded.state, before = excluded.before,
			shares = excluded.shares, mirror = excluded.mirror, since = excluded.since, pause = excluded.pause, why = excluded.why`,
		t.id, r.ID.String(), r.Wanted, string(r.State), texts[0], texts[1], texts[2], nanos(r.Since), flag(r.Pause), r.Why)
	return err
}

// RetryRollout lets a rollout that was returned begin again, on behalf of
// somebody; false if it was not returned.
func (t *Target) RetryRollout(ctx context.Context, id asset.ID, by string) (bool, error) {
	return t.turn(ctx, id, plan.Reverted, plan.Running, "", Event{What: "rollout_retry", Author: by, Asset: id})
}

// ReturnRollout lets a rollout that is under way be returned by the next run;
// false if none is.
func (t *Target) ReturnRollout(ctx context.Context, id asset.ID, by, why string) (bool, error) {
	return t.turn(ctx, id, plan.Running, plan.Reverted, "by "+by+": "+why, Event{What: "rollout_return", Author: by, Asset: id, Text: why})
}

// turn brings a rollout from one state into another.
func (t *Target) turn(ctx context.Context, id asset.ID, from, to plan.RolloutState, why string, e Event) (bool, error) {
	turned := false
	err := t.s.write(ctx, func(x *tx) error {
		n, err := x.exec(ctx, `UPDATE rollouts SET state = ?, why = ?, since = ?, pause = 0, shares = before, mirror = '' WHERE target_id = ? AND asset = ? AND state = ?`,
			string(to), why, nanos(t.s.clock()), t.id, id.String(), string(from))
		if turned = n > 0; err != nil || !turned {
			return err
		}
		return t.s.note(ctx, x, t.name, e)
	})
	return turned, err
}

// rolloutJSON is a rollout in an export.
type rolloutJSON struct {
	Target string            `json:"target"`
	Asset  asset.ID          `json:"asset"`
	Wanted string            `json:"wanted"`
	State  plan.RolloutState `json:"state"`
	Before plan.Shares       `json:"before,omitempty"`
	Shares plan.Shares       `json:"shares,omitempty"`
	Mirror plan.Shares       `json:"mirror,omitempty"`
	Since  int64             `json:"since"`
	Pause  bool              `json:"pause,omitempty"`
	Why    string            `json:"why,omitempty"`
}

func exportRollout(r row) (record, error) {
	var n rolloutJSON
	o, err := scanRollout(r, &n.Target)
	n.Asset, n.Wanted, n.State, n.Before, n.Shares, n.Mirror, n.Since, n.Pause, n.Why = o.ID, o.Wanted, o.State, o.Before, o.Shares, o.Mirror, nanos(o.Since), o.Pause, o.Why
	return record{Rollout: &n}, err
}

func (im *importer) rollout(ctx context.Context, x *tx, n *rolloutJSON) error {
	id, err := im.of(n.Target)
	if err != nil {
		return err
	}
	return (&Target{s: im.s, id: id}).roll(ctx, x, &plan.RolloutRecord{
		ID: n.Asset, Wanted: n.Wanted, State: n.State, Before: n.Before, Shares: n.Shares, Mirror: n.Mirror, Since: fromNanos(n.Since), Pause: n.Pause, Why: n.Why,
	})
}
