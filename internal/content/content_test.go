package content_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mlsync.dev/mlsync/internal/content"
)

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
func link(to string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink}
}

func sum(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(h[:])
}

const seed = "Initialize for october 2021 AML CLI version"

func rels(c *content.Content) string {
	var out []string
	for _, f := range c.Files {
		out = append(out, f.Rel)
	}
	return strings.Join(out, " ")
}

func TestHashes(t *testing.T) {
	sample := fstest.MapFS{
		"d/a.txt": text("A"), "d/empty": text(""), "d/sub/B.txt": text("B"),
		"crlf/x.py": text("a\r\nb\r\n"),
		"order/b":   text("1"), "order/A": text("2"), "order/a.x/c": text("3"),
	}
	tests := []struct{ path, object, code string }{
		// The code hashes of the first two were computed by Microsoft's client.
		{"d/a.txt", sum(seed, "A"), "7b6b5a38a15463fde575b52747a77e15cc072b72837e6d906b463185f97c50b8"},
		{"d", sum(seed, "a.txt", "A", "empty", "sub", "B.txt", "B"), "190a05c966f249823cc9be3929fd66974bfdab94a1f29ffd77a7750be1279f83"},
		{"./d/../d/", sum(seed, "a.txt", "A", "empty", "sub", "B.txt", "B"), "190a05c966f249823cc9be3929fd66974bfdab94a1f29ffd77a7750be1279f83"},
		{"crlf", sum(seed, "x.py", "a\r\nb\r\n"), sum("1", "#x.py#6", "a\r\nb\r\n")},
		{"order", sum(seed, "A", "2", "a.x", "c", "3", "b", "1"), sum("3", "#A#1", "#a.x/c#1", "#b#1", "2", "3", "1")},
	}
	for _, tt := range tests {
		c, err := content.Open(t.Context(), sample, tt.path, content.Options{})
		if err != nil {
			t.Fatalf("%s: %v", tt.path, err)
		}
		if got, err := c.ObjectHash(t.Context()); got != tt.object || err != nil {
			t.Errorf("%s: object hash %s (%v), want %s", tt.path, got, err, tt.object)
		}
		if got, err := c.CodeHash(t.Context()); got != tt.code || err != nil {
			t.Errorf("%s: code hash %s (%v), want %s", tt.path, got, err, tt.code)
		}
	}
}

func TestIgnoreFiles(t *testing.T) {
	files := []string{".git/HEAD", "a.log", "a.py", "build/x", "doc/a.log", "doc/keep.log", "doc/x/y.md", "__pycache__/m.pyc", "sub/__pycache__/n.pyc", "sub/.gitignore"}
	all := strings.Join(files, " ")
	tests := []struct {
		name      string
		aml, git  string
		component bool
		want      string
	}{
		{name: "none ignores nothing", want: all},
		{name: "gitignore", git: "*.log\n", want: ".git/HEAD .gitignore __pycache__/m.pyc a.py build/x doc/x/y.md sub/.gitignore sub/__pycache__/n.pyc"},
		{name: "amlignore wins", git: "*.log", aml: "build/\n.git", want: ".amlignore .gitignore __pycache__/m.pyc a.log a.py doc/a.log doc/keep.log doc/x/y.md sub/.gitignore sub/__pycache__/n.pyc"},
		{name: "last match wins, below an ignored directory too", aml: "*\n!doc/keep.log\n!*.py\n", want: "a.py doc/keep.log"},
		{name: "order counts", aml: "!a.py\n*\n!doc/\ndoc/x\n", want: "doc/a.log doc/keep.log"},
		{name: "component", component: true, aml: ".git\n*.log\r\ndoc\n", want: ".amlignore a.py build/x sub/.gitignore"},
	}
	for _, tt := range tests {
		fsys := fstest.MapFS{}
		for _, f := range files {
			fsys["src/"+f] = text(f)
		}
		if tt.aml != "" {
			fsys["src/.amlignore"] = text(tt.aml)
		}
		if tt.git != "" {
			fsys["src/.gitignore"] = text(tt.git)
		}
		c, err := content.Open(t.Context(), fsys, "src", content.Options{Component: tt.component})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := strings.Fields(tt.want)
		slices.Sort(want)
		got := strings.Fields(rels(c))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, want)
		}
	}
}

