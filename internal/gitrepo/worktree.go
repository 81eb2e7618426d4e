package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// WorkTree is a local folder, which may or may not lie in a git working tree.
// It is only ever read.
type WorkTree struct {
	dir  string
	root *os.Root
	// gitDir and commonDir are "" outside of git; they differ in a linked
	// working tree.
	gitDir, commonDir string
	// prefix is dir's path inside the git working tree, "" at its top, else
	// with a '/' at its end.
	prefix string
}

// OpenWorkTree opens a folder.
func OpenWorkTree(dir string) (*WorkTree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// What is watched and compared are true paths.
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	w := &WorkTree{dir: abs, root: root}
	if err := w.findGit(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return w, nil
}

// Close releases the folder.
func (w *WorkTree) Close() error { return w.root.Close() }

// Dir is the folder's absolute path, links resolved.
func (w *WorkTree) Dir() string { return w.dir }

// InGit says whether the folder lies in a git working tree.
func (w *WorkTree) InGit() bool { return w.gitDir != "" }

// FS gives the folder's files. A symbolic link is followed only to a place
// inside the folder. It implements fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and
// fs.ReadLinkFS.
func (w *WorkTree) FS() fs.FS { return w.root.FS() }

// findGit looks for .git in the folder and above it.
func (w *WorkTree) findGit() error {
	for top := w.dir; ; top = filepath.Dir(top) {
		dot := filepath.Join(top, git.GitDirName)
		info, err := os.Stat(dot)
		switch {
		case err == nil && info.IsDir():
			w.gitDir = dot
		case err == nil:
			if w.gitDir, err = readGitFile(dot); err != nil {
				return err
			}
		case top == filepath.Dir(top):
			return nil
		default:
			continue
		}
		w.commonDir = w.gitDir
		if text, err := os.ReadFile(filepath.Join(w.gitDir, "commondir")); err == nil {
			w.commonDir = absolute(strings.TrimSpace(string(text)), w.gitDir)
		}
		rel, err := filepath.Rel(top, w.dir)
		if err != nil {
			return err
		}
		if rel != "." {
			w.prefix = filepath.ToSlash(rel) + "/"
		}
		return nil
	}
}

// readGitFile reads the .git file of a linked working tree or submodule.
func readGitFile(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	to, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%s: %w: it does not say where the repository is", path, ErrInvalid)
	}
	return absolute(to, filepath.Dir(path)), nil
}

func absolute(path, base string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return filepath.Clean(path)
}

// Head returns the commit that is checked out. Outside of git the error is
// ErrNotFound, before the first commit ErrEmpty.
func (w *WorkTree) Head() (Commit, error) {
	c, closeIt, err := w.head()
	if err != nil {
		return Commit{}, err
	}
	return commitFrom(c), closeIt()
}

// head reads the commit; the function returned releases the storage it is read
// from.
func (w *WorkTree) head() (*object.Commit, func() error, error) {
	if !w.InGit() {
		return nil, nil, fmt.Errorf("%s: git repository %w", w.dir, ErrNotFound)
	}
	repo, err := git.PlainOpenWithOptions(w.top(), &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", w.gitDir, err)
	}
	ref, err := repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil, fmt.Errorf("%s: %w", w.gitDir, ErrEmpty)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", w.gitDir, err)
	}
	c, err := repo.CommitObject(ref.Hash())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: commit %s: %w", w.gitDir, ref.Hash(), err)
	}
	return c, func() error {
		if s, ok := repo.Storer.(*filesystem.Storage); ok {
			return s.Close()
		}
		return nil
	}, nil
}

// top is the folder that holds .git.
func (w *WorkTree) top() string {
	up := strings.Repeat("../", strings.Count(w.prefix, "/"))
	return filepath.Join(w.dir, filepath.FromSlash(up))
}

// State says whether a working tree is what its HEAD commit says.
type State int

// The states of a working tree.
const (
	// Unknown: not in git, or it takes more looking than was allowed.
	Unknown State = iota
	// Clean: every file is as in HEAD.
	Clean
	// Dirty: a file differs, is missing, or is neither in HEAD nor ignored.
	Dirty
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Clean:
		return "clean"
	case Dirty:
		return "dirty"
	default:
		return fmt.Sprintf("state(%d)", int(s))
	}
}

// State compares the folder with HEAD, the parts outside the folder left
// aside. It ends at the first difference. It trusts times and sizes in git's
// index and reads only files of which these differ. limit bounds the number of
// files looked at; when it or ctx runs out the answer is Unknown. The string is
// the path of the first difference found.
func (w *WorkTree) State(ctx context.Context, limit int) (State, string, error) {
	if !w.InGit() {
		return Unknown, "", nil
	}
	commit, closeIt, err := w.head()
	if errors.Is(err, ErrEmpty) {
		return Dirty, "", nil
	}
	if err != nil {
		return Unknown, "", err
	}
	defer func() { _ = closeIt() }() // it was only read
	s := filesystem.NewStorage(osfs.New(w.gitDir), cache.NewObjectLRU(1<<20))
	index, err := s.Index()
	if err != nil {
		// An index of a newer form than the library knows is no reason to fail.
		return Unknown, "", nil //nolint:nilerr // said above
	}
	c := &comparison{WorkTree: w, ctx: ctx, left: limit}
	path, err := c.run(commit, index)
	switch {
	case errors.Is(err, errEnough):
		return Unknown, "", nil
	case err != nil:
		return Unknown, "", err
	case path != "":
		return Dirty, path, nil
	}
	return Clean, "", nil
}
