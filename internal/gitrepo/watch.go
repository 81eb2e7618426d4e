package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch sends on changed when something in the folder has changed, or HEAD
// points elsewhere, and nothing has changed any more for debounce (but at the
// latest after ten times that). It begins with one event, so that whoever reads
// after it misses nothing. New folders are watched too; of .git only HEAD and
// refs are looked at. When the system lost events that counts as a change.
//
// An event that nobody has taken yet stands for all that follow, so a channel
// without a buffer is enough. Watch returns when ctx ends (nil), when the folder
// is gone, or when the system gives no more watches.
func (w *WorkTree) Watch(ctx context.Context, debounce time.Duration, changed chan<- struct{}) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.dir, err)
	}
	defer watcher.Close()
	v := &watch{WorkTree: w, watcher: watcher}
	if err := v.addAll(); err != nil {
		return fmt.Errorf("watch %s: %w", w.dir, err)
	}
	if err := v.run(ctx, debounce, changed); err != nil {
		return fmt.Errorf("watch %s: %w", w.dir, err)
	}
	return nil
}

// watch is one call of Watch.
type watch struct {
	*WorkTree
	watcher *fsnotify.Watcher
}

func (v *watch) addAll() error {
	if err := v.addFolder(v.dir); err != nil {
		return err
	}
	// Only the folder above tells that this one was removed, as long as we hold
	// it open. Where we may not look there we do without.
	_ = v.watcher.Add(filepath.Dir(v.dir))
	if !v.InGit() {
		return nil
	}
	if err := v.watcher.Add(v.gitDir); err != nil { // HEAD, packed-refs
		return err
	}
	if v.commonDir != v.gitDir {
		if err := v.watcher.Add(v.commonDir); err != nil {
			return err
		}
	}
	return v.addFolder(filepath.Join(v.commonDir, "refs"))
}

// addFolder watches a folder and all below it. What vanishes meanwhile is no
// error.
func (v *watch) addFolder(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != v.dir:
			return nil
		case err != nil:
			return err
		case !e.IsDir():
			return nil
		case e.Name() == ".git" && path != v.dir:
			return filepath.SkipDir
		}
		if err := v.watcher.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w (of inotify: raise fs.inotify.max_user_watches)", err)
		}
		return nil
	})
}

// run is the loop: pending is set while an event waits for quiet, due when it
// waits for a reader.
func (v *watch) run(ctx context.Context, debounce time.Duration, changed chan<- struct{}) error {
	quiet := time.NewTimer(debounce)
	quiet.Stop()
	latest := time.NewTimer(10 * debounce)
	latest.Stop()
	pending := false
	out := changed // the first event
	for {
		select {
		case <-ctx.Done():
			return nil
		case out <- struct{}{}:
			out = nil
		case <-quiet.C:
			pending, out = false, changed
			latest.Stop()
		case <-latest.C:
			pending, out = false, changed
			quiet.Stop()
		case event, ok := <-v.watcher.Events:
			if !ok {
				return fsnotify.ErrClosed
			}
			matters, err := v.look(event)
			if err != nil {
				return err
			}
			if matters {
				quiet.Reset(debounce)
				if !pending {
					latest.Reset(10 * debounce)
				}
				pending = true
			}
		case err, ok := <-v.watcher.Errors:
			if !ok {
				return fsnotify.ErrClosed
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
			// What was lost may have been a new folder.
			if err := v.addAll(); err != nil {
				return err
			}
			quiet.Reset(debounce)
			if !pending {
				latest.Reset(10 * debounce)
			}
			pending = true
		}
	}
}

// look says whether an event matters, and watches folders that are new.
func (v *watch) look(event fsnotify.Event) (bool, error) {
	if event.Name == v.dir {
		if err := v.stillThere(); err != nil {
			return false, err
		}
	}
	if inside(event.Name, v.gitDir) || inside(event.Name, v.commonDir) {
		return v.lookInGit(event)
	}
	if !inside(event.Name, v.dir) || filepath.Base(event.Name) == ".git" {
		return false, nil
	}
	if event.Op.Has(fsnotify.Create) {
		if info, err := os.Lstat(event.Name); err == nil && info.IsDir() {
			return true, v.addFolder(event.Name)
		}
	}
	return true, nil
}

// stillThere says whether the folder's path still leads to the folder.
func (v *watch) stillThere() error {
	now, err := os.Stat(v.dir)
	if err != nil {
		return err
	}
	opened, err := v.root.Stat(".")
	if err == nil && !os.SameFile(now, opened) {
		err = fmt.Errorf("the folder was replaced by another: %w", fs.ErrNotExist)
	}
	return err
}

func (v *watch) lookInGit(event fsnotify.Event) (bool, error) {
	refs := filepath.Join(v.commonDir, "refs")
	switch {
	case strings.HasSuffix(event.Name, ".lock"):
		return false, nil
	case inside(event.Name, refs):
		if info, err := os.Lstat(event.Name); err == nil && info.IsDir() && event.Op.Has(fsnotify.Create) {
			return true, v.addFolder(event.Name)
		}
		return true, nil
	case event.Name == filepath.Join(v.gitDir, "HEAD"), event.Name == filepath.Join(v.commonDir, "packed-refs"):
		return true, nil
	}
	return false, nil
}

// inside says whether path is dir or below it; nothing is inside "".
func inside(path, dir string) bool {
	return dir != "" && (path == dir || strings.HasPrefix(path, dir+string(filepath.Separator)))
}
