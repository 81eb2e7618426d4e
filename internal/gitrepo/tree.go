package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"mlsync.dev/mlsync/internal/limit"
)

// Tree is the folder of a commit, or a folder below it, as a read-only file
// system read straight from git objects. Symbolic links are shown (see
// ReadLink) and never followed: a path that leads through one fails with
// ErrSymlink. A submodule is an empty folder, an LFS pointer a small file.
// Files have mode 0444, or 0555 if executable; times are that of the commit.
//
// It is safe for concurrent use and stays readable until its Repo is closed or
// opened again, whatever is fetched meanwhile.
type Tree struct {
	store *store
	root  plumbing.Hash
	when  time.Time
}

var (
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.ReadFileFS = (*Tree)(nil)
	_ fs.StatFS     = (*Tree)(nil)
	_ fs.ReadLinkFS = (*Tree)(nil)
	_ fs.SubFS      = (*Tree)(nil)
)

// largestFile bounds what ReadFile holds in memory; Open reads any size.
const largestFile = limit.GitFile

// Tree returns the files of a commit that was fetched or pushed. One that is
// not in the mirror gives ErrNotFound.
func (r *Repo) Tree(commit Hash) (*Tree, error) {
	s := r.store()
	c, err := s.commitOf(commit)
	if err != nil {
		return nil, err
	}
	return &Tree{store: s, root: c.TreeHash, when: c.Committer.When}, nil
}

// TreeHash returns the name of the git object at path ("." for the whole): it
// is equal for equal content, so it serves as a key for "nothing changed
// below". For a file it does not cover the mode.
func (t *Tree) TreeHash(name string) (Hash, error) {
	e, err := t.lookup("hash", name)
	if err != nil {
		return "", err
	}
	return Hash(e.hash.String()), nil
}

// Sub returns the folder dir as a *Tree of its own.
func (t *Tree) Sub(dir string) (fs.FS, error) {
	e, err := t.lookup("sub", dir)
	if err != nil {
		return nil, err
	}
	if !e.isTree() {
		return nil, &fs.PathError{Op: "sub", Path: dir, Err: errors.New("not a directory")}
	}
	return &Tree{store: t.store, root: e.hash, when: t.when}, nil
}

// lookup finds the entry of a path without following links.
func (t *Tree) lookup(op, name string) (treeEntry, error) {
	fail := func(err error) (treeEntry, error) {
		return treeEntry{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	at := treeEntry{name: ".", mode: modeTree, hash: t.root}
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case at.isLink():
			return fail(ErrSymlink)
		case !at.isTree():
			return fail(fs.ErrNotExist)
		}
		entries, err := t.store.tree(at.hash)
		if err != nil {
			return fail(faultText(err))
		}
		var ok bool
		if at, ok = find(entries, part); !ok {
			return fail(fs.ErrNotExist)
		}
	}
	return at, nil
}

// Open opens a file or folder.
func (t *Tree) Open(name string) (fs.File, error) {
	e, err := t.lookup("open", name)
	if err != nil {
		return nil, err
	}
	switch {
	case e.isLink():
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrSymlink}
	case e.isTree(), e.isSubmodule():
		list, err := t.list(name, e)
		if err != nil {
			return nil, err
		}
		return &openDir{info: t.info(e), list: list}, nil
	}
	obj, err := t.store.encoded(plumbing.BlobObject, e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: t.store.needed(e.hash, err)}
	}
	r, err := t.store.stream(obj, e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{ReadCloser: r, info: t.info(e), name: name}, nil
}

// ReadFile returns the content of a file.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	e, err := t.lookup("read", name)
	if err != nil {
		return nil, err
	}
	var data []byte
	switch {
	case e.isLink():
		err = ErrSymlink
	case e.isTree(), e.isSubmodule():
		err = errors.New("is a directory")
	default:
		data, err = t.store.read(plumbing.BlobObject, e.hash, largestFile)
		err = t.store.needed(e.hash, err)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir lists a folder, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	return t.list(name, e)
}

