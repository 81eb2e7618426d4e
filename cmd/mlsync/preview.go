package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// previewer plans pull requests: what a merge would do to the targets that
// follow the base. It reads, as whoever reads a target, and writes nowhere.
type previewer struct {
	*app
	cfg   *config.Config // of whoever runs the program
	forge *forge.Forge
	// repo has the whole history of the repository.
	repo  *gitrepo.Repo
	store *state.Store
	// override holds the configuration of a commit to what is allowed, and lays
	// flags over it.
	override func(*config.Config) error
	// project is the one that the targets are of; nil for none.
	project *project
	// only are the targets that are planned; all if there are none.
	only  []string
	given targetFlags
	log   *slog.Logger
}

// preview is what a pull request would do.
type preview struct {
	pr         forge.PullRequest
	base, head gitrepo.Hash
	targets    []previewTarget
	// left is how many further targets were left out.
	left      int
	conflicts []gitrepo.Conflict
	// unmerged says why nobody can tell what the merge gives, "" if it is known.
	unmerged string
	// config says that mlsync.yaml is changed.
	config bool
}

// previewTarget is the plan of one target, or why there is none.
type previewTarget struct {
	name   string
	plan   *plan.Plan
	err    error
	window *windowState
}

// errSuperseded says that the head moved while it was planned.
var errSuperseded = errors.New("a newer head is there")

// make plans a pull request as it is now.
func (p *previewer) make(ctx context.Context, pr forge.PullRequest) (*preview, error) {
	out := &preview{pr: pr}
	got, err := p.fetch(ctx, pr)
	if err != nil {
		return nil, err
	}
	out.base, out.head = got.base, got.head
	was, err := p.repo.Tree(got.base)
	if err != nil {
		return nil, err
	}
	merged, err := p.merge(out, got.made)
	if err != nil || merged == nil {
		return out, err
	}
	paths, err := merged.Changed(was)
	if err != nil {
		return nil, err
	}
	before, err := p.below(was)
	if err != nil {
		return nil, err
	}
	after, err := p.below(merged)
	if err != nil {
		return nil, err
	}
	cfg, err := p.configOf(before)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", config.File, pr.Base, err)
	}
	paths, out.config = p.relative(paths)
	var touched []*config.Target
	touched, out.left = p.touched(cfg, pr.Base, paths)
	for _, t := range touched {
		out.targets = append(out.targets, p.target(ctx, cfg, t, reconcile.Commit{FS: after, Hash: string(got.head), Repo: p.repo.URL()}, pr.Fork))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// branch fetches a branch of the repository.
func (p *previewer) branch(ctx context.Context, name string) (gitrepo.Commit, error) {
	ref, err := gitrepo.ParseRef("refs/heads/" + name)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	return p.repo.Fetch(ctx, ref)
}

// pull fetches what the service keeps of a pull request under a ref.
func (p *previewer) pull(ctx context.Context, name string) (gitrepo.Commit, error) {
	ref, err := gitrepo.PullRef(name)
	if err != nil {
		return gitrepo.Commit{}, err
	}
	return p.repo.Fetch(ctx, ref)
}

// head fetches the head of a pull request, which must be the one that the
// service named: what somebody consented to is one commit.
func (p *previewer) head(ctx context.Context, pr forge.PullRequest) (gitrepo.Hash, error) {
	name, merge := p.forge.Refs(pr.Number)
	var got gitrepo.Commit
	var err error
	switch {
	case name != "":
		got, err = p.pull(ctx, name)
	case !pr.Fork:
		got, err = p.branch(ctx, pr.Head)
	default: // the head of a fork is here only with its merge
		if got, err = p.pull(ctx, merge); err == nil && slices.Contains(got.Parents, gitrepo.Hash(pr.Commit)) {
			return gitrepo.Hash(pr.Commit), nil
		}
	}
	if err != nil {
		return "", err
	}
	if string(got.Hash) != pr.Commit {
		return "", fmt.Errorf("%w: %.12s, not %.12s", errSuperseded, got.Hash, pr.Commit)
	}
	return got.Hash, nil
}

// pullCommits are the commits of a pull request. made is the merge that the service
// made of the two; "" if it has none of them.
type pullCommits struct{ base, head, made gitrepo.Hash }

// fetch brings the commits of a pull request. A mirror is made anew now and
// then, and has only what was fetched since: then they are fetched once more.
func (p *previewer) fetch(ctx context.Context, pr forge.PullRequest) (pullCommits, error) {
	for try := 1; ; try++ {
		got, err := p.fetchOnce(ctx, pr)
		if err != nil {
			return got, err
		}
		_, noBase := p.repo.Commit(got.base)
		_, noHead := p.repo.Commit(got.head)
		if err := errors.Join(noBase, noHead); err == nil || try == 3 {
			return got, err
		}
	}
}

func (p *previewer) fetchOnce(ctx context.Context, pr forge.PullRequest) (pullCommits, error) {
	base, err := p.branch(ctx, pr.Base)
	if err != nil {
		return pullCommits{}, err
	}
	head, err := p.head(ctx, pr)
	out := pullCommits{base: base.Hash, head: head}
	_, name := p.forge.Refs(pr.Number)
	if err != nil || name == "" {
		return out, err
	}
	made, err := p.pull(ctx, name)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound): // it cannot be merged, or was not yet
		return out, nil
	case err != nil:
		return out, err
	case len(made.Parents) == 2 && made.Parents[0] == out.base && made.Parents[1] == out.head:
		out.made = made.Hash
	}
	return out, nil
}

