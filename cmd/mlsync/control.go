package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// passRules are what people said of how a target may be changed, as it holds
// for one pass.
type passRules struct {
	windows  *timekeeper
	fourEyes bool
	// last is the commit that was applied last, "" if it is not known.
	last string
}

// rules are those of the commit and of the one that was applied last: a commit
// that asks for less does so only once it was applied.
func (w *worker) rules(ctx context.Context, cfg *config.Config, t *config.Target, j *journal) (passRules, error) {
	d := w.daemon
	out := passRules{fourEyes: cfg.Approvals.FourEyes || d.cfg.Approvals.FourEyes}
	was := d.cfg
	switch run, err := j.LastApplied(ctx); {
	case errors.Is(err, state.ErrNotFound):
	case err != nil:
		return out, err
	default:
		out.last = run.Commit
		if fsys := d.source.at(run.Commit); fsys != nil {
			if old, err := d.configAt(reconcile.Commit{FS: fsys, Hash: run.Commit}); err == nil {
				was = old
			}
		}
	}
	out.fourEyes = out.fourEyes || was.Approvals.FourEyes
	before := config.Windows{}
	if old := targetOf(was, w.name); old != nil {
		before = old.Windows
	}
	out.windows = newTimekeeper(time.Now, t.Windows, before)
	return out, nil
}

// ruled are the rules of a pass, which keeps to them from then on.
func (w *worker) ruled(ctx context.Context, cfg *config.Config, t *config.Target, j *journal, p *reconcile.Pass) (passRules, error) {
	rules, err := w.rules(ctx, cfg, t, j)
	if err != nil {
		return rules, err
	}
	return rules, rules.into(ctx, p, j)
}

// into lets a pass keep to the rules, and to what people said of drift.
func (r passRules) into(ctx context.Context, p *reconcile.Pass, j *journal) error {
	began, err := r.windows.verdict(r.windows.now())
	if err != nil {
		return err
	}
	p.Withhold = r.windows.withhold(began)
	return leaveAlone(ctx, p, j)
}

// leaveAlone lets drift be only reported that somebody accepted or put off.
func leaveAlone(ctx context.Context, p *reconcile.Pass, j *journal) error {
	left, err := j.LeftAlone(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	rule := p.Rule
	p.Rule = func(id asset.ID, file string) plan.Rule {
		r := rule(id, file)
		if left[id] && r.Drift != plan.DriftOff {
			r.Drift = plan.Report
		}
		return r
	}
	return nil
}

// next lets the target be looked at when its window opens.
func (r passRules) next(ctx context.Context, w *worker, run plan.Run) error {
	if run.State != plan.Waiting || len(r.windows.rules) == 0 {
		return nil
	}
	v, err := r.windows.verdict(r.windows.now())
	switch {
	case err != nil:
		return err
	case v.Open: // it opened meanwhile, or something else is waited for
		return nil
	}
	return w.atTime(ctx, taskDrift, "window", v.Turns) // which looks at all: drift waited too
}

// afterHold lets the target be looked at when a hold ends by itself.
func (w *worker) afterHold(ctx context.Context, err error) error {
	var held *state.HeldError
	if !errors.As(err, &held) {
		return nil
	}
	return w.atTime(ctx, taskDrift, "hold", held.Hold.Until)
}

// compared notes for the drift inbox what a run compared and found as git says.
func compared(ctx context.Context, j *journal, run plan.Run, p *plan.Plan, failed error) error {
	if failed != nil || p == nil || run.Generation == 0 || run.State == "" {
		return nil
	}
	drifted := map[asset.ID]bool{}
	for _, d := range p.Drift {
		drifted[d.ID] = true
	}
	seen := map[asset.ID]bool{}
	var ids []asset.ID
	for _, s := range p.Steps {
		read := s.Live != nil || s.Want == nil && cmp.Or(s.Code, plan.Gone) == plan.Gone
		if !read || drifted[s.Key.ID] || seen[s.Key.ID] || s.Action == plan.Unknown {
			continue
		}
		seen[s.Key.ID] = true
		ids = append(ids, s.Key.ID)
	}
	return j.NoDrift(context.WithoutCancel(ctx), run.Generation, ids...)
}
