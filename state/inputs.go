package state

import (
	"context"
	"time"
)

// Inputs are what a target was made of when everything was compared last and
// nothing was left to do.
type Inputs struct {
	// Digest is over all that the comparison read of the tree.
	Digest string
	// Paths are those that it read beside what the configuration includes.
	Paths []string
	// Commit is the one that was compared, and Compared when.
	Commit   string
	Compared time.Time
	// Same is the newest commit that is known to have the same inputs, since
	// SameSince: the target is as it says, because it is as Commit says.
	Same      string
	SameSince time.Time
}

// Compared notes that the run of the generation has compared the target with
// all of a commit and left nothing to do. Any later run takes that back.
func (t *Target) Compared(ctx context.Context, generation int64, in Inputs) error {
	paths, err := toJSON(in.Paths)
	if err != nil {
		return err
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	return t.write(ctx, generation, func(x *tx) error {
		now := nanos(t.s.clock())
		_, err := x.exec(ctx, `INSERT INTO inputs (target_id, generation, digest, paths, commit_id, compared_at, same_commit, same_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (target_id) DO UPDATE SET generation = excluded.generation, digest = excluded.digest, paths = excluded.paths,
			commit_id = excluded.commit_id, compared_at = excluded.compared_at, same_commit = excluded.same_commit, same_at = excluded.same_at`,
			t.id, generation, in.Digest, paths, in.Commit, now, in.Commit, now)
		return err
	})
}

const inputsQuery = `SELECT t.name, i.digest, i.paths, i.commit_id, i.compared_at, i.same_commit, i.same_at FROM inputs i JOIN targets t ON t.id = i.target_id
	WHERE i.generation = t.generation AND t.session = '' AND t.held_by = ''
	AND NOT EXISTS (SELECT 1 FROM steps WHERE steps.target_id = t.id AND steps.state = '')`

// Inputs are those of all targets that nobody has worked on since they were
// compared, by name.
func (s *Store) Inputs(ctx context.Context) (map[string]Inputs, error) {
	out := map[string]Inputs{}
	err := s.read(ctx, inputsQuery, nil, func(r row) error { return scanInputs(r, out) })
	return out, err
}

// Inputs are those of the target; false if somebody has worked on it since it
// was compared, or it never was.
func (s *Store) InputsOf(ctx context.Context, target string) (Inputs, bool, error) {
	out := map[string]Inputs{}
	err := s.read(ctx, inputsQuery+` AND t.name = ?`, []any{target}, func(r row) error { return scanInputs(r, out) })
	in, ok := out[target]
	return in, ok, err
}

func scanInputs(r row, out map[string]Inputs) error {
	var name, paths string
	var in Inputs
	var compared, same int64
	if err := r.Scan(&name, &in.Digest, &paths, &in.Commit, &compared, &in.Same, &same); err != nil {
		return err
	}
	in.Compared, in.SameSince = fromNanos(compared), fromNanos(same)
	err := fromJSON(paths, &in.Paths)
	out[name] = in
	return err
}
