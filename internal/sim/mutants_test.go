package sim_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mutants = flag.Bool("mutants", false, "run the simulation against every mutant; it must be caught")
	mutant  = flag.String("mutant", "", "only the mutants whose name has this in it")
	chances = flag.Int("chances", 1000, "how many seeds may be needed to catch a mutant")
)

// A mutation is one deliberate bug.
type mutation struct {
	name, why string
	files     map[string]string // as they are with the bug, by their path in the module
}

// root is the folder of the module.
const root = "../.."

// TestMutants: every deliberate bug of the folder mutants can still be put into
// the program; with -mutants, the simulation catches each of them.
func TestMutants(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("mutants", "*.txt"))
	if err != nil || len(names) < 25 {
		t.Fatalf("%d mutants, %v", len(names), err)
	}
	var all []mutation
	for _, name := range names {
		m, err := readMutation(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all = append(all, m)
	}
	if !*mutants || t.Failed() {
		return
	}
	caught := 0
	for _, m := range all {
		if !strings.Contains(m.name, *mutant) {
			continue
		}
		by, err := hunt(t, m)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			by = "SURVIVES"
		} else {
			caught++
		}
		t.Logf("%-28s %s", m.name, by)
	}
	t.Logf("%d caught", caught)
}

// readMutation reads a mutant: what it is, and by file which text is replaced
// by which. Every text must stand in its file exactly once.
func readMutation(name string) (mutation, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return mutation{}, err
	}
	parts := strings.Split(string(data), "\n-- ")
	m := mutation{name: strings.TrimSuffix(filepath.Base(name), ".txt"), why: parts[0], files: map[string]string{}}
	for _, part := range parts[1:] {
		file, change, ok := strings.Cut(part, " --\n<<<<\n")
		was, is, both := strings.Cut(strings.TrimSuffix(strings.TrimSpace(change), "\n>>>>"), "\n====\n")
		if !ok || !both {
			return m, fmt.Errorf("want a file, <<<<, the text, ====, another text and >>>>")
		}
		text := m.files[file]
		if text == "" {
			data, err := os.ReadFile(filepath.Join(root, file))
			if err != nil {
				return m, err
			}
			text = string(data)
		}
		was, is = strings.TrimSpace(was), strings.TrimSpace(is)
		if n := strings.Count(text, was); n != 1 {
			return m, fmt.Errorf("%s has the text %d times, and not once:\n%s", file, n, was)
		}
		m.files[file] = strings.Replace(text, was, is, 1)
	}
	if len(m.files) == 0 {
		return m, fmt.Errorf("it changes nothing")
	}
	return m, nil
}

var firstFailure = regexp.MustCompile(`(?m)seed (\d+): (.*)$|(?m)^(panic: .*|fatal error: .*)$`)

var stored = regexp.MustCompile(`([a-z0-9-]+)\.json: (I\d+ .*)`)

// hunt builds the simulation with the bug and runs seeds until one fails. It
// returns which, and what it found.
func hunt(t *testing.T, m mutation) (string, error) {
	dir := t.TempDir()
	replace := map[string]string{}
	for file, text := range m.files {
		at := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			return "", err
		}
		from, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			return "", err
		}
		replace[from] = at
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		return "", err
	}
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", list, "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	// The stored schedules found bugs like these before.
	if out, err := exec.CommandContext(t.Context(), program, "-test.run=TestReplay$", "-keep", dir).CombinedOutput(); err != nil {
		if found := stored.FindSubmatch(out); found != nil {
			return fmt.Sprintf("%-10s %s", found[1], found[2]), nil
		}
	}
	run := exec.CommandContext(t.Context(), program, "-test.run=TestSimulation$", "-test.timeout=0", "-noshrink", "-seeds", fmt.Sprint(*chances), "-keep", dir)
	out, err := run.CombinedOutput()
	if err == nil {
		return "", fmt.Errorf("%d seeds did not catch it: %s", *chances, m.why)
	}
	found := firstFailure.FindStringSubmatch(string(out))
	switch {
	case found == nil:
		return "", fmt.Errorf("it fails in a way of its own: %w\n%s", err, out)
	case found[3] != "":
		return "the program dies: " + found[3], nil
	}
	return fmt.Sprintf("seed %-5s %s", found[1], found[2]), nil
}
