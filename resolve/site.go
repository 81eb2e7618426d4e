package resolve

import (
	"path"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// work is the resolution of one asset.
type work struct {
	*resolver
	asset   *asset.Asset
	uploads []Upload
	copies  []Copy
	// parts are the assets that were lifted out of it.
	parts []part
	// contents are the local contents of the asset's fields, by dotted path.
	contents map[string]*hashed
	// including are the files that are being read, each named by the one before.
	including []string
	// unknown is why the asset cannot be resolved now, "" if it can.
	unknown string
}

func (w *work) badf(v *asset.Value, code, hint, format string, args ...any) {
	pos := v.Pos()
	if pos.IsZero() {
		pos = w.asset.Pos
	}
	w.problems.Hintf(pos, code, hint, format, args...)
}

// site resolves one reference, local path or secret.
func (w *work) site(s kind.Site) *asset.Value {
	var got *asset.Value
	switch t := s.Type.(type) {
	case kind.Ref:
		got = w.ref(t, s)
	case kind.Local:
		got = w.local(t, s)
	case kind.Filer:
		got = w.filed(t, s)
	default:
		return s.Value
	}
	if got != nil && got != s.Value && got.Pos().IsZero() {
		got = got.At(s.Value.Pos())
	}
	return got
}

func (w *work) ref(t kind.Ref, s kind.Site) *asset.Value {
	if s.Value.Type() == asset.Map {
		return w.lift(t, s)
	}
	ref, bad := t.Parse(s.Value.Str(), w.in.Scope)
	if bad != "" {
		w.badf(s.Value, "bad_reference", "", "%s: %q does not refer to a %s: %s", s.Dotted(), s.Value.Str(), t.To, bad)
		return s.Value
	}
	switch ref.Form {
	case kind.File:
		return s.Value // include could not read it, and said why
	case kind.Short:
		return w.bind(t, s, ref)
	default:
		return asset.NewString(ref.String())
	}
}

// filed looks into the local content of what stands in place, whose parts are
// resolved already.
func (w *work) filed(t kind.Filer, s kind.Site) *asset.Value {
	if e, ok := t.(kind.Embedded); ok {
		if v := e.Variant(s.Value); v != nil {
			w.inspect(v, s.Value, s.Path)
		}
	}
	return s.Value
}

// bind finds the asset that a reference names: in the tree, else live.
func (w *work) bind(t kind.Ref, s kind.Site, ref kind.Reference) *asset.Value {
	table := kind.Of(t.To)
	if table == nil || t.Plain && ref.Label != "" {
		return asset.NewString(t.Spell(ref, s.Value.Str()))
	}
	id := lowered(table, asset.ID{Kind: t.To, Parent: ref.Parent, Name: ref.Name, Version: ref.Version})
	ref.Name, ref.Parent = id.Name, id.Parent
	if ref.Parent == "" && table.Parent != "" {
		id.Parent = w.asset.ID.Name
		if w.asset.ID.Parent != "" {
			id.Parent = w.asset.ID.Parent
		}
	}
	if table.IsSystem(id) && table.Versioned {
		return asset.NewString(t.Spell(ref, s.Value.Str())) // resolved by the service
	}
	if ref.Label != "" {
		return w.label(s, id, ref)
	}
	there, open := w.inTree(id)
	if there {
		return asset.NewString(t.Spell(ref, s.Value.Str()))
	}
	switch status := w.in.Facts.Exists(id); {
	case status == Unknown, status == Absent && open:
		w.unknown = id.String() + ", to which it refers, could not be read"
	case status == Absent && table.IsSystem(id):
		// It comes with the workspace, which is still to be made.
	case status == Absent:
		hint := "add it to the tree, or correct the name"
		w.badf(s.Value, "missing_reference", hint, "%s: %s %q is neither in this tree nor in the workspace", s.Dotted(), t.To, id.Short())
	}
	return asset.NewString(t.Spell(ref, s.Value.Str()))
}

// lowered is the id with its names as the service knows them.
func lowered(t *kind.Table, id asset.ID) asset.ID {
	if t.LowerName {
		id.Name, id.Parent = strings.ToLower(id.Name), strings.ToLower(id.Parent)
	}
	return id
}

// inTree reports whether the tree has the asset; assets that leave their
// version to mlsync are resolved first. One of them whose version cannot be
// found leaves it open.
func (w *work) inTree(id asset.ID) (there, open bool) {
	if w.want.Set.Get(id) != nil {
		return true, false // also one that was lifted out of another
	}
	for _, a := range w.byContainer[id.Container()] {
		if a.ID == id {
			return true, false
		}
		if a.Auto && a != w.asset {
			got := w.resolver.asset(a)
			if got != nil && got.ID == id {
				return true, false
			}
			open = open || got == nil
		}
	}
	return false, open
}

// label resolves @latest: the version of the tree if it is newer than all
// live ones, else the one that was created last. Other labels are the
// service's.
func (w *work) label(s kind.Site, id asset.ID, ref kind.Reference) *asset.Value {
	if ref.Label != "latest" {
		return asset.NewString(ref.String())
	}
	var own string
	for _, a := range w.byContainer[id.Container()] {
		if a == w.asset {
			continue
		}
		got := w.resolver.asset(a)
		if got == nil {
			w.unknown = "the version of " + a.ID.String() + " is not known"
			return asset.NewString(ref.String())
		}
		if own == "" || asset.CompareVersions(got.ID.Version, own) > 0 {
			own = got.ID.Version
		}
	}
	live, status := w.in.Facts.Latest(id)
	ours := Absent
	if own != "" && status == Present {
		ours = w.in.Facts.Exists(withVersion(id, own))
	}
	switch {
	case status == Unknown:
		w.unknown = "the latest version of " + id.String() + " could not be read"
	case ours == Unknown:
		w.unknown = "whether " + withVersion(id, own).String() + " is live could not be read"
	case own != "" && ours == Absent:
		ref.Version, ref.Label = own, ""
	case status == Present:
		ref.Version, ref.Label = live, ""
	default:
		w.badf(s.Value, "missing_reference", "add it to the tree, or correct the name", "%s: %s %q has no version, neither in this tree nor in the workspace", s.Dotted(), id.Kind, id.Name)
	}
	return asset.NewString(ref.String())
}

func withVersion(id asset.ID, version string) asset.ID {
	id.Version = version
	return id
}

// drive begins an absolute path of Windows.
var drive = regexp.MustCompile(`^[A-Za-z]:/`)

// join is the path of a file named in value v, relative to the root.
func (w *work) join(v *asset.Value, name string) (string, bool) {
	dir := path.Dir(v.Pos().File)
	if v.Pos().File == "" {
		dir = path.Dir(w.asset.Pos.File)
	}
	slashed := strings.ReplaceAll(name, `\`, "/")
	full := path.Join(dir, slashed)
	if strings.HasPrefix(slashed, "/") || drive.MatchString(slashed) || full == ".." || strings.HasPrefix(full, "../") {
		w.badf(v, "path_outside", "use a path inside the repository", "%q is outside of the repository", name)
		return "", false
	}
	return full, true
}
