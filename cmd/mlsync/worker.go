package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/closure"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/internal/trace"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// worker does the tasks of one target, one at a time.
type worker struct {
	daemon *daemon
	name   string

	mu    sync.Mutex // held by the task that runs
	newer newer
	// overtaken says that a newer commit ended the last pass: the next one
	// does all that takes no operation, so that something is done however
	// fast commits come.
	overtaken bool
	// searched says that the workspace was searched for assets of a journal
	// that was lost.
	searched bool
	// rolledBack is the release that was rolled back last, as the commit of the
	// last pass says, and why.
	rolledBack, rolledBackWhy string
	trace                     *passTrace // of the pass that runs
	writer                    *writer    // of the pass that runs
	// kept is the digest of the plan that was kept last.
	kept string
}

// run does one pass over the target. An error lets the queue try again later.
func (w *worker) run(ctx context.Context, task string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.daemon
	defer d.rest.work()()
	started := time.Now()
	ctx = state.Acting(ctx, state.Actor{Via: "daemon", From: d.hostName(), Project: d.name})
	ctx, w.trace = d.begin(ctx, w.name, task)
	run, p, err := w.pass(ctx, task)
	w.trace.end(run, p, err)
	if err != nil && ctx.Err() == nil {
		if later := w.elsewhere(err); later != nil {
			return later
		}
	}
	w.overtaken = errors.Is(err, reconcile.ErrOvertaken)
	if !errors.Is(err, errSettled) {
		d.metrics.ran(w.name, task, run, p, err, time.Since(started))
	}
	log := d.log.With("target", w.name, "task", task, "commit", run.Commit, "run", run.ID, "took", time.Since(started).Round(time.Millisecond).String())
	if w.trace != nil {
		log = log.With("trace", w.trace.root.TraceID())
	}
	switch {
	case errors.Is(err, errSettled):
		return nil
	case w.overtaken:
		log.Info("overtaken by a newer commit")
		return nil // which is in the queue already
	case errors.Is(err, state.ErrAborted), errors.Is(err, state.ErrHeld):
		log.Warn("stopped", "err", err)
		return w.afterHold(ctx, err) // else until there is something new to do
	case err != nil && ctx.Err() != nil:
		log.Warn("interrupted", "err", err)
		return err
	}
	w.notify(ctx, run, p, err)
	w.applied(ctx, run, p, err)
	switch {
	case err == nil && run.State == plan.Waiting && len(run.Outcomes) == 0:
		log.Info("waiting", "release", run.Release.Name, "why", run.Err)
		return nil // the next look is in the queue
	case err != nil:
		log.Error("failed", "err", err)
		return err
	}
	return w.tell(ctx, log, run, p)
}

// busyFor is how long a target is left alone that another process works on.
const busyFor = time.Second

// elsewhere says what becomes of a pass that could not go on because of another
// process: that is no failure of the target. nil if the error is another one.
func (w *worker) elsewhere(err error) error {
	d := w.daemon
	switch {
	case errors.Is(err, state.ErrNewer):
		d.log.Error("this mlsync is too old for its journal, and stops", "err", err)
		select {
		case d.stale <- err:
		default:
		}
	case errors.Is(err, state.ErrLocked):
		d.log.Info("another process works on the target", "target", w.name, "err", err)
	case errors.Is(err, state.ErrFenced):
		d.log.Warn("another process has taken over the target", "target", w.name, "err", err)
	default:
		return nil
	}
	return queue.Later(busyFor)
}

// tell logs how a pass ended. The error is for steps that failed.
func (w *worker) tell(ctx context.Context, log *slog.Logger, run plan.Run, p *plan.Plan) error {
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
		if dr.Held != "" {
			log.Error("drift is left", "asset", dr.ID.String(), "fields", dr.Paths, "why", dr.Held)
		}
	}
	tellRollouts(ctx, log, p)
	if run.State == plan.Waiting {
		log.Info("waiting", "release", run.Release.Name, "why", run.Err)
	}
	log.Info("done", "plan", p.Digest(), "done", counts[plan.Done], "failed", counts[plan.Failed], "blocked", counts[plan.Skipped]+counts[plan.Pending], "unchanged", p.Summary()["noop"])
	if counts[plan.Failed] > 0 {
		return fmt.Errorf("%d steps failed", counts[plan.Failed])
	}
	return nil
}

// pass reads, plans and applies.
func (w *worker) pass(ctx context.Context, task string) (plan.Run, *plan.Plan, error) {
	for {
		run, p, err := w.try(ctx, task)
		if !errors.Is(err, errMoved) {
			return run, p, err
		}
	}
}

