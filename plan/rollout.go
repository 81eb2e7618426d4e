package plan

import (
	"fmt"
	"maps"
	"time"

	"mlsync.dev/mlsync/asset"
)

// RolloutRule says how traffic moves to what git wants: in steps.
type RolloutRule struct {
	// Steps are the percentages of the requests that what is new may get, one
	// after the other. They rise, and the last is 100.
	Steps []int
	// Pause is how long a step is on before the next one, at least.
	Pause time.Duration
	// Mirror is the percentage of the requests that what is new gets copies of
	// before it gets any; 0 is none.
	Mirror int
	// Deadline is how long a step waits for checks that give no answer.
	Deadline time.Duration
	// Keep is how long what git no longer has stays after the last step.
	Keep time.Duration
	// Stay leaves the traffic where it is when a check fails; otherwise it
	// goes back to what it was.
	Stay bool
}

// RolloutState says how a rollout stands in the journal.
type RolloutState string

// The states.
const (
	Running  RolloutState = "running"
	Reverted RolloutState = "returned"
	Finished RolloutState = "finished"
)

// RolloutRecord is what the journal knows of a rollout. The live traffic says
// how far it is; the record, since when, and what the checks came to. Without
// it the rollout goes on from what is live, after a whole pause.
type RolloutRecord struct {
	ID asset.ID
	// Wanted is a digest of what git wants the traffic to go to.
	Wanted string
	State  RolloutState
	// Before is what traffic was before the rollout; none once it is over.
	Before Shares
	// Shares and Mirror are the live traffic at the step that is on, Since is
	// since when.
	Shares, Mirror Shares
	Since          time.Time
	// Pause says that the step has its pause. What it was before the rollout
	// has none.
	Pause bool
	// Why is the evidence for the state: what a check has said.
	Why string
}

// Equal reports whether both records say the same.
func (r RolloutRecord) Equal(o RolloutRecord) bool {
	return r.ID == o.ID && r.Wanted == o.Wanted && r.State == o.State && r.Pause == o.Pause && r.Why == o.Why && r.Since.Equal(o.Since) &&
		r.Before.Equal(o.Before) && r.Shares.Equal(o.Shares) && r.Mirror.Equal(o.Mirror)
}

// on is the record with the live traffic as the step that is on from now.
func (r RolloutRecord) on(f *RolloutFacts, pause bool) RolloutRecord {
	r.Shares, r.Mirror, r.Since, r.Pause = f.Live, f.LiveMirror, f.Now, pause
	return r
}

// Stage says what a rollout does now.
type Stage string

// The stages. Preparing waits until what is new works, Pausing for the end of
// the pause, Checking for an answer of the checks. Moving goes to the next
// step. Returning takes the traffic back, Returned has done so. Kept has come
// to its end, and what git no longer has is kept for a while.
const (
	Preparing Stage = "preparing"
	Pausing   Stage = "pausing"
	Checking  Stage = "checking"
	Moving    Stage = "moving"
	Returning Stage = "returning"
	Returned  Stage = "returned"
	Kept      Stage = "kept"
)

// Rollout is how far the traffic of an asset may go now.
type Rollout struct {
	Stage Stage
	// Step is the number of the step that is on or, if Moving, of the next;
	// Of is how many there are.
	Step, Of int
	// Next and Mirror are what traffic is to be now; Before is what it was
	// before the rollout, Live what it is, Want what git wants it to be.
	Next, Mirror       Shares
	Before, Live, Want Shares
	// At is when there is something to do again, which is an estimate while
	// traffic moves; zero is when something else changes.
	At time.Time
	// Why is what it waits for, or why it was returned.
	Why string
	// Keep are the contained assets that stay although git no longer has
	// them, and until when; zero is until the rollout is over.
	Keep map[string]time.Time
}

// Unfinished reports whether traffic is not what git wants, or not for good.
func (r Rollout) Unfinished() bool { return r.Stage != Kept }

// failed reports whether the traffic was or is taken back.
func (r Rollout) failed() bool { return r.Stage == Returning || r.Stage == Returned }

