package sim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// routeFacts are the facts of the traffic of one endpoint.
type routeFacts struct {
	// goal is what git wanted when we sent traffic last; start is the traffic
	// at which we set out for it, reached since when it has been there.
	goal, start map[string]int
	reached     time.Duration
	was         bool // goal has been reached
	// olds are where traffic was before each of the rollouts that may not be
	// over: git takes it back to there at once.
	olds []map[string]int
	// changed is when the traffic was changed last, by anybody.
	changed time.Duration
	// hands says that the user changed it since we did.
	hands bool
	// blurred says that the journal was lost or rolled back since we set out,
	// older that it was rolled back: it may know the step from an earlier time.
	blurred, older bool
}

func (f *facts) route(endpoint string) *routeFacts {
	if f.routes[endpoint] == nil {
		f.routes[endpoint] = &routeFacts{}
	}
	return f.routes[endpoint]
}

// trafficIn is the traffic that a body says, without those that get none.
func trafficIn(doc map[string]any) map[string]int {
	shares, _ := at(doc, "properties", "traffic").(map[string]any)
	out := map[string]int{}
	for name, v := range shares {
		if n, _ := v.(float64); n > 0 {
			out[name] = int(n)
		}
	}
	return out
}

func total(shares map[string]int) int {
	sum := 0
	for _, n := range shares {
		sum += n
	}
	return sum
}

// without are the shares of the names that others have none of.
func without(shares, others map[string]int) map[string]int {
	out := maps.Clone(shares)
	maps.DeleteFunc(out, func(name string, _ int) bool { return others[name] > 0 })
	return out
}

// gained is how much of what is wanted of the growing deployments is there.
func gained(start, live, shares, goal map[string]int) int {
	sum := 0
	for name, n := range goal {
		if n > start[name] || n > live[name] {
			sum += min(n, shares[name])
		}
	}
	return sum
}

// wantedTraffic is what the commit of a pass wants of an endpoint.
func wantedTraffic(c *commit, endpoint string) map[string]int {
	if c == nil {
		return nil
	}
	for _, i := range c.forest {
		if i.path() == endpoint {
			return i.Traffic
		}
	}
	return nil
}

// isRoute reports whether a request of ours writes an endpoint.
func isRoute(r *record) bool {
	return r.writes() && r.method == http.MethodPut && strings.HasPrefix(r.asset, "onlineEndpoints/") && strings.Count(r.asset, "/") == 1
}

// learnRoute notes what traffic became.
func (f *facts) learnRoute(r *record) {
	switch {
	case r.kind == checkedRec:
		path := r.asset + "/deployments/" + r.name
		f.pass(r.p).failed[path], f.pass(r.p).passed[path] = r.text == "fail", r.text == "" || r.text == "pass"
	case r.kind == passEnded && r.err == nil && r.plan != nil:
		f.learnRest(r)
	case r.kind == journalled && r.call == "roll" && r.effect:
		f.learnStart(r)
	case r.kind == swapped:
		for _, way := range f.routes {
			way.blurred, way.older = true, way.older || r.text == "rollback"
		}
	case r.kind == edited && strings.HasPrefix(r.asset, "onlineEndpoints/") && strings.Count(r.asset, "/") == 1:
		if strings.HasPrefix(r.text, "traffic") {
			f.route(r.asset).changed, f.route(r.asset).hands = r.at, true
		}
	case isRoute(r) && r.effect && r.status < 300:
		f.learnMove(r)
	}
}

// learnStart notes what traffic was when a rollout set out, if it was so.
func (f *facts) learnStart(r *record) {
	for _, roll := range r.rolls {
		path := "onlineEndpoints/" + roll.ID.Name
		live := trafficIn(r.world.peek(path))
		if roll.State != plan.Finished && total(live) == 100 && maps.Equal(live, roll.Before) {
			f.route(path).olds = append(f.route(path).olds, live)
		}
	}
}

// learnRest notes what the program says is over at the end of a pass: it is held
// to that from then on.
func (f *facts) learnRest(r *record) {
	c := f.pass(r.p).commit
	if c == nil {
		return
	}
	for _, i := range c.forest {
		if i.Kind != "online-endpoint" || total(i.Traffic) != 100 || !maps.Equal(trafficIn(r.world.peek(i.path())), i.Traffic) {
			continue
		}
		id, _ := asset.ParseID(idOf(i.path()))
		if roll, ok := r.plan.Rollouts[id]; ok && roll.Unfinished() {
			continue
		}
		way := f.route(i.path())
		if !way.was || !maps.Equal(way.goal, i.Traffic) {
			way.reached = way.changed // somebody else brought it there
		}
		way.goal, way.was, way.olds = i.Traffic, true, nil
	}
}

