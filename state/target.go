package state

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Target is the journal of one target.
type Target struct {
	s    *Store
	id   int64
	name string
	// locked says that the lock was taken: without it no run begins any more.
	locked atomic.Bool
}

// Target is the journal of the target called name, which stands for the
// workspace with the given resource id; it is made if it is new. A name that
// stood for another workspace is refused with ErrOtherTarget.
func (s *Store) Target(ctx context.Context, name, workspace string) (*Target, error) {
	t := &Target{s: s, name: name}
	var have string
	err := s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `INSERT INTO targets (name, workspace, generation) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING`, name, workspace, s.marked[name])
		if err != nil {
			return err
		}
		_, err = x.get(ctx, `SELECT id, workspace FROM targets WHERE name = ?`, []any{name}, &t.id, &have)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("journal of target %q: %w", name, err)
	}
	if have != workspace {
		return nil, fmt.Errorf("%w: the journal knows %q as %s and it is now %s; give the target a new name, or forget the old one",
			ErrOtherTarget, name, have, workspace)
	}
	return t, nil
}

// Known is the journal of the target called name; nil if there is none.
func (s *Store) Known(ctx context.Context, name string) (*Target, error) {
	t := &Target{s: s, name: name}
	err := s.read(ctx, `SELECT id FROM targets WHERE name = ?`, []any{name}, func(r row) error { return r.Scan(&t.id) })
	if err != nil || t.id == 0 {
		return nil, err
	}
	return t, nil
}

// Name is the name of the target.
func (t *Target) Name() string { return t.name }

// TargetInfo is what the journal knows of a target as a whole.
type TargetInfo struct {
	Name, Workspace string
	Generation      int64
	// Hold is set while the target is on hold, LastHold after it has ended by
	// itself, until somebody holds or releases the target again.
	Hold, LastHold Hold
	// Holder holds the lock until Expires; "" if nobody does.
	Holder  string
	Expires time.Time
	// Seen is the commit that the target was brought to last.
	Seen   string
	SeenAt time.Time
	// Owned is how many assets mlsync manages in the target.
	Owned int
}

// Hold says who put a target on hold, when and why, and until when; zero is
// until it is ended. The zero Hold is none.
type Hold struct {
	By, Why   string
	At, Until time.Time
}

// over reports whether the hold has ended by itself.
func (h Hold) over(now time.Time) bool { return !h.Until.IsZero() && !h.Until.After(now) }

const targetColumns = `name, workspace, generation, held_by, held_why, held_at, held_until, holder, expires, seen, seen_at,
	(SELECT count(*) FROM owned WHERE owned.target_id = targets.id)`

func (s *Store) scanTarget(r row) (TargetInfo, error) {
	var i TargetInfo
	var heldAt, heldUntil, expires, seenAt int64
	err := r.Scan(&i.Name, &i.Workspace, &i.Generation, &i.Hold.By, &i.Hold.Why, &heldAt, &heldUntil, &i.Holder, &expires, &i.Seen, &seenAt, &i.Owned)
	i.Hold.At, i.Hold.Until, i.Expires, i.SeenAt = fromNanos(heldAt), fromNanos(heldUntil), fromNanos(expires), fromNanos(seenAt)
	if i.Hold.over(s.clock()) {
		i.Hold, i.LastHold = Hold{}, i.Hold
	}
	return i, err
}

// Targets are all targets of the journal by name.
func (s *Store) Targets(ctx context.Context) ([]TargetInfo, error) {
	var out []TargetInfo
	err := s.read(ctx, `SELECT `+targetColumns+` FROM targets ORDER BY name`, nil, func(r row) error {
		i, err := s.scanTarget(r)
		out = append(out, i)
		return err
	})
	return out, err
}

// Info is what the journal knows of the target as a whole.
func (t *Target) Info(ctx context.Context) (TargetInfo, error) {
	var out TargetInfo
	err := t.s.read(ctx, `SELECT `+targetColumns+` FROM targets WHERE id = ?`, []any{t.id}, func(r row) (err error) {
		out, err = t.s.scanTarget(r)
		return err
	})
	if err != nil || out.Holder == "" {
		return out, err
	}
	now := t.s.clock()
	if t.s.serverClock {
		err = t.s.read(ctx, serverTime, nil, func(r row) error {
			var n int64
			err := r.Scan(&n)
			now = fromNanos(n)
			return err
		})
	}
	if !out.Expires.After(now) {
		out.Holder, out.Expires = "", time.Time{}
	}
	return out, err
}

