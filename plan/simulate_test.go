package plan

import (
	"maps"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
)

// simulate carries the plan out on copies of what the input holds, step by
// step, and watches the traffic: what it goes to exists, after each step, if
// it did before.
func simulate(t *rapid.T, in Input, p *Plan) Input {
	live := asset.NewSet(in.Live.Assets.All()...)
	in.Live.Assets, in.Live.Archived, in.Owned = live, maps.Clone(in.Live.Archived), maps.Clone(in.Owned)
	broken := map[asset.ID]bool{} // before mlsync did anything
	for _, id := range dangling(live) {
		broken[id] = true
	}
	for _, s := range p.work() {
		perform(&in, s)
		for _, id := range dangling(live) {
			if !broken[id] {
				t.Fatalf("after %s %s, traffic goes to %s, which does not exist:\n%s", s.Key, s.Action, id, outline(p))
			}
		}
	}
	return in
}

// dangling are contained assets that traffic goes to and that do not exist.
func dangling(live *asset.Set) []asset.ID {
	var out []asset.ID
	for _, a := range live.All() {
		for name := range receiving(a) {
			id := asset.ID{Kind: inside[a.ID.Kind], Parent: a.ID.Name, Name: name}
			if live.Get(id) == nil {
				out = append(out, id)
			}
		}
	}
	return out
}

var inside = map[asset.Kind]asset.Kind{"online-endpoint": "online-deployment", "batch-endpoint": "batch-deployment"}

func perform(in *Input, s Step) {
	id, live := s.Key.ID, in.Live.Assets
	record := func(body *asset.Value) {
		o := in.Owned[id]
		if o.ID.IsZero() {
			o = Owned{ID: id, Origin: Created}
			if s.Action == Adopt {
				o.Origin = Adopted
			}
		}
		o.Body, o.Variant, o.File = body, s.Want.Variant, s.Want.Pos.File
		in.Owned[id] = o
	}
	put := func(body *asset.Value) {
		a := *s.Want
		a.Body, a.Stamps = body, map[string]string{"owner": in.Owner}
		live.Add(&a)
	}
	switch s.Action {
	case Delete, Archive, Orphan:
		delete(in.Owned, id)
		if s.Action == Delete {
			live.Remove(id)
		} else if s.Action == Archive {
			in.Live.Archived[id] = true
		}
	case Replace:
		for _, a := range live.All() {
			if parentOf(a.ID) == id {
				live.Remove(a.ID)
			}
		}
		put(withoutLate(s.Want))
		record(withoutLate(s.Want))
	case Create, NewVersion:
		put(withoutLate(s.Want))
		record(withoutLate(s.Want))
	default:
		put(patched(live.Get(id).Body, s.Changes))
		delete(in.Live.Archived, id)
		if s.Key.Part != Clear || in.Want.Get(id) != nil {
			record(s.Want.Body)
		}
	}
}

func withoutLate(a *asset.Asset) *asset.Value {
	body := a.Body.Clone()
	for _, l := range lateOf(a) {
		if m := body.GetPath(l.path[:len(l.path)-1]...); m.Type() == asset.Map {
			m.Delete(l.path[len(l.path)-1])
		}
	}
	return body
}

// patched is the live body with the changes that are acted on.
func patched(body *asset.Value, changes []diff.Change) *asset.Value {
	out := body.Clone()
	for _, ch := range acting(changes) {
		if !ch.Want.IsNull() {
			out.SetPath(ch.Want, ch.Path...)
		} else if m := out.GetPath(ch.Path[:len(ch.Path)-1]...); m.Type() == asset.Map {
			m.Delete(ch.Path[len(ch.Path)-1])
		}
	}
	return out
}