// merge is the result of merging head into base: the one that the service made,
// if it is of these two commits, else one that is made of their objects. It is
// nil if nobody but a person can say what it is.
func (p *previewer) merge(out *preview, made gitrepo.Hash) (*gitrepo.Tree, error) {
	if made != "" {
		return p.repo.Tree(made)
	}
	got, err := p.repo.Merge(out.base, out.head)
	if errors.Is(err, gitrepo.ErrNotFound) {
		out.unmerged = err.Error()
		return nil, nil
	}
	out.conflicts = got.Conflicts
	return got.Tree, err
}

// below is the folder of the repository that is the tree.
func (p *previewer) below(t *gitrepo.Tree) (fs.FS, error) {
	if p.cfg.Repository.Path == "" {
		return t, nil
	}
	return t.Sub(p.cfg.Repository.Path)
}

// relative are the paths below the folder that is the tree, and whether the
// configuration is among them.
func (p *previewer) relative(paths []string) (out []string, cfg bool) {
	for _, name := range paths {
		if dir := p.cfg.Repository.Path; dir != "" {
			rest, ok := strings.CutPrefix(name, path.Clean(dir)+"/")
			if !ok {
				continue
			}
			name = rest
		}
		if name == config.File {
			cfg = true
		} else {
			out = append(out, name)
		}
	}
	return out, cfg
}

// configOf is the configuration of the base: a pull request chooses neither
// credentials nor hosts.
func (p *previewer) configOf(base fs.FS) (*config.Config, error) {
	data, err := readBounded(func() (fs.File, error) { return base.Open(config.File) }, limit.FileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return p.cfg, nil
	}
	if err != nil {
		return nil, err
	}
	return takeOver(p.cfg, data, p.override)
}

// follow are the targets that are applied from a branch.
func (p *previewer) follow(cfg *config.Config, branch string) []*config.Target {
	var out []*config.Target
	for i := range cfg.Targets {
		t := &cfg.Targets[i]
		ref, err := refFor(cfg, t)
		if err == nil && t.Tag == "" && t.Semver == "" && ref.Touches("refs/heads/"+branch) && (len(p.only) == 0 || slices.Contains(p.only, t.Name)) {
			out = append(out, t)
		}
	}
	return out
}

// touched are the targets that follow a branch and that changed paths may matter
// to, and how many more there are than are planned.
func (p *previewer) touched(cfg *config.Config, branch string, paths []string) (out []*config.Target, left int) {
	for _, t := range p.follow(cfg, branch) {
		if touches(cfg, t, paths) {
			out = append(out, t)
		}
	}
	n := min(len(out), limit.PreviewTargets)
	return out[:n], len(out) - n
}

// touches reports whether changed paths may matter to a target: all but the
// overlays of other targets and the folders of services, which no asset is made
// of. What an asset is made of may be anywhere else.
func touches(cfg *config.Config, t *config.Target, paths []string) bool {
	in := func(name, dir string) bool { return name == dir || strings.HasPrefix(name, path.Clean(dir)+"/") }
	return slices.ContainsFunc(paths, func(name string) bool {
		if slices.ContainsFunc(t.Overlays, func(dir string) bool { return in(name, dir) }) {
			return true
		}
		for i := range cfg.Targets {
			if slices.ContainsFunc(cfg.Targets[i].Overlays, func(dir string) bool { return in(name, dir) }) {
				return false
			}
		}
		return !slices.ContainsFunc([]string{".github", ".gitlab", ".gitea", ".forgejo", ".azuredevops", ".vscode"}, func(dir string) bool { return in(name, dir) })
	})
}

