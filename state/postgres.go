package state

import (
	"context"
	"errors"
	"fmt"
	"net/url"

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
	// A process that is stopped in the middle of a transaction keeps rows that
	// others wait for: the server ends it. Between two statements of ours are
	// milliseconds, and several stopped processes may stand in one queue.
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SET idle_in_transaction_session_timeout = '5s'`)
		return err
	}))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	s.writer = newHandle(db, s.dialect)
	s.reader = s.writer
	return nil
}

// Schema makes a schema in the PostgreSQL database at url, if it is not there,
// and returns the url of a journal that is in it alone. The name holds letters,
// digits and underscores.
func Schema(ctx context.Context, at, name string) (string, error) {
	u, err := url.Parse(at)
	if err != nil || !IsPostgres(at) {
		return "", errors.New("a schema is made in a database postgres://… (the URL is not shown, as it may hold a password)")
	}
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return "", fmt.Errorf("make the schema %s: %w", name, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it was only asked
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, name).Scan(&there); err != nil {
		return "", fmt.Errorf("make the schema %s: %w", name, err)
	}
	if !there { // who may not make schemas can be given one
		if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{name}.Sanitize()); err != nil {
			return "", fmt.Errorf("make the schema %s: %w", name, err)
		}
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
