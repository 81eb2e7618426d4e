package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Approval is somebody's leave to do once what a guard would refuse, bound to
// the digest of one plan.
type Approval struct {
	ID int64
	// Digest is that of what is approved.
	Digest string
	// Allow are the things allowed, such as "replace:compute/gpu".
	Allow  []string
	Author string
	// Names are by what else the author is known, where that is not a name that
	// git knows, such as the address that a token says.
	Names   []string
	At      time.Time // given by the journal
	Expires time.Time // zero is never
}

// Approve records an approval and returns its number.
func (t *Target) Approve(ctx context.Context, a Approval) (int64, error) {
	allow, err := toJSON(a.Allow)
	if err != nil {
		return 0, err
	}
	names, err := toJSON(a.Names)
	if err != nil {
		return 0, err
	}
	var id int64
	err = t.s.write(ctx, func(x *tx) error {
		_, err := x.get(ctx, `INSERT INTO approvals (target_id, digest, allow, author, names, at, expires) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			[]any{t.id, a.Digest, allow, a.Author, names, nanos(t.s.clock()), nanos(a.Expires)}, &id)
		if err != nil {
			return err
		}
		return t.s.note(ctx, x, t.name, Event{What: "approve", Author: a.Author, Text: a.Digest + " " + allow})
	})
	return id, err
}

// Revoke takes an approval back.
func (t *Target) Revoke(ctx context.Context, id int64, by string) error {
	return t.s.write(ctx, func(x *tx) error {
		var digest string
		ok, err := x.get(ctx, `DELETE FROM approvals WHERE id = ? AND target_id = ? RETURNING digest`, []any{id, t.id}, &digest)
		if err == nil && !ok {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.s.note(ctx, x, t.name, Event{What: "revoke", Author: by, Text: digest})
	})
}

// Approvals are the approvals of the plan with the digest that have neither
// expired nor been used, oldest first.
func (t *Target) Approvals(ctx context.Context, digest string) ([]Approval, error) {
	var out []Approval
	err := t.s.read(ctx, `SELECT id, allow, author, names, at, expires FROM approvals
		WHERE target_id = ? AND digest = ? AND used = '' AND (expires = 0 OR expires > ?) ORDER BY id`, []any{t.id, digest, nanos(t.s.clock())}, func(r row) error {
		a := Approval{Digest: digest}
		var allow, names string
		var at, expires int64
		if err := r.Scan(&a.ID, &allow, &a.Author, &names, &at, &expires); err != nil {
			return err
		}
		a.At, a.Expires = fromNanos(at), fromNanos(expires)
		err := errors.Join(fromJSON(allow, &a.Allow), fromJSON(names, &a.Names))
		out = append(out, a)
		return err
	})
	return out, err
}

// Use notes that the run has done what the approvals allowed: none of them
// allows it again.
func (t *Target) Use(ctx context.Context, generation int64, ids ...int64) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return t.write(ctx, generation, func(x *tx) error {
		for _, id := range ids {
			var digest, allow string
			ok, err := x.get(ctx, `UPDATE approvals SET used = ? WHERE id = ? AND target_id = ? AND used = '' RETURNING digest, allow`,
				[]any{runID(t.name, generation), id, t.id}, &digest, &allow)
			if err == nil && !ok {
				err = fmt.Errorf("approval %d: %w", id, ErrNotFound)
			}
			if err == nil {
				err = t.s.note(ctx, x, t.name, Event{What: "approval_used", Author: runID(t.name, generation), Text: digest + " " + allow})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
