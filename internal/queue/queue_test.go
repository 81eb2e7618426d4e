package queue_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"mlsync.dev/mlsync/internal/pgtest"
	"mlsync.dev/mlsync/internal/queue"
)

var server pgtest.Server

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		fmt.Fprintln(os.Stderr, child(url)) // it never returns unless it fails
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// opener opens a queue on the database of one test, as one more process would.
type opener func(t *testing.T, opts queue.Options) *queue.Queue

func both(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteOpener(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := server.Database(t)
		test(t, func(t *testing.T, opts queue.Options) *queue.Queue {
			q, err := queue.OpenPostgres(t.Context(), url, opts)
			must(t, err)
			t.Cleanup(func() { must(t, q.Close()) })
			return q
		})
	})
}

func sqliteOpener(t *testing.T) opener {
	path := filepath.Join(t.TempDir(), "queue.db")
	return func(t *testing.T, opts queue.Options) *queue.Queue {
		db, err := openDB(path)
		must(t, err)
		q, err := queue.OpenSQLite(t.Context(), db, opts)
		must(t, err)
		t.Cleanup(func() {
			must(t, q.Close())
			must(t, db.Close())
		})
		return q
	}
}

func openDB(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs the queue and returns a function that stops it and waits.
func start(t *testing.T, q *queue.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// next waits for a value; a minute without one is a failure.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came in a minute")
		panic("unreachable")
	}
}

func TestOneWaitsAndOneRuns(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{})
		began, goOn := make(chan string), make(chan struct{})
		var running, most atomic.Int64
		must(t, q.Register("sync", func(_ context.Context, args []byte) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			began <- string(args)
			<-goOn
			return nil
		}, queue.TaskOptions{}))
		enqueue := func(key, args string) {
			t.Helper()
			must(t, q.Enqueue(t.Context(), "sync", key, []byte(args), time.Time{}))
		}
		for range 5 {
			enqueue("prod", "a\x00b") // opaque bytes
		}
		start(t, q)
		if got := next(t, began); got != "a\x00b" {
			t.Errorf("arguments: %q", got)
		}
		for range 5 {
			enqueue("prod", "more") // while it runs: one more run
		}
		enqueue("dev", "dev") // another key runs beside it
		if got := next(t, began); got != "dev" {
			t.Errorf("beside prod ran %q", got)
		}
		goOn <- struct{}{}
		goOn <- struct{}{}
		if got := next(t, began); got != "a\x00b" {
			t.Errorf("the run after the run: %q", got)
		}
		goOn <- struct{}{}
		if most.Load() != 2 {
			t.Errorf("%d ran at a time", most.Load())
		}
		// Nothing is left: the next run is of a task enqueued now.
		enqueue("last", "last")
		if got := next(t, began); got != "last" {
			t.Errorf("an unwanted run of %q", got)
		}
		goOn <- struct{}{}
	})
}

func TestFailureIsTriedAgain(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		var logs lockedBuffer
		q := open(t, queue.Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		runs := make(chan int64)
		var n atomic.Int64
		must(t, q.Register("sync", func(context.Context, []byte) error {
			i := n.Add(1)
			runs <- i
			switch i {
			case 1:
				return errors.New("the service is down")
			case 2:
				panic("a broken invariant")
			}
			return nil
		}, queue.TaskOptions{Backoff: 10 * time.Millisecond}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
		start(t, q)
		for want := int64(1); want <= 3; want++ {
			if got := next(t, runs); got != want {
				t.Errorf("run %d, want %d", got, want)
			}
		}
		for _, want := range []string{"the service is down", "a broken invariant"} {
			if !strings.Contains(logs.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, logs.String())
			}
		}
	})
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestNewWorkDoesNotWaitForTheBackoff(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{})
		runs := make(chan struct{})
		must(t, q.Register("sync", func(context.Context, []byte) error {
			runs <- struct{}{}
			return errors.New("down")
		}, queue.TaskOptions{Backoff: time.Hour, MaxBackoff: time.Hour}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
		must(t, q.Enqueue(t.Context(), "sync", "later", nil, time.Now().Add(time.Hour)))
		start(t, q)
		next(t, runs)
		enqueue := func(key string) {
			for {
				must(t, q.Enqueue(t.Context(), "sync", key, nil, time.Time{}))
				select {
				case <-runs:
					return
				case <-time.After(200 * time.Millisecond): // it was still ending, and will run again an hour later
				case <-t.Context().Done():
					return
				}
			}
		}
		enqueue("prod")
		enqueue("later")
	})
}

