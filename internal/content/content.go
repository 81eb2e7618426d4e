package content

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Options say how a path is read. The zero value is the rule for data, models,
// jobs and deployments: an ignore file at the root of the directory, no limits.
type Options struct {
	// Component applies the rules of component code: __pycache__ is left out
	// wherever it is.
	Component bool
	// IncludesFile is the name of the .additional_includes file, left out at
	// the root of component code. Empty means there is none.
	IncludesFile string
	// Ignore, if not nil, is used in place of the lines of any ignore file.
	Ignore []string
	// RootName is the base name of the content when path is the root of the
	// file system itself, which has no name of its own. Empty means "code".
	RootName string
	// MaxFiles and MaxBytes bound the content, MaxNames what is passed on the
	// way, folders and what is left out among it: the same folder may stand in
	// a commit many times. Zeros mean the limits of all uploads.
	MaxFiles, MaxNames int
	MaxBytes           int64
	// Cache, if not nil, remembers hashes of unchanged content.
	Cache Cache
}

// Cache remembers hashes. A key is made of the path, size and modification
// time (or the identity an fs.FS gives) of every file, so that an unchanged
// directory is not read again. Implementations should not keep keys made of
// files modified within the resolution of the clock of the file system.
type Cache interface {
	Lookup(key string) (hash string, ok bool)
	Store(key, hash string)
}

// Content is a file or directory of the repository as it would be uploaded.
type Content struct {
	// Path is the cleaned path, relative to the root of the file system.
	Path string
	// IsDir tells a directory, which may hold one file, from a single file.
	IsDir bool
	// Base is the name the content has in storage: the name of the file, or
	// of the directory that a symlink to it leads to, as Microsoft's client
	// has it.
	Base string
	// Merged says that the directory was put together by Merge.
	Merged bool
	// Files are the files that count, in the order of the lower-cased Rel.
	Files []File

	hashName string
	feed     []feedItem
	cache    Cache
}

// feedItem is one step of the object hash: a name, then the bytes of file if
// that is not nil.
type feedItem struct {
	name string
	file *node
}

// File is one file of a Content.
type File struct {
	// Rel is the slash-separated path below the directory, or the base name
	// of a single file.
	Rel string
	// Size is the length in bytes.
	Size int64

	node *node
}

// Open opens the file for reading, following symlinks within the repository.
func (f File) Open() (io.ReadCloser, error) {
	if f.node == nil {
		return nil, fmt.Errorf("%s: %w", f.Rel, fs.ErrNotExist)
	}
	return f.node.open()
}

// Bytes is the sum of the sizes of all files.
func (c *Content) Bytes() int64 {
	var n int64
	for _, f := range c.Files {
		n += f.Size
	}
	return n
}

// Indicator is the file that carries the mark of a finished upload: the first
// in plain order of Rel.
func (c *Content) Indicator() File {
	return slices.MinFunc(c.Files, func(a, b File) int { return cmp.Compare(a.Rel, b.Rel) })
}

// Open reads the listing of the file or directory at name below the root of
// fsys. name is cleaned first; a name that is absolute or leaves the root is
// ErrEscape. Symlinks are followed as long as they stay inside, if fsys is an
// fs.ReadLinkFS; otherwise a symlink is an error. No file but the ignore file
// is opened.
func Open(ctx context.Context, fsys fs.FS, name string, opt Options) (*Content, error) {
	name, err := clean(name)
	if err != nil {
		return nil, err
	}
	tree := &fsTree{fsys: fsys}
	root, err := tree.root(name)
	if err != nil {
		return nil, err
	}
	c := &Content{Path: name, IsDir: root.dir, Base: root.name, hashName: root.name, cache: opt.Cache}
	if !root.dir {
		c.Base = path.Base(name)
		c.Files = []File{{Rel: c.Base, Size: root.size, node: root}}
		c.feed = []feedItem{{file: root}}
		if root.size > opt.bytes() {
			return nil, limitError(name, root.size, "bytes", opt.bytes())
		}
		return c, checkName(c.Base)
	}
	if name == "." {
		c.Base = cmp.Or(opt.RootName, "code")
	}
	if err := c.fill(ctx, root, opt); err != nil {
		return nil, err
	}
	return c, nil
}

// fill walks root and sets Files and the feed of the object hash.
func (c *Content) fill(ctx context.Context, root *node, opt Options) error {
	rules, err := rulesOf(root, opt)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	w := &walk{path: c.Path, rules: rules, opt: opt}
	if err := w.dir(ctx, root, "", true); err != nil {
		return err
	}
	if len(w.files) == 0 {
		return fmt.Errorf("%s: %w", c.Path, ErrEmpty)
	}
	slices.SortFunc(w.files, func(a, b File) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Rel), strings.ToLower(b.Rel)), cmp.Compare(a.Rel, b.Rel))
	})
	c.Files, c.feed = w.files, w.feed
	return nil
}

// clean returns name in the form of fs.ValidPath.
func clean(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%q: %w", name, ErrName)
	}
	p := path.Clean(name)
	if !fs.ValidPath(p) {
		return "", fmt.Errorf("%s: %w", name, ErrEscape)
	}
	return p, nil
}

// node is a file or directory of any origin: the file system, a merge, a zip.
type node struct {
	name  string
	at    string // resolved path in the file system, if it is there
	dir   bool
	size  int64
	mtime time.Time
	id    string
	err   error // why the entry cannot be used, if it should count

	open     func() (io.ReadCloser, error)
	children func() ([]*node, error)
}

func (o Options) names() int   { return cmp.Or(o.MaxNames, limit.ContentNames) }
func (o Options) bytes() int64 { return cmp.Or(o.MaxBytes, limit.ContentBytes) }

func over(most, n int64) bool { return most > 0 && n > most }

func limitError(name string, n int64, what string, most int64) error {
	return fmt.Errorf("%s: %d %s or more, %d allowed: %w", name, n, what, most, ErrLimit)
}
