//go:build !chaos

package main

import (
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/state"
)

// tune changes what tests of many replicas need otherwise; only a build with the
// tag chaos does.
func (a *app) tune(*state.Options, *queue.Options) error { return nil }
