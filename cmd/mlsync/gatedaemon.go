package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// approvalsPoll is how often a daemon looks into its journal for approvals of
// releases that wait: who gives them does so in another process.
const approvalsPoll = "@every 10s"

// approvals lets targets be looked at whose gates are due, or were approved.
func (d *daemon) approvals(ctx context.Context) (err error) {
	for name, w := range d.workers {
		due, dueErr := w.due(ctx, time.Now())
		if err = errors.Join(err, dueErr); due {
			err = errors.Join(err, d.queue.Enqueue(ctx, taskGate, name, []byte(name), time.Time{}))
		}
	}
	return err
}

// keeper is the gatekeeper of the worker's target for a commit.
func (w *worker) keeper(cfg *config.Config, t *config.Target, j *journal, c reconcile.Commit) *gatekeeper {
	d := w.daemon
	return &gatekeeper{
		app: d.app, cfg: cfg, target: t, store: d.store, j: j, commit: c, log: d.log,
		given: targetFlags{endpoint: d.flags.endpoint, storage: d.flags.storage, identity: d.flags.identity},
		ask: func(ctx context.Context, target string) error {
			if d.workers[target] == nil {
				return errors.New("this daemon does not work for it")
			}
			return d.queue.Enqueue(ctx, taskDrift, target, []byte(target), time.Time{})
		},
		found: func(found gate.Decision) { d.metrics.gates(w.name, found) },
	}
}

// next lets a release that waits be looked at again when it is time to. It is in
// the queue under that time, so that neither a restart nor another look before
// it loses it.
func (w *worker) next(ctx context.Context, j *journal, run plan.Run) error {
	if run.State != plan.Waiting {
		return nil
	}
	kept, err := j.Verdicts(ctx, run.Release.Fingerprint)
	if err != nil {
		return err
	}
	d := make(gate.Decision, len(kept))
	for i, v := range kept {
		d[i] = verdictOf(v)
	}
	next := d.Next()
	if next.IsZero() {
		return nil // it is refused; an approval is seen by the poll
	}
	key := w.name + " at " + strconv.FormatInt(next.Unix(), 10)
	return w.daemon.queue.Enqueue(ctx, taskGate, key, []byte(w.name), next)
}

// gate looks at the gates of a release that waits, if their time has come or
// somebody has approved something; otherwise nothing but the journal is asked.
func (w *worker) gate(ctx context.Context) error {
	due, err := w.due(ctx, time.Now())
	if err != nil || !due {
		return err
	}
	return w.run(ctx, taskGate)
}

func (w *worker) due(ctx context.Context, now time.Time) (bool, error) {
	t, err := w.daemon.store.Known(ctx, w.name)
	if err != nil || t == nil {
		return false, err
	}
	waits, err := t.Waiting(ctx)
	if err != nil || waits.Fingerprint == "" {
		return false, err
	}
	kept, err := t.Verdicts(ctx, waits.Fingerprint)
	if err != nil {
		return false, err
	}
	given, err := t.Approvals(ctx, consentOf(waits))
	return slices.ContainsFunc(kept, func(v state.Verdict) bool {
		approved := slices.ContainsFunc(given, func(a state.Approval) bool {
			return a.At.After(v.At) && slices.Contains(a.Allow, approvalPrefix+v.Gate)
		})
		return approved || v.State == string(gate.Shut) && (!v.Next.After(now) || !v.Deadline.After(now))
	}), err
}

// gateNames are the approvals that gates of a target take, for messages.
func gateNames(t *config.Target) []string {
	var out []string
	for _, g := range t.Gates {
		out = append(out, approvalPrefix+g.Name)
	}
	return out
}

// isGate reports whether an approval is one of a gate.
func isGate(name string) bool { return strings.HasPrefix(name, approvalPrefix) }
