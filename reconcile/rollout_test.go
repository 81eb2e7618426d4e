package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// route is a world with an endpoint whose traffic moves in steps.
type route struct {
	*world
	rule plan.RolloutRule
	// says is what a check of a deployment comes to; nil lets all pass.
	says func(name string) (bool, string, error)
	// sends is all traffic that was sent.
	sends []string
}

// Do sends a request on and notes the traffic in it.
func (r *route) Do(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/onlineEndpoints/chat") {
		body, err := io.ReadAll(req.Body)
		r.must(err)
		req.Body = io.NopCloser(bytes.NewReader(body))
		var doc struct {
			Properties struct{ Traffic, MirrorTraffic map[string]any }
		}
		r.must(json.Unmarshal(body, &doc))
		r.sends = append(r.sends, shown(doc.Properties.Traffic)+shown(doc.Properties.MirrorTraffic, " | "))
	}
	return http.DefaultClient.Do(req)
}

const blueDelete = "delete:online-deployment/chat/blue"

func newRoute(t *testing.T, rule plan.RolloutRule) *route {
	r := &route{world: newWorld(t, emulator.Options{}), rule: rule}
	r.through(r)
	r.must(r.ws.Locate(t.Context()))
	r.world.rule = func(id asset.ID, _ string) plan.Rule {
		if id.Kind == "online-endpoint" {
			return plan.Rule{Rollout: &r.rule}
		}
		return plan.Rule{}
	}
	r.files["m.yml"] = model("m", "1")
	r.wants("{blue: 100}", "blue")
	r.work()
	return r
}

// wants is a commit with these deployments and this traffic.
func (r *route) wants(traffic string, deployments ...string) {
	maps.DeleteFunc(r.files, func(name, _ string) bool { return strings.HasPrefix(name, "d-") })
	r.files["e.yml"] = endpoint("chat", "traffic: "+traffic)
	for _, name := range deployments {
		r.files["d-"+name+".yml"] = schemas + "managedOnlineDeployment.schema.json\nname: " + name + "\nendpoint_name: chat\nmodel: azureml:m:1\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"
	}
}

// work is what the daemon does for one task.
func (r *route) work() (plan.Run, *plan.Plan, time.Time) {
	r.t.Helper()
	run, p, due, err := r.tries()
	r.must(err)
	return run, p, due
}

func (r *route) tries() (plan.Run, *plan.Plan, time.Time, error) {
	p := r.pass()
	p.Guard.Observations = 1
	p.Check = func(_ context.Context, _ *asset.Asset, d asset.ID) (bool, string, error) {
		if r.says == nil {
			return true, "200", nil
		}
		return r.says(d.Name)
	}
	k := &reconcile.Work{Pass: p, Book: book{r.journal}, Commit: r.commit(), Task: "sync", Options: plan.Options{Prune: true, Allow: []string{blueDelete}}}
	run, made, err := k.Do(r.t.Context())
	return run, made, k.Due, err
}

func (r *route) sleep(d time.Duration) { _ = r.clock.Sleep(r.t.Context(), d) }

// traffic is what is live, and what is mirrored behind a bar.
func (r *route) traffic() string {
	r.t.Helper()
	props := r.live("onlineEndpoints/chat")["properties"].(map[string]any)
	return shown(props["traffic"]) + shown(props["mirrorTraffic"], " | ")
}

func shown(v any, before ...string) string {
	m, _ := v.(map[string]any)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if n := m[name].(float64); n > 0 {
			out = append(out, fmt.Sprintf("%s %v", name, n))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(before, "") + strings.Join(out, ", ")
}

// sent is all traffic that was sent so far, each once in a row.
func (r *route) sent() string { return strings.Join(slices.Compact(r.sends), " -> ") }

func (r *route) want(what, got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: %s\nwant: %s", what, got, want)
	}
}

