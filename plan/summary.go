package plan

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

// summaryKeys are the counts of a summary in the order of printing.
var summaryKeys = []string{"create", "new_version", "update", "replace", "archive", "delete", "orphan", "adopt", "noop", "kept", "blocked", "unknown", "unmanaged"}

// Summary counts assets by what happens to them, by the names of the actions.
// "kept" are assets that stay although git no longer has them, "unmanaged"
// those that nobody manages. Every count is there, with 0 too. The steps of
// one asset count as one.
func (p *Plan) Summary() map[string]int {
	out := map[string]int{}
	for _, k := range summaryKeys {
		out[k] = 0
	}
	worked := map[asset.ID]bool{} // assets of which only a part changes
	for _, s := range p.Steps {
		if s.Key.Part != "" {
			worked[s.Key.ID] = true
		}
	}
	parts := map[asset.ID]Action{}
	for _, s := range p.Steps {
		switch {
		case s.Key.Part != "":
			if parts[s.Key.ID] != Update {
				parts[s.Key.ID] = s.Action
			}
		case s.Action == NoOp && worked[s.Key.ID]:
		case s.Code.Kept():
			out["kept"]++
			delete(worked, s.Key.ID)
		default:
			out[string(s.Action)]++
			delete(worked, s.Key.ID)
		}
	}
	for id := range worked {
		out[string(parts[id])]++
	}
	out["unmanaged"] = len(p.Unmanaged)
	return out
}

// Refused reports whether the step needs an approval that was not given.
func (p *Plan) Refused(s Step) bool {
	return s.Needs != "" && !slices.Contains(p.Options.Allow, s.Needs)
}

// Refusals are the steps that need an approval which was not given.
func (p *Plan) Refusals() []Step { return p.where(p.Refused) }

// Blocked are the steps that cannot be done, those aside that only wait for
// an approval.
func (p *Plan) Blocked() []Step {
	waits := map[Key]bool{}
	for _, s := range p.Refusals() {
		waits[s.Key] = true
	}
	var out []Step
	for _, s := range p.Steps { // in order: what is waited for comes first
		if s.Action != Blocked {
			continue
		}
		if s.Code == WaitsFor && slices.ContainsFunc(s.Requires, func(k Key) bool { return waits[k] }) {
			waits[s.Key] = true
			continue
		}
		out = append(out, s)
	}
	return out
}

// Unknown are the steps about which nothing could be said.
func (p *Plan) Unknown() []Step {
	return p.where(func(s Step) bool { return s.Action == Unknown })
}

// Work are the steps to carry out, in order: those that write and those that
// only the journal learns of. Steps that need an approval which was not given
// are not among them, and there are none at all while problems stop the work.
func (p *Plan) Work() []Step {
	if len(p.Problems.Errors()) > 0 {
		return nil
	}
	return p.work()
}

func (p *Plan) work() []Step {
	return p.where(func(s Step) bool { return (s.Action.Writes() || s.Action == Orphan) && !p.Refused(s) })
}

func (p *Plan) where(f func(Step) bool) []Step {
	var out []Step
	for _, s := range p.Steps {
		if f(s) {
			out = append(out, s)
		}
	}
	return out
}

// Pending reports whether the workspace differs from git in a way that the
// plan acts on, with an approval or without. Taking over an asset as it is,
// and forgetting one, change nothing in the workspace. A rollout that is not
// finished is a difference.
func (p *Plan) Pending() bool {
	return p.Unfinished() || slices.ContainsFunc(p.Steps, func(s Step) bool {
		return s.Action.Writes() && (s.Action != Adopt || len(acting(s.Changes)) > 0)
	})
}

// Settled reports whether the workspace is known to be as git says.
func (p *Plan) Settled() bool { return !p.Pending() && p.Complete() && len(p.Blocked()) == 0 }

// Complete reports whether everything was read that the plan speaks of.
func (p *Plan) Complete() bool { return len(p.Observed.Partial) == 0 && len(p.Unknown()) == 0 }

// The exit codes of all commands.
const (
	ExitDone     = 0
	ExitError    = 1
	ExitChanges  = 2
	ExitProblems = 3
	ExitFailed   = 4
	ExitRefused  = 5
)

// ExitCode is the exit code of a command that shows the plan: never 0 or 2 if
// something could not be read. detailed asks for ExitChanges if changes are
// pending.
func (p *Plan) ExitCode(detailed bool) int {
	switch {
	case len(p.Problems.Errors()) > 0:
		return ExitProblems
	case !p.Complete():
		return ExitError
	case len(p.Blocked()) > 0:
		return ExitFailed
	case detailed && p.Pending():
		return ExitChanges
	}
	return ExitDone
}