func TestObjectHashSkipsIgnoredDirectories(t *testing.T) {
	fsys := fstest.MapFS{"s/.amlignore": text("*\n!k/x\n!y\nz/\n"), "s/k/x": text("X"), "s/y": text("Y"), "s/z/q": text("Q")}
	c, err := content.Open(t.Context(), fsys, "s", content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rels(c), "k/x y"; got != want {
		t.Errorf("got files %q, want %q", got, want)
	}
	if got, _ := c.ObjectHash(t.Context()); got != sum(seed, "y", "Y") {
		t.Errorf("got %s, want the hash without the ignored directory", got)
	}
	fsys["s/.amlignore"] = text("z/\n")
	if c, err = content.Open(t.Context(), fsys, "s", content.Options{}); err != nil {
		t.Fatal(err)
	}
	want := sum(seed, ".amlignore", "z/\n", "k", "x", "X", "y", "Y", "z")
	if got, _ := c.ObjectHash(t.Context()); got != want {
		t.Errorf("got %s, want %s: the name of a directory whose entries are ignored counts", got, want)
	}
}

func TestOptions(t *testing.T) {
	fsys := fstest.MapFS{"spec/f.yaml": text("f"), "spec/.hid/x": text("x"), "spec/c.additional_includes": text("i"), "spec/s/c.additional_includes": text("i")}
	c, err := content.Open(t.Context(), fsys, "spec", content.Options{Ignore: []string{".*"}, Component: true, IncludesFile: "c.additional_includes"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rels(c), "f.yaml s/c.additional_includes"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if c, err = content.Open(t.Context(), fsys, ".", content.Options{RootName: "repo"}); err != nil || c.Base != "repo" {
		t.Errorf("got base %v (%v), want repo", c, err)
	}
	if c.Bytes() != 4 || c.Indicator().Rel != "spec/.hid/x" {
		t.Errorf("got %d bytes, indicator %s", c.Bytes(), c.Indicator().Rel)
	}
}

func TestSymlinks(t *testing.T) {
	fsys := fstest.MapFS{
		"lib/u.py": text("U"), "real/data/n": text("N"),
		"src/a": text("A"), "src/u.py": link("../lib/u.py"), "src/deep": link("../real/data"), "src/.gitignore": text("venv/\n"),
		"src/venv/python": link("/usr/bin/python3"),
		"alias":           link("src"), "alias2": link("alias"), "one": link("src/u.py"),
		"out": link("../../etc/passwd"), "abs": link("/etc"), "mid/x": text("x"), "mid/up": link("../.."),
		"loop": link("loop2"), "loop2": link("loop"), "cyc/x": text("x"), "cyc/self": link("."), "cyc2/a/up": link("../../cyc2"),
		"broken/l": link("nowhere"), "esc/l": link("../../x"),
		// ".." after a symlink means the parent of what it leads to.
		"tricky/l": link("d/../n"), "tricky/d": link("../real/data/sub"), "real/data/sub/z": text("z"),
	}
	for _, p := range []string{"src", "alias", "alias2"} {
		c, err := content.Open(t.Context(), fsys, p, content.Options{})
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if got, want := rels(c), ".gitignore a deep/n deep/sub/z u.py"; got != want || c.Base != "src" {
			t.Errorf("%s: got %q in %s, want %q in src", p, got, c.Base, want)
		}
	}
	c, err := content.Open(t.Context(), fsys, "one", content.Options{})
	if err != nil || rels(c) != "one" || c.IsDir {
		t.Fatalf("got %+v (%v)", c, err)
	}
	if got, _ := c.CodeHash(t.Context()); got != sum("1", "#u.py#1", "U") {
		t.Errorf("a linked file must hash under the name it leads to")
	}
	c, err = content.Open(t.Context(), fsys, "tricky", content.Options{Ignore: []string{"d"}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Files[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, _ := io.ReadAll(f); string(b) != "N" {
		t.Errorf("tricky/l reads %q, want N", b)
	}
	for p, want := range map[string]error{
		"out": content.ErrEscape, "abs": content.ErrEscape, "mid": content.ErrEscape, "esc": content.ErrEscape,
		"loop": content.ErrLoop, "cyc": content.ErrLoop, "cyc2": content.ErrLoop, "broken": fs.ErrNotExist,
		"../x": content.ErrEscape, "/etc/passwd": content.ErrEscape, "a\x00b": content.ErrName, "nothing": fs.ErrNotExist, "src/a/b": fs.ErrNotExist,
	} {
		if _, err := content.Open(t.Context(), fsys, p, content.Options{}); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", p, err, want)
		}
	}
}

// plain hides the symlink methods of a file system.
type plain struct{ fs.FS }

func TestSymlinksNeedAFileSystemThatKnowsThem(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "s")
	repo := filepath.Join(dir, "repo")
	write(t, filepath.Join(repo, "src", "a"), "A")
	if err := os.Symlink(filepath.Join("..", "..", "secret"), filepath.Join(repo, "src", "l")); err != nil {
		t.Fatal(err)
	}
	if _, err := content.Open(t.Context(), os.DirFS(repo), "src", content.Options{}); !errors.Is(err, content.ErrEscape) {
		t.Errorf("got %v, want %v", err, content.ErrEscape)
	}
	if _, err := content.Open(t.Context(), plain{os.DirFS(repo)}, "src", content.Options{}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("got %v, want %v", err, fs.ErrInvalid)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	fsys := fstest.MapFS{
		"empty": &fstest.MapFile{Mode: fs.ModeDir}, "ignored/.amlignore": text("*"), "ignored/x": text("x"),
		"two/a": text("12345"), "two/b": text("12345"), "odd/a\\b": text("x"), "pipe/p": &fstest.MapFile{Mode: fs.ModeNamedPipe},
		"bad/.amlignore": text("x\\\n"), "bad2/.amlignore": text("[z-a]\n"), "bad/x": text("x"), "bad2/x": text("x"),
	}
	tests := []struct {
		path string
		opt  content.Options
		want error // nil: any
	}{
		{"empty", content.Options{}, content.ErrEmpty},
		{"ignored", content.Options{}, content.ErrEmpty},
		{"two", content.Options{MaxFiles: 1}, content.ErrLimit},
		{"two", content.Options{MaxBytes: 9}, content.ErrLimit},
		{"two/a", content.Options{MaxBytes: 4}, content.ErrLimit},
		{"odd", content.Options{}, content.ErrName},
		{"pipe", content.Options{}, nil},
		{"bad", content.Options{}, nil},
		{"bad2", content.Options{}, nil},
	}
	for _, tt := range tests {
		_, err := content.Open(t.Context(), fsys, tt.path, tt.opt)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.path, err, tt.want)
		}
	}
	if _, err := content.Open(t.Context(), fsys, "two", content.Options{MaxFiles: 2, MaxBytes: 10}); err != nil {
		t.Errorf("exactly at the limits: %v", err)
	}
}

func TestCancelAndChange(t *testing.T) {
	fsys := fstest.MapFS{"d/a": text("A")}
	c, err := content.Open(t.Context(), fsys, "d", content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.CodeHash(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if _, err := content.Open(ctx, fsys, "d", content.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	fsys["d/a"] = text("longer")
	if _, err := c.ObjectHash(t.Context()); !errors.Is(err, content.ErrChanged) {
		t.Errorf("got %v, want %v", err, content.ErrChanged)
	}
}

type mapCache struct {
	m    map[string]string
	hits int
}

func (c *mapCache) Lookup(k string) (string, bool) {
	h, ok := c.m[k]
	if ok {
		c.hits++
	}
	return h, ok
}
func (c *mapCache) Store(k, h string) { c.m[k] = h }

func TestCache(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cache := &mapCache{m: map[string]string{}}
	fsys := fstest.MapFS{"d/a": {Data: []byte("A"), ModTime: at}, "n/a": text("A")}
	hash := func(p string) string {
		t.Helper()
		c, err := content.Open(t.Context(), fsys, p, content.Options{Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		h, err := c.CodeHash(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hash("d")
	if second := hash("d"); second != first || cache.hits != 1 {
		t.Errorf("got %s after %s with %d hits", second, first, cache.hits)
	}
	fsys["d/a"] = &fstest.MapFile{Data: []byte("B"), ModTime: at.Add(time.Second)}
	if third := hash("d"); third == first || cache.hits != 1 {
		t.Errorf("a touched file must be read again")
	}
	hash("n")
	hash("n")
	if cache.hits != 1 {
		t.Errorf("files without a time must not be cached")
	}
}
