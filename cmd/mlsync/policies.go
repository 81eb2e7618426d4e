package main

import (
	"errors"
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/tree"
)

// policies are the policies of a tree, with the releases that they ask for.
type policies struct {
	fsys     fs.FS
	set      *policy.Set
	releases []*policy.Release
	bad      problem.List
}

// readPolicies reads the policies of a tree.
func readPolicies(fsys fs.FS, cfg *config.Config) policies {
	opts := parseOptions(cfg)
	opts.PlainKeys = true
	parse := func(data []byte, file string) ([]*asset.Value, problem.List) { return tree.Parse(data, file, opts) }
	p := policies{fsys: fsys}
	p.set, p.bad = policy.Read(fsys, parse)
	if p.set.NeedsReleases() {
		var more problem.List
		p.releases, more = policy.ReadReleases(fsys, parse)
		p.bad.Append(more)
	}
	return p
}

// judge asks the policies about the tree of a target and the steps of a plan.
func (p policies) judge(t *config.Target, assets []*asset.Asset, steps []plan.Step) policy.Report {
	in := policy.Input{Target: t.Name, Assets: assets, Steps: steps, Releases: p.releases}
	var bad problem.List
	if n := len(t.Overlays); n > 0 {
		pins, err := readPins(p.fsys, t.Overlays[n-1])
		var list problem.List
		switch {
		case errors.As(err, &list):
			bad.Append(list)
		case err != nil:
			bad.Addf(problem.Pos{File: promote.PinsPath(t.Overlays[n-1])}, promote.CodePins, "cannot be read: %v", err)
		default:
			in.Pinned = pins.Release
		}
	}
	report := p.set.Judge(in)
	report.Problems.Append(bad)
	return report
}

// reviewOf is what the policies of a commit say of a plan for a target.
func reviewOf(cfg *config.Config, t *config.Target) func(fs.FS, *reconcile.Prepared) problem.List {
	return func(fsys fs.FS, prep *reconcile.Prepared) problem.List {
		p := readPolicies(fsys, cfg)
		p.bad.Append(p.judge(t, prep.Tree.Assets, prep.Plan.Steps).Problems)
		return p.bad.Sorted()
	}
}
