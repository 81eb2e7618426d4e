package state

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// attempts is how often a migration is tried when another process migrates
// the same SQLite file at the same time.
const attempts = 10

// migrate brings the schema up to date. A newer one is worked with unless it
// says that this program is too old: see needs.
func (s *Store) migrate(ctx context.Context) error {
	want, err := s.newestSchema()
	if err != nil {
		return err
	}
	s.known = want
	for try := 1; ; try++ {
		have, err := s.schema(ctx)
		switch {
		case err != nil:
			return err
		case have == want:
			return nil
		case have > want:
			return s.tooOld(ctx)
		}
		err = s.up(ctx)
		if err != nil && (try == attempts || ctx.Err() != nil) {
			return fmt.Errorf("bring the schema from %d to %d: %w", have, want, err)
		}
	}
}

// needsQuery reads the oldest schema that a program must know. A migration that
// programs which do not know it would write wrongly under sets it to its number;
// others only add what has a default, and leave it, so that older replicas go on
// while newer ones start beside them.
const needsQuery = `SELECT coalesce(max(needs), 0) FROM installation`

// tooOld refuses a journal that needs a newer program.
func (s *Store) tooOld(ctx context.Context) error {
	var needs int64
	if err := s.writer.db.QueryRowContext(ctx, needsQuery).Scan(&needs); err != nil {
		return err
	}
	return s.newer(needs)
}

func (s *Store) newer(needs int64) error {
	if needs <= s.known {
		return nil
	}
	return fmt.Errorf("%w: it needs a program that knows schema %d and this mlsync knows up to %d; use the newer mlsync, or another journal", ErrNewer, needs, s.known)
}

func (s *Store) migrationFiles() (fs.FS, error) {
	return fs.Sub(migrations, "migrations/"+s.dialect.name)
}

// newestSchema is the version of the last migration, which its file begins
// with.
func (s *Store) newestSchema() (int64, error) {
	files, err := fs.ReadDir(migrations, "migrations/"+s.dialect.name)
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_")
	return strconv.ParseInt(number, 10, 64)
}

// schema is the version of the journal; 0 for a new one.
func (s *Store) schema(ctx context.Context) (int64, error) {
	exists := `SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'`
	if s.dialect.name == postgresDialect.name {
		exists = `SELECT count(*) FROM pg_tables WHERE tablename = 'goose_db_version' AND schemaname = current_schema()`
	}
	var n, version int64
	if err := s.writer.db.QueryRowContext(ctx, exists).Scan(&n); err != nil || n == 0 {
		return 0, err
	}
	err := s.writer.db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version`).Scan(&version)
	return version, err
}

func (s *Store) up(ctx context.Context) error {
	files, err := s.migrationFiles()
	if err != nil {
		return err
	}
	dialect, opts := goose.DialectSQLite3, []goose.ProviderOption{goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true)}
	if s.dialect.name == postgresDialect.name {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
		if err != nil {
			return err
		}
		dialect, opts = goose.DialectPostgres, append(opts, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, s.writer.db, files, opts...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return nil
	}
	return err
}