func TestAttemptsEnd(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{})
		runs := make(chan string)
		must(t, q.Register("sync", func(_ context.Context, args []byte) error {
			runs <- string(args)
			return errors.New("down")
		}, queue.TaskOptions{Attempts: 2, Backoff: time.Millisecond}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", []byte("a"), time.Time{}))
		start(t, q)
		next(t, runs)
		next(t, runs)
		waitFor(t, func() bool {
			left, err := q.Stats(t.Context())
			return err == nil && len(left) == 0
		})
		// Given up, it keeps no new one out.
		for got := ""; got != "b"; {
			must(t, q.Enqueue(t.Context(), "sync", "prod", []byte("b"), time.Time{}))
			select {
			case got = <-runs:
				if got == "a" {
					t.Fatal("a third attempt")
				}
			case <-time.After(100 * time.Millisecond):
			}
		}
		next(t, runs)
	})
}

func TestPeriodicTask(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{})
		runs := make(chan string)
		must(t, q.Register("drift", func(_ context.Context, args []byte) error {
			runs <- string(args)
			return nil
		}, queue.TaskOptions{}))
		must(t, q.Periodic("drift", "prod", "* * * * * *", []byte("x")))
		start(t, q)
		for range 2 {
			if got := next(t, runs); got != "x" {
				t.Errorf("arguments: %q", got)
			}
		}
		go func() {
			for range runs { // let later ticks end
			}
		}()
	})
}

func TestGracefulStop(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{Grace: time.Millisecond})
		began, ended := make(chan string), make(chan string, 2)
		must(t, q.Register("sync", func(ctx context.Context, args []byte) error {
			began <- string(args)
			<-ctx.Done()
			ended <- string(args)
			return ctx.Err()
		}, queue.TaskOptions{Backoff: time.Millisecond}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", []byte("a"), time.Time{}))
		stop := start(t, q)
		next(t, began)
		stop() // cancels the task after the grace and waits for it
		if len(ended) != 1 {
			t.Fatal("run returned before its task did")
		}

		// The task was not lost: the next process does it again.
		q = open(t, queue.Options{Grace: time.Minute})
		must(t, q.Register("sync", func(_ context.Context, args []byte) error {
			began <- string(args)
			return nil
		}, queue.TaskOptions{}))
		start(t, q)
		if got := next(t, began); got != "a" {
			t.Errorf("after the restart ran %q", got)
		}
	})
}

func TestMisuse(t *testing.T) {
	q := sqliteOpener(t)(t, queue.Options{})
	work := func(context.Context, []byte) error { return nil }
	must(t, q.Register("sync", work, queue.TaskOptions{}))
	for what, err := range map[string]error{
		"a name twice":     q.Register("sync", work, queue.TaskOptions{}),
		"no name":          q.Register("", work, queue.TaskOptions{}),
		"no key":           q.Enqueue(t.Context(), "sync", "", nil, time.Time{}),
		"a bad schedule":   q.Periodic("sync", "prod", "61 * * * *", nil),
		"an unknown task":  q.Periodic("nobody", "prod", "@every 1m", nil),
		"periodic, no key": q.Periodic("sync", "", "@every 1m", nil),
	} {
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	_, err := queue.OpenPostgres(t.Context(), "postgres://u:canary@h:port/db", queue.Options{})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a bad URL: %v", err)
	}
}

