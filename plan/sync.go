package plan

import (
	"slices"

	"mlsync.dev/mlsync/diff"
)

// reportedOnly is why the differences of an asset that was not made by mlsync
// are left alone.
const reportedOnly = "adopted: it is reported, and changed only by the rule drift: correct"

// Differs reports whether the live asset is not as git says, whether the step
// does something about it or not. Fields that a rule leaves alone do not count,
// and neither does a stamp that is missing. What nobody could read is not known
// to differ: that is the action Unknown.
func (s Step) Differs() bool {
	switch s.Action {
	case Adopt, NoOp:
		return slices.ContainsFunc(s.Changes, func(c diff.Change) bool { return c.Ignored == "" || c.Ignored == reportedOnly })
	case Unknown:
		return false
	default:
		return s.Action.Writes() || s.Action == Blocked
	}
}
