package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"mlsync.dev/mlsync/plan"
)

// Approval is what somebody allowed a plan to do.
type Approval struct {
	ID    int64
	Allow []string
}

// Book is what is noted of a target beside its runs.
type Book interface {
	// Approvals are those that hold for what a plan asks consent to.
	Approvals(ctx context.Context, consent string) ([]Approval, error)
	// Use notes that approvals have served.
	Use(ctx context.Context, generation int64, ids ...int64) error
	// See notes the commit that was brought to the target last.
	See(ctx context.Context, generation int64, commit string) error
}

// Work brings a target to a commit: it is what is done for one task by whoever
// holds the lock of the target.
type Work struct {
	Pass   *Pass
	Book   Book
	Commit Commit
	// Task is what the work is for: it is the trigger of its runs.
	Task    string
	Options plan.Options
	// Search looks through the whole workspace for what bears our stamp.
	Search bool
	// Ready is told each plan before it is carried out; nil if nobody asks.
	Ready func(*plan.Plan)
	// Hold may keep a plan from being carried out for now: it returns the run
	// that it noted of it, which is waiting, or nil to go on. A nil Hold holds
	// nothing.
	Hold func(context.Context, *plan.Plan) (*plan.Run, error)
	// Due is set by Do: when there is something to do again although nothing
	// changes; zero is never.
	Due time.Time
}

// ErrProblems is returned when the tree has problems: nothing was written.
var ErrProblems = errors.New("problems in the tree: nothing is written")

// Do makes a plan and carries it out, with the approvals that were given for
// it. The plan is nil if there was none.
//
// Assets on which an operation of an earlier run goes on do not hold up the
// others: they come when it has ended. If something fails and the plan trusted
// the journal for assets that it did not read, everything is read and what is
// left is tried once more: somebody may have taken away what the journal still
// knows.
func (k *Work) Do(ctx context.Context) (plan.Run, *plan.Plan, error) {
	opt := k.Options
	for {
		run, prep, err := k.once(ctx, opt)
		if err != nil || prep == nil || run.State == plan.Waiting {
			return run, planOf(prep), err
		}
		if !opt.Full && prep.Plan.Observed.Known > 0 && failed(run) {
			k.Pass.Log.Warn("steps failed, and not all that they need was read: everything is read now", "target", k.Pass.Target.Name)
			opt.Full = true
			continue
		}
		if k.Due = prep.Due(run); len(prep.Busy) == 0 && !k.Due.IsZero() && !k.Due.After(k.Pass.Now()) && !failed(run) && wrote(run) {
			continue // a rollout goes on at once
		}
		if len(prep.Busy) == 0 {
			return run, prep.Plan, k.Book.See(ctx, run.Generation, k.Commit.Hash)
		}
		n, err := k.Pass.Wait(ctx, prep)
		if err != nil {
			return run, prep.Plan, err
		}
		k.Pass.Log.Info("waited for what went on", "target", k.Pass.Target.Name, "writes", n)
	}
}

func planOf(prep *Prepared) *plan.Plan {
	if prep == nil {
		return nil
	}
	return prep.Plan
}

func failed(run plan.Run) bool {
	for _, o := range run.Outcomes {
		if o.State == plan.Failed {
			return true
		}
	}
	return false
}

// wrote reports whether the run has changed something.
func wrote(run plan.Run) bool {
	return slices.ContainsFunc(run.Outcomes, func(o plan.Outcome) bool { return o.State == plan.Done && o.Action.Writes() })
}

// once makes a plan and carries it out.
func (k *Work) once(ctx context.Context, opt plan.Options) (plan.Run, *Prepared, error) {
	none := plan.Run{Commit: k.Commit.Hash}
	why := Trigger{Name: k.Task, Unmanaged: k.Search}
	prep, err := k.Pass.Prepare(ctx, k.Commit, opt, why)
	if err != nil {
		return none, nil, err
	}
	given, err := k.Book.Approvals(ctx, prep.Plan.Consent())
	if err != nil {
		return none, prep, err
	}
	if len(given) > 0 {
		for _, a := range given {
			opt.Allow = append(opt.Allow[:len(opt.Allow):len(opt.Allow)], a.Allow...)
		}
		if prep, err = k.Pass.Prepare(ctx, k.Commit, opt, why); err != nil {
			return none, nil, err
		}
	}
	if k.Ready != nil {
		k.Ready(prep.Plan)
	}
	if len(prep.Plan.Problems.Errors()) > 0 {
		return none, prep, ErrProblems
	}
	if k.Hold != nil {
		if held, err := k.Hold(ctx, prep.Plan); err != nil || held != nil {
			return *cmp.Or(held, &none), prep, err
		}
	}
	run, err := k.Pass.Apply(ctx, prep, k.Task)
	return run, prep, errors.Join(err, k.use(ctx, given, prep, run))
}

// use notes which approvals have served: those of which a step was carried
// out, or may have been. An approval of what was only tried still holds.
func (k *Work) use(ctx context.Context, given []Approval, prep *Prepared, run plan.Run) error {
	served := map[string]bool{}
	tried := map[plan.Key]bool{}
	for _, o := range run.Outcomes {
		tried[o.Key] = o.State == plan.Done || o.State == plan.Pending && !o.Started.IsZero()
	}
	for _, s := range prep.Plan.Steps {
		if s.Needs != "" && tried[s.Key] {
			served[s.Needs] = true
		}
	}
	var ids []int64
	for _, a := range given {
		for _, allow := range a.Allow {
			if served[allow] {
				ids = append(ids, a.ID)
				break
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return k.Book.Use(ctx, run.Generation, ids...)
}
