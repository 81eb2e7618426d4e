package acceptance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/chaos"
)

// sweep is set for the long forms of tests that try many moments; without it
// they try some of them. make sweep sets it.
const sweep = "MLSYNC_SWEEP"

// fortySteps fills the tree with an apply of forty steps: of each sort some,
// with automatic versions, jobs, code that goes up, and an endpoint with its
// traffic.
func (w *world) fortySteps() {
	w.every()
	for i := range 6 {
		w.write(fmt.Sprintf("data/more%d.yml", i), dataFile(fmt.Sprintf("more%d", i)))
		w.write(fmt.Sprintf("environments/auto%d.yml", i), fmt.Sprintf("$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: auto%d\nimage: img%d\n", i, i))
	}
}

// dying runs an apply that is killed at its k-th request, before it is passed
// on or once it had its effect. It reports how many requests were sent if
// there are not so many.
func dying(t *testing.T, k int, after bool) (w *world, proxy *chaos.Proxy, killed bool) {
	t.Helper()
	var cmd *exec.Cmd
	var once sync.Once
	started, hit := make(chan struct{}), make(chan struct{})
	kill := func(n int) {
		if n == k {
			once.Do(func() {
				<-started
				close(hit)
				_ = cmd.Process.Kill() // it waits for the answer to this request
			})
		}
	}
	opt := chaos.Options{Before: kill}
	if after {
		opt = chaos.Options{After: kill}
	}
	w, proxy = spoiledWorld(t, opt, emulator.Options{LRO: 20 * time.Millisecond})
	w.fortySteps()
	cmd = w.command(context.Background(), "apply", "--state", w.journal)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	select {
	case <-hit:
		return w, proxy, true
	default:
	}
	if err != nil {
		t.Fatalf("the apply failed by itself: %v", err)
	}
	return w, proxy, false
}

// Killed at any of its requests, before or after the effect, an apply of
// forty steps is ended by the next one: everything is there once, nothing is
// forgotten, and the history tells of the run that died.
func TestKilledAtEveryRequest(t *testing.T) {
	t.Parallel()
	w, proxy, killed := dying(t, -1, false)
	requests := proxy.Requests()
	steps := strings.Count(w.want(exitDone, "history", "-n", "1", "--json").out, `"run"`)
	if killed || steps != 1 || requests < 80 {
		t.Fatalf("a whole apply: %d requests", requests)
	}
	want := w.contents()
	total := 0
	for _, n := range want {
		total += n
	}
	if total < 40 {
		t.Fatalf("only %d assets: %v", total, want)
	}
	every := requests/8 + 1
	if os.Getenv(sweep) != "" {
		every = 1
	}
	for k := 1; k <= requests; k += every {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d of %d, after the effect %v", k, requests, after), func(t *testing.T) {
				t.Parallel()
				w, _, killed := dying(t, k, after)
				w.apply()
				w.settled("--full")
				if got := w.contents(); !maps.Equal(got, want) {
					t.Errorf("in the workspace are\n%v\nwant\n%v", got, want)
				}
				w.writtenOnce()
				w.runsTell(killed)
			})
		}
	}
}

// contents counts what was made and is in the workspace, by collection.
func (w *world) contents() map[string]int {
	w.t.Helper()
	out := map[string]int{}
	for _, r := range w.em.Requests() {
		if r.Method == http.MethodPut && r.Collection != "blobs" && r.Status < 300 && w.get(strings.TrimPrefix(r.Path, workspaceID+"/")) != nil {
			out[r.Path] = 1
		}
	}
	byKind := map[string]int{}
	for path := range out {
		rest := strings.TrimPrefix(path, workspaceID+"/")
		name := rest[:strings.IndexByte(rest, '/')]
		byKind[name]++
	}
	return byKind
}

// writtenOnce fails if an asset was written more often than its kind needs.
func (w *world) writtenOnce() {
	w.t.Helper()
	puts := map[string]int{}
	for _, r := range w.writes() {
		if r.Method == http.MethodPut && r.Collection != "blobs" && r.Status < 300 {
			puts[r.Path]++
		}
	}
	for path, n := range puts {
		most := 1
		if strings.Contains(path, "Endpoints/") && !strings.Contains(path, "/deployments/") {
			most = 2 // the traffic comes after the deployments
		}
		if n > most {
			w.t.Errorf("%s was written %d times", path, n)
		}
	}
}

// runsTell fails unless the history ends with a run that went well, and tells
// of the one that was killed if it had begun.
func (w *world) runsTell(killed bool) {
	w.t.Helper()
	var runs []struct{ State, Error string }
	r := w.want(exitDone, "history", "--json")
	if err := json.Unmarshal([]byte(r.out), &runs); err != nil {
		w.t.Fatal(err)
	}
	if len(runs) == 0 || runs[0].State != "done" {
		w.t.Errorf("the last run did not end well: %s", r)
	}
	if !killed && len(runs) != 1+1 {
		w.t.Errorf("nothing was killed, and there are %d runs", len(runs))
	}
	for _, run := range runs[1:] {
		if killed && (run.State != "failed" || !strings.Contains(run.Error, "interrupted")) {
			w.t.Errorf("the run that was killed is told as %s: %s", run.State, run.Error)
		}
	}
}