// Unfinished reports whether a rollout is under way or was returned: then the
// workspace is not as git says.
func (p *Plan) Unfinished() bool {
	for _, r := range p.Rollouts {
		if r.Unfinished() {
			return true
		}
	}
	return false
}

// Verdict is what the checks of a rollout say.
type Verdict struct {
	State VerdictState
	// Evidence is what was seen, for people.
	Evidence string
}

// VerdictState is the result of checks.
type VerdictState string

// The results. Unanswered are checks of which nobody knows how they end.
const (
	Passed     VerdictState = "passed"
	Rejected   VerdictState = "failed"
	Unanswered VerdictState = "unknown"
)

// RolloutFacts are what a rollout is decided by.
type RolloutFacts struct {
	ID     asset.ID
	Rule   RolloutRule
	Now    time.Time
	Record *RolloutRecord // nil if the journal has none
	Wanted string         // see RolloutRecord
	// Live and LiveMirror are the live traffic, Want and WantMirror what git
	// wants. Want sums to 100.
	Live, LiveMirror, Want, WantMirror Shares
	// Mirrors says that the service can send copies.
	Mirrors bool
	// Ready says that nothing is being done to the asset itself.
	Ready bool
	// Sound reports whether a contained asset is there and works, Failed
	// whether it is there and does not. What was not read is neither.
	Sound, Failed func(name string) bool
	// Barred are those about which nothing can be done, such as what somebody
	// else owns: they get no traffic that they have not.
	Barred map[string]bool
	// Gone are the contained assets that git no longer has.
	Gone []string
}

// resume is the record as it stands now that the live traffic was read.
func (f *RolloutFacts) resume() RolloutRecord {
	old := f.Record
	switch {
	case old == nil:
		return f.begin()
	case f.arrived():
		return *old
	case f.Live.Sum() != 100 && old.Before.Within(f.free) == nil:
		return f.finished() // nothing has traffic, and nothing can have it again
	case old.Wanted != f.Wanted:
		return f.begin()
	case old.State == Finished && (f.Live.Equal(f.Want) || f.Live.Equal(old.Shares)):
		return f.finished()
	case old.State == Finished:
		return f.begin() // somebody was faster
	case old.State == Running && (!f.Live.Equal(old.Shares) || !f.LiveMirror.Equal(old.Mirror)):
		return old.on(f, true)
	}
	return *old
}

// begin is the record of a rollout that sets out from the live traffic. If the
// one before was not over, it would be returned to where that one set out.
func (f *RolloutFacts) begin() RolloutRecord {
	old := f.Record
	next := RolloutRecord{ID: f.ID, Wanted: f.Wanted, State: Running, Before: f.Live}.on(f, false)
	switch lost := old == nil || old.Why == guessed || len(old.Before) == 0 && !f.Live.Equal(old.Shares); {
	case !lost && len(old.Before) > 0 && f.Want.Equal(old.Before):
		return f.finished() // git has taken it back
	case !lost && len(old.Before) > 0:
		next.Before = f.base(old.Before)
		next.Pause = !f.Live.Equal(old.Before)
	case f.Live.Sum() != 100, f.Live.Equal(f.Want):
		return f.finished()
	case lost && (f.Live.toward(f.Want, f.Live.Rising(f.Want)) > 0 || f.LiveMirror.Sum() > 0):
		// Something may be under way.
		next.Pause = true
		next.Before, next.Why = Back(f.Live, f.Want), guessed
	}
	next.Pause = next.Pause || old != nil && old.State == Running && old.Pause
	return next
}

// base is what traffic goes back to if what grows from the live traffic fails:
// that gets no more than it has, even if it had more before an earlier rollout
// took it away. What it lacks goes to the others.
func (f *RolloutFacts) base(before Shares) Shares {
	had := f.Live.Rising(f.Want)
	if before.of(had) == before.toward(f.Live, had) {
		return before
	}
	out, others := maps.Clone(before), maps.Clone(before)
	for _, name := range had {
		out[name] = min(before[name], f.Live[name])
		delete(others, name)
	}
	if others.Sum() == 0 {
		return f.Live
	}
	maps.Copy(out, others.scaled(100-out.of(had), others.Sum()))
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out
}

