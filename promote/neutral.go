package promote

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Contents are the hashes of the content that an asset names, by dotted field.
type Contents map[string]string

// ContentsOf are the contents of an asset of a release.
func (a *Asset) ContentsOf() Contents {
	out := Contents{}
	for _, c := range a.Content {
		out[c.Field] = c.Hash
	}
	return out
}

// Places are the contents that an asset in written form names, with where they
// are; code is left out, whose place only the code asset says: Codes.
func Places(a *asset.Asset) []Placed {
	var out []Placed
	for _, l := range links(a) {
		if l.content && !l.code {
			out = append(out, Placed{Field: l.site.Dotted(), At: l.at})
		}
	}
	return out
}

// Codes are the code assets that an asset in written form refers to, by field.
func Codes(a *asset.Asset) map[string]asset.ID {
	out := map[string]asset.ID{}
	for _, l := range links(a) {
		if l.code {
			out[l.site.Dotted()] = l.to
		}
	}
	return out
}

// contentMark begins what stands for content in the neutral form.
const contentMark = "content:"

// Neutral is the body of an asset in the form that is equal in every
// workspace; see the comment of the package. through are registries in which
// assets of the set were put; what is there counts as if it were not.
func Neutral(a *asset.Asset, contents Contents, through ...string) *asset.Value {
	v := kind.VariantOf(a)
	body := kind.RewriteBody(v, a.Body, func(s kind.Site) *asset.Value {
		if h := contents[s.Dotted()]; h != "" {
			return asset.NewString(contentMark + h).At(s.Value.Pos())
		}
		if s.Value.Type() != asset.String || len(through) == 0 {
			return s.Value
		}
		return local(s, through)
	})
	return kind.WithoutStays(v, body)
}

// local is a reference to a registry that the set went through as a reference
// to the same asset of the workspace.
func local(s kind.Site, through []string) *asset.Value {
	var to asset.Kind
	switch t := s.Type.(type) {
	case kind.Ref:
		to = t.To
	case kind.Local:
		to = t.Asset
	}
	t := kind.Of(to)
	if t == nil || !t.InRegistry {
		return s.Value
	}
	ref, bad := kind.Ref{To: to}.Parse(s.Value.Str(), kind.Scope{})
	if bad != "" || ref.Form != kind.Registry || ref.Version == "" || !slices.ContainsFunc(through, func(r string) bool { return strings.EqualFold(r, ref.Registry) }) {
		return s.Value
	}
	return asset.NewString(kind.Scope{}.Refer(asset.ID{Kind: to, Name: ref.Name, Version: ref.Version})).At(s.Value.Pos())
}

// Digest is the hash over the neutral form of an asset.
func Digest(a *asset.Asset, contents Contents, through ...string) string {
	doc := asset.NewMap().
		Set("id", asset.NewString(a.ID.String())).
		Set("variant", asset.NewString(a.Variant)).
		Set("body", Neutral(a, contents, through...))
	return hash(doc.Canonical())
}

// Differs are the fields in which a live asset is not what an asset of a
// release says, in the order of the rows; none if it is the same. As in a plan,
// fields that the release does not mention are not looked at.
func Differs(want *asset.Asset, wantContents Contents, live *asset.Asset, liveContents Contents, through ...string) []string {
	if want.Variant != live.Variant {
		return []string{"type"}
	}
	v := kind.VariantOf(want)
	w, l := Neutral(want, wantContents, through...), Neutral(live, liveContents, through...)
	var out []string
	for _, f := range v.AllFields() {
		item := w.Get(f.YAML)
		if item.IsNull() || kind.Same(v, asset.NewMap().Set(f.YAML, item), l) {
			continue
		}
		out = append(out, f.YAML)
	}
	return out
}

// InRegistry reports whether an asset can be in a registry.
func InRegistry(id asset.ID) bool { return kind.Of(id.Kind).InRegistry }
