package queue

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// OpenPostgres opens the queue in the PostgreSQL database at url.
func OpenPostgres(ctx context.Context, url string, opts Options) (*Queue, error) {
	q := newQueue(opts)
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, errors.New("open the queue: the PostgreSQL URL cannot be read (it is not shown, as it may hold a password)")
	}
	b := &base[pgx.Tx]{driver: riverpgxv5.New(pool), shut: func() error { pool.Close(); return nil }}
	b.begin = func(ctx context.Context) (transaction[pgx.Tx], error) {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return transaction[pgx.Tx]{}, err
		}
		return transaction[pgx.Tx]{tx: tx, commit: tx.Commit, rollback: func() error { return tx.Rollback(context.WithoutCancel(ctx)) }}, nil
	}
	b.count = func(ctx context.Context) ([]Stat, error) {
		rows, err := pool.Query(ctx, postgresStats)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Stat, error) { return scanStat(r.Scan) })
	}
	b.life = &session{pool: pool, logger: q.opts.Logger}
	if err := b.open(ctx, q.opts.Logger); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	q.engine = b
	return q, nil
}

// lockSpace keeps our advisory locks apart from those of others: "mlsq".
const lockSpace = 0x6d6c7371

// pulse is how often dead processes are looked for.
const pulse = 10 * time.Second

// session is the sign of life of a process: an advisory lock, which PostgreSQL
// frees when the connection ends. Tasks that run under a name whose lock is
// free belong to a dead process.
type session struct {
	pool   *pgxpool.Pool
	id     string
	logger *slog.Logger
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
	conn, err := pgx.ConnectConfig(ctx, l.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, lockOf(l.id)); err != nil {
		return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	l.conn = conn
	return l.takeOver(ctx)
}

// watch takes over from the dead until ctx ends. A connection that is lost is
// made anew.
func (l *session) watch(ctx context.Context) {
	tick := time.NewTicker(pulse)
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
			err = l.takeOver(ctx)
		}
		if err != nil && ctx.Err() == nil {
			l.logger.WarnContext(ctx, "tasks of dead processes cannot be looked for", "error", err)
		}
	}
}

// end frees the lock.
func (l *session) end(ctx context.Context) {
	_ = l.conn.Close(ctx) // the lock ends either way
}

// takeOver makes the running tasks of dead processes available.
func (l *session) takeOver(ctx context.Context) error {
	rows, err := l.conn.Query(ctx, `SELECT DISTINCT attempted_by[array_upper(attempted_by, 1)] FROM river_job
		WHERE state = 'running' AND array_upper(attempted_by, 1) IS NOT NULL`)
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

func (l *session) takeOverFrom(ctx context.Context, id string) error {
	return pgx.BeginFunc(ctx, l.conn, func(tx pgx.Tx) error {
		var dead bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, lockSpace, lockOf(id)).Scan(&dead); err != nil || !dead {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available'
			WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1`, id)
		return err
	})
}
