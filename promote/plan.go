package promote

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// Options say how a release is brought to a target.
type Options struct {
	// Again takes a release that was rolled back.
	Again bool
	// Through is the registry in which the assets are that a registry can
	// hold; "" for none.
	Through string
}

// Plan says what bringing a release to a target means. The error is an
// *UnreadError. With problems, or with something blocked, nothing may be
// written.
func Plan(r *Release, t *Target, opt Options) (*Promotion, problem.List, error) {
	p := newPlanner(r, t, opt)
	if bad := p.ready(); len(bad) > 0 {
		return nil, bad, nil
	}
	for i := range r.Assets {
		if p.here(r.Assets[i].ID) {
			p.asset(&r.Assets[i])
		}
	}
	p.record(func(pins *Pins) {
		pins.Skipped = slices.DeleteFunc(pins.Skipped, func(s Skip) bool { return s.Release == r.Name || s.Set == r.SetDigest() })
	})
	return p.done()
}

type planner struct {
	release *Release
	target  *Target
	opt     Options
	out     *Promotion
	pins    *Pins
	unread  []string
	layouts map[asset.ID]string
	stopped map[asset.ID]bool
}

func newPlanner(r *Release, t *Target, opt Options) *planner {
	pins := t.Pins
	if pins == nil {
		pins = &Pins{}
	}
	p := &planner{
		release: r, target: t, opt: opt, pins: pins.clone(), out: &Promotion{Release: r, Target: t.Name},
		stopped: map[asset.ID]bool{},
	}
	var all []*asset.Asset
	for i := range r.Assets {
		all = append(all, r.Assets[i].Written())
	}
	p.layouts = tree.Layouts(all)
	return p
}

// ready says what must be mended before anything can be said.
func (p *planner) ready() (bad problem.List) {
	if p.target.Overlay == "" {
		bad.Hintf(problem.Pos{File: "mlsync.yaml"}, "no_overlay", "add overlay: "+p.target.Name+" to the target: promotion writes into the last of its overlays and nowhere else",
			"targets.%s: the target has no overlay", p.target.Name)
	}
	if s := p.pins.SkippedRelease(p.release.Name, p.release.SetDigest()); s != nil && !p.opt.Again {
		bad.Hintf(problem.Pos{File: PinsPath(p.target.Overlay)}, CodePins, "say --again if it is meant", "the release %s was rolled back in target %s%s", s.Release, p.target.Name, s.reason())
	}
	return bad
}

// here reports whether an asset of the release is to be in this target: a
// registry holds some kinds, and what went through one is not in the workspace.
func (p *planner) here(id asset.ID) bool {
	t := kind.Of(id.Kind)
	if p.target.Scope.Registry != "" {
		return t.InRegistry
	}
	return p.opt.Through == "" || !t.InRegistry
}

func (p *planner) block(id asset.ID, cure, format string, args ...any) {
	p.stopped[id] = true
	p.out.Blocked = append(p.out.Blocked, Blocked{ID: id, Why: fmt.Sprintf(format, args...), Cure: cure})
}

// asset pins one asset of the release.
func (p *planner) asset(a *Asset) {
	want := a.Written()
	t := kind.Of(a.ID.Kind)
	had := p.target.Have(a.ID)
	if had.Unknown != "" {
		p.unread = append(p.unread, fmt.Sprintf("%s in target %s: %s", a.ID, p.target.Name, had.Unknown))
		return
	}
	if had.Asset != nil && had.Asset.Variant != want.Variant {
		p.block(a.ID, "remove it there first, or give the new one another name", "target %s has it as %s, and the release as %s", p.target.Name, had.Asset.Variant, want.Variant)
		return
	}
	if t.Versioned && had.Asset != nil {
		if fields := Differs(want, a.ContentsOf(), had.Asset, had.Contents, p.through()...); len(fields) > 0 {
			p.block(a.ID, "register it under another version, and make a release of that", "target %s has the same version with other content (%s)", p.target.Name, strings.Join(fields, ", "))
			b := &p.out.Blocked[len(p.out.Blocked)-1]
			b.Have, b.Want = Digest(had.Asset, had.Contents, p.through()...), a.Digest
			return
		}
	}
	own := had
	if own.Asset == nil && t.Versioned {
		own = p.target.Newest(a.ID.Container())
		if own.Unknown != "" {
			p.unread = append(p.unread, fmt.Sprintf("the versions of %s in target %s: %s", a.ID.Container(), p.target.Name, own.Unknown))
			return
		}
		if own.Asset != nil && own.Asset.Variant != want.Variant {
			own = Had{}
		}
	}
	out := *want
	out.Auto, out.Body = false, p.body(a, want, own)
	if p.stopped[a.ID] {
		return
	}
	p.write(a, &out, had)
}

// through are the registries in which assets count as if they were not.
func (p *planner) through() []string {
	if registry := cmp.Or(p.target.Scope.Registry, p.opt.Through); registry != "" {
		return []string{registry}
	}
	return nil
}

