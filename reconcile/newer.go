package reconcile

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/plan"
)

// ErrOvertaken is returned when the work was stopped for a newer commit.
var ErrOvertaken = errors.New("a newer commit is there")

// overtaken reports whether a newer commit is there.
func (p *Pass) overtaken() bool {
	select {
	case <-p.Newer: // blocks if it is nil
		return true
	default:
		return false
	}
}

// untilNewer is ctx, which ends with ErrOvertaken as its cause when a newer
// commit is there. stop frees what it takes.
func (p *Pass) untilNewer(ctx context.Context) (soft context.Context, stop func()) {
	soft, cancel := context.WithCancelCause(ctx)
	if p.overtaken() {
		cancel(ErrOvertaken)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-p.Newer:
			cancel(ErrOvertaken)
		case <-soft.Done():
		}
	}()
	return soft, func() {
		cancel(nil)
		<-done
	}
}

// errLeft is why a step ended whose operation the run waits for no longer.
var errLeft = errors.New("its operation goes on, and the next run takes it up")

// leave lets a step end early: what it has begun stays in the journal.
type leave struct {
	soft context.Context //nolint:containedctx // lives as long as one step, whose callbacks need it
	cut  context.CancelCauseFunc
}

// whenNewer lets the step end when a newer commit is there. It is called once
// the step does nothing but wait.
func (l *leave) whenNewer() { context.AfterFunc(l.soft, func() { l.cut(errLeft) }) }

// ifNewer lets the step end at once if a newer commit is there. What was sent
// of its content is found by the next run.
func (l *leave) ifNewer() {
	if l.soft.Err() != nil {
		l.cut(errLeft)
	}
}

// stopped is why the walk did not come to its end; nil if it did.
func (x *execution) stopped(ctx, soft context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case soft.Err() == nil:
		return nil
	}
	for _, o := range x.run.Outcomes {
		if o.State == plan.Pending {
			return context.Cause(soft)
		}
	}
	return nil
}
