package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/tree"
)

// codeProject is the code of problems of what a repository asks for beyond its
// project.
const codeProject = "project"

// readProjects reads a file of projects.
func (a *app) readProjects(file string) (*config.Projects, error) {
	data, err := readBounded(func() (fs.File, error) { return os.Open(a.path(file)) }, limit.FileBytes)
	if err != nil {
		return nil, err
	}
	docs, bad := tree.Parse(data, file, tree.ParseOptions{})
	if len(docs) == 0 {
		bad.Hintf(problem.Pos{File: file}, "config", "add projects:", "there are no projects")
		return nil, bad.Err()
	}
	p, more := config.ReadProjects(docs[0], kindNames()...)
	bad.Append(more)
	p.File = file
	return p, bad.Err()
}

// project is what the operator lets a repository do; nil lets it do what its
// configuration says.
type project struct{ *config.Project }

// says is where the operator says it, for who is refused.
func (p *project) says() string { return fmt.Sprintf("project %s at %s", p.Name, p.Pos) }

// bind lays what the operator says over the configuration of a commit. What the
// commit asks for beyond it is a problem.
func (p *project) bind(cfg *config.Config) error {
	if p == nil {
		return nil
	}
	var bad problem.List
	refuse := func(pos problem.Pos, format string, args ...any) {
		if pos.IsZero() {
			pos.File = config.File
		}
		bad.Hintf(pos, codeProject, "whoever runs the daemon says in "+p.says()+" what is allowed", format, args...)
	}
	for name, s := range cfg.Secrets.Providers {
		if s.Pos.Line > 0 {
			refuse(s.Pos, "secrets.providers.%s: where secrets come from is not for the repository to say", name)
		}
	}
	if len(cfg.Secrets.Names) > 0 {
		refuse(problem.Pos{}, "secrets.names: where secrets come from is not for the repository to say")
	}
	for _, w := range cfg.Webhooks {
		refuse(w.Pos, "webhooks.%s: who may deliver is not for the repository to say", w.Provider)
	}
	if cfg.Owner != "" && cfg.Owner != p.Owner {
		refuse(problem.Pos{}, "owner: %q is not the owner of the project", cfg.Owner)
	}
	for i := range cfg.Targets {
		p.bindTarget(&cfg.Targets[i], refuse)
	}
	cfg.Secrets, cfg.Webhooks, cfg.Owner = p.Secrets, p.Webhooks, p.Owner
	return bad.Sorted().Err()
}

// bindTarget gives a target its identities.
func (p *project) bindTarget(t *config.Target, refuse func(problem.Pos, string, ...any)) {
	if id := scopeOf(t).WorkspaceID(); !p.AllowsWorkspace(id) {
		refuse(t.Pos, "targets.%s: the workspace %s is not one of the project", t.Name, id)
	}
	for _, f := range []struct{ key, value string }{{"endpoint", t.Endpoint}, {"storage_endpoint", t.StorageEndpoint}, {"authority", t.Authority}, {"ca_file", t.CAFile}} {
		if f.value != "" {
			refuse(t.Pos, "targets.%s.%s: where credentials go is not for the repository to say", t.Name, f.key)
		}
	}
	for _, k := range t.Manage {
		if !p.AllowsKind(k) {
			refuse(t.Pos, "targets.%s.manage: %s is no kind of the project", t.Name, k)
		}
	}
	allowed := p.Target(t.Name)
	if allowed == nil {
		refuse(t.Pos, "targets.%s: it is not one of the project", t.Name)
		return
	}
	if t.Identity != config.DefaultTarget().Identity && t.Identity != allowed.Identity {
		refuse(t.Pos, "targets.%s.identity: it is not the one of the project", t.Name)
	}
	if t.ReadIdentity != (config.Identity{}) && t.ReadIdentity != allowed.ReadIdentity {
		refuse(t.Pos, "targets.%s.read_identity: it is not the one of the project", t.Name)
	}
	t.Identity, t.ReadIdentity = allowed.Identity, allowed.ReadIdentity
}

// review refuses plans with assets of kinds that are not the project's: those
// of files, and those that would be removed.
func (p *project) review(before func(fs.FS, *reconcile.Prepared) problem.List) func(fs.FS, *reconcile.Prepared) problem.List {
	if p == nil {
		return before
	}
	return func(fsys fs.FS, prep *reconcile.Prepared) problem.List {
		bad := before(fsys, prep)
		hint := "whoever runs the daemon says in " + p.says() + " what is allowed"
		told := map[asset.ID]bool{}
		assets := prep.Tree.Assets
		if prep.Want != nil {
			assets = append(slices.Clone(assets), prep.Want.Set.All()...) // those within others as well
		}
		for _, a := range assets {
			if !told[a.ID] && !p.allows(a.ID.Kind) {
				bad.Hintf(a.Pos, codeProject, hint, "%s: %s is no kind of the project", a.ID, a.ID.Kind)
				told[a.ID] = true
			}
		}
		for _, s := range prep.Plan.Steps {
			if id := s.Key.ID; s.Action.Writes() && !told[id] && !p.allows(id.Kind) {
				bad.Hintf(problem.Pos{File: config.File}, codeProject, hint, "%s: to %s it is not for the project, as %s is no kind of it", id, s.Action, id.Kind)
				told[id] = true
			}
		}
		return bad.Sorted()
	}
}

// allows reports whether the project may have assets of a kind. Kinds that no
// file holds, such as code, belong to what needs them.
func (p *project) allows(k asset.Kind) bool {
	return p.AllowsKind(string(k)) || !slices.ContainsFunc(writtenKinds(), func(t *kind.Table) bool { return t.Kind == k })
}

// sources lets content come only from workspaces of the project.
func (p *project) sources(open bridge.Source) bridge.Source {
	if p == nil {
		return open
	}
	return func(ctx context.Context, scope kind.Scope) (*azureml.Storage, error) {
		if id := scope.WorkspaceID(); !p.AllowsWorkspace(id) {
			return nil, fmt.Errorf("content comes from %s, which is no workspace of %s", printable(id), p.says())
		}
		return open(ctx, scope)
	}
}
