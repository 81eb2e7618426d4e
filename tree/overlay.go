package tree

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// patch is one document of an overlay.
type patch struct {
	file    *File
	rel     string // path below the overlay
	order   int
	doc     *asset.Value
	verdict kind.Verdict
}

func (r *reader) addPatch(f *File, doc *asset.Value, rel string, v kind.Verdict, order int) {
	f.Docs = append(f.Docs, doc)
	r.patches = append(r.patches, &patch{file: f, rel: rel, order: order, doc: doc, verdict: v})
}

// patchAll lays the overlays over the drafts, in the order of the overlays
// and within one in the order of paths. A document that names an asset of the
// tree is a merge patch of it; a complete one that names none is one asset
// more.
func (r *reader) patchAll() {
	slices.SortStableFunc(r.patches, func(a, b *patch) int { return a.order - b.order })
	for _, p := range r.patches {
		if p.doc.Type() != asset.Map {
			p.file.Bad = true
			r.bad.Hintf(p.doc.Pos(), "bad_overlay", "give name: and the fields to change", "a document of an overlay is a map, not %s", aType(p.doc))
			continue
		}
		r.patchOne(p)
	}
}

func (r *reader) patchOne(p *patch) {
	v := p.verdict
	d := &draft{file: p.file, path: p.rel, doc: p.doc}
	if v.Variant != nil {
		if v.Preview {
			up := r.released(p.file, p.doc, p.rel, v)
			r.drafts = append(r.drafts, up...)
			return
		}
		d.variant = v.Variant
	}
	d.doc = Substitute(p.doc, r.opts.Vars, &r.bad)
	found := r.targets(d)
	switch len(found) {
	case 1:
		r.apply(found[0], d)
	case 0:
		r.addition(d)
	default:
		p.file.Bad = true
		var names string
		for _, f := range found {
			names += " " + f.id().String()
		}
		r.bad.Hintf(p.doc.Pos(), "bad_overlay", "add what tells them apart: $schema, version or endpoint_name", "this patch fits several assets:%s", names)
	}
}

// targets are the drafts that a patch names: those of its kind and name and,
// where the patch gives them, endpoint and version. A patch with a version
// that no asset has names the asset without a version.
func (r *reader) targets(p *draft) []*draft {
	name := p.doc.Get("name").Text()
	if name == "" {
		return nil
	}
	_, parent := folderOf(p.path)
	var all, exact, open []*draft
	for _, d := range r.drafts {
		t := d.table()
		if p.variant != nil && p.table() != t || d.name() != spell(name, t) {
			continue
		}
		if t.Parent != "" {
			want := p.doc.Get(t.ParentKey).Text()
			if want == "" {
				want = parent
			}
			want = spell(want, kind.Of(t.Parent))
			if has := d.parent(); want != "" && has != "" && has != want {
				continue
			}
		}
		all = append(all, d)
		switch version := p.version(); {
		case !t.Versioned || version == "" || d.version() == version:
			exact = append(exact, d)
		case d.version() == "":
			open = append(open, d)
		}
	}
	if p.version() == "" {
		return all
	}
	if len(exact) > 0 {
		return exact
	}
	return open
}

// apply lays a patch over the draft it names. What only says which asset is
// meant changes nothing.
func (r *reader) apply(d, p *draft) {
	doc := p.doc
	p.file.Why = "changes " + d.id().String()
	if d.stem != "" {
		doc = doc.Clone()
		doc.Delete("name")
	}
	d.doc = MergePatch(d.doc, doc)
	if v := kind.Identify(d.doc, d.table().Plural); v.Variant != nil && v.Variant.Table() == d.table() {
		d.variant = v.Variant
	}
}

// addition takes a document of an overlay that names no asset as one more
// asset, if it is complete.
func (r *reader) addition(d *draft) {
	id := d.doc.Get("name").Text()
	if d.variant != nil {
		var c kind.Checker
		c.Literals = r.opts.Literals
		d.variant.Read(&c, d.doc)
		if len(c.Problems.Errors()) == 0 {
			d.file.Kind = d.variant.FullName()
			if d.table().Once && d.doc.Get("name").IsNull() {
				d.stem = provisional(d.doc, d.path)
			}
			r.drafts = append(r.drafts, d)
			return
		}
		id = string(d.table().Kind) + "/" + id
	}
	d.file.Bad = true
	r.bad.Hintf(d.doc.Pos(), "bad_overlay", r.overlayHint(d), "this patch fits no asset of the tree, and alone it is none: %s", id)
}

func (r *reader) overlayHint(p *draft) string {
	var names []string
	for _, d := range r.drafts {
		if p.variant == nil || p.table() == d.table() {
			names = append(names, d.name())
		}
	}
	if hint := problem.DidYouMean(p.doc.Get("name").Text(), names); hint != "" {
		return hint
	}
	return "name an asset of the tree, or give all fields of a new one"
}
