package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/redact"
	"mlsync.dev/mlsync/notify"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
)

// book is what the API tells of a project, from its journal. Texts that others
// wrote go through redact: an error may quote what a service answered.
type book struct {
	*daemon
	// life is the longest life of a token.
	life time.Duration
}

var _ web.Book = (*book)(nil)

// Targets are the targets of the names, known to the journal or not.
func (b *book) Targets(ctx context.Context, names []string) ([]web.Target, error) {
	all, err := b.store.Overviews(ctx, names)
	if err != nil {
		return nil, err
	}
	out := make([]web.Target, len(names))
	at := map[string]int{}
	for i, name := range names {
		at[name], out[i] = i, b.target(name, all[name])
	}
	for i := range b.cfg.Targets {
		t := &b.cfg.Targets[i]
		if n, ok := at[t.Name]; ok {
			out[n].Window = webWindow(t)
		}
	}
	return out, nil
}

func (b *book) target(name string, o *state.Overview) web.Target {
	out := web.Target{Project: b.name, Name: name, Health: "unknown"}
	if o == nil {
		return out
	}
	out.Workspace, out.Managed, out.Busy = o.Workspace, o.Owned, redact.Text(o.Holder)
	out.Drifted, out.Failed = o.Drifted, o.Failed
	if o.Applied.ID != "" {
		out.Commit, out.Applied = o.Applied.Commit, timeOf(o.Applied.Ended)
	}
	if o.Hold != (state.Hold{}) {
		h := holdOf(o.Hold)
		out.Hold = &h
	}
	for _, r := range o.Rollouts {
		out.Rollouts = append(out.Rollouts, web.Rollout{Asset: r.ID.String(), State: string(r.State), Before: r.Before, Shares: r.Shares, Mirror: r.Mirror, Since: r.Since, Why: redact.Text(r.Why)})
	}
	for _, c := range o.Conditions {
		w := web.Wrong{What: c.What, Code: c.Code, Severity: c.Severity, Text: redact.Text(c.Text), Since: c.Since}
		if !c.Asset.IsZero() {
			w.Asset = c.Asset.String()
		}
		out.Wrong = append(out.Wrong, w)
	}
	if o.Last.ID != "" {
		r := runOf(b.name, o.Last)
		out.LastRun = &r
	}
	if o.Last.State == plan.Waiting {
		out.Waiting = o.Last.Release.Name
		pending := &web.Pending{Release: o.Last.Release.Fingerprint}
		for _, v := range o.Verdicts {
			out.Gates = append(out.Gates, webGate(v))
			if v.State != "open" {
				pending.Needs = append(pending.Needs, approvalPrefix+v.Gate)
			}
		}
		if len(pending.Needs) > 0 {
			out.Pending = pending
		}
	} else if len(o.Planned.Needs) > 0 {
		out.Pending = &web.Pending{Plan: o.Planned.Digest, Needs: o.Planned.Needs}
	}
	out.InSync = o.Last.State == plan.Done && o.Planned.Digest == o.Last.Digest && o.Planned.Complete && !o.Planned.Unfinished && len(o.Planned.Needs) == 0 && o.Left == 0
	out.Health = health(&out, o)
	return out
}

// health is the worst that is to be said of a target.
func health(t *web.Target, o *state.Overview) string {
	failing := func(c state.Condition) bool { return c.What == notify.Failing || c.Severity == notify.Error }
	switch {
	case o.Last.State == plan.Failed, o.Failed > 0, slices.ContainsFunc(o.Conditions, failing):
		return "failed"
	case t.Hold != nil:
		return "held"
	case o.Last.State == plan.Waiting:
		return "waiting"
	case t.Busy != "":
		return "working"
	case t.InSync:
		return "in_sync"
	case o.Last.ID == "":
		return "unknown"
	}
	return "pending"
}

