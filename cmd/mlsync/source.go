package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/reconcile"
)

// source is where the daemon gets the files from.
type source interface {
	// fetch is the newest state of the ref.
	fetch(ctx context.Context, ref gitrepo.Ref) (reconcile.Commit, error)
	// at is the tree at a commit that was fetched before; nil if it is not at
	// hand any more.
	at(commit string) fs.FS
	// authors are the names and addresses of who made the commits after from up
	// to to, as far as they are known here.
	authors(from, to string) []string
	// wait returns when there may be something new.
	wait(ctx context.Context) error
	close() error
}

// openSource opens the repository of the configuration, else the local folder.
func (d *daemon) openSource(cfg *config.Config) (source, error) {
	r := cfg.Repository
	if r.URL == "" {
		w, err := gitrepo.OpenWorkTree(cmp.Or(d.app.flags.dir, "."))
		if err != nil {
			return nil, err
		}
		cfg.Repository.URL = cmp.Or(w.Origin(), "file://"+w.Dir())
		return &folder{tree: w, changed: make(chan struct{}, 1)}, nil
	}
	repo, err := d.app.openMirror(r.URL, filepath.Join(d.flags.data, "mirror"), r.Auth)
	if err != nil {
		return nil, err
	}
	return &mirror{repo: repo, path: r.Path, every: cmp.Or(d.flags.poll, r.Poll, time.Minute)}, nil
}

// openMirror opens a mirror of a remote repository, as the configuration says
// that it is reached.
func (a *app) openMirror(url, dir string, auth config.Auth) (*gitrepo.Repo, error) {
	return a.openDeep(url, dir, auth, 1)
}

// openWholeMirror is one with all of the history, which tells where branches
// parted.
func (a *app) openWholeMirror(url, dir string, auth config.Auth) (*gitrepo.Repo, error) {
	return a.openDeep(url, dir, auth, 0)
}

func (a *app) openDeep(url, dir string, auth config.Auth, depth int) (*gitrepo.Repo, error) {
	o := gitrepo.Options{URL: url, Dir: dir, Depth: depth}
	if auth.TokenEnv != "" {
		o.Credential = func(context.Context) (gitrepo.Credential, error) {
			token, _ := a.env(auth.TokenEnv)
			return gitrepo.Credential{Username: auth.Username, Password: gitrepo.Secret(token)}, nil
		}
	}
	if auth.SSHKey != "" {
		key, err := os.ReadFile(a.path(auth.SSHKey))
		if err != nil {
			return nil, err
		}
		o.SSH.PrivateKey = gitrepo.Secret(key)
	}
	if auth.KnownHosts != "" {
		o.SSH.KnownHosts = []string{a.path(auth.KnownHosts)}
	}
	o.SSH.AgentSocket, _ = a.env("SSH_AUTH_SOCK")
	return gitrepo.Open(o)
}

// openFolder opens the folder of the tree.
func openFolder(dir string) (*gitrepo.WorkTree, error) { return gitrepo.OpenWorkTree(dir) }

// mirror is a remote repository that is asked for new commits.
type mirror struct {
	repo  *gitrepo.Repo
	path  string
	every time.Duration
}

func (m *mirror) fetch(ctx context.Context, ref gitrepo.Ref) (reconcile.Commit, error) {
	c, err := m.repo.Fetch(ctx, ref)
	if err != nil {
		return reconcile.Commit{}, err
	}
	tree, err := m.repo.Tree(c.Hash)
	if err != nil {
		return reconcile.Commit{}, err
	}
	out := reconcile.Commit{FS: tree, Hash: string(c.Hash), Repo: m.repo.URL(), By: signers(c)}
	if m.path != "" {
		out.FS, err = fs.Sub(tree, m.path)
	}
	return out, err
}

func (m *mirror) at(commit string) fs.FS {
	tree, err := m.repo.Tree(gitrepo.Hash(commit))
	if err != nil {
		return nil
	}
	if m.path == "" {
		return tree
	}
	sub, err := fs.Sub(tree, m.path)
	if err != nil {
		return nil
	}
	return sub
}

// authors goes back from one commit to another, and no further than commits
// are at hand.
func (m *mirror) authors(from, to string) []string {
	return authorsOf(m.repo.Commit, gitrepo.Hash(from), gitrepo.Hash(to), limit.ApprovalCommits)
}

