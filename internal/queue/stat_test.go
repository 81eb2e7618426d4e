package queue_test

import (
	"context"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/queue"
)

func TestStats(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		q := open(t, queue.Options{})
		begun, end := make(chan struct{}), make(chan struct{})
		must(t, q.Register("sync", func(context.Context, []byte) error {
			begun <- struct{}{}
			<-end
			return nil
		}, queue.TaskOptions{}))
		if got, err := q.Stats(ctx); err != nil || len(got) != 0 {
			t.Fatalf("an empty queue: %v, %v", got, err)
		}
		must(t, q.Enqueue(ctx, "sync", "dev", nil, time.Time{}))
		must(t, q.Enqueue(ctx, "sync", "prod", nil, time.Now().Add(time.Hour)))
		must(t, q.Enqueue(ctx, "of another version", "x", nil, time.Time{}))
		got, err := q.Stats(ctx)
		if err != nil || len(got) != 2 || got[0].State != "available" || got[0].Count != 1 || got[1].State != "scheduled" || got[1].Count != 1 {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got[0].Task != "sync" || got[0].Oldest < -time.Second || got[0].Oldest > time.Minute || got[1].Oldest > 0 {
			t.Errorf("the ages are wrong: %+v", got)
		}
		stop := start(t, q)
		next(t, begun)
		if got, err = q.Stats(ctx); err != nil || len(got) != 2 || got[0].State != "running" {
			t.Errorf("got %+v, %v", got, err)
		}
		close(end)
		stop()
	})
}
