package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// closing is how long a write that must survive the cancelling of its
// context may take.
const closing = 30 * time.Second

// handle is a pool of connections with its prepared statements.
type handle struct {
	db      *sql.DB
	dialect dialect
	mu      sync.Mutex
	stmts   map[string]*sql.Stmt
	asked   atomic.Int64
}

func newHandle(db *sql.DB, d dialect) *handle {
	return &handle{db: db, dialect: d, stmts: map[string]*sql.Stmt{}}
}

// stmt is the prepared query, kept until the handle is closed.
func (h *handle) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	h.asked.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.stmts[query]; s != nil {
		return s, nil
	}
	s, err := h.db.PrepareContext(ctx, h.dialect.bind(query))
	if err != nil {
		return nil, err
	}
	h.stmts[query] = s
	return s, nil
}

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, s := range h.stmts {
		errs = append(errs, s.Close())
	}
	clear(h.stmts)
	return errors.Join(append(errs, h.db.Close())...)
}

// query runs a SELECT outside a transaction and calls scan for each row.
func (h *handle) query(ctx context.Context, query string, args []any, scan func(row) error) error {
	s, err := h.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, clean(args)...)
	if err != nil {
		return err
	}
	return eachRow(rows, scan)
}

// row is one row of an answer.
type row interface{ Scan(dest ...any) error }

func eachRow(rows *sql.Rows, scan func(row) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// tx is a transaction that writes.
type tx struct {
	tx *sql.Tx
	h  *handle
}

// stmt is the query prepared before, or prepared for this transaction only:
// a pool of one connection has no second one to prepare on.
func (t *tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	t.h.asked.Add(1)
	t.h.mu.Lock()
	s := t.h.stmts[query]
	t.h.mu.Unlock()
	if s != nil {
		return t.tx.StmtContext(ctx, s), nil
	}
	return t.tx.PrepareContext(ctx, t.h.dialect.bind(query))
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := t.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(ctx, clean(args)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// get reads one row into dest; false if there is none.
func (t *tx) get(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	s, err := t.stmt(ctx, query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(ctx, clean(args)...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// query calls scan for each row. scan must not use the transaction.
func (t *tx) query(ctx context.Context, query string, args []any, scan func(row) error) error {
	s, err := t.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, clean(args)...)
	if err != nil {
		return err
	}
	return eachRow(rows, scan)
}

// write runs do in one transaction, which is durable when write returns nil.
func (s *Store) write(ctx context.Context, do func(*tx) error) error {
	err := s.writeTx(ctx, do)
	return s.explain(err)
}

func (s *Store) writeTx(ctx context.Context, do func(*tx) error) error {
	sqlTx, err := s.writer.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(&tx{tx: sqlTx, h: s.writer}); err != nil {
		if back := sqlTx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			return fmt.Errorf("%w (and rolling back: %w)", err, back)
		}
		return err
	}
	return sqlTx.Commit()
}

// snapshot runs do in one transaction that sees one moment. It may only read.
func (s *Store) snapshot(ctx context.Context, do func(*tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if s.dialect.name == postgresDialect.name {
		opts.Isolation = sql.LevelRepeatableRead // what an SQLite transaction is anyway
	}
	sqlTx, err := s.reader.db.BeginTx(ctx, opts)
	if err != nil {
		return s.explain(err)
	}
	err = do(&tx{tx: sqlTx, h: s.reader})
	if back := sqlTx.Rollback(); err == nil && !errors.Is(back, sql.ErrTxDone) {
		err = back
	}
	return s.explain(err)
}

// read runs a SELECT.
func (s *Store) read(ctx context.Context, query string, args []any, scan func(row) error) error {
	return s.explain(s.reader.query(ctx, query, args, scan))
}

// lasting is ctx for a write that must be done although ctx is cancelled: the
// outcome of a request that has been sent.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), closing)
}

// Asked is how many statements the database was sent since the journal was
// opened.
func (s *Store) Asked() int64 {
	n := s.reader.asked.Load()
	if s.writer != s.reader {
		n += s.writer.asked.Load()
	}
	return n
}

// nanos is how times are stored: 0 is the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// hotQueries are prepared once, when the journal is opened.
func (s *Store) hotQueries() []string {
	return []string{s.fenceQuery(), intendQuery, finishQuery, ownQuery, forgetQuery, recordQuery, sameQuery, sameInputsQuery}
}
