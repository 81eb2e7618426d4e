package sim_test

import (
	"flag"
	"fmt"
	"testing"
)

var stride = flag.Int("stride", usualStride, "die at every so many of the places to die at")

// TestCrashEverywhere: a process that dies at any of its requests and accesses
// to the journal, before it has its effect or after, loses nothing and does
// nothing twice. First all is made, then some of it is changed and removed.
func TestCrashEverywhere(t *testing.T) {
	start := []event{
		{Do: "commit", Arg: "grow", On: "datastore", Seed: 1},
		{Do: "commit", Arg: "grow", On: "online-deployment", Seed: 2},
		{Do: "commit", Arg: "grow", On: "pipeline-job", Seed: 3},
		{Do: "commit", Arg: "traffic", Seed: 4},
	}
	later := []event{
		{Do: "pass", Arg: "sync", Seed: 5, Steps: all},
		{Do: "commit", Arg: "change", Seed: 6},
		{Do: "commit", Arg: "change", Seed: 7},
		{Do: "commit", Arg: "remove", Seed: 12},
		{Do: "pass", Arg: "sync", Seed: 9, Steps: all},
		{Do: "approve", Seed: 10},
		{Do: "pass", Arg: "sync", Seed: 11, Steps: all},
		{Do: "approve", Seed: 10},
	}
	for name, before := range map[string][]event{"making": start, "changing": append(start[:4:4], later...)} {
		s := schedule{Replicas: 1, Parallel: 2, Page: 3, LRO: 1, Prune: true}
		last := event{Do: "pass", Arg: "sync", Seed: 20, Steps: all}
		s.Events = append(before[:len(before):len(before)], last)
		whole := simulate(t, s, t.TempDir())
		if whole.violation != "" {
			t.Fatalf("%s without a crash: %s", name, whole.violation)
		}
		for n := 0; ; n += *stride {
			dead := 0
			for _, when := range []string{"before", "after"} {
				c := s
				c.Events = append(before[:len(before):len(before)], event{Do: "crash", N: n, Arg: when}, last, event{Do: "pass", Arg: "sync", Seed: 21, Steps: all})
				out := simulate(t, c, t.TempDir())
				if out.violation != "" {
					s.Seed = uint64(n)
					t.Run(fmt.Sprintf("%s, %s op %d", name, when, n), func(t *testing.T) { fail(t, c, out) })
				}
				dead += out.facts.deaths
			}
			if dead < 2 { // the pass has no such op any more
				if n == 0 {
					t.Errorf("%s: nothing to die at", name)
				}
				break
			}
		}
	}
}