// errForkSecret is why a secret of a fork's files is not read.
var errForkSecret = errors.New("secrets are not read for pull requests of forks")

// target plans one target.
func (p *previewer) target(ctx context.Context, cfg *config.Config, t *config.Target, c reconcile.Commit, fork bool) previewTarget {
	out := previewTarget{name: t.Name, window: windowOf(t, time.Now())}
	out.plan, out.err = p.plan(ctx, cfg, t, c, fork)
	return out
}

func (p *previewer) plan(ctx context.Context, cfg *config.Config, t *config.Target, c reconcile.Commit, fork bool) (*plan.Plan, error) {
	laid := *t
	p.lay(&laid, p.given)
	client, err := p.connectReader(&laid, p.given.endpoint, p.given.storage)
	if err != nil {
		return nil, err
	}
	ws := client.Workspace(scopeOf(&laid))
	if err := locate(ctx, ws, &laid); err != nil {
		return nil, err
	}
	j, done, err := p.journalOf(ctx, &laid, ws.Scope().WorkspaceID())
	if err != nil {
		return nil, err
	}
	defer done()
	get := func(context.Context, string) (asset.Secret, error) { return asset.Secret{}, errForkSecret }
	if !fork {
		secrets, err := p.resolver(cfg, client)
		if err != nil {
			return nil, err
		}
		get = secrets.Get
	}
	// Content of other workspaces is not opened: only an apply copies it.
	pass := newPass(cfg, &laid, bridge.New(client, ws), ws, j, get, p.log, func(reconcile.Event) {})
	pass.Check = reconcile.AssumeChecks
	pass.Review = p.project.review(pass.Review)
	if err := leaveAlone(ctx, pass, j); err != nil {
		return nil, err
	}
	proven, err := j.proven(ctx)
	if err != nil {
		return nil, err
	}
	prep, err := pass.Prepare(ctx, c, plan.Options{Prune: laid.Prune.Mode != config.PruneOff && proven}, reconcile.Trigger{Name: "preview"})
	if err != nil {
		return nil, err
	}
	return prep.Plan, nil
}

// journalOf is the journal of a target, or an empty one that is forgotten, for
// a target that was never applied.
func (p *previewer) journalOf(ctx context.Context, t *config.Target, workspace string) (*journal, func(), error) {
	known, err := p.store.Known(ctx, t.Name)
	if err != nil || known != nil {
		return &journal{Target: known, store: p.store}, func() {}, err
	}
	empty, err := state.Open(ctx, ":memory:", state.Options{})
	if err != nil {
		return nil, nil, err
	}
	done := func() { _ = empty.Close() }
	fresh, err := empty.Target(ctx, t.Name, workspace)
	if err != nil {
		done()
		return nil, nil, err
	}
	return &journal{Target: fresh, store: empty}, done, nil
}

// verdict is how the preview went, and a line about it.
func (v *preview) verdict() (forge.State, string) {
	state := forge.Success
	var words []string
	changes := 0
	worse := func(s forge.State, word string) {
		if state != forge.Failure {
			state = s
		}
		words = append(words, word)
	}
	switch {
	case len(v.conflicts) > 0:
		return forge.Failure, "conflicts with the base in " + number(len(v.conflicts), "file")
	case v.unmerged != "":
		return forge.Failure, "nobody can tell what the merge with the base gives"
	case len(v.targets) == 0:
		return forge.Success, "no target is touched"
	}
	for _, t := range v.targets {
		switch {
		case t.err != nil:
			worse(forge.Broken, t.name+" could not be planned")
		case len(t.plan.Problems.Errors()) > 0:
			worse(forge.Failure, number(len(t.plan.Problems.Errors()), "problem")+" in "+t.name)
		case !t.plan.Complete() && !v.pr.Fork:
			worse(forge.Broken, "not all of "+t.name+" could be read")
		}
		if t.plan != nil {
			for action, n := range t.plan.Summary() {
				if plan.Action(action).Writes() {
					changes += n
				}
			}
		}
	}
	return state, strings.Join(append([]string{fmt.Sprintf("%s, %s", number(len(v.targets), "target"), number(changes, "change"))}, words...), "; ")
}
