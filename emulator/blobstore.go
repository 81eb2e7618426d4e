package emulator

import (
	"crypto/md5" //nolint:gosec // Content-MD5 is part of the blob protocol
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// smallBlob is the content that stays in memory when there is no data folder; larger goes to a temporary folder.
const smallBlob = 64 << 10

// A chunk is a piece of content, in memory or in a file of the content folder.
type chunk struct {
	File string `json:"f,omitempty"`
	Data []byte `json:"d,omitempty"`
	Size int64  `json:"n"`
}

// A blobItem is one block blob; its content is the sequence of its chunks.
type blobItem struct {
	Account   string            `json:"a"`
	Container string            `json:"c"`
	Name      string            `json:"b"`
	Chunks    []chunk           `json:"chunks,omitempty"`
	Blocks    []blockInfo       `json:"blocks,omitempty"`
	Meta      map[string]string `json:"meta,omitempty"`
	Headers   map[string]string `json:"h,omitempty"`
	MD5       []byte            `json:"md5,omitempty"`
	ETag      string            `json:"etag"`
	Created   time.Time         `json:"created"`
	Modified  time.Time         `json:"modified"`
	Gone      bool              `json:"gone,omitempty"`
	Whole     bool              `json:"container,omitempty"` // the line is about the container itself
}

type blockInfo struct {
	ID   string `json:"id"`
	Size int64  `json:"n"`
}

func (i *blobItem) size() int64 {
	var n int64
	for _, c := range i.Chunks {
		n += c.Size
	}
	return n
}

type blobContainer struct {
	created time.Time
	etag    string
	meta    map[string]string
	blobs   map[string]*blobItem
	names   []string // sorted; rebuilt by a list after a change
	dirty   bool
	blocks  map[string]map[string]chunk // uncommitted, by blob and block id
	order   map[string][]string
}

// blobStore holds the accounts. Its own lock is held only while its maps change, never while content moves.
type blobStore struct {
	mu         sync.Mutex
	dir        string // where content files are
	temporary  bool
	containers map[string]*blobContainer // by account/container
	next       int64
	log        *journal
}

func newBlobStore(dataDir string) (*blobStore, error) {
	s := &blobStore{containers: map[string]*blobContainer{}}
	if dataDir == "" {
		return s, nil
	}
	s.dir = filepath.Join(dataDir, "content")
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	j, err := openJournal(filepath.Join(dataDir, "blobs.jsonl"), s.apply)
	if err != nil {
		return nil, err
	}
	j.live, j.rewrite = s.size, s.emit
	s.log = j
	return s, s.sweep()
}

// sweep removes content that no blob refers to: blocks that were never committed, and what a kill left half written.
func (s *blobStore) sweep() error {
	s.next = int64(s.log.records) // ETags go on after those that were given
	used := map[string]bool{}
	for _, c := range s.containers {
		for _, b := range c.blobs {
			for _, ch := range b.Chunks {
				used[ch.File] = true
			}
		}
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n, err := strconv.ParseInt(e.Name(), 10, 64); err == nil {
			s.next = max(s.next, n)
		}
		if !used[e.Name()] {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *blobStore) apply(line []byte) error {
	var b blobItem
	if err := json.Unmarshal(line, &b); err != nil {
		return err
	}
	key := b.Account + "/" + b.Container
	if b.Whole && b.Gone {
		delete(s.containers, key)
		return nil
	}
	c := s.container(key, true, b.Created)
	if b.Whole {
		c.meta = b.Meta
		return nil
	}
	c.dirty = true
	if b.Gone {
		delete(c.blobs, b.Name)
		return nil
	}
	c.blobs[b.Name] = &b
	return nil
}

func (s *blobStore) size() int {
	n := len(s.containers)
	for _, c := range s.containers {
		n += len(c.blobs)
	}
	return n
}

func (s *blobStore) emit(out func(any)) {
	for key, c := range s.containers {
		account, name, _ := strings.Cut(key, "/")
		out(blobItem{Account: account, Container: name, Whole: true, Created: c.created, Meta: c.meta})
		for _, b := range c.blobs {
			out(b)
		}
	}
}

func (s *blobStore) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.log.close()
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// failure is the first error of the journal.
func (s *blobStore) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.failure()
}

func (s *blobStore) keep(v any) {
	if s.log != nil {
		s.log.append(v)
	}
}

// container finds a container, or makes it. The lock is held.
func (s *blobStore) container(key string, make_ bool, now time.Time) *blobContainer {
	c := s.containers[key]
	if c == nil && make_ {
		c = &blobContainer{created: now, etag: s.etag(), blobs: map[string]*blobItem{}, blocks: map[string]map[string]chunk{}, order: map[string][]string{}}
		s.containers[key] = c
	}
	return c
}

func (s *blobStore) etag() string {
	s.next++
	return fmt.Sprintf(`"0x8D%013X"`, s.next)
}

// ensureContainer makes a container unless it exists.
func (s *blobStore) ensureContainer(account, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := account + "/" + name
	if s.containers[key] != nil {
		return
	}
	c := s.container(key, true, time.Time{})
	s.keep(blobItem{Account: account, Container: name, Whole: true, Created: c.created})
}

// newFile opens a new content file, in a temporary folder when there is no data folder.
func (s *blobStore) newFile() (*os.File, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "mlsync-emulator-*")
		if err != nil {
			return nil, "", err
		}
		s.dir, s.temporary = dir, true
	}
	s.next++
	name := strconv.FormatInt(s.next, 10)
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, name, err
}

