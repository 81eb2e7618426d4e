package gitrepo

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// remotes runs a test over a file remote and over https.
func remotes(t *testing.T, test func(t *testing.T, u *upstream, opts Options)) {
	t.Run("file", func(t *testing.T) {
		u := newUpstream(t)
		test(t, u, Options{URL: u.bare, Dir: t.TempDir()})
	})
	t.Run("https", func(t *testing.T) {
		u := newUpstream(t)
		test(t, u, serve(t, u).options(t))
	})
	t.Run("https shallow", func(t *testing.T) {
		u := newUpstream(t)
		opts := serve(t, u).options(t)
		opts.Depth = 1
		test(t, u, opts)
	})
}

func TestFetchFollowsABranchWhereverItGoes(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		one := u.commit("one", "a", "1", "keep/k", "k")
		two := u.commit("two", "a", "2")
		r := open(t, opts)
		if c := fetch(t, r, "main"); c.Hash != two {
			t.Fatalf("got %s, want %s", c.Hash, two)
		}
		three := u.commit("three", "a", "3", "b", "3")
		if c := fetch(t, r, "main"); c.Hash != three {
			t.Fatalf("forward: got %s, want %s", c.Hash, three)
		}
		u.run(u.work, "reset", "-q", "--hard", string(one))
		u.run(u.work, "push", "-q", "-f", "origin", "HEAD")
		if c := fetch(t, r, "main"); c.Hash != one {
			t.Fatalf("back: got %s, want %s", c.Hash, one)
		}
		wantFile(t, r, one, "a", "1")
		u.run(u.work, "checkout", "-q", "--orphan", "other")
		u.run(u.work, "branch", "-q", "-D", "main")
		u.run(u.work, "branch", "-q", "-m", "main")
		unrelated := u.commit("unrelated", "z", "26")
		if c := fetch(t, r, "main"); c.Hash != unrelated {
			t.Fatalf("unrelated: got %s, want %s", c.Hash, unrelated)
		}
		wantFile(t, r, unrelated, "keep/k", "k")
		wantFile(t, r, three, "b", "3")

		u.run(u.work, "push", "-q", "origin", "HEAD:refs/heads/spare")
		u.run(u.bare, "update-ref", "-d", "refs/heads/main")
		if _, err := r.Fetch(t.Context(), ref(t, "main")); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted: got %v", err)
		}
		if _, err := r.Fetch(t.Context(), Ref{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("default branch deleted: got %v", err)
		}
		if _, err := r.Commit(unrelated); err != nil {
			t.Errorf("the last commit must stay readable: %v", err)
		}
	})
}

func TestFetchTagsAndFixedCommits(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		one := u.commit("one", "a", "1")
		u.run(u.work, "tag", "-a", "v1.0.0", "-m", "first")
		u.run(u.work, "tag", "-a", "v1.0.0-again", "-m", "tag of a tag", "v1.0.0")
		two := u.commit("two", "a", "2")
		u.run(u.work, "tag", "v1.1.0")
		u.run(u.work, "push", "-q", "origin", "--tags")
		three := u.commit("three", "a", "3")
		r := open(t, opts)
		for _, tc := range []struct {
			ref  string
			want Hash
		}{
			{"v1.0.0", one}, {"v1.0.0-again", one}, {"semver:^1", two}, {"main", three}, {string(two), two}, {"semver:1.0.x", one}, {string(one), one},
		} {
			if c := fetch(t, r, tc.ref); c.Hash != tc.want {
				t.Errorf("%s: got %s, want %s", tc.ref, c.Hash, tc.want)
			}
		}
		missing := strings.Repeat("12", 20)
		if _, err := r.Fetch(t.Context(), ref(t, missing)); !errors.Is(err, ErrNotFound) {
			t.Errorf("missing commit: got %v", err)
		}
		refs, err := r.Refs(t.Context())
		if err != nil || refs["refs/heads/main"] != three || refs["refs/tags/v1.1.0"] != two || len(refs) != 4 {
			t.Errorf("got %v, %v", refs, err)
		}
	})
}

// A commit that no ref points to, asked of an empty mirror.
func TestFetchFixedCommitFirst(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		one := u.commit("one", "a", "1")
		u.commit("two", "a", "2")
		r := open(t, opts)
		if c := fetch(t, r, string(one)); c.Hash != one {
			t.Errorf("got %s, want %s", c.Hash, one)
		}
		wantFile(t, r, one, "a", "1")
	})
}

