package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	seeds = flag.Int("seeds", 20, "how many seeds are simulated; 0 goes on for ever")
	first = flag.Uint64("first", 1, "the first seed")
	long  = flag.Bool("long", false, "print whole traces")
	keep  = flag.String("keep", "", "folder for the files of failing seeds")
)

// TestSimulation simulates seeds. A seed that fails is printed with the way to
// run it again.
func TestSimulation(t *testing.T) {
	for n := range *seeds {
		seed := *first + uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			out := simulate(t, generate(seed), t.TempDir())
			if out.violation != "" {
				fail(t, generate(seed), out)
			}
		})
	}
}

// fail tells how a schedule failed and stores it.
func fail(t *testing.T, s schedule, out outcome) {
	t.Helper()
	if len(out.lines) > 60 && !*long {
		out.lines = out.lines[len(out.lines)-60:]
	}
	t.Errorf("seed %d: %s\n%s", s.Seed, out.violation, strings.Join(out.lines, "\n"))
}

// TestReplay runs the schedule of the file that MLSYNC_SIM_REPLAY names.
func TestReplay(t *testing.T) {
	name := os.Getenv("MLSYNC_SIM_REPLAY")
	if name == "" {
		name = filepath.Join("testdata", "sim-1.json")
	}
	s, err := readSchedule(name)
	if err != nil {
		t.Fatal(err)
	}
	out := simulate(t, s, t.TempDir())
	t.Logf("%s\ntrace %s", strings.Join(out.lines, "\n"), out.trace)
	if out.violation != "" {
		t.Errorf("%s", out.violation)
	}
}

// TestSame: equal seeds do the same, request by request.
func TestSame(t *testing.T) {
	for seed := range uint64(5) {
		a, b := simulate(t, generate(seed), t.TempDir()), simulate(t, generate(seed), t.TempDir())
		if a.trace == b.trace {
			continue
		}
		for i := range a.lines {
			if i >= len(b.lines) || a.lines[i] != b.lines[i] {
				t.Errorf("seed %d: line %d differs\n%s\n%s", seed, i, strings.Join(a.lines[max(0, i-5):min(len(a.lines), i+3)], "\n"), strings.Join(b.lines[max(0, i-5):min(len(b.lines), i+3)], "\n"))
				break
			}
		}
	}
}
