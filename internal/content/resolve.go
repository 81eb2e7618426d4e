package content

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"mlsync.dev/mlsync/internal/limit"
)

// maxLinks bounds the symlinks followed for one path.
const maxLinks = limit.Links

// fsTree makes nodes of an fs.FS. It resolves every symlink itself, because
// os.DirFS would follow one out of the tree.
type fsTree struct {
	fsys fs.FS
}

// identified is what the fs.FileInfo of a file system that knows the identity
// of its files (a git object id) may implement.
type identified interface{ ContentID() string }

// root returns the node at the valid path name, named after the path that
// symlinks lead to.
func (t *fsTree) root(name string) (*node, error) {
	at, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	info, err := t.lstat(at)
	if err != nil {
		return nil, err
	}
	return t.node(path.Base(at), at, info, nil)
}

// resolve returns the path without symlinks that name stands for.
func (t *fsTree) resolve(name string) (string, error) {
	links := 0
	done, rest := ".", name
	for rest != "" && rest != "." {
		head, tail, _ := strings.Cut(rest, "/")
		if head == ".." {
			if done == "." {
				return "", fmt.Errorf("%s: %w", name, ErrEscape)
			}
			done, rest = path.Dir(done), tail
			continue
		}
		at := path.Join(done, head)
		info, err := t.lstat(at)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if tail != "" && !info.IsDir() {
				return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
			}
			done, rest = at, tail
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: %w", name, ErrLoop)
		}
		target, err := t.readLink(at)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) || strings.Contains(target, "\\") {
			return "", fmt.Errorf("%s: symlink to %s: %w", at, target, ErrEscape)
		}
		// The target is not cleaned: a/.. is not . when a is a symlink.
		rest = strings.Trim(squeeze(target)+"/"+tail, "/")
	}
	return done, nil
}

// squeeze drops the empty and the "." segments of a path.
func squeeze(p string) string {
	var out []string
	for s := range strings.SplitSeq(p, "/") {
		if s != "" && s != "." {
			out = append(out, s)
		}
	}
	return strings.Join(out, "/")
}

func (t *fsTree) lstat(name string) (fs.FileInfo, error) {
	if l, ok := t.fsys.(fs.ReadLinkFS); ok {
		return l.Lstat(name)
	}
	return fs.Stat(t.fsys, name)
}

func (t *fsTree) readLink(name string) (string, error) {
	if l, ok := t.fsys.(fs.ReadLinkFS); ok {
		return l.ReadLink(name)
	}
	return "", fmt.Errorf("%s: this file system cannot read symlinks: %w", name, fs.ErrInvalid)
}

// node returns the node of what is at the resolved path at. above are the
// resolved paths of the directories that contain it.
func (t *fsTree) node(name, at string, info fs.FileInfo, above []string) (*node, error) {
	n := &node{name: name, at: at, mtime: info.ModTime()}
	switch {
	case info.IsDir():
		for _, a := range above {
			if a == at {
				return nil, fmt.Errorf("%s: %w", at, ErrLoop)
			}
		}
		n.dir = true
		n.children = func() ([]*node, error) { return t.children(at, append(above[:len(above):len(above)], at)) }
	case info.Mode().IsRegular():
		n.size = info.Size()
		if id, ok := info.(identified); ok {
			n.id = id.ContentID()
		}
		n.open = func() (io.ReadCloser, error) { return t.fsys.Open(at) }
	}
	return n, nil
}

func (t *fsTree) children(dir string, above []string) ([]*node, error) {
	entries, err := fs.ReadDir(t.fsys, dir)
	if err != nil {
		return nil, err
	}
	out := make([]*node, 0, len(entries))
	for _, e := range entries {
		at := path.Join(dir, e.Name())
		n, err := t.entry(e, at, above)
		if err != nil {
			// Only an error if the entry counts: an ignored virtual
			// environment is full of links to the outside.
			n = &node{name: e.Name(), err: err}
		}
		out = append(out, n)
	}
	return out, nil
}

// entry returns the node of a directory entry.
func (t *fsTree) entry(e fs.DirEntry, at string, above []string) (*node, error) {
	if e.Type()&fs.ModeSymlink != 0 {
		if _, ok := t.fsys.(fs.ReadLinkFS); !ok {
			_, err := t.readLink(at)
			return nil, err
		}
		to, err := t.resolve(at)
		if err != nil {
			return nil, err
		}
		info, err := t.lstat(to)
		if err != nil {
			return nil, err
		}
		return t.node(e.Name(), to, info, above)
	}
	info, err := e.Info()
	if err != nil {
		return nil, err
	}
	return t.node(e.Name(), at, info, above)
}
