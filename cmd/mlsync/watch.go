package main

import (
	"context"
	"errors"
	"time"
)

// watch asks the repository for new commits and lets the targets follow. A
// repository that cannot be reached is asked again; nothing is taken for gone.
func (d *daemon) watch(ctx context.Context) error {
	seen := map[string]string{}
	for {
		d.look(ctx, seen)
		if err := d.source.wait(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// look fetches each ref once and enqueues the targets whose commit is new.
func (d *daemon) look(ctx context.Context, seen map[string]string) {
	for _, t := range d.targets() {
		ref := d.refOf(t)
		commit, err := d.source.fetch(ctx, ref)
		d.metrics.fetched(err)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				d.log.Warn("repository not read", "target", t.Name, "ref", ref.String(), "err", err)
			}
			continue
		}
		w := d.workers[t.Name]
		if commit.Hash == seen[t.Name] && commit.Hash != "" && !commit.Dirty {
			continue
		}
		if err := d.queue.Enqueue(ctx, taskSync, t.Name, []byte(t.Name), time.Time{}); err != nil {
			d.log.Error("not enqueued", "target", t.Name, "err", err)
			continue
		}
		d.log.Info("new commit", "target", t.Name, "commit", commit.Hash)
		w.newer.seen(commit) // after it is in the queue: what is stopped is taken up again
		seen[t.Name] = commit.Hash
	}
	d.metrics.looked()
}
