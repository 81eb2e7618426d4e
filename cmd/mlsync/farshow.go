package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
)

// What commands show of a daemon, in the form in which they show it of a folder.

func (a *app) farStatus(ctx context.Context, r *remote) error {
	targets, err := a.farTargets(ctx, r)
	if err != nil {
		return err
	}
	list := []targetStatus{}
	for _, t := range targets {
		d := web.Details{Target: t}
		if t.Failed > 0 || t.Drifted > 0 { // the list says only how many
			if err := r.get(ctx, targetPath(t, ""), nil, &d); err != nil {
				return err
			}
		}
		list = append(list, statusFrom(d))
	}
	if a.flags.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.printf("nothing was applied yet\n")
	}
	for _, s := range list {
		a.showStatus(s)
	}
	return nil
}

// statusFrom is the status of a target as mlsync status shows it.
func statusFrom(d web.Details) targetStatus {
	s := targetStatus{
		Target: d.Name, Workspace: d.Workspace, Managed: d.Managed, Commit: d.Commit, Applied: d.Applied,
		Failed: d.FailedSteps, Drifted: d.DriftedIDs, Left: d.Left, Busy: d.Busy, Waiting: d.Waiting,
	}
	if d.Hold != nil {
		s.Held = d.Hold.Why
	}
	if d.Window != nil {
		one := windowState(*d.Window)
		s.Window = &one
	}
	if run := d.LastRun; run != nil {
		s.LastRun, s.State, s.Error, s.Summary = run.ID, plan.State(run.State), run.Error, run.Summary
	}
	for _, g := range d.Gates {
		s.Gates = append(s.Gates, gateState(g))
	}
	for _, w := range d.Rollouts {
		s.Rollouts = append(s.Rollouts, rolloutJSON{Target: d.Name, Asset: w.Asset, State: plan.RolloutState(w.State), Before: w.Before, Shares: w.Shares, Mirror: w.Mirror, Since: w.Since, Why: w.Why})
	}
	return s
}

