package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
)

// watch asks the repository for new commits and lets the targets follow. A
// repository that cannot be reached is asked again; nothing is taken for gone.
func (d *daemon) watch(ctx context.Context) error {
	for {
		for _, ref := range d.refs {
			_ = d.look(ctx, ref) // it is logged, and comes again
		}
		d.metrics.looked()
		if err := d.source.wait(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// follow notes which refs the targets follow, in their order.
func (d *daemon) follow() {
	d.byRef, d.refs = map[string][]*config.Target{}, nil
	for _, t := range d.targets() {
		ref := d.refOf(t)
		if d.byRef[ref.String()] == nil {
			d.refs = append(d.refs, ref)
		}
		d.byRef[ref.String()] = append(d.byRef[ref.String()], t)
	}
}

// look fetches a ref once and enqueues the targets whose commit is new. Looks
// come one after the other, so that none enqueues what an older one has seen.
func (d *daemon) look(ctx context.Context, ref gitrepo.Ref) error {
	d.looking.Lock()
	defer d.looking.Unlock()
	asked := d.wakes.asked(ref.String())
	commit, err := d.source.fetch(ctx, ref)
	d.metrics.fetched(err)
	targets := d.byRef[ref.String()]
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			for _, t := range targets {
				d.log.Warn("repository not read", "target", t.Name, "ref", ref.String(), "err", err)
			}
		}
		return err
	}
	for _, t := range targets {
		w := d.workers[t.Name]
		if commit.Hash == w.seen && commit.Hash != "" && !commit.Dirty {
			continue
		}
		if failure := d.queue.Enqueue(ctx, taskSync, t.Name, []byte(t.Name), time.Time{}); failure != nil {
			d.log.Error("not enqueued", "target", t.Name, "err", failure)
			err = errors.Join(err, failure)
			continue
		}
		d.log.Info("new commit", "target", t.Name, "commit", commit.Hash)
		w.newer.seen(commit) // after it is in the queue: what is stopped is taken up again
		w.seen = commit.Hash
	}
	if err == nil {
		d.wakes.looked(ref.String(), asked)
	}
	return err
}

// wakes are the refs that somebody said had moved, until they are looked at.
// The task in the queue is what lasts: here it only stands which looks have
// been done already, and that one is due at once, however busy the queue is.
type wakes struct {
	mu   sync.Mutex
	told map[string]int // how often, by ref
	done map[string]int // how many of them a look has followed
	due  chan struct{}
}

func newWakes() *wakes {
	return &wakes{told: map[string]int{}, done: map[string]int{}, due: make(chan struct{}, 1)}
}

// tell notes that a ref may have moved.
func (w *wakes) tell(ref string) {
	w.mu.Lock()
	w.told[ref]++
	w.mu.Unlock()
	select {
	case w.due <- struct{}{}:
	default: // it is due already
	}
}

func (w *wakes) asked(ref string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told[ref]
}

// looked notes that a look began after a ref had been told of so often.
func (w *wakes) looked(ref string, asked int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[ref] = max(w.done[ref], asked)
}

// answered reports whether all that this process was told of a ref was followed
// by a look. A process that has just begun was told of nothing, and does not
// know what the one before it was told.
func (w *wakes) answered(ref string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told[ref] > 0 && w.done[ref] == w.told[ref]
}

// answer looks at the refs that are due until ctx ends.
func (d *daemon) answer(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wakes.due:
		}
		for _, ref := range d.refs {
			if d.wakes.asked(ref.String()) > 0 && !d.wakes.answered(ref.String()) {
				_ = d.look(ctx, ref) // it is logged, and the task in the queue comes again
			}
		}
	}
}

// wake is the task that lasts until a ref was looked at. On a database that
// others share it may be theirs, and what this process was told is not all.
func (d *daemon) wake(ctx context.Context, text string) error {
	if !d.shared && d.wakes.answered(text) {
		return nil
	}
	for _, ref := range d.refs {
		if ref.String() == text {
			d.log.Info("woken", "ref", text)
			return d.look(ctx, ref)
		}
	}
	return nil // no target follows it any more
}
