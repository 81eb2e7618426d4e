package main

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/promote"
)

// layer is a tree with some files over it, as it would be once they are
// written.
type layer struct {
	base  fs.FS
	files map[string][]byte // nil for one that is removed
}

func layered(base fs.FS, files []promote.File) *layer {
	l := &layer{base: base, files: map[string][]byte{}}
	for _, f := range files {
		l.files[f.Path] = f.Bytes
	}
	return l
}

// Open implements fs.FS.
func (l *layer) Open(name string) (fs.File, error) {
	data, ours := l.files[name]
	switch {
	case !ours && l.holds(name):
		entries, err := l.ReadDir(name)
		if err != nil {
			return nil, err
		}
		info, err := fs.Stat(l.base, name)
		if err != nil {
			info = layerInfo{path.Base(name), 0, fs.ModeDir | 0o755}
		}
		return &layerDir{info, entries}, nil
	case !ours:
		return l.base.Open(name)
	case data == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &layerFile{layerInfo{path.Base(name), int64(len(data)), 0o644}, bytes.NewReader(data)}, nil
}

// holds reports whether a folder has files of the layer in it.
func (l *layer) holds(dir string) bool {
	for name := range l.files {
		if dir == "." || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// ReadDir implements fs.ReadDirFS.
func (l *layer) ReadDir(dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(l.base, dir)
	if err != nil && !l.holds(dir) {
		return nil, err
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e fs.DirEntry) bool {
		_, ours := l.files[path.Join(dir, e.Name())]
		return ours
	})
	for name, data := range l.files {
		rest, below := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			rest, below = name, true
		}
		if !below || data == nil {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		info := layerInfo{first, int64(len(data)), 0o644}
		if deeper {
			info = layerInfo{first, 0, fs.ModeDir | 0o755}
		}
		if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == first }) {
			entries = append(entries, fs.FileInfoToDirEntry(info))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

type layerInfo struct {
	name string
	size int64
	mode fs.FileMode
}

// Name implements fs.FileInfo.
func (i layerInfo) Name() string { return i.name }

// Size implements fs.FileInfo.
func (i layerInfo) Size() int64 { return i.size }

// Mode implements fs.FileInfo.
func (i layerInfo) Mode() fs.FileMode { return i.mode }

// ModTime implements fs.FileInfo.
func (layerInfo) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (i layerInfo) IsDir() bool { return i.mode.IsDir() }

// Sys implements fs.FileInfo.
func (layerInfo) Sys() any { return nil }

type layerFile struct {
	info layerInfo
	*bytes.Reader
}

// Stat implements fs.File.
func (f *layerFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements fs.File.
func (*layerFile) Close() error { return nil }

type layerDir struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

// Stat implements fs.File.
func (d *layerDir) Stat() (fs.FileInfo, error) { return d.info, nil }

// Read implements fs.File: a folder has no bytes.
func (d *layerDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: fs.ErrInvalid}
}

// Close implements fs.File.
func (*layerDir) Close() error { return nil }

// ReadDir implements fs.ReadDirFile.
func (d *layerDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		out := d.entries
		d.entries = nil
		return out, nil
	}
	if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}
