package gitrepo

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func robot() Signature {
	return Signature{Name: "Robot", Email: "robot@example.com", When: time.Date(2026, 5, 6, 7, 8, 9, 0, time.FixedZone("", 3600))}
}

func push(t *testing.T, r *Repo, change Change) Commit {
	t.Helper()
	change.Author = robot()
	if change.Message == "" {
		change.Message = "by robot\n\nwith a body\n"
	}
	c, err := r.Push(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPush(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		u.write("run.sh", "old")
		if err := os.Chmod(filepath.Join(u.work, "run.sh"), 0o755); err != nil {
			t.Fatal(err)
		}
		base := u.commit("one", "a", "1", "d/x", "1", "d/y", "1", "d.z", "1", "last/only", "1")
		r := open(t, opts)
		fetch(t, r, "main")
		c := push(t, r, Change{Branch: "main", Base: base, Files: map[string][]byte{
			"d/x": []byte("2"), "d/deep/er/n": []byte("new"), "run.sh": []byte("new"), "last/only": nil, "absent/x": nil, "d-": {}, "é ü": []byte("u"),
		}})
		if c.Subject != "by robot" || c.Author.Name != "Robot" || c.Parents[0] != base {
			t.Errorf("got %+v", c)
		}
		if got := u.run(u.bare, "rev-parse", "main"); got != string(c.Hash) {
			t.Fatalf("the branch is at %s, want %s", got, c.Hash)
		}
		u.run(u.bare, "fsck", "--strict", "--no-dangling")
		got := u.run(u.bare, "-c", "core.quotePath=false", "ls-tree", "-r", "--format=%(objectmode) %(path)", "main")
		want := "100644 a\n100644 d-\n100644 d.z\n100644 d/deep/er/n\n100644 d/x\n100644 d/y\n100755 run.sh\n100644 é ü"
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got := u.run(u.bare, "log", "-1", "--format=%an <%ae> %aI %B", "main"); got != "Robot <robot@example.com> 2026-05-06T07:08:09+01:00 by robot\n\nwith a body" {
			t.Errorf("got %q", got)
		}
		wantFile(t, r, c.Hash, "d/deep/er/n", "new")
		changed, err := r.Changed(base, c.Hash)
		if err != nil || !slices.Equal(changed, []string{"d-", "d/deep/er/n", "d/x", "last/only", "run.sh", "é ü"}) {
			t.Errorf("got %v, %v", changed, err)
		}
	})
}

func TestPushThatAltersNothing(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("one", "a", "1")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	if c := push(t, r, Change{Branch: "main", Base: base, Files: map[string][]byte{"a": []byte("1"), "none": nil}}); c.Hash != base {
		t.Errorf("got %s, want %s", c.Hash, base)
	}
	if got := u.run(u.bare, "rev-parse", "main"); got != string(base) {
		t.Errorf("the branch is at %s", got)
	}
}

func TestPushFirstCommitAndNewBranch(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		r := open(t, opts)
		first := push(t, r, Change{Branch: "main", Files: map[string][]byte{"a": []byte("1")}})
		if len(first.Parents) != 0 {
			t.Errorf("got %+v", first)
		}
		next := push(t, r, Change{Branch: "proposal/one", Base: first.Hash, Files: map[string][]byte{"a": []byte("2")}})
		if got := u.run(u.bare, "for-each-ref", "--format=%(refname) %(objectname)"); got != "refs/heads/main "+string(first.Hash)+"\nrefs/heads/proposal/one "+string(next.Hash) {
			t.Errorf("got %s", got)
		}
		if c := fetch(t, r, "proposal/one"); c.Hash != next.Hash {
			t.Errorf("got %s, want %s", c.Hash, next.Hash)
		}
	})
}

// A mirror that holds one commit is enough to propose a change to it. The
// branch that was proposed is found again, goes on, and is never begun anew.
func TestPushNewBranchFromAShallowMirror(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		u.commit("one", "a", "1", "d/b", "1")
		base := u.commit("two", "a", "2")
		opts.Depth = 1
		r := open(t, opts)
		if c := fetch(t, r, "main"); c.Hash != base {
			t.Fatalf("got %s", c.Hash)
		}
		c := push(t, r, Change{Branch: "promote/r1", Base: base, Files: map[string][]byte{"d/b": []byte("2"), "new/c": []byte("1")}})
		if got := u.run(u.bare, "rev-parse", "main", "promote/r1", "promote/r1^"); got != string(base)+"\n"+string(c.Hash)+"\n"+string(base) {
			t.Errorf("got %s", got)
		}
		u.run(u.bare, "fsck", "--strict", "--no-dangling")
		if got := u.run(u.bare, "diff", "--name-status", "main", "promote/r1"); got != "M\td/b\nA\tnew/c" {
			t.Errorf("got %s", got)
		}
		again := Change{Branch: "promote/r1", Base: base, Files: map[string][]byte{"a": []byte("3")}, Author: robot(), Message: "m"}
		_, err := r.Push(t.Context(), again)
		var moved *MovedError
		if !errors.As(err, &moved) || moved.Head.Hash != c.Hash {
			t.Fatalf("got %v", err)
		}
		again.Base = moved.Head.Hash
		if next := push(t, r, again); next.Parents[0] != c.Hash {
			t.Errorf("got %+v", next)
		}
	})
}

