package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/internal/redact"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

// The exit codes, one table for all commands.
const (
	exitDone        = 0
	exitError       = 1
	exitPending     = 2
	exitProblems    = 3
	exitFailed      = 4
	exitRefused     = 5
	exitInterrupted = 130
)

// exitCodes is the table as help prints it.
const exitCodes = `Exit codes:
  0    done, or no changes where changes were asked for
  1    error: authentication, network, or a live state that could not be read
  2    changes are pending (plan --exit-code, drift)
  3    problems in the tree
  4    some steps failed or were blocked
  5    refused by a guard: deletion budget, protection, stale plan, lock, a gate that is shut
  130  interrupted`

// codeError ends the program with a code; err may be nil if all is printed.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *codeError) Unwrap() error { return e.err }

// exitWith is an error that only sets the exit code.
func exitWith(code int) error {
	if code == exitDone {
		return nil
	}
	return &codeError{code: code}
}

// exit prints err once and turns it into the exit code.
func (a *app) exit(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	var code *codeError
	known := errors.As(err, &code)
	if !known || code.err != nil {
		a.printError(err)
	}
	var bad problem.List
	switch {
	case ctx.Err() != nil, errors.Is(err, state.ErrAborted):
		return exitInterrupted
	case known:
		return code.code
	case errors.As(err, &bad):
		return exitProblems
	case errors.Is(err, reconcile.ErrRefused):
		return exitRefused
	}
	return exitError
}

func (a *app) printError(err error) {
	var bad problem.List
	if errors.As(err, &bad) {
		a.printProblems(bad)
		return
	}
	text := strings.TrimPrefix(err.Error(), "mlsync: ")
	fmt.Fprintf(a.streams.err, "mlsync: %s\n", redact.Text(text))
}
