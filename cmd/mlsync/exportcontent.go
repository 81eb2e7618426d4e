package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/tree"
)

// fetched are contents that were downloaded and proved to be equal. A nil one
// holds nothing.
type fetched struct {
	temp  string            // where they are, laid out as in the tree
	local map[string]string // path in the tree by reference
	order []string
	notes []string // what was not taken and why
}

// fetch downloads the contents into a folder of its own beside the tree, and
// keeps those whose hash is what the workspace says. With dry nothing is kept.
func (x *exporting) fetch(ctx context.Context, list []export.Content, dry bool) (*fetched, error) {
	f := &fetched{local: map[string]string{}}
	if len(list) == 0 {
		return f, nil
	}
	parent := x.dir
	if dry {
		parent = os.TempDir()
	} else if err := os.MkdirAll(x.dir, 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(parent, ".mlsync-export-")
	if err != nil {
		return nil, err
	}
	f.temp = temp
	store := x.client.Storage(x.ws.Scope().WorkspaceID())
	for i, c := range list {
		x.say("downloading %d of %d: %s", i+1, len(list), printable(c.At))
		why := x.fetchOne(ctx, store, c, filepath.Join(temp, filepath.FromSlash(c.At)), temp)
		if err := ctx.Err(); err != nil {
			f.discard()
			return nil, err
		}
		if why != nil {
			f.notes = append(f.notes, fmt.Sprintf("%s stays an address: %v", c.At, why))
			_ = os.RemoveAll(filepath.Join(temp, filepath.FromSlash(c.At)))
			continue
		}
		f.local[c.Ref] = c.At
		f.order = append(f.order, c.At)
	}
	return f, nil
}

var (
	errHash  = errors.New("its hash is not what the workspace says")
	errAsset = errors.New("it holds files that would be taken for assets")
)

// fetchOne downloads one content to the path at, below root.
func (x *exporting) fetchOne(ctx context.Context, store *azureml.Storage, c export.Content, at, root string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	folder, err := os.OpenRoot(at)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	take := func(rel string, _ int64, r io.Reader) error { return receive(folder, rel, r) }
	if c.URL != "" {
		err = store.DownloadURL(ctx, c.URL, take)
	} else {
		err = store.Download(ctx, "workspaceblobstore", c.Path, take)
	}
	if err != nil {
		return err
	}
	if err := x.prove(ctx, c, at, root); err != nil {
		return err
	}
	t, _ := tree.Read(os.DirFS(root), tree.Options{Include: []string{c.At, c.At + "/**"}})
	for _, file := range t.Files {
		if file.IsAsset() {
			return errAsset
		}
	}
	return nil
}

// receive writes one file. Two names that the file system takes for one are
// an error.
func receive(folder *os.Root, rel string, r io.Reader) error {
	if err := folder.MkdirAll(filepath.FromSlash(path.Dir(rel)), 0o755); err != nil {
		return err
	}
	f, err := folder.OpenFile(filepath.FromSlash(rel), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// prove compares the hash of what was downloaded. A single file comes into a
// folder; if the folder is not what the hash means, the file takes its place.
func (x *exporting) prove(ctx context.Context, c export.Content, at, root string) error {
	if hashIs(ctx, root, c) {
		return nil
	}
	entries, err := os.ReadDir(at)
	if err != nil || len(entries) != 1 || entries[0].IsDir() || entries[0].Name() != path.Base(c.At) {
		return errHash
	}
	aside := at + ".file"
	if err := os.Rename(filepath.Join(at, entries[0].Name()), aside); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(at), os.Rename(aside, at)); err != nil {
		return err
	}
	if !hashIs(ctx, root, c) {
		return errHash
	}
	return nil
}

func hashIs(ctx context.Context, root string, c export.Content) bool {
	got, err := content.Open(ctx, os.DirFS(root), c.At, content.Options{})
	if err != nil {
		return false
	}
	hash := got.ObjectHash
	if c.Code {
		hash = got.CodeHash
	}
	sum, err := hash(ctx)
	return err == nil && strings.EqualFold(sum, c.Hash)
}

// place moves the contents into the tree.
func (f *fetched) place(root *os.Root) error {
	if f == nil {
		return nil
	}
	temp := filepath.Base(f.temp)
	for _, at := range f.order {
		if err := mkdirs(root, path.Dir(at)); err != nil {
			return fmt.Errorf("write %s: %w", at, err)
		}
		if _, err := root.Lstat(filepath.FromSlash(at)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("write %s: something else is there", at)
		}
		if err := root.Rename(filepath.Join(temp, filepath.FromSlash(at)), filepath.FromSlash(at)); err != nil {
			return fmt.Errorf("write %s: %w", at, err)
		}
	}
	return nil
}

func (f *fetched) discard() {
	if f != nil && f.temp != "" {
		_ = os.RemoveAll(f.temp)
	}
}

func (f *fetched) paths() []string {
	if f == nil {
		return nil
	}
	return f.order
}

func (f *fetched) reasons() []string {
	if f == nil {
		return nil
	}
	return f.notes
}
