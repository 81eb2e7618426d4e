package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/graph"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// ErrRefused is returned when a guard refuses steps: approvals are missing.
var ErrRefused = errors.New("refused: approvals are missing")

// settle is how long the journal may take to note an outcome after the run
// was cancelled.
const settle = 10 * time.Second

// Apply carries the plan out and records every step. Steps whose needs failed
// are blocked; independent ones go on. The run says how each step ended; the
// error is for what stopped the run as a whole.
func (p *Pass) Apply(ctx context.Context, prep *Prepared, trigger string) (plan.Run, error) {
	run := plan.Run{Target: prep.Plan.Target.Name, Commit: prep.Plan.Source.Commit, Trigger: trigger, Digest: prep.Plan.Digest()}
	if err := prep.Plan.Problems.Err(); err != nil {
		return run, err
	}
	if len(prep.Plan.Options.Select) == 0 { // a part of a release is not the release
		run.Release = prep.release
	}
	secrets, err := p.secrets(ctx, prep)
	if err != nil {
		return run, err
	}
	if run, err = p.Journal.Begin(ctx, run); err != nil {
		return run, err
	}
	run.State, run.Summary = plan.Done, prep.Plan.Summary()
	x := &execution{Pass: p, prep: prep, run: &run, secrets: secrets, steps: map[plan.Key]*plan.Step{}, ends: map[plan.Key]plan.Outcome{}, withheld: map[plan.Key]string{}}
	for id, o := range prep.Owned {
		if t := kind.Of(id.Kind); t != nil && t.Renames && id.Name == t.Anonymous && o.ARM != "" {
			p.Workspace.Renamed(id, o.ARM)
		}
	}
	if err = x.noteRollouts(ctx); err == nil {
		err = x.walk(ctx)
	}
	x.waits()
	run.Ended = p.Now()
	if err != nil {
		run.Err, run.State = err.Error(), plan.Failed
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	return run, errors.Join(err, x.close(end))
}

// close notes what is known at the end of a run.
func (x *execution) close(ctx context.Context) error {
	gen := x.run.Generation
	var held []plan.Outcome
	for _, o := range x.run.Outcomes {
		open := !o.Started.IsZero() // its intent says the same
		if o.State == plan.Skipped || o.State == plan.Pending && !open {
			held = append(held, o)
		}
	}
	err := errors.Join(x.Journal.Own(ctx, gen, slices.Concat(x.kept, x.prep.rebuilt, x.prep.moved)...), x.Journal.Record(ctx, gen, held...), x.Journal.Saw(ctx, gen, x.prep.Plan.Drift))
	err = errors.Join(err, x.moved(ctx))
	if x.prep.TreeComplete {
		err = errors.Join(err, x.Journal.Observe(ctx, gen, x.missing()))
	}
	return errors.Join(err, x.Journal.End(ctx, *x.run))
}

// operation is how much longer than another write that of a kind with a region
// takes: it is an operation of minutes, that of the others one request.
const operation = 100

// execution is one run of one plan.
type execution struct {
	*Pass
	prep    *Prepared
	run     *plan.Run
	secrets map[string]asset.Secret
	steps   map[plan.Key]*plan.Step

	mu   sync.Mutex
	kept []plan.Owned // as they should be, and not known to the journal
	ends map[plan.Key]plan.Outcome
	// withheld are steps that may not begin now, and why.
	withheld map[plan.Key]string
	// refused is why the journal took no intent.
	refused error
}

// walk runs the steps that write, in their order.
func (x *execution) walk(ctx context.Context) error {
	if err := x.settleOld(ctx); err != nil {
		return err
	}
	soft, stop := x.untilNewer(ctx)
	defer stop()
	g := graph.New(compareKeys)
	for i := range x.prep.Plan.Steps {
		s := &x.prep.Plan.Steps[i]
		x.steps[s.Key] = s
		g.Add(s.Key)
		if s.Action.Writes() && kind.Of(s.Key.ID.Kind).Location {
			g.Weigh(s.Key, operation)
		}
	}
	for _, s := range x.steps {
		for _, need := range s.Requires {
			g.Edge(s.Key, need)
		}
	}
	begin := soft
	if x.Finish {
		begin = ctx
	}
	ends, err := g.Walk(begin, x.Parallel, func(_ context.Context, key plan.Key) error {
		// What has begun goes on when a newer commit is there, as far as it
		// only takes a moment.
		return x.step(ctx, soft, key)
	})
	if err != nil {
		return err
	}
	for _, end := range ends {
		x.outcome(end)
	}
	if why := x.stopped(ctx, soft); why != nil {
		return fmt.Errorf("stopped: %w", why)
	}
	return x.refused
}

func compareKeys(a, b plan.Key) int {
	if c := a.ID.Compare(b.ID); c != 0 {
		return c
	}
	switch {
	case a.Part < b.Part:
		return -1
	case a.Part > b.Part:
		return 1
	}
	return 0
}

// outcome notes how a step ended.
func (x *execution) outcome(end graph.Outcome[plan.Key]) {
	s := x.steps[end.Node]
	out := plan.Outcome{Key: s.Key, Action: s.Action, State: plan.Done}
	out.Started, out.Took = x.ends[s.Key].Started, x.ends[s.Key].Took
	switch end.Status {
	case graph.Failed:
		out.State, out.Err = plan.Failed, end.Err.Error()
		out.Code, out.Request = x.Workspace.Explain(end.Err)
		x.run.State = plan.Failed
		var held *heldError
		if errors.As(end.Err, &held) {
			out.State = plan.Skipped
		} else if errors.Is(end.Err, errLeft) {
			out.State = plan.Pending
		}
	case graph.Blocked:
		out.State = plan.Skipped
		if len(end.By) > 0 {
			out.By = end.By[0]
		}
		out.Err = "blocked by " + out.By.String()
		x.run.State = plan.Failed
		x.Emit(Event{Kind: StepBlocked, Step: s, Outcome: out})
	case graph.NotStarted:
		out.State = plan.Pending
		x.run.State = plan.Failed
	case graph.Done:
	}
	if s.Action != plan.NoOp {
		x.run.Outcomes = append(x.run.Outcomes, out)
	}
}

// writing is the write of one step.
type writing struct {
	intent int64
	leave
}

// waits lets a run wait in which steps were withheld and nothing else went
// wrong.
func (x *execution) waits() {
	if len(x.withheld) == 0 {
		return
	}
	why := ""
	for _, o := range x.run.Outcomes {
		held, direct := x.withheld[o.Key]
		switch {
		case direct:
			why = held
		case o.State == plan.Skipped && o.By != (plan.Key{}): // by a step that is withheld, or by one that says itself what is wrong
		case o.State != plan.Done:
			return
		}
	}
	x.run.State, x.run.Err = plan.Waiting, why
}

// heldError is why a step was not tried.
type heldError struct{ text string }

func (e *heldError) Error() string { return e.text }

// step carries out one step: the intent first, then the write, then the
// outcome, which is noted even if the run was cancelled in the meantime.
func (x *execution) step(ctx, soft context.Context, key plan.Key) error {
	s := x.steps[key]
	switch {
	case s.Action == plan.Blocked || s.Action == plan.Unknown:
		return &heldError{s.Blocked}
	case x.prep.Plan.Refused(*s):
		return &heldError{"needs the approval " + s.Needs}
	case s.Action == plan.NoOp:
		x.keep(s)
		return nil
	case s.Action.Writes() && x.Withhold != nil:
		if why := x.Withhold(s); why != "" {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.withheld[key] = why
			return &heldError{why}
		}
	}
	started := x.Now()
	x.Emit(Event{Kind: StepStarted, Step: s})
	intent, err := x.Journal.Intend(ctx, x.run.Generation, key, s.Action, x.digest(s))
	if err != nil {
		x.refuse(err)
		return err
	}
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	owned, forget, err := x.do(ctx, s, &writing{intent, leave{soft, cut}})
	err = hide(err, x.secrets)
	out := plan.Outcome{Key: key, Action: s.Action, State: plan.Done, Started: started, Took: x.Now().Sub(started)}
	if err != nil {
		out.State, out.Err = plan.Failed, err.Error()
		out.Code, out.Request = x.Workspace.Explain(err)
		owned, forget = nil, false
	}
	x.mu.Lock()
	x.ends[key] = out
	x.mu.Unlock()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	if ctx.Err() != nil && err != nil {
		// The write may go on in the service: the intent stays open, and the
		// next run looks what became of it.
		if cause := context.Cause(ctx); errors.Is(cause, errLeft) {
			return cause
		}
		return err
	}
	if errors.Is(err, ErrMayBe) {
		// The intent stays open until a run has read what became of it.
		x.Emit(Event{Kind: StepFailed, Step: s, Outcome: out})
		return errors.Join(err, x.Journal.Record(end, x.run.Generation, out))
	}
	if jerr := x.Journal.Finish(end, x.run.Generation, End{intent, out, owned, forget}); jerr != nil {
		return errors.Join(err, jerr)
	}
	if err != nil {
		x.Emit(Event{Kind: StepFailed, Step: s, Outcome: out})
		return err
	}
	x.Emit(Event{Kind: StepDone, Step: s, Outcome: out})
	return nil
}

// refuse keeps why the journal took no intent: it is the end of the run as a
// whole, not of one step.
func (x *execution) refuse(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.refused == nil {
		x.refused = err
	}
}

func (x *execution) digest(s *plan.Step) string {
	if s.Want == nil {
		return ""
	}
	return resolve.Digest(s.Want)
}

// keep notes an asset that is as it should be and that the journal does not
// know, or knows differently: the journal is rebuilt from what is live.
func (x *execution) keep(s *plan.Step) {
	if s.Want == nil || s.Key.Part != "" || x.later(s) != nil || !x.unknown(s) {
		return
	}
	arm := s.ARM
	if kind.Of(s.Key.ID.Kind).Renames && s.Want.Anonymous {
		old, ok := x.prep.Owned[s.Key.ID]
		switch {
		case ok:
			arm = old.ARM
		case s.Live == nil: // nobody needs it, so it was not made
			return
		}
	}
	owned := x.owned(s, arm, plan.Created)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kept = append(x.kept, *owned)
}

// unknown reports whether the journal does not know the asset as it is wanted.
func (x *execution) unknown(s *plan.Step) bool {
	o, ok := x.prep.Owned[s.Key.ID]
	return !ok || o.Digest != resolve.Digest(s.Want) || o.File != s.Source.File || !maps.Equal(o.Secrets, x.prep.Fingerprints[s.Key.ID])
}

// owned is what the journal is to know of the asset of a step.
func (x *execution) owned(s *plan.Step, arm string, origin plan.Origin) *plan.Owned {
	if old, ok := x.prep.Owned[s.Key.ID]; ok {
		origin = old.Origin
	}
	want := *s.Want
	if last := x.later(s); last != nil {
		// Fields that a later step sets are not applied yet.
		want.Body = want.Body.Clone()
		for _, ch := range last.Changes {
			if ch.Live == nil {
				kind.RemovePath(want.Body, ch.Path)
			} else {
				want.Body.SetPath(ch.Live, ch.Path...)
			}
		}
	}
	return &plan.Owned{
		ID: s.Key.ID, Origin: origin, Body: want.Body, Digest: resolve.Digest(&want), Variant: want.Variant, ARM: arm,
		File: s.Source.File, Commit: x.run.Commit, At: x.Now(), Secrets: x.prep.Fingerprints[s.Key.ID], Done: kind.Of(s.Key.ID.Kind).Once,
	}
}

// later is the step that sets the late fields of the step's asset, nil if
// there is none.
func (x *execution) later(s *plan.Step) *plan.Step {
	if s.Key.Part != "" {
		return nil
	}
	return x.steps[plan.Key{ID: s.Key.ID, Part: plan.Late}]
}

// missing are the owned assets that git no longer has. History is not among
// them: as long as its file is there, nobody took it out.
func (x *execution) missing() []asset.ID {
	var out []asset.ID
	newest := newestByFile(x.prep.Want)
	moved := map[asset.ID]bool{}
	for _, o := range x.prep.moved {
		moved[o.ID] = true
	}
	for id, o := range x.prep.Owned {
		if t := kind.Of(id.Kind); t != nil && x.prep.Want.Set.Get(id) == nil && !moved[id] && !history(t, o, newest) {
			out = append(out, id)
		}
	}
	return out
}

// secrets gets every secret that the plan's writes need, before the first one.
func (p *Pass) secrets(ctx context.Context, prep *Prepared) (map[string]asset.Secret, error) {
	out := map[string]asset.Secret{}
	for _, name := range prep.secretNames() {
		s, err := p.Secret(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		out[name] = s
	}
	for _, s := range prep.Plan.Steps {
		if s.Want == nil || s.Action != plan.Adopt {
			continue
		}
		for _, name := range secretsOf(s.Want) {
			if got, err := p.Secret(ctx, name); err == nil {
				out[name] = got
			}
		}
	}
	return out, nil
}

// secretNames are the secrets of the steps that write, sorted.
func (prep *Prepared) secretNames() []string {
	names := map[string]bool{}
	for _, s := range prep.Plan.Steps {
		if s.Want == nil || !s.Action.Writes() || s.Action == plan.Adopt && len(acted(&s)) == 0 {
			continue // taking over an asset as it is needs no secret
		}
		for _, name := range secretsOf(s.Want) {
			names[name] = true
		}
	}
	out := keys(names)
	sort.Strings(out)
	return out
}

// secretsOf are the names of the secrets that a body refers to, anywhere.
func secretsOf(a *asset.Asset) []string {
	var out []string
	var walk func(v *asset.Value)
	walk = func(v *asset.Value) {
		if name, ok := kind.SecretName(v); ok {
			out = append(out, name)
		}
		for _, item := range v.Items() {
			walk(item)
		}
	}
	walk(a.Body)
	return out
}
