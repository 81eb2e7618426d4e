package gitrepo

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/go-git/go-git/v5/plumbing"
)

func openTree(t *testing.T, u *upstream) *Tree {
	t.Helper()
	r := openFileRemote(t, u)
	tree, err := r.Tree(fetch(t, r, "main").Hash)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestTreeIsAFileSystem(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1", "a.b", "2", "d/x", "3", "d/e/f", "4", "empty", "")
	if err := fstest.TestFS(openTree(t, u), "a", "a.b", "d/x", "d/e/f", "empty"); err != nil {
		t.Error(err)
	}
}

func TestTreeShowsLinksModesAndSubmodules(t *testing.T) {
	u := newUpstream(t)
	u.write("target", "t", "run", "#!", "big", strings.Repeat("0123456789abcdef", 1<<19), "pointer", "version https://git-lfs.github.com/spec/v1\n")
	for link, to := range map[string]string{"out": "/etc/passwd", "dirlink": "folder", "loop": "loop", "in": "target"} {
		if err := os.Symlink(to, filepath.Join(u.work, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(u.work, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	u.write("folder/x", "x")
	u.run(u.work, "add", "-A")
	u.run(u.work, "commit", "-q", "-m", "base")
	u.run(u.work, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("ab", 20)+",module")
	u.run(u.work, "commit", "-q", "-m", "with module")
	u.run(u.work, "push", "-q", "origin", "HEAD")
	tree := openTree(t, u)

	for name, want := range map[string]fs.FileMode{
		"target": 0o444, "run": 0o555, "out": fs.ModeSymlink | 0o777, "folder": fs.ModeDir | 0o555, "module": fs.ModeDir | 0o555, ".": fs.ModeDir | 0o555,
	} {
		if info, err := fs.Stat(tree, name); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", name, info, err, want)
		}
	}
	if to, err := fs.ReadLink(tree, "out"); err != nil || to != "/etc/passwd" {
		t.Errorf("got %q, %v", to, err)
	}
	if _, err := fs.ReadLink(tree, "target"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"out", "in", "loop", "dirlink", "dirlink/x", "loop/loop"} {
		if _, err := fs.ReadFile(tree, name); !errors.Is(err, ErrSymlink) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := tree.Open(name); !errors.Is(err, ErrSymlink) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if list, err := fs.ReadDir(tree, "module"); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := tree.Open("module/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	f, err := tree.Open("big")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(io.Discard, f); err != nil || n != 16<<19 {
		t.Errorf("read %d, %v", n, err)
	}
}

func TestTreeHash(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "same/a", "1", "other/b", "1")
	r := openFileRemote(t, u)
	before, err := r.Tree(fetch(t, r, "main").Hash)
	if err != nil {
		t.Fatal(err)
	}
	u.commit("two", "other/b", "2")
	after, err := r.Tree(fetch(t, r, "main").Hash)
	if err != nil {
		t.Fatal(err)
	}
	for name, same := range map[string]bool{"same": true, "same/a": true, "other": false, ".": false} {
		x, err1 := before.TreeHash(name)
		y, err2 := after.TreeHash(name)
		if err1 != nil || err2 != nil || (x == y) != same || string(y) != u.run(u.bare, "rev-parse", "main:"+strings.TrimPrefix(name, ".")) {
			t.Errorf("%s: %s, %s, %v, %v", name, x, y, err1, err2)
		}
	}
	sub, err := fs.Sub(after, "same")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := fs.ReadFile(sub, "a"); err != nil || string(data) != "1" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := after.TreeHash("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTreeIsSafeForConcurrentUse(t *testing.T) {
	u := newUpstream(t)
	var pairs []string
	for i := range 50 {
		pairs = append(pairs, "d/"+numbered(i), numbered(i))
	}
	u.commit("one", pairs...)
	r := openFileRemote(t, u)
	tree, err := r.Tree(fetch(t, r, "main").Hash)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 50 {
				if data, err := tree.ReadFile("d/" + numbered(i)); err != nil || string(data) != numbered(i) {
					t.Errorf("got %q, %v", data, err)
				}
			}
		})
	}
	for i := range 3 {
		u.commit("more", "n", numbered(i))
		fetch(t, r, "main")
	}
	wg.Wait()
}

func treeOf(entries ...treeEntry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		b.WriteString("100644 " + e.name + "\x00")
		b.Write(e.hash[:])
	}
	return b.Bytes()
}

func TestParseTreeRefusesHostileNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", ".git", ".GIT", ".git ", ".git.", "git~1", ".g\u200cit", ".git:x", ".gi\ufefft"} {
		if _, err := parseTree(treeOf(treeEntry{name: name})); !errors.Is(faultText(err), ErrInvalid) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := parseTree(treeOf(treeEntry{name: "a"}, treeEntry{name: "a"})); err == nil {
		t.Error("a name that occurs twice is taken")
	}
	if got, err := parseTree(treeOf(treeEntry{name: ".gitignore"}, treeEntry{name: ".github"}, treeEntry{name: "git"})); err != nil || len(got) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}

// A whole repository with such a tree must be refused on fetch.
func TestFetchRefusesAHostileTree(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	blob := plumbing.NewHash(u.run(u.bare, "rev-parse", "main:a"))
	raw := filepath.Join(t.TempDir(), "tree")
	if err := os.WriteFile(raw, treeOf(treeEntry{name: ".git", hash: blob}), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := u.run(u.bare, "hash-object", "-t", "tree", "-w", "--literally", raw)
	commit := u.run(u.bare, "commit-tree", "-m", "evil", tree)
	u.run(u.bare, "update-ref", "refs/heads/main", commit)
	for _, opts := range []Options{{URL: u.bare, Dir: t.TempDir()}, serve(t, u).options(t)} {
		if _, err := open(t, opts).Fetch(t.Context(), ref(t, "main")); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add(treeOf(treeEntry{name: "a"}, treeEntry{name: "b"}))
	f.Add([]byte("40000 d\x00"))
	f.Add([]byte("777777777777777777777777 d\x0001234567890123456789"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		for i, e := range entries {
			if !fs.ValidPath(e.name) || e.name == "." || strings.EqualFold(e.name, ".git") || (i > 0 && entries[i-1].name >= e.name) {
				t.Fatalf("%q gives %+v", data, entries)
			}
		}
	})
}
