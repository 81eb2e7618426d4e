package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// A Check asks whether a deployment of an endpoint, which is as git wants it,
// works as the rules say.
// Evidence is what was seen, for people; it holds no secret. An error is for
// what gave no answer: nobody knows then.
type Check func(ctx context.Context, endpoint *asset.Asset, deployment asset.ID) (ok bool, evidence string, err error)

// AssumeChecks takes every check for passed: for plans that only show what
// would be done.
func AssumeChecks(context.Context, *asset.Asset, asset.ID) (ok bool, evidence string, err error) {
	return true, "not asked", nil
}

// rolling is one rollout of a pass.
type rolling struct {
	want    *asset.Asset
	facts   plan.RolloutFacts
	rollout plan.Rollout
	// record is what the journal is to know, known what it knows.
	record plan.RolloutRecord
	known  *plan.RolloutRecord
}

// roll makes the plan with the traffic held where it is, and again with the
// rollouts as far as they may go by then.
func (p *Pass) roll(ctx context.Context, prep *Prepared, live Live, in *plan.Input) error {
	list, err := p.rollouts(ctx, prep, live)
	if err != nil {
		return err
	}
	prep.rolling, in.Rollouts = list, rolloutsOf(list)
	prep.Plan = plan.Make(*in)
	if len(list) == 0 {
		return nil
	}
	if err := p.decide(ctx, prep.Plan, live, list); err != nil {
		return err
	}
	in.Rollouts = rolloutsOf(list)
	prep.Plan = plan.Make(*in)
	return nil
}

// rollouts are the rollouts of the wanted assets that have the rule, with the
// traffic held where it is; nil if there are none.
func (p *Pass) rollouts(ctx context.Context, prep *Prepared, live Live) ([]*rolling, error) {
	var out []*rolling
	var known map[asset.ID]plan.RolloutRecord
	for _, a := range prep.Want.Set.All() {
		rule := p.rolloutRule(a)
		now := live.Asset(a.ID)
		switch absent := live.Status(a.ID) == resolve.Absent; {
		case rule == nil, now == nil && !absent, now != nil && !p.manages(prep, now):
			continue
		}
		if known == nil {
			var err error
			if known, err = p.Journal.Rollouts(ctx); err != nil {
				return nil, err
			}
		}
		r := &rolling{want: a, facts: plan.RolloutFacts{ID: a.ID, Rule: *rule, Now: p.Now(), Mirrors: plan.Mirrors(a), Ready: now == nil || live.Ready(a.ID)}}
		f := &r.facts
		f.Want, f.WantMirror = plan.TrafficOf(a)
		if now != nil {
			f.Live, f.LiveMirror = plan.TrafficOf(now)
		}
		if f.Want.Sum() != 100 || now != nil && now.Variant != a.Variant {
			continue
		}
		if had, ok := known[a.ID]; ok {
			r.known, f.Record = &had, &had
		}
		f.Wanted = p.goal(prep, a, f.Want)
		f.Sound = func(name string) bool {
			id := within(a.ID, name)
			return live.Asset(id) != nil && !live.Broken(id)
		}
		f.Failed = func(name string) bool {
			id := within(a.ID, name)
			return live.Asset(id) != nil && live.Broken(id)
		}
		for name := range f.Live { // what was not read may be anything
			f.Ready = f.Ready && live.Asset(within(a.ID, name)) != nil
		}
		for id := range prep.Owned {
			if isWithin(id, a.ID) && prep.Want.Set.Get(id) == nil && live.Asset(id) != nil {
				f.Gone = append(f.Gone, id.Name)
			}
		}
		slices.Sort(f.Gone)
		r.rollout, r.record = f.Decide("it is not known yet", plan.Verdict{})
		out = append(out, r)
	}
	return out, nil
}

