package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnifiedDiff applies the diff with git and wants the new version.
func TestUnifiedDiff(t *testing.T) {
	var long []string
	for i := range 40 {
		long = append(long, fmt.Sprintf("line %d\n", i))
	}
	edit := func(change func(l []string)) string {
		l := append([]string(nil), long...)
		change(l)
		return strings.Join(l, "")
	}
	for name, to := range map[string]string{
		"first and last": edit(func(l []string) { l[0], l[39] = "x\n", "y\n" }),
		"near":           edit(func(l []string) { l[10], l[16], l[25] = "x\n", "y\n", "" }),
		"no line end":    edit(func(l []string) { l[39] = "line 39" }),
		"empty":          "",
		"grown":          strings.Join(long, "") + "a\nb\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "f")
			if err := os.WriteFile(file, []byte(strings.Join(long, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("git", "apply", "-")
			cmd.Dir = dir
			cmd.Stdin = strings.NewReader(unifiedDiff("f", []byte(strings.Join(long, "")), []byte(to)))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got, err := os.ReadFile(file)
			if err != nil && to != "" || string(got) != to {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
