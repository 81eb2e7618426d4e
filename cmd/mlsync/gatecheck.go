package main

import (
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/tree"
)

// gateProblems are gates that ask for what is in no file: endpoints and
// deployments that git does not have may be there all the same, so they are
// warnings. trees are those that were read already, by target.
func gateProblems(fsys fs.FS, cfg *config.Config, t *config.Target, trees map[string]*tree.Tree) (bad problem.List) {
	for _, g := range t.Gates {
		if g.Smoke == nil || targetOf(cfg, g.Smoke.Target) == nil {
			continue
		}
		at := g.Smoke.Target
		if trees[at] == nil {
			trees[at], _ = readTree(fsys, cfg, targetOf(cfg, at)) // its problems are its own
		}
		endpoint := asset.ID{Kind: "online-endpoint", Name: g.Smoke.Endpoint}
		deployment := asset.ID{Kind: "online-deployment", Parent: g.Smoke.Endpoint, Name: g.Smoke.Deployment}
		var endpoints, deployments []string
		found, deployed := false, g.Smoke.Deployment == ""
		for _, a := range trees[at].Assets {
			switch {
			case a.ID.Kind == endpoint.Kind:
				endpoints = append(endpoints, a.ID.Name)
				found = found || a.ID == endpoint
			case a.ID.Kind == deployment.Kind && a.ID.Parent == deployment.Parent:
				deployments = append(deployments, a.ID.Name)
				deployed = deployed || a.ID == deployment
			}
		}
		switch {
		case !found:
			bad.Warnf(g.Pos, "gate", problem.DidYouMean(g.Smoke.Endpoint, endpoints), "targets.%s.gates.%s: no file of target %s describes the online endpoint %q", t.Name, g.Name, at, g.Smoke.Endpoint)
		case !deployed:
			bad.Warnf(g.Pos, "gate", problem.DidYouMean(g.Smoke.Deployment, deployments), "targets.%s.gates.%s: no file of target %s describes the deployment %q of %s", t.Name, g.Name, at, g.Smoke.Deployment, g.Smoke.Endpoint)
		}
	}
	return bad
}
