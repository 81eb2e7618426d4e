package notify

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// What can be wrong with a target.
const (
	Failing    = "failing"     // a pass failed as a whole, or a step of it
	Drift      = "drift"       // an asset was changed behind git's back
	Approval   = "approval"    // a step waits for an approval
	Waiting    = "waiting"     // a release waits before a gate, or a change for its window
	Refused    = "refused"     // a gate has failed, and the release is refused
	Blocked    = "blocked"     // a step may not be done
	Returned   = "returned"    // traffic went back to what served before
	RolledBack = "rolled_back" // a release was rolled back in git
)

// Whats are all of them, in the order of the docs.
func Whats() []string {
	return []string{Failing, Drift, Approval, Waiting, Refused, Blocked, Returned, RolledBack}
}

// The severities, the least first.
const (
	Info    = "info"
	Warning = "warning"
	Error   = "error"
)

// Severities are all of them, the least first.
func Severities() []string { return []string{Info, Warning, Error} }

// The codes of drift.
const (
	driftLeft      = "left"      // it is to be corrected and was left
	driftCorrected = "corrected" // the pass changed it back
)

// codeReturned is the code of a step for traffic that was returned.
const codeReturned plan.Code = "rollout_returned"

// Condition is one thing that is wrong with a target. What, Asset and Code are
// its key; Text is for people and never compared.
type Condition struct {
	What     string
	Asset    asset.ID // zero for the target as a whole
	Code     string
	Severity string
	Text     string
	Commit   string
	Run      string
	Since    time.Time
}

// Pass is what a pass over a target found.
type Pass struct {
	Run  plan.Run
	Plan *plan.Plan
	// Err is why the pass as a whole failed, and Code a stable word for it.
	Err  error
	Code string
	// Refused says that a gate has failed, if the run waits.
	Refused bool
	// RolledBack is the release that was rolled back last in the target, and
	// why; "" for none.
	RolledBack, RolledBackWhy string
}

// Conditions are what is wrong after a pass, each key once. known reports
// whether the pass would have seen a condition: what it did not look at stays
// as it was.
func Conditions(p Pass) (now []Condition, known func(Condition) bool) {
	b := &builder{commit: p.Run.Commit, run: p.Run.ID}
	whole := func(c Condition) bool { return c.What == Failing && c.Asset == (asset.ID{}) }
	switch {
	case p.Err != nil:
		b.add(Failing, asset.ID{}, cmp.Or(p.Code, "error"), Error, p.Err.Error())
		return b.out, whole
	case p.Run.State == plan.Waiting:
		what, severity := Waiting, Info
		if p.Refused {
			what, severity = Refused, Error
		}
		b.add(what, asset.ID{}, cmp.Or(p.Run.Release.Name, "window"), severity, p.Run.Err)
		return b.out, func(c Condition) bool { return whole(c) || c.What == Waiting || c.What == Refused }
	case p.Plan == nil || p.Run.State == "":
		return nil, func(Condition) bool { return false }
	}
	if p.RolledBack != "" {
		b.add(RolledBack, asset.ID{}, p.RolledBack, Warning, p.RolledBackWhy)
	}
	b.unread(p)
	b.steps(p)
	b.drift(p)
	complete, full := p.Plan.Complete(), p.Plan.Options.Full
	return b.out, func(c Condition) bool {
		switch {
		case c.What == Drift:
			return complete && full
		case c.Asset == (asset.ID{}):
			return true
		}
		return complete
	}
}

type builder struct {
	commit, run string
	out         []Condition
}

func (b *builder) add(what string, id asset.ID, code, severity, text string) {
	c := Condition{What: what, Asset: id, Code: code, Severity: severity, Text: Plain(text), Commit: b.commit, Run: b.run}
	if !slices.ContainsFunc(b.out, func(o Condition) bool { return o.What == what && o.Asset == id && o.Code == code }) {
		b.out = append(b.out, c)
	}
}

// steps are those that failed, that wait for an approval and that may not be
// done.
func (b *builder) steps(p Pass) {
	for _, o := range p.Run.Outcomes {
		if o.State == plan.Failed {
			b.add(Failing, o.Key.ID, cmp.Or(o.Code, "error"), Error, o.Err)
		}
	}
	for _, s := range p.Plan.Refusals() {
		b.add(Approval, s.Key.ID, s.Needs, Warning, "needs the approval "+s.Needs)
	}
	for _, s := range p.Plan.Blocked() {
		switch s.Code {
		case codeReturned:
			b.add(Returned, s.Key.ID, string(codeReturned), Error, s.Blocked)
		case plan.Busy, plan.WaitsFor:
			// It ends by itself, or with what it waits for, which is told.
		default:
			b.add(Blocked, s.Key.ID, cmp.Or(string(s.Code), Blocked), Warning, s.Blocked)
		}
	}
}

// unread are the kinds that could not be read: nothing is known of them.
func (b *builder) unread(p Pass) {
	var texts []string
	for _, k := range slices.Sorted(maps.Keys(p.Plan.Observed.Partial)) {
		texts = append(texts, string(k)+": "+p.Plan.Observed.Partial[k])
	}
	if len(texts) > 0 {
		b.add(Failing, asset.ID{}, string(plan.NotRead), Error, "not read: "+strings.Join(texts, "; "))
	}
}

func (b *builder) drift(p Pass) {
	for _, d := range p.Plan.Drift {
		text := "changed"
		if len(d.Paths) > 0 {
			text += " in " + strings.Join(d.Paths, ", ")
		}
		if d.By != "" {
			text += " by " + d.By
		}
		switch {
		case d.Held != "":
			b.add(Drift, d.ID, driftLeft, Error, text+"; left: "+d.Held)
		case d.Revert && b.done(p, d.ID):
			b.add(Drift, d.ID, driftCorrected, Info, text+"; changed back")
		default:
			b.add(Drift, d.ID, "", Warning, text)
		}
	}
}

// done reports whether all steps of an asset were done.
func (b *builder) done(p Pass, id asset.ID) bool {
	any := false
	for _, o := range p.Run.Outcomes {
		if o.Key.ID != id {
			continue
		}
		if o.State != plan.Done {
			return false
		}
		any = true
	}
	return any
}

// Silent reports whether nobody is told that the condition is over: who was
// told that drift was corrected knows it already.
func (c Condition) Silent() bool { return c.What == Drift && c.Code == driftCorrected }
