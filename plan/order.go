package plan

import (
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/graph"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// need makes s wait for the step k, if there is one that does something.
func (m *maker) need(s *Step, k Key) {
	if on := m.steps[k]; on != nil && on.Action != NoOp && k != s.Key && !slices.Contains(s.Requires, k) {
		s.Requires = append(s.Requires, k)
	}
}

// require says what each step waits for: what its asset refers to and is in,
// and for removals whatever still uses the asset.
func (m *maker) require() {
	for _, s := range m.all() {
		if s.Action == NoOp || s.Action == Unknown {
			continue
		}
		switch {
		case s.Key.Part == Clear:
		case s.Want != nil:
			m.requireWanted(s)
		}
		if s.Live != nil && s.Key.Part == "" {
			m.requireBefore(s)
		}
	}
	m.requireTogether()
	for _, s := range m.all() {
		slices.SortFunc(s.Requires, Key.Compare)
		s.Requires = slices.Compact(s.Requires)
	}
}

func (m *maker) requireWanted(s *Step) {
	id := s.Key.ID
	if m.Rollouts[id].Stage == Returning {
		return // nothing comes before it
	}
	for _, r := range m.needs(s.Want) {
		if r.late == (s.Key.Part == Late) {
			m.need(s, Key{ID: r.to})
			m.miss(s, r.to)
		}
	}
	m.requireTop(s)
	if s.Key.Part == "" {
		if p := parentOf(id); !p.IsZero() {
			m.need(s, Key{ID: p})
			m.miss(s, p)
		}
		return
	}
	m.need(s, Key{ID: id})
	m.miss(s, id)
	for _, l := range lateOf(s.Want) {
		for name := range l.names() {
			for _, a := range m.wantInside[id] {
				if a.ID.Name == name {
					m.need(s, Key{ID: a.ID})
				}
			}
		}
	}
}

// miss blocks s if the asset that it needs was deleted and is left away.
func (m *maker) miss(s *Step, id asset.ID) {
	if why := m.away[id]; why != "" && s.Action != Blocked {
		s.stop(WaitsFor, "it needs "+id.String()+": "+why)
	}
}

// gives reports whether a step of a rollout only takes traffic from a contained
// asset: it does not wait for one to which nothing will be done.
func (m *maker) gives(s *Step, id asset.ID) bool {
	r := m.Rollouts[s.Key.ID]
	return s.Key.Part == Late && parentOf(id) == s.Key.ID && r.Unfinished() && r.Next[id.Name] <= r.Live[id.Name] && r.Live[id.Name] > 0
}

// requireTop makes all else wait for the workspace, if that is to be made.
func (m *maker) requireTop(s *Step) {
	for _, id := range m.tops {
		if m.steps[Key{ID: id}].Action == Create && !kind.Of(s.Key.ID.Kind).Top {
			m.need(s, Key{ID: id})
		}
	}
}

// requireBefore makes the removals of what the live asset uses, and of what
// it is in, wait for s.
func (m *maker) requireBefore(s *Step) {
	for _, r := range m.needs(s.Live) {
		if on := m.steps[Key{ID: r.to}]; on != nil && on.removes() {
			part := ""
			if r.late {
				part = Late
			}
			if m.steps[Key{ID: s.Key.ID, Part: part}] != nil {
				m.need(on, Key{ID: s.Key.ID, Part: part})
			}
		}
	}
	box := m.steps[Key{ID: parentOf(s.Key.ID)}]
	if box != nil && s.Want == nil && (box.removes() || box.Action == Replace) {
		m.need(box, s.Key)
		m.need(box, Key{ID: box.Key.ID, Part: Clear})
	}
}

// requireTogether makes versions that the service archives only all together
// wait for whatever one of them waits for.
func (m *maker) requireTogether() {
	versions := map[asset.ID][]*Step{}
	for _, s := range m.all() {
		if s.Want == nil && s.Action != NoOp && s.Action != Orphan && kind.Of(s.Key.ID.Kind).StampsFixed {
			versions[s.Key.ID.Container()] = append(versions[s.Key.ID.Container()], s)
		}
	}
	for _, s := range m.all() {
		if s.Action != Archive {
			continue
		}
		for _, o := range versions[s.Key.ID.Container()] {
			if o.Action == Archive {
				s.Requires = append(s.Requires, o.Requires...)
			} else {
				m.need(s, o.Key)
			}
		}
	}
}

// choose restricts the plan to what was asked for and what that needs.
func (m *maker) choose() {
	if len(m.Options.Select) == 0 {
		return
	}
	g := m.graph()
	var picked []Key
	for _, pattern := range m.Options.Select {
		found := false
		for _, s := range m.all() {
			if selects(pattern, s.Key.ID) {
				picked, found = append(picked, s.Key), true
			}
		}
		if !found {
			m.problems.Hintf(problem.Pos{}, "no_match", "mlsync plan shows the ids", "nothing in this plan matches %q", pattern)
		}
	}
	keep := map[Key]bool{}
	for _, k := range append(g.Reach(picked...), picked...) {
		keep[k] = true
	}
	ids := map[asset.ID]bool{}
	for k := range m.steps {
		if keep[k] {
			ids[k.ID] = true
		} else {
			delete(m.steps, k)
		}
	}
	m.sorted = nil
	m.drift = slices.DeleteFunc(m.drift, func(d Drift) bool { return !ids[d.ID] })
}

// selects reports whether the pattern means id: a kind, an id with or without
// version, or a glob of one, in which * stays within a name.
func selects(pattern string, id asset.ID) bool {
	for _, text := range []string{id.String(), id.Container().String(), string(id.Kind)} {
		if ok, err := path.Match(pattern, text); ok && err == nil || pattern == text {
			return true
		}
	}
	return false
}

// graph holds the steps that wait for others or are waited for.
func (m *maker) graph() *graph.Graph[Key] {
	g := graph.New(Key.Compare)
	for k, s := range m.steps {
		for _, need := range s.Requires {
			g.Edge(k, need)
		}
	}
	return g
}

// order is the steps in an order in which they can be done: by how long a
// chain of steps comes before, then by key. Steps that wait for each other in
// a circle are blocked and wait no more.
func (m *maker) order() []*Step {
	g := m.graph()
	levels, err := g.Levels()
	for err != nil {
		m.cut(g.Cycles())
		g = m.graph()
		levels, err = g.Levels()
	}
	level := map[Key]int{}
	for i, keys := range levels {
		for _, k := range keys {
			level[k] = i
		}
	}
	out := slices.Clone(m.all())
	slices.SortStableFunc(out, func(a, b *Step) int { return level[a.Key] - level[b.Key] })
	return out
}

// cut blocks the steps of the cycles and takes their needs of each other away.
func (m *maker) cut(cycles [][]Key) {
	in := map[Key]bool{}
	for _, cycle := range cycles {
		names := make([]string, len(cycle))
		for i, k := range cycle {
			names[i], in[k] = k.String(), true
		}
		text := "a circle of references: " + strings.Join(append(names, names[0]), " -> ")
		m.problems.Hintf(m.steps[cycle[0]].Source, string(Cycle), "take one of the references out", "%s", text)
		for _, k := range cycle {
			m.steps[k].stop(Cycle, text)
		}
	}
	for k := range in {
		s := m.steps[k]
		s.Requires = slices.DeleteFunc(s.Requires, func(need Key) bool { return in[need] })
	}
}

// block stops every step that waits for one that will not be done.
func (m *maker) block(order []*Step) {
	for _, s := range order {
		if s.Action == NoOp || s.Action == Blocked || s.Action == Unknown {
			continue
		}
		if s.Needs != "" && !m.allowed(s.Needs) {
			continue // it is refused already, and names the approval that it needs
		}
		s.Requires = slices.DeleteFunc(s.Requires, func(need Key) bool {
			return m.gives(s, need.ID) && m.stands(m.steps[need]) != ""
		})
		for _, need := range s.Requires {
			if why := m.stands(m.steps[need]); why != "" {
				s.stop(WaitsFor, "it waits for "+need.String()+", which "+why)
				break
			}
		}
	}
}

// stands says why a step will not be done; "" if it will.
func (m *maker) stands(s *Step) string {
	switch {
	case s.Action == Blocked:
		return "is blocked"
	case s.Action == Unknown:
		return "could not be read"
	case s.Needs != "" && !m.allowed(s.Needs):
		return "needs approval"
	}
	return ""
}

func copies(steps []*Step) []Step {
	out := make([]Step, len(steps))
	for i, s := range steps {
		out[i] = *s
	}
	return out
}
