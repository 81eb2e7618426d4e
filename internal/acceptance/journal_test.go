package acceptance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// kept is the damaged journal that was set aside.
func (w *world) kept() string {
	w.t.Helper()
	found, err := filepath.Glob(w.journal + ".damaged-*")
	for _, name := range found {
		if !strings.HasSuffix(name, "-wal") && !strings.HasSuffix(name, "-shm") {
			return name
		}
	}
	w.t.Fatalf("no damaged journal was kept: %v %v", found, err)
	return ""
}

// filled is a world with three assets that were applied, one of which git no
// longer has.
func filled(t *testing.T) *world {
	w := newWorld(t, emulator.Options{})
	for _, name := range []string{"a", "b", "c"} {
		w.write("data/"+name+".yml", dataFile(name))
	}
	w.apply()
	w.remove("data/c.yml")
	return w
}

// A damaged journal stops the run before it writes, is kept, and the message
// says what to do; the next run finds everything by its stamps.
func TestDamagedJournalIsKeptAndRebuilt(t *testing.T) {
	t.Parallel()
	for name, cure := range map[string]func(w *world){
		"by the next run": func(*world) {},
		"by rebuild": func(w *world) {
			r := w.want(exitDone, "state", "rebuild")
			if !strings.Contains(r.out, "dev: 3 assets found by their stamps, 1 of them no longer in git") {
				t.Errorf("rebuild: %s", r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := filled(t)
			broken := []byte("<html>502 Bad Gateway</html>")
			if err := os.WriteFile(w.journal, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if r := w.mlsync("plan"); r.code != exitError || !strings.Contains(r.err, "mlsync state rebuild") {
				t.Errorf("plan: %s", r)
			}
			w.quiet(func() {
				r := w.want(exitError, "apply")
				for _, text := range []string{w.journal + " is damaged", w.kept(), "mlsync state import", "mlsync state rebuild"} {
					if !strings.Contains(r.err, text) {
						t.Errorf("the message does not say %q: %s", text, r)
					}
				}
				if data, err := os.ReadFile(w.kept()); err != nil || string(data) != string(broken) {
					t.Errorf("the damaged file was changed: %q %v", data, err)
				}
				cure(w)
				w.apply("--full") // the first look
			})
			if w.archivedData("c") {
				t.Fatal("removed after one look")
			}
			w.apply("--full")
			if !w.archivedData("c") || w.archivedData("a") {
				t.Error("what git no longer has was not found by its stamp")
			}
			w.settled("--full")
		})
	}
}

// A backup of yesterday is no journal to run on: it is said, kept, and can
// still be exported; a newer backup takes its place.
func TestRolledBackJournalIsRefused(t *testing.T) {
	t.Parallel()
	w := filled(t)
	old, err := os.ReadFile(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	w.apply()
	backup := filepath.Join(t.TempDir(), "backup.jsonl")
	w.want(exitDone, "state", "export", backup)
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(w.journal + suffix) // most often not there
	}
	if err := os.WriteFile(w.journal, old, 0o600); err != nil {
		t.Fatal(err)
	}
	w.quiet(func() {
		if r := w.want(exitError, "plan"); !strings.Contains(r.err, "rolled back: it has 1 runs of target dev, and 2 have been") {
			t.Errorf("plan: %s", r)
		}
		if out := w.want(exitDone, "state", "export").out; !strings.Contains(out, `"generation":1`) {
			t.Errorf("export of the old one: %s", out)
		}
		r := w.want(exitDone, "state", "import", backup)
		if !strings.Contains(r.err, w.kept()) {
			t.Errorf("import does not say what became of the old one: %s", r)
		}
		w.mlsync("plan")
	})
	w.apply() // the second look: the first is in the backup
	if !w.archivedData("c") {
		t.Error("the look that the backup knows was forgotten")
	}
	w.settled("--full")
}

// The journal of another installation is refused, and so is its export.
func TestJournalOfAnotherInstallationIsRefused(t *testing.T) {
	t.Parallel()
	w := filled(t)
	backup := filepath.Join(t.TempDir(), "backup.jsonl")
	w.want(exitDone, "state", "export", backup)
	w.write("mlsync.yaml", strings.Replace(w.configText(""), "owner: acceptance", "owner: somebody", 1))
	w.quiet(func() {
		for _, command := range []string{"plan", "apply"} {
			if r := w.want(exitError, command); !strings.Contains(r.err, "of another installation: it is of acceptance and this is somebody") {
				t.Errorf("%s: %s", command, r)
			}
		}
	})
	w.journal = filepath.Join(t.TempDir(), "other.db")
	if r := w.want(exitError, "state", "import", backup); !strings.Contains(r.err, "--take-over") {
		t.Errorf("import: %s", r)
	}
	w.write("mlsync.yaml", w.configText(""))
	w.want(exitError, "apply") // the new journal is somebody's
	w.journal = filepath.Join(t.TempDir(), "ours.db")
	w.want(exitDone, "state", "import", backup)
	w.quiet(func() { w.apply() })
	w.apply()
	if !w.archivedData("c") {
		t.Error("what the export knows was forgotten")
	}
	w.settled()
}

// A sound journal is not thrown away by mistake.
func TestRebuildOfASoundJournalNeedsForce(t *testing.T) {
	t.Parallel()
	w := filled(t)
	w.write("store.yml", "name: store\ntype: azure_blob\naccount_name: a\ncontainer_name: c\n")
	w.apply()
	if r := w.want(exitRefused, "state", "rebuild"); !strings.Contains(r.err, "--force") {
		t.Errorf("rebuild: %s", r)
	}
	w.quiet(func() {
		r := w.want(exitDone, "state", "rebuild", "--force")
		if !strings.Contains(r.err, w.kept()) || !strings.Contains(r.out, "4 assets found") {
			t.Errorf("rebuild: %s", r)
		}
	})
	w.apply("--full")
	w.apply("--full")
	w.settled("--full")
}

// A file that moves from one target to another target of the same workspace
// takes its asset along: nothing is removed, made again or asked about.
func TestHandOverBetweenTargetsOfOneWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	two := w.configText("include: [one/**]")
	_, second, _ := strings.Cut(w.configText("include: [two/**]"), "targets:\n  dev:\n")
	w.write("mlsync.yaml", two+"  other:\n"+second)
	w.write("one/a.yml", dataFile("a"))
	w.write("one/b.yml", dataFile("b"))
	w.write("two/c.yml", dataFile("c"))
	for _, target := range []string{"dev", "other"} {
		w.apply("--target", target)
	}
	if err := os.Rename(filepath.Join(w.dir, "one/a.yml"), filepath.Join(w.dir, "two/a.yml")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, target := range []string{"dev", "other"} {
			w.apply("--target", target)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		if w.get("data/"+name+"/versions/1") == nil || w.archivedData(name) {
			t.Errorf("%s was removed", name)
		}
	}
	if tags := w.get("data/a/versions/1")["properties"].(map[string]any)["tags"].(map[string]any); tags["mlsync-owner"] != "acceptance#other" {
		t.Errorf("a belongs to %v", tags["mlsync-owner"])
	}
	w.remove("two/a.yml") // it is the other's now
	w.apply("--target", "dev")
	for range 2 {
		w.apply("--target", "other")
	}
	if !w.archivedData("a") {
		t.Error("the new owner did not remove it")
	}
	for _, target := range []string{"dev", "other"} {
		w.settled("--full", "--target", target)
	}
}
