package plan

import (
	"maps"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Make makes the plan. It is pure: equal inputs give equal plans, byte for
// byte. No asset of the input is changed; the steps share them.
func Make(in Input) *Plan {
	m := newMaker(&in)
	for _, a := range m.wantAll {
		m.wanted(a)
	}
	m.unneeded()
	m.removals()
	m.unresolved()
	m.choreograph()
	m.wait()
	m.rollouts()
	m.require()
	m.choose()
	m.guard()
	order := m.order()
	m.block(order)
	p := &Plan{
		Target: in.Target, Source: in.Source, Observed: in.Observed, Options: in.Options,
		Steps: copies(order), Drift: m.drift, Problems: append(in.Problems.Sorted(), m.problems.Sorted()...), Unmanaged: m.unmanaged(), Rollouts: in.Rollouts,
	}
	if p.Observed.Fingerprint == "" {
		p.Observed.Fingerprint = m.fingerprint()
	}
	return p
}

// maker makes one plan.
type maker struct {
	*Input
	steps map[Key]*Step
	// sorted are the steps by key; nil if it must be made again.
	sorted []*Step
	drift  []Drift
	// wantAll and liveAll are the wanted and the live assets, sorted.
	wantAll, liveAll []*asset.Asset
	// versions are all known versions by container, sorted.
	versions map[asset.ID][]string
	// inside are the live assets by the asset that contains them, sorted;
	// wantInside the wanted ones.
	inside, wantInside map[asset.ID][]*asset.Asset
	// wantVersions are the wanted assets of versioned kinds by container.
	wantVersions map[asset.ID][]*asset.Asset
	// jobFiles are the files of wanted jobs.
	jobFiles map[string]bool
	// tops are the wanted workspaces and registries.
	tops []asset.ID
	// away are the wanted assets that somebody deleted and that are left away,
	// with the reason.
	away     map[asset.ID]string
	problems problems
	// said are the wanted assets as git says them whose traffic a rollout
	// holds back.
	said map[asset.ID]*asset.Asset
	// corrected is how many assets are changed back.
	corrected int
}

func newMaker(in *Input) *maker {
	m := &maker{
		Input: in, steps: map[Key]*Step{}, away: map[asset.ID]string{}, versions: map[asset.ID][]string{},
		inside: map[asset.ID][]*asset.Asset{}, wantInside: map[asset.ID][]*asset.Asset{}, wantVersions: map[asset.ID][]*asset.Asset{}, jobFiles: map[string]bool{}, said: map[asset.ID]*asset.Asset{}, wantAll: in.Want.All(), liveAll: in.Live.Assets.All(),
	}
	for id, list := range in.Live.Versions {
		m.versions[id.Container()] = append(m.versions[id.Container()], list...)
	}
	m.steer()
	for _, a := range m.wantAll {
		if kind.Of(a.ID.Kind).Top {
			m.tops = append(m.tops, a.ID)
		}
	}
	for _, a := range m.liveAll {
		if a.ID.Version != "" {
			m.versions[a.ID.Container()] = append(m.versions[a.ID.Container()], a.ID.Version)
		}
		if p := parentOf(a.ID); !p.IsZero() {
			m.inside[p] = append(m.inside[p], a)
		}
	}
	for id := range in.Live.Known {
		if id.Version != "" {
			m.versions[id.Container()] = append(m.versions[id.Container()], id.Version)
		}
	}
	for id, list := range m.versions {
		slices.SortFunc(list, asset.CompareVersions)
		m.versions[id] = slices.Compact(list)
	}
	for _, a := range m.wantAll {
		m.jobFiles[a.Pos.File] = m.jobFiles[a.Pos.File] || kind.Of(a.ID.Kind).Once
		if a.ID.Version != "" {
			m.wantVersions[a.ID.Container()] = append(m.wantVersions[a.ID.Container()], a)
		}
		if p := parentOf(a.ID); !p.IsZero() {
			m.wantInside[p] = append(m.wantInside[p], a)
		}
	}
	return m
}

// unresolved makes steps of assets that git has and that are not among the
// wanted ones, as too little could be read to say what they are.
func (m *maker) unresolved() {
	for id, why := range m.Live.Unknown {
		if _, owned := m.Owned[id]; !owned && m.Want.Get(id) == nil {
			m.add(&Step{Key: Key{ID: id}, Action: Unknown, Code: NotRead, Blocked: why, ARM: m.scope().ARM(id)})
		}
	}
}

// unneeded makes nothing of inline assets that only assets hold for which
// nothing is to be done. The service chooses their versions, so whether they
// are there cannot be asked.
func (m *maker) unneeded() {
	var todo []*Step
	needed := map[*Step]bool{}
	part := func(s *Step) bool {
		return s.Action == Create && s.Want.Anonymous && kind.Of(s.Key.ID.Kind).Renames
	}
	for _, s := range m.all() {
		if s.Want != nil && s.Action.Writes() && !part(s) {
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for _, r := range references(m.scope(), s.Want) {
			if on := m.steps[Key{ID: r.to}]; on != nil && part(on) && !needed[on] {
				needed[on] = true
				todo = append(todo, on)
			}
		}
	}
	for _, s := range m.all() {
		if s.Want != nil && part(s) && !needed[s] {
			s.Action = NoOp
		}
	}
}

// wait blocks the steps of assets on which an operation of an earlier run
// goes on: what it makes of them is seen when it has ended.
func (m *maker) wait() {
	for _, s := range m.all() {
		if why := m.Live.Busy[s.Key.ID]; why != "" {
			s.stop(Busy, why)
		}
	}
}

// parentOf is the asset that contains id; zero if there is none.
func parentOf(id asset.ID) asset.ID {
	if id.Parent == "" {
		return asset.ID{}
	}
	return asset.ID{Kind: kind.Of(id.Kind).Parent, Name: id.Parent}
}

// live is the asset as read or, if it was not read again, as the journal
// knows it; nil if there is none or nobody knows.
func (m *maker) live(id asset.ID) *asset.Asset {
	if a := m.Live.Assets.Get(id); a != nil {
		return a
	}
	return m.remembered(id)
}

// ours says whether a live asset is managed by this target, and by whom else.
func (m *maker) ours(a *asset.Asset) (ours bool, other string) {
	stamp := a.Stamps["owner"]
	_, owned := m.Owned[a.ID]
	switch {
	case stamp == "" || m.released(stamp, a.ID):
		return owned, ""
	case stamp != m.Owner:
		return false, stamp
	}
	return true, ""
}

func (m *maker) add(s *Step) *Step {
	m.steps[s.Key], m.sorted = s, nil
	return s
}

// all are the steps, sorted by key. Steps that are added while the list is
// walked are not in it.
func (m *maker) all() []*Step {
	if m.sorted == nil {
		m.sorted = slices.SortedFunc(maps.Values(m.steps), func(a, b *Step) int { return a.Key.Compare(b.Key) })
	}
	return m.sorted
}

// stop makes s a step that does nothing.
func (s *Step) stop(code Code, why string) {
	s.Action, s.Code, s.Blocked, s.Needs = Blocked, code, why, ""
}

func (m *maker) unmanaged() []asset.ID {
	var out []asset.ID
	for _, a := range m.liveAll {
		if ours, other := m.ours(a); ours || other != "" || a.Anonymous || m.Want.Get(a.ID) != nil || kind.Of(a.ID.Kind).IsSystem(a.ID) {
			continue
		}
		out = append(out, a.ID)
	}
	return out
}
