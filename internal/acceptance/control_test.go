package acceptance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// A hold that ends by itself lets the daemon go on without a new commit.
func TestHoldThatEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	w.config("", "repository:", "  url: "+repo.bare)
	w.write("data/a.yml", dataFile("a"))
	repo.push("a")
	data := t.TempDir()
	d := w.daemon("--data", data, "--poll", "100ms")
	d.synced()
	w.raw("hold", "--why", "load test", "--for", "4s", "--state", data+"/mlsync.db")
	w.write("data/b.yml", dataFile("b"))
	repo.push("b")
	d.await("stopped", 1)
	w.hasNot("data/b/versions/1")
	w.has("data/b/versions/1")
	if got := w.raw("status", "--state", data+"/mlsync.db").out; strings.Contains(got, "held") {
		t.Error(got)
	}
}

// While the window of a target is shut the daemon changes what may always
// change and notes drift; when the window opens it does the rest, without a new
// commit, also after a restart.
func TestWindowThatOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	windows := func(text string) {
		w.config("drift: {mode: correct}\n"+text, "repository:", "  url: "+repo.bare)
	}
	windows("")
	w.write("data/a.yml", dataFile("a")+"description: mine\n")
	repo.push("a")
	data := t.TempDir()
	d := w.daemon("--data", data, "--poll", "100ms", "--drift", "@every 1s")
	d.synced()
	// It opens with the second minute from now, so that there is time before.
	opens := time.Now().Add(80 * time.Second).Truncate(time.Minute).UTC()
	windows(fmt.Sprintf("windows:\n  allow: [{cron: \"%d %d * * *\", duration: 1h}]\n  always: [environment]", opens.Minute(), opens.Hour()))
	w.write("data/b.yml", dataFile("b"))
	w.write("environments/e.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nversion: \"1\"\nimage: x\n")
	repo.push("b")
	w.has("environments/e/versions/1")
	w.change("data/a/versions/1", func(a map[string]any) { a["properties"].(map[string]any)["description"] = "theirs" })
	until(t, "the drift is noted", func() bool {
		return strings.Contains(w.raw("drift", "--inbox", "--state", data+"/mlsync.db").out, "data/a:1")
	})
	d.kill()
	d = w.daemon("--data", data, "--poll", "100ms", "--drift", "@yearly")
	d.await("waiting", 1)
	if time.Now().Before(opens) {
		w.hasNot("data/b/versions/1")
		if a := w.get("data/a/versions/1"); a["properties"].(map[string]any)["description"] != "theirs" {
			t.Error("drift was corrected although the window is shut")
		}
	}
	for w.get("data/b/versions/1") == nil && time.Now().Before(opens) {
		<-time.After(100 * time.Millisecond)
	}
	if time.Now().Before(opens) {
		t.Error("it was written before the window opened")
	}
	w.has("data/b/versions/1")
	until(t, "the drift is corrected", func() bool {
		return w.get("data/a/versions/1")["properties"].(map[string]any)["description"] == "mine"
	})
	until(t, "the inbox says so", func() bool {
		return strings.Contains(w.raw("drift", "--inbox", "--all", "--state", data+"/mlsync.db").out, "corrected data/a:1")
	})
}

// Who made a commit cannot approve what it needs: the daemon waits for somebody
// else.
func TestFourEyes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	w.config("", "approvals: {four_eyes: true}", "repository:", "  url: "+repo.bare)
	compute := func(size string) {
		w.write("computes/c.yml", "$schema: https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json\nname: c\ntype: amlcompute\nsize: "+size+"\n")
	}
	compute("Standard_DS3_v2")
	repo.push("a")
	data := t.TempDir()
	d := w.daemon("--data", data, "--poll", "100ms", "--drift", "@every 1s")
	d.synced()
	compute("Standard_DS4_v2")
	repo.push("b")
	d.await("needs an approval", 1)
	journal := data + "/mlsync.db"
	r := w.raw("approve", "replace:compute/c", "--author", "ann@example.com", "--state", journal)
	if r.code != exitRefused || !strings.Contains(r.err, "may not approve it") {
		t.Error(r)
	}
	// A commit that asks for less does not let its author approve it: the rule
	// of the commit before holds until then.
	w.config("", "repository:", "  url: "+repo.bare)
	repo.push("c")
	if r := w.raw("approve", "replace:compute/c", "--author", "ann@example.com", "--state", journal); r.code != exitDone {
		t.Fatal(r)
	}
	d.await("an approval does not count: who made the commit may not approve it", 1)
	if size := w.get("computes/c")["properties"].(map[string]any)["properties"].(map[string]any)["vmSize"]; size != "Standard_DS3_v2" {
		t.Errorf("replaced: %v", size)
	}
	w.raw("approve", "replace:compute/c", "--author", "bob", "--state", journal)
	until(t, "it is replaced", func() bool {
		c := w.get("computes/c")
		return c != nil && c["properties"].(map[string]any)["properties"].(map[string]any)["vmSize"] == "Standard_DS4_v2"
	})
}
