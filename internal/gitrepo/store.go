package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"mlsync.dev/mlsync/internal/limit"
)

// store is one bare repository on disk. Every object that is read from it is
// checked against its name. It is safe for concurrent use.
type store struct {
	dir     string
	mu      sync.Mutex // the library's storage is not safe for concurrent use
	objects *filesystem.Storage
	// damaged is set by the first read that finds something wrong.
	damaged atomic.Bool
	// whole holds trees that were found complete.
	whole map[plumbing.Hash]bool
}

// errMissing says that an object is not in the store.
var errMissing = errors.New("object is missing")

const (
	cacheSize   = 8 << 20       // of objects in memory
	streamAbove = 4 << 20       // larger blobs are not held in memory
	largestMeta = limit.GitMeta // a commit or a tree
)

// openStore opens the bare repository in dir and makes it if need be. Only the
// few files that git wants to see are written.
func openStore(dir string) (*store, error) {
	for _, sub := range []string{"objects/pack", "refs/tips"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(sub)), 0o700); err != nil {
			return nil, err
		}
	}
	for name, text := range map[string]string{
		"HEAD":   "ref: refs/heads/main\n",
		"config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := removeAll(filepath.Join(dir, "objects", "pack", "tmp_*")); err != nil {
		return nil, err
	}
	s := &store{dir: dir, whole: map[plumbing.Hash]bool{}}
	s.objects = filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRU(cacheSize),
		filesystem.Options{MaxOpenDescriptors: 16, LargeObjectThreshold: streamAbove})
	return s, s.checkPacks()
}

// checkPacks finds packs that were cut off, by a crash or a full disk: the last
// bytes of a pack repeat what its index says. The content of an object is
// checked when it is read.
func (s *store) checkPacks() error {
	packs, err := filepath.Glob(filepath.Join(s.dir, "objects", "pack", "*.pack"))
	if err != nil {
		return err
	}
	for _, pack := range packs {
		want, err := tail(strings.TrimSuffix(pack, ".pack")+".idx", 40)
		if err == nil {
			var got []byte
			if got, err = tail(pack, 20); err == nil && !bytes.Equal(got, want[:20]) {
				err = errors.New("the end is not what the index says")
			}
		}
		if err != nil {
			return s.corrupt(fmt.Errorf("%s: %w", filepath.Base(pack), err))
		}
	}
	return nil
}

func tail(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < n {
		return nil, io.ErrUnexpectedEOF
	}
	out := make([]byte, n)
	_, err = f.ReadAt(out, info.Size()-n)
	return out, err
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects.Close()
}

func (s *store) corrupt(err error) error {
	s.damaged.Store(true)
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// needed turns a missing object into damage: the store was promised whole.
func (s *store) needed(h plumbing.Hash, err error) error {
	if errors.Is(err, errMissing) {
		return s.corrupt(fmt.Errorf("%s: %w", h, err))
	}
	return err
}

// encoded finds an object without reading its content. The library may panic
// on a damaged index or pack, and that is damage like any other.
func (s *store) encoded(kind plumbing.ObjectType, h plumbing.Hash) (obj plumbing.EncodedObject, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			obj, err = nil, s.corrupt(fmt.Errorf("%s: %v", h, p))
		}
	}()
	obj, err = s.objects.EncodedObject(kind, h)
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return nil, errMissing
	case err != nil:
		return nil, s.corrupt(fmt.Errorf("%s: %w", h, err))
	}
	return obj, nil
}

func (s *store) has(h plumbing.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects.HasEncodedObject(h) == nil
}

// read gives the content of an object of at most so many bytes.
func (s *store) read(kind plumbing.ObjectType, h plumbing.Hash, most int64) ([]byte, error) {
	obj, err := s.encoded(kind, h)
	if err != nil {
		return nil, err
	}
	if obj.Size() > most {
		return nil, fmt.Errorf("%s %s of %d bytes: %w", kind, h, obj.Size(), ErrTooLarge)
	}
	r, err := s.stream(obj, h)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// stream reads an object and fails at its end if it is not what its name says.
func (s *store) stream(obj plumbing.EncodedObject, h plumbing.Hash) (io.ReadCloser, error) {
	s.mu.Lock()
	r, err := obj.Reader()
	s.mu.Unlock()
	if err != nil {
		return nil, s.corrupt(fmt.Errorf("%s: %w", h, err))
	}
	return &checkedReader{store: s, r: r, hasher: plumbing.NewHasher(obj.Type(), obj.Size()), want: h, left: obj.Size()}, nil
}

// checkedReader compares what went through it with the object's name.
type checkedReader struct {
	store  *store
	r      io.ReadCloser
	hasher plumbing.Hasher
	want   plumbing.Hash
	left   int64
}

func (c *checkedReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		if got := c.hasher.Sum(); got != c.want {
			return 0, c.store.corrupt(fmt.Errorf("%s: the content is that of %s", c.want, got))
		}
		return 0, io.EOF
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	_, _ = c.hasher.Write(p[:n]) // never fails
	c.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && c.left > 0:
		return n, c.store.corrupt(fmt.Errorf("%s: %w", c.want, io.ErrUnexpectedEOF))
	case err != nil && !errors.Is(err, io.EOF):
		return n, c.store.corrupt(fmt.Errorf("%s: %w", c.want, err))
	}
	return n, nil
}

