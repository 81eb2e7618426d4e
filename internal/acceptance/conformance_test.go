package acceptance_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What render says of every file of the corpus is what Microsoft's client sends
// for it, and what that refuses is refused.
func TestConformance(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(corpus, "index.json"))
	if os.IsNotExist(err) {
		t.Skip("no corpus beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases []corpusCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"render", "--as", "rest", "--offline", "--facts", absolute(t, "facts.json"), "-C", absolute(t, "tree"),
		"--subscription", "00000000-0000-0000-0000-000000000001", "--resource-group", "rg", "--workspace", "ws",
	}
	for _, c := range cases {
		args = append(args, c.Source)
	}
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	if len(out) == 0 {
		t.Fatal(err)
	}
	actual := filepath.Join(t.TempDir(), "actual.jsonl")
	if err := os.WriteFile(actual, out, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := exec.CommandContext(t.Context(), "python3", absolute(t, "compare.py"), "--show", "5", absolute(t, "cases"), actual).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, report)
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(corpus, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
