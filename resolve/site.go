package resolve

import (
	"path"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// work is the resolution of one asset.
type work struct {
	*resolver
	asset   *asset.Asset
	uploads []Upload
	// contents are the local contents of the asset's fields, by dotted path.
	contents map[string]*hashed
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
		return w.file(t, s, ref.Text)
	case kind.Short:
		return w.bind(t, s, ref)
	default:
		return asset.NewString(ref.String())
	}
}

// bind finds the asset that a reference names: in the tree, else live.
func (w *work) bind(t kind.Ref, s kind.Site, ref kind.Reference) *asset.Value {
	table := kind.Of(t.To)
	if table == nil {
		return asset.NewString(ref.String())
	}
	if table.LowerName {
		ref.Name = strings.ToLower(ref.Name)
	}
	id := asset.ID{Kind: t.To, Name: ref.Name, Version: ref.Version}
	if table.Parent != "" {
		id.Parent = w.asset.ID.Name
		if w.asset.ID.Parent != "" {
			id.Parent = w.asset.ID.Parent
		}
	}
	if table.IsSystem(id) && table.Versioned {
		return asset.NewString(ref.String()) // resolved by the service
	}
	if ref.Label != "" {
		return w.label(s, id, ref)
	}
	if w.inTree(id) {
		return asset.NewString(ref.String())
	}
	switch w.in.Facts.Exists(id) {
	case Absent:
		hint := "add it to the tree, or correct the name"
		w.badf(s.Value, "missing_reference", hint, "%s: %s %q is neither in this tree nor in the workspace", s.Dotted(), t.To, id.Short())
	case Unknown:
		w.unknown = id.String() + ", to which it refers, could not be read"
	case Present:
	}
	return asset.NewString(ref.String())
}

// inTree reports whether the tree has the asset; assets that leave their
// version to mlsync are resolved first.
func (w *work) inTree(id asset.ID) bool {
	for _, a := range w.byContainer[id.Container()] {
		if a.ID == id {
			return true
		}
		if a.Auto && a != w.asset {
			if got := w.resolver.asset(a); got != nil && got.ID == id {
				return true
			}
		}
	}
	return false
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
	switch {
	case status == Unknown:
		w.unknown = "the latest version of " + id.String() + " could not be read"
	case own != "" && (status == Absent || w.in.Facts.Exists(withVersion(id, own)) == Absent):
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

// file reads an asset that is named as file:PATH and lifts it.
func (w *work) file(t kind.Ref, s kind.Site, name string) *asset.Value {
	full, ok := w.join(s.Value, name)
	if !ok {
		return s.Value
	}
	doc := w.document(s.Value, full)
	if doc == nil {
		return s.Value
	}
	c := &kind.Checker{Literals: w.in.Literals}
	inner := t.Check(c, doc)
	w.problems.Append(c.Problems)
	if inner == nil || len(c.Problems.Errors()) > 0 {
		return s.Value
	}
	variant := kind.PickVariant(t.To, inner)
	inner = kind.RewriteBody(variant, inner, func(in kind.Site) *asset.Value {
		in.Path = append(append([]string(nil), s.Path...), in.Path...)
		in.Within = t.To
		return w.site(in)
	})
	s.Value = inner
	return w.lift(t, s)
}

// join is the path of a file named in value v, relative to the root.
func (w *work) join(v *asset.Value, name string) (string, bool) {
	dir := path.Dir(v.Pos().File)
	if v.Pos().File == "" {
		dir = path.Dir(w.asset.Pos.File)
	}
	full := path.Clean(path.Join(dir, strings.ReplaceAll(name, `\`, "/")))
	if strings.HasPrefix(name, "/") || full == ".." || strings.HasPrefix(full, "../") {
		w.badf(v, "path_outside", "use a path inside the repository", "%q is outside of the repository", name)
		return "", false
	}
	return full, true
}
