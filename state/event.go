package state

import (
	"context"
	"math"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Event is one thing that happened, for the audit: written once, never
// changed.
type Event struct {
	ID     int64
	Target string // "" for the installation as a whole
	At     time.Time
	What   string // a stable word for machines, such as "hold"
	Author string
	Asset  asset.ID // zero if it is about no asset
	Text   string
}

// Note appends events of the target. ID, Target and At are filled in.
func (t *Target) Note(ctx context.Context, events ...Event) error {
	return t.s.write(ctx, func(x *tx) error { return t.s.note(ctx, x, t.name, events...) })
}

// Note appends events that belong to no target. ID, Target and At are filled in.
func (s *Store) Note(ctx context.Context, events ...Event) error {
	return s.write(ctx, func(x *tx) error { return s.note(ctx, x, "", events...) })
}

func (s *Store) note(ctx context.Context, x *tx, target string, events ...Event) error {
	now := nanos(s.clock())
	for _, e := range events {
		_, err := x.exec(ctx, `INSERT INTO events (target, at, what, author, asset, text) VALUES (?, ?, ?, ?, ?, ?)`,
			target, now, e.What, e.Author, idText(e.Asset), e.Text)
		if err != nil {
			return err
		}
		if e.Author == "" {
			continue // nobody did it
		}
		if err := s.audit(ctx, x, Audit{Action: e.What, Actor: e.Author, Target: target, Asset: idText(e.Asset), Detail: authored(ctx, e)}); err != nil {
			return err
		}
	}
	return nil
}

// authored is the text of an event, with the name that was given where that of
// the actor is another.
func authored(ctx context.Context, e Event) string {
	if actor := actorOf(ctx); actor.Subject != "" && actor.Subject != e.Author {
		return strings.TrimSpace(e.Text + " (as " + e.Author + ")")
	}
	return e.Text
}

// Events are the events of the target, "" for those of none, newest first:
// at most limit, and older than the event with the number before if that is
// not 0.
func (s *Store) Events(ctx context.Context, target string, limit int, before int64) ([]Event, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	var out []Event
	err := s.read(ctx, `SELECT id, at, what, author, asset, text FROM events
		WHERE target = ? AND id < ? ORDER BY id DESC LIMIT ?`, []any{target, before, limit}, func(r row) error {
		e := Event{Target: target}
		var at int64
		var id string
		if err := r.Scan(&e.ID, &at, &e.What, &e.Author, &id, &e.Text); err != nil {
			return err
		}
		e.At = fromNanos(at)
		out = append(out, e)
		return parseID(id, &out[len(out)-1].Asset)
	})
	return out, err
}