func (t *Tree) list(name string, dir treeEntry) ([]fs.DirEntry, error) {
	switch {
	case dir.isSubmodule():
		return nil, nil
	case dir.isLink():
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: ErrSymlink}
	case !dir.isTree():
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries, err := t.store.tree(dir.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: faultText(err)}
	}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		out[i] = dirEntry{tree: t, entry: e}
	}
	return out, nil
}

// Stat describes a file or folder; of a link, the link itself.
func (t *Tree) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name) }

// Lstat is Stat: links are never followed.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name) }

func (t *Tree) stat(op, name string) (fs.FileInfo, error) {
	e, err := t.lookup(op, name)
	if err != nil {
		return nil, err
	}
	e.name = path.Base(name)
	return t.sized(e)
}

// longestLink bounds where a link may point, as PATH_MAX does.
const longestLink = limit.GitLink

// ReadLink returns where a symbolic link points, as written: it may lead
// anywhere.
func (t *Tree) ReadLink(name string) (string, error) {
	e, err := t.lookup("readlink", name)
	if err != nil {
		return "", err
	}
	if !e.isLink() {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	data, err := t.store.read(plumbing.BlobObject, e.hash, longestLink)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: t.store.needed(e.hash, err)}
	}
	return string(data), nil
}

// info lacks the size, which costs a look into the pack.
func (t *Tree) info(e treeEntry) fileInfo {
	return fileInfo{name: e.name, mode: e.fsMode(), when: t.when, size: func() int64 {
		n, err := t.size(e)
		if err != nil {
			return 0 // reading it will say what is wrong
		}
		return n
	}}
}

func (t *Tree) sized(e treeEntry) (fs.FileInfo, error) {
	n, err := t.size(e)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: e.name, Err: err}
	}
	info := t.info(e)
	info.size = func() int64 { return n }
	return info, nil
}

func (t *Tree) size(e treeEntry) (int64, error) {
	if e.isTree() || e.isSubmodule() {
		return 0, nil
	}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	n, err := t.store.objects.EncodedObjectSize(e.hash)
	if err != nil {
		return 0, t.store.corrupt(fmt.Errorf("%s: %w", e.hash, err))
	}
	return n, nil
}

type fileInfo struct {
	name string
	mode fs.FileMode
	when time.Time
	size func() int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size() }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return i.when }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

type dirEntry struct {
	tree  *Tree
	entry treeEntry
}

func (d dirEntry) Name() string               { return d.entry.name }
func (d dirEntry) IsDir() bool                { return d.entry.fsMode().IsDir() }
func (d dirEntry) Type() fs.FileMode          { return d.entry.fsMode().Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.tree.sized(d.entry) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

type openFile struct {
	io.ReadCloser
	info fileInfo
	name string
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &fs.PathError{Op: "read", Path: f.name, Err: err}
	}
	return n, err
}

type openDir struct {
	info fileInfo
	list []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a directory")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.list)
	} else if len(d.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.list))
	out := d.list[:n]
	d.list = d.list[n:]
	return out, nil
}

// Entry is one name in a folder. ID is equal for two entries that are the same:
// it covers the mode, and all that is below a folder.
type Entry struct {
	Name string
	Dir  bool
	ID   string
}

func (e treeEntry) entry() Entry {
	return Entry{Name: e.name, Dir: e.isTree(), ID: fmt.Sprintf("%o %s", e.mode, e.hash)}
}

// Entry is the one at path ("." for the whole). A path that leads through a link
// or to nothing is fs.ErrNotExist or ErrSymlink.
func (t *Tree) Entry(name string) (Entry, error) {
	e, err := t.lookup("entry", name)
	return e.entry(), err
}

// Entries are those of a folder, sorted as git does.
func (t *Tree) Entries(dir string) ([]Entry, error) {
	e, err := t.lookup("entries", dir)
	if err != nil {
		return nil, err
	}
	if !e.isTree() {
		return nil, &fs.PathError{Op: "entries", Path: dir, Err: errors.New("not a directory")}
	}
	entries, err := t.store.tree(e.hash)
	if err != nil {
		return nil, faultText(err)
	}
	out := make([]Entry, len(entries))
	for i, e := range entries {
		out[i] = e.entry()
	}
	return out, nil
}
