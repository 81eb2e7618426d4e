package state

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Lock is the right to run on a target, for one process at a time. It lives
// for Options.LockTTL and has to be renewed.
type Lock struct {
	t      *Target
	holder string
	// began is when it was asked for, and sure how long after that nobody else
	// can have it, by the clock that only goes forward.
	began time.Time
	sure  atomic.Int64
}

// Lock takes the target's lock for holder, a name that at most one living
// process bears and that tells the user where to look ("anna@laptop pid 71").
// It fails with a LockedError if another holds it. A lock that has expired,
// that an earlier process of the same name left, or whose holder is known to
// be dead, is taken over, and the
// generation moves on, so that its last holder is fenced off.
func (t *Target) Lock(ctx context.Context, holder string) (*Lock, error) {
	lock := &Lock{t: t, holder: holder, began: time.Now()} //nolint:forbidigo // the clock that only goes forward
	lock.sure.Store(int64(t.s.lockTTL))
	err := t.s.write(ctx, func(x *tx) error {
		l, err := t.lock(ctx, x)
		if err != nil {
			return err
		}
		now := l.now
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
	return lock, nil
}

// lockRow is the lock as it stands in the target's row.
type lockRow struct {
	holder, session string
	since, until    time.Time
	generation      int64
	now             time.Time // by the clock of locks
}

func (l lockRow) err(target string) error {
	return &LockedError{Target: target, Holder: l.holder, Since: l.since, Until: l.until}
}

// lock reads the lock; the row is then this transaction's to write.
func (t *Target) lock(ctx context.Context, x *tx) (lockRow, error) {
	var l lockRow
	var since, until, needs int64
	ok, err := x.get(ctx, `SELECT holder, session, locked, expires, generation, (`+needsQuery+`) FROM targets WHERE id = ?`+t.s.dialect.update,
		[]any{t.id}, &l.holder, &l.session, &since, &until, &l.generation, &needs)
	if err == nil && !ok {
		err = fmt.Errorf("target %q: %w", t.name, ErrNotFound)
	}
	if err == nil {
		err = t.s.newer(needs)
	}
	if err != nil {
		return l, err
	}
	l.since, l.until = fromNanos(since), fromNanos(until)
	l.now, err = t.s.lockTime(ctx, x)
	return l, err
}

// serverTime is the time of PostgreSQL in nanoseconds.
const serverTime = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000`

// lockTime is now by the clock that all processes agree on.
func (s *Store) lockTime(ctx context.Context, x *tx) (time.Time, error) {
	if !s.serverClock {
		return s.clock(), nil
	}
	var n int64
	_, err := x.get(ctx, serverTime, nil, &n)
	return fromNanos(n), err
}

// Renew lets the lock live for another LockTTL. It fails with ErrFenced if it
// has been lost; the holder must then stop.
func (l *Lock) Renew(ctx context.Context) error {
	s, asked := l.t.s, time.Since(l.began)
	err := s.write(ctx, func(x *tx) error {
		now, err := s.lockTime(ctx, x)
		if err != nil {
			return err
		}
		n, err := x.exec(ctx, `UPDATE targets SET expires = ? WHERE id = ? AND session = ?`, nanos(now.Add(s.lockTTL)), l.t.id, s.session)
		if err == nil && n == 0 {
			err = fmt.Errorf("lock of target %q: %w", l.t.name, ErrFenced)
		}
		return err
	})
	if err == nil {
		l.sure.Store(int64(asked + s.lockTTL))
	}
	return err
}

// Sure fails with ErrFenced once others may have taken the lock, as far as this
// process can know by itself: it was stopped, or cut off from the journal, for
// so long that it could not renew the lock. Ask before each request that writes.
func (l *Lock) Sure() error {
	if late := time.Since(l.began) - time.Duration(l.sure.Load()); late >= 0 {
		return fmt.Errorf("lock of target %q: it was not renewed in time: %w", l.t.name, ErrFenced)
	}
	return nil
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
