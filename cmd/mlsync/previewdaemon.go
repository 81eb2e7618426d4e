package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// The tasks of pull requests: a look at all of them, the preview of one, what
// the service is still to be told, and a look for what was left untold.
const (
	taskPulls   = "pulls"
	taskPreview = "preview"
	taskPost    = "post"
	taskSweep   = "post-sweep"
)

// pullWatch is the daemon's work on pull requests.
type pullWatch struct {
	d      *daemon
	p      *previewer
	box    *postbox
	places chan struct{}

	mu sync.Mutex
	// last is the listing that tag stands for.
	last []forge.PullRequest
	tag  string
	// running are the previews that are made, by number.
	running map[int64]running
}

type running struct {
	head   string
	cancel context.CancelCauseFunc
}

// openForge makes what speaks to the service, if the configuration asks for
// anything of it.
func (d *daemon) openForge(ctx context.Context) error {
	if !d.cfg.Previews.On && !d.cfg.Statuses {
		return nil
	}
	if _, ok := d.source.(*mirror); !ok {
		return errors.New("previews and statuses: a local folder is watched; they need repository.url or --repository")
	}
	f, err := d.app.forge(ctx, d.cfg.Repository, d.cfg.Repository.URL)
	if err != nil {
		return err
	}
	d.box = &postbox{store: d.store, forge: f, log: d.log, now: time.Now, later: func(ctx context.Context, lane string) error {
		return d.queue.Enqueue(ctx, taskPost, lane, []byte(lane), time.Time{})
	}}
	if !d.cfg.Previews.On {
		return nil
	}
	r := d.cfg.Repository
	repo, err := d.app.openWholeMirror(r.URL, filepath.Join(d.flags.data, "previews"), r.Auth)
	if err != nil {
		return err
	}
	d.previews = &pullWatch{
		d: d, box: d.box, places: make(chan struct{}, limit.PreviewsAtOnce), running: map[int64]running{},
		p: &previewer{
			app: d.app, cfg: d.cfg, forge: f, repo: repo, store: d.store, override: d.overlay, project: d.project, only: d.flags.only, log: d.log,
			given: targetFlags{endpoint: d.flags.endpoint, storage: d.flags.storage, identity: d.flags.identity},
		},
	}
	return nil
}

// registerForge lets the queue work on pull requests and statuses.
func (d *daemon) registerForge(ctx context.Context) error {
	if d.box == nil {
		return nil
	}
	opts := queue.TaskOptions{Timeout: 2 * time.Minute}
	err := d.queue.Register(taskPost, func(ctx context.Context, args []byte) error { return d.box.deliver(ctx, string(args)) }, opts)
	err = errors.Join(err, d.queue.Register(taskSweep, func(ctx context.Context, _ []byte) error { return d.box.sweep(ctx) }, opts))
	if err = errors.Join(err, d.queue.Periodic(taskSweep, "all", outboxPoll, nil)); err != nil || d.previews == nil {
		return err
	}
	w := d.previews
	err = d.queue.Register(taskPulls, func(ctx context.Context, _ []byte) error { return w.look(ctx) }, opts)
	err = errors.Join(err, d.queue.Register(taskPreview, func(ctx context.Context, args []byte) error { return w.preview(ctx, string(args)) },
		previewTask()))
	err = errors.Join(err, d.queue.Periodic(taskPulls, "all", "@every "+d.cfg.Previews.Poll.String(), nil))
	return errors.Join(err, w.hint(ctx)) // what came while nobody looked
}

// previewTask bounds one preview. What fails again and again waits for the next
// change.
func previewTask() queue.TaskOptions {
	return queue.TaskOptions{Timeout: limit.PreviewTime, Attempts: 8}
}

// hint lets the pull requests be looked at now.
func (w *pullWatch) hint(ctx context.Context) error {
	return w.d.queue.Enqueue(ctx, taskPulls, "all", nil, time.Time{})
}

