package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/notify"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// The tasks of notifications: one a channel, and the one that wakes it at a time.
const (
	taskNotify   = "notify"
	taskNotifyAt = "notify-wake"
)

// outboxPoll is how often a channel is looked at for what a process that died
// left.
const outboxPoll = "@every 1m"

// registerChannels lets the queue bring messages to channels.
func (d *daemon) registerChannels(ctx context.Context) error {
	var names, targets []string
	for _, c := range d.cfg.Notify.Channels {
		names = append(names, c.Name)
	}
	for i := range d.cfg.Targets {
		if len(names) > 0 { // without channels nothing is kept up to date
			targets = append(targets, d.cfg.Targets[i].Name)
		}
	}
	if err := d.store.KeepTold(ctx, names, targets); err != nil {
		return err
	}
	// Time for all messages that may be tried at a time.
	opts := queue.TaskOptions{Timeout: (limit.NotifyLetters + 1) * limit.NotifyTime}
	err := d.queue.Register(taskNotify, func(ctx context.Context, args []byte) error { return d.deliver(ctx, string(args)) }, opts)
	err = errors.Join(err, d.queue.Register(taskNotifyAt, func(ctx context.Context, args []byte) error {
		return d.queue.Enqueue(ctx, taskNotify, string(args), args, time.Time{})
	}, opts))
	for _, name := range names {
		err = errors.Join(err, d.queue.Periodic(taskNotify, name, outboxPoll, []byte(name)))
	}
	return err
}

// deliver sends what is due for a channel.
func (d *daemon) deliver(ctx context.Context, channel string) error {
	var get secretGet // asked for once, and only if something is sent
	o := &outbox{
		store: d.store, cfg: &d.cfg.Notify, log: d.log, count: d.metrics.notified,
		send: func(ctx context.Context, c *config.Channel, m notify.Message) (err error) {
			if get == nil {
				if get, err = d.channelSecrets(d.cfg, d.targets(), d.flags.endpoint, d.flags.storage); err != nil {
					return err
				}
			}
			return d.sendTo(ctx, c, get, m)
		},
		// Under a key of its own: the task of the channel, which runs, would
		// run again at once.
		later: func(ctx context.Context, channel string, at time.Time) error {
			return d.queue.Enqueue(ctx, taskNotifyAt, channel+" at "+strconv.FormatInt(at.Unix()+1, 10), []byte(channel), at)
		},
	}
	return o.deliver(ctx, channel)
}

// notify puts what turned with the pass into the outbox. A pass is not worse for
// it if that fails: the next one finds the same.
func (w *worker) notify(ctx context.Context, run plan.Run, p *plan.Plan, err error) {
	d := w.daemon
	if len(d.cfg.Notify.Channels) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	pass := notify.Pass{Run: run, Plan: p, Err: err, Code: codeOf(err), RolledBack: w.rolledBack, RolledBackWhy: w.rolledBackWhy}
	if err == nil && run.State == plan.Waiting {
		pass.Refused = w.refused(ctx, run)
	}
	channels, err := d.store.Turn(ctx, w.name, turnOf(&d.cfg.Notify, w.name, pass))
	if err != nil {
		d.log.Error("what changed is not told", "target", w.name, "err", err)
		return
	}
	for _, c := range channels {
		if err := d.queue.Enqueue(ctx, taskNotify, c, []byte(c), time.Now().Add(d.cfg.Notify.Window)); err != nil {
			d.log.Error("not enqueued", "channel", c, "err", err) // the poll finds it
		}
	}
}

// turnOf is what a pass found, and who is told of it.
func turnOf(cfg *config.Notify, target string, pass notify.Pass) state.Turn {
	now, known := notify.Conditions(pass)
	t := state.Turn{
		Bound: limit.NotifyQueue,
		Known: func(c state.Condition) bool { return known(notify.Condition(c)) },
		To: func(c state.Condition, over bool) []string {
			if over && notify.Condition(c).Silent() {
				return nil
			}
			return cfg.Told(target, c.What, c.Severity)
		},
	}
	for _, c := range now {
		t.Now = append(t.Now, state.Condition(c))
	}
	return t
}

// refused reports whether a gate of the release that the run waits with has
// failed.
func (w *worker) refused(ctx context.Context, run plan.Run) bool {
	t, err := w.daemon.store.Known(ctx, w.name)
	if err != nil || t == nil {
		return false
	}
	kept, err := t.Verdicts(ctx, run.Release.Fingerprint)
	if err != nil {
		return false
	}
	for _, v := range kept {
		if v.State == string(gate.Failed) {
			return true
		}
	}
	return false
}

// codeOf is a stable word for why a pass failed as a whole.
func codeOf(err error) string {
	var e *azureml.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, reconcile.ErrProblems):
		return "problems"
	case errors.Is(err, reconcile.ErrRefused):
		return "refused"
	case errors.Is(err, state.ErrLocked):
		return "locked"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.As(err, &e):
		return cmp.Or(e.Code, "http "+strconv.Itoa(e.Status))
	}
	return "error"
}

// rolledBack is the release that was rolled back last in a target, and why, as
// the tree says; "" if none was, or if it was taken again.
func rolledBack(fsys fs.FS, t *config.Target) (release, why string) {
	n := len(t.Overlays)
	if n == 0 || fsys == nil {
		return "", ""
	}
	pins, err := readPins(fsys, t.Overlays[n-1])
	if err != nil || len(pins.Skipped) == 0 {
		return "", "" // it is a problem of the tree
	}
	last := pins.Skipped[len(pins.Skipped)-1]
	return last.Release, last.Reason()
}
