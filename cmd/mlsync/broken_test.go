package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// call runs the program with a folder and returns its exit code and output.
func call(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	var o, e bytes.Buffer
	code = run(args, streams{in: strings.NewReader(""), out: &o, err: &e, width: 120})
	return code, o.String(), e.String()
}

func checkJSON(t *testing.T, dir string) checked {
	t.Helper()
	_, out, errOut := call(t, "-C", dir, "check", "--json")
	var got checked
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	return got
}

// elsewhere are broken files whose problem stands in another file.
var elsewhere = map[string]string{
	"bad-conda.yml":     "support/broken-conda.txt",
	"duplicate-one.yml": "duplicate-two.yml",
}

// TestBroken: each broken file gives a place, what is wrong and the cure.
func TestBroken(t *testing.T) {
	dir := filepath.Join("testdata", "broken")
	code, out, errOut := call(t, "-C", dir, "check")
	if code != exitProblems || errOut != "" {
		t.Errorf("exit code %d, want %d; stderr %s", code, exitProblems, errOut)
	}
	golden(t, filepath.Join("testdata", "broken.golden"), out)
	all := checkJSON(t, dir).Problems
	for _, p := range all {
		if p.Severity != "error" || p.Line == 0 || p.Column == 0 || p.Message == "" || p.Fix == "" || p.Code == "" {
			t.Errorf("%+v says too little", p)
		}
	}
	files := brokenFiles(t, dir)
	if len(files) < 40 {
		t.Errorf("%d broken files, want 40", len(files))
	}
	for _, f := range files {
		in := f
		if elsewhere[f] != "" {
			in = elsewhere[f]
		}
		if !slices.ContainsFunc(all, func(p problemJSON) bool { return p.File == in }) {
			t.Errorf("%s: no problem", f)
		}
	}
}

func brokenFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range all {
		if name := filepath.Base(f); name != "good.yml" {
			out = append(out, name)
		}
	}
	return out
}

// TestBrokenFilesHideNothing: what is said of a file is the same whether it
// is alone or among the others.
func TestBrokenFilesHideNothing(t *testing.T) {
	dir := filepath.Join("testdata", "broken")
	of := func(all []problemJSON, file string) []problemJSON {
		return slices.DeleteFunc(slices.Clone(all), func(p problemJSON) bool { return p.File != file })
	}
	together := checkJSON(t, dir).Problems
	for _, f := range brokenFiles(t, dir) {
		if strings.HasPrefix(f, "duplicate-") && f != "duplicate-key.yml" || f == "missing-endpoint.yml" {
			continue // speak of other files
		}
		alone := t.TempDir()
		if err := os.CopyFS(filepath.Join(alone, "support"), os.DirFS(filepath.Join(dir, "support"))); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(alone, f), data, 0o600); err != nil {
			t.Fatal(err)
		}
		in := f
		if elsewhere[f] != "" {
			in = elsewhere[f]
		}
		want, got := of(checkJSON(t, alone).Problems, in), of(together, in)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s\nalone    %+v\ntogether %+v", f, want, got)
		}
	}
}

// TestBrokenWritesNothing: nothing is written to a workspace while the tree
// has problems.
func TestBrokenWritesNothing(t *testing.T) {
	s, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0", false, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "broken"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "mlsync.yaml")); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := call(t, "-C", dir, "apply", "--endpoint", s.URL(), "-w", "mlw", "-g", "rg", "-s", "00000000-0000-0000-0000-000000000001")
	if code != exitProblems {
		t.Errorf("exit code %d, want %d\n%s%s", code, exitProblems, out, errOut)
	}
	for _, r := range s.Requests() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
}

// golden compares got with a file, or rewrites the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("MLSYNC_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run make golden and look at it\ngot\n%s", file, got)
	}
}
