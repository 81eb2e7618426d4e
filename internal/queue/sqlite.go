package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// OpenSQLite opens the queue in an SQLite database, which stays the caller's
// to close. The pool must have one connection.
func OpenSQLite(ctx context.Context, db *sql.DB, opts Options) (*Queue, error) {
	q := newQueue(opts)
	b := &base[*sql.Tx]{driver: riversqlite.New(db), shut: func() error { return nil }, poll: sqlitePoll}
	b.begin = func(ctx context.Context) (transaction[*sql.Tx], error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return transaction[*sql.Tx]{}, err
		}
		return transaction[*sql.Tx]{tx: tx, commit: func(context.Context) error { return tx.Commit() }, rollback: tx.Rollback}, nil
	}
	b.count = func(ctx context.Context) ([]Stat, error) { return countSQLite(ctx, db) }
	b.life = onlyProcess{db}
	if err := b.open(ctx, q.opts.Logger); err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	q.engine = b
	return q, nil
}

// sqlitePoll is short, as SQLite tells nobody that there is work.
const sqlitePoll = 250 * time.Millisecond

func countSQLite(ctx context.Context, db *sql.DB) (out []Stat, err error) {
	rows, err := db.QueryContext(ctx, sqliteStats)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		s, err := scanStat(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// onlyProcess is the life of a process that has the database to itself:
// whatever still runs or leads in it when it begins is dead.
type onlyProcess struct{ db *sql.DB }

func (o onlyProcess) begin(ctx context.Context, _ string) error {
	_, err := o.db.ExecContext(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
	_, leader := o.db.ExecContext(ctx, `DELETE FROM river_leader`)
	return errors.Join(err, leader)
}

func (onlyProcess) watch(ctx context.Context) { <-ctx.Done() }

func (onlyProcess) end(context.Context) {}
