package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// build makes the binary that is measured.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mlsync")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, "mlsync.dev/mlsync/cmd/mlsync")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// TestCountsHold runs every scenario with small trees. Counts are held by the
// rows themselves; times are not looked at.
func TestCountsHold(t *testing.T) {
	opt := options{
		Binary: build(t), Small: 100, Large: 200, Delays: []time.Duration{0, time.Millisecond}, Repeat: 2, CodeBytes: 3 << 20,
		Populated: true, Allocations: true,
	}
	rows, err := measure(t.Context(), opt, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Count && r.missed() {
			t.Errorf("%s: %s: got %s, promised %s", r.Scenario, r.What, r.value(), r.promise())
		}
	}
	for _, want := range []struct {
		scenario, what string
		value          float64
	}{
		{"create 100, 0 ms", "writes", 101}, // and the traffic of an endpoint
		{"create 100, 1 ms", "writes", 101},
		{"plan without change 100, 0 ms", "writes", 0},
		{"second apply 100, 0 ms", "writes", 0},
		{"update 100, 0 ms", "writes", 100},
		{"plan after update 100, 0 ms", "writes", 0},
		{"create 200", "writes", 202},
		{"unchanged 3 MB of code", "bytes up", 0},
		{"the same without journal", "bytes up", 0},
	} {
		if got, ok := find(rows, want.scenario, want.what); !ok || got != want.value {
			t.Errorf("%s: %s: got %v (found: %v), want %v", want.scenario, want.what, got, ok, want.value)
		}
	}
	// Besides its write, an operation is waited for, and a job looked for.
	if got, ok := find(rows, "create 100, 0 ms", "requests/asset"); !ok || got > 1.5 {
		t.Errorf("creating made %v requests for each asset", got)
	}
	// Besides its write, a changed asset is read once, if no list shows it.
	if got, ok := find(rows, "update 100, 0 ms", "requests/asset"); !ok || got > 2.2 {
		t.Errorf("updating made %v requests for each asset", got)
	}
	if got, ok := find(rows, "plan without change 100, 0 ms", "requests"); !ok || got < 8 || got > 20 {
		t.Errorf("a plan without change made %v requests, want one a list", got)
	}
}

func find(rows []Row, scenario, what string) (float64, bool) {
	for _, r := range rows {
		if r.Scenario == scenario && r.What == what {
			return r.Value, true
		}
	}
	return 0, false
}

func TestTreesAreTheSameEveryTime(t *testing.T) {
	a, b, c := t.TempDir(), t.TempDir(), t.TempDir()
	for dir, changed := range map[string]bool{a: false, b: false, c: true} {
		if err := writeTree(dir, 100, changed); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := bytesOf(t, a), bytesOf(t, b); got != want {
		t.Error("two trees of the same size differ")
	}
	same := 0
	before, after := os.DirFS(a), os.DirFS(c)
	err := walk(before, func(path string, x []byte) error {
		y, err := fs.ReadFile(after, path)
		if bytes.Equal(x, y) {
			same++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + condaFiles; same != want { // the configuration and what environments share
		t.Errorf("%d files are the same in the changed tree, want %d", same, want)
	}
	if err := writeTree(t.TempDir(), 150, false); err == nil {
		t.Error("a tree of 150 assets was written, although shares are of a hundred")
	}
}

func TestOutput(t *testing.T) {
	b := &bench{}
	b.hold("plan", "wall", 0.1, "s", 0.2)
	b.count("plan", "requests", 61, 60)
	b.note("plan", "sent", 12.3456, "kB")
	b.count("apply", "writes", 0, 0)
	var out bytes.Buffer
	if err := show(&out, b.rows, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.1 s", "≤ 0.2 s", "0.50", "MISSED", "12.3 kB"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := show(&out, b.rows, true); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Rows []Row }
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Rows) != 4 || *doc.Rows[0].Ratio != 0.5 || !doc.Rows[1].missed() || doc.Rows[3].missed() {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestFoldTakesTheBestTimeAndTheMostOfTheRest(t *testing.T) {
	rows := []Row{{Value: 2, Unit: "s"}, {Value: 5, Unit: "MB"}, {Value: 7}}
	fold(rows, []Row{{Value: 1, Unit: "s"}, {Value: 6, Unit: "MB"}, {Value: 6}})
	fold(rows, []Row{{Value: 3, Unit: "s"}, {Value: 4, Unit: "MB"}, {Value: 8}})
	if got := [3]float64{rows[0].Value, rows[1].Value, rows[2].Value}; got != [3]float64{1, 6, 8} {
		t.Errorf("got %v", got)
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{{"-mode", "endless"}, {"-no-such-flag"}} {
		if code := run(t.Context(), args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%v: exit code %d, want 2", args, code)
		}
	}
	if code := run(t.Context(), []string{"-mode", "short", "-binary", filepath.Join(t.TempDir(), "none")}, io.Discard, io.Discard); code != 1 {
		t.Errorf("without a binary: exit code %d, want 1", code)
	}
}
