package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks an SQLite file as a journal of mlsync: "mlsy".
const applicationID = 0x6d6c7379

// readers is how many connections read an SQLite file at a time.
const readers = 4

// connectSQLite opens one connection that writes and some that read. The file
// is checked before anything is changed.
func (s *Store) connectSQLite(ctx context.Context) error {
	s.dialect = sqliteDialect
	if s.location.memory {
		db, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)")
		if err != nil {
			return err
		}
		onlyOne(db)
		s.writer = newHandle(db, s.dialect)
		s.reader = s.writer
		return nil
	}
	if err := createFile(s.location.path); err != nil {
		return err
	}
	write, err := sql.Open("sqlite", sqliteDSN(s.location.path, "immediate", "foreign_keys(1)"))
	if err != nil {
		return err
	}
	onlyOne(write)
	read, err := sql.Open("sqlite", sqliteDSN(s.location.path, "deferred", "query_only(1)"))
	if err != nil {
		return errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	s.writer, s.reader = newHandle(write, s.dialect), newHandle(read, s.dialect)
	err = s.check(ctx)
	if err == nil {
		_, err = write.ExecContext(ctx, `PRAGMA journal_mode = WAL`)
	}
	if err != nil {
		return errors.Join(s.explain(err), s.Close())
	}
	return nil
}

func onlyOne(db *sql.DB) {
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	db.SetConnMaxLifetime(0) // a memory database dies with its connection
}

// createFile makes the file and its folder, for the owner only; SQLite gives
// the files beside it the same rights.
func createFile(path string) error {
	if dir := filepath.Dir(path); dir != "." {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func sqliteDSN(path, begin string, pragmas ...string) string {
	q := url.Values{"_txlock": {begin}}
	for _, p := range append([]string{"busy_timeout(10000)", "synchronous(NORMAL)"}, pragmas...) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// check refuses files that are damaged or of another program.
func (s *Store) check(ctx context.Context) error {
	var verdict string
	if err := s.writer.db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &DamagedError{Path: s.location.path, Detail: verdict}
	}
	var id, tables int64
	if err := s.writer.db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return err
	}
	if err := s.writer.db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name <> 'goose_db_version' AND name NOT LIKE 'sqlite_%'`).Scan(&tables); err != nil {
		return err
	}
	if id != applicationID && tables > 0 {
		return ErrForeign
	}
	return nil
}

// explain turns what SQLite says of a damaged file into a DamagedError.
func (s *Store) explain(err error) error {
	var serr *sqlite.Error
	var damaged *DamagedError
	if errors.As(err, &damaged) || !errors.As(err, &serr) {
		return err
	}
	switch serr.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return &DamagedError{Path: s.location.path, Detail: serr.Error()}
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("no space is left for the journal %s: %w", s.location, err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("the journal %s cannot be written: %w", s.location, err)
	}
	return err
}

// SetAside renames the SQLite file at url and the files beside it to
// <name>.damaged-<time>, so that Open makes a new journal, and returns the
// new name. Nothing is deleted. Call it only when the user asks for it, and
// with the journal closed.
func SetAside(url string, at time.Time) (string, error) {
	where, err := parseLocation(url)
	if err != nil {
		return "", err
	}
	if where.path == "" {
		return "", fmt.Errorf("set %s aside: only a journal in a file can be", where)
	}
	aside := where.path + ".damaged-" + at.UTC().Format("20060102T150405Z")
	if _, err := os.Lstat(aside); err == nil {
		return "", fmt.Errorf("set %s aside: %s exists already", where, aside)
	}
	for _, suffix := range []string{"-wal", "-shm", ""} { // the file last: until then nothing is lost
		err := os.Rename(where.path+suffix, aside+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return "", fmt.Errorf("set %s aside: %w", where, err)
		}
	}
	return aside, nil
}

// busy reports whether err says that another process has the file locked.
func busy(err error) bool {
	var serr *sqlite.Error
	return errors.As(err, &serr) && serr.Code()&0xff == sqlite3.SQLITE_BUSY
}
