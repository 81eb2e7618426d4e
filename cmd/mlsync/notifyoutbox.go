package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/notify"
	"mlsync.dev/mlsync/state"
)

// outbox brings what waits for channels to them.
type outbox struct {
	store *state.Store
	cfg   *config.Notify
	// send sends a message once; later lets a channel be looked at again.
	send  func(ctx context.Context, c *config.Channel, m notify.Message) error
	later func(ctx context.Context, channel string, at time.Time) error
	// count notes what became of messages and changes.
	count func(channel, how string, n int)
	log   *slog.Logger
}

// deliver sends what is due for a channel. The error lets the queue try again,
// later each time. A message is sealed before it is sent, so that it has the
// same key and text however often it is tried, also after a kill.
func (o *outbox) deliver(ctx context.Context, name string) error {
	c := channelNamed(o.cfg, name)
	if c == nil {
		return nil // it is not configured any more
	}
	box, err := o.giveUp(ctx, c)
	if err != nil {
		return err
	}
	if time.Now().Before(box.Until) {
		return o.later(ctx, name, box.Until)
	}
	if sealed, err := o.seal(ctx, c, box); err != nil {
		return err
	} else if sealed {
		if box, err = o.store.Outbox(ctx, name, hourAgo()); err != nil {
			return err
		}
	}
	return o.sendAll(ctx, c, box.Letters)
}

func hourAgo() time.Time { return time.Now().Add(-time.Hour) }

// giveUp drops messages that were tried for too long, and returns what is left.
func (o *outbox) giveUp(ctx context.Context, c *config.Channel) (state.Outbox, error) {
	box, err := o.store.Outbox(ctx, c.Name, hourAgo())
	if err != nil {
		return box, err
	}
	old := false
	for _, l := range box.Letters {
		if time.Since(l.At) <= limit.NotifyAge {
			continue
		}
		if err := o.store.GiveUp(ctx, c.Name, l.ID); err != nil {
			return box, err
		}
		old = true
		o.count(c.Name, "dropped", len(l.Notices))
		o.log.Error("notification given up", "channel", c.Name, "key", l.ID, "changes", len(l.Notices))
	}
	if old {
		return o.store.Outbox(ctx, c.Name, hourAgo())
	}
	return box, nil
}

// seal makes messages of what waits, if it has waited long enough for more with
// the same cause, and as many as the channel may have within an hour.
func (o *outbox) seal(ctx context.Context, c *config.Channel, box state.Outbox) (bool, error) {
	if len(box.Loose) == 0 {
		return false, nil
	}
	if due := box.Loose[0].At.Add(o.cfg.Window); time.Now().Before(due) {
		return false, o.later(ctx, c.Name, due)
	}
	free := c.MaxPerHour - len(box.Sent) - len(box.Letters)
	if free <= 0 && len(box.Sent) > 0 {
		return false, o.later(ctx, c.Name, earliest(box.Sent).Add(time.Hour))
	}
	groups := notify.Collapse(notices(box.Loose), min(free, limit.NotifyLetters-len(box.Letters)))
	for _, g := range groups {
		if err := o.store.Seal(ctx, c.Name, newKey(), looseOf(box.Loose, g)); err != nil {
			return false, err
		}
	}
	return len(groups) > 0, nil
}

// sendAll sends messages, the oldest first. One that the channel refuses does
// not keep the others; one that it cannot be reached for does.
func (o *outbox) sendAll(ctx context.Context, c *config.Channel, letters []state.Letter) error {
	var failed error
	for _, l := range letters {
		if len(l.Notices) == 0 {
			continue
		}
		m := notify.Write(l.ID, notices(l.Notices), l.Dropped)
		err := o.send(ctx, c, m)
		if err == nil {
			o.count(c.Name, "sent", 1)
			o.log.Info("notified", "channel", c.Name, "key", l.ID, "title", m.Title, "changes", len(l.Notices))
			if err := o.store.Sent(context.WithoutCancel(ctx), c.Name, l.ID, hourAgo()); err != nil {
				return err
			}
			continue
		}
		o.count(c.Name, "failed", 1)
		var e *notify.SendError
		if errors.As(err, &e) && e.Wait > 0 {
			o.log.Warn("the channel asks to wait", "channel", c.Name, "wait", e.Wait.String(), "err", err)
			until := time.Now().Add(e.Wait)
			return errors.Join(o.store.Quiet(ctx, c.Name, until), o.later(ctx, c.Name, until))
		}
		failed = errors.Join(failed, err)
		if e == nil || !e.Final {
			break
		}
	}
	return failed
}

func earliest(times []time.Time) time.Time {
	first := times[0]
	for _, t := range times {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

// newKey is the key of a message.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func channelNamed(cfg *config.Notify, name string) *config.Channel {
	for i := range cfg.Channels {
		if cfg.Channels[i].Name == name {
			return &cfg.Channels[i]
		}
	}
	return nil
}

// notices are those of the journal as messages are made of them.
func notices(in []state.Notice) []notify.Notice {
	out := make([]notify.Notice, len(in))
	for i, n := range in {
		out[i] = notify.Notice{ID: n.ID, Target: n.Target, Over: n.Over, At: n.At, Condition: notify.Condition(n.Condition)}
	}
	return out
}

// looseOf are the notices of the journal with the numbers of a group.
func looseOf(in []state.Notice, group []notify.Notice) []state.Notice {
	wanted := map[int64]bool{}
	for _, n := range group {
		wanted[n.ID] = true
	}
	var out []state.Notice
	for _, n := range in {
		if wanted[n.ID] {
			out = append(out, n)
		}
	}
	return out
}