func rolloutOf(p *plan.Plan) plan.Rollout {
	return p.Rollouts[asset.ID{Kind: "online-endpoint", Name: "chat"}]
}

var usual = plan.RolloutRule{Steps: []int{10, 50, 100}, Pause: 10 * time.Minute, Deadline: time.Hour, Keep: 2 * time.Hour}

// Green comes beside blue at 0, is checked, and gets more in steps with pauses
// between; blue is kept for a while and goes.
func TestRolloutGoesInSteps(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	run, p, due := r.work()
	r.want("traffic", r.traffic(), "blue 90, green 10")
	if run.State != plan.Done || !p.Pending() || !p.Unfinished() {
		t.Errorf("run %s, pending %v", run.State, p.Pending())
	}
	for _, step := range []struct{ now, next string }{{"blue 90, green 10", "blue 50, green 50"}, {"blue 50, green 50", "green 100"}} {
		r.want("before the pause", r.traffic(), step.now)
		r.sleep(5 * time.Minute)
		writes := len(r.writes())
		_, p, again := r.work()
		if len(r.writes()) != writes || !again.Equal(due) || rolloutOf(p).Stage != plan.Pausing {
			t.Errorf("in the pause: %d writes, due %s and then %s, %s", len(r.writes())-writes, due, again, rolloutOf(p).Stage)
		}
		r.sleep(due.Sub(r.clock.Now()))
		_, _, due = r.work()
		r.want("after the pause", r.traffic(), step.next)
	}
	r.sleep(10 * time.Minute)
	_, p, due = r.work()
	if p.Unfinished() || rolloutOf(p).Stage != plan.Kept || r.live("onlineEndpoints/chat/deployments/blue") == nil {
		t.Errorf("at the end: %+v", rolloutOf(p))
	}
	if left := due.Sub(r.clock.Now()); left < 100*time.Minute || left > 2*time.Hour {
		t.Errorf("what is kept goes in %s", left)
	}
	r.sleep(due.Sub(r.clock.Now()))
	r.work()
	if r.live("onlineEndpoints/chat/deployments/blue") != nil {
		t.Error("blue is still there")
	}
	r.want("sent", r.sent(), " -> blue 100 -> blue 90, green 10 -> blue 50, green 50 -> green 100")
	writes := len(r.writes())
	if _, p, due := r.work(); len(r.writes()) != writes || p.Pending() || !due.IsZero() {
		t.Errorf("at rest: %d writes, due %s", len(r.writes())-writes, due)
	}
}