func (f *facts) learnMove(r *record) {
	var sent map[string]any
	if json.Unmarshal(r.body, &sent) != nil {
		return
	}
	live, next, goal := trafficIn(r.before), trafficIn(sent), wantedTraffic(f.pass(r.p).commit, r.asset)
	mirrors, _ := at(sent, "properties", "mirrorTraffic").(map[string]any)
	if maps.Equal(live, next) && (len(mirrors) == 0 || maps.Equal(live, goal)) {
		return
	}
	way := f.route(r.asset)
	if way.blurred {
		told := without(live, goal) // what can be told from what is live
		sum := total(told)
		for name, n := range told {
			told[name] = (n*100 + sum - 1) / sum
		}
		way.olds = append(way.olds, told)
	}
	if back := way.was && maps.Equal(next, way.goal); !maps.Equal(goal, way.goal) && !back {
		arrived := way.goal == nil || maps.Equal(live, way.goal) || total(live) == 0 || way.blurred
		if arrived || way.start == nil {
			way.start = live
		}
		way.olds = append(way.olds, live)
		if way.was {
			way.olds = append(way.olds, way.goal) // it may have set out before somebody moved it
		}
		way.goal, way.was, way.blurred, way.older = goal, false, false, false
	}
	if maps.Equal(live, next) {
		return // copies come first
	}
	if way.was && maps.Equal(goal, way.goal) && !maps.Equal(live, goal) {
		way.olds = append(way.olds, live) // it was brought to elsewhere meanwhile
	}
	if total(live) == 0 {
		way.start = next // what was taken off comes back
	}
	way.blurred = way.blurred || way.hands // it may have set out from what it read before
	way.changed, way.hands = r.at, false
	if maps.Equal(next, goal) && !way.was {
		way.was, way.reached = true, r.at
	}
}

// inSteps (I11): the traffic of an endpoint with a rollout moves no further than
// the next step, not before the pause of the step that is on is over, and only
// if what grows has passed its checks. What failed them gives the traffic back.
// Old deployments stay for their time.
func inSteps(f *facts, r *record) string {
	way := r.way()
	switch {
	case way == nil:
	case isRoute(r) && r.effect && r.status < 300: // what was refused moved nothing
		return f.badStep(r, way)
	case r.kind == requested && r.method == http.MethodDelete && r.effect && r.status < 300 && strings.HasPrefix(r.asset, "onlineEndpoints/") && strings.Count(r.asset, "/") == 3:
		return f.badDelete(r, way)
	case r.kind == passEnded && r.err == nil && r.plan != nil:
		return f.notReturned(r)
	}
	return ""
}

func (f *facts) badStep(r *record, way *way) string {
	var sent map[string]any
	if json.Unmarshal(r.body, &sent) != nil {
		return ""
	}
	pass := f.pass(r.p)
	live, next, goal := trafficIn(r.before), trafficIn(sent), wantedTraffic(pass.commit, r.asset)
	if maps.Equal(live, next) || total(goal) != 100 || total(live) != 100 || f.unsound(r, live) || pass.raced[r.asset] {
		return ""
	}
	is := f.route(r.asset)
	start, same := is.start, maps.Equal(goal, is.goal)
	if !same && slices.ContainsFunc(is.olds, func(old map[string]int) bool { return maps.Equal(old, goal) }) {
		return "" // git takes it back
	}
	if !same && (is.goal == nil || maps.Equal(live, is.goal)) || start == nil {
		start = live
	}
	if same && is.was || maps.Equal(next, start) || maps.Equal(next, is.start) || maps.Equal(goal, start) || is.was && maps.Equal(next, is.goal) {
		return "" // drift is corrected, and traffic is returned, at once
	}
	froms := append([]map[string]int{start}, is.olds...)
	if !same && is.was {
		froms = append(froms, is.goal) // somebody moved it after the rollout had set out
	}
	why := ""
	for _, from := range froms {
		if why = f.tooFar(r, way, from, next, maps.Equal(live, from)); why == "" {
			return "" // it set out from there
		}
	}
	if is.hands && f.tooFar(r, way, live, next, gained(live, live, live, goal) == 0) == "" {
		return "" // somebody brought it there
	}
	if is.blurred && len(without(goal, live)) == 0 && maps.Equal(next, goal) {
		return "" // all of it had traffic before, for all that can be told
	}
	if is.blurred { // all that can be known without the journal
		return f.tooFar(r, way, live, next, false)
	}
	return why
}

