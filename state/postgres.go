package state

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// connections is how many connections a Store opens to PostgreSQL.
const connections = 10

func (s *Store) connectPostgres(ctx context.Context) error {
	s.dialect = postgresDialect
	config, err := pgx.ParseConfig(s.location.postgres)
	if err != nil {
		return errors.New("the PostgreSQL URL cannot be read (it is not shown, as it may hold a password)")
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	s.writer = newHandle(db, s.dialect)
	s.reader = s.writer
	return nil
}