func (c *checkedReader) Close() error { return c.r.Close() }

// commit reads a commit, through a tag if h is one.
func (s *store) commit(h plumbing.Hash) (*object.Commit, error) {
	for range 8 { // tags of tags
		obj, err := s.encoded(plumbing.AnyObject, h)
		if err != nil {
			return nil, err
		}
		data, err := s.read(obj.Type(), h, largestMeta)
		if err != nil {
			return nil, err
		}
		plain := &plumbing.MemoryObject{}
		plain.SetType(obj.Type())
		_, _ = plain.Write(data) // never fails
		switch obj.Type() {
		case plumbing.CommitObject:
			c := &object.Commit{}
			return c, c.Decode(plain)
		case plumbing.TagObject:
			t := &object.Tag{}
			if err := t.Decode(plain); err != nil {
				return nil, err
			}
			h = t.Target
		case plumbing.InvalidObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.OFSDeltaObject, plumbing.REFDeltaObject, plumbing.AnyObject:
			return nil, faultOf(ErrNotFound, h.String()+" is a "+obj.Type().String()+", not a commit")
		}
	}
	return nil, faultOf(ErrNotFound, "a tag that points to too many others")
}

// setTip remembers where a ref of the remote was last seen. It is kept under
// another name: as files, refs that the remote had one after the other (a, then
// a/b) could not be kept side by side.
func (s *store) setTip(name plumbing.ReferenceName, h plumbing.Hash) error {
	flat := plumbing.ReferenceName("refs/tips/" + plumbing.ComputeHash(plumbing.BlobObject, []byte(name)).String())
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects.SetReference(plumbing.NewHashReference(flat, h))
}

// tips lists the objects that setTip was told.
func (s *store) tips() ([]plumbing.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs, err := s.objects.IterReferences()
	if err != nil {
		return nil, s.corrupt(err)
	}
	var out []plumbing.Hash
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() == plumbing.HashReference {
			out = append(out, ref.Hash())
		}
		return nil
	})
	return out, err
}

// packs counts the packs; each fetch adds one.
func (s *store) packs() int {
	found, _ := filepath.Glob(filepath.Join(s.dir, "objects", "pack", "*.pack")) // the pattern is good
	return len(found)
}

// receive takes a pack. fill writes it, and may read the store meanwhile. It is
// looked through before it is unpacked: the library holds objects in memory
// while it does that, and a pack of a few kilobytes can hold many gigabytes.
func (s *store) receive(most int64, fill func(io.Writer) error) (err error) {
	raw, err := os.CreateTemp(filepath.Join(s.dir, "objects", "pack"), "tmp_*")
	if err != nil {
		return s.corrupt(err)
	}
	// An unfinished pack leaves temporary files behind.
	defer func() {
		err = errors.Join(err, raw.Close(), removeAll(filepath.Join(s.dir, "objects", "pack", "tmp_*")))
	}()
	if err := fill(&limitedWriter{w: raw, left: most}); err != nil {
		return err
	}
	if err := checkPack(raw, limit.Unpacked); err != nil {
		return err
	}
	if _, err := raw.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return s.unpack(raw)
}

// unpack puts a pack into the store.
func (s *store) unpack(raw io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.objects.PackfileWriter()
	if err != nil {
		return s.corrupt(err)
	}
	_, filled := io.Copy(w, raw)
	closed := w.Close()
	if filled == nil && closed != nil {
		return faultOf(ErrUnreachable, "bad pack: "+closed.Error())
	}
	return filled
}

func removeAll(pattern string) error {
	found, err := filepath.Glob(pattern)
	for _, path := range found {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// shallows lists the commits whose parents were not fetched.
func (s *store) shallows() ([]plumbing.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects.Shallow()
}

func (s *store) updateShallows(add, remove []plumbing.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.objects.Shallow()
	if err != nil {
		return err
	}
	set := map[plumbing.Hash]bool{}
	for _, h := range append(old, add...) {
		set[h] = true
	}
	for _, h := range remove {
		delete(set, h)
	}
	out := make([]plumbing.Hash, 0, len(set))
	for h := range set {
		out = append(out, h)
	}
	plumbing.HashesSort(out)
	return s.objects.SetShallow(out)
}

// generation names the nth repository in a mirror's folder. A damaged one is
// replaced by the next; the old one stays until the mirror is opened again, for
// those who are still reading from it.
func generation(n int) string { return "mirror-" + strconv.Itoa(n) + ".git" }

// latest finds the number of the newest generation, 0 for none.
func latest(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	newest := 0
	for _, e := range entries {
		digits, ok := strings.CutSuffix(strings.TrimPrefix(e.Name(), "mirror-"), ".git")
		if n, err := strconv.Atoi(digits); ok && err == nil && generation(n) == e.Name() {
			newest = max(newest, n)
		}
	}
	return newest, nil
}
