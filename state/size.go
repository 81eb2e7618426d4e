package state

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// File is the path of the SQLite file; "" for a journal that is in none.
func (s *Store) File() string { return s.location.path }

// Size is how many bytes the journal takes: those of its files, or those of
// the whole PostgreSQL database it is in.
func (s *Store) Size(ctx context.Context) (int64, error) {
	if s.dialect.name == postgresDialect.name {
		var n int64
		err := s.read(ctx, `SELECT pg_database_size(current_database())`, nil, func(r row) error { return r.Scan(&n) })
		return n, err
	}
	var n int64
	if s.location.path == "" {
		err := s.read(ctx, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`, nil, func(r row) error { return r.Scan(&n) })
		return n, err
	}
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.location.path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}
