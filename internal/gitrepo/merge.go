package gitrepo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"mlsync.dev/mlsync/internal/limit"
)

// Conflict is a path that two commits changed in ways that cannot both be.
type Conflict struct{ Path, Why string }

// Merged is what merging two commits gives.
type Merged struct {
	// Tree are the files; nil if there are conflicts.
	Tree *Tree
	// Root is the name of the tree, which git gives the same files too.
	Root Hash
	// Conflicts are what nobody but a person can decide, sorted by path.
	Conflicts []Conflict
}

// Merge merges head into base as git does without following renames, from the
// objects of both alone: no working tree is touched. Both commits and their
// histories must have been fetched. What cannot be told for sure is a conflict,
// never a guess: a file that both changed is merged only if the changes are
// apart from each other. Commits without one last common ancestor give an error
// that wraps ErrNotFound.
func (r *Repo) Merge(base, head Hash) (Merged, error) {
	s := r.store()
	ours, err := s.commitOf(base)
	if err != nil {
		return Merged{}, err
	}
	theirs, err := s.commitOf(head)
	if err != nil {
		return Merged{}, err
	}
	parted, err := s.parted(ours.Hash, theirs.Hash, limit.MergeHistory)
	switch {
	case err != nil:
		return Merged{}, faultText(err)
	case len(parted) == 0:
		return Merged{}, fmt.Errorf("merge %.10s into %.10s: they have no common history: %w", head, base, ErrNotFound)
	case len(parted) > 1:
		return Merged{}, fmt.Errorf("merge %.10s into %.10s: they parted at %d commits: %w", head, base, len(parted), ErrNotFound)
	}
	from, err := s.commit(parted[0])
	if err != nil {
		return Merged{}, faultText(err)
	}
	m := &merger{b: &builder{store: s}}
	root, err := m.folder(from.TreeHash, ours.TreeHash, theirs.TreeHash, "")
	if err != nil {
		return Merged{}, faultText(err)
	}
	if len(m.conflicts) > 0 {
		slices.SortFunc(m.conflicts, func(a, b Conflict) int { return strings.Compare(a.Path, b.Path) })
		return Merged{Conflicts: m.conflicts}, nil
	}
	if root.IsZero() {
		if root, err = m.b.putTree(nil); err != nil {
			return Merged{}, faultText(err)
		}
	}
	return Merged{Tree: &Tree{store: s, root: root, when: theirs.Committer.When}, Root: Hash(root.String())}, nil
}

// merger merges trees.
type merger struct {
	b         *builder
	conflicts []Conflict
}

// folder merges a folder of which from is the ancestor; zero is none.
func (m *merger) folder(from, ours, theirs plumbing.Hash, at string) (plumbing.Hash, error) {
	switch {
	case ours == theirs || from == theirs:
		return ours, nil
	case from == ours:
		return theirs, nil
	case strings.Count(at, "/") >= deepest:
		return ours, faultOf(ErrTooLarge, "folders are nested too deep")
	}
	sides := [3]map[string]treeEntry{}
	names := map[string]bool{}
	for i, h := range []plumbing.Hash{from, ours, theirs} {
		sides[i] = map[string]treeEntry{}
		if h.IsZero() {
			continue
		}
		list, err := m.b.store.tree(h)
		if err != nil {
			return ours, err
		}
		for _, e := range list {
			sides[i][e.name] = e
			names[e.name] = true
		}
	}
	var out []treeEntry
	for _, name := range slices.Sorted(maps.Keys(names)) {
		e, err := m.entry(sides[0][name], sides[1][name], sides[2][name], at+name)
		if err != nil {
			return ours, err
		}
		if !e.hash.IsZero() {
			e.name = name
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return plumbing.ZeroHash, nil
	}
	return m.b.putTree(out)
}

// entry merges what stands under one name; a zero entry is nothing.
func (m *merger) entry(from, ours, theirs treeEntry, path string) (treeEntry, error) {
	same := func(a, b treeEntry) bool { return a.hash == b.hash && a.mode == b.mode }
	switch {
	case same(ours, theirs), same(from, theirs):
		return ours, nil
	case same(from, ours):
		return theirs, nil
	}
	none := func(e treeEntry) bool { return e.hash.IsZero() }
	if folder := func(e treeEntry) bool { return none(e) || e.isTree() }; folder(from) && folder(ours) && folder(theirs) {
		// One that a side took away is empty there: what the other changed in it is a conflict.
		h, err := m.folder(from.hash, ours.hash, theirs.hash, path+"/")
		return treeEntry{mode: modeTree, hash: h}, err
	}
	plain := func(e treeEntry) bool { return !e.isTree() && !e.isLink() && !e.isSubmodule() }
	switch {
	case none(ours) || none(theirs):
		return m.conflict(path, "one side changed it and the other took it away")
	case none(from):
		return m.conflict(path, "both sides added it, and differently")
	case !plain(from) || !plain(ours) || !plain(theirs):
		return m.conflict(path, "both sides changed what it is or where it leads")
	}
	mode := ours.mode
	if from.mode == ours.mode {
		mode = theirs.mode
	}
	switch { // git changes one of the two then as well
	case from.hash == ours.hash:
		return treeEntry{mode: mode, hash: theirs.hash}, nil
	case from.hash == theirs.hash || ours.hash == theirs.hash:
		return treeEntry{mode: mode, hash: ours.hash}, nil
	}
	return m.file(from, ours, theirs, mode, path)
}

func (m *merger) conflict(path, why string) (treeEntry, error) {
	m.conflicts = append(m.conflicts, Conflict{Path: clean(path), Why: why})
	return treeEntry{}, nil
}

// file merges a file that both sides changed.
func (m *merger) file(from, ours, theirs treeEntry, mode uint32, path string) (treeEntry, error) {
	var texts [3][]string
	for i, e := range []treeEntry{from, ours, theirs} {
		data, err := m.b.store.read(plumbing.BlobObject, e.hash, largestFile)
		if err != nil {
			return treeEntry{}, m.b.store.needed(e.hash, err)
		}
		lines, ok := linesOf(data)
		if !ok {
			return m.conflict(path, "both sides changed it, and it is no text or too long")
		}
		texts[i] = lines
	}
	merged, ok := mergeLines(texts[0], texts[1], texts[2])
	if !ok {
		return m.conflict(path, "both sides changed the same lines, or lines beside each other")
	}
	obj := &plumbing.MemoryObject{}
	obj.SetType(plumbing.BlobObject)
	if _, err := obj.Write([]byte(strings.Join(merged, ""))); err != nil {
		return treeEntry{}, err
	}
	h, err := m.b.put(obj)
	return treeEntry{mode: mode, hash: h}, err
}
