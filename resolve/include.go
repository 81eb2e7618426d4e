package resolve

import (
	"cmp"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/kind"
)

// maxIncludes bounds files that name files that name files.
const maxIncludes = limit.Nested

// include puts the assets that stand in files of their own in place of the
// names of these files, and completes what holds them: inner parts first. at is
// where body stands in the asset.
func (w *work) include(v *kind.Variant, body *asset.Value, at []string) *asset.Value {
	if !w.holdsParts(v) {
		return body
	}
	out := kind.RewriteBody(v, body, func(s kind.Site) *asset.Value {
		if t, ok := s.Type.(kind.Filer); ok {
			s.Path = append(slices.Clone(at), s.Path...)
			return w.filing(t, s)
		}
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

// whole completes a body whose parts are all there; inside says that it stands in
// another asset, of which it is a part if its kind has assets without a name.
func (w *work) whole(v *kind.Variant, body *asset.Value, inside bool) *asset.Value {
	if v == nil || v.Whole == nil {
		return body
	}
	c := &kind.Checker{Literals: w.in.Literals, Part: inside && v.Table().Anonymous != "", AsClient: w.in.AsClient}
	body = body.Clone()
	v.Whole(c, body)
	w.problems.Append(c.Problems)
	return body
}

// filing puts what a file holds in place of its name, and completes what stands
// in place already.
func (w *work) filing(t kind.Filer, s kind.Site) *asset.Value {
	e, embedded := t.(kind.Embedded)
	name := t.File(s.Value)
	switch {
	case name != nil:
		fill := func(c *kind.Checker, doc *asset.Value) *asset.Value { return t.Fill(c, s.Value, doc) }
		got := w.included(name, "map of fields", fill, func(inner *asset.Value) *asset.Value {
			if embedded {
				return w.include(e.Variant(inner), inner, s.Path)
			}
			return inner
		})
		if got != nil {
			return got
		}
	case embedded:
		return w.whole(e.Variant(s.Value), s.Value, true)
	}
	return s.Value
}

// file reads an asset that is named by its file: a map, with what it names
// itself.
func (w *work) file(t kind.Ref, s kind.Site, name string) *asset.Value {
	got := w.included(asset.NewString(name).At(s.Value.Pos()), string(t.To), t.CheckInline, func(inner *asset.Value) *asset.Value {
		return w.include(kind.PickVariant(t.To, inner), inner, s.Path)
	})
	if got == nil {
		return s.Value
	}
	return got
}

// room counts the files that are included, and reports whether there may be
// more: files that name each other twice, sixteen deep, are sixty thousand.
// That there are too many is said once.
func (r *resolver) room(v *asset.Value) bool {
	r.included++
	most := cmp.Or(r.in.Included, limit.Included)
	if r.included == most+1 {
		r.problems.Hintf(v.Pos(), "too_large", "register components and refer to them by name", "the assets of the tree include more than %d files", most)
	}
	return r.included <= most && r.ctx.Err() == nil
}

// included reads the file with the name v, which holds a what, checks it, and
// lets inside include what it names itself. It is nil if that is reported to
// be wrong.
func (w *work) included(v *asset.Value, what string, check func(c *kind.Checker, doc *asset.Value) *asset.Value, inside func(*asset.Value) *asset.Value) *asset.Value {
	full, ok := w.join(v, v.Str())
	if !ok {
		return nil
	}
	if slices.Contains(w.including, full) || len(w.including) == maxIncludes {
		w.badf(v, "cycle", "break the circle of files", "%q includes itself through other files", full)
		return nil
	}
	if !w.room(v) {
		return nil
	}
	doc := w.document(v, full)
	if doc == nil {
		return nil
	}
	if doc.Type() != asset.Map {
		w.badf(doc, "wrong_file", "write its fields into the file", "%q holds no %s", full, what)
		return nil
	}
	c := &kind.Checker{Literals: w.in.Literals, AsClient: w.in.AsClient}
	inner := check(c, doc)
	w.problems.Append(c.Problems)
	if inner == nil || len(c.Problems.Errors()) > 0 {
		return nil
	}
	w.including = append(w.including, full)
	defer func() { w.including = w.including[:len(w.including)-1] }()
	return inside(inner)
}
