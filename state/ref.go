package state

import (
	"context"
	"slices"
)

// Ref is what all processes together know of a ref of a repository.
type Ref struct {
	// Commit is the newest one that any of them has seen; "" if none has.
	Commit string
	// Moved counts the commits that were seen: it names the moment at which
	// Commit was the newest.
	Moved int64
	// Asked counts the hints that the ref may have moved, Looked those of them
	// that a look has followed.
	Asked, Looked int64
	// Told is the commit that the targets of the group were told of last.
	Told string
}

// Ref is what is known of a ref; a group is a set of targets that are told
// together.
func (s *Store) Ref(ctx context.Context, ref, group string) (Ref, error) {
	var out Ref
	err := s.read(ctx, `SELECT commit_id, moved, asked, looked, coalesce((SELECT commit_id FROM told WHERE told.ref = refs.ref AND told.grp = ?), '') FROM refs WHERE ref = ?`,
		[]any{group, ref}, func(r row) error {
			return r.Scan(&out.Commit, &out.Moved, &out.Asked, &out.Looked, &out.Told)
		})
	return out, err
}

const newRef = `INSERT INTO refs (ref, commit_id, moved, at) VALUES (?, '', 0, 0) ON CONFLICT (ref) DO NOTHING`

// Ask notes a hint that the ref may have moved. It lasts until a look that
// began after it is noted.
func (s *Store) Ask(ctx context.Context, ref string) error {
	return s.write(ctx, func(x *tx) error {
		if _, err := x.exec(ctx, newRef, ref); err != nil {
			return err
		}
		_, err := x.exec(ctx, `UPDATE refs SET asked = asked + 1 WHERE ref = ?`, ref)
		return err
	})
}

// Look is what a look at a ref has found.
type Look struct {
	Ref, Group string
	// Was is what was known before the repository was asked.
	Was Ref
	// Commit is what it answered.
	Commit string
	// Same are the targets of the group for which the commit changes nothing,
	// with what they are made of.
	Same map[string]string
}

// Looked notes a look: that the commit is the newest, that the group was told of
// it, and that it brings nothing new to some targets, which then are as it says.
// It is all or nothing. It is false if another look has seen another commit
// meanwhile: then nobody knows which of the two is newer, and who asks again
// knows. busy are targets that cannot be said to be as the commit says, as
// somebody works on them: nothing was noted; they have to be told first.
func (s *Store) Looked(ctx context.Context, l Look) (ok bool, busy []string, err error) {
	err = s.write(ctx, func(x *tx) error {
		ok, busy = false, nil
		if _, err := x.exec(ctx, newRef, l.Ref); err != nil {
			return err
		}
		moved := l.Was.Moved
		if l.Commit != l.Was.Commit {
			moved++
		}
		now := nanos(s.clock())
		n, err := x.exec(ctx, `UPDATE refs SET commit_id = ?, moved = ?, looked = CASE WHEN looked < ? THEN ? ELSE looked END, at = ? WHERE ref = ? AND moved = ?`,
			l.Commit, moved, l.Was.Asked, l.Was.Asked, now, l.Ref, l.Was.Moved)
		if err != nil || n == 0 {
			return err
		}
		_, err = x.exec(ctx, `INSERT INTO told (ref, grp, commit_id) VALUES (?, ?, ?) ON CONFLICT (ref, grp) DO UPDATE SET commit_id = excluded.commit_id`,
			l.Ref, l.Group, l.Commit)
		if err != nil {
			return err
		}
		if busy, err = s.same(ctx, x, l, now); err == nil && len(busy) > 0 {
			err = errBusy
		}
		ok = err == nil
		return err
	})
	if len(busy) > 0 {
		err = nil
	}
	return ok, busy, err
}

const (
	sameQuery = `UPDATE targets SET seen = ?, seen_at = ? WHERE name = ? AND session = '' AND held_by = ''
		AND generation = (SELECT generation FROM inputs WHERE target_id = targets.id AND digest = ?)`
	sameInputsQuery = `UPDATE inputs SET same_commit = ?, same_at = ? WHERE target_id = (SELECT id FROM targets WHERE name = ?)`
)

// same notes that targets are as a commit says. Nobody may have begun to work on
// them since they were compared: a pass that has the lock may be for a commit
// between the two.
func (s *Store) same(ctx context.Context, x *tx, l Look, now int64) (busy []string, err error) {
	names := make([]string, 0, len(l.Same))
	for name := range l.Same {
		names = append(names, name)
	}
	slices.Sort(names) // two looks take the rows in one order
	for _, name := range names {
		n, err := x.exec(ctx, sameQuery, l.Commit, now, name, l.Same[name])
		if err != nil {
			return nil, err
		}
		if n == 0 {
			busy = append(busy, name)
			continue
		}
		_, err = x.exec(ctx, sameInputsQuery, l.Commit, now, name)
		if err != nil {
			return nil, err
		}
	}
	return busy, nil
}