func authorsOf(read func(gitrepo.Hash) (gitrepo.Commit, error), from, to gitrepo.Hash, most int) []string {
	var out []string
	seen := map[gitrepo.Hash]bool{from: true}
	looked := 0
	for next := []gitrepo.Hash{to}; len(next) > 0 && looked < most; next = next[1:] {
		if seen[next[0]] {
			continue
		}
		seen[next[0]] = true
		c, err := read(next[0])
		if err != nil {
			continue // history ends here
		}
		looked++
		out = append(out, signers(c)...)
		next = append(next, c.Parents...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wait sleeps for the poll interval, give or take a tenth, so that many
// daemons do not ask at the same moment.
func (m *mirror) wait(ctx context.Context) error {
	d := m.every + time.Duration((rand.Float64()-0.5)*0.2*float64(m.every))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (m *mirror) close() error { return m.repo.Close() }

// folder is a local working tree that is watched.
type folder struct {
	tree    *gitrepo.WorkTree
	changed chan struct{}
	started bool
}

// at is nil: a folder is what it is now.
func (*folder) at(string) fs.FS { return nil }

// authors are none: those of what is checked out come with it.
func (*folder) authors(string, string) []string { return nil }

func (f *folder) fetch(ctx context.Context, _ gitrepo.Ref) (reconcile.Commit, error) {
	c := reconcile.Commit{FS: f.tree.FS(), Repo: f.tree.Origin()}
	head, err := f.tree.Head()
	switch {
	case errors.Is(err, gitrepo.ErrNotFound), errors.Is(err, gitrepo.ErrEmpty):
		c.Dirty = true
		return c, nil
	case err != nil:
		return c, err
	}
	c.Hash, c.By = string(head.Hash), signers(head)
	dirty, _, err := f.tree.State(ctx, dirtyLimit)
	c.Dirty = err != nil || dirty != gitrepo.Clean
	return c, nil
}

// settled is how long a folder must be quiet before it is read.
const settled = 500 * time.Millisecond

func (f *folder) wait(ctx context.Context) error {
	if !f.started {
		f.started = true
		go func() { // lives as long as the daemon; an error ends with it
			_ = f.tree.Watch(ctx, settled, f.changed)
		}()
		select { // Watch tells once at its start
		case <-f.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.changed:
		return nil
	}
}

func (f *folder) close() error { return f.tree.Close() }

// refOf is the ref that a target follows; that of the repository for nil. It
// was checked when the configuration was read.
func (d *daemon) refOf(t *config.Target) gitrepo.Ref {
	ref, err := refFor(d.cfg, t)
	if err != nil {
		d.log.Error("ref", "err", err)
	}
	return ref
}

func refFor(cfg *config.Config, t *config.Target) (gitrepo.Ref, error) {
	text := cfg.Repository.Branch
	if t != nil {
		switch {
		case t.Branch != "":
			text = t.Branch
		case t.Tag != "":
			text = "refs/tags/" + t.Tag
			if strings.ContainsAny(t.Tag, "*?[") {
				text = "tags:" + t.Tag
			}
		case t.Semver != "":
			text = "semver:" + t.Semver
		}
	}
	return gitrepo.ParseRef(text)
}

// configAt is the configuration of a commit, with the flags laid over it; that
// of the daemon if the commit has none.
func (d *daemon) configAt(c reconcile.Commit) (*config.Config, error) {
	if c.Hash == "" || c.Dirty {
		return d.readConfigAt(c)
	}
	p, err := d.configs.at(c.Hash, c.FS, func() (*config.Config, error) { return d.readConfigAt(c) })
	if err != nil {
		return nil, err
	}
	return p.cfg, nil
}

func (d *daemon) readConfigAt(c reconcile.Commit) (*config.Config, error) {
	data, err := readBounded(func() (fs.File, error) { return c.FS.Open(config.File) }, limit.FileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return d.cfg, nil
	}
	if err != nil {
		return nil, err
	}
	return takeOver(d.cfg, data, d.overlay)
}

// overlay holds a configuration to the project, and lays the flags over it.
func (d *daemon) overlay(cfg *config.Config) error {
	if err := d.project.bind(cfg); err != nil {
		return err
	}
	d.override(cfg)
	return nil
}

// takeOver reads the configuration of a commit over that of whoever runs the
// program: the repository and what may be reached stay theirs.
func takeOver(was *config.Config, data []byte, override func(*config.Config) error) (*config.Config, error) {
	cfg, bad := parseConfig(data, config.File)
	if err := bad.Err(); err != nil {
		return nil, err
	}
	if err := override(cfg); err != nil {
		return nil, err
	}
	cfg.Repository = was.Repository
	cfg.Owner = cmp.Or(was.Owner, cfg.Owner)
	return cfg, pinned(was, cfg)
}