// A task that is enqueued while it runs runs again at once, also if that run
// fails: what it was enqueued for is new.
func TestEnqueuedDuringAFailureRunsAtOnce(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{})
		began, fail := make(chan int64), make(chan struct{})
		var n atomic.Int64
		must(t, q.Register("sync", func(context.Context, []byte) error {
			i := n.Add(1)
			began <- i
			if i <= 2 {
				<-fail
				return errors.New("down")
			}
			return nil
		}, queue.TaskOptions{Backoff: time.Hour, MaxBackoff: time.Hour}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
		start(t, q)
		for i := int64(1); i <= 3; i++ {
			if got := next(t, began); got != i {
				t.Fatalf("run %d, want %d", got, i)
			}
			if i <= 2 {
				must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
				fail <- struct{}{}
			}
		}
	})
}

// Whenever a task is enqueued about the end of a run that fails, it runs again
// without the wait of the failure.
func TestEnqueuedAboutTheEndOfAFailure(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		q := open(t, queue.Options{})
		began := make(chan struct{})
		must(t, q.Register("sync", func(context.Context, []byte) error {
			began <- struct{}{}
			return errors.New("down")
		}, queue.TaskOptions{Backoff: time.Hour, MaxBackoff: time.Hour}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
		start(t, q)
		for range 20 {
			next(t, began) // the run fails now, while this enqueues
			must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
		}
		next(t, began)
	})
}

// A task that cannot begin comes again later, and that is no failure.
func TestLaterIsNoFailure(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		var logs lockedBuffer
		q := open(t, queue.Options{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		runs := make(chan int64)
		var n atomic.Int64
		must(t, q.Register("sync", func(context.Context, []byte) error {
			i := n.Add(1)
			runs <- i
			if i <= 2 {
				return fmt.Errorf("locked: %w", queue.Later(10*time.Millisecond))
			}
			return nil
		}, queue.TaskOptions{Attempts: 1, Backoff: time.Hour}))
		must(t, q.Enqueue(t.Context(), "sync", "prod", nil, time.Time{}))
		start(t, q)
		for want := int64(1); want <= 3; want++ {
			if got := next(t, runs); got != want {
				t.Errorf("run %d, want %d", got, want)
			}
		}
		if strings.Contains(logs.String(), "task failed") {
			t.Errorf("the log tells of a failure:\n%s", logs.String())
		}
	})
}

// Many processes have the same ticks: each comes once, whatever their clocks say,
// and those that came while no process ran are made up for by one.
func TestTicksComeOnce(t *testing.T) {
	both(t, func(t *testing.T, open opener) {
		ran := make(chan string, 100)
		replica := func() *queue.Queue {
			q := open(t, queue.Options{})
			must(t, q.Register("drift", func(_ context.Context, args []byte) error {
				ran <- string(args)
				return nil
			}, queue.TaskOptions{}))
			must(t, q.Periodic("drift", "prod", "@every 1h", nil))
			return q
		}
		a, b := replica(), replica()
		tickA, tickB := a.Ticker(), b.Ticker()
		enqueued := func() (n int) {
			t.Helper()
			all, err := a.Stats(t.Context())
			must(t, err)
			for _, s := range all {
				n += s.Count
			}
			return n
		}
		at := func(when time.Duration, skew time.Duration, want int) {
			t.Helper()
			a.Ahead(when + skew)
			b.Ahead(when)
			for range 2 {
				tickA(t.Context())
				tickB(t.Context())
			}
			if n := enqueued(); n != want {
				t.Fatalf("after %v: %d tasks, want %d", when, n, want)
			}
			if want == 0 {
				return
			}
			run, stop := context.WithCancel(t.Context())
			defer stop()
			go func() { _ = replica().Run(run) }()
			next(t, ran)
			waitFor(t, func() bool { return enqueued() == 0 })
		}
		at(0, 0, 0)
		at(62*time.Minute, 0, 1)
		at(63*time.Minute, 0, 0)
		at(118*time.Minute, 5*time.Minute, 1) // one clock is five minutes ahead
		at(124*time.Minute, 0, 0)             // and the other comes there later
		at(20*time.Hour, 0, 1)
	})
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come in a minute")
		}
	}
}