func TestFetchEmptyAndMissing(t *testing.T) {
	remotes(t, func(t *testing.T, _ *upstream, opts Options) {
		r := open(t, opts)
		if _, err := r.Fetch(t.Context(), Ref{}); !errors.Is(err, ErrEmpty) {
			t.Errorf("empty: got %v", err)
		}
		if refs, err := r.Refs(t.Context()); err != nil || len(refs) != 0 {
			t.Errorf("empty: got %v, %v", refs, err)
		}
		opts.URL += "-none"
		if _, err := open(t, opts).Fetch(t.Context(), Ref{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("missing: got %v", err)
		}
	})
}

func TestFetchRefNamedLikeAnOption(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", "a", "1")
	for _, name := range []string{"refs/heads/-x", "refs/tags/-v9.0.0", "refs/heads/--upload-pack=x"} {
		path := filepath.Join(u.bare, filepath.FromSlash(name))
		if err := os.WriteFile(path, []byte(one+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := openFileRemote(t, u)
	refs, err := r.Refs(t.Context())
	if err != nil || len(refs) != 1 {
		t.Errorf("got %v, %v, want main alone", refs, err)
	}
	if _, err := r.Fetch(t.Context(), ref(t, "semver:*")); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	fetch(t, r, "main")
}

func TestFetchOnlyWhatIsNew(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		var pairs []string
		for i := range 200 {
			pairs = append(pairs, numbered(i), strings.Repeat(numbered(i), 20))
		}
		u.commit("many", pairs...)
		r := open(t, opts)
		fetch(t, r, "main")
		before := packBytes(t, opts.Dir)
		u.commit("one more", "new", "n")
		fetch(t, r, "main")
		if grown := packBytes(t, opts.Dir) - before; grown > before/2 {
			t.Errorf("a small commit brought %d bytes after %d", grown, before)
		}
	})
}

func packBytes(t *testing.T, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".pack") {
			info, err := e.Info()
			sum += info.Size()
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestReopenedMirrorNeedsNoFetch(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", "a", "1")
	server := serve(t, u)
	opts := server.options(t)
	r, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, r, "main")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	before := server.count()
	r = open(t, opts)
	wantFile(t, r, one, "a", "1")
	fetch(t, r, "main")
	if n := server.count() - before; n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestMirrorOfAnotherRemoteIsEmptied(t *testing.T) {
	u, other := newUpstream(t), newUpstream(t)
	one, two := u.commit("one", "a", "1"), other.commit("two", "b", "2")
	dir := t.TempDir()
	fetch(t, open(t, Options{URL: u.bare, Dir: dir}), "main")
	r := open(t, Options{URL: other.bare, Dir: dir})
	if c := fetch(t, r, "main"); c.Hash != two {
		t.Errorf("got %s, want %s", c.Hash, two)
	}
	if _, err := r.Commit(one); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// mirrorFiles returns the files of the mirror that end so.
func mirrorFiles(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, suffix) {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no %s in the mirror: %v", suffix, err)
	}
	return out
}

func TestDamagedMirrorIsMadeAnew(t *testing.T) {
	for _, tc := range []struct {
		name   string
		suffix string
		damage func(data []byte) []byte // nil result removes the file
	}{
		{"pack cut off", ".pack", func(b []byte) []byte { return b[:len(b)/2] }},
		{"pack empty", ".pack", func([]byte) []byte { return []byte{} }},
		{"pack gone", ".pack", func([]byte) []byte { return nil }},
		{"index gone", ".idx", func([]byte) []byte { return nil }},
		{"index cut off", ".idx", func(b []byte) []byte { return b[:len(b)/2] }},
		{"index overwritten", ".idx", func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) }},
		{"bits flipped in the pack", ".pack", func(b []byte) []byte {
			for i := 12; i < len(b)-20; i += 7 {
				b[i] ^= 0x55
			}
			return b
		}},
	} {
		for _, when := range []string{"while open", "while closed"} {
			t.Run(tc.name+" "+when, func(t *testing.T) {
				u := newUpstream(t)
				one := u.commit("one", "a", "first", "d/b", strings.Repeat("bulk ", 500))
				dir := t.TempDir()
				r, err := Open(Options{URL: u.bare, Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				fetch(t, r, "main")
				for _, path := range mirrorFiles(t, dir, tc.suffix) {
					damageFile(t, path, tc.damage)
				}
				if when == "while closed" {
					if err := r.Close(); err != nil {
						t.Fatal(err)
					}
					r = open(t, Options{URL: u.bare, Dir: dir})
				} else {
					defer r.Close()
				}
				// Either the damage is found by the fetch, or by the first read
				// after it and mended by the next fetch; wrong content is never
				// given.
				for range 2 {
					fetch(t, r, "main")
					tree, err := r.Tree(one)
					if errors.Is(err, ErrCorrupt) {
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					if data, err := tree.ReadFile("a"); err == nil && string(data) != "first" {
						t.Fatalf("wrong content %q", data)
					}
					if _, err = tree.ReadFile("d/b"); err != nil && !errors.Is(err, ErrCorrupt) {
						t.Fatal(err)
					}
				}
				wantFile(t, r, one, "a", "first")
				wantFile(t, r, one, "d/b", strings.Repeat("bulk ", 500))
			})
		}
	}
}

func damageFile(t *testing.T, path string, damage func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if data = damage(data); data == nil {
		err = os.Remove(path)
	} else if err = os.Chmod(path, 0o600); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestChanged(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", "a", "1", "a.b", "1", "d/x", "1", "d/y", "1", "gone/z", "1", "turns", "file", "mode", "m")
	u.run(u.work, "rm", "-q", "-r", "gone", "turns")
	u.run(u.work, "update-index", "--chmod=+x", "mode")
	if err := os.Chmod(filepath.Join(u.work, "mode"), 0o755); err != nil {
		t.Fatal(err)
	}
	two := u.commit("two", "d/y", "2", "a.b", "2", "turns/into", "folder", "new/n", "1")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	for _, tc := range []struct {
		from, to Hash
		want     []string
	}{
		{one, two, []string{"a.b", "d/y", "gone/z", "mode", "new/n", "turns", "turns/into"}},
		{two, one, []string{"a.b", "d/y", "gone/z", "mode", "new/n", "turns", "turns/into"}},
		{one, one, nil},
		{"", one, []string{"a", "a.b", "d/x", "d/y", "gone/z", "mode", "turns"}},
	} {
		got, err := r.Changed(tc.from, tc.to)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("got %v, %v, want %v", got, err, tc.want)
		}
	}
	if _, err := r.Changed(one, "nonsense"); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Changed(one, Hash(strings.Repeat("0", 40))); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// Each fetch leaves a pack; when there are many the mirror is made anew, and
// trees that are being read stay readable.
func TestMirrorWithManyPacksIsMadeAnew(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", "a", "1")
	dir := t.TempDir()
	r := open(t, Options{URL: u.bare, Dir: dir})
	r.mostPacks = 2
	fetch(t, r, "main")
	tree, err := r.Tree(one)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"2", "3", "4", "5"} {
		u.commit(content, "a", content)
		fetch(t, r, "main")
		if n := r.store().packs(); n > 3 {
			t.Errorf("%d packs", n)
		}
	}
	if data, err := tree.ReadFile("a"); err != nil || string(data) != "1" {
		t.Errorf("got %q, %v", data, err)
	}
	again := open(t, Options{URL: u.bare, Dir: dir})
	wantFile(t, again, one, "a", "1")
	if left, err := filepath.Glob(filepath.Join(dir, "mirror-*")); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestFetchBranchThatBecomesAFolderOfBranches(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		u.commit("one", "a", "1")
		u.run(u.work, "push", "-q", "origin", "HEAD:refs/heads/x")
		r := open(t, opts)
		fetch(t, r, "x")
		u.run(u.bare, "update-ref", "-d", "refs/heads/x")
		two := u.commit("two", "a", "2")
		u.run(u.work, "push", "-q", "origin", "HEAD:refs/heads/x/y")
		if c := fetch(t, r, "x/y"); c.Hash != two {
			t.Errorf("got %s, want %s", c.Hash, two)
		}
	})
}

// A repository's own programs must never run, ours or the remote's.
func TestNoHookOrFilterRuns(t *testing.T) {
	u := newUpstream(t)
	mark := filepath.Join(t.TempDir(), "ran")
	script := "#!/bin/sh\ntouch " + mark + "\n"
	base := u.commit("one", "a", "1", ".gitattributes", "* filter=evil\n")
	u.run(u.bare, "config", "filter.evil.smudge", "touch "+mark)
	u.run(u.bare, "config", "core.fsmonitor", "touch "+mark)
	u.run(u.bare, "config", "uploadpack.packObjectsHook", "touch "+mark)
	for _, hook := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction", "post-checkout"} {
		path := filepath.Join(u.bare, "hooks", hook)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	push(t, r, Change{Branch: "main", Base: base, Files: map[string][]byte{"a": []byte("2")}})
	if _, err := os.Stat(mark); err == nil {
		t.Error("something ran")
	}
}

func TestConcurrentFetches(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", "a", "1")
	r := open(t, serve(t, u).options(t))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if c, err := r.Fetch(t.Context(), Ref{}); err != nil || c.Hash != one {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
	wg.Wait()
}

// An object that is sound in itself, under the name of another.
func TestObjectUnderAWrongNameIsNotBelieved(t *testing.T) {
	u := newUpstream(t)
	opts := Options{URL: u.bare, Dir: t.TempDir()}
	r, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	c := push(t, r, Change{Branch: "main", Files: map[string][]byte{"a": []byte("right")}})
	right := u.run(u.bare, "rev-parse", "main:a")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	u.write("wrong", "wrong")
	wrong := u.run(u.work, "hash-object", "-w", "wrong")
	data, err := os.ReadFile(filepath.Join(u.work, ".git", "objects", wrong[:2], wrong[2:]))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range mirrorFiles(t, opts.Dir, filepath.Join(right[:2], right[2:])) {
		damageFile(t, path, func([]byte) []byte { return data })
	}
	r = open(t, opts)
	tree, err := r.Tree(c.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tree.ReadFile("a"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %q, %v", got, err)
	}
	fetch(t, r, "main")
	wantFile(t, r, c.Hash, "a", "right")
}
