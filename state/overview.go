package state

import (
	"context"

	"mlsync.dev/mlsync/plan"
)

// Overview is what the journal knows of one target, for a list of many.
type Overview struct {
	TargetInfo
	// Last is the last run, Applied the last that ended well; without outcomes,
	// and zero if there is none.
	Last, Applied plan.Run
	// Failed steps, drifted assets and those that are left are of the last run.
	Failed, Drifted, Left int
	// Rollouts have not come to their end.
	Rollouts []plan.RolloutRecord
	// Verdicts are those on the gates before which the last run waits.
	Verdicts   []Verdict
	Conditions []Condition
	// Planned is the plan that was made last, without its body.
	Planned Planned
}

// Overviews are the targets of the names that the journal knows, by name. It
// asks as many questions for one as for a thousand.
func (s *Store) Overviews(ctx context.Context, names []string) (map[string]*Overview, error) {
	list, err := namesJSON(names)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Overview, len(names))
	now := s.clock()
	err = s.read(ctx, `SELECT `+targetColumns+` FROM targets WHERE name`+s.dialect.among, []any{list}, func(r row) error {
		i, err := s.scanTarget(r)
		if !i.Expires.After(now) {
			i.Holder = ""
		}
		out[i.Name] = &Overview{TargetInfo: i}
		return err
	})
	if err != nil || len(out) == 0 {
		return out, err
	}
	for _, fill := range []func(context.Context, string, map[string]*Overview) error{
		s.lastRuns, s.lastFailed, s.lastDrift, s.lastRollouts, s.lastVerdicts, s.lastConditions, s.lastPlanned,
	} {
		if err := fill(ctx, list, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// newestRun and newestGood are the generations of the last run of a target, and
// of the last that ended well; 0 if there is none.
const (
	newestRun  = `(SELECT coalesce(max(n.generation), 0) FROM runs n WHERE n.target_id = t.id)`
	newestGood = `(SELECT n.generation FROM runs n WHERE n.target_id = t.id AND n.state = 'done' ORDER BY n.generation DESC LIMIT 1)`
)

func (s *Store) lastRuns(ctx context.Context, list string, out map[string]*Overview) error {
	runs, err := s.runs(ctx, `WHERE t.name`+s.dialect.among+` AND r.generation IN (`+newestRun+`, `+newestGood+`)`, list)
	for _, r := range runs {
		o := out[r.Target]
		if o == nil {
			continue // it was made since
		}
		if r.Generation > o.Last.Generation {
			o.Last = r
		}
		if r.State == plan.Done {
			o.Applied = r
		}
	}
	return err
}

func (s *Store) lastFailed(ctx context.Context, list string, out map[string]*Overview) error {
	return s.read(ctx, `SELECT t.name, count(*) FROM targets t JOIN runs r ON r.target_id = t.id AND r.generation = `+newestRun+`
		JOIN steps s ON s.run_id = r.id AND s.state = 'failed' WHERE t.name`+s.dialect.among+` GROUP BY t.name`, []any{list}, func(r row) error {
		return scanInto(r, out, func(o *Overview) []any { return []any{&o.Failed} }, 1)
	})
}

func (s *Store) lastDrift(ctx context.Context, list string, out map[string]*Overview) error {
	return s.read(ctx, `SELECT t.name, count(*), sum(CASE WHEN d.held <> '' THEN 1 ELSE 0 END) FROM targets t JOIN runs r ON r.target_id = t.id AND r.generation = `+newestRun+`
		JOIN drift d ON d.run_id = r.id WHERE t.name`+s.dialect.among+` GROUP BY t.name`, []any{list}, func(r row) error {
		return scanInto(r, out, func(o *Overview) []any { return []any{&o.Drifted, &o.Left} }, 2)
	})
}

// scanInto reads a name and n numbers into its overview.
func scanInto(r row, out map[string]*Overview, dest func(*Overview) []any, n int) error {
	var name string
	numbers := make([]int, n)
	into := []any{&name}
	for i := range numbers {
		into = append(into, &numbers[i])
	}
	if err := r.Scan(into...); err != nil {
		return err
	}
	if o := out[name]; o != nil {
		for i, d := range dest(o) {
			*d.(*int) = numbers[i]
		}
	}
	return nil
}

func (s *Store) lastRollouts(ctx context.Context, list string, out map[string]*Overview) error {
	return s.read(ctx, `SELECT `+rolloutColumns+`, t.name FROM rollouts r JOIN targets t ON t.id = r.target_id WHERE t.name`+s.dialect.among+` AND r.state <> ? ORDER BY r.asset`,
		[]any{list, string(plan.Finished)}, func(r row) error {
			var name string
			rec, err := scanRollout(r, &name)
			if o := out[name]; o != nil && err == nil {
				o.Rollouts = append(o.Rollouts, rec)
			}
			return err
		})
}

func (s *Store) lastVerdicts(ctx context.Context, list string, out map[string]*Overview) error {
	return s.read(ctx, `SELECT `+verdictColumns+`, t.name FROM targets t JOIN runs r ON r.target_id = t.id AND r.generation = `+newestRun+` AND r.state = 'waiting'
		JOIN gates g ON g.target_id = t.id AND g.fingerprint = r.fingerprint WHERE t.name`+s.dialect.among+` ORDER BY g.gate`, []any{list}, func(r row) error {
		var name string
		v, err := scanVerdict(r, &name)
		if o := out[name]; o != nil && err == nil {
			o.Verdicts = append(o.Verdicts, v)
		}
		return err
	})
}

func (s *Store) lastConditions(ctx context.Context, list string, out map[string]*Overview) error {
	return s.read(ctx, `SELECT `+conditionColumns+`, target FROM conditions WHERE target`+s.dialect.among+` ORDER BY what, asset, code`, []any{list}, func(r row) error {
		var name string
		c, err := scanCondition(r, &name)
		if o := out[name]; o != nil && err == nil {
			o.Conditions = append(o.Conditions, c)
		}
		return err
	})
}

func (s *Store) lastPlanned(ctx context.Context, list string, out map[string]*Overview) error {
	return s.read(ctx, `SELECT `+plannedColumns+`, t.name FROM plans p JOIN targets t ON t.id = p.target_id WHERE t.name`+s.dialect.among, []any{list}, func(r row) error {
		var name string
		p, err := scanPlanned(r, &name)
		if o := out[name]; o != nil && err == nil {
			o.Planned = p
		}
		return err
	})
}
