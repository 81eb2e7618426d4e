package gitrepo

import (
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// Changed lists the paths of files that differ between two commits in content,
// mode or presence, sorted. An empty from stands for a tree without files.
// Only trees are read: the commits need not be related.
func (r *Repo) Changed(from, to Hash) ([]string, error) {
	s := r.store()
	var roots [2]treeEntry
	for i, hash := range []Hash{from, to} {
		if hash == "" {
			continue
		}
		c, err := s.commitOf(hash)
		if err != nil {
			return nil, err
		}
		roots[i] = treeEntry{mode: modeTree, hash: c.TreeHash}
	}
	var out []string
	if err := s.compare(roots[0], roots[1], "", &out); err != nil {
		return nil, faultText(err)
	}
	slices.Sort(out) // "a.b" comes before "a/b", though the folder a comes before a.b
	return out, nil
}

// Changed lists the paths of files that differ from those of another tree of
// the same Repo, sorted.
func (t *Tree) Changed(from *Tree) ([]string, error) {
	var out []string
	if err := t.store.compare(treeEntry{mode: modeTree, hash: from.root}, treeEntry{mode: modeTree, hash: t.root}, "", &out); err != nil {
		return nil, faultText(err)
	}
	slices.Sort(out)
	return out, nil
}

// compare adds the files below path in which a and b differ. A zero entry is
// nothing.
func (s *store) compare(a, b treeEntry, path string, out *[]string) error {
	if a.hash == b.hash && a.mode == b.mode {
		return nil
	}
	isFile := func(e treeEntry) bool { return !e.hash.IsZero() && !e.isTree() }
	if isFile(a) || isFile(b) {
		*out = append(*out, path)
	}
	below := func(e treeEntry) ([]treeEntry, error) {
		if e.hash == plumbing.ZeroHash || !e.isTree() {
			return nil, nil
		}
		return s.tree(e.hash)
	}
	before, err := below(a)
	if err != nil {
		return err
	}
	after, err := below(b)
	if err != nil {
		return err
	}
	if path != "" {
		path += "/"
	}
	// Both are sorted by name.
	for len(before) > 0 || len(after) > 0 {
		var x, y treeEntry
		takeX := len(after) == 0 || (len(before) > 0 && before[0].name <= after[0].name)
		takeY := len(before) == 0 || (len(after) > 0 && after[0].name <= before[0].name)
		if takeX {
			x, before = before[0], before[1:]
		}
		if takeY {
			y, after = after[0], after[1:]
		}
		if err := s.compare(x, y, path+max(x.name, y.name), out); err != nil {
			return err
		}
	}
	return nil
}
