package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// removals makes the steps of assets that mlsync manages and git no longer has.
func (m *maker) removals() {
	for _, id := range slices.SortedFunc(maps.Keys(m.Owned), asset.ID.Compare) {
		o := m.Owned[id]
		if m.Want.Get(id) != nil {
			continue
		}
		t := kind.Of(id.Kind)
		if t == nil {
			m.problems.Warnf(problem.Pos{File: o.File}, "unknown_kind", "use the version of mlsync that made it", "%s is managed and of a kind that this version of mlsync does not know", id)
			continue
		}
		if m.quiet(t, o) {
			continue
		}
		s := m.add(&Step{Key: Key{ID: id}, Source: problem.Pos{File: o.File}, ARM: m.scope().ARM(id)})
		m.remove(s, t, o)
	}
	m.keepReferenced()
}

// quiet reports whether a removal is no news: inline assets come and go with
// those that hold them, as does code, and versions that a later one followed
// in the same file, and jobs that ran, are history.
func (m *maker) quiet(t *kind.Table, o Owned) bool {
	if m.Retire {
		return false
	}
	if t.Anonymous != "" && o.ID.Name == t.Anonymous || t.Versioned && t.Tags == "" && m.removal(t, o) == kind.Orphan {
		return true
	}
	return m.superseded(t, o) || t.Once && m.removal(t, o) == kind.Orphan
}

// superseded reports whether the file that held the version holds a later one
// now, wherever it has been moved, or the file of the job another run: then it is history, not removed.
func (m *maker) superseded(t *kind.Table, o Owned) bool {
	if t.Once {
		return m.jobFiles[o.File]
	}
	return slices.ContainsFunc(m.wantVersions[o.ID.Container()], func(a *asset.Asset) bool {
		return (a.Pos.File == o.File || m.Owned[a.ID].File == o.File) && asset.CompareVersions(a.ID.Version, o.ID.Version) > 0
	})
}

func (m *maker) removal(t *kind.Table, o Owned) kind.Removal {
	if r := m.rule(o.ID, o.File).OnRemove; r != "" {
		return r
	}
	return t.Remove
}

// remove decides about one asset. Every condition for a removal is checked
// here or, for what concerns several assets, in keepReferenced, choreograph
// and guard.
func (m *maker) remove(s *Step, t *kind.Table, o Owned) {
	id := s.Key.ID
	s.Why = "removed from git"
	if m.Source.Commit != "" {
		s.Why = "removed in " + short(m.Source.Commit)
	}
	how := m.removal(t, o)
	if m.Retire {
		s.Action, s.Why = Orphan, "the target was removed from the configuration"
		return
	}
	switch r := m.look(id).(type) {
	case unread:
		s.Action, s.Code, s.Blocked = Unknown, NotRead, r.why
		return
	case notThere:
		s.Action, s.Code, s.Why = Orphan, Gone, "it is gone from git and from the workspace"
		return
	case seen:
		if !r.again {
			s.Action, s.Code, s.Blocked = Unknown, NotRead, "it was not read again, and only what was read is removed"
			return
		}
		if why := cmp.Or(m.Observed.Partial[id.Kind], m.Observed.Partial[t.Parent]); why != "" {
			// It was read; but what else there is of its kind, or what that is
			// in, was not.
			s.Action, s.Code, s.Blocked = Unknown, NotRead, why
			return
		}
		s.Live = r.asset
	}
	to := m.wantedBy(id)
	switch {
	case !m.agreed(t, o, s.Live):
		s.Action = Orphan
		s.Why = "the workspace says that nobody owns it"
		if owner := s.Live.Stamps["owner"]; owner != "" {
			s.Why = "it belongs to " + owner + " now"
		}
	case !m.Complete || len(m.Problems.Errors()) > 0:
		s.stop(TreeIncomplete, "the tree could not be read completely, so nothing is removed")
	case to != "":
		s.Action, s.Code, s.Why = Orphan, HandedOver, "it is handed over to "+to
	case m.rule(id, o.File).Protect:
		s.stop(Protected, "it is protected")
	case how == kind.Orphan || t.Top:
		s.Action = Orphan
		s.Why += "; it stays in the workspace"
	case !m.Options.Prune:
		s.Action, s.Code = NoOp, PruneOff
		s.Why += " and kept: prune is off, or no run has ended well yet"
	case m.rollingOut(s):
	case o.Missing+1 < m.Guard.observations():
		s.Action, s.Code = NoOp, FirstSeen
		s.Why += " and kept until the next run finds the same"
	default:
		m.removeBy(s, t, how)
	}
}

