package gitrepo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fsnotify/fsnotify"
)

func openWork(t *testing.T, dir string) *WorkTree {
	t.Helper()
	w, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestWorkTreeOutsideOfGit(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := openWork(t, dir)
	if err := fstest.TestFS(w.FS(), "a"); err != nil {
		t.Error(err)
	}
	if _, err := w.Head(); !errors.Is(err, ErrNotFound) || w.InGit() {
		t.Errorf("got %v, in git %v", err, w.InGit())
	}
	if state, _, err := w.State(t.Context(), 100); state != Unknown || err != nil {
		t.Errorf("got %v, %v", state, err)
	}
	if _, err := OpenWorkTree(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestWorkTreeDoesNotFollowLinksOut(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"file": filepath.Join(outside, "secret"), "dir": outside, "up": "..", "chain": "dir/secret", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	w := openWork(t, dir)
	for _, name := range []string{"file", "dir/secret", "up/x", "chain", "loop"} {
		if data, err := fs.ReadFile(w.FS(), name); err == nil {
			t.Errorf("%s was read: %q", name, data)
		}
	}
}

func TestWorkTreeState(t *testing.T) {
	u := newUpstream(t)
	u.write(".gitignore", "*.log\n/build/\n", "sub/.gitignore", "local\n", "sub/deep/x", "1", "other/y", "1", "top", "1", "run", "r")
	if err := os.Symlink("top", filepath.Join(u.work, "link")); err != nil {
		t.Fatal(err)
	}
	head := u.commit("one")
	top, sub := openWork(t, u.work), openWork(t, filepath.Join(u.work, "sub"))
	if c, err := sub.Head(); err != nil || c.Hash != head || c.Subject != "one" {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, tc := range []struct {
		name     string
		change   func()
		top, sub State
		path     string
	}{
		{"nothing", func() {}, Clean, Clean, ""},
		{"ignored files", func() { u.write("x.log", "l", "build/b", "b", "sub/local", "l", "sub/deep/local", "l") }, Clean, Clean, ""},
		{"touched", func() { touch(t, filepath.Join(u.work, "top")) }, Clean, Clean, ""},
		{"index without sizes", func() { u.run(u.work, "read-tree", "HEAD") }, Clean, Clean, ""},
		{"changed outside of sub", func() { u.write("other/y", "2") }, Dirty, Clean, "other/y"},
		{"changed, same size", func() {
			path := filepath.Join(u.work, "sub", "deep", "x")
			u.write("sub/deep/x", "2")
			touch(t, path)
		}, Dirty, Dirty, "sub/deep/x"},
		{"new file", func() { u.write("sub/new/z", "z") }, Dirty, Dirty, "sub/new/z"},
		{"removed", func() { remove(t, filepath.Join(u.work, "sub", "deep", "x")) }, Dirty, Dirty, "sub/deep/x"},
		{"staged removal", func() { u.run(u.work, "rm", "-q", "--cached", "sub/deep/x") }, Dirty, Dirty, "sub/deep/x"},
		{"staged file", func() { u.write("sub/s", "s"); u.run(u.work, "add", "sub/s") }, Dirty, Dirty, "sub/s"},
		{"mode", func() { chmod(t, filepath.Join(u.work, "run"), 0o755) }, Dirty, Clean, "run"},
		{"file became link", func() {
			remove(t, filepath.Join(u.work, "top"))
			if err := os.Symlink("run", filepath.Join(u.work, "top")); err != nil {
				t.Fatal(err)
			}
		}, Dirty, Clean, "top"},
		{"link elsewhere", func() {
			remove(t, filepath.Join(u.work, "link"))
			if err := os.Symlink("run", filepath.Join(u.work, "link")); err != nil {
				t.Fatal(err)
			}
		}, Dirty, Clean, "link"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u.run(u.work, "reset", "-q", "--hard")
			u.run(u.work, "clean", "-q", "-d", "-f", "-x")
			tc.change()
			got, path, err := top.State(t.Context(), 1000)
			if err != nil || got != tc.top || path != tc.path {
				t.Errorf("top: got %v %s, %v, want %v %s", got, path, err, tc.top, tc.path)
			}
			if status := u.run(u.work, "status", "--porcelain"); (status != "") != (tc.top == Dirty) {
				t.Errorf("git itself says %q", status)
			}
			if got, path, err := sub.State(t.Context(), 1000); err != nil || got != tc.sub {
				t.Errorf("sub: got %v %s, %v, want %v", got, path, err, tc.sub)
			}
		})
	}
}

func TestWorkTreeStateIsBounded(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1", "b", "1", "c", "1")
	w := openWork(t, u.work)
	if state, _, err := w.State(t.Context(), 3); state != Unknown || err != nil {
		t.Errorf("limit: got %v, %v", state, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if state, _, err := w.State(ctx, 1000); state != Unknown || err != nil {
		t.Errorf("cancelled: got %v, %v", state, err)
	}
	if state, _, err := w.State(t.Context(), 1000); state != Clean || err != nil {
		t.Errorf("got %v, %v", state, err)
	}
}

func TestWorkTreeBeforeTheFirstCommitAndLinked(t *testing.T) {
	u := newUpstream(t)
	w := openWork(t, u.work)
	if _, err := w.Head(); !errors.Is(err, ErrEmpty) {
		t.Errorf("got %v", err)
	}
	if state, _, err := w.State(t.Context(), 10); state != Dirty || err != nil {
		t.Errorf("got %v, %v", state, err)
	}
	u.commit("one", "a", "1")
	linked := filepath.Join(t.TempDir(), "linked")
	u.run(u.work, "worktree", "add", "-q", "-b", "side", linked)
	u.run(linked, "commit", "-q", "--allow-empty", "-m", "side")
	l := openWork(t, linked)
	if c, err := l.Head(); err != nil || c.Subject != "side" {
		t.Errorf("got %+v, %v", c, err)
	}
	if state, path, err := l.State(t.Context(), 100); state != Clean || err != nil {
		t.Errorf("got %v %s, %v", state, path, err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	when := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// observer runs Watch with a short debounce and waits for its events.
type observer struct {
	t       *testing.T
	changed chan struct{}
	done    chan error
	cancel  context.CancelFunc
}

const (
	testDebounce = 30 * time.Millisecond
	quietFor     = 10 * testDebounce
)

func observe(t *testing.T, dir string) *observer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o := &observer{t: t, changed: make(chan struct{}), done: make(chan error, 1), cancel: cancel}
	w := openWork(t, dir)
	go func() { o.done <- w.Watch(ctx, testDebounce, o.changed) }()
	t.Cleanup(func() { cancel() })
	o.event("the first")
	return o
}

func (o *observer) event(why string) {
	o.t.Helper()
	select {
	case <-o.changed:
	case err := <-o.done:
		o.t.Fatalf("%s: the watch ended: %v", why, err)
	case <-time.After(10 * time.Second):
		o.t.Fatalf("%s: no event", why)
	}
}

func (o *observer) noEvent(why string) {
	o.t.Helper()
	select {
	case <-o.changed:
		o.t.Errorf("%s: an event", why)
	case <-time.After(quietFor):
	}
}

func TestWatch(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1", "d/x", "1")
	o := observe(t, u.work)

	u.write("a", "2")
	o.event("change")
	u.write("d/x", "2", "d/y", "2", "d/z", "3")
	o.event("several changes below")
	o.noEvent("several changes are one event")
	u.write("new/deep/er/n", "1")
	o.event("new folders")
	u.write("new/deep/er/n", "2")
	o.event("change in a new folder")
	if err := os.Rename(filepath.Join(u.work, "new"), filepath.Join(u.work, "moved")); err != nil {
		t.Fatal(err)
	}
	o.event("folder moved")
	u.write("moved/deep/er/n", "3")
	o.event("change in a moved folder")

	if err := os.WriteFile(filepath.Join(u.work, ".git", "scratch"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.run(u.work, "hash-object", "-w", "a")
	u.run(u.work, "add", "-A")
	o.noEvent("git's own business")
	u.run(u.work, "commit", "-q", "-m", "two")
	o.event("commit")
	u.run(u.work, "symbolic-ref", "HEAD", "refs/heads/side/way")
	o.event("HEAD")
	o.noEvent("afterwards")

	o.cancel()
	if err := <-o.done; err != nil {
		t.Errorf("got %v", err)
	}
}

func TestWatchOfAFolderInsideARepository(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "in/a", "1", "out/b", "1")
	o := observe(t, filepath.Join(u.work, "in"))
	u.write("out/b", "2")
	o.noEvent("outside")
	u.write("in/a", "2")
	o.event("inside")
	u.run(u.work, "commit", "-q", "-a", "-m", "two")
	o.event("commit")
}

func TestWatchDoesNotStarveUnderSteadyChange(t *testing.T) {
	dir := t.TempDir()
	o := observe(t, dir)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(testDebounce / 6)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				if err := os.WriteFile(filepath.Join(dir, "busy"), []byte(strings.Repeat("x", n)), 0o600); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	o.event("in the middle of it")
	close(stop)
	<-stopped
}

func TestWatchEndsWhenTheFolderIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	o := observe(t, dir)
	remove(t, dir)
	select {
	case err := <-o.done:
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the watch goes on")
	}
}

// Lost events may have been those of a new folder.
func TestWatchAfterAnOverflow(t *testing.T) {
	dir := t.TempDir()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	v := &watch{WorkTree: openWork(t, dir), watcher: watcher}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := &observer{t: t, changed: make(chan struct{}), done: make(chan error, 1), cancel: cancel}
	go func() { o.done <- v.run(ctx, testDebounce, o.changed) }()
	o.event("the first")
	watcher.Errors <- fsnotify.ErrEventOverflow
	o.event("overflow")
	if err := os.WriteFile(filepath.Join(v.dir, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.event("the folder is watched by now")
	watcher.Errors <- errors.New("broken")
	if err := <-o.done; err == nil || err.Error() != "broken" {
		t.Errorf("got %v", err)
	}
}
