package policy

import (
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
)

// Judge asks every rule about everything that it is about, in the order of
// steps, assets and releases. Equal inputs give equal reports.
func (s *Set) Judge(in Input) Report {
	j := &judge{in: in, listed: listing(in.Releases)}
	if s != nil {
		for _, r := range s.Rules {
			j.counts = append(j.counts, Count{Rule: r})
		}
	}
	if len(j.counts) > 0 {
		j.all()
	}
	if j.silent > 0 {
		j.bad.Warnf(problem.Pos{File: Folder}, Code, "", "%d more warnings of policies are not shown", j.silent)
	}
	return Report{Counts: j.counts, Problems: j.bad.Sorted()}
}

func (j *judge) all() {
	for i := range j.in.Steps {
		if step := &j.in.Steps[i]; step.Action.Writes() || step.Action == plan.Orphan {
			j.ask(OnChange, j.change(step))
		}
	}
	for _, a := range j.in.Assets {
		j.ask(OnAsset, j.asset(a))
	}
	for _, r := range j.in.Releases {
		j.ask(OnRelease, j.release(r))
	}
}

// judge is one judging.
type judge struct {
	in     Input
	listed map[asset.ID][]string
	counts []Count
	bad    problem.List
	spent  uint64
	// errors and warnings are how many there are, silent how many warnings
	// are not among the problems; full says that nothing more is asked.
	errors, warnings, silent int
	full                     bool
}

// matter is one thing that rules are asked about.
type matter struct {
	subject
	id string
	// vars makes the variables, which few matters need.
	vars func() map[string]any
	// at is the place of a field.
	at func(path []string) problem.Pos
}

func (j *judge) change(s *plan.Step) matter {
	id := s.Key.ID
	either := s.Want
	if either == nil {
		either = s.Live
	}
	return matter{
		subject: subject{kind: string(id.Kind), name: id.Name, action: string(s.Action), target: j.in.Target},
		id:      id.String(),
		vars: func() map[string]any {
			fields := []string{}
			for _, ch := range s.Changes {
				if ch.Ignored == "" {
					fields = append(fields, ch.Dotted())
				}
			}
			return j.released(id, map[string]any{
				"kind": string(id.Kind), "name": id.Name, "parent": id.Parent, "version": id.Version, "target": j.in.Target,
				"action": string(s.Action), "destructive": s.Action.Destructive(), "part": s.Key.Part,
				"want": written(s.Want), "live": written(s.Live), "fields": fields, "tags": tagsOf(either),
				"source": object(asset.NewMap().Set("file", asset.NewString(s.Source.File)).Set("line", asset.NewInt(int64(s.Source.Line)))),
			})
		},
		at: func(path []string) problem.Pos {
			if s.Want == nil {
				return s.Source
			}
			return placeOf(s.Want.Body, path, s.Source)
		},
	}
}

func (j *judge) asset(a *asset.Asset) matter {
	id := a.ID
	return matter{
		subject: subject{kind: string(id.Kind), name: id.Name, target: j.in.Target},
		id:      id.String(),
		vars: func() map[string]any {
			return j.released(id, map[string]any{
				"kind": string(id.Kind), "name": id.Name, "parent": id.Parent, "version": id.Version, "target": j.in.Target,
				"body": written(a), "tags": tagsOf(a), "file": a.Pos.File,
			})
		},
		at: func(path []string) problem.Pos { return placeOf(a.Body, path, a.Pos) },
	}
}

// released adds which releases list an asset, and at which the target is.
func (j *judge) released(id asset.ID, vars map[string]any) map[string]any {
	names := append([]string{}, j.listed[id]...)
	vars["releases"], vars["release"], vars["pinned"] = names, "", j.in.Pinned
	if len(names) > 0 {
		vars["release"] = names[len(names)-1]
	}
	return vars
}

