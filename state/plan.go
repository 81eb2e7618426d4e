package state

import (
	"context"
	"fmt"
	"time"

	"mlsync.dev/mlsync/plan"
)

// Planned is the plan that a target made last. What is in Body is for those who
// keep it to know.
type Planned struct {
	// Digest names the plan, Consent what an approval of it is bound to.
	Digest, Consent string
	Commit, Run     string
	At              time.Time
	// Complete says that all was read that it speaks of, Unfinished that traffic
	// moves still.
	Complete, Unfinished bool
	// Needs are the approvals that it asks for.
	Needs []string
	Body  []byte
	// Ended is how Run ended; "" if it did not, or is forgotten.
	Ended plan.State
}

// Keep keeps the plan that the target made last, in place of the one before. One
// with the same digest stays, and so does one that a later run made.
func (t *Target) Keep(ctx context.Context, generation int64, p Planned) error {
	needs, err := toJSON(p.Needs)
	if err != nil {
		return err
	}
	return t.write(ctx, generation, func(x *tx) error {
		_, err := x.exec(ctx, `INSERT INTO plans (target_id, digest, consent, commit_id, run_id, at, complete, unfinished, needs, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (target_id) DO UPDATE SET digest = excluded.digest, consent = excluded.consent, commit_id = excluded.commit_id, run_id = excluded.run_id, at = excluded.at,
				complete = excluded.complete, unfinished = excluded.unfinished, needs = excluded.needs, body = excluded.body
			WHERE plans.digest <> excluded.digest`,
			t.id, p.Digest, p.Consent, p.Commit, p.Run, nanos(t.s.clock()), flag(p.Complete), flag(p.Unfinished), needs, p.Body)
		return err
	})
}

const plannedColumns = `p.digest, p.consent, p.commit_id, p.run_id, p.at, p.complete, p.unfinished, p.needs`

func scanPlanned(r row, more ...any) (Planned, error) {
	var p Planned
	var at int64
	var complete, unfinished int
	var needs string
	dest := []any{&p.Digest, &p.Consent, &p.Commit, &p.Run, &at, &complete, &unfinished, &needs}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return p, err
	}
	p.At, p.Complete, p.Unfinished = fromNanos(at), complete != 0, unfinished != 0
	return p, fromJSON(needs, &p.Needs)
}

// Planned is the plan that the target called name made last; ErrNotFound if
// none was kept.
func (s *Store) Planned(ctx context.Context, name string) (p Planned, err error) {
	found := false
	err = s.read(ctx, `SELECT `+plannedColumns+`, p.body, coalesce(r.state, '') FROM plans p JOIN targets t ON t.id = p.target_id LEFT JOIN runs r ON r.id = p.run_id WHERE t.name = ?`, []any{name}, func(r row) error {
		var body []byte
		var ended plan.State
		found = true
		p, err = scanPlanned(r, &body, &ended)
		p.Body, p.Ended = body, ended
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("a plan of target %q: %w", name, ErrNotFound)
	}
	return p, err
}
