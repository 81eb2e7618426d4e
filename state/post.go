package state

import (
	"context"
	"time"
)

// Post is something that a service outside is to be told. Under one Key only
// the newest counts.
type Post struct {
	// Key says what it is about, Lane what it is sent in order with.
	Key, Lane string
	Body      []byte
	// Digest says whether it is the same as before.
	Digest string
	// At is when it was posted, and Version of how many of its key it is.
	At      time.Time
	Version int64
}

// Post keeps what is to be told, in place of what was to be told under the key
// before; false if that is the same, and was kept or told already. With again
// it is told once more also then.
func (s *Store) Post(ctx context.Context, p Post, again bool) (bool, error) {
	changed := false
	err := s.write(ctx, func(x *tx) error {
		var digest string
		there, err := x.get(ctx, `SELECT digest FROM posts WHERE id = ?`+s.dialect.update, []any{p.Key}, &digest)
		if changed = !there || digest != p.Digest || again; err != nil || !changed {
			return err
		}
		_, err = x.exec(ctx, `INSERT INTO posts (id, lane, body, digest, version, at, sent) VALUES (?, ?, ?, ?, 1, ?, 0)
			ON CONFLICT (id) DO UPDATE SET lane = excluded.lane, body = excluded.body, digest = excluded.digest, version = posts.version + 1, at = excluded.at, sent = 0`,
			p.Key, p.Lane, string(p.Body), p.Digest, nanos(s.clock()))
		return err
	})
	return changed, err
}

// Posts are those of a lane that were not told yet, the oldest first.
func (s *Store) Posts(ctx context.Context, lane string) ([]Post, error) {
	var out []Post
	err := s.read(ctx, `SELECT id, lane, body, digest, version, at FROM posts WHERE lane = ? AND sent = 0 ORDER BY at, id`, []any{lane}, func(r row) error {
		var p Post
		var body string
		var at int64
		err := r.Scan(&p.Key, &p.Lane, &body, &p.Digest, &p.Version, &at)
		p.Body, p.At = []byte(body), fromNanos(at)
		out = append(out, p)
		return err
	})
	return out, err
}

// Lanes are those with something that was not told yet.
func (s *Store) Lanes(ctx context.Context) ([]string, error) {
	var out []string
	err := s.read(ctx, `SELECT DISTINCT lane FROM posts WHERE sent = 0 ORDER BY lane`, nil, func(r row) error {
		var lane string
		err := r.Scan(&lane)
		out = append(out, lane)
		return err
	})
	return out, err
}

// Posted notes that a post was told, or that it is given up. One that was
// replaced meanwhile is still to be told.
func (s *Store) Posted(ctx context.Context, p Post) error {
	return s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `UPDATE posts SET sent = ? WHERE id = ? AND version = ?`, nanos(s.clock()), p.Key, p.Version)
		return err
	})
}

// ForgetPosts forgets what was told before then.
func (s *Store) ForgetPosts(ctx context.Context, before time.Time) error {
	return s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `DELETE FROM posts WHERE sent > 0 AND sent < ?`, nanos(before))
		return err
	})
}

// Pull is what is known of an open pull request.
type Pull struct {
	Repo   string
	Number int64
	// Head is the commit at its head, Seen when that was seen there first.
	Head string
	Seen time.Time
	// Planned says for what it was planned last, and At when.
	Planned string
	At      time.Time
}

// SeePull notes the head of a pull request, seen at a time, and returns what
// is known. A head that is known keeps the time at which it was seen first.
func (s *Store) SeePull(ctx context.Context, repo string, number int64, head string, at time.Time) (Pull, error) {
	p := Pull{Repo: repo, Number: number, Head: head}
	err := s.write(ctx, func(x *tx) error {
		var seen, planned int64
		_, err := x.get(ctx, `INSERT INTO pulls (repo, number, head, seen, planned, at) VALUES (?, ?, ?, ?, '', 0)
			ON CONFLICT (repo, number) DO UPDATE SET head = excluded.head, seen = CASE WHEN pulls.head = excluded.head THEN pulls.seen ELSE excluded.seen END
			RETURNING seen, planned, at`, []any{repo, number, head, nanos(at)}, &seen, &p.Planned, &planned)
		p.Seen, p.At = fromNanos(seen), fromNanos(planned)
		return err
	})
	return p, err
}

// PlanPull notes for what a pull request was planned.
func (s *Store) PlanPull(ctx context.Context, repo string, number int64, planned string) error {
	return s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `UPDATE pulls SET planned = ?, at = ? WHERE repo = ? AND number = ?`, planned, nanos(s.clock()), repo, number)
		return err
	})
}

// KeepPulls forgets the pull requests of a repository that are not among those
// with the numbers, and returns those that it forgot.
func (s *Store) KeepPulls(ctx context.Context, repo string, numbers map[int64]bool) ([]int64, error) {
	var gone []int64
	err := s.write(ctx, func(x *tx) error {
		gone = nil
		err := x.query(ctx, `SELECT number FROM pulls WHERE repo = ?`, []any{repo}, func(r row) error {
			var n int64
			err := r.Scan(&n)
			if !numbers[n] {
				gone = append(gone, n)
			}
			return err
		})
		for _, n := range gone {
			if err == nil {
				_, err = x.exec(ctx, `DELETE FROM pulls WHERE repo = ? AND number = ?`, repo, n)
			}
		}
		return err
	})
	return gone, err
}
