package acceptance_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const scaleTargets = 50

// A commit is brought to the targets that have something of it, and to no others:
// those get no pass and no request, and are known to be as the commit says.
func TestScaleOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.write("mlsync.yaml", h.scaleConfig(""))
	for i := range scaleTargets {
		h.write(fmt.Sprintf("t%d/data.yml", i), dataFile("d"))
	}
	h.write("t3/job.yml", "$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json\nname: train\nversion: \"1\"\ntype: command\ncode: ../src\ncommand: python train.py\nenvironment: azureml:e:1\n")
	h.write("t3/env.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nversion: \"1\"\nimage: img\n")
	h.write("src/train.py", "print(1)\n")
	h.write("README.md", "1\n")
	h.repo.push("begin")
	d := h.daemon(h.args...)
	d.await("done", scaleTargets)
	if n := len(d.lines("done")); n != scaleTargets {
		t.Errorf("%d passes for %d targets", n, scaleTargets)
	}
	if n := d.fetches(); n > 2 {
		t.Errorf("the repository was asked %d times for the first commit", n)
	}

	for _, step := range []struct {
		what    string
		change  func()
		targets []string
	}{
		{"a file of nobody", func() { h.write("README.md", "2\n") }, nil},
		{"an empty commit", func() {}, nil},
		{"a file of one target", func() { h.write("t7/data.yml", dataFile("d")+"description: new\n") }, []string{"t7"}},
		{"a new file of one target", func() { h.write("t8/more/e.yml", dataFile("e")) }, []string{"t8"}},
		{"content that one target has from elsewhere", func() {
			h.write("src/lib.py", "print(2)\n")
			h.edit("t3/job.yml", `version: "1"`, `version: "2"`)
		}, []string{"t3"}},
		{"an overlay", func() { h.write("overlays/t9/data.yml", "name: d\nversion: \"1\"\ndescription: of the overlay\n") }, []string{"t9"}},
		{"the configuration of one target", func() { h.write("mlsync.yaml", h.scaleConfig("    concurrency: 3\n")) }, []string{"t0"}},
		{"a file that is removed", func() { h.remove("t8/more") }, []string{"t8"}},
	} {
		h.step(d, step.what, step.change, step.targets)
	}

	h.journal = filepath.Join(h.args[1], "mlsync.db")
	status := h.mlsync("status", "--target", "t1")
	head := h.repo.git(h.dir, "rev-parse", "HEAD")
	if begun := h.repo.git(h.dir, "rev-list", "--max-parents=0", "HEAD"); !strings.Contains(status.out, head[:12]+" brings nothing new") || !strings.Contains(status.out, begun[:12]) {
		t.Errorf("the status does not tell the commit that was compared from the one that is the same:\n%s", status.out)
	}

	// The next process finds all targets as they were.
	d.kill()
	again := h.daemon(h.args...)
	again.await("nothing new", 1)
	if r := again.lines("nothing new")[0]; r["targets"] != float64(scaleTargets) || len(again.lines("done")) > 0 {
		t.Errorf("after a restart: %v, and %d passes", r, len(again.lines("done")))
	}
	_, metrics := again.get("/metrics")
	if n := strings.Count(metrics, "\nmlsync_in_sync{"); n != scaleTargets || strings.Count(metrics, "} 1\n") < scaleTargets {
		t.Errorf("%d targets in the metrics", n)
	}
}

// step pushes a change and wants passes and requests for exactly these targets.
func (h *hooked) step(d *daemon, what string, change func(), targets []string) {
	h.t.Helper()
	passes, looks, requests, fetches := len(d.lines("done")), len(d.lines("nothing new")), len(h.em.Requests()), d.fetches()
	change()
	head := h.repo.push(what)
	h.pushed(d)
	until(h.t, what+": passes", func() bool { return len(d.lines("done")) >= passes+len(targets) && len(d.lines("nothing new")) > looks })
	var ran []string
	for _, r := range d.lines("done")[passes:] {
		ran = append(ran, fmt.Sprint(r["target"]))
	}
	if !slices.Equal(ran, targets) {
		h.t.Errorf("%s: passes over %v, want %v", what, ran, targets)
	}
	for _, r := range h.em.Requests()[requests:] {
		if m := regexp.MustCompile(`/workspaces/w(\d+)`).FindStringSubmatch(r.Path); m != nil && !slices.Contains(targets, "t"+m[1]) {
			h.t.Errorf("%s: %s %s", what, r.Method, r.Path)
		}
	}
	if n := d.fetches() - fetches; n > 2 {
		h.t.Errorf("%s: the repository was asked %d times", what, n)
	}
	if r := d.lines("nothing new")[looks]; r["targets"] != float64(scaleTargets-len(targets)) || r["commit"] != head {
		h.t.Errorf("%s: %v", what, r)
	}
}

var fetchesMetric = regexp.MustCompile(`mlsync_fetches_total\{state="ok"\} (\d+)`)

// fetches is how often the repository was asked.
func (d *daemon) fetches() int {
	_, body := d.get("/metrics")
	var n int
	if m := fetchesMetric.FindStringSubmatch(body); m != nil {
		_, _ = fmt.Sscan(m[1], &n)
	}
	return n
}

func (h *hooked) scaleConfig(ofFirst string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "owner: acceptance\nrepository:\n  url: %s\n  auth: {username: %s, token_env: GIT_TOKEN}\nwebhooks:\n  hmac: {secret_env: HOOK}\ntargets:\n", h.url, gitUser)
	for i := range scaleTargets {
		fmt.Fprintf(&b, "  t%d:\n    subscription: %s\n    resource_group: %s\n    workspace: w%d\n    endpoint: %s\n    include: [t%d]\n    overlay: overlays/t%d\n", i, subscription, group, i, h.service, i, i)
		if i == 0 {
			b.WriteString(ofFirst)
		}
	}
	return b.String()
}