// look asks the service for open pull requests, and enqueues those that are not
// planned as they are now.
func (w *pullWatch) look(ctx context.Context) error {
	w.mu.Lock()
	tag := w.tag
	w.mu.Unlock()
	got, err := w.box.forge.Pulls(ctx, tag, limit.PreviewPulls)
	if err != nil {
		return err
	}
	if got.At.IsZero() {
		got.At = time.Now()
	}
	w.mu.Lock()
	if !got.Same {
		w.last = got.Pulls
	}
	w.tag = got.Tag
	pulls := slices.Clone(w.last)
	w.mu.Unlock()
	if got.More {
		w.d.log.Warn("there are more open pull requests than are planned", "planned", limit.PreviewPulls)
	}
	bases := map[string]string{}
	open := map[int64]bool{}
	repo := w.p.forge.Repo().Key()
	for _, pr := range pulls {
		open[pr.Number] = true
		if len(w.p.follow(w.d.cfg, pr.Base)) == 0 {
			continue
		}
		w.supersede(pr)
		if _, ok := bases[pr.Base]; !ok {
			base, err := w.p.branch(ctx, pr.Base)
			if errors.Is(err, gitrepo.ErrNotFound) {
				continue // the branch is gone, and the pull request soon
			}
			if err != nil {
				return err
			}
			bases[pr.Base] = string(base.Hash)
		}
		known, err := w.d.store.SeePull(ctx, repo, pr.Number, pr.Commit, got.At)
		if err != nil {
			return err
		}
		if known.Planned == w.key(pr, bases[pr.Base]) {
			continue
		}
		number := strconv.FormatInt(pr.Number, 10)
		if err := w.d.queue.Enqueue(ctx, taskPreview, number, []byte(number), time.Time{}); err != nil {
			return err
		}
	}
	if !got.More {
		_, err = w.d.store.KeepPulls(ctx, repo, open)
	}
	return err
}

// key says for what a pull request was planned.
func (w *pullWatch) key(pr forge.PullRequest, base string) string {
	labelled := pr.Fork && slices.Contains(pr.Labels, w.d.cfg.Previews.Label)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %v %v", pr.Commit, pr.Base, base, pr.Fork, labelled))
	return hex.EncodeToString(sum[:])
}

// supersede ends the preview of an older head.
func (w *pullWatch) supersede(pr forge.PullRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := w.running[pr.Number]; ok && r.head != pr.Commit {
		r.cancel(errSuperseded)
	}
}

// begin notes which head is planned; end forgets it.
func (w *pullWatch) begin(ctx context.Context, pr forge.PullRequest) (planning context.Context, end func()) {
	planning, cancel := context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[pr.Number] = running{pr.Commit, cancel}
	return planning, func() {
		w.mu.Lock()
		delete(w.running, pr.Number)
		w.mu.Unlock()
		cancel(nil)
	}
}

// preview plans a pull request and keeps what is to be told of it.
func (w *pullWatch) preview(ctx context.Context, text string) error {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	select {
	case w.places <- struct{}{}:
		defer func() { <-w.places }()
	default: // it comes again soon, and keeps no worker meanwhile
		return w.d.queue.Enqueue(ctx, taskPreview, text, []byte(text), time.Now().Add(5*time.Second))
	}
	pr, err := w.box.forge.Get(ctx, number)
	if err != nil || !pr.Open {
		return err
	}
	if pr.Labels == nil && pr.Fork { // some services say them in lists only
		w.mu.Lock()
		if i := slices.IndexFunc(w.last, func(o forge.PullRequest) bool { return o.Number == number }); i >= 0 {
			pr.Labels = w.last[i].Labels
		}
		w.mu.Unlock()
	}
	base, err := w.p.branch(ctx, pr.Base)
	if err != nil {
		return err
	}
	key := w.key(pr, string(base.Hash))
	if ok, why, err := w.mayPlan(ctx, pr); err != nil {
		return err
	} else if !ok {
		w.d.log.Info("pull request of a fork is left alone", "pull", number, "head", pr.Commit, "why", why)
		err := w.status(ctx, pr, forge.Pending, why)
		if err == nil && !slices.Contains(pr.Labels, w.d.cfg.Previews.Label) {
			err = w.d.store.PlanPull(ctx, w.p.forge.Repo().Key(), number, key)
		} // else it is asked again with each look: who set the label may change, and no list tells of that
		return err
	}
	planning, end := w.begin(ctx, pr)
	defer end()
	if err := w.status(ctx, pr, forge.Pending, "the plan is made"); err != nil {
		return err
	}
	started := time.Now()
	made, err := w.p.make(planning, pr)
	switch cause := context.Cause(planning); {
	case errors.Is(cause, errSuperseded), errors.Is(err, errSuperseded):
		w.d.log.Info("preview superseded by a newer head", "pull", number, "head", pr.Commit)
		return w.d.queue.Enqueue(ctx, taskPreview, text, []byte(text), time.Now().Add(2*time.Second))
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		w.d.log.Error("preview failed", "pull", number, "head", pr.Commit, "err", err)
		return errors.Join(err, w.status(ctx, pr, forge.Broken, "it could not be planned: "+err.Error()))
	}
	return w.tell(ctx, made, key, started)
}

