//go:build linux

package state_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// disk mounts a small disk in memory, which the machine lets only root do.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a disk of %s cannot be mounted here (%v): run the test as root", size, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// On a disk that fills up, and is given room again, every write that was
// accepted is there, whether the process goes on or dies at that moment.
func TestFullDiskLosesNothing(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprintf("dies %v", dies), func(t *testing.T) {
			dir := disk(t, "1m")
			path := filepath.Join(dir, "journal.db")
			s := openOnce(t, path)
			t.Cleanup(func() { _ = s.Close() })
			j := target(t, s, "prod")
			run := begin(t, j)
			accepted := 0
			var full error
			for ; full == nil && accepted < 10_000; accepted++ {
				full = step(t, j, run.Generation, accepted)
			}
			if full == nil || !strings.Contains(full.Error(), "no space is left for the journal "+path) {
				t.Fatalf("after %d writes: %v", accepted, full)
			}
			accepted--
			if dies { // the files as they are at this moment
				s = openOnce(t, crashed(t, path))
				j = target(t, s, "prod")
			} else if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
				t.Fatal(err)
			}
			owned, err := j.Owned(t.Context())
			must(t, err)
			open, err := j.Unfinished(t.Context())
			must(t, err)
			for n := range accepted {
				if _, ok := owned[env(fmt.Sprintf("e%d", n), "1")]; !ok {
					t.Errorf("write %d of %d was accepted and is lost", n, accepted)
				}
			}
			if len(owned) > accepted+1 || len(open) > 1 {
				t.Errorf("%d accepted, %d owned, %d open", accepted, len(owned), len(open))
			}
			again := begin(t, j)
			must(t, step(t, j, again.Generation, 10_001))
			again.State = plan.Done
			must(t, j.EndRun(t.Context(), again))
			must(t, s.Close())
		})
	}
}

// step journals one write from its intent to its outcome.
func step(t *testing.T, j *state.Target, gen int64, n int) error {
	id := env(fmt.Sprintf("e%d", n), "1")
	intent, err := j.Intend(t.Context(), gen, plan.Key{ID: id}, plan.Create, strings.Repeat("d", 200))
	if err != nil {
		return err
	}
	own := ownedEnv(id)
	return j.Finish(t.Context(), gen, state.End{Intent: intent, Outcome: done(id), Own: &own})
}

// crashed copies the files of a journal to a disk with room, as they are.
func crashed(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "journal.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, path+suffix, to+suffix)
	}
	return to
}

// A disk that can only be read is said, both at the start and when it comes to
// be so in the middle; what was accepted is there afterwards.
func TestReadOnlyDiskIsSaid(t *testing.T) {
	dir := disk(t, "4m")
	path := filepath.Join(dir, "journal.db")
	s := openOnce(t, path)
	must(t, step(t, target(t, s, "prod"), begin(t, target(t, s, "prod")).Generation, 1))
	must(t, s.Close())
	remount := func(flags uintptr) {
		t.Helper()
		must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, "size=4m"))
	}
	remount(syscall.MS_RDONLY)
	for _, name := range []string{path, filepath.Join(dir, "other.db"), filepath.Join(dir, "folder", "journal.db")} {
		_, err := state.Open(t.Context(), name, state.Options{})
		if err == nil || !strings.Contains(err.Error(), "read-only file system") || !strings.Contains(err.Error(), name) {
			t.Errorf("open: %v", err)
		}
	}
	remount(0)
	s = openOnce(t, path)
	if owned, err := target(t, s, "prod").Owned(t.Context()); err != nil || len(owned) != 1 {
		t.Errorf("afterwards: %v %v", owned, err)
	}
	must(t, s.Close())
}

// A journal that may not be written, but read, is said as well.
func TestFileThatCannotBeWrittenIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := openOnce(t, path)
	j := target(t, s, "prod")
	run := begin(t, j)
	_, err := s.DB().ExecContext(t.Context(), `PRAGMA query_only = 1`)
	must(t, err)
	if err := step(t, j, run.Generation, 1); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("a write: %v", err)
	}
	must(t, s.Close())
}