// errMoved says that the repository moved on before the lock was had.
var errMoved = errors.New("the repository moved on")

// try is a pass for the commit that is the newest once the target is locked:
// another process may have applied a newer one than that which was read
// before.
func (w *worker) try(ctx context.Context, task string) (plan.Run, *plan.Plan, error) {
	d := w.daemon
	t := targetOf(d.cfg, w.name)
	newer, ref := w.newer.watch(), d.refOf(t)
	looking, span := trace.Start(ctx, "fetch")
	found, err := d.newest(looking, ref, task)
	span.End(err)
	if err != nil {
		return plan.Run{}, nil, err
	}
	commit := found.commit
	w.newer.at(commit)
	none := plan.Run{Commit: commit.Hash}
	cfg, err := d.configAt(commit)
	if err != nil {
		return none, nil, err
	}
	if t = targetOf(cfg, w.name); t == nil {
		d.log.Warn("the commit does not name the target any more: nothing is done to it", "target", w.name, "commit", commit.Hash)
		return none, &plan.Plan{}, nil
	}
	if task == taskSync && w.settled(ctx, commit) {
		return none, nil, errSettled
	}
	ctx, line, stop := withDeadline(ctx, t.Deadline)
	defer stop()
	p, j, client, err := w.open(ctx, cfg, t)
	if client != nil {
		defer func() { d.metrics.spent(w.name, client.Counters()); d.metrics.spent(w.name, w.writer.spent()) }()
	}
	if err != nil {
		return none, nil, err
	}
	p.Newer, p.Finish = newer, w.overtaken
	_, span = trace.Start(ctx, "lock")
	ctx, unlock, err := lockTarget(ctx, j.Target, d.holder())
	span.End(err)
	if err != nil {
		return none, nil, err
	}
	defer unlock()
	if _, err := j.Expire(ctx); err != nil {
		return none, nil, err
	}
	now, err := w.again(ctx, ref, found)
	if err != nil {
		return none, nil, err
	}
	defer d.overtaking(ctx, ref, found, &w.newer)()
	if err := d.skipped(ctx, t, j, commit); err != nil {
		return none, nil, err
	}
	now = released(now, t)
	if d.isMirror() {
		now.FS = closure.NewTrace(now.FS)
	}
	w.rolledBack, w.rolledBackWhy = rolledBack(now.FS, t)
	keeper := w.keeper(cfg, t, j, now)
	if task == taskGate {
		if held, err := keeper.still(ctx, task); err != nil || held != nil {
			held = cmp.Or(held, &none)
			return *held, nil, errors.Join(because(ctx, err), w.next(ctx, j, *held))
		}
	}
	rules, err := w.ruled(ctx, cfg, t, j, p)
	if err != nil {
		return none, nil, err
	}
	run, made, err := w.do(w.trace.work(ctx), &reconcile.Work{
		Pass: p, Book: w.book(rules.fourEyes, j, rules.last, now), Commit: now, Task: task, Ready: func(p *plan.Plan) { line.forPlan(p, t); w.trace.ready(ctx, p) },
		Hold: func(ctx context.Context, p *plan.Plan) (*plan.Run, error) {
			if held, err := keeper.hold(ctx, p, task); err != nil || held != nil {
				return held, err
			}
			return rules.windows.hold(ctx, j, p, plan.Run{Trigger: task, Release: now.Release})
		},
	}, j, t)
	w.keep(ctx, j, run, made)
	err = errors.Join(because(ctx, err), w.next(ctx, j, run), rules.next(ctx, w, run), compared(ctx, j, run, made, err))
	w.trim(ctx, j)
	return run, made, err
}

// trim lets the journal forget old runs.
func (w *worker) trim(ctx context.Context, j *journal) {
	if _, err := j.Trim(context.WithoutCancel(ctx), runsKept); err != nil {
		w.daemon.log.Warn("old runs are kept", "target", w.name, "err", err)
	}
}

// errSettled says that the target is known to be as the commit says.
var errSettled = errors.New("nothing of the target changed")

// again asks under the lock whether the commit is still the newest that any
// process knows: whoever brought a newer one to the target has noted it before.
func (w *worker) again(ctx context.Context, ref gitrepo.Ref, found known) (reconcile.Commit, error) {
	d := w.daemon
	if d.isMirror() {
		is, err := d.still(ctx, ref, found)
		if err == nil && !is {
			err = errMoved
		}
		return found.commit, err
	}
	now, err := d.source.fetch(ctx, ref)
	if err == nil && now.Hash != found.commit.Hash {
		err = errMoved
	}
	return now, err
}

