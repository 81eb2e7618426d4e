package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// privateHosts is the environment variable with the hosts, with commas between
// them, that gates may ask although they are within a network.
const privateHosts = "MLSYNC_PRIVATE_HOSTS"

// approvalPrefix stands before the name of a gate in approvals.
const approvalPrefix = "gate:"

// gatekeeper looks at the gates of one target, for one commit.
type gatekeeper struct {
	*app
	cfg    *config.Config
	target *config.Target
	store  *state.Store
	j      *journal
	commit reconcile.Commit
	// given are the addresses of the command line.
	given targetFlags
	// fresh looks at every gate, and not only at those whose time has come.
	fresh bool
	// ask asks for a look at another target soon; nil if nobody can.
	ask func(ctx context.Context, target string) error
	log *slog.Logger
	// found is told the verdicts of each look; nil if nobody asks.
	found func(gate.Decision)
}

// hold keeps a plan back while its release waits before a gate. What was taken
// once needs no gates, so a rollback does not wait, and a release that changes
// nothing needs none.
func (k *gatekeeper) hold(ctx context.Context, p *plan.Plan, task string) (*plan.Run, error) {
	waits, err := k.waits(ctx)
	if err != nil || !waits || p.Settled() {
		return nil, err
	}
	d, err := k.decide(ctx)
	if err != nil || d.Open() {
		return nil, err
	}
	return k.wait(ctx, plan.Run{Trigger: task, Digest: p.Digest(), Summary: p.Summary(), Err: d.Why()})
}

// still is the run that waits if a gate is shut still: there is no need to make
// a plan then. It is nil if there is.
func (k *gatekeeper) still(ctx context.Context, task string) (*plan.Run, error) {
	waits, err := k.waits(ctx)
	if err != nil || !waits {
		return nil, err
	}
	d, err := k.decide(ctx)
	if err != nil || d.Open() {
		return nil, err
	}
	run := plan.Run{Trigger: task, Err: d.Why()}
	if last, err := k.j.Runs(ctx, 1, 0); err == nil && len(last) == 1 && last[0].State == plan.Waiting && last[0].Release == k.commit.Release {
		run.Digest, run.Summary = last[0].Digest, last[0].Summary
	}
	return k.wait(ctx, run)
}

// waits reports whether the release of the commit is one that the target has
// never taken and has gates for.
func (k *gatekeeper) waits(ctx context.Context) (bool, error) {
	if len(k.target.Gates) == 0 {
		return false, nil
	}
	if k.commit.Release.Fingerprint == "" {
		_, err := pinnedName(k.commit.FS, k.target)
		return false, err
	}
	taken, err := k.j.Taken(ctx)
	return !slices.ContainsFunc(taken, func(t state.Taken) bool { return t.Release.Fingerprint == k.commit.Release.Fingerprint }), err
}

func (k *gatekeeper) wait(ctx context.Context, run plan.Run) (*plan.Run, error) {
	run.Commit, run.Release = k.commit.Hash, k.commit.Release
	run, err := k.j.Wait(ctx, run)
	return &run, err
}

// decide looks at the gates and keeps what it found.
func (k *gatekeeper) decide(ctx context.Context) (gate.Decision, error) {
	r, err := pinnedRelease(k.commit.FS, k.target)
	if err != nil {
		return nil, err
	}
	if r == nil || r.Fingerprint() != k.commit.Release.Fingerprint {
		return nil, errors.New("the release changed while it was looked at")
	}
	kept, err := k.j.Verdicts(ctx, r.Fingerprint())
	if err != nil {
		return nil, err
	}
	before := make([]gate.Verdict, len(kept))
	for i, v := range kept {
		before[i] = verdictOf(v)
	}
	c := gate.Case{
		Target: k.target.Name, Release: caseRelease(r), Committers: k.commit.By,
		History: k, Champions: k, Probe: k, Consent: k,
	}
	d, err := c.Decide(ctx, time.Now(), gatesOf(k.target), before, k.fresh)
	if err != nil {
		return d, err
	}
	k.tell(before, d)
	out := make([]state.Verdict, len(d))
	for i, v := range d {
		out[i] = state.Verdict{
			Gate: v.Gate, Type: v.Type, Rule: v.Rule, State: string(v.State), Why: v.Why, Evidence: v.Evidence,
			Since: v.Since, At: v.At, Next: v.Next, Deadline: v.Deadline,
		}
	}
	return d, k.j.Judge(ctx, k.commit.Release, k.commit.Hash, out...)
}

