package main

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

func parseConfig(data []byte, file string) (*config.Config, problem.List) {
	docs, bad := tree.Parse(data, file, tree.ParseOptions{})
	if len(docs) == 0 {
		return config.Default(), bad
	}
	cfg, more := config.Read(docs[0], kindNames()...)
	bad.Append(more)
	for _, t := range cfg.Targets {
		if _, err := refFor(cfg, &t); err != nil && bad.Err() == nil {
			bad.Hintf(t.Pos, "config", "name a branch, a tag, a glob of tags or a range of versions that git can have", "targets.%s: %v", t.Name, err)
		}
		for _, k := range t.Manage {
			if own := kind.Of(asset.Kind(k)); own != nil && !own.OptIn {
				bad.Hintf(t.Pos, "config", "remove it", "targets.%s.manage: %s is managed anyway", t.Name, own.Plural)
			}
		}
	}
	for _, r := range cfg.Rules {
		if r.Rollout != nil && r.Kind != "" && !slices.Contains(routed(), r.Kind) {
			bad.Hintf(r.Pos, "config", "say kind: "+strings.Join(routed(), ", "), "rules.rollout: a %s has no traffic", r.Kind)
		}
	}
	return cfg, bad
}

func kindNames() []string {
	var out []string
	for _, t := range kind.All() {
		out = append(out, string(t.Kind))
	}
	return out
}
