package acceptance_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// shifted is a clock that can be set forward: operations of an hour end when a
// test says so.
type shifted struct{ by atomic.Int64 }

func (s *shifted) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

func (s *shifted) forward(d time.Duration) { s.by.Add(int64(d)) }

// state is the provisioning state of an asset.
func (w *world) state(path string) any {
	a := w.get(path)
	if a == nil {
		return nil
	}
	return a["properties"].(map[string]any)["provisioningState"]
}

// written counts the requests with the method and the end of the path.
func (w *world) written(method, path string) int {
	n := 0
	for _, r := range w.writes() {
		if r.Method == method && strings.HasSuffix(r.Path, path) && r.Status < 300 {
			n++
		}
	}
	return n
}

// While an endpoint takes an hour to be made, a newer commit is applied at
// once; the endpoint is waited for as well, is made once, and what needs it
// comes in the end. The daemon is killed in the middle of it.
func TestNewestCommitIsAppliedWhileAnOperationGoesOn(t *testing.T) {
	t.Parallel()
	var clock shifted
	w := newWorld(t, emulator.Options{LRO: time.Hour, Now: clock.now})
	repo := w.repository()
	w.write("chat.yml", endpointFile("{blue: 100}"))
	w.write("blue.yml", deploymentFile("blue", "m:1"))
	w.write("m.yml", modelFile("1"))
	repo.push("an endpoint")
	args := []string{"--repository", "file://" + repo.bare, "--data", t.TempDir(), "--poll", "50ms"}
	d := w.daemon(args...)
	w.has("onlineEndpoints/chat")
	w.write("data/a.yml", dataFile("a"))
	repo.push("and data")
	w.has("data/a/versions/1")
	d.await("overtaken by a newer commit", 1)
	d.kill()
	d = w.daemon(args...)
	w.write("data/b.yml", dataFile("b"))
	repo.push("and more data")
	w.has("data/b/versions/1")
	if s := w.state("onlineEndpoints/chat"); s == "Succeeded" || s == nil {
		t.Errorf("the endpoint is %v: the newer commits have waited for it", s)
	}
	clock.forward(time.Hour)
	w.has("onlineEndpoints/chat/deployments/blue")
	clock.forward(time.Hour)
	until(t, "the traffic is set", func() bool { return w.written(http.MethodPut, "/onlineEndpoints/chat") == 2 })
	clock.forward(time.Hour)
	d.synced()
	if n := w.written(http.MethodPut, "/deployments/blue"); n != 1 {
		t.Errorf("the deployment was written %d times", n)
	}
}

// mlsync abort stops an apply that waits: it writes nothing more, ends with
// the code of interrupted runs, and the next one takes up what it had begun.
func TestAbortStopsARunThatWaits(t *testing.T) {
	t.Parallel()
	var clock shifted
	w := newWorld(t, emulator.Options{LRO: time.Hour, Now: clock.now})
	w.write("chat.yml", endpointFile("{blue: 100}"))
	w.write("blue.yml", deploymentFile("blue", "m:1"))
	w.write("m.yml", modelFile("1"))
	if out := w.want(exitDone, "abort").out; !strings.Contains(out, "no target yet") {
		t.Errorf("abort before anything: %s", out)
	}
	ended := make(chan result, 1)
	go func() { ended <- w.mlsync("apply") }()
	w.has("onlineEndpoints/chat")
	until(t, "the operation is in the journal", func() bool {
		out := w.mlsync("state", "export").out
		return strings.Contains(out, `"operation":"{`)
	})
	if out := w.want(exitDone, "abort", "--author", "ann").out; !strings.Contains(out, "stopped mlsync on") {
		t.Errorf("abort: %s", out)
	}
	r := <-ended
	if r.code != 130 || !strings.Contains(r.err, "ann stopped the run") {
		t.Errorf("the apply: %s", r)
	}
	if out := w.want(exitDone, "abort").out; !strings.Contains(out, "nothing is running") {
		t.Errorf("abort of nothing: %s", out)
	}

	// On hold nobody writes; plans can be made.
	w.want(exitDone, "hold", "--why", "release day")
	clock.forward(time.Hour)
	w.quiet(func() {
		if r := w.mlsync("apply"); r.code == exitDone || !strings.Contains(r.err, "release day") {
			t.Errorf("apply on hold: %s", r)
		}
		w.mlsync("plan")
	})
	w.want(exitDone, "unhold")
	stop := clock.run(10*time.Minute, 50*time.Millisecond)
	defer stop()
	w.apply()
	w.settled("--full")
	if n := w.written(http.MethodPut, "/onlineEndpoints/chat"); n != 2 {
		t.Errorf("the endpoint was written %d times, once and for its traffic", n)
	}
}

