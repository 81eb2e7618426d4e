package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// choreograph orders the work on assets that contain others: the container
// without its late fields, what is in it, the late fields; and the other way
// round for removals. No live traffic is ever left pointing to nothing.
func (m *maker) choreograph() {
	for _, s := range m.all() {
		s.settle()
		m.explain(s)
		if s.Action == Replace {
			m.emptied(s)
		}
	}
	for _, s := range m.all() {
		if s.Want != nil {
			m.insideOf(s)
			m.split(s)
		}
	}
	for _, s := range m.all() {
		if s.Key.Part == "" && s.removes() {
			m.removeContainer(s)
		}
	}
	for _, s := range m.all() {
		if p := parentOf(s.Key.ID); !p.IsZero() && (s.Action == Delete || s.Action == Replace) {
			m.offTraffic(s, p)
		}
	}
}

// settle says what the step writes.
func (s *Step) settle() {
	if s.Want == nil {
		return
	}
	s.Body = s.Want.Body
	if s.Action == Update || s.Action == Adopt || s.Action == NoOp {
		s.Body = diff.Effective(s.Want.Body, s.Changes)
	}
}

// insideOf checks that a contained asset has something to be in, and makes it
// anew if its container is replaced.
func (m *maker) insideOf(s *Step) {
	p := parentOf(s.Key.ID)
	if p.IsZero() || s.Action == Blocked {
		return
	}
	box := m.steps[Key{ID: p}]
	switch {
	case m.Want.Get(p) == nil && m.look(p) == notThere{}:
		text := fmt.Sprintf("%s is in %s, which is neither in this tree nor in the workspace", s.Key.ID, p)
		m.problems.Hintf(s.Source, string(MissingParent), "add a file for "+p.String(), "%s", text)
		s.stop(MissingParent, text)
	case box != nil && box.Action == Replace && s.Action != Unknown:
		s.Action, s.Changes, s.Live, s.Body = Create, nil, nil, s.Want.Body
		s.Why = p.String() + " is replaced"
		s.Upload, s.Copy = m.Uploads[s.Key.ID], m.Copies[s.Key.ID]
	}
}

// split takes the late changes off a container into a step of their own.
func (m *maker) split(s *Step) {
	m.checkNames(s)
	if s.Action == Blocked || s.Action == Unknown {
		return
	}
	var now, later []diff.Change
	if s.Action == Create || s.Action == Replace {
		now = slices.DeleteFunc(slices.Clone(s.Changes), func(ch diff.Change) bool { return ch.Late })
		for _, l := range lateOf(s.Want) {
			later = append(later, diff.Change{Path: l.path, Want: l.value, Class: l.field.Change, Reason: diff.Git, Late: true})
		}
	} else {
		for _, ch := range s.Changes {
			if ch.Late && ch.Want == nil && ch.Reason == diff.Default && ch.Ignored == "" && len(lateOf(s.Want)) == 0 {
				ch.Ignored = "released: it is left as it is"
			}
			if ch.Late && ch.Ignored == "" {
				later = append(later, ch)
			} else {
				now = append(now, ch)
			}
		}
	}
	s.Changes = now
	if len(later) == 0 {
		return
	}
	last := m.add(&Step{
		Key: Key{ID: s.Key.ID, Part: Late}, Action: Update, Changes: later, Want: s.Want, Body: s.Body, Live: s.Live, Source: s.Source, ARM: s.ARM,
		Why: "after what is in it",
	})
	if r, ok := m.Rollouts[s.Key.ID]; ok && r.Unfinished() {
		last.Why = r.move()
	}
	if kind.Of(s.Key.ID.Kind).Top {
		last.Why = "after what it names"
	}
	for _, l := range lateOf(s.Want) {
		for _, name := range slices.Sorted(maps.Keys(l.names())) {
			if ok, _ := m.willBe(s.Key.ID, name); !ok {
				last.Action, last.Code, last.Blocked = Unknown, NotRead, "nobody knows whether "+name+" exists"
			}
		}
	}
}

// checkNames finds late fields that name contained assets which will not be there.
func (m *maker) checkNames(s *Step) {
	want := s.Want
	if said := m.said[s.Key.ID]; said != nil {
		want = said
	}
	for _, l := range lateOf(want) {
		for _, name := range slices.Sorted(maps.Keys(l.names())) {
			if ok, known := m.willBe(s.Key.ID, name); ok || !known {
				continue
			}
			pos := l.value.Get(name).Pos()
			for _, p := range []problem.Pos{l.value.Pos(), s.Source} {
				if pos.IsZero() {
					pos = p
				}
			}
			m.problems.Hintf(pos, "missing_reference", "take it out, or add a file for "+name,
				"%s: %s names %q, which is neither in this tree nor in the workspace", s.Key.ID, strings.Join(l.path, "."), name)
			s.stop(LiveTraffic, strings.Join(l.path, ".")+" names "+name+", which does not exist")
			return
		}
	}
}

