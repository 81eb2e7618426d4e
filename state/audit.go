package state

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/redact"
)

// Actor is who acts, and from where.
type Actor struct {
	// Subject is who is known to act, such as user:entra/…; "" if nobody knows.
	// Name is then the name that was given, for what has no author of its own.
	Subject, Name string
	// Via is cli, api, webhook or daemon; From an address or a machine.
	Via, From string
	// Project is the one that it is about.
	Project string
}

type actorKey struct{}

// Acting is ctx for what actor does. What is written with it is in the audit
// under that name.
func Acting(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// Audit is one row of who did what. Rows are added and never changed.
type Audit struct {
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	// Actor is the subject of who acted or, where nobody proved who they are,
	// the name that they gave.
	Actor   string `json:"actor"`
	Via     string `json:"via,omitempty"`
	From    string `json:"from,omitempty"`
	Action  string `json:"action"` // a stable word, such as hold
	Project string `json:"project,omitempty"`
	Target  string `json:"target,omitempty"`
	Asset   string `json:"asset,omitempty"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail,omitempty"`
	// Prev is the hash of the row before, Hash that of this one.
	Prev string `json:"prev"`
	Hash string `json:"hash"`
}

// sum is the hash of the row.
func (a Audit) sum() string {
	data, _ := json.Marshal([]any{ // texts and numbers never fail
		a.Prev, a.Seq, nanos(a.At), a.Actor, a.Via, a.From, a.Action, a.Project, a.Target, a.Asset, a.Outcome, a.Detail,
	})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// detailBytes bounds what a row says.
const detailBytes = 4000

// Audited appends rows about what is not in the journal otherwise. Actor, Via,
// From and Project are those of ctx where they are empty; Seq, At and the hashes
// are filled in.
func (s *Store) Audited(ctx context.Context, rows ...Audit) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	return s.write(ctx, func(x *tx) error {
		for _, a := range rows {
			if err := s.audit(ctx, x, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// audit appends a row. Who appends holds the row of the installation until the
// end of the transaction, so that each sees the row before.
func (s *Store) audit(ctx context.Context, x *tx, a Audit) error {
	actor := actorOf(ctx)
	a.Actor = cmp.Or(actor.Subject, a.Actor, actor.Name, "unknown")
	a.Via, a.From, a.Project = cmp.Or(actor.Via, a.Via), cmp.Or(actor.From, a.From), cmp.Or(actor.Project, a.Project)
	a.Outcome = cmp.Or(a.Outcome, "done")
	for _, text := range []*string{&a.Actor, &a.Via, &a.From, &a.Action, &a.Project, &a.Target, &a.Asset, &a.Outcome, &a.Detail} {
		*text = told(*text)
	}
	var one int
	if _, err := x.get(ctx, `SELECT one FROM installation WHERE one = 1`+s.dialect.update, nil, &one); err != nil {
		return err
	}
	if _, err := x.get(ctx, `SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`, nil, &a.Seq, &a.Prev); err != nil {
		return err
	}
	a.Seq++
	a.At = fromNanos(nanos(s.clock()))
	a.Hash = a.sum()
	return putAudit(ctx, x, a)
}

// told is a text as it is kept: without credentials, and not without end.
func told(text string) string {
	text = redact.Text(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"))
	if len(text) > detailBytes {
		text = strings.ToValidUTF8(text[:detailBytes], "") + "…"
	}
	return text
}

func putAudit(ctx context.Context, x *tx, a Audit) error {
	_, err := x.exec(ctx, `INSERT INTO audit (seq, at, actor, via, origin, action, project, target, asset, outcome, detail, prev, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Seq, nanos(a.At), a.Actor, a.Via, a.From, a.Action, a.Project, a.Target, a.Asset, a.Outcome, a.Detail, a.Prev, a.Hash)
	return err
}

const auditColumns = `SELECT seq, at, actor, via, origin, action, project, target, asset, outcome, detail, prev, hash FROM audit `

func scanAudit(r row) (Audit, error) {
	var a Audit
	var at int64
	err := r.Scan(&a.Seq, &at, &a.Actor, &a.Via, &a.From, &a.Action, &a.Project, &a.Target, &a.Asset, &a.Outcome, &a.Detail, &a.Prev, &a.Hash)
	a.At = fromNanos(at)
	return a, err
}

// AuditFilter chooses rows; what is zero chooses all.
type AuditFilter struct {
	Since, Until          time.Time // from, and before
	Target, Actor, Action string
	// Before is a row: only older ones.
	Before int64
	// Limit is how many at most; 0 is 100.
	Limit int
}

// Audit are rows, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter) ([]Audit, error) {
	before, until := cmp.Or(f.Before, int64(math.MaxInt64)), int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = nanos(f.Until)
	}
	var out []Audit
	err := s.read(ctx, auditColumns+`WHERE seq < ? AND at >= ? AND at < ? AND (target = ? OR ? = '') AND (actor = ? OR ? = '') AND (action = ? OR ? = '') ORDER BY seq DESC LIMIT ?`,
		[]any{before, nanos(f.Since), until, f.Target, f.Target, f.Actor, f.Actor, f.Action, f.Action, cmp.Or(f.Limit, 100)}, func(r row) error {
			a, err := scanAudit(r)
			out = append(out, a)
			return err
		})
	return out, err
}

// ErrTampered says that rows of the audit were changed, taken away or put
// between.
var ErrTampered = errors.New("the audit was tampered with")

// AuditChain follows rows from the first to the last and finds what is wrong
// with them. The zero value is the beginning.
type AuditChain struct {
	// Last is the row that was seen last; Seq 0 is none.
	Last Audit
}

// Next takes the next row. The error wraps ErrTampered.
func (c *AuditChain) Next(a Audit) error {
	switch {
	case a.Seq != c.Last.Seq+1:
		return fmt.Errorf("%w: row %d comes after row %d", ErrTampered, a.Seq, c.Last.Seq)
	case a.Prev != c.Last.Hash:
		return fmt.Errorf("%w: row %d does not follow from row %d", ErrTampered, a.Seq, c.Last.Seq)
	case a.Hash != a.sum():
		return fmt.Errorf("%w: row %d is not what was written", ErrTampered, a.Seq)
	}
	c.Last = a
	return nil
}

// EachAudit calls do with all rows from the first on, as of one moment.
func (s *Store) EachAudit(ctx context.Context, do func(Audit) error) error {
	return s.snapshot(ctx, func(x *tx) error {
		return x.query(ctx, auditColumns+`ORDER BY seq`, nil, func(r row) error {
			a, err := scanAudit(r)
			if err != nil {
				return err
			}
			return do(a)
		})
	})
}