// tooFar says why a move is none of a rollout that set out from start; begins
// says that it is the first one.
func (f *facts) tooFar(r *record, way *way, start, next map[string]int, begins bool) string {
	pass, is := f.pass(r.p), f.route(r.asset)
	live, goal := trafficIn(r.before), wantedTraffic(pass.commit, r.asset)
	now, then := gained(start, live, live, goal), gained(start, live, next, goal)
	if then <= now {
		return ""
	}
	for name, n := range goal {
		if n > start[name] && !pass.passed[r.asset+"/deployments/"+name] {
			return fmt.Sprintf("moves traffic of %s from %v to %v, and %s has passed no check in this pass", r.asset, live, next, name)
		}
	}
	if most := way.next(now); then > most && !(maps.Equal(next, goal) && most >= gained(start, live, goal, goal)) {
		return fmt.Sprintf("skips a step: the traffic of %s goes from %v to %v", r.asset, live, next)
	}
	if now > 0 && !begins && !is.older && r.at-is.changed < way.pause() {
		return fmt.Sprintf("the traffic of %s goes on from %v to %v after %s and not %s", r.asset, live, next, r.at-is.changed, way.pause())
	}
	return ""
}

// next is the step beyond a share.
func (w *way) next(now int) int {
	i := slices.IndexFunc(w.Steps, func(n int) bool { return n > now })
	return w.Steps[max(i, 0)]
}

// unsound reports whether a deployment that has traffic is absent or failed:
// then it loses all of it.
func (f *facts) unsound(r *record, live map[string]int) bool {
	for name := range live {
		doc := r.world.peek(r.asset + "/deployments/" + name)
		if doc == nil || strings.EqualFold(text(doc, "properties", "provisioningState"), "Failed") || f.pass(r.p).raced[r.asset+"/deployments/"+name] {
			return true
		}
	}
	return false
}

func (f *facts) badDelete(r *record, way *way) string {
	seg := strings.Split(r.asset, "/")
	endpoint := strings.Join(seg[:2], "/")
	is, goal := f.route(endpoint), wantedTraffic(f.pass(r.p).commit, endpoint)
	switch {
	case total(goal) != 100 || f.pass(r.p).raced[endpoint] || is.blurred || stamped(r.world.peek(endpoint)) != ours:
		return ""
	case is.goal != nil && !maps.Equal(goal, is.goal) && !maps.Equal(trafficIn(r.world.peek(endpoint)), goal):
		return "deletes " + r.asset + " while its endpoint is on the way to other traffic"
	case maps.Equal(goal, is.goal) && !is.was:
		return "deletes " + r.asset + " before the last step"
	case maps.Equal(goal, is.goal) && is.start[seg[3]] > 0 && r.at-is.reached < way.keep():
		return fmt.Sprintf("deletes %s %s after the last step and not %s", r.asset, r.at-is.reached, way.keep())
	}
	return ""
}

// notReturned says which deployment has failed a check of a pass and has more
// traffic than before at its end.
func (f *facts) notReturned(r *record) string {
	pass := f.pass(r.p)
	if !pass.undisturbed || !pass.begun {
		return ""
	}
	for _, o := range r.run.Outcomes {
		if o.State != "done" && o.Key.Part != "rollout" {
			return "" // something did not go as it should
		}
	}
	for _, path := range slices.Sorted(maps.Keys(pass.failed)) {
		seg := strings.Split(path, "/")
		endpoint := strings.Join(seg[:2], "/")
		if !pass.failed[path] {
			continue
		}
		is := f.route(endpoint)
		live := trafficIn(r.world.peek(endpoint))
		if is.blurred || is.start == nil || !maps.Equal(is.goal, wantedTraffic(pass.commit, endpoint)) || f.unsound(&record{p: r.p, asset: endpoint, world: r.world}, is.start) {
			continue
		}
		if live[seg[3]] > is.start[seg[3]] {
			return fmt.Sprintf("%s has failed a check and keeps the traffic of %v (it was %v)", path, live, is.start)
		}
	}
	return ""
}
