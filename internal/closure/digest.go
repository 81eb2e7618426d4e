package closure

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path"

	"mlsync.dev/mlsync/internal/gitrepo"
)

// Tree is a tree of git.
type Tree interface {
	Entry(name string) (gitrepo.Entry, error)
	Entries(dir string) ([]gitrepo.Entry, error)
}

// Filter says which files a reading looks for. It may say too much.
type Filter interface {
	// None: nothing below the folder. All: perhaps everything below it.
	None(dir string) bool
	All(dir string) bool
	File(name string) bool
	// Names are the names in a folder that count; all that any may.
	Names(dir string) (names []string, all bool)
	// Key is equal for filters that say the same of what is below the folder,
	// "" if nobody knows.
	Key(dir string) string
}

// Digests makes digests of one tree. It remembers what filters have in common,
// and is for one goroutine.
type Digests struct {
	tree    Tree
	known   map[string]string // of folders, by key of the filter
	entries map[string]listing
	nothing string // the digest of no bytes
}

// New makes digests of a tree.
func New(tree Tree) *Digests {
	return &Digests{tree: tree, known: map[string]string{}, entries: map[string]listing{}, nothing: hex.EncodeToString(sha256.New().Sum(nil))}
}

// Of is the digest of what readings look for, as Filter says of each, and of the
// paths of a trace. more is whatever else it depends on.
func (d *Digests) Of(filters, paths []string, more ...string) (string, error) {
	h := sha256.New()
	for _, text := range more {
		fmt.Fprintf(h, "%d %s\n", len(text), text)
	}
	for _, sum := range filters {
		fmt.Fprintf(h, "filter %s\n", sum)
	}
	for _, p := range paths {
		if err := d.path(h, p); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Filter is the digest of what a filter takes.
func (d *Digests) Filter(f Filter) (string, error) { return d.folder(f, ".") }

// listing is a folder that was read: once, however many targets are in it.
type listing struct {
	all    []gitrepo.Entry
	byName map[string]gitrepo.Entry
}

func (d *Digests) list(dir string) (listing, error) {
	if l, ok := d.entries[dir]; ok {
		return l, nil
	}
	all, err := d.tree.Entries(dir)
	if err != nil {
		return listing{}, err
	}
	l := listing{all, make(map[string]gitrepo.Entry, len(all))}
	for _, e := range all {
		l.byName[e.Name] = e
	}
	d.entries[dir] = l
	return l, nil
}

// folder is the digest of what a filter takes of a folder; "" if that is nothing.
func (d *Digests) folder(f Filter, dir string) (string, error) {
	key := f.Key(dir)
	if key != "" {
		key = dir + "\x00" + key
		if sum, ok := d.known[key]; ok {
			return sum, nil
		}
	}
	names, all := f.Names(dir)
	h := sha256.New()
	list, err := d.list(dir)
	if err != nil {
		return "", err
	}
	if all {
		for _, e := range list.all {
			if err := d.entry(h, f, path.Join(dir, e.Name), e); err != nil {
				return "", err
			}
		}
	}
	for _, name := range names {
		e, ok := list.byName[name]
		if !ok {
			continue
		}
		if err := d.entry(h, f, path.Join(dir, name), e); err != nil {
			return "", err
		}
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if sum == d.nothing {
		sum = "" // a folder of which nothing counts is as good as none
	}
	if key != "" {
		d.known[key] = sum
	}
	return sum, nil
}

func (d *Digests) entry(h hash.Hash, f Filter, at string, e gitrepo.Entry) error {
	switch {
	case !e.Dir:
		if f.File(at) {
			fmt.Fprintf(h, "%q %s\n", at, e.ID)
		}
	case f.None(at):
	case f.All(at):
		fmt.Fprintf(h, "%q %s\n", at, e.ID)
	default:
		sum, err := d.folder(f, at)
		if err != nil || sum == "" {
			return err
		}
		fmt.Fprintf(h, "%q %s\n", at, sum)
	}
	return nil
}

// The ways in which a trace looked at a path: at its sort, at the names in it, at
// all of it.
const (
	asSort  = "s "
	asNames = "n "
	asWhole = "w "
)

func (d *Digests) path(h hash.Hash, p string) error {
	way, name := p[:min(2, len(p))], p[min(2, len(p)):]
	e, err := d.tree.Entry(name)
	switch {
	case absent(err):
		fmt.Fprintf(h, "%q absent\n", p)
		return nil
	case err != nil:
		return err
	case !e.Dir || way == asWhole:
		fmt.Fprintf(h, "%q %s\n", p, e.ID)
		return nil
	case way == asSort:
		fmt.Fprintf(h, "%q folder\n", p)
		return nil
	}
	list, err := d.list(name)
	if err != nil {
		return err
	}
	for _, e := range list.all {
		if e.Dir {
			e.ID = "folder"
		}
		fmt.Fprintf(h, "%q %q %s\n", p, e.Name, e.ID)
	}
	return nil
}

// absent reports whether there is nothing at the path, as a path through a link
// or a file has nothing at its end.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, gitrepo.ErrSymlink)
}