// willBe reports whether the container will hold an asset of the name, and
// whether that is known.
func (m *maker) willBe(box asset.ID, name string) (ok, known bool) {
	for _, a := range m.wantInside[box] {
		if a.ID.Name == name {
			return true, true
		}
	}
	for _, a := range m.inside[box] {
		if _, owned := m.Owned[a.ID]; a.ID.Name == name && !owned {
			return true, true
		}
	}
	if _, kept := m.Rollouts[box].Keep[name]; kept {
		return true, true
	}
	return false, m.insideRead(box)
}

// insideRead reports whether the contents of a container are known.
func (m *maker) insideRead(box asset.ID) bool {
	for _, t := range kind.All() {
		if t.Parent == box.Kind && (!m.Live.Listed[t.Kind] || m.Observed.Partial[t.Kind] != "") {
			return false
		}
	}
	return true
}

// removeContainer keeps a container in which something stays.
func (m *maker) removeContainer(s *Step) {
	for _, a := range m.wantInside[s.Key.ID] {
		s.stop(Contains, "it contains "+a.ID.String()+", which git has")
		return
	}
	m.emptied(s)
}

// emptied blocks s, which takes all that is in its asset away, if something
// is in it that is neither git's nor to be removed.
func (m *maker) emptied(s *Step) {
	for _, a := range m.inside[s.Key.ID] {
		if inner := m.steps[Key{ID: a.ID}]; inner == nil || inner.Want == nil && !inner.removes() {
			s.stop(Contains, "it contains "+a.ID.String()+", which stays")
			return
		}
	}
	if !m.insideRead(s.Key.ID) {
		s.stop(Contains, "what it contains could not be read")
	}
}

// offTraffic makes the removal of a contained asset wait until no live
// traffic goes to it, or blocks it.
func (m *maker) offTraffic(s *Step, p asset.ID) {
	live := m.live(p)
	name := s.Key.ID.Name
	moved := m.steps[Key{ID: p, Part: Late}]
	if !receiving(live)[name] {
		if moved != nil && s.Action == Delete {
			s.Requires = append(s.Requires, moved.Key)
		}
		return
	}
	want := m.Want.Get(p)
	box := m.steps[Key{ID: p}]
	ours, _ := m.ours(live) // the traffic of what is somebody else's stays
	switch {
	case s.Action == Replace:
		s.stop(LiveTraffic, "it receives live traffic, and a replacement would interrupt it: make another one and move the traffic")
	case moved != nil && moved.Action == Update && !receiving(after(live, moved.Changes))[name]:
		s.Requires = append(s.Requires, moved.Key)
	case want == nil && box != nil && box.removes():
		s.Requires = append(s.Requires, m.clear(box, live).Key)
	case want != nil && ours && len(lateOf(want)) == 0 && m.allGo(p, live):
		s.Requires = append(s.Requires, m.clear(&Step{Want: want, Source: box.Source, ARM: box.ARM, Key: box.Key}, live).Key)
	default:
		s.stop(LiveTraffic, "it receives live traffic; say in "+p.String()+" where the traffic goes")
	}
}

// after is the live asset once the changes are made.
func after(live *asset.Asset, changes []diff.Change) *asset.Asset {
	out := *live
	out.Body = live.Body.Clone()
	for _, ch := range changes {
		if !ch.Want.IsNull() {
			out.Body.SetPath(ch.Want, ch.Path...)
		} else if m := out.Body.GetPath(ch.Path[:len(ch.Path)-1]...); m.Type() == asset.Map {
			m.Delete(ch.Path[len(ch.Path)-1])
		}
	}
	return &out
}

// allGo reports whether everything that receives live traffic is removed.
func (m *maker) allGo(p asset.ID, live *asset.Asset) bool {
	for _, a := range m.inside[p] {
		if s := m.steps[Key{ID: a.ID}]; receiving(live)[a.ID.Name] && (s == nil || s.Action != Delete) {
			return false
		}
	}
	return true
}

// clear is the step that takes the late fields off a container.
func (m *maker) clear(box *Step, live *asset.Asset) *Step {
	key := Key{ID: box.Key.ID, Part: Clear}
	if s := m.steps[key]; s != nil {
		return s
	}
	s := &Step{Key: key, Action: Update, Live: live, Source: box.Source, ARM: box.ARM, Why: "before what is in it is removed"}
	want := *live
	if box.Want != nil {
		want = *box.Want
	}
	want.Body = want.Body.Clone()
	for _, l := range lateOf(live) {
		s.Changes = append(s.Changes, diff.Change{Path: l.path, Live: l.value, Want: l.field.Service, Class: l.field.Change, Reason: diff.Default, Late: true})
		parent := want.Body.GetPath(l.path[:len(l.path)-1]...)
		if parent.Type() == asset.Map {
			parent.Delete(l.path[len(l.path)-1])
		}
	}
	s.Want, s.Body = &want, want.Body
	return m.add(s)
}
