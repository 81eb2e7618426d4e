package promote

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// Back says what a rollback is: who does it, and where the releases are.
type Back struct {
	// Release is another release of the repository; nil if there is none.
	Release func(name string) *Release
	// Skip is what is remembered of each release that is rolled back; its
	// names are filled in.
	Skip Skip
	// Through is the registry that the release went through.
	Through string
}

// Rollback says what bringing a target back to a release means: its pins become
// those of the release. What newer releases brought goes, if promotion wrote
// it; traffic that went there goes to what is left. The newer releases are
// remembered, so that they are not applied again.
func Rollback(r *Release, t *Target, back Back) (*Promotion, problem.List, error) {
	p := newPlanner(r, t, Options{Again: true, Through: back.Through})
	if bad := p.ready(); len(bad) > 0 {
		return nil, bad, nil
	}
	current, known := p.pins.Release, slices.Contains(p.pins.History, r.Name)
	newer := p.newer()
	for i := range p.pins.Files {
		if pin := &p.pins.Files[i]; r.Get(pin.ID) != nil {
			pin.From = slices.DeleteFunc(pin.From, func(name string) bool { return slices.Contains(newer, name) })
		}
	}
	gone := p.retire(newer, back)
	for i := range r.Assets {
		if a := &r.Assets[i]; p.here(a.ID) {
			p.back(a, gone)
		}
	}
	p.record(func(pins *Pins) {
		pins.Skipped = slices.DeleteFunc(pins.Skipped, func(s Skip) bool { return s.Release == r.Name })
		for _, name := range newer {
			if name == r.Name || !known && name != current || pins.SkippedRelease(name, "") != nil {
				continue
			}
			s := back.Skip
			s.Release = name
			if other := back.Release(name); other != nil {
				s.Set = other.SetDigest()
			} else {
				s.Set = strings.Repeat("0", 64)
			}
			pins.Skipped = append(pins.Skipped, s)
		}
	})
	return p.done()
}

// newer are the releases that were promoted after the one that is gone back to,
// which end its history; all of them if it never was at the target.
func (p *planner) newer() []string {
	at := -1
	for i, name := range p.pins.History {
		if name == p.release.Name {
			at = i
		}
	}
	newer := slices.Clone(p.pins.History[at+1:])
	p.pins.History = p.pins.History[:at+1]
	return newer
}

// retire takes out of the overlay what only newer releases brought, and brings
// back what it said before them. It returns the assets that go.
func (p *planner) retire(newer []string, back Back) map[asset.ID]bool {
	gone := map[asset.ID]bool{}
	for _, pin := range slices.Clone(p.pins.Files) {
		if p.release.Get(pin.ID) != nil {
			continue
		}
		from := slices.DeleteFunc(slices.Clone(pin.From), func(name string) bool { return slices.Contains(newer, name) })
		switch {
		case len(from) == len(pin.From):
			continue // older releases brought it
		case len(from) == 0:
			gone[pin.ID] = true
			p.remove(pin)
		default:
			p.restore(pin, from, back)
		}
	}
	return gone
}

func (p *planner) remove(pin Pin) {
	file := path.Join(p.target.Overlay, pin.Path)
	if _, there := p.target.Read(file); there {
		p.out.Files = append(p.out.Files, File{Path: file})
	}
	p.pins.drop(pin.Path)
	p.out.Moves = append(p.out.Moves, Move{ID: pin.ID, File: file, What: "removed", Digest: pin.Digest})
}

// restore pins what an older release said of an asset.
func (p *planner) restore(pin Pin, from []string, back Back) {
	name := from[len(from)-1]
	older := back.Release(name)
	if older == nil || older.Get(pin.ID) == nil {
		p.block(pin.ID, "restore "+FileOf(name)+" from git", "it goes back to what the release %s says, and that is not there", name)
		return
	}
	a := older.Get(pin.ID)
	now := p.release
	p.release, p.layouts[pin.ID] = older, pin.Path
	p.asset(a)
	p.release = now
	if at := p.pins.Pin(pin.Path); at != nil {
		at.From, at.Digest = from, a.Digest
	}
}

