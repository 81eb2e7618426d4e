package gitrepo

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// edit is a folder of changes: by name, a file's content or a folder.
type edit map[string]*change

type change struct {
	data []byte // of a file; nil deletes
	dir  edit   // of a folder; nil for a file
}

func (e edit) add(path string, data []byte) error {
	name, rest, deeper := strings.Cut(path, "/")
	at := e[name]
	switch {
	case at == nil && !deeper:
		e[name] = &change{data: data}
		return nil
	case at == nil:
		at = &change{dir: edit{}}
		e[name] = at
	case !deeper || at.dir == nil:
		return invalid(fmt.Sprintf("path %q", clean(path)), "it is both a file and a folder in this change")
	}
	return at.dir.add(rest, data)
}

// rootTree is tree, save that a root may be empty.
func (b *builder) rootTree(old plumbing.Hash, edits edit) (plumbing.Hash, error) {
	h, err := b.tree(old, edits, "")
	if err == nil && h.IsZero() {
		return b.putTree(nil)
	}
	return h, err
}

// tree gives the folder old with the edits done, zero if nothing is left of it.
// A zero old is an empty folder; at is its path, for errors.
func (b *builder) tree(old plumbing.Hash, edits edit, at string) (plumbing.Hash, error) {
	entries := map[string]treeEntry{}
	if !old.IsZero() {
		list, err := b.store.tree(old)
		if err != nil {
			return old, err
		}
		for _, e := range list {
			entries[e.name] = e
		}
	}
	changed := false
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		was, exists := entries[name]
		now, err := b.entry(was, exists, name, edits[name], at)
		switch {
		case err != nil:
			return old, err
		case now.hash.IsZero():
			delete(entries, name)
			changed = changed || exists
		default:
			entries[name] = now
			changed = changed || now != was
		}
	}
	switch {
	case !changed:
		return old, nil
	case len(entries) == 0:
		return plumbing.ZeroHash, nil
	}
	return b.putTree(slices.Collect(maps.Values(entries)))
}

// entry gives the line of one name after its edit; a zero hash means none.
func (b *builder) entry(was treeEntry, exists bool, name string, c *change, at string) (treeEntry, error) {
	path := at + name
	isDir := exists && was.isTree()
	switch {
	case exists && (was.isLink() || was.isSubmodule()):
		return was, invalid(fmt.Sprintf("path %q", clean(path)), "it is a symbolic link or a submodule in the repository, which is never written to")
	case c.dir != nil && exists && !isDir:
		if c.dir.deletesOnly() {
			return was, nil
		}
		return was, invalid(fmt.Sprintf("path %q", clean(path)), "it is a file in the repository, and a folder in this change")
	case c.dir == nil && isDir:
		if c.data == nil {
			return was, nil // no such file
		}
		return was, invalid(fmt.Sprintf("path %q", clean(path)), "it is a folder in the repository, and a file in this change")
	case c.dir != nil:
		h, err := b.tree(was.hash, c.dir, path+"/")
		return treeEntry{name: name, mode: modeTree, hash: h}, err
	case c.data == nil:
		return treeEntry{name: name}, nil
	}
	if was.hash == plumbing.ComputeHash(plumbing.BlobObject, c.data) {
		return was, nil
	}
	obj := &plumbing.MemoryObject{}
	obj.SetType(plumbing.BlobObject)
	if _, err := obj.Write(c.data); err != nil {
		return was, err
	}
	h, err := b.put(obj)
	mode := uint32(modeFile)
	if exists {
		mode = was.mode // an executable stays one
	}
	return treeEntry{name: name, mode: mode, hash: h}, err
}

func (e edit) deletesOnly() bool {
	for _, c := range e {
		if c.data != nil || (c.dir != nil && !c.dir.deletesOnly()) {
			return false
		}
	}
	return true
}

// putTree writes a tree in git's order, in which a folder sorts as if its name
// ended with '/'.
func (b *builder) putTree(entries []treeEntry) (plumbing.Hash, error) {
	slices.SortFunc(entries, func(a, b treeEntry) int { return strings.Compare(a.sortName(), b.sortName()) })
	var data bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&data, "%o %s\x00", e.mode, e.name)
		data.Write(e.hash[:])
	}
	obj := &plumbing.MemoryObject{}
	obj.SetType(plumbing.TreeObject)
	if _, err := obj.Write(data.Bytes()); err != nil {
		return plumbing.ZeroHash, err
	}
	return b.put(obj)
}

func (e treeEntry) sortName() string {
	if e.isTree() {
		return e.name + "/"
	}
	return e.name
}
