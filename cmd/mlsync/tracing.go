package main

import (
	"context"
	"sync"

	"mlsync.dev/mlsync/internal/trace"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// passTrace is the trace of one pass: it reads the repository, waits for the
// lock, plans, and applies step by step. A nil one traces nothing.
type passTrace struct {
	root *trace.Span

	mu       sync.Mutex // steps run at the same time
	planning *trace.Span
	applying *trace.Span
	ctx      context.Context //nolint:containedctx // of applying, in which steps begin that only an event tells of
	steps    map[plan.Key]*trace.Span
}

// begin starts the trace of a pass.
func (d *daemon) begin(ctx context.Context, target, task string) (context.Context, *passTrace) {
	ctx, root := d.tracer.Start(ctx, "pass", trace.Attr{Key: "mlsync.target", Value: target}, trace.Attr{Key: "mlsync.task", Value: task})
	if root == nil {
		return ctx, nil
	}
	return ctx, &passTrace{root: root, steps: map[plan.Key]*trace.Span{}}
}

// work begins the part that plans; ready ends it and begins the one that
// applies.
func (p *passTrace) work(ctx context.Context) context.Context {
	if p == nil {
		return ctx
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, p.planning = trace.Start(ctx, "plan")
	return ctx
}

func (p *passTrace) ready(ctx context.Context, made *plan.Plan) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planning.Set(trace.Attr{Key: "mlsync.plan", Value: made.Digest()}, trace.Attr{Key: "mlsync.requests", Value: made.Observed.Requests})
	p.planning.End(nil)
	if p.applying == nil {
		p.ctx, p.applying = trace.Start(ctx, "apply")
	}
}

// event begins and ends the steps.
func (p *passTrace) event(e reconcile.Event) {
	if p == nil || e.Step == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case reconcile.StepStarted:
		if p.ctx != nil {
			_, p.steps[e.Step.Key] = trace.Start(p.ctx, string(e.Step.Action), trace.Attr{Key: "mlsync.asset", Value: e.Step.Key.String()})
		}
	case reconcile.StepDone:
		s := p.steps[e.Step.Key]
		delete(p.steps, e.Step.Key)
		s.Set(trace.Attr{Key: "mlsync.state", Value: string(e.Outcome.State)})
		if e.Outcome.Request != "" {
			s.Set(trace.Attr{Key: "az.service_request_id", Value: e.Outcome.Request})
		}
		s.End(failure(e.Outcome.Err))
	default:
	}
}

// end ends the trace with what became of the pass.
func (p *passTrace) end(run plan.Run, made *plan.Plan, err error) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.steps {
		s.End(err)
	}
	p.planning.End(err)
	p.applying.End(err)
	p.root.Set(trace.Attr{Key: "mlsync.commit", Value: run.Commit}, trace.Attr{Key: "mlsync.run", Value: run.ID}, trace.Attr{Key: "mlsync.state", Value: string(run.State)})
	if made != nil {
		p.root.Set(trace.Attr{Key: "mlsync.plan", Value: made.Digest()}, trace.Attr{Key: "mlsync.drift", Value: len(made.Drift)})
	}
	failed := 0
	for _, o := range run.Outcomes {
		if o.State == plan.Failed {
			failed++
		}
	}
	p.root.Set(trace.Attr{Key: "mlsync.steps", Value: len(run.Outcomes)}, trace.Attr{Key: "mlsync.steps_failed", Value: failed})
	p.root.End(err)
}

// failure is the text of an outcome as an error.
func failure(text string) error {
	if text == "" {
		return nil
	}
	return textError(text)
}

type textError string

func (e textError) Error() string { return string(e) }