// tell keeps the comment and the status of a preview.
func (w *pullWatch) tell(ctx context.Context, made *preview, key string, started time.Time) error {
	pr := made.pr
	state, line := made.verdict()
	w.d.log.Info("previewed", "pull", pr.Number, "head", pr.Commit, "base", string(made.base), "state", string(state), "what", line, "took", time.Since(started).Round(time.Millisecond).String())
	if !w.d.cfg.Previews.NoComment {
		text := made.text(min(limit.PreviewBytes, w.p.forge.Limits().Comment))
		if err := w.box.comment(ctx, pr.Number, pr.Commit, previewMarker(w.d.cfg), text); err != nil {
			return err
		}
	}
	if err := w.status(ctx, pr, state, line); err != nil {
		return err
	}
	return w.d.store.PlanPull(ctx, w.p.forge.Repo().Key(), pr.Number, key)
}

// status keeps the status of a head, if that is wanted.
func (w *pullWatch) status(ctx context.Context, pr forge.PullRequest, state forge.State, text string) error {
	if w.d.cfg.Previews.NoStatus {
		return nil
	}
	return w.box.status(ctx, fmt.Sprintf("pull/%d", pr.Number), forge.CommitStatus{
		Commit: pr.Commit, Context: statusContext(w.d.cfg, "preview"), State: state, Description: text,
	})
}

// mayPlan reports whether a pull request may be planned: those of forks only
// with a label of somebody who may write, set on the head as it is.
func (w *pullWatch) mayPlan(ctx context.Context, pr forge.PullRequest) (ok bool, why string, err error) {
	label := w.d.cfg.Previews.Label
	switch {
	case !pr.Fork:
		return true, "", nil
	case label == "":
		return false, "pull requests of forks are not planned", nil
	}
	known, err := w.d.store.SeePull(ctx, w.p.forge.Repo().Key(), pr.Number, pr.Commit, time.Now())
	if err != nil {
		return false, "", err
	}
	c, err := w.p.forge.Consent(ctx, pr, label)
	if err != nil {
		return false, "", err
	}
	ok, why = consented(c, known.Seen)
	return ok, why, nil
}

// consented reports whether a label counts for the head that was seen first
// then. Times are whole seconds on some services, so one that is equal says
// nothing.
func consented(c forge.Consent, seen time.Time) (ok bool, why string) {
	switch {
	case !c.There:
		return false, "it waits for the label " + c.Name + " of somebody who may write"
	case c.By == "":
		return false, "nobody knows who set the label " + c.Name
	case !c.May:
		return false, "who set the label " + c.Name + " may not write here"
	case !c.At.After(c.Moved) || !c.Tells && !c.At.After(seen):
		return false, "the label " + c.Name + " was set before this head was seen: look at it and set the label again"
	}
	return true, ""
}

// applied keeps the status of the commit that a pass worked on.
func (w *worker) applied(ctx context.Context, run plan.Run, p *plan.Plan, failed error) {
	d := w.daemon
	if d.box == nil || !d.cfg.Statuses || len(run.Commit) != 40 || errors.Is(failed, reconcile.ErrOvertaken) {
		return
	}
	s := forge.CommitStatus{Commit: run.Commit, Context: statusContext(d.cfg, w.name), State: forge.Success, Description: "as git says"}
	failures := 0
	for _, o := range run.Outcomes {
		if o.State == plan.Failed {
			failures++
		}
	}
	switch {
	case errors.Is(failed, reconcile.ErrProblems), errors.Is(failed, reconcile.ErrRefused):
		s.State, s.Description = forge.Failure, failed.Error()
	case failed != nil:
		s.State, s.Description = forge.Broken, failed.Error()
	case run.State == plan.Waiting:
		s.State, s.Description = forge.Pending, "waits: "+run.Err
	case failures > 0:
		s.State, s.Description = forge.Failure, number(failures, "step")+" failed"
	case p != nil && len(p.Refusals()) > 0:
		s.State, s.Description = forge.Pending, number(len(p.Refusals()), "approval")+" needed"
	case p != nil && !p.Complete():
		s.State, s.Description = forge.Broken, "not everything could be read"
	case run.State == plan.Failed:
		s.State, s.Description = forge.Failure, "something is blocked"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := d.box.status(ctx, "target/"+w.name, s); err != nil {
		d.log.Error("the status of the commit is not kept", "target", w.name, "err", err)
	}
}

// closeForge releases the mirror of the previews.
func (d *daemon) closeForge() error {
	w := d.previews
	if d.box, d.previews = nil, nil; w == nil {
		return nil
	}
	return w.p.repo.Close()
}
