package state

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// The lists of several targets at once. Each is one question, in an order that
// does not change, and goes on behind an item that was given before.

// errEnough ends the reading of a list.
var errEnough = errors.New("enough was read")

// enough is err, or nil if it only says that enough was read.
func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// namesJSON is a list for dialect.among.
func namesJSON(names []string) (string, error) {
	if len(names) == 0 {
		return "[]", nil
	}
	return toJSON(names)
}

// RunFilter says which runs; "" is any.
type RunFilter struct{ State, Trigger, Commit string }

func (f RunFilter) where() (text string, args []any) {
	for _, c := range [][2]string{{"r.state", f.State}, {"r.cause", f.Trigger}, {"r.commit_id", f.Commit}} {
		if c[1] != "" {
			text += " AND " + c[0] + " = ?"
			args = append(args, c[1])
		}
	}
	return text, args
}

// RunsOf are runs of the targets without their outcomes, newest first: at most
// limit, and behind the run that began then and has the id, if it has one.
func (s *Store) RunsOf(ctx context.Context, names []string, f RunFilter, limit int, began time.Time, id string) ([]plan.Run, error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, err
	}
	before := nanos(began)
	if id == "" {
		before = math.MaxInt64
	}
	more, with := f.where()
	// The sign keeps SQLite from reading all runs of the targets and sorting them.
	args := append([]any{list, before, before, id}, with...)
	return s.runs(ctx, `WHERE +r.target_id IN (SELECT id FROM targets WHERE name`+s.dialect.among+`) AND (r.started < ? OR r.started = ? AND r.id < ?)`+more+` ORDER BY r.started DESC, r.id DESC LIMIT ?`, append(args, limit)...)
}

// Owning is an asset that mlsync manages in a target; Body and Secrets are not
// read.
type Owning struct {
	Target string
	plan.Owned
}

// AssetFilter says which assets: of a kind, and what Match takes. Like is a
// pattern of LIKE, with \ before what stands for itself, that every name fits
// that Match takes. Zero values are any.
type AssetFilter struct {
	Kind, Like string
	Match      func(asset.ID) bool
}

func (f AssetFilter) where(column string) (text string, args []any) {
	if f.Kind != "" {
		text += ` AND substr(` + column + `, 1, ` + `CAST(? AS INTEGER)) = ?`
		args = append(args, len(f.Kind)+1, f.Kind+"/")
	}
	if f.Like != "" {
		text += ` AND ` + column + ` LIKE ? ESCAPE '\'`
		args = append(args, "%/"+f.Like+"%")
	}
	return text, args
}

func (f AssetFilter) takes(id asset.ID) bool { return f.Match == nil || f.Match(id) }

// OwnedOf are assets that mlsync manages in the targets, by target and id: at
// most limit, and behind the given one.
func (s *Store) OwnedOf(ctx context.Context, names []string, f AssetFilter, limit int, target, after string) ([]Owning, error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, err
	}
	more, with := f.where("o.asset")
	var out []Owning
	err = s.read(ctx, `SELECT t.name, o.asset, o.origin, o.arm, o.file, o.commit_id, o.at FROM owned o JOIN targets t ON t.id = o.target_id
		WHERE t.name`+s.dialect.among+` AND (t.name > ? OR t.name = ? AND o.asset > ?)`+more+` ORDER BY t.name, o.asset`,
		append([]any{list, target, target, after}, with...), func(r row) error {
			var o Owning
			var id string
			var at int64
			if err := r.Scan(&o.Target, &id, &o.Origin, &o.ARM, &o.File, &o.Commit, &at); err != nil {
				return err
			}
			if err := parseID(id, &o.ID); err != nil || !f.takes(o.ID) {
				return err
			}
			o.At = fromNanos(at)
			if out = append(out, o); len(out) == limit {
				return errEnough
			}
			return nil
		})
	return out, enough(err)
}

// DriftedOf is the drift that the last run of each target saw, by target and
// asset: at most limit, and behind the given one.
func (s *Store) DriftedOf(ctx context.Context, names []string, f AssetFilter, limit int, target, after string) (drift []Drifted, targets []string, err error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, nil, err
	}
	more, with := f.where("d.asset")
	err = s.read(ctx, `SELECT t.name, d.run_id, d.at, d.asset, d.paths, d.changed_by, d.changed_at, d.revert, d.held
		FROM targets t JOIN runs r ON r.target_id = t.id AND r.generation = `+newestRun+` JOIN drift d ON d.run_id = r.id
		WHERE t.name`+s.dialect.among+` AND (t.name > ? OR t.name = ? AND d.asset > ?)`+more+` ORDER BY t.name, d.asset`,
		append([]any{list, target, target, after}, with...), func(r row) error {
			var name string
			d, err := scanDrift(r, &name)
			if err != nil || !f.takes(d.ID) {
				return err
			}
			drift, targets = append(drift, d), append(targets, name)
			if len(drift) == limit {
				return errEnough
			}
			return nil
		})
	return drift, targets, enough(err)
}

