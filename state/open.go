package state

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Options are what Open needs to know.
type Options struct {
	// Clock tells the time; nil is the clock of the machine, and on PostgreSQL
	// that of the server for what several machines must agree on: how long
	// locks and shares live.
	Clock func() time.Time
	// Skew is how wrong the clock of the machine is, for tests of machines that
	// do not agree.
	Skew time.Duration
	// Installation is the id that the journal must bear, and that a new one
	// is given. Empty takes the journal as it is and makes up an id for a
	// new one.
	Installation string
	// LockTTL is how long a lock lives without being renewed; 0 is 30 seconds.
	LockTTL time.Duration
	// Dead reports whether the holder of a lock, which was taken at since, is
	// known to live no more; its lock is taken over at once. nil knows nothing.
	Dead func(holder string, since time.Time) bool
	// Existing opens only a journal that is there; otherwise Open fails with
	// an error that wraps fs.ErrNotExist.
	Existing bool
	// AsIs opens also a journal that was rolled back, to look at it or to
	// export it. Nothing must be run on it.
	AsIs bool
}

// Store is an open journal. It is safe for concurrent use, also by several
// processes.
type Store struct {
	location       location
	dialect        dialect
	writer, reader *handle // the same where the database wants it
	clock          func() time.Time
	serverClock    bool  // the server's clock is the one of locks
	known          int64 // the newest schema that this program knows
	lockTTL        time.Duration
	dead           func(holder string, since time.Time) bool
	session        string // of this Store, in the locks it holds
	installation   string
	key            []byte // of the fingerprints
	// marked are the generations that the mark knows; lost says that they
	// were in a journal that is gone.
	marked map[string]int64
	lost   bool
}

// Open opens the journal at url and makes it if it is not there:
// sqlite:///path/file.db, a plain path, :memory: or postgres://…. A new file
// can be read by its owner only. The schema is brought up to date; a journal
// that is damaged (ErrDamaged), of a newer mlsync (ErrNewer), of another
// program (ErrForeign) or of another installation (ErrOtherInstallation) is
// refused and left as it is. So is one that was rolled back to an earlier state.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	for n := 1; ; n++ {
		s, err := open(ctx, url, opts)
		// A journal that another process is just making looks foreign for a moment.
		making := errors.Is(err, ErrForeign) && n < foreignTries
		if !busy(err) && !making || n == openTries {
			return s, err
		}
		timer := time.NewTimer(openWait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

// Going over to a write-ahead log, and leaving it when the last connection
// closes, fails at once with SQLITE_BUSY while another process does the same:
// the busy timeout does not cover it. So opening is tried again.
const (
	openTries    = 100
	foreignTries = 4
	openWait     = 50 * time.Millisecond
)

func open(ctx context.Context, url string, opts Options) (*Store, error) {
	where, err := parseLocation(url)
	if err != nil {
		return nil, err
	}
	s := &Store{location: where, clock: opts.Clock, lockTTL: opts.LockTTL, dead: opts.Dead, session: rand.Text()}
	if s.clock == nil {
		s.serverClock = where.postgres != ""
		s.clock = func() time.Time { return time.Now().Add(opts.Skew) }
	}
	if s.dead == nil {
		s.dead = func(string, time.Time) bool { return false }
	}
	if s.lockTTL == 0 {
		s.lockTTL = 30 * time.Second
	}
	if opts.Existing && where.path != "" {
		if _, err := os.Stat(where.path); err != nil {
			return nil, fmt.Errorf("open the journal %s: %w", where, err)
		}
	}
	if err := s.connect(ctx); err != nil {
		return nil, fmt.Errorf("open the journal %s: %w", where, err)
	}
	if err := s.prepare(ctx, opts); err != nil {
		_ = s.Close() // the error of the preparation says more
		return nil, fmt.Errorf("open the journal %s: %w", where, s.explain(err))
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context) error {
	if s.location.postgres != "" {
		return s.connectPostgres(ctx)
	}
	return s.connectSQLite(ctx)
}

func (s *Store) prepare(ctx context.Context, opts Options) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.install(ctx, opts); err != nil {
		return err
	}
	if err := s.checkMark(ctx, opts.AsIs); err != nil {
		return err
	}
	for _, query := range s.hotQueries() {
		if _, err := s.writer.stmt(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// install reads who the journal belongs to, or says so in a new one.
func (s *Store) install(ctx context.Context, opts Options) error {
	want := opts.Installation
	const read = `SELECT id, fingerprint_key FROM installation WHERE one = 1`
	scan := func(r row) error { return r.Scan(&s.installation, &s.key) }
	if err := s.reader.query(ctx, read, nil, scan); err != nil {
		return err
	}
	if s.installation == "" && opts.Existing {
		return fmt.Errorf("it is just being made: %w", fs.ErrNotExist)
	}
	if s.installation == "" {
		id := want
		if id == "" {
			id = rand.Text()
		}
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		err := s.writeTx(ctx, func(t *tx) error {
			_, err := t.exec(ctx, `INSERT INTO installation (one, id, created, fingerprint_key) VALUES (1, ?, ?, ?)
				ON CONFLICT (one) DO NOTHING`, id, nanos(s.clock()), key)
			return err
		})
		if err != nil {
			return err
		}
		if err := s.reader.query(ctx, read, nil, scan); err != nil { // another process may have been first
			return err
		}
	}
	if want != "" && want != s.installation {
		return fmt.Errorf("%w: it is of %s and this is %s; name another journal, or put back the owner that it was made with", ErrOtherInstallation, s.installation, want)
	}
	return nil
}

// Installation is the id of the installation that the journal belongs to.
func (s *Store) Installation() string { return s.installation }

// String names the place of the journal, without passwords.
func (s *Store) String() string { return s.location.String() }

// DB is the pool that writes, for other durable things in the same database.
// On SQLite it has one connection: hold none while calling the Store.
func (s *Store) DB() *sql.DB { return s.writer.db }

// Close closes the journal.
func (s *Store) Close() error {
	err := s.writer.close()
	if s.reader != s.writer {
		err = errors.Join(s.reader.close(), err)
	}
	return err
}

// Ping reports whether the journal can be reached and read.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, `SELECT 1`, nil, func(row) error { return nil })
}
