package inventory

import (
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
)

// State says how an asset of a target stands to git.
type State string

// The states. Absent assets are neither in git nor in the target, Missing ones
// only in git. Removed ones are managed, and git no longer has them; Unmanaged
// ones are in the target only, and Foreign ones belong to somebody else. Drifted
// ones were changed in the target. Of Ahead ones the target has what git says,
// and a newer version that git has not. Of Unknown ones something could not be read.
const (
	InSync    State = "in sync"
	Differs   State = "differs"
	Drifted   State = "drifted"
	Ahead     State = "ahead"
	Missing   State = "missing"
	Removed   State = "removed from git"
	Unmanaged State = "unmanaged"
	Foreign   State = "other owner"
	Absent    State = "absent"
	Unknown   State = "unknown"
)

// Cell is one asset in one target.
type Cell struct {
	State State
	// There says that the target has it, Outside that it cannot.
	There, Outside bool
	// Version is the newest in the target, Git the newest that git has.
	Version, Git string
	// Created is when that version was made; zero if that is not known.
	Created time.Time
	// Why is a remark on the state, such as what could not be read.
	Why string
}

// Column is what is known of one target.
type Column struct {
	Target string
	Scope  kind.Scope
	// Failed is why nothing is known of the target; "" if it was read.
	Failed string
	// Owner is what the target stamps on its assets.
	Owner string
	// Plan compares git with the target; Want are the assets that git has, and
	// Whole says that these are all, as git could be read without a problem.
	Plan  *plan.Plan
	Want  []*asset.Asset
	Whole bool
	// Live is what the target has, by the id without version.
	Live map[asset.ID]Live
	// Absent reports whether the target said that it has not the asset, and if
	// not, why that is not known.
	Absent func(id asset.ID) (bool, string)

	steps map[asset.ID][]plan.Step // of wanted assets, by the id without version
	gone  map[asset.ID]plan.Step   // of assets that git no longer has
	drift map[asset.ID]bool
	want  map[asset.ID]string // the newest versions that git has
}

// index prepares for cell.
func (c *Column) index() {
	c.steps, c.gone, c.drift, c.want = map[asset.ID][]plan.Step{}, map[asset.ID]plan.Step{}, map[asset.ID]bool{}, map[asset.ID]string{}
	if c.Plan == nil {
		return
	}
	for _, a := range c.Want {
		id := a.ID.Container()
		if old, ok := c.want[id]; !a.Anonymous && (!ok || asset.CompareVersions(old, a.ID.Version) < 0) {
			c.want[id] = a.ID.Version
		}
	}
	for _, s := range c.Plan.Steps {
		id := s.Key.ID.Container()
		if s.Want != nil || s.Action == plan.Unknown {
			c.steps[id] = append(c.steps[id], s)
		} else {
			c.gone[id] = s
		}
	}
	for _, d := range c.Plan.Drift {
		c.drift[d.ID.Container()] = true
	}
}

// names are the assets that the target or git has, without versions.
func (c *Column) names() map[asset.ID]bool {
	out := map[asset.ID]bool{}
	for id := range c.Live {
		out[id] = true
	}
	for id := range c.want {
		out[id] = true
	}
	for id, steps := range c.steps {
		for _, s := range steps { // what git has and could not be resolved
			if s.Action == plan.Unknown && !kind.Of(id.Kind).IsSystem(id) && kind.Of(id.Kind).Anonymous != id.Name {
				out[id] = true
			}
		}
	}
	return out
}

// cell is what is known of one asset.
func (c *Column) cell(id asset.ID) Cell {
	out := Cell{State: Unknown, Why: c.Failed, Outside: !c.Scope.Holds(kind.Of(id.Kind))}
	if c.Failed != "" {
		return out
	}
	live, there := c.Live[id]
	git, wanted := c.want[id]
	out.There, out.Git, out.Version, out.Created = there, git, live.ID.Version, live.Created()
	for _, s := range c.steps[id] {
		if s.Action == plan.Unknown {
			out.Why = s.Blocked
			return out
		}
	}
	absent, why := false, ""
	if !there {
		if absent, why = c.Absent(id); !absent {
			out.Why = why
			return out
		}
	}
	switch {
	case !there && wanted:
		out.State = Missing
	case !there:
		out.State = Absent
	case wanted:
		if out.State, out.Why = c.compared(id); out.State == InSync && out.Version != git {
			out.State = Ahead
		}
	default:
		out.State, out.Why = c.unwanted(id, live)
	}
	return out
}

// compared is the state of an asset that both git and the target have.
func (c *Column) compared(id asset.ID) (State, string) {
	if len(c.steps[id]) == 0 {
		return Unknown, "the plan says nothing of it"
	}
	for _, s := range c.steps[id] {
		switch {
		case s.Action == plan.Blocked:
			return Differs, s.Blocked
		case s.Differs():
			return Differs, s.Why
		}
	}
	if c.drift[id] {
		return Drifted, ""
	}
	return InSync, ""
}

// unwanted is the state of an asset that git has not.
func (c *Column) unwanted(id asset.ID, live Live) (State, string) {
	owner := ""
	if live.Asset != nil {
		owner = live.Asset.Stamps["owner"]
	}
	gone, managed := c.gone[id]
	switch {
	case managed && c.Whole:
		return Removed, gone.Why
	case owner != "" && owner != c.Owner:
		return Foreign, owner
	case !c.Whole:
		return Unknown, "the files have problems, so it is not known whether git has it"
	}
	return Unmanaged, ""
}
