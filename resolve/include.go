package resolve

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// maxIncludes bounds files that name files that name files.
const maxIncludes = 16

// include puts the assets that stand in files of their own in place of the
// names of these files, and completes what holds them: inner parts first. at is
// where body stands in the asset.
func (w *work) include(v *kind.Variant, body *asset.Value, at []string) *asset.Value {
	if !w.holdsParts(v) {
		return body
	}
	out := kind.RewriteBody(v, body, func(s kind.Site) *asset.Value {
		t, ok := s.Type.(kind.Ref)
		switch {
		case !ok:
		case s.Value.Type() == asset.Map:
			return w.whole(kind.PickVariant(t.To, s.Value), s.Value, true)
		case s.Value.Type() == asset.String:
			if ref, bad := t.Parse(s.Value.Str(), w.in.Scope); bad == "" && ref.Form == kind.File {
				s.Path = append(slices.Clone(at), s.Path...)
				return w.file(t, s, ref.Text)
			}
		}
		return s.Value
	})
	return w.whole(v, out, len(at) > 0)
}

// holdsParts reports whether assets of the variant may hold others, or the
// names of their files.
func (w *work) holdsParts(v *kind.Variant) bool {
	holds, ok := w.holds[v]
	if !ok {
		holds = v.HoldsParts()
		w.holds[v] = holds
	}
	return holds
}

// whole completes a body whose parts are all there; part says that it is one of
// another asset.
func (w *work) whole(v *kind.Variant, body *asset.Value, part bool) *asset.Value {
	if v == nil || v.Whole == nil {
		return body
	}
	c := &kind.Checker{Literals: w.in.Literals, Part: part}
	body = body.Clone()
	v.Whole(c, body)
	w.problems.Append(c.Problems)
	return body
}

// file reads an asset that is named by its file: a map, with what it names
// itself.
func (w *work) file(t kind.Ref, s kind.Site, name string) *asset.Value {
	full, ok := w.join(s.Value, name)
	if !ok {
		return s.Value
	}
	if slices.Contains(w.including, full) || len(w.including) == maxIncludes {
		w.badf(s.Value, "cycle", "break the circle of files", "%q includes itself through other files", full)
		return s.Value
	}
	doc := w.document(s.Value, full)
	if doc == nil {
		return s.Value
	}
	if doc.Type() != asset.Map {
		w.badf(doc, "wrong_file", "write its fields into the file", "%q holds no %s", full, t.To)
		return s.Value
	}
	c := &kind.Checker{Literals: w.in.Literals}
	inner := t.CheckInline(c, doc)
	w.problems.Append(c.Problems)
	if inner == nil || len(c.Problems.Errors()) > 0 {
		return s.Value
	}
	w.including = append(w.including, full)
	defer func() { w.including = w.including[:len(w.including)-1] }()
	return w.include(kind.PickVariant(t.To, inner), inner, s.Path)
}