// InboxOf is drift of the targets that runs have found, in the given states, by
// target and asset: at most limit, and behind the given one.
func (s *Store) InboxOf(ctx context.Context, names []string, states []FoundState, f AssetFilter, limit int, target, after string) (found []Found, targets []string, err error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, nil, err
	}
	more, with := f.where("i.asset")
	err = s.read(ctx, `SELECT `+inboxColumns+`, t.name FROM inbox i JOIN targets t ON t.id = i.target_id
		WHERE t.name`+s.dialect.among+` AND (t.name > ? OR t.name = ? AND i.asset > ?)`+more+` ORDER BY t.name, i.asset`,
		append([]any{list, target, target, after}, with...), func(r row) error {
			var name string
			one, err := scanFound(r, &name)
			if err != nil || !slices.Contains(states, one.State) || !f.takes(one.ID) {
				return err
			}
			found, targets = append(found, one), append(targets, name)
			if len(found) == limit {
				return errEnough
			}
			return nil
		})
	return found, targets, enough(err)
}

// ApprovalsOf are approvals of anything in the targets that have neither
// expired nor been used, oldest first: at most limit, and with a number beyond.
func (s *Store) ApprovalsOf(ctx context.Context, names []string, limit int, after int64) (approvals []Approval, targets []string, err error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, nil, err
	}
	err = s.read(ctx, `SELECT t.name, a.id, a.digest, a.allow, a.author, a.at, a.expires FROM approvals a JOIN targets t ON t.id = a.target_id
		WHERE t.name`+s.dialect.among+` AND a.id > ? AND a.used = '' AND (a.expires = 0 OR a.expires > ?) ORDER BY a.id LIMIT ?`,
		[]any{list, after, nanos(s.clock()), limit}, func(r row) error {
			var a Approval
			var name, allow string
			var at, expires int64
			if err := r.Scan(&name, &a.ID, &a.Digest, &allow, &a.Author, &at, &expires); err != nil {
				return err
			}
			a.At, a.Expires = fromNanos(at), fromNanos(expires)
			err := fromJSON(allow, &a.Allow)
			approvals, targets = append(approvals, a), append(targets, name)
			return err
		})
	return approvals, targets, err
}

// Steps are steps of an asset, as History has them, with a number below before
// if that is not 0, and their numbers.
func (t *Target) Steps(ctx context.Context, id asset.ID, limit int, before int64) (past []Past, numbers []int64, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	text := id.String()
	from, to := text, text // an empty range
	if id.Version == "" {
		from, to = text+":", text+";" // the character after the colon
	}
	err = t.s.read(ctx, `SELECT s.asset, s.part, s.action, s.state, s.err, s.code, s.request, s.by_asset, s.by_part, s.started, s.took, r.id, r.commit_id, r.cause, s.id
		FROM steps s JOIN runs r ON r.id = s.run_id WHERE s.target_id = ? AND (s.asset = ? OR (s.asset >= ? AND s.asset < ?)) AND s.id < ? ORDER BY s.id DESC LIMIT ?`,
		[]any{t.id, text, from, to, before, limit}, func(r row) error {
			var p Past
			var n int64
			p.Outcome, err = scanOutcome(r, &p.Run, &p.Commit, &p.Trigger, &n)
			past, numbers = append(past, p), append(numbers, n)
			return err
		})
	return past, numbers, err
}

// EventsOf are events of the targets, newest first: at most limit, and older
// than the event with the number before if that is not 0.
func (s *Store) EventsOf(ctx context.Context, names []string, limit int, before int64) ([]Event, error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, err
	}
	if before == 0 {
		before = math.MaxInt64
	}
	return s.events(ctx, `WHERE target`+s.dialect.among+` AND id < ? ORDER BY id DESC LIMIT ?`, list, before, limit)
}

// EventsAfter are events of all targets and of none, oldest first: at most
// limit, and newer than the event with the number after. On PostgreSQL a number
// below one that is there may come late: its transaction is still under way.
func (s *Store) EventsAfter(ctx context.Context, after int64, limit int) ([]Event, error) {
	return s.events(ctx, `WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
}

// LastEvent is the number of the newest event; 0 if there is none.
func (s *Store) LastEvent(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, `SELECT coalesce(max(id), 0) FROM events`, nil, func(r row) error { return r.Scan(&n) })
	return n, err
}

func (s *Store) events(ctx context.Context, where string, args ...any) ([]Event, error) {
	var out []Event
	err := s.read(ctx, `SELECT id, target, at, what, author, asset, text FROM events `+where, args, func(r row) error {
		var e Event
		var at int64
		var id string
		if err := r.Scan(&e.ID, &e.Target, &at, &e.What, &e.Author, &id, &e.Text); err != nil {
			return err
		}
		e.At = fromNanos(at)
		out = append(out, e)
		return parseID(id, &out[len(out)-1].Asset)
	})
	return out, err
}

// Like is a glob as a pattern of LIKE that takes no less: what stands in
// brackets is any letter.
func Like(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteByte('%')
		case '?':
			b.WriteByte('_')
		case '[', '\\':
			return b.String() + "%"
		case '%', '_':
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