func short(commit string) string { return commit[:min(7, len(commit))] }

// agreed reports whether the stamp of a live asset says what the journal says.
// Some kinds carry no stamps, and some only those of their creation.
func (m *maker) agreed(t *kind.Table, o Owned, live *asset.Asset) bool {
	owner := live.Stamps["owner"]
	if owner == "" {
		return t.Tags == "" || t.StampsFixed && o.Origin == Adopted
	}
	return owner == m.Owner || m.released(owner, o.ID)
}

// wantedBy is the target of the same repository that has a file of the asset
// by now; "" if none has.
func (m *maker) wantedBy(id asset.ID) string {
	for _, owner := range slices.Sorted(maps.Keys(m.Siblings)) {
		if m.Siblings[owner][id.Container()] {
			return owner
		}
	}
	return ""
}

// released reports whether the owner is a target of the same repository that
// has no file of the asset any more.
func (m *maker) released(owner string, id asset.ID) bool {
	names, ok := m.Siblings[owner]
	return ok && !names[id.Container()]
}

func (m *maker) removeBy(s *Step, t *kind.Table, how kind.Removal) {
	switch {
	case how == kind.Archive && t.Remove != kind.Archive:
		s.stop(BadRule, fmt.Sprintf("on_remove: archive, but the service cannot archive a %s", t.Kind))
	case how == kind.Archive && t.StampsFixed && len(m.wantVersions[s.Key.ID.Container()]) > 0:
		// It is archived with its name, once git has no version of it.
		s.Action, s.Code = NoOp, Referenced
		s.Why += " and kept: git has another version, and the service archives only all of them"
	case how == kind.Archive && m.Live.Archived[s.Key.ID]:
		s.Action, s.Code, s.Why = Orphan, Gone, "it is gone from git and archived"
	case how == kind.Archive:
		s.Action = Archive
	default:
		s.Action = Delete
		if how == kind.Confirm || t.Costly {
			s.Needs = "delete:" + s.Key.ID.String()
		}
	}
}

// keepReferenced keeps assets that something else still refers to: what git
// has, and what stays in the workspace. A kept asset refers to others in turn.
func (m *maker) keepReferenced() {
	if !slices.ContainsFunc(m.all(), (*Step).removes) {
		return
	}
	users := m.users()
	for changed := true; changed; {
		changed = false
		for _, s := range m.all() {
			if !s.removes() {
				continue
			}
			if why := m.keeper(s, users[s.Key.ID]); why != "" {
				s.Action, s.Code, s.Needs = NoOp, Referenced, ""
				s.Why += " and kept: " + why
				changed = true
			}
		}
	}
}

// keeper says why an asset that is to be removed has to stay; "" if nothing
// keeps it.
func (m *maker) keeper(s *Step, users []asset.ID) string {
	for _, user := range users {
		if u := m.steps[Key{ID: user}]; u == nil || !u.removes() {
			return user.String() + " refers to it"
		}
	}
	if s.Action != Archive || !kind.Of(s.Key.ID.Kind).StampsFixed {
		return ""
	}
	for _, o := range m.all() {
		if o.Code.Kept() && o.Key.ID.Container() == s.Key.ID.Container() {
			return o.Key.String() + " stays, and the service archives only all versions"
		}
	}
	return ""
}

// removes reports whether the step takes its asset out of the workspace.
func (s *Step) removes() bool { return s.Action == Archive || s.Action == Delete }

// users are the assets that refer to an asset, sorted: what git says, and of
// what is live all that no step is going to change. Jobs that ran are history
// and hold nothing.
func (m *maker) users() map[asset.ID][]asset.ID {
	out := map[asset.ID][]asset.ID{}
	note := func(a *asset.Asset, gone map[string]bool) {
		for _, r := range m.needs(a) {
			if !gone[r.path] {
				out[r.to] = append(out[r.to], a.ID)
			}
		}
	}
	for _, a := range m.wantAll {
		note(a, nil)
	}
	for _, a := range m.liveAll {
		if kind.Of(a.ID.Kind).Once {
			continue
		}
		s := m.steps[Key{ID: a.ID}]
		if s == nil || !s.Action.Writes() {
			note(a, nil)
			continue
		}
		if s.Action == Replace {
			continue
		}
		gone := map[string]bool{}
		for _, ch := range acting(s.Changes) {
			gone[ch.Dotted()] = true
		}
		note(a, gone)
	}
	for id, list := range out {
		slices.SortFunc(list, asset.ID.Compare)
		out[id] = slices.Compact(list)
	}
	return out
}
