package promote

import (
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// Check compares the tree of the target, read with the files of the promotion
// in it, with what they are meant to say: another layer of the tree may say
// more, and then the target would not be at the release.
func (p *Promotion) Check(t *tree.Tree) (bad problem.List) {
	have := map[asset.ID]*asset.Asset{}
	for _, a := range t.Assets {
		have[a.ID] = a
	}
	for _, a := range p.assets {
		got := have[a.ID]
		switch {
		case got == nil:
			bad.Hintf(problem.Pos{}, CodePins, "look into include, exclude and rules of the target", "%s is pinned, and the tree of target %s does not have it", a.ID, p.Target)
		case got.Variant != a.Variant || !got.Body.Equal(a.Body):
			bad.Hintf(got.Pos, CodePins, "leave the file out of target "+p.Target+" with exclude:, or change the rule that sets it",
				"%s is pinned, and another part of the tree of target %s says something else of it (%s)", a.ID, p.Target, strings.Join(unlike(a, got), ", "))
		}
	}
	return bad.Sorted()
}

func unlike(a, b *asset.Asset) []string {
	var out []string
	for _, f := range kind.VariantOf(a).AllFields() {
		if !a.Body.Get(f.YAML).Equal(b.Body.Get(f.YAML)) {
			out = append(out, f.YAML)
		}
	}
	return out
}
