package queue_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/state"
)

// Projects that share a database have a schema each: neither sees the journal
// nor the tasks of the other.
func TestSchemasAreApart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	at := server.Database(t)
	var all sync.WaitGroup
	done := map[string]chan string{}
	queues := map[string]*queue.Queue{}
	for _, name := range []string{"mlsync_one", "mlsync_two"} {
		url, err := state.Schema(ctx, at, name)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := state.Schema(ctx, at, name); err != nil || again != url {
			t.Fatalf("again: %s %v", again, err)
		}
		store, err := state.Open(ctx, url, state.Options{Installation: name})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		if _, err := store.Target(ctx, "dev", "/workspaces/"+name); err != nil {
			t.Fatal(err)
		}
		if err := store.Audited(ctx, state.Audit{Action: "sync", Actor: name}); err != nil {
			t.Fatal(err)
		}
		rows, err := store.Audit(ctx, state.AuditFilter{})
		if err != nil || len(rows) != 1 || rows[0].Actor != name {
			t.Errorf("%+v %v", rows, err)
		}
		q, err := queue.OpenPostgres(ctx, url, queue.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = q.Close() }()
		heard := make(chan string, 10)
		done[name], queues[name] = heard, q
		if err := q.Register("sync", func(_ context.Context, args []byte) error { heard <- string(args); return nil }, queue.TaskOptions{}); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := q.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for name, q := range queues {
		if err := q.Enqueue(ctx, "sync", "dev", []byte(name), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, heard := range done {
		select {
		case got := <-heard:
			if got != name {
				t.Errorf("%s did the task of %s", name, got)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s did nothing", name)
		}
	}
	stop()
	all.Wait()
	for name, heard := range done {
		if n := len(heard); n > 0 {
			t.Errorf("%s did %d tasks more", name, n)
		}
	}
	if _, err := state.Schema(t.Context(), "/var/lib/x.db", "a"); err == nil {
		t.Error("a file has no schema")
	}
}
