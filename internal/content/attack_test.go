package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/internal/limit"
)

// twice is a file system with one folder that holds itself ten times, as the
// trees of a hostile commit may.
type twice struct{}

func (twice) Open(name string) (fs.File, error) {
	return fstest.MapFS{"d/a": {Data: []byte("x")}}.Open(map[bool]string{true: "d/a", false: "d"}[path.Base(name) == "a"])
}

func (twice) ReadDir(name string) ([]fs.DirEntry, error) {
	m := fstest.MapFS{"a": {Data: []byte("x")}}
	if strings.Count(name, "/") < 100 {
		for i := range 10 {
			m[fmt.Sprint(i)] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
	}
	return m.ReadDir(".")
}

func (t twice) Stat(name string) (fs.FileInfo, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	return f.Stat()
}

// A folder that holds itself over and over ends at the limit, also when all of
// it is left out and when it is put together of several.
func TestAttackL7FolderThatHoldsItself(t *testing.T) {
	opt := Options{MaxNames: 1_000}
	for name, open := range map[string]func() error{
		"open":  func() error { _, err := Open(t.Context(), twice{}, "d", opt); return err },
		"merge": func() error { _, err := Merge(t.Context(), twice{}, "d", "", []string{"d/1"}, opt); return err },
		"left out": func() error {
			_, err := Open(t.Context(), twice{}, "d", Options{MaxNames: 1_000, Ignore: []string{"*", "!keep"}})
			return err
		},
	} {
		if err := open(); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if (Options{}).names() != limit.ContentNames || (Options{}).bytes() != limit.ContentBytes {
		t.Error("without options there is no limit")
	}
}

// Sizes and numbers of an upload, at the limit and one beyond.
func TestAttackL8Uploads(t *testing.T) {
	big := fstest.MapFS{"d/a": {Data: []byte("12345")}, "d/b": {Data: []byte("12345")}, "d/c/e": {}}
	deep := func(n int) fstest.MapFS {
		return fstest.MapFS{"d/" + strings.Repeat("s/", n) + "f": {Data: []byte("x")}}
	}
	links := func(n int) fstest.MapFS {
		m := fstest.MapFS{"l0": {Data: []byte("x")}}
		for i := range n {
			m[fmt.Sprintf("l%d", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "l%d", i), Mode: fs.ModeSymlink}
		}
		return m
	}
	for name, f := range map[string]func(more int) error{
		"names": func(more int) error { _, err := Open(t.Context(), big, "d", Options{MaxNames: 4 - more}); return err },
		"bytes": func(more int) error {
			_, err := Open(t.Context(), big, "d", Options{MaxBytes: int64(10 - more)})
			return err
		},
		"depth": func(more int) error {
			_, err := Open(t.Context(), deep(limit.FolderDepth-1+more), "d", Options{})
			return err
		},
		"links": func(more int) error {
			n := limit.Links + more
			_, err := Open(t.Context(), links(n), fmt.Sprintf("l%d", n), Options{})
			return err
		},
	} {
		if err := f(0); err != nil {
			t.Errorf("%s, at the limit: %v", name, err)
		}
		if err := f(1); !errors.Is(err, ErrLimit) && !errors.Is(err, ErrLoop) {
			t.Errorf("%s, beyond the limit: %v", name, err)
		}
	}
}

// An ignore file is compiled and every path is held against all of it: its
// bytes, patterns and their length are bounded.
func TestAttackL9IgnoreFiles(t *testing.T) {
	open := func(ignore string) error {
		_, err := Open(t.Context(), fstest.MapFS{"d/.amlignore": {Data: []byte(ignore)}, "d/" + strings.Repeat("a", 200) + "b": {}}, "d", Options{})
		return err
	}
	for name, f := range map[string]func(more int) string{
		"patterns": func(more int) string { return strings.Repeat("a\n", limit.IgnoreLines+more) },
		"length":   func(more int) string { return strings.Repeat("a", limit.IgnoreLine+more) },
		"bytes":    func(more int) string { return strings.Repeat("\n", limit.IgnoreBytes+more) },
	} {
		if err := open(f(0)); err != nil {
			t.Errorf("%s, at the limit: %v", name, err)
		}
		if err := open(f(1)); !errors.Is(err, ErrLimit) {
			t.Errorf("%s, beyond the limit: %v", name, err)
		}
	}
	for _, hard := range []string{strings.Repeat("a*", 2000) + "c", strings.Repeat("**/", 1000) + "c", strings.Repeat("[!a]", 1000), strings.Repeat("?", 4096), "(a+)+$", "(?i)x{1000}{1000}"} {
		if err := open(hard); err != nil {
			t.Errorf("%.20q: %v", hard, err)
		}
	}
}

// FuzzIgnoreFile: no line of an ignore file makes a pattern that panics, and
// one that is refused says which.
func FuzzIgnoreFile(f *testing.F) {
	for _, s := range []string{"*.py\n!a.py\n", "/a/**/b/\n", "[!a-z]\\*\n", "a\\\n", "[z-a]", "**/**", "#x\n\n \n", "[[:alpha:]]", "\xff", "!"} {
		f.Add(s, "a/b.py")
	}
	f.Fuzz(func(t *testing.T, ignore, name string) {
		r, err := newRules(strings.FieldsFunc(ignore, func(r rune) bool { return r == '\n' || r == '\r' }))
		if err != nil {
			if !strings.Contains(err.Error(), "ignore") {
				t.Errorf("%q: %v", ignore, err)
			}
			return
		}
		r.excluded(name)
	})
}
