package sim_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// A way is how the traffic of the endpoints of a schedule moves.
type way struct {
	Steps  []int
	Pause  int // seconds
	Mirror int `json:",omitempty"`
	Keep   int // seconds
}

// rule is the way as a rule of the configuration; nil for none.
func (w *way) rule() *plan.RolloutRule {
	if w == nil {
		return nil
	}
	return &plan.RolloutRule{Steps: w.Steps, Pause: w.pause(), Mirror: w.Mirror, Keep: w.keep(), Deadline: time.Hour}
}

func (w *way) pause() time.Duration { return time.Duration(w.Pause) * time.Second }
func (w *way) keep() time.Duration  { return time.Duration(w.Keep) * time.Second }

// roll gives some schedules a way, and lets more happen that concerns it. It
// throws its own dice, so that all else is as it would be without.
func (s *schedule) roll() {
	rng := rand.New(rand.NewPCG(s.Seed, 2))
	if rng.IntN(4) > 0 {
		return
	}
	s.Way = &way{Steps: [][]int{{10, 50, 100}, {5, 100}, {1, 2, 50, 100}}[rng.IntN(3)], Pause: pickInt(rng, 0, 120, 600), Mirror: pickInt(rng, 0, 0, 20), Keep: pickInt(rng, 0, 900)}
	for range 6 + rng.IntN(8) {
		at := 3 + rng.IntN(len(s.Events)-2)
		s.Events = slices.Insert(s.Events, at, s.turn(rng)...)
	}
}

// turn is one thing that happens to a rollout.
func (s *schedule) turn(rng *rand.Rand) []event {
	pass := func() event {
		return event{Do: "pass", Arg: pickOf(rng, "sync", "sync", "resync"), Seed: rng.Uint64(), Replica: rng.IntN(s.Replicas), Steps: all}
	}
	late := event{Do: "wait", N: pickInt(rng, 30, s.Way.Pause+1, s.Way.Pause+1), Seed: rng.Uint64()}
	switch rng.IntN(9) {
	case 0, 1, 2:
		return []event{{Do: "commit", Arg: "swap", Seed: rng.Uint64()}, pass(), late, pass(), {Do: "wait", N: s.Way.Pause + 1, Seed: rng.Uint64()}, pass()}
	case 3:
		return []event{{Do: "checks", Arg: pickOf(rng, "fail", "silent"), Seed: rng.Uint64()}, pass(), late, pass()}
	case 4:
		return []event{{Do: "checks", Arg: "pass", Seed: rng.Uint64()}, pass()}
	case 5:
		return []event{{Do: "crash", N: 20 + rng.IntN(40), Arg: pickOf(rng, "before", "after"), Seed: rng.Uint64()}, pass(), pass(), late, pass()}
	case 6:
		return []event{{Do: "edit", Arg: "traffic", Seed: rng.Uint64()}, pass()}
	case 7:
		return []event{{Do: "commit", Arg: "swap", Seed: rng.Uint64()}, pass(), {Do: "journal", Arg: "lost", Seed: rng.Uint64()}, pass(), late, pass()}
	default:
		return []event{{Do: "retry", Seed: rng.Uint64()}, late, pass()}
	}
}

// swap moves the traffic of an endpoint to another deployment, and takes the
// old one out of git perhaps.
func (f forest) swap(rng *rand.Rand) {
	key := f.any(rng, "online-endpoint")
	inside := func() (out []string) {
		for _, k := range f.of("online-deployment") {
			if f[k].Parent == f[key].Name {
				out = append(out, k)
			}
		}
		return out
	}
	for n := 0; len(inside()) < 2 && n < 20; n++ {
		f.grow(rng, "online-deployment")
	}
	have := inside()
	if len(have) == 0 {
		return
	}
	i := f[key]
	to := have[rng.IntN(len(have))]
	for n := 0; i.Traffic[f[to].Name] > 0 && n < 5; n++ {
		to = have[rng.IntN(len(have))]
	}
	old := i.Traffic
	i.Traffic = map[string]int{f[to].Name: 100}
	if rng.IntN(4) == 0 && len(have) > 1 {
		other := have[rng.IntN(len(have))]
		if other != to {
			i.Traffic = map[string]int{f[to].Name: 60, f[other].Name: 40}
		}
	}
	f[key] = i
	for _, k := range have {
		if old[f[k].Name] > 0 && i.Traffic[f[k].Name] == 0 && rng.IntN(2) == 0 {
			f.drop(k)
		}
	}
}

// errSilent is what a check says that gets no answer.
var errSilent = errors.New("no route to host")

// check is a request to a deployment that gets traffic, or is about to.
func (p *process) check(ctx context.Context, endpoint *asset.Asset, deployment asset.ID) (ok bool, evidence string, err error) {
	if pointErr := p.w.sched.point(ctx, p, "check "+deployment.String(), func() error {
		ok, evidence = p.w.checks == "" || p.w.checks == "pass", "200"
		if p.w.checks == "silent" {
			err = errSilent
		}
		p.w.note(&record{kind: checkedRec, p: p.n, text: p.w.checks, asset: pathOf(endpoint.ID.String()), name: deployment.Name})
		return nil
	}); pointErr != nil {
		return false, "", pointErr
	}
	if !ok {
		evidence = "503"
	}
	return ok, evidence, err
}

// retries lets everything that was returned begin again.
func (w *world) retries() {
	p := w.somebody()
	if p == nil || w.s.Way == nil {
		return
	}
	list, err := p.target.Rollouts(context.Background())
	if err != nil {
		panic(err) // storage does not fail here
	}
	for id := range list {
		if _, err := p.target.RetryRollout(context.Background(), id, "user"); err != nil {
			panic(err)
		}
	}
}

// rollsOn reports whether a rollout of a plan goes on by itself: those that
// wait for what is blocked do not.
func rollsOn(p *plan.Plan) bool {
	blocked := map[asset.ID]bool{}
	for _, s := range p.Steps {
		if s.Key.Part == plan.Late && s.Action == plan.Blocked {
			blocked[s.Key.ID] = true
		}
	}
	for id, r := range p.Rollouts {
		if r.Stage != plan.Preparing && !blocked[id] {
			return true
		}
	}
	return false
}

// rest is how long the world sleeps between two passes while it comes to rest,
// and in how many passes that must be.
func (w *world) rest() (time.Duration, int) {
	if w.s.Way == nil {
		return time.Minute, rounds
	}
	return max(time.Minute, w.s.Way.pause()+time.Second), 4 * rounds
}

// way is how traffic moves in the world of a record; nil is at once.
func (r *record) way() *way {
	if w, ok := r.world.(*world); ok {
		return w.s.Way
	}
	return nil
}
