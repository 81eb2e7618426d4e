package main

import (
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/tree"
)

// policies are the policies of a tree, with the releases that they ask for.
type policies struct {
	set      *policy.Set
	releases []*policy.Release
	bad      problem.List
}

// readPolicies reads the policies of a tree.
func readPolicies(fsys fs.FS, cfg *config.Config) policies {
	opts := parseOptions(cfg)
	opts.PlainKeys = true
	parse := func(data []byte, file string) ([]*asset.Value, problem.List) { return tree.Parse(data, file, opts) }
	var p policies
	p.set, p.bad = policy.Read(fsys, parse)
	if p.set.NeedsReleases() {
		var more problem.List
		p.releases, more = policy.ReadReleases(fsys, parse)
		p.bad.Append(more)
	}
	return p
}

// judge asks the policies about the tree of a target and the steps of a plan.
func (p policies) judge(target string, assets []*asset.Asset, steps []plan.Step) policy.Report {
	return p.set.Judge(policy.Input{Target: target, Assets: assets, Steps: steps, Releases: p.releases})
}

// reviewOf is what the policies of a commit say of a plan for a target.
func reviewOf(cfg *config.Config, t *config.Target) func(fs.FS, *reconcile.Prepared) problem.List {
	return func(fsys fs.FS, prep *reconcile.Prepared) problem.List {
		p := readPolicies(fsys, cfg)
		p.bad.Append(p.judge(t.Name, prep.Tree.Assets, prep.Plan.Steps).Problems)
		return p.bad.Sorted()
	}
}
