package acceptance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// road stands before the emulator and notes what is sent of the traffic of the
// endpoint chat, and which deployments are asked by name.
type road struct {
	*world
	mu  sync.Mutex
	log []string
}

func newRoad(t *testing.T, rule string) *road {
	r := &road{world: newWorld(t, emulator.Options{LRO: 5 * time.Millisecond})}
	front := httptest.NewServer(http.HandlerFunc(r.pass))
	t.Cleanup(front.Close)
	r.service = front.URL
	r.rule(rule)
	r.write("m1.yml", modelFile("1"))
	r.write("m2.yml", modelFile("2"))
	r.write("chat/endpoint.yml", endpointFile("{blue: 100}"))
	r.write("chat/blue.yml", deploymentFile("blue", "m:1"))
	r.apply()
	r.log = nil
	return r
}

func (r *road) rule(text string) {
	r.config("", "rules:", "  - kind: online-endpoint", "    rollout: "+text)
}

// swap lets git want green in place of blue.
func (r *road) swap() {
	r.write("chat/endpoint.yml", endpointFile("{green: 100}"))
	r.write("chat/green.yml", deploymentFile("green", "m:2"))
	r.remove("chat/blue.yml")
}

func (r *road) pass(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the client is gone
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/onlineEndpoints/chat"):
		var doc struct {
			Properties struct{ Traffic map[string]int }
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			r.t.Error(err)
		}
		r.note("traffic " + sharesText(doc.Properties.Traffic))
	case req.Header.Get("azureml-model-deployment") != "":
		r.note("ask " + req.Header.Get("azureml-model-deployment"))
	case req.Method == http.MethodDelete:
		r.note("delete " + req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:])
	}
	r.em.Handler().ServeHTTP(w, req)
}

func (r *road) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, what)
}

// sharesText is the traffic in words, with what is wrong with it.
func sharesText(shares map[string]int) string {
	var out []string
	sum := 0
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		if sum += shares[name]; shares[name] > 0 {
			out = append(out, fmt.Sprintf("%s %d", name, shares[name]))
		}
	}
	if sum != 0 && sum != 100 {
		out = append(out, fmt.Sprintf("WRONG: %d in all", sum))
	}
	return strings.Join(out, ", ")
}

// went is what was noted, each once in a row.
func (r *road) went() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(slices.Compact(slices.Clone(r.log)), "; ")
}

// says sets what a deployment answers.
func (r *road) says(deployment string, status int) {
	r.t.Helper()
	body := fmt.Sprintf(`{"endpoint":"chat","deployment":%q,"status":%d}`, deployment, status)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.em.URL()+"/__scoring", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	r.do(req)
}

func (r *road) traffic() string {
	r.t.Helper()
	props, _ := r.get("onlineEndpoints/chat")["properties"].(map[string]any)
	shares := map[string]int{}
	live, _ := props["traffic"].(map[string]any)
	for name, n := range live {
		shares[name] = int(n.(float64))
	}
	return sharesText(shares)
}

func (r *road) expect(what, got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: %s\nwant: %s", what, got, want)
	}
}

const (
	checked    = `checks: [{body: {data: [1]}, expect: {deployment: green}}]`
	blueMayGo  = "--allow=delete:online-deployment/chat/blue"
	wholeRoute = "ask green; traffic blue 90, green 10; ask green; traffic blue 50, green 50; ask green; traffic green 100; ask green"
)

