package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// OpenPostgres opens the queue in the PostgreSQL database at url.
func OpenPostgres(ctx context.Context, url string, opts Options) (*Queue, error) {
	q := newQueue(opts)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("open the queue: the PostgreSQL URL cannot be read (it is not shown, as it may hold a password)")
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, idleLimit)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	b := &base[pgx.Tx]{driver: riverpgxv5.New(pool), shut: func() error { pool.Close(); return nil }, numbered: true, skew: q.opts.Skew, update: " FOR UPDATE"}
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
	b.life = &session{base: b, pool: pool, logger: q.opts.Logger, pulse: q.opts.Pulse}
	if err := openOnce(ctx, pool, b, q.opts.Logger); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	q.engine = b
	return q, nil
}

// idleLimit lets the server end a transaction whose process is stopped in the
// middle of it: others wait for its rows.
const idleLimit = `SET idle_in_transaction_session_timeout = '5s'`

// openOnce makes the tables while no other process does.
func openOnce(ctx context.Context, pool *pgxpool.Pool, b *base[pgx.Tx], logger *slog.Logger) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1, 0)`, lockSpace); err != nil {
		return err
	}
	err = b.open(ctx, logger)
	if err == nil {
		_, err = conn.Exec(ctx, lifeTable)
	}
	_, unlock := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, 0)`, lockSpace)
	return errors.Join(err, unlock)
}

// lockSpace keeps our advisory locks apart from those of others: "mlsq".
const lockSpace = 0x6d6c7371
