package state

import "context"

// Trim forgets the oldest runs of the target with their steps and the drift
// they saw, and approvals that have expired or were used, and returns how many runs went.
// The newest keep runs stay, and so do the last one that ended well and those
// with an open intent. Ownership and events are never trimmed.
func (t *Target) Trim(ctx context.Context, keep int64) (int64, error) {
	const old = `SELECT id FROM runs WHERE target_id = ? AND generation <= ?
		AND generation <> (SELECT coalesce(max(generation), 0) FROM runs WHERE target_id = ? AND state = 'done')
		AND NOT EXISTS (SELECT 1 FROM steps WHERE steps.run_id = runs.id AND steps.state = '')`
	var gone int64
	err := t.s.write(ctx, func(x *tx) error {
		var last int64
		if _, err := x.get(ctx, `SELECT generation FROM targets WHERE id = ?`+t.s.dialect.update, []any{t.id}, &last); err != nil {
			return err
		}
		for _, table := range []string{"steps", "drift"} {
			if _, err := x.exec(ctx, `DELETE FROM `+table+` WHERE run_id IN (`+old+`)`, t.id, last-keep, t.id); err != nil {
				return err
			}
		}
		n, err := x.exec(ctx, `DELETE FROM runs WHERE id IN (`+old+`)`, t.id, last-keep, t.id)
		if err != nil {
			return err
		}
		gone = n
		_, err = x.exec(ctx, `DELETE FROM approvals WHERE target_id = ? AND (used <> '' OR expires > 0 AND expires <= ?)`, t.id, nanos(t.s.clock()))
		return err
	})
	return gone, err
}