// do says what the work may do, and does it.
func (w *worker) do(ctx context.Context, k *reconcile.Work, j *journal, t *config.Target) (plan.Run, *plan.Plan, error) {
	proven, err := j.proven(ctx)
	if err != nil {
		return plan.Run{Commit: k.Commit.Hash}, nil, err
	}
	// The whole workspace is looked at once if the journal was lost, so that
	// what git no longer has is found by its stamp.
	k.Search = w.daemon.store.Lost() && !w.searched
	k.Options = plan.Options{Prune: t.Prune.Mode != config.PruneOff && proven, Full: k.Task != taskSync && k.Task != taskGate && k.Task != taskRollout || k.Search}
	run, made, err := k.Do(ctx)
	if later := w.atTime(ctx, taskRollout, "rollout", k.Due); later != nil {
		w.daemon.log.Error("not enqueued", "target", w.name, "err", later)
	}
	if errors.Is(err, reconcile.ErrProblems) {
		for _, b := range made.Problems.Errors() {
			w.daemon.log.Error("problem", "target", w.name, "commit", k.Commit.Hash, "place", b.Pos.String(), "text", b.Text, "cure", b.Hint)
		}
	}
	if made != nil {
		for _, b := range made.Problems.Warnings() {
			if b.Code == policy.Code {
				w.daemon.log.Warn("policy", "target", w.name, "commit", k.Commit.Hash, "place", b.Pos.String(), "text", b.Text, "rule", b.Hint)
			}
		}
	}
	if err == nil && made != nil {
		w.compared(ctx, j, k, run, made)
	}
	w.searched = w.searched || k.Search && err == nil && made.Complete()
	return run, made, err
}

// skipped refuses a commit that was rolled back by the one that was applied
// last, as after a branch was forced back to it. What a commit says of itself
// is a problem of its tree.
func (d *daemon) skipped(ctx context.Context, t *config.Target, j *journal, commit reconcile.Commit) error {
	n := len(t.Overlays)
	if n == 0 || commit.Hash == "" {
		return nil
	}
	last, err := j.LastApplied(ctx)
	if err != nil || last.Commit == "" || last.Commit == commit.Hash {
		return nil //nolint:nilerr // then nothing was applied that could say so
	}
	fsys := d.source.at(last.Commit)
	if fsys == nil {
		return nil
	}
	pins, err := readPins(fsys, t.Overlays[n-1])
	if err != nil {
		return nil //nolint:nilerr // it was a problem of that commit
	}
	if s := pins.SkippedCommit(commit.Hash); s != nil {
		return fmt.Errorf("the commit %s is not applied again: %s: %w", commit.Hash, s.Reason(), reconcile.ErrRefused)
	}
	return nil
}

// runsKept is how many runs the journal of a daemon tells of.
const runsKept = 1000

// open connects to the target's workspace. The client is returned also with an
// error, once there is one.
func (w *worker) open(ctx context.Context, cfg *config.Config, t *config.Target) (*reconcile.Pass, *journal, *azureml.Client, error) {
	d := w.daemon
	w.writer = nil
	client, err := d.connect(t, d.flags.endpoint, d.flags.storage)
	if err != nil {
		return nil, nil, nil, err
	}
	ws := client.Workspace(scopeOf(t))
	if err := locate(ctx, ws, t); err != nil {
		return nil, nil, client, err
	}
	secrets, err := d.resolver(cfg, client)
	if err != nil {
		return nil, nil, client, err
	}
	target, err := d.store.Target(ctx, t.Name, ws.Scope().WorkspaceID())
	if err != nil {
		return nil, nil, client, err
	}
	j := &journal{Target: target, store: d.store}
	w.writer = d.writerOf(t, d.flags.endpoint, d.flags.storage)
	live := bridge.New(client, ws).WrittenBy(w.writer.open()).
		From(d.project.sources(d.origins(cfg, t, client, targetFlags{endpoint: d.flags.endpoint, storage: d.flags.storage})))
	p := newPass(cfg, t, live, ws, j, secrets.Get, d.log, func(e reconcile.Event) { w.event(e) })
	p.Review = d.project.review(p.Review)
	bounds := t.Drift.Corrections
	p.Corrections = plan.Corrections{PerField: bounds.Field, PerRun: bounds.Run, PerHour: bounds.Hour}
	p.Corrected = j.Reverts
	return p, j, client, nil
}

// event logs what takes long.
func (w *worker) event(e reconcile.Event) {
	w.trace.event(e)
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
	host := d.hostName()
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
