package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
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
	d.byRef, d.refs, d.known = map[string][]*config.Target{}, nil, map[string]known{}
	for _, t := range d.targets() {
		ref := d.refOf(t)
		if d.byRef[ref.String()] == nil {
			d.refs = append(d.refs, ref)
		}
		d.byRef[ref.String()] = append(d.byRef[ref.String()], t)
	}
}

// known is a commit that a look of this process found to be the newest.
type known struct {
	commit reconcile.Commit
	// moved names the moment in the journal; at is when the look began.
	moved int64
	at    time.Time
}

// refKey is the name of a ref in the journal, which all processes share.
func (d *daemon) refKey(ref gitrepo.Ref) string {
	return gitrepo.RedactURL(d.cfg.Repository.URL) + " " + ref.String()
}

// group names the targets that are told of a ref together: a process that works
// for others must not take them for told.
func (d *daemon) group(ref gitrepo.Ref) string {
	var names []string
	for _, t := range d.byRef[ref.String()] {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return hex.EncodeToString(sum[:8])
}

// look fetches a ref once and enqueues the targets for which it brings something
// new.
func (d *daemon) look(ctx context.Context, ref gitrepo.Ref) error {
	d.looking.Lock()
	defer d.looking.Unlock()
	_, err := d.lookAt(ctx, ref)
	return err
}

// lookAt is look, for who holds looking. Looks of all processes come one after
// the other: one that was overtaken by another asks again.
func (d *daemon) lookAt(ctx context.Context, ref gitrepo.Ref) (known, error) {
	for {
		began := time.Now()
		was, err := d.store.Ref(ctx, d.refKey(ref), d.group(ref))
		if err != nil {
			return known{}, err
		}
		commit, err := d.source.fetch(ctx, ref)
		d.metrics.fetched(err)
		if err != nil {
			d.notRead(ref, err)
			return known{}, err
		}
		moved, ok, err := d.tell(ctx, ref, was, commit)
		if err != nil || !ok {
			if err != nil {
				return known{}, err
			}
			continue
		}
		k := known{commit, moved, began}
		d.known[ref.String()] = k
		return k, nil
	}
}

func (d *daemon) notRead(ref gitrepo.Ref, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	for _, t := range d.byRef[ref.String()] {
		d.log.Warn("repository not read", "target", t.Name, "ref", ref.String(), "err", err)
	}
}

// tell enqueues the targets for which the commit brings something new, and notes
// that the others are as it says. Only then are passes for other commits stopped:
// what is stopped is taken up again. It is false if another process has seen
// another commit meanwhile.
func (d *daemon) tell(ctx context.Context, ref gitrepo.Ref, was state.Ref, commit reconcile.Commit) (moved int64, ok bool, err error) {
	targets := d.byRef[ref.String()]
	last, looked := d.known[ref.String()]
	moved = was.Moved
	if commit.Hash != was.Commit {
		moved++
	}
	look := state.Look{Ref: d.refKey(ref), Group: d.group(ref), Was: was, Commit: commit.Hash, Same: map[string]string{}}
	var same map[string]state.Inputs
	known := looked && last.moved == was.Moved && commit.Hash == last.commit.Hash && commit.Hash != "" && !commit.Dirty
	if !known && (!looked || was.Told != commit.Hash || commit.Dirty || commit.Hash == "") {
		var fresh []*config.Target
		if same, fresh, err = d.sort(ctx, commit, targets); err != nil {
			return 0, false, err
		}
		for name, in := range same {
			look.Same[name] = in.Digest
		}
		if err := d.enqueueAll(ctx, fresh, commit); err != nil {
			return 0, false, err
		}
		if len(look.Same) > 0 {
			d.log.Info("nothing new", "targets", len(look.Same), "commit", commit.Hash)
		}
	}
	noted := commit.Hash == was.Commit && commit.Hash == was.Told && was.Asked == was.Looked && len(look.Same) == 0
	for !noted {
		ok, busy, err := d.store.Looked(ctx, look)
		if err != nil || !ok && len(busy) == 0 {
			return 0, false, err
		}
		if ok {
			break
		}
		for _, name := range busy { // somebody works on them, perhaps for a commit between
			delete(look.Same, name)
			if err := d.enqueueAll(ctx, []*config.Target{targetOf(d.cfg, name)}, commit); err != nil {
				return 0, false, err
			}
		}
	}
	for _, t := range targets {
		if _, ok := look.Same[t.Name]; ok {
			d.metrics.same(t.Name, same[t.Name].Compared)
		}
		if !known || commit.Dirty {
			d.workers[t.Name].newer.seen(commit)
		}
	}
	return moved, true, nil
}

func (d *daemon) enqueueAll(ctx context.Context, targets []*config.Target, commit reconcile.Commit) (err error) {
	for _, t := range targets {
		if failure := d.queue.Enqueue(ctx, taskSync, t.Name, []byte(t.Name), time.Time{}); failure != nil {
			d.log.Error("not enqueued", "target", t.Name, "err", failure)
			err = errors.Join(err, failure)
			continue
		}
		d.log.Info("new commit", "target", t.Name, "commit", commit.Hash)
	}
	return err
}

// recent is how old a look may be for a pass that no new commit has caused:
// passes of many targets that begin together share one.
const recent = 2 * time.Second

// newest is the newest commit of a ref. A pass for a new commit takes what a look
// has found, if no process has seen another one since.
func (d *daemon) newest(ctx context.Context, ref gitrepo.Ref, task string) (known, error) {
	d.looking.Lock()
	defer d.looking.Unlock()
	k, ok := d.known[ref.String()]
	if ok && d.isMirror() && (task == taskSync || time.Since(k.at) < recent) {
		if is, err := d.still(ctx, ref, k); err != nil || is {
			return k, err
		}
	}
	return d.lookAt(ctx, ref)
}

// still reports whether no process has seen another commit than the one that was
// the newest. What is in a folder may have changed without one: see again.
func (d *daemon) still(ctx context.Context, ref gitrepo.Ref, k known) (bool, error) {
	r, err := d.store.Ref(ctx, d.refKey(ref), "")
	return r.Moved == k.moved && r.Commit == k.commit.Hash, err
}

// isMirror reports whether the files are those of git, not those of a folder.
func (d *daemon) isMirror() bool {
	_, ok := d.source.(*mirror)
	return ok
}

// refPulse is how often the journal is asked whether another process has seen a
// newer commit than that of a pass.
const refPulse = 500 * time.Millisecond

// overtaking tells the pass of a worker when another process has seen a newer
// commit, until stop is called.
func (d *daemon) overtaking(ctx context.Context, ref gitrepo.Ref, k known, n *newer) (stop func()) {
	if !d.shared {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(refPulse)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			r, err := d.store.Ref(ctx, d.refKey(ref), "")
			if err == nil && r.Moved != k.moved && r.Commit != k.commit.Hash {
				n.seen(reconcile.Commit{Hash: r.Commit})
				return
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// unanswered reports whether somebody said that a ref had moved, and no look of
// any process that began after that is noted.
func (d *daemon) unanswered(ctx context.Context, ref gitrepo.Ref) bool {
	r, err := d.store.Ref(ctx, d.refKey(ref), "")
	return err != nil || r.Asked > r.Looked
}

// answer looks at the refs that are due until ctx ends.
func (d *daemon) answer(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.due:
		}
		for _, ref := range d.refs {
			if d.unanswered(ctx, ref) {
				_ = d.look(ctx, ref) // it is logged, and the task in the queue comes again
			}
		}
	}
}

// wake is the task that lasts until a ref was looked at. On a database that
// others share, theirs may have been the look.
func (d *daemon) wake(ctx context.Context, text string) error {
	for _, ref := range d.refs {
		if ref.String() == text && d.unanswered(ctx, ref) {
			d.log.Info("woken", "ref", text)
			return d.look(ctx, ref)
		}
	}
	return nil // no target follows it any more, or somebody looked
}