func verdictOf(v state.Verdict) gate.Verdict {
	return gate.Verdict{
		Gate: v.Gate, Type: v.Type, Rule: v.Rule, State: gate.State(v.State), Why: v.Why, Evidence: v.Evidence,
		Since: v.Since, At: v.At, Next: v.Next, Deadline: v.Deadline,
	}
}

// tell logs what changed, and says loudly what has failed.
func (k *gatekeeper) tell(before []gate.Verdict, d gate.Decision) {
	if k.found != nil {
		k.found(d)
	}
	for _, v := range d {
		if slices.ContainsFunc(before, func(o gate.Verdict) bool {
			return o.Gate == v.Gate && o.Rule == v.Rule && o.State == v.State && o.Why == v.Why
		}) {
			continue
		}
		log := k.log.With("target", k.target.Name, "release", k.commit.Release.Name, "gate", v.Gate, "state", string(v.State), "why", v.Why)
		switch v.State {
		case gate.Failed:
			log.Error("a gate has failed: the release is refused", "cure", "promote another release, or mlsync approve "+approvalPrefix+v.Gate)
		case gate.Shut:
			log.Warn("the release waits before a gate", "next", v.Next.UTC(), "deadline", v.Deadline.UTC())
		case gate.Open:
			log.Info("a gate is open")
		}
	}
}

// Runs is what passes over a target have found, for soaking.
func (k *gatekeeper) Runs(ctx context.Context, target string, done func(gate.Run) bool) error {
	t, err := k.store.Known(ctx, target)
	if err != nil || t == nil {
		return err
	}
	const page = 50
	for before := int64(0); ; {
		runs, err := t.Runs(ctx, page, before)
		if err != nil || len(runs) == 0 {
			return err
		}
		drift, err := t.Drift(ctx, runs[len(runs)-1].Started)
		if err != nil {
			return err
		}
		drifted := map[string]int{}
		for _, d := range drift {
			drifted[d.Run]++
		}
		for _, r := range runs {
			if r.Ended.IsZero() {
				continue // it goes on
			}
			if done(gate.Run{ID: r.ID, Ended: r.Ended, Commit: r.Commit, Release: r.Release.Fingerprint, Ill: illness(r, drifted[r.ID])}) {
				return nil
			}
		}
		if before = runs[len(runs)-1].Generation; len(runs) < page {
			return nil
		}
	}
}

// illness is what was wrong after a run, "" if nothing was.
func illness(r plan.Run, drifted int) string {
	switch {
	case r.State == plan.Waiting && r.Release.Name == "":
		return "it waits: " + r.Err
	case r.State == plan.Waiting:
		return "it waits with the release " + r.Release.Name
	case r.State != plan.Done:
		return strings.TrimSuffix("it "+string(r.State)+": "+r.Err, ": ")
	case r.Summary["blocked"] > 0 || r.Summary["unknown"] > 0:
		return "something was blocked or could not be read"
	case drifted > 0:
		return number(drifted, "asset") + " drifted"
	}
	return ""
}

// Ask asks for a look at another target soon.
func (k *gatekeeper) Ask(ctx context.Context, target string) error {
	if k.ask == nil {
		return fmt.Errorf("run mlsync apply --target %s", target)
	}
	return k.ask(ctx, target)
}

// Champion is the version of a model that is live: that of the release that
// was taken last, else the one that was applied last.
func (k *gatekeeper) Champion(ctx context.Context, model asset.ID) (*gate.Model, error) {
	taken, err := k.j.Taken(ctx)
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 {
		r, err := releases{k.commit.FS}.fingerprinted(taken[0].Release)
		if err != nil {
			return nil, err
		}
		if m := modelIn(r, model); m != nil {
			return m, nil
		}
	}
	owned, err := k.j.Owned(ctx)
	if err != nil {
		return nil, err
	}
	var last *plan.Owned
	for id, o := range owned {
		if id.Container() == model.Container() && (last == nil || o.At.After(last.At) || o.At.Equal(last.At) && id.Compare(last.ID) > 0) {
			last = &o
		}
	}
	if last == nil {
		return nil, nil
	}
	return &gate.Model{ID: last.ID, Tags: textsOf(last.Body.Get("tags")), Properties: textsOf(last.Body.Get("properties"))}, nil
}

