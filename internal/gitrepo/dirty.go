package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// errEnough ends a comparison that takes too long.
var errEnough = errors.New("enough")

// comparison looks for one file in which a working tree differs from HEAD.
type comparison struct {
	*WorkTree
	ctx  context.Context //nolint:containedctx // lives for one call
	left int

	index  map[string]*index.Entry // of files below the folder, by path from the top
	racy   func(*index.Entry) bool
	ignore []gitignore.Pattern
}

// step counts one file looked at.
func (c *comparison) step() error {
	if c.left--; c.left < 0 || c.ctx.Err() != nil {
		return errEnough
	}
	return nil
}

// run returns the path of a difference, "" for none: first between HEAD and
// index, then between index and files, last files that are in neither.
func (c *comparison) run(commit *object.Commit, idx *index.Index) (string, error) {
	c.index = map[string]*index.Entry{}
	for _, e := range idx.Entries {
		if strings.HasPrefix(e.Name, c.prefix) {
			c.index[e.Name] = e
		}
	}
	// A file changed in the very moment in which the index was written has the
	// time that the index remembers.
	c.racy = func(e *index.Entry) bool { return !e.ModifiedAt.Before(idx.ModTime) }
	if p, err := c.staged(commit); p != "" || err != nil {
		return p, err
	}
	if p, err := c.modified(); p != "" || err != nil {
		return p, err
	}
	if err := c.readIgnores(); err != nil {
		return "", err
	}
	return c.untracked(strings.TrimSuffix(c.prefix, "/"))
}

// staged compares HEAD's tree with the index.
func (c *comparison) staged(commit *object.Commit) (string, error) {
	tree, err := commit.Tree()
	if err != nil {
		return "", err
	}
	if c.prefix != "" {
		if tree, err = tree.Tree(strings.TrimSuffix(c.prefix, "/")); errors.Is(err, object.ErrDirectoryNotFound) {
			tree, err = &object.Tree{}, nil
		}
		if err != nil {
			return "", err
		}
	}
	inHead := 0
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	for {
		name, e, err := walker.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if e.Mode == filemode.Dir {
			continue
		}
		if err := c.step(); err != nil {
			return "", err
		}
		name = c.prefix + name
		if entry := c.index[name]; entry == nil || entry.Hash != e.Hash || entry.Mode != e.Mode {
			return name, nil
		}
		inHead++
	}
	if inHead == len(c.index) {
		return "", nil
	}
	for name := range c.index {
		if _, err := tree.FindEntry(strings.TrimPrefix(name, c.prefix)); err != nil {
			return name, nil //nolint:nilerr // it is in the index alone
		}
	}
	return "", nil
}

// modified compares the index with the files.
func (c *comparison) modified() (string, error) {
	for name, e := range c.index {
		if err := c.step(); err != nil {
			return "", err
		}
		if e.Mode == filemode.Submodule || e.SkipWorktree {
			continue
		}
		same, err := c.same(e)
		if err != nil || !same {
			return name, err
		}
	}
	return "", nil
}

func (c *comparison) same(e *index.Entry) (bool, error) {
	rel := filepath.FromSlash(strings.TrimPrefix(e.Name, c.prefix))
	info, err := c.root.Lstat(rel)
	if err != nil {
		return false, nil //nolint:nilerr // missing, or behind something that is no folder
	}
	mode, err := filemode.NewFromOSFileMode(info.Mode())
	if err != nil || mode != e.Mode {
		return false, nil //nolint:nilerr // a device is not what was committed
	}
	sized := !info.Mode().IsRegular() || uint32(info.Size()) == e.Size
	if !sized && e.Size != 0 { // a size of 0 is git's word for: look at the content
		return false, nil
	}
	if sized && info.ModTime().Equal(e.ModifiedAt) && !c.racy(e) {
		return true, nil
	}
	var data []byte
	if e.Mode == filemode.Symlink {
		to, err := c.root.Readlink(rel)
		if err != nil {
			return false, err
		}
		data = []byte(to)
	} else if data, err = c.root.ReadFile(rel); err != nil {
		return false, err
	}
	return plumbing.ComputeHash(plumbing.BlobObject, data) == e.Hash, nil
}

// readIgnores reads the patterns that apply to the whole repository, and the
// .gitignore files above the folder; those below are read on the way down.
func (c *comparison) readIgnores() error {
	err := c.addIgnores(filepath.Join(c.commonDir, "info", "exclude"), nil)
	at := ""
	for part := range strings.SplitSeq(strings.TrimSuffix(c.prefix, "/"), "/") {
		if err != nil || c.prefix == "" {
			break
		}
		err = c.addIgnores(filepath.Join(c.top(), filepath.FromSlash(at), ".gitignore"), split(at))
		at = path.Join(at, part)
	}
	return err
}

func split(name string) []string {
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

func (c *comparison) addIgnores(file string, domain []string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := lines.Text(); strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			c.ignore = append(c.ignore, gitignore.ParsePattern(line, domain))
		}
	}
	return lines.Err()
}

// untracked looks below a folder, given from the top, for a file that is
// neither in the index nor ignored.
func (c *comparison) untracked(dir string) (string, error) {
	from := filepath.Join(c.top(), filepath.FromSlash(dir))
	if err := c.addIgnores(filepath.Join(from, ".gitignore"), split(dir)); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return "", err
	}
	matcher := gitignore.NewMatcher(c.ignore)
	for _, e := range entries {
		if err := c.step(); err != nil {
			return "", err
		}
		name := path.Join(dir, e.Name())
		known := c.index[name]
		switch {
		case known != nil || e.Name() == ".git":
			continue
		case matcher.Match(split(name), e.IsDir()):
			continue
		case !e.IsDir():
			return name, nil
		}
		if found, err := c.untracked(name); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}