func TestPushOntoAMovedBranch(t *testing.T) {
	remotes(t, func(t *testing.T, u *upstream, opts Options) {
		base := u.commit("one", "a", "1")
		r := open(t, opts)
		fetch(t, r, "main")
		head := u.commit("two", "a", "2")
		_, err := r.Push(t.Context(), Change{Branch: "main", Base: base, Files: map[string][]byte{"a": []byte("3")}, Author: robot(), Message: "m"})
		var moved *MovedError
		if !errors.Is(err, ErrMoved) || !errors.As(err, &moved) || moved.Head.Hash != head {
			t.Fatalf("got %v", err)
		}
		wantFile(t, r, head, "a", "2")
		if got := u.run(u.bare, "rev-parse", "main"); got != string(head) {
			t.Errorf("the branch is at %s, want %s", got, head)
		}
		c := push(t, r, Change{Branch: "main", Base: head, Files: map[string][]byte{"a": []byte("3")}})
		wantFile(t, r, c.Hash, "a", "3")
	})
}

// The remote's own hook stands for a protected branch; one that moves the
// branch in the middle of the push for somebody who is quicker.
func TestPushRefusedByTheRemote(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("one", "a", "1")
	hook := filepath.Join(u.bare, "hooks", "update")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho protected >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := open(t, serve(t, u).options(t))
	fetch(t, r, "main")
	change := Change{Branch: "main", Base: base, Files: map[string][]byte{"a": []byte("2")}, Author: robot(), Message: "m"}
	if _, err := r.Push(t.Context(), change); !errors.Is(err, ErrRejected) {
		t.Errorf("got %v", err)
	}
	quicker := u.run(u.work, "commit-tree", "-m", "quicker", "-p", string(base), string(base)+"^{tree}")
	u.run(u.work, "push", "-q", u.work, quicker+":refs/heads/kept")
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	u.run(u.work, "push", "-q", "origin", quicker+":refs/heads/kept")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main "+quicker+"\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := r.Push(t.Context(), change)
	var moved *MovedError
	if !errors.As(err, &moved) || string(moved.Head.Hash) != quicker {
		t.Errorf("got %v", err)
	}
}

func TestPushIntoACheckedOutBranch(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("one", "a", "1")
	r := open(t, Options{URL: u.work, Dir: t.TempDir()})
	fetch(t, r, "main")
	change := Change{Branch: "main", Base: base, Files: map[string][]byte{"a": []byte("2")}, Author: robot(), Message: "m"}
	if _, err := r.Push(t.Context(), change); !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "checked out") {
		t.Errorf("got %v", err)
	}
	change.Branch = "other"
	if _, err := r.Push(t.Context(), change); err != nil {
		t.Error(err)
	}
}

func TestPushRefusesABadChange(t *testing.T) {
	u := newUpstream(t)
	u.write("file", "f", "dir/x", "1")
	if err := os.Symlink("/etc", filepath.Join(u.work, "link")); err != nil {
		t.Fatal(err)
	}
	base := u.commit("one")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	good := Change{Branch: "main", Base: base, Files: map[string][]byte{"n": []byte("1")}, Author: robot(), Message: "m"}
	for name, spoil := range map[string]func(*Change){
		"path up":                 func(c *Change) { c.Files["../x"] = nil },
		"absolute path":           func(c *Change) { c.Files["/x"] = nil },
		"root":                    func(c *Change) { c.Files["."] = nil },
		"git's folder":            func(c *Change) { c.Files["a/.GIT/hooks/x"] = []byte("x") },
		"git's folder, windows":   func(c *Change) { c.Files["GIT~1/x"] = []byte("x") },
		"git's folder, stream":    func(c *Change) { c.Files[".git::$INDEX_ALLOCATION/x"] = []byte("x") },
		"git's folder, mac":       func(c *Change) { c.Files[".g\u200cit/x"] = []byte("x") },
		"control character":       func(c *Change) { c.Files["a\nb"] = []byte("x") },
		"backslash":               func(c *Change) { c.Files[`a\..\b`] = []byte("x") },
		"too deep":                func(c *Change) { c.Files[strings.Repeat("d/", 200)+"x"] = []byte("x") },
		"file becomes folder":     func(c *Change) { c.Files["file/x"] = []byte("x") },
		"folder becomes file":     func(c *Change) { c.Files["dir"] = []byte("x") },
		"file and folder at once": func(c *Change) { c.Files["n/x"] = []byte("x") },
		"onto a link":             func(c *Change) { c.Files["link"] = []byte("x") },
		"through a link":          func(c *Change) { c.Files["link/passwd"] = []byte("x") },
		"branch":                  func(c *Change) { c.Branch = "-x" },
		"base":                    func(c *Change) { c.Base = "main" },
		"no author":               func(c *Change) { c.Author = Signature{} },
		"author with a header":    func(c *Change) { c.Author.Name = "x\nparent 1" },
		"author with an address":  func(c *Change) { c.Author.Name = "x <y>" },
		"no message":              func(c *Change) { c.Message = " \n" },
	} {
		t.Run(name, func(t *testing.T) {
			change := good
			change.Files = maps.Clone(good.Files)
			spoil(&change)
			if _, err := r.Push(t.Context(), change); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	if got := u.run(u.bare, "rev-parse", "main"); got != string(base) {
		t.Errorf("the branch is at %s, want %s", got, base)
	}
	unknown := good
	unknown.Base = Hash(strings.Repeat("1", 40))
	if _, err := r.Push(t.Context(), unknown); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown base: got %v", err)
	}
}

// A ref that another process is just writing is read once it is written.
func TestFileRemoteWithHalfWrittenRef(t *testing.T) {
	u := newUpstream(t)
	hash := u.commit("one", "a", "1")
	r := openFileRemote(t, u)
	name := filepath.Join(u.bare, "refs", "heads", "main")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	time.AfterFunc(3*refPause, func() { written <- os.WriteFile(name, []byte(hash+"\n"), 0o644) })
	if c := fetch(t, r, "main"); c.Hash != hash {
		t.Errorf("got %s", c.Hash)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
