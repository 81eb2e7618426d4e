package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// mark is what a small file beside an SQLite journal remembers of it: a
// journal that has fewer runs than its mark was rolled back, such as by a
// backup of yesterday, and knows nothing of what was written since.
type mark struct {
	Installation string           `json:"installation"`
	Generations  map[string]int64 `json:"generations"` // by target
}

// markSuffix is what the name of the file ends with.
const markSuffix = ".mark"

// readMark reads the mark of the journal. A mark that is not there or cannot
// be read says nothing.
func (s *Store) readMark() (mark, error) {
	var m mark
	if s.location.path == "" {
		return m, nil
	}
	data, err := os.ReadFile(s.location.path + markSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if json.Unmarshal(data, &m) != nil {
		return mark{}, nil // torn by a loss of power; the next run writes it anew
	}
	return m, nil
}

// checkMark compares the journal with its mark.
func (s *Store) checkMark(ctx context.Context, asIs bool) error {
	m, err := s.readMark()
	if err != nil || m.Installation == "" {
		return err
	}
	have, err := s.generations(ctx)
	if err != nil {
		return err
	}
	s.marked = m.Generations
	if len(have) == 0 {
		s.lost = len(m.Generations) > 0
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.Generations)) {
		if had := m.Generations[name]; have[name] < had && !asIs {
			return &DamagedError{Path: s.location.path, RolledBack: true, Detail: fmt.Sprintf(
				"it was rolled back: it has %d runs of target %s, and %d have been", have[name], name, had)}
		}
	}
	return nil
}

// generations are those of the targets by name.
func (s *Store) generations(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.read(ctx, `SELECT name, generation FROM targets`, nil, func(r row) error {
		var name string
		var n int64
		err := r.Scan(&name, &n)
		out[name] = n
		return err
	})
	return out, err
}

// writeMark notes how far the journal is. What the mark says is on the disk
// before it says so: after a loss of power the journal must not look older
// than its mark. While others read it the mark stays as it was.
func (s *Store) writeMark(ctx context.Context) error {
	if s.location.path == "" {
		return nil
	}
	have, err := s.generations(ctx)
	if err != nil {
		return err
	}
	var busy, log, moved int64
	err = s.writer.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &log, &moved)
	if err != nil || busy != 0 || log != moved {
		return s.explain(err)
	}
	data, err := json.Marshal(mark{Installation: s.installation, Generations: have})
	if err != nil {
		return err
	}
	return replaceFile(s.location.path+markSuffix, data)
}

// replaceFile writes a file whole or not at all.
func replaceFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Lost reports whether the journal was opened empty although there had been
// runs in it: the file was lost, or set aside.
func (s *Store) Lost() bool { return s.lost }
