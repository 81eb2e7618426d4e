package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"mlsync.dev/mlsync/state"
)

// processBegan is when this process began: a lock that is older and bears its
// number is of an earlier process.
var processBegan = time.Now() //nolint:gochecknoglobals // a fact of the process

// processHolder is the name of this process in the locks it takes.
func processHolder() string {
	host, _ := os.Hostname()
	return holderOf(host, os.Getpid())
}

func holderOf(host string, pid int) string {
	return fmt.Sprintf("mlsync on %s, process %d", host, pid)
}

// lockTarget takes the target's lock and renews it until unlock is called.
func lockTarget(ctx context.Context, t *state.Target, holder string) (unlock func(), err error) {
	l, err := t.Lock(ctx, holder)
	if err != nil {
		return nil, err
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // the lock lives only while it is renewed
		defer close(done)
		_ = l.Keep(keep)
	}()
	return func() {
		stop()
		<-done
		_ = l.Release(context.WithoutCancel(ctx))
	}, nil
}

// journalOptions are those of all journals that the program opens.
func journalOptions(where string) state.Options {
	if state.IsPostgres(where) {
		return state.Options{} // the holder may be on another machine of the same name
	}
	return state.Options{Dead: deadHolder}
}

// deadHolder reports whether the process that took a lock is known to be gone:
// it was one of this machine and was killed.
func deadHolder(name string, since time.Time) bool {
	host, _ := os.Hostname()
	rest, ok := strings.CutPrefix(name, "mlsync on "+host+", process ")
	var pid int
	if n, err := fmt.Sscanf(rest, "%d", &pid); !ok || n != 1 || err != nil || pid <= 0 {
		return false
	}
	if pid == os.Getpid() {
		return since.Before(processBegan)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }()
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
