package acceptance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// gatedConfig is a repository with two targets, the second with gates.
func (w *world) gatedConfig(gates string) {
	w.t.Helper()
	const target = "  %s:\n    subscription: %s\n    resource_group: %s\n    workspace: %s\n    endpoint: %s\n"
	w.write("mlsync.yaml", "owner: acceptance\ntargets:\n"+
		fmt.Sprintf(target, "dev", subscription, group, space, w.service)+"    include: [assets/**]\n"+
		fmt.Sprintf(target, "prod", subscription, group, "prod", w.service)+"    include: [none/**]\n    overlay: prod\n    from: dev\n    gates:\n"+gates)
}

// prod is whether the second workspace has an asset.
func (w *world) prod(path string) bool {
	w.t.Helper()
	at := strings.Replace(workspaceID, "/"+space, "/prod", 1)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.em.URL()+at+"/"+path+"?api-version=2024-04-01", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(req) != nil
}

// must calls the program with the journal of a daemon; it must succeed.
func (w *world) must(journal string, args ...string) result {
	w.t.Helper()
	r := w.raw(append(args, "--state", journal)...)
	if r.code != exitDone {
		w.t.Fatal(r)
	}
	return r
}

// verdicts are the gates of prod by name, as mlsync gates says them.
func (w *world) verdicts(journal string) (state string, gates map[string]map[string]any) {
	w.t.Helper()
	var got struct {
		Targets []struct {
			State string
			Gates []map[string]any
		}
	}
	if r := w.must(journal, "gates", "--json"); json.Unmarshal([]byte(r.out), &got) != nil || len(got.Targets) != 1 {
		w.t.Fatal(r)
	}
	gates = map[string]map[string]any{}
	for _, g := range got.Targets[0].Gates {
		gates[g["name"].(string)] = g
	}
	return got.Targets[0].State, gates
}

// A daemon takes a release when the last of its gates opens, looks by itself
// when it is time to, and goes on where it was after it was killed.
func TestDaemonHoldsAReleaseBeforeItsGates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	check := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(int(status.Load()))
		_, _ = rw.Write([]byte(`{"ready":true}`))
	}))
	defer check.Close()
	w.env["MLSYNC_PRIVATE_HOSTS"] = strings.TrimPrefix(check.URL, "http://")
	repo := w.repository()
	w.gatedConfig("    - soak: {for: 1s}\n    - http: {url: '" + check.URL + "', expect: {ready: true}}\n    - approval: {not_committer: true}\n")
	w.write("assets/a.yml", dataFile("a"))
	repo.push("a")
	data := t.TempDir()
	journal := filepath.Join(data, "mlsync.db")
	args := []string{"--repository", "file://" + repo.bare, "--data", data, "--poll", "100ms"}
	d := w.daemon(args...)
	d.synced()
	w.must(journal, "release", "create", "r1", "--from", "dev")
	w.must(journal, "promote", "r1", "--to", "prod")
	repo.push("promote r1")
	d.await("waiting", 1)
	if w.prod("data/a/versions/1") {
		t.Fatal("it was written although its gates are shut")
	}
	until(t, "the metrics say that it waits", func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_release_waiting{target="prod"} 1`) && strings.Contains(body, `mlsync_in_sync{target="prod"} 0`)
	})
	state, before := w.verdicts(journal)
	if state != "waiting" || before["approval"]["state"] != "shut" || before["http"]["state"] != "shut" {
		t.Errorf("%s %v", state, before)
	}
	if r := w.must(journal, "status", "--target", "prod"); !strings.Contains(r.out, "waiting (release r1)") || !strings.Contains(r.out, "gate http: "+check.URL+" answers with status 503, not 200") {
		t.Error(r)
	}
	d.kill()

	d = w.daemon(args...)
	d.await("waiting", 1)
	if _, after := w.verdicts(journal); after["http"]["since"] != before["http"]["since"] || after["http"]["deadline"] != before["http"]["deadline"] {
		t.Errorf("the restart began it anew: %v, was %v", after["http"], before["http"])
	}
	status.Store(http.StatusOK)
	w.must(journal, "approve", "gate:approval", "--target", "prod", "--author", "ann")
	until(t, "all but the approval is open", func() bool {
		_, g := w.verdicts(journal)
		return g["soak"]["state"] == "open" && g["http"]["state"] == "open" && strings.Contains(g["approval"]["why"].(string), "of who made the commit")
	})
	if w.prod("data/a/versions/1") {
		t.Fatal("who made the commit approved it")
	}
	w.must(journal, "approve", "gate:approval", "--target", "prod", "--author", "bea")
	until(t, "the release is taken", func() bool { return w.prod("data/a/versions/1") })
	until(t, "the metrics say that it is taken", func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `mlsync_release_waiting{target="prod"} 0`) && strings.Contains(body, `mlsync_in_sync{target="prod"} 1`)
	})
	if state, _ := w.verdicts(journal); state != "taken" {
		t.Errorf("the gates say that it is %s", state)
	}
}

// A release whose gate is shut at its deadline is refused, loudly and for good,
// until another one comes.
func TestDaemonRefusesAReleaseAtTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	repo := w.repository()
	w.gatedConfig("    - {approval: {}, deadline: 1s}\n")
	w.write("assets/a.yml", dataFile("a"))
	repo.push("a")
	data := t.TempDir()
	journal := filepath.Join(data, "mlsync.db")
	d := w.daemon("--repository", "file://"+repo.bare, "--data", data, "--poll", "100ms")
	d.synced()
	w.must(journal, "release", "create", "r1", "--from", "dev")
	w.must(journal, "promote", "r1", "--to", "prod")
	repo.push("promote r1")
	d.await("a gate has failed: the release is refused", 1)
	if state, g := w.verdicts(journal); state != "refused" || !strings.Contains(g["approval"]["why"].(string), "its deadline passed at") {
		t.Errorf("%s %v", state, g)
	}
	repo.push("another commit with the same release")
	until(t, "the commit is seen", func() bool { return len(d.lines("new commit")) >= 5 && len(d.lines("nothing new")) > 0 })
	if w.prod("data/a/versions/1") {
		t.Error("a refused release was taken")
	}
	w.must(journal, "approve", "gate:approval", "--target", "prod", "--author", "bea")
	until(t, "an approval overrides it", func() bool { return w.prod("data/a/versions/1") })
}
