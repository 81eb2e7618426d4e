package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"

	"mlsync.dev/mlsync/internal/limit"
)

// deepest is how far folders may be nested.
const deepest = limit.GitDepth

// treeEntry is one line of a git tree.
type treeEntry struct {
	name string
	mode uint32 // git's: 040000, 0100644, 0100755, 0120000, 0160000
	hash plumbing.Hash
}

const (
	modeTree      = 0o040000
	modeFile      = 0o100644
	modeExec      = 0o100755
	modeLink      = 0o120000
	modeSubmodule = 0o160000
)

func (e treeEntry) isTree() bool      { return e.mode&0o170000 == modeTree }
func (e treeEntry) isSubmodule() bool { return e.mode&0o170000 == modeSubmodule }
func (e treeEntry) isLink() bool      { return e.mode&0o170000 == modeLink }

// fsMode is what the entry looks like from outside: a submodule is an empty
// folder.
func (e treeEntry) fsMode() fs.FileMode {
	switch {
	case e.isTree(), e.isSubmodule():
		return fs.ModeDir | 0o555
	case e.isLink():
		return fs.ModeSymlink | 0o777
	case e.mode&0o111 != 0:
		return 0o555
	default:
		return 0o444
	}
}

// tree reads a tree that must be there. Entries come sorted by name, each name
// once.
func (s *store) tree(h plumbing.Hash) ([]treeEntry, error) {
	data, err := s.read(plumbing.TreeObject, h, largestMeta)
	if err != nil {
		return nil, s.needed(h, err)
	}
	entries, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", h, err)
	}
	return entries, nil
}

// parseTree refuses names that git's own fsck refuses: who makes such a tree
// wants to write outside of it.
func parseTree(data []byte) ([]treeEntry, error) {
	var out []treeEntry
	for len(data) > 0 {
		mode, rest, ok := bytes.Cut(data, []byte{' '})
		name, tail, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(tail) < 20 {
			return nil, faultOf(ErrInvalid, "it cannot be read")
		}
		e := treeEntry{name: string(name)}
		if _, err := fmt.Sscanf(string(mode), "%o", &e.mode); err != nil {
			return nil, faultOf(ErrInvalid, "it holds a bad mode")
		}
		switch e.mode & 0o170000 {
		case modeTree, modeLink, modeSubmodule, modeFile & 0o170000:
		default:
			return nil, faultOf(ErrInvalid, "it holds an unknown mode")
		}
		copy(e.hash[:], tail[:20])
		data = tail[20:]
		if err := checkName(e.name); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b treeEntry) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(out); i++ {
		if out[i].name == out[i-1].name {
			return nil, faultOf(ErrInvalid, fmt.Sprintf("it holds %q twice", out[i].name))
		}
	}
	return out, nil
}

// checkName refuses a file name that means something else than a file.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return faultOf(ErrInvalid, fmt.Sprintf("%q is no file name", name))
	case !utf8.ValidString(name):
		return faultOf(ErrInvalid, fmt.Sprintf("the file name %q is not UTF-8", name))
	case isDotGit(name):
		return faultOf(ErrInvalid, fmt.Sprintf("the name %q is git's own", name))
	}
	return nil
}

// isDotGit knows the spellings that some file system reads as .git: any case,
// trailing dots and spaces, streams, the short name, and characters that HFS+
// ignores.
func isDotGit(name string) bool {
	name = strings.Map(func(r rune) rune {
		if (r >= 0x200c && r <= 0x200f) || (r >= 0x202a && r <= 0x202e) || (r >= 0x206a && r <= 0x206f) || r == 0xfeff {
			return -1
		}
		return r
	}, name)
	name, _, _ = strings.Cut(name, ":")
	name = strings.ToLower(strings.TrimRight(name, ". "))
	return name == ".git" || name == "git~1"
}

// find looks for a name in sorted entries.
func find(entries []treeEntry, name string) (treeEntry, bool) {
	i, ok := slices.BinarySearchFunc(entries, name, func(e treeEntry, name string) int { return strings.Compare(e.name, name) })
	if !ok {
		return treeEntry{}, false
	}
	return entries[i], true
}

// faultText makes an ordinary error of a fault for callers that have no remote
// to blame.
func faultText(err error) error {
	var f *fault
	if errors.As(err, &f) {
		return fmt.Errorf("%s: %w", clean(f.detail), f.kind)
	}
	return err
}
