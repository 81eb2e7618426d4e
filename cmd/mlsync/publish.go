package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/promote"
)

// publishFlags say what becomes of the files of a promotion: they are written
// into the folder, pushed as a commit, or proposed by a pull request.
type publishFlags struct {
	branch  string
	pr      bool
	dryRun  bool
	message string
	author  string
}

func (f *publishFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.branch, "branch", "", "push one commit to this branch of the remote, and write nothing here")
	c.Flags().BoolVar(&f.pr, "pr", false, "push a branch of its own and open a pull request")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "write nothing, show what would be done")
	c.Flags().StringVarP(&f.message, "message", "m", "", "the message of the commit (default: made of what is done)")
	c.Flags().StringVar(&f.author, "author", "", "who does it: a name, or NAME <EMAIL> (default: as git is told)")
	c.MarkFlagsMutuallyExclusive("branch", "pr", "dry-run")
}

// remote reports whether the change goes to the remote.
func (f *publishFlags) remote() bool { return f.branch != "" || f.pr }

// putFiles writes files into the folder, whole or not at all each.
func (a *app) putFiles(files []promote.File) error {
	root, err := os.OpenRoot(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, f := range files {
		if f.Bytes == nil {
			if err := root.Remove(filepath.FromSlash(f.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		if err := putFile(root, f.Path, f.Bytes); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return nil
}

// remoteRepo is the remote repository of the folder, as far as a promotion needs
// it.
type remoteRepo struct {
	repo   *gitrepo.Repo
	origin string // where the folder was cloned from; "" if it was not
	dir    string // of the mirror; it goes with the value
	path   string // of the tree within the repository
	base   string // the branch that the target follows
	head   gitrepo.Commit
}

// openRemote fetches the branch that a target is applied from, or the given one
// if the remote has it.
func (a *app) openRemote(ctx context.Context, cfg *config.Config, t *config.Target, branch string) (*remoteRepo, error) {
	w, err := openFolder(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return nil, err
	}
	origin := w.Origin()
	_ = w.Close() // it was only read
	url := cmp.Or(cfg.Repository.URL, origin)
	if url == "" {
		return nil, fmt.Errorf("where the remote repository is, is not known: give repository.url in %s, or clone the folder from it", config.File)
	}
	dir, err := os.MkdirTemp("", "mlsync-promote-")
	if err != nil {
		return nil, err
	}
	r := &remoteRepo{origin: origin, dir: dir, path: cfg.Repository.Path, base: cmp.Or(t.Branch, cfg.Repository.Branch)}
	if r.repo, err = a.openMirror(url, dir, cfg.Repository.Auth); err != nil {
		r.close()
		return nil, err
	}
	if r.base == "" {
		if r.base, err = r.defaultBranch(ctx); err != nil {
			r.close()
			return nil, err
		}
	}
	if branch != "" && branch != r.base {
		if ref, err := gitrepo.ParseRef("refs/heads/" + branch); err != nil {
			r.close()
			return nil, err
		} else if head, err := r.repo.Fetch(ctx, ref); err == nil {
			r.head = head
			return r, nil
		} else if !errors.Is(err, gitrepo.ErrNotFound) {
			r.close()
			return nil, err
		}
	}
	return r, r.fetch(ctx, r.base)
}

func (r *remoteRepo) fetch(ctx context.Context, branch string) error {
	ref, err := gitrepo.ParseRef("refs/heads/" + branch)
	if err == nil {
		r.head, err = r.repo.Fetch(ctx, ref)
	}
	if err != nil {
		r.close()
	}
	return err
}

// defaultBranch is main, or master where there is no main.
func (r *remoteRepo) defaultBranch(ctx context.Context) (string, error) {
	refs, err := r.repo.Refs(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"main", "master"} {
		if _, ok := refs["refs/heads/"+name]; ok {
			return name, nil
		}
	}
	return "", fmt.Errorf("which branch the target follows is not known: give repository.branch in %s", config.File)
}

func (r *remoteRepo) close() {
	if r.repo != nil {
		_ = r.repo.Close()
	}
	_ = os.RemoveAll(r.dir)
}

// fs is the tree at the head.
func (r *remoteRepo) fs() (fs.FS, error) {
	t, err := r.repo.Tree(r.head.Hash)
	if err != nil {
		return nil, err
	}
	if r.path == "" || path.Clean(r.path) == "." {
		return t, nil
	}
	return t.Sub(path.Clean(r.path))
}

// push makes one commit of the files on a branch. The error is a
// *gitrepo.MovedError if the branch has moved.
func (r *remoteRepo) push(ctx context.Context, branch, message string, who gitrepo.Signature, files []promote.File) (gitrepo.Commit, error) {
	change := gitrepo.Change{Branch: branch, Base: r.head.Hash, Files: map[string][]byte{}, Author: who, Message: message}
	for _, f := range files {
		change.Files[path.Join(r.path, f.Path)] = f.Bytes
	}
	return r.repo.Push(ctx, change)
}

// signature is who makes the commit: as the flag says, else as git is told by
// its environment, else the user.
func (a *app) signature(given string) gitrepo.Signature {
	name, email := given, ""
	if head, rest, ok := strings.Cut(given, " <"); ok && strings.HasSuffix(rest, ">") {
		name, email = head, strings.TrimSuffix(rest, ">")
	}
	env := func(key string) string { v, _ := a.env(key); return v }
	name = cmp.Or(name, env("GIT_AUTHOR_NAME"), env("USER"), "mlsync")
	email = cmp.Or(email, env("GIT_AUTHOR_EMAIL"), env("EMAIL"), "mlsync@localhost")
	return gitrepo.Signature{Name: name, Email: email, When: time.Now()}
}
