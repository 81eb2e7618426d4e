package tree

import (
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// finish makes assets of the drafts.
func (r *reader) finish() {
	for _, d := range r.drafts {
		r.applySets(d)
	}
	r.dropParts()
	r.findParents()
	r.nameJobs()
	seen := make(map[asset.ID]*asset.Asset, len(r.drafts))
	for _, d := range r.drafts {
		a := r.check(d)
		if a == nil {
			d.file.Bad = true
			continue
		}
		if first := seen[a.ID]; first != nil {
			d.file.Bad = true
			r.duplicate(a, first)
			continue
		}
		seen[a.ID] = a
		d.file.Assets = append(d.file.Assets, a)
		r.tree.Assets = append(r.tree.Assets, a)
	}
}

func (r *reader) duplicate(a, first *asset.Asset) {
	hint := "rename or remove one of them"
	if a.Auto && kind.Of(a.ID.Kind).Versioned {
		hint = "give them versions, or remove one of them"
	}
	r.bad.Hintf(a.Pos, "duplicate_asset", hint, "%s is there twice: first at %s", a.ID, first.Pos)
}

// check reads the draft through its table; nil if it has no identity.
func (r *reader) check(d *draft) *asset.Asset {
	c := &kind.Checker{Literals: r.opts.Literals, AsClient: r.opts.AsClient}
	a := d.variant.Read(c, d.doc)
	if len(c.Problems.Errors()) > 0 {
		d.file.Bad = true
	}
	for _, p := range c.Problems {
		if !d.lost || p.Code != "missing_field" || p.Text != d.table().ParentKey+" is missing" {
			r.bad = append(r.bad, p)
		}
	}
	if a == nil {
		return nil
	}
	if a.ID.Name == "" && d.stem != "" {
		a.ID.Name, a.Auto = d.stem, true
	}
	if a.ID.Name == "" || d.table().Parent != "" && a.ID.Parent == "" {
		return nil
	}
	if code, hint, text := r.opts.Scope.Misplaced(a); code != "" {
		d.file.Bad = true
		r.bad.Hintf(a.Pos, code, hint, "%s: %s", a.ID, text)
	}
	return a
}

// dropParts leaves out documents without a name that others name by file:PATH,
// or as the file of a field that may stand in one: they are parts of those and
// no assets of their own. A job that a schedule names is run by that only.
func (r *reader) dropParts() {
	users, filed := map[string]string{}, map[string]bool{}
	for _, d := range r.drafts {
		at := func(p string) string { return path.Join(path.Dir(d.file.Path), p) }
		findFiles(d.doc, func(p string) { users[at(p)] = d.file.Path })
		for _, f := range d.variant.AllFields() {
			if t, ok := f.As.(kind.Filer); ok {
				if name := t.File(d.doc.Get(f.YAML)).Str(); name != "" {
					users[at(name)], filed[at(name)] = d.file.Path, true
				}
			}
		}
	}
	r.drafts = slices.DeleteFunc(r.drafts, func(d *draft) bool {
		user, named := users[d.file.Path]
		if !named || d.table().Once && !filed[d.file.Path] || !d.doc.Get("name").IsNull() {
			return false
		}
		d.file.Why, d.file.Kind = "a part of "+user, ""
		return true
	})
	r.dropActions(users, filed)
}

// dropActions takes back what was said of files that ask for something to be
// done once: what a schedule names, the schedule does.
func (r *reader) dropActions(users map[string]string, filed map[string]bool) {
	for _, f := range r.tree.Files {
		if f.Action && filed[f.Path] {
			f.Why, f.Unmanaged, f.Action = "a part of "+users[f.Path], "", false
			r.bad = slices.DeleteFunc(r.bad, func(p problem.Problem) bool { return p.Code == "action" && p.Pos.File == f.Path })
		}
	}
}

// findFiles calls visit for the path of each value file:PATH.
func findFiles(v *asset.Value, visit func(string)) {
	if p, ok := strings.CutPrefix(v.Str(), "file:"); ok {
		visit(p)
	}
	for _, item := range v.Items() {
		findFiles(item, visit)
	}
}

// applySets merges what rules of mlsync.yaml set.
func (r *reader) applySets(d *draft) {
	for _, s := range r.opts.Sets {
		if (s.Kind == "" || s.Kind == string(d.table().Kind)) && glob.Name(s.Name, d.name()) &&
			(s.Path == "" || glob.Path(s.Path, d.file.Path)) {
			d.doc = MergePatch(d.doc, Substitute(s.Set, r.opts.Vars, &r.bad))
		}
	}
}

// findParents gives deployments that do not name their endpoint the only one
// that stands beside them.
func (r *reader) findParents() {
	inFolder := map[string]map[asset.Kind][]*draft{}
	for _, d := range r.drafts {
		dir := path.Dir(d.file.Path)
		if inFolder[dir] == nil {
			inFolder[dir] = map[asset.Kind][]*draft{}
		}
		inFolder[dir][d.table().Kind] = append(inFolder[dir][d.table().Kind], d)
	}
	for _, d := range r.drafts {
		t := d.table()
		if t.Parent == "" || !d.doc.Get(t.ParentKey).IsNull() {
			continue
		}
		dir := path.Dir(d.path)
		near := inFolder[path.Dir(d.file.Path)][t.Parent]
		_, named := folderOf(d.path)
		if named != "" && len(near) == 0 {
			near = inFolder[path.Dir(dir)][t.Parent]
		}
		name := named
		switch {
		case len(near) == 1:
			name = near[0].doc.Get("name").Text()
		case len(near) > 1:
			name = ""
		}
		if name == "" {
			r.noParent(d, near)
			continue
		}
		d.doc = withFirst(d.doc, t.ParentKey, asset.NewString(name).At(d.doc.Pos()))
	}
}

func (r *reader) noParent(d *draft, near []*draft) {
	t := d.table()
	d.file.Bad = true
	text := "no " + string(t.Parent) + " stands in the same folder"
	if len(near) > 1 {
		var names []string
		for _, e := range near {
			names = append(names, e.name())
		}
		text = "the folder holds several: " + strings.Join(names, ", ")
	}
	r.bad.Hintf(d.doc.Pos(), "missing_field", "add "+t.ParentKey+": and the name of the endpoint, or a rule with set: to mlsync.yaml",
		"%s is missing and cannot be told: %s", t.ParentKey, text)
	d.lost = true
}

// nameJobs makes the provisional names of jobs different: those that are
// equal get the names of their files and, if need be, folders in front.
func (r *reader) nameJobs() {
	byName := map[string][]*draft{}
	for _, d := range r.drafts {
		if d.stem != "" {
			byName[d.stem] = append(byName[d.stem], d)
		}
	}
	for stem, same := range byName {
		if len(same) > 1 {
			qualify(stem, same)
		}
	}
	r.numberJobs()
}

// numberJobs tells provisional names apart that are equal all the same.
func (r *reader) numberJobs() {
	taken := map[string]bool{}
	for _, d := range r.drafts {
		if d.table().Once && d.stem == "" {
			taken[d.name()] = true
		}
	}
	for _, d := range r.drafts {
		if d.stem == "" {
			continue
		}
		base := d.stem
		for n := 2; taken[d.stem]; n++ {
			d.stem = base + "-" + itoa(n)
		}
		taken[d.stem] = true
	}
}

func qualify(stem string, same []*draft) {
	for depth := 0; ; depth++ {
		names, differ, more := map[string]bool{}, true, false
		for _, d := range same {
			parts := strings.Split(strings.TrimSuffix(d.path, path.Ext(d.path)), "/")
			from := max(0, len(parts)-1-depth)
			more = more || from > 0
			tail := slug(strings.Join(parts[from:], "-"))
			if tail != stem && !strings.HasSuffix(tail, "-"+stem) {
				tail += "-" + stem
			}
			d.stem = tail
			differ = differ && !names[d.stem]
			names[d.stem] = true
		}
		if differ || !more {
			return
		}
	}
}

// MergePatch lays a patch over a value as RFC 7396 says: maps merge, null
// removes, anything else replaces.
func MergePatch(v, patch *asset.Value) *asset.Value {
	if patch.Type() != asset.Map {
		return patch
	}
	out := asset.NewMap().At(patch.Pos())
	if v.Type() == asset.Map {
		out.At(v.Pos())
		for k, item := range v.Entries() {
			p := patch.Get(k)
			switch {
			case !patch.Has(k):
				out.Set(k, item)
			case !p.IsNull():
				out.Set(k, MergePatch(item, p))
			}
		}
	}
	for k, p := range patch.Entries() {
		if !p.IsNull() && !v.Has(k) {
			out.Set(k, MergePatch(nil, p))
		}
	}
	return out
}
