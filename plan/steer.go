package plan

import (
	"fmt"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/kind"
)

// TrafficOf is the traffic that the body of an asset says, and how much of it
// is mirrored.
func TrafficOf(a *asset.Asset) (shares, mirror Shares) {
	routes := kind.Of(a.ID.Kind).Routes
	return sharesOf(a.Body.Get(routes.Shares)), sharesOf(a.Body.Get(routes.Mirror))
}

// Mirrors reports whether the service can send copies of requests.
func Mirrors(a *asset.Asset) bool {
	routes := kind.Of(a.ID.Kind).Routes
	return routes.Mirror != "" && !slices.Contains(routes.Unmirrored, a.Variant)
}

// steer puts the traffic that rollouts allow now in the place of what git
// wants in the end. What git says is kept for the checks of it.
func (m *maker) steer() {
	for i, a := range m.wantAll {
		r, ok := m.Rollouts[a.ID]
		if !ok || !r.Unfinished() {
			continue
		}
		routes := kind.Of(a.ID.Kind).Routes
		shares, mirror := TrafficOf(a)
		steered := *a
		steered.Body = a.Body.Clone()
		if !shares.Equal(r.Next) {
			steered.Body.Set(routes.Shares, r.Next.value())
		}
		live := m.Live.Assets.Get(a.ID)
		if live != nil && Mirrors(a) && (!mirror.Equal(r.Mirror) || live.Body.Has(routes.Mirror) && !sharesOf(live.Body.Get(routes.Mirror)).Equal(r.Mirror)) {
			steered.Body.Set(routes.Mirror, r.Mirror.value())
		}
		m.said[a.ID], m.wantAll[i] = a, &steered
	}
}

// held says of the traffic of a rollout that git wants it as it is now: what
// was live before is what the rollout began with, no drift.
func (m *maker) held(s *Step) {
	if m.said[s.Key.ID] == nil {
		return
	}
	for i := range s.Changes {
		if ch := &s.Changes[i]; ch.Late && ch.Ignored == "" {
			ch.Reason, ch.Diverged = diff.Git, false
		}
	}
}

// rollouts adds a step for traffic that was returned, which says so, and lets
// everything else that concerns it wait while the traffic goes back.
func (m *maker) rollouts() {
	for _, id := range sortedIDs(m.said) {
		r := m.Rollouts[id]
		if !r.failed() {
			continue
		}
		said := m.said[id]
		m.add(&Step{Key: Key{ID: id, Part: Held}, Action: Blocked, Code: RolledBack, Source: said.Pos, ARM: m.scope().ARM(id), Blocked: r.verdict()})
		late := m.steps[Key{ID: id, Part: Late}]
		if r.Stage != Returning || late == nil || !late.Action.Writes() {
			continue
		}
		for _, s := range m.all() {
			if s.Key != late.Key && (s.Key.ID == id || parentOf(s.Key.ID) == id) && s.Action.Writes() {
				s.stop(WaitsFor, "the traffic of "+id.String()+" goes back first")
			}
		}
	}
}

// rollingOut keeps an asset that git no longer has for the sake of a rollout.
func (m *maker) rollingOut(s *Step) bool {
	until, ok := m.Rollouts[parentOf(s.Key.ID)].Keep[s.Key.ID.Name]
	if !ok {
		return false
	}
	s.Action, s.Code = NoOp, RollingOut
	s.Why += " and kept: the rollout of " + parentOf(s.Key.ID).String() + " is not over"
	if !until.IsZero() {
		s.Why += fmt.Sprintf(", which keeps it until %s", until.UTC().Format(clockText))
	}
	return true
}

// clockText is how plans show times.
const clockText = "2006-01-02 15:04:05 UTC"

// move is what the step says that moves the traffic.
func (r Rollout) move() string {
	switch {
	case r.Stage == Returning:
		return "RETURNED to what it was before the rollout: " + r.Why
	case r.Next.Sum() == 100 && r.Next.Equal(r.Live) && r.Mirror.Sum() > 0:
		return fmt.Sprintf("copies of requests first: %s %% (git: %s)", r.Mirror, r.Want)
	case r.Why != "":
		return r.Why
	}
	return fmt.Sprintf("step %d of %d (git: %s)", r.Step, r.Of, r.Want)
}

// verdict says of a rollout that was returned what became of it.
func (r Rollout) verdict() string {
	return fmt.Sprintf("the rollout to %s was returned: %s; change the deployment or the traffic in git, or try again with mlsync rollout retry", r.Want, r.Why)
}

// Stands says in words where a rollout is.
func (r Rollout) Stands() string {
	on := fmt.Sprintf("step %d of %d is on (%s; git: %s)", r.Step, r.Of, r.Live, r.Want)
	if r.Step == 0 {
		on = fmt.Sprintf("not begun (%s; git: %s)", r.Live, r.Want)
	}
	if r.Step == 0 && r.Mirror.Sum() > 0 && r.Stage != Moving {
		on = fmt.Sprintf("%s %% mirrored (%s; git: %s)", r.Mirror, r.Live, r.Want)
	}
	at := ""
	if !r.At.IsZero() {
		at = " at " + r.At.UTC().Format(clockText)
	}
	switch r.Stage {
	case Preparing:
		return on + ", waits: " + r.Why
	case Pausing:
		if r.Live.Equal(r.Want) {
			return on + ", checked for the last time" + at
		}
		return on + ", next" + at
	case Checking:
		return on + ", waits for its checks: " + r.Why
	case Moving:
		return r.move() + ", what follows" + at
	case Returning, Returned:
		return "RETURNED: " + r.Why + " (git: " + r.Want.String() + ")"
	case Kept:
	}
	return "finished (" + r.Live.String() + "); what git no longer has is removed" + at
}