// back pins one asset of the release, with traffic to what is left.
func (p *planner) back(a *Asset, gone map[asset.ID]bool) {
	before := len(p.out.Files)
	p.asset(a)
	lost := map[string]bool{}
	for id := range gone {
		if parentOf(id) == a.ID {
			lost[id.Name] = true
		}
	}
	if len(lost) == 0 || p.stopped[a.ID] {
		return
	}
	p.turn(a, lost, before)
}

// turn takes the traffic of contained assets that go to those that stay. The
// pinned form of the asset was made last.
func (p *planner) turn(a *Asset, lost map[string]bool, before int) {
	normal := p.out.assets[len(p.out.assets)-1]
	out := *normal
	for _, s := range kind.Stays(kind.VariantOf(normal), normal.Body) {
		next, changed, bad := p.turned(a, s, lost)
		if bad != "" {
			p.block(a.ID, "say where it goes: change "+strings.Join(s.Path, ".")+" of the target and apply it first", "%s", bad)
			return
		}
		if changed {
			s.Value = next
			if next.IsNull() {
				out.Body = out.Body.Clone()
				kind.RemovePath(out.Body, s.Path)
			} else {
				out.Body, _ = s.Put(out.Body)
			}
			p.out.Kept = slices.DeleteFunc(p.out.Kept, func(k Kept) bool { return k.ID == a.ID && k.Field == strings.Join(s.Path, ".") })
			p.keep(a.ID, s, "rollback", "")
		}
	}
	if out.Body == normal.Body {
		return
	}
	p.out.assets = p.out.assets[:len(p.out.assets)-1]
	p.out.Files = p.out.Files[:before]
	p.out.Moves = p.out.Moves[:len(p.out.Moves)-1]
	p.write(a, &out, p.target.Have(a.ID))
}

// turned is a late field of the target without the names that go. What they
// had goes to the assets that the release has there.
func (p *planner) turned(a *Asset, s kind.Stay, lost map[string]bool) (next *asset.Value, changed bool, bad string) {
	if s.Value.Type() != asset.Map {
		return s.Value, false, ""
	}
	rest, share := asset.NewMap(), int64(0)
	for name, v := range s.Value.Entries() {
		n, number := v.Int64()
		switch {
		case lost[name] && number:
			share += n
			changed = true
		case lost[strings.TrimPrefix(v.Str(), "azureml:")]:
			changed = true
			if one := p.only(a.ID); one != "" {
				rest.Set(name, asset.NewString("azureml:"+one))
			}
		default:
			rest.Set(name, v)
		}
	}
	switch {
	case !changed:
		return s.Value, false, ""
	case share == 0 || sum(s.Value) != 100: // nobody waits for an answer of it
		if rest.Len() == 0 {
			return asset.NewNull(), true, ""
		}
		return rest, true, ""
	}
	if one := p.only(a.ID); one != "" {
		n, _ := rest.Get(one).Int64()
		return rest.Set(one, asset.NewInt(n+share)), true, ""
	}
	if was := p.release.Get(a.ID).Written().Body.GetPath(s.Path...); was.Type() == asset.Map && sum(was) == 100 && !names(was, lost) {
		return was, true, ""
	}
	return nil, false, fmt.Sprintf("%d %% of the traffic go to what is taken back, and nobody says where else", share)
}

// only is the only contained asset that the release has in id; "" if there are
// several or none.
func (p *planner) only(id asset.ID) string {
	var found []string
	for i := range p.release.Assets {
		if a := p.release.Assets[i].ID; parentOf(a) == id {
			found = append(found, a.Name)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

func sum(m *asset.Value) (n int64) {
	for _, v := range m.Entries() {
		i, _ := v.Int64()
		n += i
	}
	return n
}

func names(m *asset.Value, lost map[string]bool) bool {
	return slices.ContainsFunc(m.Keys(), func(k string) bool { return lost[k] })
}