// Hold puts the target on hold: no write is begun until Release. What has
// been sent already may still finish.
func (t *Target) Hold(ctx context.Context, by, why string) error {
	return t.HoldUntil(ctx, by, why, time.Time{})
}

// HoldUntil is a hold that ends by itself, unless until is zero.
func (t *Target) HoldUntil(ctx context.Context, by, why string, until time.Time) error {
	text := why
	if !until.IsZero() {
		text += " (until " + until.UTC().Format(time.RFC3339) + ")"
	}
	return t.setHold(ctx, Hold{By: by, Why: why, At: t.s.clock(), Until: until}, Event{What: "hold", Author: by, Text: text})
}

// Expire takes off a hold that has ended by itself, and notes that; false if
// there is none. Until then the hold counts for nothing, but a program that
// knows no end of holds would keep to it.
func (t *Target) Expire(ctx context.Context) (bool, error) {
	over := false
	err := t.s.write(ctx, func(x *tx) error {
		var by string
		now := nanos(t.s.clock())
		ok, err := x.get(ctx, `UPDATE targets SET held_by = '', held_why = '', held_at = 0, held_until = 0
			WHERE id = ? AND held_until > 0 AND held_until <= ? RETURNING name`, []any{t.id, now}, &by)
		if over = ok; err != nil || !ok {
			return err
		}
		return t.s.note(ctx, x, t.name, Event{What: "hold_expired"})
	})
	return over, err
}

// Release ends a hold.
func (t *Target) Release(ctx context.Context, by string) error {
	return t.setHold(ctx, Hold{}, Event{What: "release", Author: by})
}

func (t *Target) setHold(ctx context.Context, h Hold, e Event) error {
	return t.s.write(ctx, func(x *tx) error {
		if _, err := x.exec(ctx, `UPDATE targets SET held_by = ?, held_why = ?, held_at = ?, held_until = ? WHERE id = ?`, h.By, h.Why, nanos(h.At), nanos(h.Until), t.id); err != nil {
			return err
		}
		return t.s.note(ctx, x, t.name, e)
	})
}

// See notes the commit that the run has brought the target to.
func (t *Target) See(ctx context.Context, generation int64, commit string) error {
	return t.write(ctx, generation, func(x *tx) error {
		_, err := x.exec(ctx, `UPDATE targets SET seen = ?, seen_at = ? WHERE id = ?`, commit, nanos(t.s.clock()), t.id)
		return err
	})
}

// fence refuses a generation that a later run has overtaken. The target's row
// stays as it is until the transaction ends.
func (t *Target) fence(ctx context.Context, x *tx, generation int64) (fence, error) {
	var now, heldAt, heldUntil, needs int64
	var f fence
	ok, err := x.get(ctx, t.s.fenceQuery(), []any{t.id}, &now, &f.hold.By, &f.hold.Why, &heldAt, &heldUntil, &f.aborted, &f.by, &needs)
	f.hold.At, f.hold.Until = fromNanos(heldAt), fromNanos(heldUntil)
	if f.hold.over(t.s.clock()) {
		f.hold = Hold{}
	}
	switch {
	case err != nil:
		return fence{}, err
	case !ok:
		return fence{}, fmt.Errorf("target %q: %w", t.name, ErrNotFound)
	case now != generation:
		return fence{}, fmt.Errorf("target %q: %w: this run is generation %d and the journal is at %d", t.name, ErrFenced, generation, now)
	}
	return f, t.s.newer(needs)
}

// fence is what stands in the way of new writes.
type fence struct {
	hold Hold
	// aborted is the last generation that was stopped, and by whom.
	aborted int64
	by      string
}

// stops says why a run of the generation may begin no write; nil if it may.
func (f fence) stops(target string, generation int64) error {
	switch {
	case f.hold != (Hold{}):
		return &HeldError{Target: target, Hold: f.hold}
	case generation <= f.aborted:
		return &AbortedError{Target: target, By: f.by}
	}
	return nil
}

func (s *Store) fenceQuery() string {
	return `SELECT generation, held_by, held_why, held_at, held_until, abort_generation, aborted_by, (` + needsQuery + `) FROM targets WHERE id = ?` + s.dialect.share
}

// write runs do in one transaction if generation is still the latest.
func (t *Target) write(ctx context.Context, generation int64, do func(*tx) error) error {
	return t.s.write(ctx, func(x *tx) error {
		if _, err := t.fence(ctx, x, generation); err != nil {
			return err
		}
		return do(x)
	})
}
