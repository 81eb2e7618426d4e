package content

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"
	"time"
)

// zip adds the directory beside name, a path that ends in .zip, as a zip file
// of that name. Its bytes depend on names and contents only: Microsoft's
// client stores modification times, which a repository does not have.
func (m *merger) zip(ctx context.Context, root *scope, name string) error {
	at := strings.TrimSuffix(name, ".zip")
	n, err := m.tree.root(at)
	if err != nil {
		return err
	}
	base := path.Base(name)
	if m.taken[base] != nil {
		return fmt.Errorf("%s: %w", base, ErrConflict)
	}
	if !n.dir {
		return fmt.Errorf("%s: not a directory", at)
	}
	inner, err := root.merge(n, at)
	if err != nil {
		return err
	}
	sub := newFolder(path.Base(at))
	if err := m.copyDir(ctx, n, at, sub, inner); err != nil {
		return err
	}
	z, err := zipNode(ctx, base, sub, m.opt.MaxBytes)
	if err != nil {
		return err
	}
	return m.out.put(base, z)
}

// zipTime is the earliest time a zip file can say.
var zipTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// zipNode returns a file whose bytes are a zip of f, stored uncompressed. It
// reads the files once for their checksums; the zip itself is never held in
// memory.
func zipNode(ctx context.Context, name string, f *folder, limit int64) (*node, error) {
	c := &Content{}
	w := &walk{path: f.name, rules: &rules{}, opt: Options{MaxBytes: limit}}
	if err := w.dir(ctx, f.node(), "", true); err != nil {
		return nil, err
	}
	c.Files = w.files
	parts := &parts{}
	zw := zip.NewWriter(parts)
	if _, err := zw.CreateHeader(&zip.FileHeader{Name: f.name + "/", Modified: zipTime}); err != nil {
		return nil, err
	}
	stamp := ""
	for _, file := range c.Files {
		sum := crc32.NewIEEE()
		if err := feed(ctx, sum, file.node, make([]byte, chunk)); err != nil {
			return nil, err
		}
		h := &zip.FileHeader{
			Name: f.name + "/" + file.Rel, Method: zip.Store, Modified: zipTime, CRC32: sum.Sum32(),
			CompressedSize64: uint64(file.Size), UncompressedSize64: uint64(file.Size),
		}
		fw, err := zw.CreateRaw(h)
		if err != nil {
			return nil, err
		}
		if err := zw.Flush(); err != nil { // the header, before the hole
			return nil, err
		}
		if err := parts.hole(zw, fw, file); err != nil {
			return nil, err
		}
		stamp += fmt.Sprintf("%s\x00%d\x00%08x\x00", file.Rel, file.Size, sum.Sum32())
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return &node{name: name, size: parts.size, id: "zip:" + stamp, open: parts.open}, nil
}

// parts is a file made of pieces of memory and of other files.
type parts struct {
	list []part
	size int64
	skip bool
}

type part struct {
	bytes []byte
	file  File
}

// Write records p, or only its length while a hole is written.
func (p *parts) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	if !p.skip {
		p.list = append(p.list, part{bytes: bytes.Clone(b)})
	}
	return len(b), nil
}

// hole stands for the bytes of file: the zip writer counts zeros in their place.
func (p *parts) hole(zw *zip.Writer, w io.Writer, file File) error {
	p.skip = true
	defer func() { p.skip = false }()
	if _, err := io.CopyN(w, zeros{}, file.Size); err != nil {
		return err
	}
	p.list = append(p.list, part{file: file})
	return zw.Flush()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func (p *parts) open() (io.ReadCloser, error) {
	return &partReader{rest: p.list}, nil
}

// partReader reads the parts one after the other and opens one file at a time.
type partReader struct {
	rest []part
	cur  io.ReadCloser
}

func (r *partReader) Read(b []byte) (int, error) {
	for {
		if r.cur == nil {
			if len(r.rest) == 0 {
				return 0, io.EOF
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.cur.Read(b)
		if errors.Is(err, io.EOF) {
			err = r.cur.Close()
			r.cur = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *partReader) next() error {
	p := r.rest[0]
	r.rest = r.rest[1:]
	if p.file.node == nil {
		r.cur = io.NopCloser(bytes.NewReader(p.bytes))
		return nil
	}
	f, err := p.file.Open()
	r.cur = f
	return err
}

func (r *partReader) Close() error {
	r.rest = nil
	if r.cur == nil {
		return nil
	}
	return r.cur.Close()
}