// rolloutRule is the rule for the traffic of an asset; nil if it goes at once.
func (p *Pass) rolloutRule(a *asset.Asset) *plan.RolloutRule {
	routes := kind.Of(a.ID.Kind).Routes
	if routes.Shares == "" || p.Rule == nil {
		return nil
	}
	rule := p.Rule(a.ID, a.Pos.File)
	for _, pattern := range rule.Ignore {
		if first, _, _ := strings.Cut(pattern, "."); first == routes.Shares || first == routes.Mirror || first == "**" || first == "*" {
			return nil // it is not ours to move
		}
	}
	return rule.Rollout
}

// manages reports whether a live asset is of this target.
func (p *Pass) manages(prep *Prepared, a *asset.Asset) bool {
	_, owned := prep.Owned[a.ID]
	stamp := a.Stamps["owner"]
	return stamp == p.Owner || owned && stamp == ""
}

// within is the asset of the name that another contains.
func within(box asset.ID, name string) asset.ID {
	for _, t := range kind.All() {
		if t.Parent == box.Kind {
			return asset.ID{Kind: t.Kind, Parent: box.Name, Name: name}
		}
	}
	return asset.ID{}
}

func isWithin(id, box asset.ID) bool {
	t := kind.Of(id.Kind)
	return t != nil && t.Parent == box.Kind && id.Parent == box.Name
}

