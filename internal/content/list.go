package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
)

// Listed is a file of which somebody else holds the listing and the bytes,
// such as a blob of a storage account.
type Listed struct {
	// Rel is the slash-separated path below the folder, or the name of a
	// single file.
	Rel  string
	Size int64
	Open func() (io.ReadCloser, error)
}

// OfList is the content of listed files: of a folder called base, or of the one
// file. Every file counts, so an ignore file among them is a file like others.
// Names that are no paths are ErrName, and names that cannot be in one folder
// together, such as a and a/b, are ErrConflict.
func OfList(ctx context.Context, base string, isDir bool, files []Listed, opt Options) (*Content, error) {
	root := newFolder(base)
	for _, f := range files {
		if !fs.ValidPath(f.Rel) || f.Rel == "." {
			return nil, fmt.Errorf("%q: %w", f.Rel, ErrName)
		}
		if err := root.place(strings.Split(f.Rel, "/"), f); err != nil {
			return nil, err
		}
	}
	c := &Content{Path: base, Base: base, IsDir: isDir, hashName: base, cache: opt.Cache}
	opt.Ignore = []string{}
	if err := c.fill(ctx, root.node(), opt); err != nil || isDir {
		return c, err
	}
	if len(c.Files) != 1 {
		return nil, fmt.Errorf("%d files for one: %w", len(c.Files), ErrConflict)
	}
	c.feed = []feedItem{{file: c.Files[0].node}}
	return c, nil
}

// place puts a file at a path of the folder, and makes the folders on the way.
func (f *folder) place(at []string, file Listed) error {
	name := at[0]
	if len(at) == 1 {
		if f.files[name] != nil {
			return fmt.Errorf("%s is there twice: %w", name, ErrConflict)
		}
		return f.put(name, &node{size: file.Size, open: file.Open})
	}
	if f.files[name] != nil {
		return fmt.Errorf("%s is a directory and a file: %w", name, ErrConflict)
	}
	sub := f.subs[name]
	if sub == nil {
		sub = newFolder(name)
		f.subs[name] = sub
	}
	return sub.place(at[1:], file)
}

// Hashes are ObjectHash and CodeHash. Files are read once if both want them in
// the same order, as they mostly do, else twice: for one hash a-b comes before
// a/b, for the other behind it.
func (c *Content) Hashes(ctx context.Context) (object, code string, err error) {
	if !c.oneOrder() {
		if object, err = c.ObjectHash(ctx); err != nil {
			return "", "", err
		}
		code, err = c.CodeHash(ctx)
		return object, code, err
	}
	oh, ch := sha256.New(), sha256.New()
	io.WriteString(oh, seed)
	c.codeHead(ch)
	if err := c.feedAll(ctx, oh, io.MultiWriter(oh, ch)); err != nil {
		return "", "", err
	}
	return hex.EncodeToString(oh.Sum(nil)), hex.EncodeToString(ch.Sum(nil)), nil
}

// oneOrder reports whether both hashes read the same files in the same order.
func (c *Content) oneOrder() bool {
	i := 0
	for _, item := range c.feed {
		switch {
		case item.file == nil:
		case i == len(c.Files) || c.Files[i].node != item.file:
			return false
		default:
			i++
		}
	}
	return i == len(c.Files)
}

// feedAll writes the names of the object hash to names and the bytes of the
// files to files.
func (c *Content) feedAll(ctx context.Context, names hash.Hash, files io.Writer) error {
	buf := make([]byte, chunk)
	for _, item := range c.feed {
		io.WriteString(names, item.name)
		if item.file == nil {
			continue
		}
		if err := feed(ctx, files, item.file, buf); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	return nil
}
