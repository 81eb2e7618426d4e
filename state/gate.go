package state

import (
	"context"
	"errors"
	"time"

	"mlsync.dev/mlsync/plan"
)

// Verdict is what was found of one gate of a target for one release.
type Verdict struct {
	Release plan.Release
	// Commit is the one that brought the release.
	Commit     string
	Gate, Type string
	// Rule is a digest of what the gate asked.
	Rule, State, Why string
	Evidence         map[string]string
	// Since is the first look, At the last, Next the next, zero for never.
	Since, At, Next, Deadline time.Time
}

// Taken is a release that a target took.
type Taken struct {
	Release     plan.Release
	Commit, Run string
	At          time.Time
}

// Judge keeps the verdicts on all gates of the target for a release, in place
// of what was kept for it. An event tells of each gate that changed.
func (t *Target) Judge(ctx context.Context, release plan.Release, commit string, verdicts ...Verdict) error {
	return t.s.write(ctx, func(x *tx) error {
		before := map[string]string{}
		err := x.query(ctx, `SELECT gate, state FROM gates WHERE target_id = ? AND fingerprint = ?`, []any{t.id, release.Fingerprint}, func(r row) error {
			var name, state string
			err := r.Scan(&name, &state)
			before[name] = state
			return err
		})
		if err != nil {
			return err
		}
		if _, err := x.exec(ctx, `DELETE FROM gates WHERE target_id = ? AND fingerprint = ?`, t.id, release.Fingerprint); err != nil {
			return err
		}
		for _, v := range verdicts {
			v.Release, v.Commit = release, commit
			if err := putVerdict(ctx, x, t.id, v); err != nil {
				return err
			}
			if before[v.Gate] == v.State {
				continue
			}
			if err := t.s.note(ctx, x, t.name, Event{What: "gate_" + v.State, Text: release.Name + " " + v.Gate + ": " + v.Why}); err != nil {
				return err
			}
		}
		return nil
	})
}

func putVerdict(ctx context.Context, x *tx, target int64, v Verdict) error {
	evidence, err := toJSON(v.Evidence)
	if err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO gates (target_id, fingerprint, gate, release_name, commit_id, type, rule, state, why, evidence, since, at, next, deadline)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		target, v.Release.Fingerprint, v.Gate, v.Release.Name, v.Commit, v.Type, v.Rule, v.State, v.Why, evidence, nanos(v.Since), nanos(v.At), nanos(v.Next), nanos(v.Deadline))
	return err
}

const verdictColumns = `g.fingerprint, g.gate, g.release_name, g.commit_id, g.type, g.rule, g.state, g.why, g.evidence, g.since, g.at, g.next, g.deadline`

func scanVerdict(r row, more ...any) (Verdict, error) {
	var v Verdict
	var evidence string
	var since, at, next, deadline int64
	err := r.Scan(append([]any{&v.Release.Fingerprint, &v.Gate, &v.Release.Name, &v.Commit, &v.Type, &v.Rule, &v.State, &v.Why, &evidence, &since, &at, &next, &deadline}, more...)...)
	v.Since, v.At, v.Next, v.Deadline = fromNanos(since), fromNanos(at), fromNanos(next), fromNanos(deadline)
	return v, errors.Join(err, fromJSON(evidence, &v.Evidence))
}

// Verdicts are those on the gates of the target for the release with the
// fingerprint, in the order of names.
func (t *Target) Verdicts(ctx context.Context, fingerprint string) ([]Verdict, error) {
	var out []Verdict
	err := t.s.read(ctx, `SELECT `+verdictColumns+` FROM gates g WHERE g.target_id = ? AND g.fingerprint = ? ORDER BY g.gate`, []any{t.id, fingerprint}, func(r row) error {
		v, err := scanVerdict(r)
		out = append(out, v)
		return err
	})
	return out, err
}

// Waiting is the release that the last run of the target waits with; the zero
// Release if it waits for nothing.
func (t *Target) Waiting(ctx context.Context) (plan.Release, error) {
	runs, err := t.Runs(ctx, 1, 0)
	if err != nil || len(runs) == 0 || runs[0].State != plan.Waiting {
		return plan.Release{}, err
	}
	return runs[0].Release, nil
}

// Wait notes that a run waits with its release: nothing of it was carried out.
// A run that waits with the same release of the same commit already is that
// run. Of run Commit, Trigger, Release, Digest, Summary and Err are kept; it
// fails with a LockedError if another process holds the target's lock.
func (t *Target) Wait(ctx context.Context, run plan.Run) (plan.Run, error) {
	run.State = plan.Waiting
	runs, err := t.Runs(ctx, 1, 0)
	if err != nil {
		return run, err
	}
	if len(runs) == 1 && runs[0].State == plan.Waiting && runs[0].Commit == run.Commit && runs[0].Release == run.Release {
		run.ID, run.Generation, run.Target, run.Started = runs[0].ID, runs[0].Generation, t.name, runs[0].Started
	} else if run, err = t.Begin(ctx, run); err != nil {
		return run, err
	}
	run.Ended = t.s.clock()
	return run, t.EndRun(ctx, run)
}

// take notes that a run brings its release to the target.
func (t *Target) take(ctx context.Context, x *tx, run plan.Run) error {
	if run.Release.Fingerprint == "" || run.State == plan.Waiting {
		return nil
	}
	return putTaken(ctx, x, t.id, Taken{Release: run.Release, Commit: run.Commit, Run: run.ID, At: run.Started})
}

func putTaken(ctx context.Context, x *tx, target int64, n Taken) error {
	_, err := x.exec(ctx, `INSERT INTO taken (target_id, fingerprint, release_name, commit_id, run_id, at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (target_id, fingerprint) DO UPDATE SET release_name = excluded.release_name, commit_id = excluded.commit_id, run_id = excluded.run_id, at = excluded.at`,
		target, n.Release.Fingerprint, n.Release.Name, n.Commit, n.Run, nanos(n.At))
	return err
}

// Taken are the releases that the target took, the last one first. One that
// was taken again is there once.
func (t *Target) Taken(ctx context.Context) ([]Taken, error) {
	var out []Taken
	err := t.s.read(ctx, `SELECT fingerprint, release_name, commit_id, run_id, at FROM taken WHERE target_id = ? ORDER BY at DESC, fingerprint`, []any{t.id}, func(r row) error {
		var n Taken
		var at int64
		err := r.Scan(&n.Release.Fingerprint, &n.Release.Name, &n.Commit, &n.Run, &at)
		n.At = fromNanos(at)
		out = append(out, n)
		return err
	})
	return out, err
}

// Judged is the release whose gates were looked at last; the zero Release if
// none were.
func (t *Target) Judged(ctx context.Context) (plan.Release, error) {
	var out plan.Release
	err := t.s.read(ctx, `SELECT release_name, fingerprint FROM gates WHERE target_id = ? ORDER BY at DESC, fingerprint LIMIT 1`, []any{t.id}, func(r row) error {
		return r.Scan(&out.Name, &out.Fingerprint)
	})
	return out, err
}