// J7: a new deployment comes at 0 %, is asked, and gets the traffic in steps
// with pauses; the old one goes by the rule. No traffic is ever sent or live
// that is not 0 or 100 in all.
func TestProgressiveRollout(t *testing.T) {
	t.Parallel()
	r := newRoad(t, "{steps: [10, 50, 100], pause: 300ms, keep: 0s, "+checked+"}")
	r.swap()
	stop := trafficWatch(t, r.world)
	p, shown := r.plan("--exit-code")
	if shown.code != exitPending || p.step("online-deployment/chat/green").Action != "create" {
		t.Errorf("planned: %s", shown)
	}
	out := r.apply("--wait", blueMayGo)
	for _, text := range []string{"step 1 of 3 (git: green 100)", "step 2 of 3", "step 3 of 3", "a rollout goes on at"} {
		if !strings.Contains(out.out+out.err, text) {
			t.Errorf("apply does not say %q: %s", text, out)
		}
	}
	for range 2 {
		r.apply(blueMayGo)
	}
	r.expect("it went", r.went(), wholeRoute+"; delete blue")
	if _, wrong := stop(); len(wrong) > 0 {
		t.Error(strings.Join(wrong, "; "))
	}
	r.settled("--full")
}

// A check that fails takes the traffic back in one request, and says so until
// somebody lets it begin again.
func TestProgressiveRolloutReturns(t *testing.T) {
	t.Parallel()
	r := newRoad(t, "{steps: [10, 50, 100], pause: 1h, "+checked+"}")
	r.swap()
	out := r.apply()
	if !strings.Contains(out.err, "a rollout goes on at") {
		t.Errorf("apply does not say when it goes on: %s", out)
	}
	r.expect("at first", r.traffic(), "blue 90, green 10")
	if plan := r.want(exitPending, "plan", "--exit-code"); !strings.Contains(plan.out, "Rollout of online-endpoint/chat: step 1 of 3 is on (blue 90, green 10; git: green 100), next at ") || strings.Contains(plan.out, "No changes;") {
		t.Errorf("in the pause: %s", plan)
	}
	r.says("green", 500)
	from := len(r.writes())
	out = r.want(exitFailed, "apply")
	var sent []string
	for _, w := range r.writes()[from:] {
		if w.Method == http.MethodPut {
			sent = append(sent, w.Path[strings.LastIndex(w.Path, "/")+1:])
		}
	}
	r.expect("sent", strings.Join(sent, ", "), "chat")
	r.expect("then", r.traffic(), "blue 100")
	if !strings.Contains(out.out, "RETURNED") || !strings.Contains(out.out+out.err, "green: check 1: status 424, not 200") {
		t.Errorf("apply says %s", out)
	}
	if status := r.want(exitDone, "status"); !strings.Contains(status.out, "RETURNED to blue 100") {
		t.Errorf("status: %s", status)
	}
	if history := r.want(exitDone, "history", "online-endpoint/chat"); !strings.Contains(history.out, "the rollout to green 100 was returned") {
		t.Errorf("history: %s", history)
	}
	r.says("green", 200)
	r.quiet(func() { r.want(exitFailed, "apply") })
	r.want(exitDone, "rollout", "retry", "chat")
	r.apply()
	r.expect("again", r.traffic(), "blue 90, green 10")
	r.want(exitDone, "rollout", "return", "chat", "--why", "it is slow")
	r.want(exitFailed, "apply")
	r.expect("taken back", r.traffic(), "blue 100")
	r.expect("all of it", r.went(), "ask green; traffic blue 90, green 10; ask green; traffic blue 100; ask green; traffic blue 90, green 10; traffic blue 100")
}

// The daemon goes on by itself, also after it was killed between two steps.
func TestProgressiveRolloutOfTheDaemon(t *testing.T) {
	t.Parallel()
	r := newRoad(t, "{steps: [10, 50, 100], pause: 1s, "+checked+"}")
	data := t.TempDir()
	d := r.daemon("--data", data, "--poll", "50ms")
	d.synced()
	r.mu.Lock()
	r.log = nil
	r.mu.Unlock()
	r.write("chat/green.yml", deploymentFile("green", "m:2"))
	r.write("chat/endpoint.yml", endpointFile("{green: 100}"))
	until(t, "the first step", func() bool { return r.traffic() == "blue 90, green 10" })
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	d = r.daemon("--data", data, "--poll", "50ms")
	until(t, "all traffic on green", func() bool { return r.traffic() == "green 100" })
	d.synced()
	r.expect("it went", r.went(), wholeRoute)
}