// A check that fails takes the traffic back in one request, and it stays so
// until git or somebody says otherwise.
func TestRolloutIsReturned(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	_, _, due := r.work()
	r.sleep(due.Sub(r.clock.Now()))
	_, _, _ = r.work()
	r.want("traffic", r.traffic(), "blue 50, green 50")
	r.says = func(string) (bool, string, error) { return false, "503 and not 200", nil }
	r.sleep(time.Minute) // whenever somebody looks
	writes := len(r.writes())
	run, p, due := r.work()
	r.want("written", strings.Join(r.writes()[writes:], ", "), "PUT workspaces/ws/onlineEndpoints/chat")
	r.want("traffic", r.traffic(), "blue 100")
	if run.State != plan.Failed || p.ExitCode(false) != plan.ExitFailed || !due.IsZero() {
		t.Errorf("run %s, exit code %d, due %s", run.State, p.ExitCode(false), due)
	}
	if o := outcome(run, "online-endpoint/chat#rollout"); o.State != plan.Skipped || !strings.Contains(o.Err, "green: 503 and not 200") {
		t.Errorf("the run says %+v", o)
	}
	r.says = nil
	for range 3 {
		r.sleep(time.Hour)
		run, p, _ = r.work()
		if r.traffic() != "blue 100" || run.State != plan.Failed || rolloutOf(p).Stage != plan.Returned || r.live("onlineEndpoints/chat/deployments/blue") == nil {
			t.Errorf("later: %s, run %s, %s", r.traffic(), run.State, rolloutOf(p).Stage)
		}
	}
	id := asset.ID{Kind: "online-endpoint", Name: "chat"}
	if ok, err := r.journal.RetryRollout(t.Context(), id, "anna"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	r.work()
	r.want("tried again", r.traffic(), "blue 90, green 10")
	r.says = func(string) (bool, string, error) { return false, "500", nil }
	r.work()
	r.want("returned again", r.traffic(), "blue 100")
	r.says = nil
	r.files["d-green.yml"] = strings.Replace(r.files["d-green.yml"], "count: 1", "count: 2", 1)
	r.work()
	r.want("another green", r.traffic(), "blue 90, green 10")
}

// Checks that give no answer are waited for, and not for ever.
func TestRolloutWaitsForAnswers(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	r.says = func(string) (bool, string, error) { return false, "", errors.New("no route to host") }
	_, p, due := r.work()
	if left := due.Sub(r.clock.Now()); rolloutOf(p).Stage != plan.Checking || left <= 0 || left > time.Minute {
		t.Errorf("%+v, due in %s", rolloutOf(p), left)
	}
	r.want("traffic", r.traffic(), "blue 100")
	r.says = nil
	_, _, due = r.work()
	r.want("answered", r.traffic(), "blue 90, green 10")
	r.says = func(string) (bool, string, error) { return false, "", errors.New("no route to host") }
	r.sleep(due.Sub(r.clock.Now()) + 30*time.Minute)
	r.work()
	r.want("waiting", r.traffic(), "blue 90, green 10")
	r.sleep(31 * time.Minute)
	run, _, _ := r.work()
	r.want("given up", r.traffic(), "blue 100")
	if o := outcome(run, "online-endpoint/chat#rollout"); !strings.Contains(o.Err, "no answer for 1h0m0s: green: no route to host") {
		t.Errorf("the run says %q", o.Err)
	}
}

// Copies of requests come before requests.
func TestRolloutMirrorsFirst(t *testing.T) {
	rule := usual
	rule.Mirror = 20
	r := newRoute(t, rule)
	r.wants("{green: 100}", "green")
	_, _, due := r.work()
	r.want("first", r.traffic(), "blue 100 | green 20")
	r.work()
	r.want("in the pause", r.traffic(), "blue 100 | green 20")
	r.sleep(due.Sub(r.clock.Now()))
	_, _, due = r.work()
	r.want("then", r.traffic(), "blue 90, green 10")
	r.sleep(due.Sub(r.clock.Now()))
	r.says = func(string) (bool, string, error) { return false, "500", nil }
	r.work()
	r.want("returned", r.traffic(), "blue 100")

	m := newRoute(t, rule)
	m.wants("{green: 100}", "green")
	m.work()
	m.says = func(string) (bool, string, error) { return false, "500", nil }
	m.work()
	m.want("returned from the mirror", m.traffic(), "blue 100")
}

// A journal that is lost costs a pause and nothing else.
func TestRolloutWithoutJournal(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	_, _, due := r.work()
	r.sleep(due.Sub(r.clock.Now()))
	r.work()
	r.want("traffic", r.traffic(), "blue 50, green 50")
	r.journal = r.newJournal()
	r.sleep(24 * time.Hour)
	_, _, due = r.work()
	r.want("the pause begins anew", r.traffic(), "blue 50, green 50")
	if left := due.Sub(r.clock.Now()); left < 9*time.Minute {
		t.Errorf("next in %s", left)
	}
	r.journal = r.newJournal()
	r.says = func(string) (bool, string, error) { return false, "500", nil }
	r.work()
	r.want("returned to what can be told", r.traffic(), "blue 100")
}

// A newer commit in the middle: the traffic goes on from where it is, or back
// at once if git says so.
func TestRolloutMeetsNewerCommits(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	_, _, due := r.work()
	r.sleep(due.Sub(r.clock.Now()))
	r.work()
	r.wants("{grey: 100}", "grey")
	_, _, due = r.work()
	r.want("it has its pause", r.traffic(), "blue 50, green 50")
	r.sleep(due.Sub(r.clock.Now()))
	r.work()
	r.want("from where it was", r.traffic(), "blue 45, green 45, grey 10")
	r.says = func(string) (bool, string, error) { return false, "500", nil }
	r.work()
	r.want("returned to before the first", r.traffic(), "blue 100")

	b := newRoute(t, usual)
	b.wants("{green: 100}", "green")
	b.work()
	b.wants("{blue: 100}", "blue")
	_, p, _ := b.work()
	b.want("taken back in git", b.traffic(), "blue 100")
	if p.Unfinished() {
		t.Errorf("%+v", rolloutOf(p))
	}
}

// What somebody does to the traffic meanwhile is where the rollout stands.
func TestRolloutAndHands(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	_, _, due := r.work()
	set := func(traffic map[string]int) {
		doc := r.live("onlineEndpoints/chat")
		doc["properties"].(map[string]any)["traffic"] = traffic
		r.put("onlineEndpoints/chat", doc)
	}
	r.sleep(due.Sub(r.clock.Now()))
	set(map[string]int{"blue": 30, "green": 70})
	r.work()
	r.want("a pause from there", r.traffic(), "blue 30, green 70")
	r.sleep(10 * time.Minute)
	r.work()
	r.want("and on", r.traffic(), "green 100")
	set(map[string]int{})
	r.work()
	r.want("taken off", r.traffic(), "blue 100")
	r.sleep(10 * time.Minute)
	r.work()
	r.want("begun anew", r.traffic(), "blue 90, green 10")
}

// The new deployment that fails in the middle is left at once.
func TestRolloutLeavesWhatFailed(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "green")
	r.work()
	doc := r.live("onlineEndpoints/chat/deployments/green")
	r.fault("lro-fail=Crashed,method=PUT,path=*/deployments/green,times=1")
	r.put("onlineEndpoints/chat/deployments/green", doc)
	run, _, _, err := r.tries()
	r.must(err)
	r.want("traffic", r.traffic(), "blue 100")
	if o := outcome(run, "online-endpoint/chat#rollout"); !strings.Contains(o.Err, "green has failed") {
		t.Errorf("the run says %q", o.Err)
	}
}

