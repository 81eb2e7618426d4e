package acceptance_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// A commit that a policy denies writes nothing and does not stop the daemon; a
// warning is logged, and the commit applied.
func TestDaemonAsksThePolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	rule := func(level string) string {
		return "rules:\n  - name: named\n    on: change\n    match: {kind: data, target: dev}\n    assert: name.startsWith('team-')\n    message: call it team-{name}\n    level: " + level + "\n"
	}
	w.write("data/a.yml", dataFile("a"))
	w.write("policies/names.yml", rule("deny"))
	repo.push("denied")
	d := w.daemon("--repository", "file://"+repo.bare, "--data", t.TempDir(), "--poll", "50ms")
	w.quiet(func() { d.await("problem", 1) })
	if r := d.lines("problem")[0]; !strings.HasPrefix(r["place"].(string), "data/a.yml:") || r["text"] != "data/a:1: call it team-a" || r["cure"] != "policy named, policies/names.yml:2:5" {
		t.Errorf("the denial is told as %v", r)
	}
	w.write("policies/names.yml", rule("warn"))
	repo.push("warned")
	w.has("data/a/versions/1")
	d.synced()
	if r := d.lines("policy"); len(r) == 0 || r[0]["text"] != "data/a:1: call it team-a" {
		t.Errorf("the warning is told as %v", r)
	}
}
