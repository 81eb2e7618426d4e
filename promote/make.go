package promote

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// Digested is what is known of content once its bytes were read.
type Digested struct {
	// Object is the object hash, Code the content hash.
	Object, Code string
	Listing      string
	Dir          bool
	Files        int
	Bytes        int64
}

// Normal is the normal form of an asset in written form: what a reader makes of
// its file.
func Normal(a *asset.Asset) (*asset.Asset, problem.List) {
	c := &kind.Checker{}
	return kind.VariantOf(a).Read(c, tree.Document(a)), c.Problems.Errors()
}

// Make is the release of a draft. bytes says what is at each place of it, and
// origin where an asset came from.
func Make(name string, source Source, d *Draft, bytes func(Place) Digested, origin func(*Drafted) Origin) (*Release, problem.List) {
	r := &Release{Name: name, Source: source, Roots: slices.Clone(d.Roots), Needs: d.Needs}
	for i := range d.Assets {
		one := &d.Assets[i]
		a := Asset{ID: one.Asset.ID, Origin: origin(one)}
		for _, p := range one.Places {
			got := bytes(p.At)
			c := Content{Field: p.Field, Code: p.Code, Hash: got.Object, Listing: got.Listing, Dir: got.Dir, Files: got.Files, Bytes: got.Bytes, From: p.At}
			if p.Code {
				c.Hash = got.Code
			}
			a.Content = append(a.Content, c)
		}
		normal, bad := Normal(one.Asset)
		if normal == nil || len(bad) > 0 {
			return nil, bad
		}
		a.Digest = Digest(normal, a.ContentsOf())
		a.Spec = tree.Document(one.Asset)
		r.Assets = append(r.Assets, a)
	}
	// What cannot be read back is no release.
	again, bad := ReadRelease(WriteRelease(r), FileOf(name))
	if again == nil {
		return nil, bad
	}
	return again, bad
}

// Change is the difference between two releases in one asset.
type Change struct {
	// What is added, removed or changed.
	What string
	// From and To are the assets; nil where there is none.
	From, To *Asset
	// Fields are those that differ, of a changed asset.
	Fields []string
}

// Diff says what b brings that a does not. Versions of one name are one
// change: another version takes the place of the one before.
func Diff(a, b *Release) []Change {
	var out []Change
	gone := map[string][]*Asset{}
	for i := range a.Assets {
		x := &a.Assets[i]
		if b.Get(x.ID) == nil {
			gone[x.ID.Container().String()] = append(gone[x.ID.Container().String()], x)
		}
	}
	for i := range b.Assets {
		y := &b.Assets[i]
		x := a.Get(y.ID)
		key := y.ID.Container().String()
		switch {
		case x == nil && len(gone[key]) > 0:
			x = gone[key][len(gone[key])-1]
			gone[key] = gone[key][:len(gone[key])-1]
			out = append(out, Change{What: "changed", From: x, To: y, Fields: fieldsOf(x, y)})
		case x == nil:
			out = append(out, Change{What: "added", To: y})
		case x.Digest != y.Digest:
			out = append(out, Change{What: "changed", From: x, To: y, Fields: fieldsOf(x, y)})
		}
	}
	for i := range a.Assets {
		x := &a.Assets[i]
		if slices.Contains(gone[x.ID.Container().String()], x) {
			out = append(out, Change{What: "removed", From: x})
		}
	}
	slices.SortStableFunc(out, func(x, y Change) int { return x.id().Compare(y.id()) })
	return out
}

// id is the asset that a change is about.
func (c Change) id() asset.ID {
	if c.To != nil {
		return c.To.ID
	}
	return c.From.ID
}

// fieldsOf are the fields in which two assets differ, either way.
func fieldsOf(x, y *Asset) []string {
	a, b := x.Written(), y.Written()
	if a.Variant != b.Variant {
		return []string{"type"}
	}
	left, right := Neutral(a, x.ContentsOf()), Neutral(b, y.ContentsOf())
	var out []string
	for _, f := range kind.VariantOf(a).AllFields() {
		if !left.Get(f.YAML).Equal(right.Get(f.YAML)) {
			out = append(out, f.YAML)
		}
	}
	return out
}