// receive takes content in: small in memory when nothing has to survive, the rest in a file.
func (s *blobStore) receive(in io.Reader) (chunk, []byte, error) {
	h := md5.New() //nolint:gosec // protocol
	in = io.TeeReader(in, h)
	head := make([]byte, smallBlob)
	n, err := io.ReadFull(in, head)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		if s.log == nil || n == 0 {
			return chunk{Data: slices.Clone(head[:n]), Size: int64(n)}, h.Sum(nil), nil
		}
	case err != nil:
		return chunk{}, nil, err
	}
	f, name, err := s.newFile()
	if err != nil {
		return chunk{}, nil, err
	}
	_, err = f.Write(head[:n])
	size := int64(n)
	if err == nil {
		var rest int64
		rest, err = io.Copy(f, in)
		size += rest
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return chunk{}, nil, errors.Join(err, os.Remove(filepath.Join(s.dir, name)))
	}
	return chunk{File: name, Size: size}, h.Sum(nil), nil
}

// free removes content files that nothing refers to any more.
func (s *blobStore) free(chunks []chunk) {
	for _, c := range chunks {
		if c.File != "" {
			_ = os.Remove(filepath.Join(s.dir, c.File)) // a left-over is swept at the next start
		}
	}
}

// copyRange writes length bytes of a blob's content from offset on.
func (s *blobStore) copyRange(w io.Writer, chunks []chunk, offset, length int64) error {
	for _, c := range chunks {
		if length <= 0 {
			return nil
		}
		if offset >= c.Size {
			offset -= c.Size
			continue
		}
		n := min(length, c.Size-offset)
		if err := s.copyChunk(w, c, offset, n); err != nil {
			return err
		}
		length -= n
		offset = 0
	}
	return nil
}

func (s *blobStore) copyChunk(w io.Writer, c chunk, offset, n int64) error {
	if c.File == "" {
		_, err := w.Write(c.Data[offset : offset+n])
		return err
	}
	f, err := os.Open(filepath.Join(s.dir, c.File))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, io.NewSectionReader(f, offset, n))
	return errors.Join(err, f.Close())
}

// sorted are the names of the blobs in order.
func (c *blobContainer) sorted() []string {
	if c.dirty {
		c.names = c.names[:0]
		for n := range c.blobs {
			c.names = append(c.names, n)
		}
		sort.Strings(c.names)
		c.dirty = false
	}
	return c.names
}
