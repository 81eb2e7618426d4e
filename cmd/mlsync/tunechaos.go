//go:build chaos

package main

import (
	"time"

	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/state"
)

// tune makes the clock wrong by MLSYNC_SKEW, and what waits for a process that is
// stopped as short as MLSYNC_LOCK_TTL.
func (a *app) tune(s *state.Options, q *queue.Options) error {
	for name, to := range map[string]func(time.Duration){
		"MLSYNC_SKEW":     func(d time.Duration) { s.Skew, q.Skew = d, d },
		"MLSYNC_LOCK_TTL": func(d time.Duration) { s.LockTTL, q.Pulse = d, d/6 },
	} {
		text, ok := a.env(name)
		if !ok {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		to(d)
	}
	return nil
}
