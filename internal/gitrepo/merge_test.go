package gitrepo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/limit"
)

// sides makes a base, and a change of it on main and on the branch topic, and
// gives a mirror with both.
func (u *upstream) sides(t *testing.T, from, ours, theirs []string, more ...func()) (r *Repo, base, head Hash) {
	t.Helper()
	u.commit("from", from...)
	u.run(u.work, "checkout", "-q", "-b", "topic")
	for _, f := range more {
		f()
	}
	head = u.commit("theirs", theirs...)
	u.run(u.work, "checkout", "-q", "main")
	base = u.commit("ours", ours...)
	r = openFileRemote(t, u)
	fetch(t, r, "main")
	fetch(t, r, "topic")
	return r, base, head
}

// mergeTree is what git makes of two commits; ok is false for a conflict.
func (u *upstream) mergeTree(base, head Hash) (root string, ok bool) {
	u.t.Helper()
	cmd := exec.Command("git", "-c", "merge.renames=false", "merge-tree", "--write-tree", string(base), string(head))
	cmd.Dir = u.bare
	out, err := cmd.Output()
	root, _, _ = strings.Cut(string(out), "\n")
	return root, err == nil
}

const tenLines = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name               string
		from, ours, theirs []string
		conflict           string
	}{
		{"other files", []string{"a", "1", "b", "1"}, []string{"a", "2"}, []string{"b", "2"}, ""},
		{"new folders", []string{"a", "1"}, []string{"x/a", "2"}, []string{"y/z/b", "2"}, ""},
		{"one folder", []string{"a", "1", "x/a", "1"}, []string{"x/b", "2"}, []string{"x/c", "2"}, ""},
		{"the same change", []string{"a", "1"}, []string{"a", "2"}, []string{"a", "2", "b", "1"}, ""},
		{"apart in one file", []string{"a", tenLines}, []string{"a", strings.Replace(tenLines, "b", "B", 1)}, []string{"a", strings.Replace(tenLines, "i", "I", 1)}, ""},
		{"the same line", []string{"a", tenLines}, []string{"a", strings.Replace(tenLines, "b", "B", 1)}, []string{"a", strings.Replace(tenLines, "b", "C", 1)}, "a"},
		{"lines beside each other", []string{"a", tenLines}, []string{"a", strings.Replace(tenLines, "b", "B", 1)}, []string{"a", strings.Replace(tenLines, "c", "C", 1)}, "a"},
		{"both added", []string{"a", "1"}, []string{"b", "2"}, []string{"b", "3"}, "b"},
		{"both added the same", []string{"a", "1"}, []string{"b", "2"}, []string{"b", "2", "c", "1"}, ""},
		{"file and folder", []string{"a", "1"}, []string{"b", "2"}, []string{"b/c", "3"}, "b"},
		{"bytes", []string{"a", "\x001\n2\n3\n4\n5\n"}, []string{"a", "\x00x\n2\n3\n4\n5\n"}, []string{"a", "\x001\n2\n3\n4\nx\n"}, "a"},
		{"no end of line", []string{"a", "1\n2\n3\n4\n5"}, []string{"a", "0\n2\n3\n4\n5"}, []string{"a", "1\n2\n3\n4\n6"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUpstream(t)
			r, base, head := u.sides(t, c.from, c.ours, c.theirs)
			got, err := r.Merge(base, head)
			if err != nil {
				t.Fatal(err)
			}
			root, ok := u.mergeTree(base, head)
			if (c.conflict == "") != ok {
				t.Fatalf("git says %v", ok)
			}
			if c.conflict != "" {
				if len(got.Conflicts) != 1 || got.Conflicts[0].Path != c.conflict || got.Conflicts[0].Why == "" || got.Tree != nil {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got.Conflicts) > 0 || string(got.Root) != root {
				t.Errorf("got %+v, git says %s", got, root)
			}
			if _, err := got.Tree.ReadFile("a"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMergeOfWhatIsGone(t *testing.T) {
	u := newUpstream(t)
	r, base, head := u.sides(t, []string{"a", "1", "x/b", "1", "x/c", "1", "run", "#!/bin/sh\n"}, []string{"x/c", "2"}, []string{"new", "1"}, func() {
		u.run(u.work, "rm", "-q", "-r", "x", "a")
		u.run(u.work, "update-index", "--chmod=+x", "run")
		if err := os.Chmod(filepath.Join(u.work, "run"), 0o755); err != nil {
			t.Fatal(err)
		}
	})
	got, err := r.Merge(base, head)
	if err != nil || len(got.Conflicts) != 1 || got.Conflicts[0].Path != "x/c" || !strings.Contains(got.Conflicts[0].Why, "took it away") {
		t.Errorf("%+v %v", got, err)
	}
	// Without the change in it, the folder goes, and the mode is that of the branch.
	u.run(u.work, "checkout", "-q", "-B", "main", "HEAD~1")
	base = u.commit("ours", "other", "1")
	fetch(t, r, "main")
	got, err = r.Merge(base, head)
	if root, ok := u.mergeTree(base, head); err != nil || !ok || string(got.Root) != root {
		t.Errorf("%+v %v, git says %s", got, err, root)
	}
}

func TestMergeNeedsOneCommonAncestor(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("one", "a", "1")
	u.run(u.work, "checkout", "-q", "--orphan", "other")
	stranger := u.commit("two", "b", "1")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	fetch(t, r, "other")
	if _, err := r.Merge(base, stranger); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "no common history") {
		t.Error(err)
	}
	// Criss-cross: each side merged the other.
	u.run(u.work, "checkout", "-q", "main")
	u.run(u.work, "checkout", "-q", "-b", "left")
	l := u.commit("l", "l", "1")
	u.run(u.work, "checkout", "-q", "-b", "right", "main")
	g := u.commit("r", "r", "1")
	u.run(u.work, "merge", "-q", "--no-edit", string(l))
	right := u.commit("r2", "r", "2")
	u.run(u.work, "checkout", "-q", "left")
	u.run(u.work, "merge", "-q", "--no-edit", string(g))
	left := u.commit("l2", "l", "2")
	fetch(t, r, "left")
	fetch(t, r, "right")
	if _, err := r.Merge(left, right); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "parted at 2 commits") {
		t.Error(err)
	}
	// Merged already, and fast-forward.
	for _, c := range []struct{ base, head, want Hash }{{left, base, left}, {base, left, left}} {
		got, err := r.Merge(c.base, c.head)
		tree, terr := r.Commit(c.want)
		if err != nil || terr != nil || got.Root != tree.Tree {
			t.Errorf("%+v %v %v", got, err, terr)
		}
	}
	// A mirror without the history does not guess.
	shallow := open(t, Options{URL: "file://" + u.bare, Dir: t.TempDir(), Depth: 1})
	fetch(t, shallow, "main")
	if _, err := shallow.Merge(base, left); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// Whatever two people do to a file, what we merge git merges the same.
func TestMergesAsGitDoes(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, lines []string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabet := func(n int) string { return fmt.Sprintf("line %d\n", rnd.IntN(n)) }
	merged, refused := 0, 0
	for i := range 300 {
		kinds := []int{3, 8, 1000}[i%3] // many lines the same, some, hardly any
		var from []string
		for range rnd.IntN(25) {
			from = append(from, alphabet(kinds))
		}
		edit := func() []string {
			out := slices.Clone(from)
			for range 1 + rnd.IntN(2) {
				at := rnd.IntN(len(out) + 1)
				end := min(len(out), at+rnd.IntN(3))
				var in []string
				for range rnd.IntN(3) {
					in = append(in, alphabet(kinds))
				}
				out = slices.Concat(out[:at], in, out[end:])
			}
			return out
		}
		ours, theirs := edit(), edit()
		got, ok := mergeLines(from, ours, theirs)
		cmd := exec.Command("git", "merge-file", "-p", write("ours", ours), write("from", from), write("theirs", theirs))
		want, err := cmd.Output()
		if ok && (err != nil || strings.Join(got, "") != string(want)) {
			t.Fatalf("from %q\nours %q\ntheirs %q\ngot  %q\ngit  %q (%v)", from, ours, theirs, got, want, err)
		}
		if ok {
			merged++
		} else if err == nil {
			refused++
		}
	}
	if merged < 50 {
		t.Errorf("only %d merged, %d refused that git merges", merged, refused)
	}
	t.Logf("%d merged, %d refused that git merges", merged, refused)
}

// Neither a long history nor a long file keeps the mirror busy.
func TestAttackL63LongMerges(t *testing.T) {
	for n, ok := range map[int]bool{limit.MergeLines: true, limit.MergeLines + 1: false} {
		if _, got := linesOf([]byte(strings.Repeat("x\n", n))); got != ok {
			t.Errorf("%d lines: %v", n, got)
		}
	}
	u := newUpstream(t)
	u.commit("1", "a", "1")
	u.commit("2", "a", "2")
	tip := u.commit("3", "a", "3")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	c, err := r.store().commitOf(tip)
	if err != nil {
		t.Fatal(err)
	}
	for most, ok := range map[int]bool{3: true, 2: false} {
		if _, err := r.store().parted(c.Hash, c.Hash, most); (err == nil) != ok || err != nil && !errors.Is(faultText(err), ErrTooLarge) {
			t.Errorf("%d commits: %v", most, err)
		}
	}
}

func TestPullRef(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	u.run(u.work, "checkout", "-q", "-b", "topic")
	head := u.commit("two", "a", "2")
	u.run(u.bare, "update-ref", "refs/pull/7/head", string(head))
	r := openFileRemote(t, u)
	for name, ok := range map[string]bool{
		"refs/pull/7/head": true, "refs/pull/7/merge": true, "refs/merge-requests/12/head": true,
		"refs/pull/0/head": false, "refs/pull/7/other": false, "refs/heads/main": false, "refs/pull/../heads/main/head": false, "refs/pull/7/head\n": false, "-x": false,
	} {
		p, err := PullRef(name)
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
		if name == "refs/pull/7/head" {
			c, err := r.Fetch(t.Context(), p)
			if err != nil || c.Hash != head {
				t.Errorf("%+v %v", c, err)
			}
		}
	}
}
