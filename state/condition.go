package state

import (
	"context"
	"slices"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Condition is one thing that is wrong with a target. What, Asset and Code are
// its key.
type Condition struct {
	What     string
	Asset    asset.ID // zero for the target as a whole
	Code     string
	Severity string
	Text     string
	Commit   string
	Run      string
	Since    time.Time
}

func (c Condition) same(o Condition) bool {
	return c.What == o.What && c.Asset == o.Asset && c.Code == o.Code
}

// Turn is what a pass found to be wrong with a target.
type Turn struct {
	Now []Condition
	// Known reports whether the pass would have seen a condition; others stay
	// as they were.
	Known func(Condition) bool
	// To are the channels that are told of a condition that begins, or is over.
	To func(c Condition, over bool) []string
	// Bound is how many notices may wait for one channel.
	Bound int
}

// Turn keeps which conditions hold for the target, and puts those that began
// and those that are over into the outbox, all in one transaction. It returns
// the channels that there is something new for.
//
// A condition that holds already is not told again. One that gives way to
// another of the same asset with another code is not told to be over. What
// begins and ends before a channel was told of it is not told at all.
func (s *Store) Turn(ctx context.Context, target string, turn Turn) (channels []string, err error) {
	err = s.write(ctx, func(x *tx) error {
		channels = nil
		kept, err := s.conditions(ctx, x, target)
		if err != nil {
			return err
		}
		now := nanos(s.clock())
		post := func(c Condition, over bool) error {
			for _, channel := range turn.To(c, over) {
				if err := s.post(ctx, x, channel, target, c, over, now, turn.Bound); err != nil {
					return err
				}
				channels = append(channels, channel)
			}
			return nil
		}
		for _, c := range turn.Now {
			if slices.ContainsFunc(kept, c.same) {
				continue
			}
			c.Since = fromNanos(now)
			n, err := x.exec(ctx, `INSERT INTO conditions (target, what, asset, code, severity, text, commit_id, run_id, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO NOTHING`, target, c.What, idText(c.Asset), c.Code, c.Severity, c.Text, c.Commit, c.Run, now)
			if err != nil {
				return err
			}
			if n == 0 {
				continue // another process was faster
			}
			if err := post(c, false); err != nil {
				return err
			}
		}
		for _, c := range kept {
			gaveWay := slices.ContainsFunc(turn.Now, func(o Condition) bool { return o.What == c.What && o.Asset == c.Asset })
			if slices.ContainsFunc(turn.Now, c.same) || !gaveWay && !turn.Known(c) {
				continue
			}
			n, err := x.exec(ctx, `DELETE FROM conditions WHERE target = ? AND what = ? AND asset = ? AND code = ?`, target, c.What, idText(c.Asset), c.Code)
			if err != nil {
				return err
			}
			if n == 0 || gaveWay {
				continue
			}
			if err := post(c, true); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(channels)
	return slices.Compact(channels), err
}

// Conditions are what is wrong with the target, in the order of their keys.
func (s *Store) Conditions(ctx context.Context, target string) (out []Condition, err error) {
	err = s.snapshot(ctx, func(x *tx) error {
		out, err = s.conditions(ctx, x, target)
		return err
	})
	return out, err
}

func (s *Store) conditions(ctx context.Context, x *tx, target string) ([]Condition, error) {
	var out []Condition
	err := x.query(ctx, `SELECT `+conditionColumns+` FROM conditions WHERE target = ? ORDER BY what, asset, code`, []any{target}, func(r row) error {
		c, err := scanCondition(r)
		out = append(out, c)
		return err
	})
	return out, err
}

const conditionColumns = `what, asset, code, severity, text, commit_id, run_id, since`

func scanCondition(r row, more ...any) (Condition, error) {
	var c Condition
	var id string
	var since int64
	dest := []any{&c.What, &id, &c.Code, &c.Severity, &c.Text, &c.Commit, &c.Run, &since}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return c, err
	}
	c.Since = fromNanos(since)
	return c, parseID(id, &c.Asset)
}

// post puts a notice into the outbox, or takes the opposite one out of it if
// that has not gone yet. Beyond the bound the oldest are dropped and counted.
func (s *Store) post(ctx context.Context, x *tx, channel, target string, c Condition, over bool, now int64, bound int) error {
	n, err := x.exec(ctx, `DELETE FROM outbox WHERE channel = ? AND letter = '' AND target = ? AND what = ? AND asset = ? AND code = ? AND ended = ?`,
		channel, target, c.What, idText(c.Asset), c.Code, flag(!over))
	if err != nil || n > 0 {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO outbox (channel, letter, target, what, asset, code, ended, at, severity, text, commit_id, run_id, since)
		VALUES (?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		channel, target, c.What, idText(c.Asset), c.Code, flag(over), now, c.Severity, c.Text, c.Commit, c.Run, nanos(c.Since))
	if err != nil {
		return err
	}
	gone, err := x.exec(ctx, `DELETE FROM outbox WHERE channel = ? AND letter = '' AND id <= coalesce((SELECT id FROM outbox
		WHERE channel = ? AND letter = '' ORDER BY id DESC LIMIT 1 OFFSET ?), 0)`, channel, channel, bound)
	if err != nil || gone == 0 {
		return err
	}
	return drop(ctx, x, channel, gone)
}

// drop counts notices that the channel is never told of.
func drop(ctx context.Context, x *tx, channel string, n int64) error {
	_, err := x.exec(ctx, `INSERT INTO channels (name, dropped) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET dropped = channels.dropped + excluded.dropped`, channel, n)
	return err
}