// mlsync abort stops a run that hangs before it has written anything, and a
// daemon, which --hold keeps from going on.
func TestAbortAlwaysWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.fault("method=GET,collection=data,delay=5m")
	ended := make(chan result, 1)
	go func() { ended <- w.mlsync("apply") }()
	until(t, "the apply hangs", w.struck)
	w.want(exitDone, "abort")
	if r := <-ended; r.code != 130 || len(w.writes()) > 0 {
		t.Errorf("the apply: %s", r)
	}
	w.em.ClearFaults()

	w.fault("method=PUT,collection=data/versions,delay=5m")
	repo := w.repository()
	repo.push("a")
	data := t.TempDir()
	d := w.daemon("--repository", "file://"+repo.bare, "--data", data, "--poll", "50ms")
	until(t, "the daemon hangs", w.struck)
	w.journal = filepath.Join(data, "mlsync.db")
	w.want(exitDone, "abort", "--hold")
	d.await("stopped", 1)
	w.em.ClearFaults()
	w.write("data/b.yml", dataFile("b"))
	w.quiet(func() {
		repo.push("b")
		d.await("new commit", 2)
		d.await("stopped", 2)
	})
	w.want(exitDone, "unhold")
	w.write("data/c.yml", dataFile("c"))
	repo.push("c")
	w.has("data/c/versions/1")
	d.synced()
	for _, name := range []string{"a", "b"} {
		if n := w.written(http.MethodPut, "/data/"+name+"/versions/1"); n != 1 {
			t.Errorf("%s was written %d times", name, n)
		}
	}
}

// run sets the clock forward by d all the time.
func (s *shifted) run(d, every time.Duration) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.forward(d)
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-done
	}
}

// A field that somebody changes again and again is left after three times, and
// status, log and metrics say so.
func TestFlappingFieldIsRaised(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config(`drift: {schedule: "@every 1s", corrections: {field: 1}}`)
	repo := w.repository()
	w.write("data/a.yml", dataFile("a")+"description: git\n")
	repo.push("a")
	data := t.TempDir()
	d := w.daemon("--repository", "file://"+repo.bare, "--data", data)
	d.synced()
	byHand := func() {
		w.change("data/a/versions/1", func(a map[string]any) { a["properties"].(map[string]any)["description"] = "by hand" })
	}
	byHand()
	until(t, "the drift is corrected", func() bool {
		return w.get("data/a/versions/1")["properties"].(map[string]any)["description"] == "git"
	})
	byHand()
	d.await("drift is left", 1)
	if got := w.get("data/a/versions/1")["properties"].(map[string]any)["description"]; got != "by hand" {
		t.Errorf("it was changed back: %v", got)
	}
	until(t, "the metric tells", func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_drift_left_assets{target="dev"} 1`) && strings.Contains(body, `mlsync_in_sync{target="dev"} 0`)
	})
	w.journal = data + "/mlsync.db"
	var status []struct{ Left []string }
	if err := json.Unmarshal([]byte(w.want(exitDone, "status", "--json").out), &status); err != nil || len(status) != 1 || len(status[0].Left) != 1 ||
		!strings.HasPrefix(status[0].Left[0], "data/a:1 description: it was changed back 1 times") {
		t.Errorf("status: %+v %v", status, err)
	}
}

// An approval lets the daemon remove what it was given for, once: when it
// comes again from the same commit, it needs another.
func TestApprovalServesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config(`drift: {schedule: "@every 1s"}`)
	repo := w.repository()
	w.write("store.yml", "name: store\ntype: azure_blob\naccount_name: a\ncontainer_name: c\n")
	w.write("data/a.yml", dataFile("a"))
	repo.push("a store")
	data := t.TempDir()
	d := w.daemon("--repository", "file://"+repo.bare, "--data", data, "--poll", "50ms")
	d.synced()
	w.remove("store.yml")
	repo.push("no store")
	d.await("needs an approval", 1)
	w.journal = data + "/mlsync.db"
	if r := w.want(exitDone, "approve", "delete:datastore/store", "--author", "ann"); !strings.Contains(r.out, "approved until") {
		t.Errorf("approve: %s", r)
	}
	until(t, "the datastore is removed", func() bool { return w.get("datastores/store") == nil })
	d.synced()
	if out := w.want(exitDone, "state", "export").out; strings.Contains(out, `"approval":{`) || !strings.Contains(out, `"what":"approval_used"`) {
		t.Errorf("the journal does not tell of its use: %s", out)
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d", code)
	}
}