// webWindow is what the change windows of a target say now; nil if it has none.
func webWindow(t *config.Target) *web.Window {
	w := windowOf(t, time.Now())
	if w == nil {
		return nil
	}
	out := web.Window(*w)
	return &out
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func holdOf(h state.Hold) web.Hold {
	return web.Hold{Author: h.By, Why: redact.Text(h.Why), At: h.At, Until: timeOf(h.Until)}
}

func runOf(project string, r plan.Run) web.Run {
	return web.Run{
		ID: r.ID, Project: project, Target: r.Target, Commit: r.Commit, Trigger: r.Trigger, State: string(r.State), Plan: r.Digest, Release: r.Release.Name,
		Started: r.Started, Ended: timeOf(r.Ended), Summary: r.Summary, Error: redact.Text(r.Err),
	}
}

// Target is one target with what its last run said.
func (b *book) Target(ctx context.Context, name string) (web.Details, error) {
	all, err := b.store.Overviews(ctx, []string{name})
	if err != nil {
		return web.Details{}, err
	}
	o := all[name]
	out := web.Details{Target: b.target(name, o)}
	out.Window = webWindow(targetOf(b.cfg, name))
	if o == nil || o.Last.ID == "" {
		return out, nil
	}
	if o.Failed > 0 {
		run, err := b.store.Run(ctx, o.Last.ID)
		if err != nil {
			return out, err
		}
		for _, f := range run.Outcomes {
			if f.State == plan.Failed {
				out.FailedSteps = append(out.FailedSteps, redact.Text(f.Key.String()+": "+f.Err))
			}
		}
	}
	drift, _, err := b.store.DriftedOf(ctx, []string{name}, state.AssetFilter{}, -1, "", "")
	for _, d := range drift {
		out.DriftedIDs = append(out.DriftedIDs, d.ID.String())
		if d.Held != "" {
			out.Left = append(out.Left, redact.Text(leftText(d)))
		}
	}
	return out, err
}

// Gates are the gates of the configuration with what is known of them.
func (b *book) Gates(ctx context.Context, name string) (web.Gates, error) {
	t := targetOf(b.cfg, name)
	if t == nil {
		return web.Gates{}, web.ErrNotFound
	}
	g, err := gatesNow(ctx, b.store, t)
	out := web.Gates{Target: g.Target, Release: g.Release, Fingerprint: g.Fingerprint, Commit: g.Commit, State: g.State}
	for _, one := range g.Gates {
		out.Gates = append(out.Gates, web.Gate(one))
	}
	for i := range out.Gates {
		out.Gates[i].Why = redact.Text(out.Gates[i].Why)
	}
	return out, err
}

func webGate(v state.Verdict) web.Gate {
	g := web.Gate(gateStateOf(v))
	g.Why = redact.Text(g.Why)
	return g
}

// Releases are those that the target took.
func (b *book) Releases(ctx context.Context, name string) ([]web.Release, error) {
	t, err := b.store.Known(ctx, name)
	if err != nil || t == nil {
		return nil, err
	}
	all, err := t.Taken(ctx)
	var out []web.Release
	for _, r := range all {
		out = append(out, web.Release{Name: r.Release.Name, Fingerprint: r.Release.Fingerprint, Commit: r.Commit, Run: r.Run, At: r.At})
	}
	return out, err
}

// Runs are newest first.
func (b *book) Runs(ctx context.Context, targets []string, q web.RunQuery, span web.Span) ([]web.Run, []string, error) {
	began, id, _ := strings.Cut(span.After, "\n")
	n, _ := strconv.ParseInt(began, 10, 64) // it was written below
	runs, err := b.store.RunsOf(ctx, targets, state.RunFilter(q), span.Limit, time.Unix(0, n), id)
	var out []web.Run
	var marks []string
	for _, r := range runs {
		out, marks = append(out, runOf(b.name, r)), append(marks, strconv.FormatInt(r.Started.UnixNano(), 10)+"\n"+r.ID)
	}
	return out, marks, err
}

func assetFilter(q web.AssetQuery) state.AssetFilter {
	f := state.AssetFilter{Kind: q.Kind}
	if q.Name != "" {
		f.Like = state.Like(q.Name)
		f.Match = func(id asset.ID) bool { ok, _ := path.Match(q.Name, id.Name); return ok }
	}
	return f
}

// Assets are in the order of targets and ids.
func (b *book) Assets(ctx context.Context, targets []string, q web.AssetQuery, span web.Span) ([]web.Asset, []string, error) {
	target, after, _ := strings.Cut(span.After, "\n")
	owned, err := b.store.OwnedOf(ctx, targets, assetFilter(q), span.Limit, target, after)
	var out []web.Asset
	var marks []string
	for _, o := range owned {
		id := o.ID.String()
		out = append(out, web.Asset{
			Project: b.name, Target: o.Target, ID: id, Kind: string(o.ID.Kind), Name: o.ID.Name,
			Origin: string(o.Origin), ARM: o.ARM, File: o.File, Commit: o.Commit, At: o.At,
		})
		marks = append(marks, o.Target+"\n"+id)
	}
	return out, marks, err
}

// Drift is what the last run of each target saw.
func (b *book) Drift(ctx context.Context, targets []string, q web.AssetQuery, span web.Span) ([]web.Drift, []string, error) {
	target, after, _ := strings.Cut(span.After, "\n")
	drift, of, err := b.store.DriftedOf(ctx, targets, assetFilter(q), span.Limit, target, after)
	var out []web.Drift
	var marks []string
	for i, d := range drift {
		id := d.ID.String()
		out = append(out, web.Drift{
			Project: b.name, Target: of[i], Asset: id, Paths: d.Paths, ChangedBy: d.ChangedBy, ChangedAt: d.ChangedAt,
			Seen: d.At, Run: d.Run, Revert: d.Revert, Held: redact.Text(d.Held),
		})
		marks = append(marks, of[i]+"\n"+id)
	}
	return out, marks, err
}

// Inbox is drift that runs have found.
func (b *book) Inbox(ctx context.Context, targets, states []string, q web.AssetQuery, span web.Span) ([]web.Found, []string, error) {
	target, after, _ := strings.Cut(span.After, "\n")
	var in []state.FoundState
	for _, s := range states {
		in = append(in, state.FoundState(s))
	}
	found, of, err := b.store.InboxOf(ctx, targets, in, assetFilter(q), span.Limit, target, after)
	var out []web.Found
	var marks []string
	for i, f := range found {
		out, marks = append(out, foundOf(b.name, of[i], f)), append(marks, of[i]+"\n"+f.ID.String())
	}
	return out, marks, err
}

func foundOf(project, target string, f state.Found) web.Found {
	out := web.Found{
		Project: project, Target: target, Asset: f.ID.String(), State: string(f.State), ChangedBy: f.ChangedBy, ChangedAt: f.ChangedAt, Run: f.Run,
		First: f.First, Last: f.Last, Turned: f.Turned, Author: f.Author, Why: redact.Text(f.Why), Until: timeOf(f.Until),
	}
	for _, field := range f.Fields {
		out.Paths = append(out.Paths, field.Path)
	}
	return out
}

// Approvals are those that hold still.
func (b *book) Approvals(ctx context.Context, targets []string, span web.Span) ([]web.Approval, []string, error) {
	after, _ := strconv.ParseInt(span.After, 10, 64) // "" is 0
	given, of, err := b.store.ApprovalsOf(ctx, targets, span.Limit, after)
	var out []web.Approval
	var marks []string
	for i, a := range given {
		out, marks = append(out, approvalOf(b.name, of[i], a)), append(marks, strconv.FormatInt(a.ID, 10))
	}
	return out, marks, err
}

func approvalOf(project, target string, a state.Approval) web.Approval {
	return web.Approval{ID: a.ID, Project: project, Target: target, For: a.Digest, Allow: a.Allow, Author: a.Author, At: a.At, Expires: timeOf(a.Expires)}
}

// Run is a run with its outcomes.
func (b *book) Run(ctx context.Context, id string) (web.RunDetails, error) {
	run, err := b.store.Run(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return web.RunDetails{}, web.ErrNotFound
	}
	out := web.RunDetails{Run: runOf(b.name, run)}
	for _, o := range run.Outcomes {
		out.Outcomes = append(out.Outcomes, webOutcome(o))
	}
	return out, err
}

func webOutcome(o plan.Outcome) web.Outcome {
	out := web.Outcome{
		Asset: o.Key.ID.String(), Part: o.Key.Part, Action: string(o.Action), State: string(o.State), Error: redact.Text(o.Err), Code: o.Code, Request: o.Request,
		Started: o.Started, TookMS: o.Took.Milliseconds(),
	}
	if !o.By.ID.IsZero() {
		out.BlockedBy = o.By.String()
	}
	return out
}

// History is what was done to an asset.
func (b *book) History(ctx context.Context, target, text string, span web.Span) ([]web.Past, []string, error) {
	id, err := asset.ParseID(text)
	if err != nil {
		return nil, nil, web.Refuse(400, "bad_request", "the query has mistakes", web.FieldError{Field: "asset", Detail: err.Error()})
	}
	t, err := b.store.Known(ctx, target)
	if err != nil || t == nil {
		return nil, nil, err
	}
	before, _ := strconv.ParseInt(span.After, 10, 64) // "" is 0
	past, numbers, err := t.Steps(ctx, id, span.Limit, before)
	var out []web.Past
	var marks []string
	for i, p := range past {
		out = append(out, web.Past{Outcome: webOutcome(p.Outcome), ID: numbers[i], Run: p.Run, Project: b.name, Target: target, Commit: p.Commit, Trigger: p.Trigger})
		marks = append(marks, strconv.FormatInt(numbers[i], 10))
	}
	return out, marks, err
}

// Plan is the plan that the target made last.
func (b *book) Plan(ctx context.Context, target string) (web.Kept, error) {
	p, err := b.store.Planned(ctx, target)
	if errors.Is(err, state.ErrNotFound) {
		return web.Kept{}, web.Refuse(404, "no_plan", fmt.Sprintf("the target %s has made no plan yet", target))
	}
	if err != nil {
		return web.Kept{}, err
	}
	k, err := unpackPlan(p)
	k.Run = strings.TrimSpace(p.Run + " " + string(p.Ended))
	if p.Ended == plan.Done && len(p.Needs) == 0 && !p.Unfinished && k.Exits[1] == exitPending {
		k.Exits[1] = exitDone // what it would change was changed
	}
	return k, err
}

// Before are events of some targets, newest first.
func (b *book) Before(ctx context.Context, targets []string, before int64, limit int) ([]web.Event, error) {
	events, err := b.store.EventsOf(ctx, targets, limit, before)
	return b.events(events), err
}

// After are events of all targets, oldest first.
func (b *book) After(ctx context.Context, after int64, limit int) ([]web.Event, error) {
	events, err := b.store.EventsAfter(ctx, after, limit)
	return b.events(events), err
}

// Last is the number of the newest event.
func (b *book) Last(ctx context.Context) (int64, error) { return b.store.LastEvent(ctx) }

func (b *book) events(events []state.Event) []web.Event {
	var out []web.Event
	for _, e := range events {
		one := web.Event{ID: e.ID, At: e.At, Project: b.name, Target: e.Target, What: e.What, Author: e.Author, Text: redact.Text(e.Text)}
		if !e.Asset.IsZero() {
			one.Asset = e.Asset.String()
		}
		out = append(out, one)
	}
	return out
}
