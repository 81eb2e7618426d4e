package acceptance_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// A saved plan is carried out only while it is still the plan.
func TestSavedPlanIsRefusedWhenSomethingMoved(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(w *world){
		"the tree":    func(w *world) { w.edit("data/a.yml", "/c/a", "/c/other") },
		"a file more": func(w *world) { w.write("data/c.yml", dataFile("c")) },
		"the workspace": func(w *world) {
			w.change("data/b/versions/1", func(a map[string]any) { a["properties"].(map[string]any)["description"] = "by hand" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.write("data/b.yml", dataFile("b")+"description: b\n")
			w.apply()
			w.write("data/a.yml", dataFile("a"))
			file := filepath.Join(t.TempDir(), "out.plan")
			w.want(exitDone, "plan", "--full", "--out", file)
			move(w)
			w.quiet(func() {
				if r := w.want(exitRefused, "apply", "--plan", file); !strings.Contains(r.err, "plan") {
					t.Errorf("the refusal does not say why: %s", r)
				}
			})
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, emulator.Options{})
		w.every()
		file := filepath.Join(t.TempDir(), "out.plan")
		w.want(exitDone, "plan", "--out", file)
		w.apply("--plan", file)
		w.settled()
		w.quiet(func() { w.want(exitRefused, "apply", "--plan", file) })
	})
}

// Two at once: one applies, the other is refused and says who holds the lock.
func TestTwoAppliesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.write("data/b.yml", dataFile("b"))
	w.fault("method=PUT,times=1,delay=2s")
	var first result
	var wg sync.WaitGroup
	wg.Go(func() { first = w.mlsync("apply") })
	until(t, "the first apply writes", w.struck)
	if r := w.want(exitRefused, "apply"); !strings.Contains(r.err, "locked by mlsync on") {
		t.Errorf("the refusal does not name the holder: %s", r)
	}
	wg.Wait()
	if first.code != exitDone {
		t.Errorf("the first apply: %s", first)
	}
	w.quiet(func() { w.apply() })
	for _, r := range w.writes() {
		if r.Method != http.MethodPut || r.Time.After(time.Now()) {
			t.Errorf("written: %+v", r)
		}
	}
	if n := len(w.writes()); n != 2 {
		t.Errorf("%d writes, want 2", n)
	}
}

// An apply that is killed does not lock the next one out.
func TestKilledApplyDoesNotBlockTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.fault("method=PUT,times=1,delay=1m")
	cmd := w.command(t.Context(), "apply", "--state", w.journal)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the apply writes", w.struck)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	w.apply()
	w.settled("--full")
}

// Two repositories with parts of one workspace each leave the other's alone,
// round for round; an asset in both is refused by both, with both owners.
func TestTwoRepositoriesOnOneWorkspace(t *testing.T) {
	t.Parallel()
	one := newWorld(t, emulator.Options{})
	root := t.TempDir()
	two := &world{t: t, em: one.em, service: one.service, dir: filepath.Join(root, "tree"), journal: filepath.Join(root, "journal.db"), env: one.env}
	one.write("mlsync.yaml", strings.Replace(one.configText(""), "owner: acceptance", "owner: team-one", 1))
	two.write("mlsync.yaml", strings.Replace(one.configText(""), "owner: acceptance", "owner: team-two", 1))
	one.write("data/x.yml", dataFile("x"))
	for round, name := range []string{"p", "q", "r", "s"} {
		one.write("data/one.yml", dataFile("one-"+name))
		two.write("data/two.yml", dataFile("two-"+name))
		var a, b result
		var wg sync.WaitGroup
		wg.Go(func() { a = one.mlsync("apply", "--full") })
		wg.Go(func() { b = two.mlsync("apply", "--full") })
		wg.Wait()
		if a.code != exitDone || b.code != exitDone {
			t.Fatalf("round %d: %s\n%s", round, a, b)
		}
		if one.archivedData("two-"+name) || one.archivedData("one-"+name) || one.archivedData("x") {
			t.Fatalf("round %d: one removed what the other has", round)
		}
	}
	for range 2 {
		one.apply("--full")
		two.apply("--full")
	}
	for name, want := range map[string]bool{"one-p": true, "two-p": true, "one-s": false, "two-s": false, "x": false} {
		if one.archivedData(name) != want {
			t.Errorf("%s archived: %v, want %v", name, !want, want)
		}
	}
	two.write("data/x.yml", dataFile("x"))
	r := two.mlsync("plan")
	if !strings.Contains(r.out, "team-one") || !strings.Contains(r.out, "team-two") || !strings.Contains(r.out, "data/x:1") {
		t.Errorf("the conflict does not name both owners: %s", r)
	}
	two.quiet(func() { two.want(exitFailed, "apply") })
	if one.archivedData("x") {
		t.Error("the contested asset was touched")
	}
}
