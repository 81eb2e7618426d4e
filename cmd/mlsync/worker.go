package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// worker does the tasks of one target, one at a time.
type worker struct {
	daemon *daemon
	name   string

	mu        sync.Mutex
	recovered bool
}

// run does one pass over the target. An error lets the queue try again later.
func (w *worker) run(ctx context.Context, task string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.daemon
	started := time.Now()
	run, p, err := w.pass(ctx, task)
	d.metrics.ran(w.name, task, run, p, err, time.Since(started))
	log := d.log.With("target", w.name, "task", task, "commit", run.Commit, "run", run.ID, "took", time.Since(started).Round(time.Millisecond).String())
	switch {
	case err != nil && ctx.Err() != nil:
		log.Warn("interrupted", "err", err)
		return err
	case err != nil:
		log.Error("failed", "err", err)
		return err
	}
	counts := map[plan.State]int{}
	for _, o := range run.Outcomes {
		counts[o.State]++
		if o.State == plan.Failed {
			log.Error("step failed", "asset", o.Key.String(), "action", string(o.Action), "err", o.Err, "code", o.Code, "request", o.Request)
		}
	}
	for _, s := range p.Refusals() {
		log.Warn("needs an approval", "asset", s.Key.String(), "approval", s.Needs, "plan", p.Digest())
	}
	for _, dr := range p.Drift {
		log.Warn("drift", "asset", dr.ID.String(), "fields", dr.Paths, "by", dr.By, "at", dr.At, "corrected", dr.Revert)
	}
	log.Info("done", "plan", p.Digest(), "done", counts[plan.Done], "failed", counts[plan.Failed], "blocked", counts[plan.Skipped]+counts[plan.Pending], "unchanged", p.Summary()["noop"])
	if counts[plan.Failed] > 0 {
		return fmt.Errorf("%d steps failed", counts[plan.Failed])
	}
	return nil
}

// pass reads, plans and applies.
func (w *worker) pass(ctx context.Context, task string) (plan.Run, *plan.Plan, error) {
	d := w.daemon
	t := targetOf(d.cfg, w.name)
	commit, err := d.source.fetch(ctx, d.refOf(t))
	if err != nil {
		return plan.Run{}, nil, err
	}
	cfg, err := d.configAt(commit)
	if err != nil {
		return plan.Run{Commit: commit.Hash}, nil, err
	}
	if t = targetOf(cfg, w.name); t == nil {
		d.log.Warn("the commit does not name the target any more: nothing is done to it", "target", w.name, "commit", commit.Hash)
		return plan.Run{Commit: commit.Hash}, &plan.Plan{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.Deadline)
	defer cancel()
	p, j, err := w.open(ctx, cfg, t)
	if err != nil {
		return plan.Run{Commit: commit.Hash}, nil, err
	}
	unlock, err := lockTarget(ctx, j.Target, d.holder())
	if err != nil {
		return plan.Run{Commit: commit.Hash}, nil, err
	}
	defer unlock()
	return w.apply(ctx, p, j, commit, t, task)
}

func (w *worker) apply(ctx context.Context, p *reconcile.Pass, j *journal, commit reconcile.Commit, t *config.Target, task string) (plan.Run, *plan.Plan, error) {
	if !w.recovered {
		n, err := p.Recover(ctx)
		if err != nil {
			return plan.Run{Commit: commit.Hash}, nil, err
		}
		w.recovered = true
		if n > 0 {
			w.daemon.log.Info("took up an interrupted run", "target", w.name, "writes", n)
		}
	}
	opt := plan.Options{Prune: t.Prune.Mode != config.PruneOff, Full: task != taskSync}
	prep, err := p.Prepare(ctx, commit, opt, reconcile.Trigger{Name: task})
	if err != nil {
		return plan.Run{Commit: commit.Hash}, nil, err
	}
	if allow, err := approved(ctx, j, prep.Plan); err == nil && len(allow) > 0 {
		opt.Allow = allow
		if prep, err = p.Prepare(ctx, commit, opt, reconcile.Trigger{Name: task}); err != nil {
			return plan.Run{Commit: commit.Hash}, nil, err
		}
	}
	if bad := prep.Plan.Problems.Errors(); len(bad) > 0 {
		for _, b := range bad {
			w.daemon.log.Error("problem", "target", w.name, "commit", commit.Hash, "place", b.Pos.String(), "text", b.Text, "cure", b.Hint)
		}
		return plan.Run{Commit: commit.Hash}, prep.Plan, errors.New("problems in the tree: nothing is written")
	}
	run, err := p.Apply(ctx, prep, task)
	if err == nil {
		err = j.See(ctx, commit.Hash)
	}
	return run, prep.Plan, err
}

// approved are the approvals that were given for the plan.
func approved(ctx context.Context, j *journal, p *plan.Plan) ([]string, error) {
	given, err := j.Approvals(ctx, p.Digest())
	var out []string
	for _, a := range given {
		out = append(out, a.Allow...)
	}
	return out, err
}

// open connects to the target's workspace.
func (w *worker) open(ctx context.Context, cfg *config.Config, t *config.Target) (*reconcile.Pass, *journal, error) {
	d := w.daemon
	client, err := d.connect(t, d.flags.endpoint, d.flags.storage)
	if err != nil {
		return nil, nil, err
	}
	ws := client.Workspace(scopeOf(t))
	if err := locate(ctx, ws, t); err != nil {
		return nil, nil, err
	}
	secrets, err := d.resolver(cfg, client)
	if err != nil {
		return nil, nil, err
	}
	target, err := d.store.Target(ctx, t.Name, ws.Scope().WorkspaceID())
	if err != nil {
		return nil, nil, err
	}
	j := &journal{Target: target, store: d.store}
	return newPass(cfg, t, client, ws, j, secrets.Get, d.log, func(e reconcile.Event) { w.event(e) }), j, nil
}

// event logs what takes long.
func (w *worker) event(e reconcile.Event) {
	switch e.Kind {
	case reconcile.StepDone:
		w.daemon.log.Info("step done", "target", w.name, "asset", e.Step.Key.String(), "action", string(e.Step.Action), "took", e.Outcome.Took.Round(time.Millisecond).String())
	case reconcile.StepStarted:
		w.daemon.log.Debug("step started", "target", w.name, "asset", e.Step.Key.String(), "action", string(e.Step.Action))
	default:
	}
}

// holder is the name under which the daemon locks targets. It is the same
// after a restart, so that a daemon takes over the lock of its dead self at
// once, which fences that one off.
func (d *daemon) holder() string {
	host, _ := os.Hostname()
	data, err := filepath.Abs(d.flags.data)
	if err != nil {
		data = d.flags.data
	}
	return fmt.Sprintf("mlsync daemon on %s with the data folder %s", host, data)
}

func targetOf(cfg *config.Config, name string) *config.Target {
	for i := range cfg.Targets {
		if cfg.Targets[i].Name == name {
			return &cfg.Targets[i]
		}
	}
	return nil
}