// modelIn is the version of a model in a release; nil if it holds none.
func modelIn(r *promote.Release, model asset.ID) *gate.Model {
	if r == nil {
		return nil
	}
	for i := range r.Assets {
		if a := &r.Assets[i]; a.ID.Container() == model.Container() {
			m := modelOf(a)
			return &m
		}
	}
	return nil
}

// Invoke sends a request to an endpoint of a target.
func (k *gatekeeper) Invoke(ctx context.Context, c gate.Call) (gate.Answer, error) {
	known := targetOf(k.cfg, c.Target)
	if known == nil {
		return gate.Answer{}, fmt.Errorf("there is no target %q", c.Target)
	}
	t := *known
	if t.Name == k.target.Name {
		t = *k.target // with what the command line says of it
	} else {
		t.Endpoint = cmp.Or(k.given.endpoint, t.Endpoint)
		t.StorageEndpoint = cmp.Or(k.given.storage, t.StorageEndpoint)
		t.CAFile = cmp.Or(k.given.caFile, t.CAFile)
		identified(&t, k.given.identity)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	client, err := k.connect(&t, k.given.endpoint, k.given.storage)
	if err != nil {
		return gate.Answer{}, err
	}
	got, err := client.Workspace(scopeOf(&t)).Invoke(ctx, azureml.Call{Endpoint: c.Endpoint, Deployment: c.Deployment, Body: c.Body})
	return gate.Answer{Status: got.Status, Body: got.Body, By: got.Deployment}, err
}

// Fetch asks an address that stands in the file.
func (k *gatekeeper) Fetch(ctx context.Context, r gate.Request) (gate.Answer, error) {
	hosts, _ := k.env(privateHosts)
	client := egress.New(egress.Options{Allowed: strings.Split(hosts, ","), UserAgent: "mlsync/" + version})
	got, err := client.Do(ctx, egress.Request{Method: r.Method, URL: r.URL, Body: r.Body, Timeout: r.Timeout})
	return gate.Answer{Status: got.Status, Body: got.Body}, err
}

// Approvals are those that hold for a gate and the release of the commit.
func (k *gatekeeper) Approvals(ctx context.Context, name string) ([]gate.Approval, error) {
	given, err := k.j.Target.Approvals(ctx, consentOf(k.commit.Release))
	var out []gate.Approval
	for _, a := range given {
		if slices.Contains(a.Allow, approvalPrefix+name) && !(k.cfg.Approvals.FourEyes && madeBy(k.commit.By, a)) {
			out = append(out, gate.Approval{Author: a.Author, At: a.At})
		}
	}
	return out, err
}

// consentOf is what approvals of a release are bound to.
func consentOf(r plan.Release) string { return "release:" + r.Fingerprint }

// gatesOf are the gates of a target as they are looked at.
func gatesOf(t *config.Target) []gate.Gate {
	out := make([]gate.Gate, len(t.Gates))
	for i, g := range t.Gates {
		out[i] = gate.Gate{Name: g.Name, Deadline: g.Deadline, Rule: ruleOfGate(g)}
	}
	return out
}

func ruleOfGate(g config.Gate) gate.Rule {
	switch {
	case g.Soak != nil:
		return gate.Soak(*g.Soak)
	case g.Metric != nil:
		return gate.Metric(*g.Metric)
	case g.Champion != nil:
		return gate.Champion(*g.Champion)
	case g.Smoke != nil:
		s := g.Smoke
		return gate.Smoke{Target: s.Target, Endpoint: s.Endpoint, Deployment: s.Deployment, Body: bodyOf(s.Body, "{}"), Timeout: s.Timeout, Good: goodOf(s.Status, s.Expect)}
	case g.Window != nil:
		return gate.Window(*g.Window)
	case g.HTTP != nil:
		h := g.HTTP
		return gate.HTTP{URL: h.URL, Method: h.Method, Body: bodyOf(h.Body, ""), Timeout: h.Timeout, Good: goodOf(h.Status, h.Expect)}
	}
	return gate.Approvals(*g.Approval)
}

// bodyOf is what is sent, as JSON; nil for nothing.
func bodyOf(v *asset.Value, otherwise string) json.RawMessage {
	switch {
	case v != nil:
		return v.Canonical()
	case otherwise != "":
		return json.RawMessage(otherwise)
	}
	return nil
}

func goodOf(status int, expect []config.Expect) gate.Good {
	g := gate.Good{Status: status}
	for _, e := range expect {
		g.Expect = append(g.Expect, gate.Expect(e))
	}
	return g
}
