package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
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
	cmd, _ := startChild(t, url)
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

// A process that is stopped keeps its connection: its task is taken over all the
// same, and when it wakes up it does not end the run that is another's.
func TestStoppedProcessLosesItsTask(t *testing.T) {
	url := server.Database(t)
	cmd, out := startChild(t, url)
	must(t, cmd.Process.Signal(syscall.SIGSTOP))
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	q, err := queue.OpenPostgres(t.Context(), url, queue.Options{Pulse: 50 * time.Millisecond})
	must(t, err)
	defer func() { must(t, q.Close()) }()
	began, goOn := make(chan string, 10), make(chan struct{})
	must(t, q.Register("sync", func(_ context.Context, args []byte) error {
		began <- string(args)
		<-goOn
		return nil
	}, queue.TaskOptions{}))
	stop := start(t, q)
	if got := next(t, began); got != "precious" {
		t.Errorf("taken over: %q", got)
	}
	must(t, cmd.Process.Signal(syscall.SIGCONT))
	if _, err := cmd.Process.Wait(); err != nil { // it ends once it has tried to end its task
		t.Error(err)
	}
	rest, err := io.ReadAll(out)
	must(t, err)
	if string(rest) != "ended\n" {
		t.Errorf("the child printed %q", rest)
	}
	all, err := q.Stats(t.Context())
	must(t, err)
	if len(all) != 1 || all[0].State != "running" {
		t.Errorf("the run of the living process was ended: %+v", all)
	}
	close(goOn)
	waitFor(t, func() bool {
		left, err := q.Stats(t.Context())
		return err == nil && len(left) == 0
	})
	if len(began) != 0 {
		t.Error("it ran once more")
	}
	stop()
}

// startChild starts a process and waits until it does its task.
func startChild(t *testing.T, url string) (*exec.Cmd, io.Reader) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	out := bufio.NewReader(pipe)
	if line, err := out.ReadString('\n'); err != nil || line != "running precious\n" {
		t.Fatalf("the child printed %q: %v", line, err)
	}
	return cmd, out
}

func openURL(ctx context.Context, url string) (*queue.Queue, error) {
	if strings.HasPrefix(url, "postgres:") {
		return queue.OpenPostgres(ctx, url, queue.Options{Pulse: 50 * time.Millisecond})
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
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	err = q.Register("sync", func(_ context.Context, args []byte) error {
		fmt.Printf("running %s\n", args)
		<-woken                                       // or it is killed
		time.AfterFunc(500*time.Millisecond, func() { // when the queue has noted the end
			fmt.Println("ended")
			os.Exit(0)
		})
		return nil
	}, queue.TaskOptions{})
	if err != nil {
		return err
	}
	if err := q.Enqueue(ctx, "sync", "prod", []byte("precious"), time.Time{}); err != nil {
		return err
	}
	return q.Run(ctx)
}