func (a *app) farHistory(ctx context.Context, r *remote, most int, args []string) error {
	targets, err := a.farTargets(ctx, r)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if len(args) > 0 {
			err = a.farPast(ctx, r, t, most, args[0])
		} else {
			err = a.farRuns(ctx, r, t, most)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) farRuns(ctx context.Context, r *remote, t web.Target, most int) error {
	list, err := each[web.Run](ctx, r, "/runs", url.Values{"project": {t.Project}, "target": {t.Name}}, most)
	if err != nil {
		return err
	}
	var runs []plan.Run
	for _, one := range list {
		run := plan.Run{
			ID: one.ID, Target: one.Target, Commit: one.Commit, Trigger: one.Trigger, Started: one.Started, State: plan.State(one.State),
			Digest: one.Plan, Summary: one.Summary, Err: one.Error,
		}
		if one.Ended != nil {
			run.Ended = *one.Ended
		}
		runs = append(runs, run)
	}
	return a.showRuns(runs)
}

func (a *app) farPast(ctx context.Context, r *remote, t web.Target, most int, asset string) error {
	list, err := each[web.Past](ctx, r, targetPath(t, "/history"), url.Values{"asset": {asset}}, most)
	if err != nil {
		return err
	}
	out := []pastStep{}
	for _, p := range list {
		key := p.Asset
		if p.Part != "" {
			key += "#" + p.Part
		}
		out = append(out, pastStep{
			Key: key, Action: p.Action, State: p.State, Run: p.Run, Commit: p.Commit, Trigger: p.Trigger, At: p.Started,
			Took: time.Duration(p.TookMS) * time.Millisecond, Err: p.Error, Request: p.Request,
		})
	}
	return a.showPast(out)
}

// farPlan shows the plan that the daemon made last.
func (a *app) farPlan(ctx context.Context, r *remote, o planOutput) error {
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	format := "text"
	switch {
	case a.flags.json:
		format = "json"
	case o.markdown:
		format = "markdown"
	}
	data, header, err := r.bytes(ctx, http.MethodGet, targetPath(t, "/plan"), url.Values{"format": {format}}, nil)
	if err != nil {
		return err
	}
	if err := a.printKept(data, format); err != nil {
		return err
	}
	if run, state, _ := strings.Cut(header.Get(web.RunHeader), " "); state != "" {
		a.say("the plan of run %s, which is %s", printable(run), printable(state))
	}
	codes := strings.Fields(header.Get(web.ExitHeader))
	i := 0
	if o.detailed {
		i = 1
	}
	if len(codes) == 2 && len(codes[i]) == 1 && codes[i][0] >= '0' && codes[i][0] <= '5' {
		return exitWith(int(codes[i][0] - '0'))
	}
	return nil
}

// printKept prints a plan as it was kept. Texts are for a terminal, whoever
// the server is.
func (a *app) printKept(data []byte, format string) error {
	if format == "json" {
		var b bytes.Buffer
		if err := json.Indent(&b, data, "", " "); err != nil {
			return err
		}
		data = append(bytes.TrimRight(b.Bytes(), "\n"), "\n\n"...)
	} else {
		data = []byte(printable(string(data)))
	}
	_, err := a.streams.out.Write(data)
	return err
}

// farDrift shows the drift that the daemon saw last.
func (a *app) farDrift(ctx context.Context, r *remote) error {
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	data, _, err := r.bytes(ctx, http.MethodGet, targetPath(t, "/drift"), url.Values{"format": {"json"}}, nil)
	if err != nil {
		return err
	}
	var got struct {
		Complete bool              `json:"complete"`
		Drift    []json.RawMessage `json:"drift"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return err
	}
	if a.flags.json {
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		err = a.printJSON(v)
	} else {
		if data, _, err = r.bytes(ctx, http.MethodGet, targetPath(t, "/drift"), url.Values{"format": {"text"}}, nil); err == nil {
			err = a.printKept(data, "text")
		}
	}
	switch {
	case err != nil:
		return err
	case !got.Complete:
		return exitWith(exitError)
	case len(got.Drift) > 0:
		return exitWith(exitPending)
	}
	return nil
}

// farInbox lists the drift that the daemon has found.
func (a *app) farInbox(ctx context.Context, r *remote, all bool) error {
	q := url.Values{}
	if all {
		q.Set("state", "all")
	}
	if a.flags.target != "" {
		t, err := a.farTarget(ctx, r)
		if err != nil {
			return err
		}
		q.Set("project", t.Project)
		q.Set("target", t.Name)
	}
	found, err := each[web.Found](ctx, r, "/inbox", q, 0)
	if err != nil {
		return err
	}
	list := []foundJSON{}
	for _, f := range found {
		id, err := asset.ParseID(f.Asset)
		if err != nil {
			return err
		}
		one := state.Found{
			ID: id, State: state.FoundState(f.State), ChangedBy: f.ChangedBy, ChangedAt: f.ChangedAt, Run: f.Run, First: f.First, Last: f.Last, Turned: f.Turned, Author: f.Author, Why: f.Why,
		}
		for _, path := range f.Paths {
			one.Fields = append(one.Fields, state.FoundField{Path: path})
		}
		if f.Until != nil {
			one.Until = *f.Until
		}
		list = append(list, foundJSON{f.Target, one})
	}
	return a.listFound(list)
}

func (a *app) farGates(ctx context.Context, r *remote) error {
	targets, err := a.farTargets(ctx, r)
	if err != nil {
		return err
	}
	list := []targetGates{}
	for _, t := range targets {
		var g web.Gates
		if err := r.get(ctx, targetPath(t, "/gates"), nil, &g); err != nil {
			return err
		}
		if len(g.Gates) == 0 && a.flags.target == "" {
			continue
		}
		one := targetGates{Target: g.Target, Release: g.Release, Fingerprint: g.Fingerprint, Commit: g.Commit, State: g.State, Gates: []gateState{}}
		for _, v := range g.Gates {
			one.Gates = append(one.Gates, gateState(v))
		}
		list = append(list, one)
	}
	return a.listGates(list)
}