// goal is a digest of what git wants traffic to go to: a rollout that was
// returned is tried again only for another.
func (p *Pass) goal(prep *Prepared, a *asset.Asset, want plan.Shares) string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, want)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if d := prep.Want.Set.Get(within(a.ID, name)); d != nil {
			_, _ = fmt.Fprintln(h, name, resolve.Digest(d))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// decide lets rollouts go on as far as they may, given the plan that holds
// all traffic: what is new must be there as git wants it, and pass the checks.
func (p *Pass) decide(ctx context.Context, held *plan.Plan, live Live, list []*rolling) error {
	for _, r := range list {
		f := &r.facts
		f.Barred = map[string]bool{}
		for _, s := range held.Steps {
			if isWithin(s.Key.ID, f.ID) && s.Action == plan.Blocked {
				f.Barred[s.Key.ID.Name] = true
			}
		}
		names := f.New()
		unmade := ""
		for _, name := range names {
			if unmade == "" {
				unmade = unmadeOf(held, live, within(f.ID, name))
			}
		}
		verdict := plan.Verdict{State: plan.Passed}
		if unmade == "" && len(names) > 0 {
			verdict = p.judge(ctx, r.want, names)
		}
		r.rollout, r.record = f.Decide(unmade, verdict)
	}
	return ctx.Err()
}

// unmadeOf says why a contained asset is not as git wants it; "" if it is.
func unmadeOf(held *plan.Plan, live Live, id asset.ID) string {
	for _, s := range held.Steps {
		if s.Key.ID == id && s.Key.Part == "" && s.Action != plan.NoOp {
			return id.String() + " is not as git says: " + string(s.Action)
		}
	}
	if !live.Ready(id) {
		return id.String() + " is not ready"
	}
	return ""
}

// checkTime is how long the checks of one deployment may take.
const checkTime = 2 * time.Minute

// judge asks the checks of all names. One that fails decides.
func (p *Pass) judge(ctx context.Context, endpoint *asset.Asset, names []string) plan.Verdict {
	out := plan.Verdict{State: plan.Passed}
	if p.Check == nil {
		return plan.Verdict{State: plan.Unanswered, Evidence: "there is nothing to check with"}
	}
	var seen []string
	for _, name := range names {
		id := within(endpoint.ID, name)
		one, cancel := context.WithTimeout(ctx, checkTime)
		ok, evidence, err := p.Check(one, endpoint, id)
		cancel()
		switch {
		case err != nil && out.State != plan.Rejected:
			out = plan.Verdict{State: plan.Unanswered, Evidence: name + ": " + err.Error()}
		case err == nil && !ok:
			return plan.Verdict{State: plan.Rejected, Evidence: name + ": " + evidence}
		case evidence != "":
			seen = append(seen, name+": "+evidence)
		}
	}
	if out.State == plan.Passed {
		out.Evidence = strings.Join(seen, "; ")
	}
	return out
}

// rolloutsOf are the rollouts as the plan takes them.
func rolloutsOf(list []*rolling) map[asset.ID]plan.Rollout {
	if len(list) == 0 {
		return nil
	}
	out := map[asset.ID]plan.Rollout{}
	for _, r := range list {
		if r.rollout.Unfinished() || len(r.rollout.Keep) > 0 {
			out[r.facts.ID] = r.rollout
		}
	}
	return out
}

// noteRollouts brings to the journal what it is to know before anything is
// written, and says what is to be heard.
func (x *execution) noteRollouts(ctx context.Context) error {
	var out []plan.RolloutRecord
	for _, r := range x.prep.rolling {
		if r.record.State == "" || r.known != nil && r.known.Equal(r.record) {
			continue
		}
		if r.record.State == plan.Reverted && (r.known == nil || r.known.State != plan.Reverted) {
			x.Log.Error("the rollout is returned", "asset", r.facts.ID.String(), "why", r.record.Why, "traffic", r.rollout.Next.String(), "git", r.facts.Want.String())
		}
		out = append(out, r.record)
	}
	if len(out) == 0 {
		return nil
	}
	return x.Journal.Roll(ctx, x.run.Generation, out...)
}

// onTheWay is an error if somebody changed the traffic of a rollout since the
// plan was made: the step it says is none from where the traffic is now.
func (x *execution) onTheWay(s *plan.Step, live *asset.Asset) error {
	for _, r := range x.prep.rolling {
		if s.Key != (plan.Key{ID: r.facts.ID, Part: plan.Late}) || !r.rollout.Unfinished() {
			continue
		}
		if now, _ := plan.TrafficOf(live); !now.Equal(r.facts.Live) {
			return fmt.Errorf("the traffic of %s is %s and was %s: %w", s.Key.ID, now, r.facts.Live, errMoved)
		}
	}
	return nil
}

// moved notes the steps that were made: their pauses begin now.
func (x *execution) moved(ctx context.Context) error {
	var out []plan.RolloutRecord
	for _, r := range x.prep.rolling {
		over := r.record.State == plan.Finished
		if r.rollout.Stage != plan.Moving && !over || x.ends[plan.Key{ID: r.facts.ID, Part: plan.Late}].State != plan.Done {
			continue
		}
		if over {
			r.record.Shares, r.record.Before, r.record.Since = r.facts.Want, nil, x.Now()
			out = append(out, r.record)
			continue
		}
		r.record.Shares, r.record.Mirror, r.record.Since, r.record.Pause = r.rollout.Next, r.rollout.Mirror, x.Now(), true
		r.rollout.At = r.record.Since.Add(r.facts.Rule.Pause)
		out = append(out, r.record)
	}
	if len(out) == 0 {
		return nil
	}
	return x.Journal.Roll(ctx, x.run.Generation, out...)
}

// Due is when a rollout of the pass can go on, although nothing else changes;
// zero is never. It is the past if it can go on at once.
func (prep *Prepared) Due(run plan.Run) time.Time {
	made := map[asset.ID]bool{}
	failed := map[asset.ID]bool{}
	for _, o := range run.Outcomes {
		switch {
		case o.Key.Part == plan.Held:
		case o.State == plan.Done && o.Action.Writes():
			made[o.Key.ID] = true
		case o.State != plan.Done:
			failed[o.Key.ID] = true
		}
	}
	var due time.Time
	for _, r := range prep.rolling {
		at := r.rollout.At
		if r.rollout.Stage == plan.Moving && !made[r.facts.ID] {
			continue // it waits for what stands in its way
		}
		if r.rollout.Stage == plan.Preparing && at.IsZero() {
			// What is new was made by the run: it can be looked at now.
			some, all := false, true
			for _, name := range r.record.Before.Rising(r.facts.Want) {
				id := within(r.facts.ID, name)
				some, all = some || made[id], all && !failed[id]
			}
			if some && all {
				at = r.facts.Now
			}
		}
		if !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}