// Traffic that is where git wants it is moved back at once by drift.
func TestRolloutIsOverForDrift(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{blue: 80, green: 20}", "blue", "green")
	for range 4 {
		_, _, due := r.work()
		if !due.IsZero() {
			r.sleep(due.Sub(r.clock.Now()))
		}
	}
	r.want("traffic", r.traffic(), "blue 80, green 20")
	doc := r.live("onlineEndpoints/chat")
	doc["properties"].(map[string]any)["traffic"] = map[string]int{"blue": 100}
	r.put("onlineEndpoints/chat", doc)
	_, p, _ := r.work()
	r.want("corrected", r.traffic(), "blue 80, green 20")
	if len(p.Drift) != 1 {
		t.Errorf("drift %v", p.Drift)
	}
}

// A deployment that gives its traffic away need not be as git says first.
func TestRolloutDoesNotWaitForWhatGives(t *testing.T) {
	r := newRoute(t, usual)
	r.wants("{green: 100}", "blue", "green")
	_, _, due := r.work()
	doc := r.live("onlineEndpoints/chat/deployments/blue")
	doc["tags"] = map[string]string{"mlsync-owner": "somebody"}
	r.put("onlineEndpoints/chat/deployments/blue", doc)
	for range 3 {
		r.sleep(due.Sub(r.clock.Now()))
		if _, _, next := r.work(); !next.IsZero() {
			due = next
		}
	}
	r.want("traffic", r.traffic(), "green 100")
}
