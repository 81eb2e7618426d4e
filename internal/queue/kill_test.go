package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/queue"
)

// A process that dies in the middle of a task leaves it to the next one.
func TestKilledProcessLosesNoTask(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { survive(t, filepath.Join(t.TempDir(), "queue.db")) })
	t.Run("postgres", func(t *testing.T) { survive(t, server.Database(t)) })
}

const childEnv = "QUEUE_TEST_CHILD"

func survive(t *testing.T, url string) {
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "running precious\n" {
		t.Fatalf("the child printed %q: %v", line, err)
	}
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}

	q, err := openURL(t.Context(), url)
	must(t, err)
	defer func() { must(t, q.Close()) }()
	done := make(chan string)
	must(t, q.Register("sync", func(_ context.Context, args []byte) error {
		done <- string(args)
		return nil
	}, queue.TaskOptions{}))
	began := time.Now()
	stop := start(t, q)
	if got := next(t, done); got != "precious" {
		t.Errorf("after the kill ran %q", got)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v to take over", took)
	}
	stop()
}

func openURL(ctx context.Context, url string) (*queue.Queue, error) {
	if strings.HasPrefix(url, "postgres:") {
		return queue.OpenPostgres(ctx, url, queue.Options{})
	}
	db, err := openDB(url)
	if err != nil {
		return nil, err
	}
	return queue.OpenSQLite(ctx, db, queue.Options{})
}

// child is the process that is killed.
func child(url string) error {
	ctx := context.Background()
	q, err := openURL(ctx, url)
	if err != nil {
		return err
	}
	err = q.Register("sync", func(_ context.Context, args []byte) error {
		fmt.Printf("running %s\n", args)
		select {}
	}, queue.TaskOptions{})
	if err != nil {
		return err
	}
	if err := q.Enqueue(ctx, "sync", "prod", []byte("precious"), time.Time{}); err != nil {
		return err
	}
	return q.Run(ctx)
}
