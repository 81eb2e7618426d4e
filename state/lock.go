package state

import (
	"context"
	"fmt"
	"time"
)

// Lock is the right to run on a target, for one process at a time. It lives
// for Options.LockTTL and has to be renewed.
type Lock struct {
	t      *Target
	holder string
}

// Lock takes the target's lock for holder, a name that at most one living
// process bears and that tells the user where to look ("anna@laptop pid 71").
// It fails with a LockedError if another holds it. A lock that has expired,
// that an earlier process of the same name left, or whose holder is known to
// be dead, is taken over, and the
// generation moves on, so that its last holder is fenced off.
func (t *Target) Lock(ctx context.Context, holder string) (*Lock, error) {
	err := t.s.write(ctx, func(x *tx) error {
		l, err := t.lock(ctx, x)
		if err != nil {
			return err
		}
		now := t.s.clock()
		live := l.session != "" && l.until.After(now)
		if live && (l.session == t.s.session || l.holder != holder && !t.s.dead(l.holder, l.since)) {
			return l.err(t.name)
		}
		step := 0
		if l.session != "" {
			step = 1
		}
		_, err = x.exec(ctx, `UPDATE targets SET holder = ?, session = ?, locked = ?, expires = ?, generation = generation + ? WHERE id = ?`,
			holder, t.s.session, nanos(now), nanos(now.Add(t.s.lockTTL)), step, t.id)
		return err
	})
	if err != nil {
		return nil, err
	}
	t.locked.Store(true)
	return &Lock{t: t, holder: holder}, nil
}

// lockRow is the lock as it stands in the target's row.
type lockRow struct {
	holder, session string
	since, until    time.Time
	generation      int64
}

func (l lockRow) err(target string) error {
	return &LockedError{Target: target, Holder: l.holder, Since: l.since, Until: l.until}
}

// lock reads the lock; the row is then this transaction's to write.
func (t *Target) lock(ctx context.Context, x *tx) (lockRow, error) {
	var l lockRow
	var since, until int64
	ok, err := x.get(ctx, `SELECT holder, session, locked, expires, generation FROM targets WHERE id = ?`+t.s.dialect.update,
		[]any{t.id}, &l.holder, &l.session, &since, &until, &l.generation)
	if err == nil && !ok {
		err = fmt.Errorf("target %q: %w", t.name, ErrNotFound)
	}
	l.since, l.until = fromNanos(since), fromNanos(until)
	return l, err
}

// Renew lets the lock live for another LockTTL. It fails with ErrFenced if it
// has been lost; the holder must then stop.
func (l *Lock) Renew(ctx context.Context) error {
	s := l.t.s
	return s.write(ctx, func(x *tx) error {
		n, err := x.exec(ctx, `UPDATE targets SET expires = ? WHERE id = ? AND session = ?`, nanos(s.clock().Add(s.lockTTL)), l.t.id, s.session)
		if err == nil && n == 0 {
			err = fmt.Errorf("lock of target %q: %w", l.t.name, ErrFenced)
		}
		return err
	})
}

// Keep renews the lock three times a LockTTL until ctx ends, when it returns
// nil, or the lock is lost, when it returns the error of Renew.
func (l *Lock) Keep(ctx context.Context) error {
	tick := time.NewTicker(l.t.s.lockTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.Renew(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// Release gives the lock back, also when ctx is cancelled. Releasing a lock
// that was lost does nothing.
func (l *Lock) Release(ctx context.Context) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	l.t.locked.Store(false)
	return l.t.s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `UPDATE targets SET holder = '', session = '', locked = 0, expires = 0 WHERE id = ? AND session = ?`, l.t.id, l.t.s.session)
		return err
	})
}

// Break takes the lock from whoever holds it, fences the holder off and
// returns its name, "" if nobody held it. It is for the user who knows that
// the holder is dead.
func (t *Target) Break(ctx context.Context, by string) (string, error) {
	var holder string
	err := t.s.write(ctx, func(x *tx) error {
		l, err := t.lock(ctx, x)
		if err != nil || l.session == "" {
			return err
		}
		holder = l.holder
		_, err = x.exec(ctx, `UPDATE targets SET holder = '', session = '', locked = 0, expires = 0, generation = generation + 1 WHERE id = ?`, t.id)
		if err != nil {
			return err
		}
		return t.s.note(ctx, x, t.name, Event{What: "break_lock", Author: by, Text: holder})
	})
	return holder, err
}
