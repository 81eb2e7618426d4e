package reconcile_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// A secret of which its provider says nothing is not taken for missing, nor
// for the one that was applied: the assets that need it are unknown, and the
// others go on.
func TestUnknownSecretNeitherCreatesNorSaysUnchanged(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"e.yml": env("e", "1", "x"), "s.yml": store}
	silent := func() *reconcile.Pass {
		p := w.pass()
		p.Secret = func(context.Context, string) (asset.Secret, error) {
			return asset.Secret{}, errors.New("the vault answers 503")
		}
		return p
	}
	for _, when := range []string{"before it was made", "after it was made"} {
		p := silent()
		prep, err := p.Prepare(t.Context(), w.commit(), plan.Options{Prune: true}, reconcile.Trigger{Name: "manual"})
		w.must(err)
		if s := w.step(prep, "datastore/store"); s.Action != plan.Unknown || s.Blocked != "the vault answers 503" {
			t.Errorf("%s: %s %s", when, s.Action, s.Blocked)
		}
		if code := prep.Plan.ExitCode(true); code != plan.ExitError {
			t.Errorf("%s: exit code %d", when, code)
		}
		if text := plan.Markdown(prep.Plan, plan.Budget); !strings.Contains(text, "datastore/store") {
			t.Errorf("%s: the plan does not show it:\n%s", when, text)
		}
		_, err = p.Apply(t.Context(), prep, "manual")
		w.must(err)
		if w.count("PUT workspaces/ws/datastores/store") > 0 && when == "before it was made" {
			t.Errorf("%s: it was written", when)
		}
		if w.live("environments/e/versions/1") == nil {
			t.Errorf("%s: the other asset waits", when)
		}
		w.secrets["KEY"] = "a2V5"
		w.apply(plan.Options{})
	}
	if n := w.count("PUT workspaces/ws/datastores/store"); n != 1 {
		t.Errorf("written %d times", n)
	}
}

// brokenFS fails to read what its function picks, as a disk does.
type brokenFS struct {
	fs.FS
	broken func(op, name string) bool
}

func (b brokenFS) Open(name string) (fs.File, error) {
	if b.broken("open", name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EIO}
	}
	return b.FS.Open(name)
}

func (b brokenFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if b.broken("readdir", name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.EIO}
	}
	return fs.ReadDir(b.FS, name)
}

func (b brokenFS) ReadFile(name string) ([]byte, error) {
	if b.broken("open", name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EIO}
	}
	return fs.ReadFile(b.FS, name)
}

func (b brokenFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(b.FS, name) }

// A tree of which a part cannot be read creates and deletes nothing, and is no
// look at which an asset was missing.
func TestUnknownTreeNeitherCreatesNorDeletes(t *testing.T) {
	for what, broken := range map[string]func(op, name string) bool{
		"a file":   func(op, name string) bool { return op == "open" && name == "d/b.yml" },
		"a folder": func(op, name string) bool { return op == "readdir" && name == "d" },
		"the root": func(op, name string) bool { return op == "readdir" && name == "." },
		"all":      func(string, string) bool { return true },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.files = map[string]string{"a.yml": model("a", "1"), "d/b.yml": model("b", "1")}
			w.apply(plan.Options{})
			w.files["c.yml"] = model("c", "1")
			before := len(w.writes())
			for range 3 {
				c := w.commit()
				c.FS = brokenFS{c.FS, broken}
				prep, err := w.pass().Prepare(t.Context(), c, plan.Options{Prune: true}, reconcile.Trigger{Name: "push"})
				if err != nil {
					continue // said, and nothing done
				}
				if code := prep.Plan.ExitCode(false); code == plan.ExitDone {
					t.Errorf("the plan says that all is well: %v", prep.Plan.Problems)
				}
				if _, err := w.pass().Apply(t.Context(), prep, "push"); err == nil {
					t.Error("applied")
				}
			}
			if more := w.writes()[before:]; len(more) > 0 {
				t.Errorf("written: %v", more)
			}
			owned, err := w.journal.Owned(t.Context())
			w.must(err)
			for id, o := range owned {
				if o.Missing != 0 {
					t.Errorf("%s counts as missing %d times", id, o.Missing)
				}
			}
		})
	}
}

// A list that fails for one kind makes its assets unknown, whatever the tree
// says of them: new ones are not created, removed ones not removed.
func TestUnknownListNeitherCreatesNorDeletes(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.files = map[string]string{"kept.yml": cluster, "gone.yml": model("gone", "1"), "e.yml": env("e", "1", "x")}
	w.apply(plan.Options{})
	delete(w.files, "gone.yml")
	w.files["new.yml"] = model("new", "1")
	before := len(w.writes())
	fault, err := emulator.ParseFault("collection=models,status=403")
	w.must(err)
	w.em.AddFault(fault)
	fault, err = emulator.ParseFault("collection=models/versions,status=403")
	w.must(err)
	w.em.AddFault(fault)
	for range 3 {
		prep := w.prepare(plan.Options{Prune: true})
		for _, id := range []string{"model/gone:1", "model/new:1"} {
			if s := w.step(prep, id); s.Action != plan.Unknown {
				t.Errorf("%s is %s (%s)", id, s.Action, s.Why)
			}
		}
		if code := prep.Plan.ExitCode(true); code != plan.ExitError {
			t.Errorf("exit code %d", code)
		}
		_, err := w.pass().Apply(t.Context(), prep, "push")
		w.must(err)
	}
	if more := w.writes()[before:]; len(more) > 0 {
		t.Errorf("written: %v", more)
	}
	w.em.ClearFaults()
	w.apply(plan.Options{Prune: true})
	w.apply(plan.Options{Prune: true})
	w.settled(plan.Options{Prune: true})
}
