package closure

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// Trace is a file system that notes which paths were looked at. It is safe for
// concurrent use if that below is.
type Trace struct {
	below fs.FS

	mu   sync.Mutex
	seen map[string]bool
}

var (
	_ fs.ReadDirFS  = (*Trace)(nil)
	_ fs.ReadFileFS = (*Trace)(nil)
	_ fs.StatFS     = (*Trace)(nil)
	_ fs.ReadLinkFS = (*Trace)(nil)
)

// NewTrace notes what is looked at in a file system.
func NewTrace(below fs.FS) *Trace { return &Trace{below: below, seen: map[string]bool{}} }

// Below is the file system without the trace.
func (t *Trace) Below() fs.FS { return t.below }

func (t *Trace) note(way, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[way+path.Clean(name)] = true
}

// Open notes all of a file, and the names of a folder.
func (t *Trace) Open(name string) (fs.File, error) {
	t.note(asNames, name)
	return t.below.Open(name)
}

// ReadFile notes all of a file.
func (t *Trace) ReadFile(name string) ([]byte, error) {
	t.note(asNames, name)
	return fs.ReadFile(t.below, name)
}

// ReadDir notes the names of a folder, and the files in it, as their entries say
// which content they have.
func (t *Trace) ReadDir(name string) ([]fs.DirEntry, error) {
	t.note(asNames, name)
	return fs.ReadDir(t.below, name)
}

// Stat notes a file, and that a folder is one.
func (t *Trace) Stat(name string) (fs.FileInfo, error) {
	t.note(asSort, name)
	return fs.Stat(t.below, name)
}

// Lstat notes the same.
func (t *Trace) Lstat(name string) (fs.FileInfo, error) {
	t.note(asSort, name)
	return fs.Lstat(t.below, name)
}

// ReadLink notes a link.
func (t *Trace) ReadLink(name string) (string, error) {
	t.note(asSort, name)
	return fs.ReadLink(t.below, name)
}

// most is how many paths are told apart: beyond, all of the tree counts.
const most = 500

// Paths are what was looked at and no filter takes whole, sorted.
func (t *Trace) Paths(filters []Filter) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for p := range t.seen {
		name := p[2:]
		if p[:2] == asSort && t.seen[asNames+name] || p[:2] == asNames && name != "." && t.seen[asNames+path.Dir(name)] && !t.isDir(name) || taken(name, filters) {
			continue
		}
		out = append(out, p)
	}
	if len(out) > most {
		return []string{asWhole + "."}
	}
	slices.Sort(out)
	return out
}

// isDir reports whether there is a folder.
func (t *Trace) isDir(name string) bool {
	info, err := fs.Stat(t.below, name)
	return err == nil && info.IsDir()
}

// taken reports whether a filter takes a folder whole in which the path is.
func taken(name string, filters []Filter) bool {
	for _, f := range filters {
		at := ""
		for part := range strings.SplitSeq(name, "/") {
			if at = path.Join(at, part); f.None(at) {
				break
			}
			if f.All(at) && at != name {
				return true
			}
		}
	}
	return false
}
