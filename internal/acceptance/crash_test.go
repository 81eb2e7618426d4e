package acceptance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// The daemon is killed when the k-th write is on its way, or has just been
// done; the next one ends the work, and nothing is made twice or forgotten.
func TestKilledDaemonTakesUpWhereItWas(t *testing.T) {
	t.Parallel()
	clean := newWorld(t, emulator.Options{})
	clean.every()
	clean.apply()
	last := 0
	for _, r := range clean.writes() {
		if r.Method == http.MethodPut {
			last++
		}
	}
	last -= 4 // content that two assets have is sent once or twice
	const runs = 6
	for i := range runs {
		k := 1 + i*(last-1)/(runs-1)
		t.Run(fmt.Sprintf("while write %d of %d is sent", k, last), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{LRO: 20 * time.Millisecond})
			w.fault(fmt.Sprintf("method=PUT,skip=%d,times=1,delay=1m", k-1))
			crash(t, w, w.struck)
		})
		t.Run(fmt.Sprintf("after write %d of %d", k, last), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{LRO: 20 * time.Millisecond})
			crash(t, w, func() bool { return len(w.writes()) >= k })
		})
	}
}

// struck reports whether a fault is in the middle of striking.
func (w *world) struck() bool {
	req, err := http.NewRequest(http.MethodGet, w.em.URL()+"/__faults", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var state struct {
		Faults []struct {
			Hits int `json:"hits"`
		} `json:"faults"`
	}
	if err := json.Unmarshal(w.do(req), &state); err != nil {
		w.t.Fatal(err)
	}
	return len(state.Faults) > 0 && state.Faults[0].Hits > 0
}

// crash kills a daemon when it is time, starts another and looks at the end.
func crash(t *testing.T, w *world, now func() bool) {
	w.every()
	repo := w.repository()
	repo.push("everything")
	data := t.TempDir()
	args := []string{"--repository", "file://" + repo.bare, "--data", data}
	first := w.daemon(args...)
	until(t, "the write that the daemon is killed at", now)
	first.kill()

	second := w.daemon(args...)
	second.synced()
	if code := second.stop(); code != exitDone {
		t.Errorf("the daemon ended with %d", code)
	}
	w.journal = filepath.Join(data, "mlsync.db")
	w.everythingOnce()
	w.settled("--full")
	w.explained(first)
}

// everythingOnce fails unless all assets of the tree are there, each made by
// one request.
func (w *world) everythingOnce() {
	w.t.Helper()
	for _, path := range live {
		if w.get(path) == nil {
			w.t.Errorf("%s is lost", path)
		}
	}
	puts, jobs := map[string]int{}, 0
	for _, r := range w.writes() {
		if r.Method == http.MethodPut && r.Collection != "blobs" && r.Status >= 200 && r.Status < 300 {
			if puts[r.Path]++; strings.Contains(r.Path, "/jobs/") {
				jobs++
			}
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
	if jobs != 2 {
		w.t.Errorf("%d jobs were submitted, want 2", jobs)
	}
	for _, path := range []string{"environments/train", "environments/plain", "data/local-trips", "data/trips", "models/custom"} {
		var list struct{ Value []struct{ Name string } }
		if err := json.Unmarshal(w.getRaw(path+"/versions"), &list); err != nil || len(list.Value) != 1 {
			w.t.Errorf("%s has %d versions (%v)", path, len(list.Value), err)
		}
	}
}

// explained fails unless the journal tells of the run that was killed, if it
// had begun, and of the one that ended well.
func (w *world) explained(first *daemon) {
	w.t.Helper()
	var runs []struct {
		State string `json:"state"`
		Error string `json:"error"`
	}
	r := w.want(exitDone, "history", "--json")
	if err := json.Unmarshal([]byte(r.out), &runs); err != nil {
		w.t.Fatal(err)
	}
	if len(runs) < 1 || runs[0].State != "done" {
		w.t.Errorf("the last run did not end well: %s", r)
	}
	if len(first.lines("done")) == 0 && (len(runs) < 2 || runs[len(runs)-1].State == "done") {
		w.t.Errorf("the history does not tell of the run that was killed: %s", r)
	}
	if status := w.want(exitDone, "status", "--json").out; !strings.Contains(status, `"managed": 36`) {
		w.t.Errorf("the journal does not own everything: %s", status)
	}
}
