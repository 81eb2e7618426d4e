package state

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Notice is a condition that began or is over, for one channel.
type Notice struct {
	ID     int64
	Target string
	Over   bool
	At     time.Time
	Condition
}

// Letter are notices that are sent together, under the same ID each time.
type Letter struct {
	ID string
	// Dropped is how many notices were dropped before it.
	Dropped int
	At      time.Time
	Notices []Notice
}

// Outbox is what is still to be sent to one channel.
type Outbox struct {
	// Loose are in no letter yet, Letters were sealed; both are in the order of
	// their notices.
	Loose   []Notice
	Letters []Letter
	// Dropped is how many notices were dropped, of which no letter tells yet.
	Dropped int
	// Sent is when letters went, since the time that was asked for.
	Sent []time.Time
	// Until is the time before which the channel asked not to be sent anything.
	Until time.Time
}

// Outbox is that of the channel.
func (s *Store) Outbox(ctx context.Context, channel string, since time.Time) (Outbox, error) {
	var out Outbox
	err := s.snapshot(ctx, func(x *tx) error {
		out = Outbox{}
		err := x.query(ctx, `SELECT id, dropped, at, sent FROM letters WHERE channel = ?`, []any{channel}, func(r row) error {
			var l Letter
			var at, sent int64
			if err := r.Scan(&l.ID, &l.Dropped, &at, &sent); err != nil {
				return err
			}
			l.At = fromNanos(at)
			switch went := fromNanos(sent); {
			case sent == 0:
				out.Letters = append(out.Letters, l)
			case !went.Before(since):
				out.Sent = append(out.Sent, went)
			}
			return nil
		})
		if err != nil {
			return err
		}
		var until int64
		if _, err := x.get(ctx, `SELECT dropped, until FROM channels WHERE name = ?`, []any{channel}, &out.Dropped, &until); err != nil {
			return err
		}
		out.Until = fromNanos(until)
		err = x.query(ctx, `SELECT letter, id, target, ended, at, what, asset, code, severity, text, commit_id, run_id, since FROM outbox
			WHERE channel = ? ORDER BY id`, []any{channel}, func(r row) error {
			letter, n, err := scanNotice(r)
			if letter == "" {
				out.Loose = append(out.Loose, n)
			}
			for i := range out.Letters {
				if l := &out.Letters[i]; l.ID == letter {
					l.Notices = append(l.Notices, n)
				}
			}
			return err
		})
		slices.SortStableFunc(out.Letters, func(a, b Letter) int { return cmp.Compare(a.first(), b.first()) })
		return err
	})
	return out, err
}

func (l Letter) first() int64 {
	if len(l.Notices) == 0 {
		return 0
	}
	return l.Notices[0].ID
}

func scanNotice(r row) (letter string, n Notice, err error) {
	var id string
	var ended int
	var at, since int64
	if err := r.Scan(&letter, &n.ID, &n.Target, &ended, &at, &n.What, &id, &n.Code, &n.Severity, &n.Text, &n.Commit, &n.Run, &since); err != nil {
		return "", n, err
	}
	n.Over, n.At, n.Since = ended != 0, fromNanos(at), fromNanos(since)
	return letter, n, parseID(id, &n.Asset)
}

// Seal puts the notices that are still loose into one letter, with the count of
// those that were dropped. From then on the letter stays as it is until it is
// Sent or GivenUp.
func (s *Store) Seal(ctx context.Context, channel, letter string, notices []Notice) error {
	return s.write(ctx, func(x *tx) error {
		var sealed int64
		for _, n := range notices {
			one, err := x.exec(ctx, `UPDATE outbox SET letter = ? WHERE id = ? AND channel = ? AND letter = ''`, letter, n.ID, channel)
			if err != nil {
				return err
			}
			sealed += one
		}
		if sealed == 0 {
			return nil // all of them were taken back meanwhile
		}
		dropped := 0
		if _, err := x.get(ctx, `SELECT dropped FROM channels WHERE name = ?`+s.dialect.update, []any{channel}, &dropped); err != nil {
			return err
		}
		if _, err := x.exec(ctx, `UPDATE channels SET dropped = 0 WHERE name = ?`, channel); err != nil {
			return err
		}
		_, err := x.exec(ctx, `INSERT INTO letters (id, channel, dropped, at, sent) VALUES (?, ?, ?, ?, 0)`, letter, channel, dropped, nanos(s.clock()))
		return err
	})
}

// Sent notes that a letter went, and forgets those that went before since.
func (s *Store) Sent(ctx context.Context, channel, letter string, since time.Time) error {
	return s.write(ctx, func(x *tx) error {
		if _, err := x.exec(ctx, `UPDATE letters SET sent = ? WHERE id = ? AND channel = ? AND sent = 0`, nanos(s.clock()), letter, channel); err != nil {
			return err
		}
		if _, err := x.exec(ctx, `DELETE FROM outbox WHERE channel = ? AND letter = ?`, channel, letter); err != nil {
			return err
		}
		_, err := x.exec(ctx, `DELETE FROM letters WHERE channel = ? AND sent > 0 AND sent < ?`, channel, nanos(since))
		return err
	})
}

// GiveUp drops a letter. Its notices are counted, with those that it counted.
func (s *Store) GiveUp(ctx context.Context, channel, letter string) error {
	return s.write(ctx, func(x *tx) error {
		dropped := int64(0)
		there, err := x.get(ctx, `SELECT dropped FROM letters WHERE id = ? AND channel = ? AND sent = 0`+s.dialect.update, []any{letter, channel}, &dropped)
		if err != nil || !there {
			return err
		}
		n, err := x.exec(ctx, `DELETE FROM outbox WHERE channel = ? AND letter = ?`, channel, letter)
		if err != nil {
			return err
		}
		if _, err := x.exec(ctx, `DELETE FROM letters WHERE id = ? AND channel = ?`, letter, channel); err != nil {
			return err
		}
		return drop(ctx, x, channel, n+dropped)
	})
}

// Quiet notes that a channel asked not to be sent anything until then.
func (s *Store) Quiet(ctx context.Context, channel string, until time.Time) error {
	return s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `INSERT INTO channels (name, dropped, until) VALUES (?, 0, ?) ON CONFLICT (name) DO UPDATE SET until = excluded.until`, channel, nanos(until))
		return err
	})
}

// KeepTold forgets what is to be sent to channels that are not among those
// named, and what is wrong with targets that are not.
func (s *Store) KeepTold(ctx context.Context, channels, targets []string) error {
	return s.write(ctx, func(x *tx) error {
		for _, t := range []struct {
			table, column string
			keep          []string
		}{{"outbox", "channel", channels}, {"letters", "channel", channels}, {"channels", "name", channels}, {"conditions", "target", targets}} {
			if err := keep(ctx, x, t.table, t.column, t.keep); err != nil {
				return err
			}
		}
		return nil
	})
}

// keep deletes the rows of a table whose column is none of the texts.
func keep(ctx context.Context, x *tx, table, column string, texts []string) error {
	var gone []string
	err := x.query(ctx, `SELECT DISTINCT `+column+` FROM `+table, nil, func(r row) error {
		var text string
		err := r.Scan(&text)
		if !slices.Contains(texts, text) {
			gone = append(gone, text)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, text := range gone {
		if _, err := x.exec(ctx, `DELETE FROM `+table+` WHERE `+column+` = ?`, text); err != nil {
			return err
		}
	}
	return nil
}
