package queue

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
)

// Ahead puts the clock of the database before ours.
func (q *Queue) Ahead(d time.Duration) {
	switch b := q.engine.(type) {
	case *base[*sql.Tx]:
		b.ahead.Store(int64(d))
	case *base[pgx.Tx]:
		b.ahead.Store(int64(d))
	}
}

// Ticker looks once whether ticks are due.
func (q *Queue) Ticker() func(context.Context) {
	switch b := q.engine.(type) {
	case *base[*sql.Tx]:
		return tickerOf(b, q)
	case *base[pgx.Tx]:
		return tickerOf(b, q)
	}
	return nil
}

func tickerOf[T any](b *base[T], q *Queue) func(context.Context) {
	k := &ticker[T]{b: b, q: q, log: q.opts.Logger}
	k.start()
	return func(ctx context.Context) { k.due(ctx) }
}
