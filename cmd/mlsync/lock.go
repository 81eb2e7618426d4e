package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"mlsync.dev/mlsync/azureml"
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
// The work is done with the context that it returns: it ends when the lock is
// lost, when somebody stops the run with mlsync abort, or when ctx ends.
func lockTarget(ctx context.Context, t *state.Target, holder string) (locked context.Context, unlock func(), err error) {
	l, err := t.Lock(ctx, holder)
	if err != nil {
		return nil, nil, err
	}
	locked, cut := context.WithCancelCause(azureml.Fenced(ctx, l.Sure))
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	var both sync.WaitGroup
	both.Go(func() { // the lock lives only while it is renewed
		if err := l.Keep(keep); err != nil {
			cut(err)
		}
	})
	aborts, _, err := t.Aborts(ctx)
	both.Go(func() {
		if by, ok := watchAborts(keep, t, aborts); ok {
			cut(&state.AbortedError{Target: t.Name(), By: by})
		}
	})
	unlock = func() {
		stop()
		both.Wait()
		cut(nil)
		_ = l.Release(context.WithoutCancel(ctx))
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return locked, unlock, nil
}

// because puts the reason in the place of an error that only says that the work
// was cut.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("stopped: %w", cause)
	}
	return err
}

// abortPulse is how often the journal is asked whether the run is to stop.
const abortPulse = 500 * time.Millisecond

// watchAborts waits until somebody stops the run. A journal that cannot be
// read stops it by itself.
func watchAborts(ctx context.Context, t *state.Target, before int64) (by string, ok bool) {
	tick := time.NewTicker(abortPulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", false
		case <-tick.C:
		}
		if n, by, err := t.Aborts(ctx); err == nil && n != before {
			return by, true
		}
	}
}

// journalOptions are those of all journals that the program opens to work
// with. The installation is the one that the journal must be of; "" takes any.
func journalOptions(where, installation string) state.Options {
	o := state.Options{Installation: installation}
	if !state.IsPostgres(where) { // there the holder may be on another machine of the same name
		o.Dead = deadHolder
	}
	return o
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