// guessed is why a rollout knows not for certain what traffic was before.
const guessed = "the journal did not know it, so that what traffic was before is told from what is live"

// free reports whether a contained asset can get traffic.
func (f *RolloutFacts) free(name string) bool { return f.Sound(name) && !f.Barred[name] }

// arrived reports whether traffic was seen to be what git wants: then it is
// changed back at once if somebody changes it.
func (f *RolloutFacts) arrived() bool {
	old := f.Record
	return old != nil && old.State == Finished && old.Wanted == f.Wanted && old.Shares.Equal(f.Want)
}

// finished is the record of traffic that is to be what git wants at once. The
// shares in it are the live ones until they are.
func (f *RolloutFacts) finished() RolloutRecord {
	r := RolloutRecord{ID: f.ID, Wanted: f.Wanted, State: Finished, Shares: f.Live, Since: f.Now}
	old := f.Record
	if old != nil && !f.Live.Equal(f.Want) {
		r.Before = old.Before
	}
	if old != nil && old.State == Finished && old.Shares.Equal(f.Live) {
		r.Since = old.Since
	}
	return r
}

// New are the contained assets that get more than before, sorted: those that
// must pass the checks. There are none if there is nothing to check.
func (f *RolloutFacts) New() []string {
	r := f.resume()
	if r.State != Running || !f.Ready {
		return nil
	}
	return r.Before.Rising(f.Want)
}

// Decide says how far traffic may go, and what the journal is to know before.
// unmade is why what is new is not as git wants it yet; "" if it is. The
// verdict is that of the checks of New.
func (f *RolloutFacts) Decide(unmade string, v Verdict) (Rollout, RolloutRecord) {
	if !f.Ready && !f.arrived() {
		return f.wait() // the traffic may become another
	}
	r := f.resume()
	if r.State == Running {
		if why := f.fails(r, unmade, v); why != "" {
			r.State, r.Why, r.Since = Reverted, why, f.Now
			if f.Rule.Stay && f.Live.Sum() == 100 {
				r.Before = f.Live
			}
		}
	}
	out := Rollout{Of: len(f.Rule.Steps), Before: r.Before, Live: f.Live, Want: f.Want, Next: f.Live, Mirror: f.LiveMirror}
	out.Step = On(r.Before, f.Live, f.Want, f.Rule.Steps)
	switch {
	case r.State == Finished:
		return f.end(r), r
	case r.State == Reverted:
		f.back(&out, r)
	default:
		if unmade != "" {
			r = r.on(f, r.Pause) // its time begins when what is new works
		}
		if f.forth(&out, r, unmade, v); out.Stage == Kept {
			r.State, r.Why, r.Before = Finished, v.Evidence, nil
			return f.end(r), r
		}
	}
	out.Keep = f.all()
	return out, r
}

// all keeps everything that git no longer has.
func (f *RolloutFacts) all() map[string]time.Time {
	out := map[string]time.Time{}
	for _, name := range f.Gone {
		out[name] = time.Time{}
	}
	return out
}

// wait is a rollout of which nothing can be said now; what the journal knows
// stays as it is.
func (f *RolloutFacts) wait() (Rollout, RolloutRecord) {
	var r RolloutRecord
	if f.Record != nil {
		r = *f.Record
	}
	return Rollout{
		Stage: Preparing, Why: "something is being done to it", At: f.Now.Add(again), Keep: f.all(), Of: len(f.Rule.Steps),
		Before: r.Before, Live: f.Live, Next: f.Live, Mirror: f.LiveMirror, Want: f.Want,
	}, r
}

// again is how long it takes until something is looked at again that gives no
// answer.
const again = 30 * time.Second

