package state

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// runID names a run: the target and its generation, such as prod-42.
func runID(target string, generation int64) string {
	return target + "-" + strconv.FormatInt(generation, 10)
}

// Begin begins a run and fences off every earlier one. Of run Commit, Trigger,
// Release and Digest are kept, and the release is taken unless it waits; ID, Generation, Target and Started are given by the
// journal and returned. A run that never ended is marked as failed. It fails
// with a LockedError if another process holds the target's lock, and with
// ErrFenced if the lock was taken with t and has been lost since.
func (t *Target) Begin(ctx context.Context, run plan.Run) (plan.Run, error) {
	err := t.s.write(ctx, func(x *tx) error {
		l, err := t.lock(ctx, x)
		if err != nil {
			return err
		}
		now := t.s.clock()
		if l.session != "" && l.session != t.s.session && l.until.After(l.now) {
			return l.err(t.name)
		}
		if t.locked.Load() && l.session != t.s.session {
			// Others may have run since, and for a newer commit.
			return fmt.Errorf("lock of target %q: %w", t.name, ErrFenced)
		}
		run.Generation, run.Target, run.Started = l.generation+1, t.name, fromNanos(nanos(now))
		run.ID = runID(t.name, run.Generation)
		if _, err := x.exec(ctx, `UPDATE targets SET generation = ? WHERE id = ?`, run.Generation, t.id); err != nil {
			return err
		}
		if err := t.auditInterrupted(ctx, x); err != nil {
			return err
		}
		_, err = x.exec(ctx, `UPDATE runs SET ended = ?, state = ?, err = ? WHERE target_id = ? AND ended = 0`,
			nanos(now), string(plan.Failed), "interrupted: the process ended before the run did", t.id)
		if err != nil {
			return err
		}
		_, err = x.exec(ctx, `INSERT INTO runs (id, target_id, generation, commit_id, cause, started, digest, release_name, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			run.ID, t.id, run.Generation, run.Commit, run.Trigger, nanos(now), run.Digest, run.Release.Name, run.Release.Fingerprint)
		if err != nil {
			return err
		}
		return t.take(ctx, x, run)
	})
	if err != nil {
		return plan.Run{}, fmt.Errorf("begin a run of target %q: %w", t.name, err)
	}
	return run, nil
}

// EndRun records the end of a run, also when ctx is cancelled. Of run
// Generation, Commit, State, Digest, Summary and Err are kept; its outcomes
// are in the journal already. Intents without an outcome stay open.
func (t *Target) EndRun(ctx context.Context, run plan.Run) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	summary, err := toJSON(run.Summary)
	if err != nil {
		return err
	}
	err = t.write(ctx, run.Generation, func(x *tx) error {
		news, err := t.news(ctx, x, run)
		if err != nil {
			return err
		}
		n, err := x.exec(ctx, `UPDATE runs SET ended = ?, commit_id = ?, state = ?, digest = ?, summary = ?, err = ? WHERE target_id = ? AND generation = ?`,
			nanos(t.s.clock()), run.Commit, string(run.State), run.Digest, summary, run.Err, t.id, run.Generation)
		if err == nil && n == 0 {
			err = fmt.Errorf("run %s: %w", runID(t.name, run.Generation), ErrNotFound)
		}
		if err != nil {
			return err
		}
		if err := t.auditRun(ctx, x, runID(t.name, run.Generation), string(run.State), run.Err); err != nil || !news {
			return err
		}
		return t.ended(ctx, x, run)
	})
	if err != nil {
		return err
	}
	if err := t.s.writeMark(ctx); err != nil {
		return fmt.Errorf("write the mark of the journal %s: %w", t.s, err)
	}
	return nil
}

// ended notes the end of a run.
func (t *Target) ended(ctx context.Context, x *tx, run plan.Run) error {
	if run.State == "" {
		return nil
	}
	text := strings.TrimRight(runID(t.name, run.Generation)+" "+run.Commit, " ")
	if run.Err != "" {
		text += ": " + run.Err
	}
	return t.s.note(ctx, x, t.name, Event{What: "run_" + string(run.State), Text: text})
}

// news reports whether the end of a run is an event: it took steps, or it is for
// another commit or ends otherwise than the one before. What stays as it is, is
// none, however often it is looked at.
func (t *Target) news(ctx context.Context, x *tx, run plan.Run) (bool, error) {
	var same, steps int
	_, err := x.get(ctx, `SELECT count(*) FROM runs WHERE target_id = ? AND commit_id = ? AND state = ? AND err = ? AND (generation = ?
		OR generation = (SELECT max(b.generation) FROM runs b WHERE b.target_id = ? AND b.generation < ?))`,
		[]any{t.id, run.Commit, string(run.State), run.Err, run.Generation, t.id, run.Generation}, &same)
	if err != nil {
		return false, err
	}
	_, err = x.get(ctx, `SELECT count(*) FROM steps WHERE run_id = ?`, []any{runID(t.name, run.Generation)}, &steps)
	return same == 0 || steps > 0, err
}

const runColumns = `SELECT r.id, t.name, r.generation, r.commit_id, r.cause, r.started, r.ended, r.state, r.digest, r.summary, r.err, r.release_name, r.fingerprint
	FROM runs r JOIN targets t ON t.id = r.target_id `

func scanRun(r row) (plan.Run, error) {
	var run plan.Run
	var started, ended int64
	var summary string
	err := r.Scan(&run.ID, &run.Target, &run.Generation, &run.Commit, &run.Trigger, &started, &ended, &run.State, &run.Digest, &summary, &run.Err, &run.Release.Name, &run.Release.Fingerprint)
	if err != nil {
		return run, err
	}
	run.Started, run.Ended = fromNanos(started), fromNanos(ended)
	return run, fromJSON(summary, &run.Summary)
}

func (s *Store) runs(ctx context.Context, where string, args ...any) ([]plan.Run, error) {
	var out []plan.Run
	err := s.read(ctx, runColumns+where, args, func(r row) error {
		run, err := scanRun(r)
		out = append(out, run)
		return err
	})
	return out, err
}

// Runs are the runs of the target without their outcomes, newest first: at
// most limit, and before the given generation if that is not 0.
func (t *Target) Runs(ctx context.Context, limit int, before int64) ([]plan.Run, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	return t.s.runs(ctx, `WHERE r.target_id = ? AND r.generation < ? ORDER BY r.generation DESC LIMIT ?`, t.id, before, limit)
}

// LastApplied is the last run that ended well; ErrNotFound if there is none.
func (t *Target) LastApplied(ctx context.Context) (plan.Run, error) {
	runs, err := t.s.runs(ctx, `WHERE r.target_id = ? AND r.state = ? ORDER BY r.generation DESC LIMIT 1`, t.id, string(plan.Done))
	return only(runs, err, "a run that ended well of target "+t.name)
}

func only(runs []plan.Run, err error, what string) (plan.Run, error) {
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	if err != nil {
		return plan.Run{}, err
	}
	return runs[0], nil
}

// Run is the run with its outcomes in the order in which their steps began;
// ErrNotFound if there is none. Steps without an outcome are pending.
func (s *Store) Run(ctx context.Context, id string) (plan.Run, error) {
	runs, err := s.runs(ctx, `WHERE r.id = ?`, id)
	run, err := only(runs, err, "run "+id)
	if err != nil {
		return run, err
	}
	err = s.read(ctx, `SELECT asset, part, action, state, err, code, request, by_asset, by_part, started, took FROM steps WHERE run_id = ? ORDER BY id`,
		[]any{id}, func(r row) error {
			o, err := scanOutcome(r)
			run.Outcomes = append(run.Outcomes, o)
			return err
		})
	return run, err
}

func scanOutcome(r row, more ...any) (plan.Outcome, error) {
	var o plan.Outcome
	var id, by string
	var started, took int64
	dest := []any{&id, &o.Key.Part, &o.Action, &o.State, &o.Err, &o.Code, &o.Request, &by, &o.By.Part, &started, &took}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return o, err
	}
	if o.State == "" {
		o.State = plan.Pending
	}
	o.Started = fromNanos(started)
	o.Took = time.Duration(took)
	if err := parseID(id, &o.Key.ID); err != nil {
		return o, err
	}
	return o, parseID(by, &o.By.ID)
}

// Past is one step in the life of an asset.
type Past struct {
	Run, Commit, Trigger string
	Outcome              plan.Outcome
}

// History is what was done to the asset, newest first: at most limit steps.
// An id without a version stands for all versions.
func (t *Target) History(ctx context.Context, id asset.ID, limit int) ([]Past, error) {
	const query = `SELECT s.asset, s.part, s.action, s.state, s.err, s.code, s.request, s.by_asset, s.by_part, s.started, s.took, r.id, r.commit_id, r.cause
		FROM steps s JOIN runs r ON r.id = s.run_id WHERE s.target_id = ? AND (s.asset = ? OR (s.asset >= ? AND s.asset < ?)) ORDER BY s.id DESC LIMIT ?`
	text := id.String()
	from, to := text, text // an empty range
	if id.Version == "" {
		from, to = text+":", text+";" // the character after the colon
	}
	var out []Past
	err := t.s.read(ctx, query, []any{t.id, text, from, to, limit}, func(r row) error {
		var p Past
		var err error
		p.Outcome, err = scanOutcome(r, &p.Run, &p.Commit, &p.Trigger)
		out = append(out, p)
		return err
	})
	return out, err
}
