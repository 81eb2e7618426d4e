package queue

import (
	"context"
	"fmt"
	"time"
)

// Stat is how many tasks of a name are in a state: available, running,
// retryable, scheduled or pending.
type Stat struct {
	Task, State string
	Count       int
	// Oldest is how long ago the first of them was due; negative if none is
	// due yet.
	Oldest time.Duration
}

// Stats counts the tasks that are not at their end, of all processes. Tasks of
// names that this process does not know are left out.
func (q *Queue) Stats(ctx context.Context) ([]Stat, error) {
	all, err := q.engine.stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("count the tasks: %w", err)
	}
	var out []Stat
	for _, s := range all {
		if _, ok := q.tasks[s.Task]; ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// The queries that count tasks. The age of the oldest in seconds is what the
// databases write differently.
const (
	countTasks    = `SELECT args ->> 'name' AS task, state, count(*), `
	unfinished    = ` FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending') GROUP BY 1, 2 ORDER BY 1, 2`
	sqliteStats   = countTasks + `(julianday('now') - julianday(min(scheduled_at))) * 86400.0` + unfinished
	postgresStats = countTasks + `extract(epoch FROM now() - min(scheduled_at))::float8` + unfinished
)

// scanStat reads a row of them.
func scanStat(scan func(...any) error) (Stat, error) {
	var s Stat
	var age float64
	err := scan(&s.Task, &s.State, &s.Count, &age)
	s.Oldest = time.Duration(age * float64(time.Second))
	return s, err
}
