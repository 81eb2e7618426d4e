package main

import (
	"io/fs"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
)

// siblingsOf reads the names that git has for the other targets of the
// configuration in the workspace of t; nil if t has it to itself.
func siblingsOf(cfg *config.Config, t *config.Target) func(fs.FS) (map[string]map[asset.ID]bool, problem.List) {
	others := siblings(cfg, t)
	if len(others) == 0 {
		return nil
	}
	return func(fsys fs.FS) (map[string]map[asset.ID]bool, problem.List) {
		out := map[string]map[asset.ID]bool{}
		var bad problem.List
		for _, o := range others {
			tree, more := readAssets(under(fsys), cfg, o)
			bad.Append(more)
			names := map[asset.ID]bool{}
			for _, a := range tree.Assets {
				names[a.ID.Container()] = true
			}
			out[cfg.OwnerOf(o.Name)] = names
		}
		return out, bad
	}
}

// siblings are the other targets in the workspace of t that follow the same.
func siblings(cfg *config.Config, t *config.Target) (others []*config.Target) {
	for i := range cfg.Targets {
		if o := &cfg.Targets[i]; o.Name != t.Name && sameWorkspace(o, t) && followsSame(o, t) {
			others = append(others, o)
		}
	}
	return others
}

func sameWorkspace(a, b *config.Target) bool {
	return strings.EqualFold(a.Workspace, b.Workspace) && strings.EqualFold(scopeOf(a).WorkspaceID(), scopeOf(b).WorkspaceID())
}

// followsSame reports whether both targets are applied from one commit: what
// another branch has is not in the tree at hand.
func followsSame(a, b *config.Target) bool {
	return a.Branch == b.Branch && a.Tag == b.Tag && a.Semver == b.Semver
}