// fails says why a rollout is to be returned; "" if it is not.
func (f *RolloutFacts) fails(r RolloutRecord, unmade string, v Verdict) string {
	for _, name := range r.Before.Rising(f.Want) {
		if f.Live[name]+f.LiveMirror[name] > 0 && f.Failed(name) {
			return name + " has failed"
		}
	}
	switch {
	case unmade != "":
		return ""
	case v.State == Rejected:
		return v.Evidence
	case v.State == Unanswered && !f.Now.Before(f.due(r).Add(f.Rule.Deadline)):
		return fmt.Sprintf("the checks have given no answer for %s: %s", f.Rule.Deadline, v.Evidence)
	}
	return ""
}

// due is when the pause of the step that is on is over.
func (f *RolloutFacts) due(r RolloutRecord) time.Time {
	if r.Pause {
		return r.Since.Add(f.Rule.Pause)
	}
	return r.Since
}

// end is a rollout that has come to its end.
func (f *RolloutFacts) end(r RolloutRecord) Rollout {
	out := Rollout{Stage: Kept, Step: len(f.Rule.Steps), Of: len(f.Rule.Steps), Live: f.Live, Want: f.Want, Next: f.Want, Mirror: f.WantMirror, Keep: map[string]time.Time{}}
	if until := r.Since.Add(f.Rule.Keep); f.Now.Before(until) {
		for _, name := range f.Gone {
			out.Keep[name], out.At = until, until
		}
	}
	return out
}

// back lets traffic go back to what it was.
func (f *RolloutFacts) back(out *Rollout, r RolloutRecord) {
	out.Stage, out.Why, out.Mirror = Returned, r.Why, Shares{}
	to := r.Before
	if f.Live.Sum() == 100 {
		to = f.base(to)
	}
	if before := to.Within(f.Sound); before != nil {
		out.Next = before
	} else {
		out.Why += "; it stays where it is, as nothing of what it was before works"
	}
	if !out.Next.Equal(f.Live) || f.LiveMirror.Sum() > 0 {
		out.Stage = Returning
	}
}

// forth lets traffic go on, if it may.
func (f *RolloutFacts) forth(out *Rollout, r RolloutRecord, unmade string, v Verdict) {
	switch {
	case f.Live.Sum() != 100:
		out.Stage, out.At, out.Why = Moving, f.Now.Add(f.Rule.Pause), "its traffic was taken off: it is again what it was before, and the rollout begins anew"
		out.Next, out.Mirror = r.Before.Within(f.free), Shares{}
		return
	case unmade != "":
		out.Stage, out.Why = Preparing, unmade
		return
	case f.Now.Before(f.due(r)):
		out.Stage, out.At = Pausing, f.due(r)
		return
	case v.State == Unanswered:
		out.Stage, out.Why, out.At = Checking, v.Evidence, f.Now.Add(again)
		return
	case f.Live.Equal(f.Want):
		out.Stage = Kept
		return
	}
	out.Stage, out.At = Moving, f.Now.Add(f.Rule.Pause)
	if name := f.mirrored(r); name != "" && f.LiveMirror[name] != f.Rule.Mirror {
		out.Mirror = Shares{name: f.Rule.Mirror}
		return
	}
	next, n := Toward(r.Before, f.Live, f.Want, f.Rule.Steps)
	next = next.Within(f.Sound)
	if next == nil || next.Equal(f.Live) {
		out.Stage, out.At, out.Why = Preparing, f.Now.Add(again), "nothing that is to get traffic works"
		return
	}
	out.Next, out.Step, out.Mirror = next, n, Shares{}
	for name, n := range f.WantMirror {
		if next[name] == 0 && f.Sound(name) {
			out.Mirror = Shares{name: n}
		}
	}
}

// mirrored is what gets copies of the requests before it gets any; "" if
// nothing does.
func (f *RolloutFacts) mirrored(r RolloutRecord) string {
	if !f.Mirrors || f.Rule.Mirror == 0 || len(f.WantMirror) > 0 {
		return ""
	}
	most := ""
	for _, name := range r.Before.Rising(f.Want) {
		if f.Live[name] > 0 {
			return ""
		}
		if most == "" || f.Want[name] > f.Want[most] {
			most = name
		}
	}
	return most
}
