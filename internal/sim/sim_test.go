package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Int("seeds", usualSeeds, "how many seeds are simulated; 0 goes on for ever")
	same  = flag.Int("same", usualSeeds/10, "how many seeds are simulated twice and compared")
	first = flag.Uint64("first", 1, "the first seed")
	keep  = flag.String("keep", filepath.Join(os.TempDir(), "mlsync-sim"), "folder for the schedules of seeds that fail")
	quick = flag.Bool("noshrink", false, "stop at the first seed that fails, and do not shorten it")
	ways  = flag.Bool("ways", false, "only seeds in which traffic moves in steps")
	long  = flag.Bool("long", false, "print whole traces")
)

// batch is how many seeds are simulated before the next ones are begun.
const batch = 100

// TestSimulation simulates seeds. A seed that fails is shortened, printed and
// stored for TestReplay.
func TestSimulation(t *testing.T) {
	var shortened atomic.Int32
	var failed atomic.Bool
	for from := 0; (*seeds == 0 || from < *seeds) && !t.Failed(); from += batch {
		t.Run(fmt.Sprintf("from %d", *first+uint64(from)), func(t *testing.T) {
			for n := range batch {
				if *seeds > 0 && from+n >= *seeds {
					break
				}
				seed := *first + uint64(from+n)
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					t.Parallel()
					if *quick && failed.Load() {
						return
					}
					s := generate(seed)
					if *ways && s.Way == nil {
						return
					}
					out := simulate(t, s, t.TempDir())
					if out.violation != "" && !*quick && shortened.Add(1) <= 3 {
						s = shrink(s, promiseOf(out.violation), func(c schedule) outcome { return simulate(t, c, t.TempDir()) })
						out = simulate(t, s, t.TempDir())
					}
					if out.violation != "" {
						failed.Store(true)
						fail(t, s, out)
					}
				})
			}
		})
	}
}

// fail tells how a schedule failed and stores it.
func fail(t *testing.T, s schedule, out outcome) {
	t.Helper()
	lines := out.lines
	if len(lines) > 60 && !*long {
		lines = lines[len(lines)-60:]
	}
	s.Trace, s.Broken = out.trace, out.violation
	name := filepath.Join(*keep, fmt.Sprintf("sim-%d.json", s.Seed))
	if err := s.write(name); err != nil {
		t.Error(err)
	}
	t.Errorf("seed %d: %s\n%s\n%s\nrun it again: MLSYNC_SIM_REPLAY=%s go test ./internal/sim -run Replay",
		s.Seed, out.violation, s, strings.Join(lines, "\n"), name)
}

// TestReplay runs stored schedules: the one of the file that MLSYNC_SIM_REPLAY
// names, else those that once found a mistake.
func TestReplay(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no schedules: %v", err)
	}
	only := os.Getenv("MLSYNC_SIM_REPLAY")
	if only != "" {
		names = []string{only}
	}
	for i, name := range names {
		if i%usualReplays > 0 {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			s, err := readSchedule(name)
			if err != nil {
				t.Fatal(err)
			}
			out := simulate(t, s, t.TempDir())
			if only != "" {
				t.Logf("%s\ntrace %s, stored %s", strings.Join(out.lines, "\n"), out.trace, s.Trace)
			}
			if out.violation != "" {
				t.Errorf("%s: %s\n%s", name, out.violation, strings.Join(out.lines[max(0, len(out.lines)-40):], "\n"))
			}
		})
	}
}

// TestSame: equal schedules do the same, request by request, whatever the
// goroutines do in between; and so do schedules that were stored.
func TestSame(t *testing.T) {
	for seed := uint64(1000); seed < 1000+uint64(*same); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "s.json")
			if err := generate(seed).write(name); err != nil {
				t.Fatal(err)
			}
			stored, err := readSchedule(name)
			if err != nil {
				t.Fatal(err)
			}
			a, b := simulate(t, generate(seed), t.TempDir()), simulate(t, stored, t.TempDir())
			if a.trace == b.trace {
				return
			}
			for i := range a.lines {
				if i >= len(b.lines) || a.lines[i] != b.lines[i] {
					t.Fatalf("line %d differs\n%s\n%s", i, around(a.lines, i), around(b.lines, i))
				}
			}
			t.Fatal("one trace is longer")
		})
	}
}

func around(lines []string, i int) string {
	return strings.Join(lines[max(0, i-5):min(len(lines), i+3)], "\n")
}

// TestShrink: a shorter schedule that fails in the same way is found.
func TestShrink(t *testing.T) {
	s := generate(7)
	needed := s.Events[len(s.Events)-1].Seed
	got := shrink(s, "I1", func(c schedule) outcome {
		for _, e := range c.Events {
			if e.Seed == needed {
				return outcome{violation: "I1 of a test"}
			}
		}
		return outcome{}
	})
	if len(got.Events) != 1 || got.Events[0].Seed != needed || got.Replicas != 1 {
		t.Errorf("shrunk to %d events: %v", len(got.Events), got.Events)
	}
}
