package state

import (
	"context"
	"time"
)

// Share takes n requests out of a budget that all processes on the journal share
// and that grants rate of them a second, in the order in which they ask. The
// requests may be sent once wait is over, and all before the budget grants the
// next ones. Nothing is taken, and wait is until then, while the budget is paused.
func (s *Store) Share(ctx context.Context, budget string, n, rate float64) (wait time.Duration, paused bool, err error) {
	err = s.write(ctx, func(x *tx) error {
		now, free, until, err := s.budget(ctx, x, budget)
		if err != nil {
			return err
		}
		if paused = until.After(now); paused {
			wait = until.Sub(now)
			return nil
		}
		if free.Before(now) {
			free = now
		}
		wait = free.Sub(now)
		_, err = x.exec(ctx, `UPDATE budgets SET free = ? WHERE name = ?`, nanos(free.Add(time.Duration(n/rate*float64(time.Second)))), budget)
		return err
	})
	return wait, paused, err
}

// Pause lets nobody take anything out of a budget for so long.
func (s *Store) Pause(ctx context.Context, budget string, d time.Duration) error {
	return s.write(ctx, func(x *tx) error {
		now, _, until, err := s.budget(ctx, x, budget)
		if err != nil || until.After(now.Add(d)) {
			return err
		}
		_, err = x.exec(ctx, `UPDATE budgets SET paused = ? WHERE name = ?`, nanos(now.Add(d)), budget)
		return err
	})
}

// Paused is how long a budget is paused, and how long it is spoken for.
func (s *Store) Paused(ctx context.Context, budget string) (paused, taken time.Duration, err error) {
	err = s.write(ctx, func(x *tx) error {
		now, free, until, err := s.budget(ctx, x, budget)
		paused, taken = max(0, until.Sub(now)), max(0, free.Sub(now))
		return err
	})
	return paused, taken, err
}

// budget reads a budget; its row is then this transaction's to write.
func (s *Store) budget(ctx context.Context, x *tx, name string) (now, free, paused time.Time, err error) {
	if _, err := x.exec(ctx, `INSERT INTO budgets (name, free) VALUES (?, 0) ON CONFLICT (name) DO NOTHING`, name); err != nil {
		return now, free, paused, err
	}
	var f, p int64
	if _, err := x.get(ctx, `SELECT free, paused FROM budgets WHERE name = ?`+s.dialect.update, []any{name}, &f, &p); err != nil {
		return now, free, paused, err
	}
	free, paused = fromNanos(f), fromNanos(p)
	now, err = s.lockTime(ctx, x)
	return now, free, paused, err
}
