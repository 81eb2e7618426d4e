package queue

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pulses is how many a process may be silent before it is taken for dead.
const pulses = 4

// session is the sign of life of a process: an advisory lock, which PostgreSQL
// frees when the connection ends, and a row that says when it was seen last, for
// one that is stopped and keeps its connection. Tasks that run under a name whose
// lock is free, or that was not seen for a while, are taken over.
type session struct {
	base   *base[pgx.Tx]
	pool   *pgxpool.Pool
	id     string
	logger *slog.Logger
	pulse  time.Duration
	conn   *pgx.Conn
}

func lockOf(id string) int32 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int32(h.Sum32())
}

// begin gives the sign of life and takes over from the dead.
func (l *session) begin(ctx context.Context, id string) error {
	l.id = id
	if l.conn != nil && !l.conn.IsClosed() {
		return l.beat(ctx) // it had begun, as far as that
	}
	conn, err := pgx.ConnectConfig(ctx, l.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, idleLimit)
	if err == nil {
		_, err = conn.Exec(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, lockOf(l.id))
	}
	if err != nil {
		return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	l.conn = conn
	return l.beat(ctx)
}

// watch takes over from the dead until ctx ends. A connection that is lost is
// made anew.
func (l *session) watch(ctx context.Context) {
	tick := time.NewTicker(l.pulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var err error
		if l.conn == nil || l.conn.IsClosed() {
			err = l.begin(ctx, l.id)
		} else {
			err = l.beat(ctx)
		}
		if err != nil && ctx.Err() == nil {
			l.logger.WarnContext(ctx, "tasks of dead processes cannot be looked for", "error", err)
		}
	}
}

// end frees the lock. Tasks that still run are others' from now on.
func (l *session) end(ctx context.Context) {
	if l.conn == nil {
		return
	}
	_, _ = l.conn.Exec(ctx, `DELETE FROM queue_processes WHERE id = $1`, l.id)
	_ = l.conn.Close(ctx) // the lock ends either way
}

// beat says that this process lives, learns what time it is, and takes over from
// those that do not.
func (l *session) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pulses*l.pulse)
	defer cancel()
	asked := l.base.now()
	var now time.Time
	err := l.conn.QueryRow(ctx, `INSERT INTO queue_processes (id, seen) VALUES ($1, clock_timestamp())
		ON CONFLICT (id) DO UPDATE SET seen = excluded.seen RETURNING seen`, l.id).Scan(&now)
	if err != nil {
		return err
	}
	l.base.ahead.Add(int64(now.Sub(asked.Add(l.base.now().Sub(asked) / 2))))
	if _, err := l.conn.Exec(ctx, `DELETE FROM queue_processes WHERE seen < clock_timestamp() - interval '1 day'`); err != nil {
		return err
	}
	return l.takeOver(ctx)
}

// takeOver makes the running tasks of dead processes available.
func (l *session) takeOver(ctx context.Context) error {
	rows, err := l.conn.Query(ctx, `SELECT DISTINCT attempted_by[array_upper(attempted_by, 1)] FROM river_job
		WHERE state = 'running' AND array_upper(attempted_by, 1) IS NOT NULL UNION SELECT leader_id FROM river_leader`)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == l.id {
			continue
		}
		if err := l.takeOverFrom(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// takeOverFrom ends the tasks of a process that is dead and puts new ones in
// their place, so that it cannot end those when it wakes up. A process of before
// there were rows for them has none.
func (l *session) takeOverFrom(ctx context.Context, id string) error {
	return pgx.BeginFunc(ctx, l.conn, func(tx pgx.Tx) error {
		var free, stopped bool
		err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2),
			coalesce((SELECT seen < clock_timestamp() - $3::interval FROM queue_processes WHERE id = $4), false)`,
			lockSpace, lockOf(id), pulses*l.pulse, id).Scan(&free, &stopped)
		if err != nil || !free && !stopped {
			return err
		}
		// River's leader lets tasks with a time come: another one has to.
		if _, err := tx.Exec(ctx, `DELETE FROM river_leader WHERE leader_id = $1`, id); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `UPDATE river_job SET state = 'cancelled', finalized_at = clock_timestamp()
			WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1 RETURNING args, metadata, max_attempts`, id)
		if err != nil {
			return err
		}
		left, err := pgx.CollectRows(rows, pgx.RowToStructByPos[leftTask])
		if err != nil {
			return err
		}
		for _, r := range left {
			var t task
			if err := json.Unmarshal(r.Args, &t); err != nil {
				return err
			}
			opts := failedOften(insertOpts(r.Attempts, time.Time{}), failuresIn(r.Metadata))
			if _, err := l.base.insert.InsertTx(ctx, tx, t, opts); err != nil {
				return err
			}
			l.logger.InfoContext(ctx, "task taken over", "task", t.Name, "key", t.Key, "from", id)
		}
		return nil
	})
}

// leftTask is a task that a dead process left running.
type leftTask struct {
	Args, Metadata []byte
	Attempts       int
}
