package reconcile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/chaos"
	"mlsync.dev/mlsync/plan"
)

// storms is how many schedules of faults are tried.
func storms() uint64 {
	if os.Getenv("MLSYNC_SWEEP") != "" {
		return 500
	}
	return 8
}

// Whatever goes wrong with every third request, before or after its effect,
// runs come to an end, the next ones do the rest, and nothing is made twice.
func TestStormsConverge(t *testing.T) {
	for seed := range storms() {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(t, emulator.Options{LRO: time.Minute})
			proxy, err := chaos.New(chaos.Options{Target: w.em.URL(), Rate: 0.3, Seed: seed, Slow: time.Millisecond})
			w.must(err)
			defer func() { w.must(proxy.Close()) }()
			w.client, err = azureml.New(azureml.Options{
				Endpoint: proxy.URL(), StorageEndpoint: proxy.URL(), Credential: "static", Token: "t", Insecure: true,
				Clock: w.clock, Random: func() float64 { return 0.5 },
			})
			w.must(err)
			location := w.ws.Scope()
			w.ws = w.client.Workspace(location)
			w.files = shop()
			w.files["j/other.yml"] = job("azureml:five:5")
			for range 4 {
				if _, err := w.pass().Recover(t.Context()); err != nil {
					continue
				}
				_, _ = w.try(plan.Options{Full: true}) // what failed is told by the journal
			}
			proxy.Calm(true)
			if _, err := w.pass().Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.apply(plan.Options{Full: true})
			w.settled(plan.Options{Full: true})
			w.onceEach(seed)
			if open, err := w.journal.Unfinished(t.Context()); err != nil || len(open) > 0 {
				t.Errorf("open intents: %+v %v", open, err)
			}
		})
	}
}

// onceEach fails if an asset was made more than once.
func (w *world) onceEach(seed uint64) {
	w.t.Helper()
	made := map[string]int{}
	for _, r := range w.em.Requests() {
		if r.Method == "PUT" && r.Status == 201 && r.Collection != "blobs" {
			made[r.Path]++
		}
	}
	jobs := 0
	for path, n := range made {
		if strings.Contains(path, "/jobs/") {
			jobs++
		}
		if n > 1 && !strings.Contains(path, "ndpoints/taxi") {
			w.t.Errorf("seed %d: %s was made %d times", seed, path, n)
		}
	}
	if jobs != 2 {
		w.t.Errorf("seed %d: %d jobs, want 2", seed, jobs)
	}
}
