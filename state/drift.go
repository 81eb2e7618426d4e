package state

import (
	"context"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// Drifted is drift as a run saw it.
type Drifted struct {
	Run   string
	At    time.Time
	ID    asset.ID
	Paths []string
	// ChangedBy and ChangedAt are what the service says of the last change.
	ChangedBy, ChangedAt string
	// Revert says that the run set out to change it back; Held why it was
	// left although it is to be corrected.
	Revert bool
	Held   string
}

// Saw records the drift that the run saw, and brings the inbox up to date; an
// empty list is a look that found none. Values are not kept.
func (t *Target) Saw(ctx context.Context, generation int64, drift []plan.Drift) error {
	return t.write(ctx, generation, func(x *tx) error {
		now := nanos(t.s.clock())
		for _, d := range drift {
			if err := checkID(d.ID); err != nil {
				return err
			}
			paths, err := toJSON(d.Paths)
			if err != nil {
				return err
			}
			_, err = x.exec(ctx, `INSERT INTO drift (target_id, run_id, at, asset, paths, changed_by, changed_at, revert, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				t.id, runID(t.name, generation), now, d.ID.String(), paths, d.By, d.At, flag(d.Revert), d.Held)
			if err == nil {
				err = t.find(ctx, x, generation, &d)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Drift is the drift seen since the given time, oldest first.
func (t *Target) Drift(ctx context.Context, since time.Time) ([]Drifted, error) {
	var out []Drifted
	err := t.s.read(ctx, `SELECT run_id, at, asset, paths, changed_by, changed_at, revert, held FROM drift WHERE target_id = ? AND at >= ? ORDER BY id`,
		[]any{t.id, nanos(since)}, func(r row) error {
			d, err := scanDrift(r)
			out = append(out, d)
			return err
		})
	return out, err
}

// scanDrift reads what is in front, and then a row of drift.
func scanDrift(r row, front ...any) (Drifted, error) {
	var d Drifted
	var id, paths string
	var at int64
	var revert int
	if err := r.Scan(append(front, &d.Run, &at, &id, &paths, &d.ChangedBy, &d.ChangedAt, &revert, &d.Held)...); err != nil {
		return d, err
	}
	d.At, d.Revert = fromNanos(at), revert != 0
	if err := parseID(id, &d.ID); err != nil {
		return d, err
	}
	return d, fromJSON(paths, &d.Paths)
}

// Reverts counts, by asset and path, how often runs set out to change drift
// back since the given time. The path "" stands for an asset that was made
// again.
func (t *Target) Reverts(ctx context.Context, since time.Time) (map[asset.ID]map[string]int, error) {
	seen, err := t.Drift(ctx, since)
	if err != nil {
		return nil, err
	}
	out := map[asset.ID]map[string]int{}
	for _, d := range seen {
		if !d.Revert {
			continue
		}
		if out[d.ID] == nil {
			out[d.ID] = map[string]int{}
		}
		paths := d.Paths
		if len(paths) == 0 {
			paths = []string{""}
		}
		for _, p := range paths {
			out[d.ID][p]++
		}
	}
	return out, nil
}