func (j *judge) release(r *Release) matter {
	return matter{
		subject: subject{name: r.Name, target: j.in.Target},
		id:      "release/" + r.Name,
		vars: func() map[string]any {
			assets := asset.NewList(r.Doc.Get("assets").Items()...)
			return map[string]any{"name": r.Name, "target": j.in.Target, "assets": native(assets), "source": object(r.Doc.Get("source")), "file": r.File}
		},
		at: func(path []string) problem.Pos {
			return placeOf(r.Doc, path, problem.Pos{File: r.File, Line: 1, Col: 1})
		},
	}
}

// ask asks the rules about one matter.
func (j *judge) ask(on On, m matter) {
	var vars map[string]any
	for i := range j.counts {
		c := &j.counts[i]
		if j.full || c.Rule.On != on || !c.Rule.concerns(m.subject) {
			continue
		}
		if vars == nil {
			vars = m.vars()
		}
		j.verdict(c, m, vars)
	}
}

// verdict asks one rule.
func (j *judge) verdict(c *Count, m matter, vars map[string]any) {
	r := c.Rule
	if r.when != nil {
		applies, err := j.holds(r.when, vars)
		if err != nil {
			j.failed(c, m, "when of the rule "+r.Name, err)
			return
		}
		if !applies {
			return
		}
	}
	good, err := j.holds(r.assert, vars)
	switch {
	case err != nil:
		j.failed(c, m, "the rule "+r.Name, err)
		return
	case good:
		c.Judged, c.Passed = c.Judged+1, c.Passed+1
		return
	}
	c.Judged, c.Violated = c.Judged+1, c.Violated+1
	text, cost := r.say(vars)
	j.spend(cost)
	severity := problem.Error
	if r.Level == Warn {
		severity = problem.Warning
	}
	j.add(problem.Problem{Pos: r.or(m.at(r.At)), Severity: severity, Code: Code, Text: m.id + ": " + text, Hint: r.place()})
}

func (j *judge) holds(e *expression, vars map[string]any) (bool, error) {
	good, cost, err := e.holds(vars)
	j.spend(cost)
	return good, err
}

// spend counts what was used up. Beyond the budget nothing is asked any more,
// and that denies.
func (j *judge) spend(cost uint64) {
	if j.spent += cost + 1; j.spent > limit.PolicyBudget && !j.full {
		j.full = true
		j.bad.Hintf(problem.Pos{File: Folder}, CodeError, "match fewer assets, and loop over less", "the policies cost more than %d over all: the rest is not evaluated", uint64(limit.PolicyBudget))
	}
}

// failed notes a rule that could not be evaluated. It denies, whatever the
// level of the rule: one that says nothing may not be taken for one that agrees.
func (j *judge) failed(c *Count, m matter, what string, err error) {
	c.Judged, c.Failed = c.Judged+1, c.Failed+1
	text := fmt.Sprintf("%s: %s cannot be evaluated, which denies: %s", m.id, what, plain(err.Error()))
	j.add(problem.Problem{Pos: c.Rule.or(m.at(c.Rule.At)), Severity: problem.Error, Code: CodeError, Text: text, Hint: c.Rule.place()})
}

// add keeps a problem, unless there are too many already. Errors end the
// judging then: nothing is written anyway.
func (j *judge) add(p problem.Problem) {
	if p.Severity == problem.Warning {
		if j.warnings++; j.warnings > limit.Problems {
			j.silent++
			return
		}
	} else if j.errors++; j.errors == limit.Problems && !j.full {
		j.full = true
		j.bad.Addf(problem.Pos{File: Folder}, CodeError, "%d problems: the rest is not evaluated", limit.Problems)
	}
	j.bad = append(j.bad, p)
}

// or is pos, or where the rule stands if pos is no place: an asset that git no
// longer has.
func (r *Rule) or(pos problem.Pos) problem.Pos {
	if pos.File == "" {
		return r.Pos
	}
	return pos
}

// place says which rule it is.
func (r *Rule) place() string { return fmt.Sprintf("policy %s, %s", r.Name, r.Pos) }
