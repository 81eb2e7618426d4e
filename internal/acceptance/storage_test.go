//go:build linux

package acceptance_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// onDisk puts the journal on a small disk in memory, which the machine lets
// only root mount. The function changes it.
func (w *world) onDisk(size string) (remount func(flags uintptr, size string)) {
	w.t.Helper()
	dir := w.t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		w.t.Skipf("a disk of %s cannot be mounted here (%v): run the test as root", size, err)
	}
	w.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			w.t.Error(err)
		}
	})
	w.journal = filepath.Join(dir, "journal.db")
	return func(flags uintptr, size string) {
		w.t.Helper()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, "size="+size); err != nil {
			w.t.Fatal(err)
		}
	}
}

// When the disk of the journal fills up in the middle of an apply, it stops
// and says so; with more room the next one ends the work, and nothing was
// made twice or forgotten.
func TestApplyOnADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"300k", "500k", "700k"} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{LRO: 20 * time.Millisecond})
			w.fortySteps()
			remount := w.onDisk(size)
			if r := w.want(exitError, "apply"); !strings.Contains(r.err, "no space is left") {
				t.Errorf("it does not say what is the matter: %s", r)
			}
			t.Logf("%d writes before it was full", len(w.writes()))
			remount(0, "64m")
			w.apply()
			w.settled("--full")
			w.writtenOnce()
		})
	}
}

// On a disk that can only be read nothing is begun.
func TestApplyOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	remount := w.onDisk("8m")
	w.apply()
	w.write("data/b.yml", dataFile("b"))
	remount(syscall.MS_RDONLY, "8m")
	w.quiet(func() {
		if r := w.want(exitError, "apply"); !strings.Contains(r.err, "read-only file system") || !strings.Contains(r.err, w.journal) {
			t.Errorf("it does not say what is the matter: %s", r)
		}
	})
	remount(0, "8m")
	w.apply()
	w.settled("--full")
}