// site brings one reference or address into the target's terms.
func (p *planner) site(a *Asset, want *asset.Asset, s kind.Site) *asset.Value {
	for _, c := range a.Content {
		if c.Field == s.Dotted() {
			return asset.NewString(p.address(c, s))
		}
	}
	registry := p.opt.Through
	if p.target.Scope.Registry != "" {
		registry = p.target.Scope.Registry
	}
	var to asset.ID
	switch t := s.Type.(type) {
	case kind.Ref:
		to = refersTo(t, want, s.Value)
	case kind.Local:
		if t.Asset != "" {
			to = refersTo(kind.Ref{To: t.Asset}, want, s.Value)
		}
	}
	if registry == "" || to.IsZero() || !kind.Of(to.Kind).InRegistry || p.release.Get(to) == nil {
		return s.Value
	}
	return asset.NewString(kind.Scope{Registry: registry}.Refer(to))
}

// address is where content of the release is in the target: where the
// reference client would put the same bytes.
func (p *planner) address(c Content, s kind.Site) string {
	if c.Code {
		return p.target.Scope.Refer(asset.ID{Kind: "code", Name: kind.CodeName(c.Hash), Version: "1"})
	}
	blob := "LocalUpload/" + c.Hash + "/" + c.Base()
	l, _ := s.Type.(kind.Local)
	if l.What == kind.Context {
		return p.target.Context + blob + "/"
	}
	if c.Dir && l.Slash {
		blob += "/"
	}
	return kind.StoreURI{Datastore: defaultStore, Path: blob}.String()
}

// defaultStore is the datastore of every workspace that uploads go to.
const defaultStore = "workspaceblobstore"

// write puts the pinned asset into its file.
func (p *planner) write(a *Asset, out *asset.Asset, had Had) {
	move := Move{ID: a.ID, Digest: a.Digest, What: "new"}
	for _, c := range a.Content {
		move.Files += c.Files
		move.Bytes += c.Bytes
	}
	normal, bad := Normal(out)
	if len(bad) > 0 || normal == nil {
		p.block(a.ID, "", "its file could not be read back: %s", strings.Join(strings.Fields(bad.Error()), " "))
		return
	}
	p.out.assets = append(p.out.assets, normal)
	move.File = path.Join(p.target.Overlay, p.layouts[a.ID])
	rel, inside := strings.CutPrefix(had.File, path.Clean(p.target.Overlay)+"/")
	switch {
	case inside && !had.Alone:
		p.block(a.ID, "give it a file of its own", "%s holds other assets as well", had.File)
		return
	case inside:
		move.File = had.File
	default:
		rel = p.layouts[a.ID]
	}
	if had.Tree != nil || had.Asset != nil {
		move.What = "changed"
	}
	data := tree.Write(out)
	old, there := p.target.Read(move.File)
	switch {
	case there && !inside && p.pins.Pin(rel) == nil:
		p.block(a.ID, "move it", "another file is at %s", move.File)
		return
	case there && (bytes.Equal(old, data) || inside && had.Tree.Variant == normal.Variant && had.Tree.Body.Equal(normal.Body)):
		move.What = "unchanged" // also if somebody wrote the same in other words
	default:
		p.out.Files = append(p.out.Files, File{Path: move.File, Bytes: data})
	}
	p.pins.put(rel, a.ID, a.Digest, p.release.Name)
	p.out.Moves = append(p.out.Moves, move)
}

// record finishes the record of the overlay.
func (p *planner) record(finish func(*Pins)) {
	if n := len(p.pins.History); n == 0 || p.pins.History[n-1] != p.release.Name {
		p.pins.History = append(p.pins.History, p.release.Name)
	}
	p.pins.Release, p.pins.Through = p.release.Name, p.opt.Through
	finish(p.pins)
	data := WritePins(p.pins)
	if old := p.target.Pins; old == nil || !bytes.Equal(WritePins(old), data) {
		p.out.Files = append(p.out.Files, File{Path: PinsPath(p.target.Overlay), Bytes: data})
	}
	p.out.Pins = p.pins
}

func (p *planner) done() (*Promotion, problem.List, error) {
	if len(p.unread) > 0 {
		slices.Sort(p.unread)
		return nil, nil, &UnreadError{Why: slices.Compact(p.unread)}
	}
	p.dependents()
	slices.SortFunc(p.out.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(p.out.Blocked, func(a, b Blocked) int { return a.ID.Compare(b.ID) })
	return p.out, nil, nil
}

// dependents blocks what refers to something that is blocked.
func (p *planner) dependents() {
	for again := true; again; {
		again = false
		for i := range p.release.Assets {
			a := &p.release.Assets[i]
			if p.stopped[a.ID] || !p.here(a.ID) {
				continue
			}
			for _, to := range append(p.refers(a), parentOf(a.ID)) {
				if p.stopped[to] {
					p.block(a.ID, "", "%s, which it needs, is blocked", to)
					again = true
					break
				}
			}
		}
	}
	p.out.Moves = slices.DeleteFunc(p.out.Moves, func(m Move) bool { return p.stopped[m.ID] })
}

// refers are the assets of the release that one needs.
func (p *planner) refers(a *Asset) []asset.ID {
	var out []asset.ID
	for _, l := range links(a.Written()) {
		if !l.to.IsZero() && !l.stays && !l.code {
			out = append(out, l.to)
		}
	}
	return out
}
