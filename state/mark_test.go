package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// ended begins and ends a run.
func ended(t *testing.T, s *state.Store) plan.Run {
	t.Helper()
	j := target(t, s, "prod")
	run := begin(t, j)
	run.State = plan.Done
	must(t, j.EndRun(t.Context(), run))
	return run
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o600))
}

// A backup of yesterday in place of the journal is noticed, left as it is and
// can be read; it is nothing to run on.
func TestRolledBackJournalIsSaidAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := openOnce(t, path)
	ended(t, s)
	must(t, s.Close())
	backup := path + ".backup"
	copyFile(t, path, backup)
	s = openOnce(t, path)
	ended(t, s)
	last := ended(t, s)
	must(t, s.Close())
	must(t, openOnce(t, path).Close()) // as it should be

	copyFile(t, backup, path)
	_, err := state.Open(t.Context(), path, state.Options{})
	var damaged *state.DamagedError
	if !errors.As(err, &damaged) || !damaged.RolledBack || !errors.Is(err, state.ErrDamaged) {
		t.Fatalf("open: %v", err)
	}
	for _, want := range []string{"1 runs of target prod, and 3 have been", "mlsync state rebuild", path} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	old := open(t, path, state.Options{AsIs: true})
	if runs, err := target(t, old, "prod").Runs(t.Context(), 10, 0); err != nil || len(runs) != 1 {
		t.Errorf("runs of the backup: %v %v", runs, err)
	}

	// A new journal goes on where the lost one was, so that nobody who still
	// has the old one can write.
	kept, err := state.SetAside(path, newClock().Now())
	must(t, err)
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	fresh := open(t, path, state.Options{})
	if !fresh.Lost() {
		t.Error("it does not say that a journal was lost")
	}
	if run := ended(t, fresh); run.Generation != last.Generation+1 {
		t.Errorf("the new journal begins with generation %d after %d", run.Generation, last.Generation)
	}
}

// A mark that was torn says nothing, and a journal without one is no lost one.
func TestMarkIsNotNeeded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := openOnce(t, path)
	if s.Lost() {
		t.Error("a first journal says that another was lost")
	}
	ended(t, s)
	must(t, s.Close())
	must(t, os.WriteFile(path+".mark", []byte(`{"inst`), 0o600))
	s = openOnce(t, path)
	ended(t, s)
	must(t, s.Close())
	if data, err := os.ReadFile(path + ".mark"); err != nil || !strings.Contains(string(data), `"prod":2`) {
		t.Errorf("the mark was not written anew: %s %v", data, err)
	}
}
