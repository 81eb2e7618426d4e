package acceptance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

// Faults that pass, and writes whose outcome nobody learns, are survived:
// whatever the first run could do, a later one does the rest, and every asset
// is made once.
func TestFaultsDuringAnApplyConverge(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]string{
		"unavailable":                  "status=503,method=PUT,skip=3,times=6",
		"unavailable for reads":        "status=503,method=GET,skip=2,times=4",
		"gateway timeout after effect": "status=504,after-effect,method=PUT,skip=2,times=5",
		"reset before":                 "reset,method=PUT,skip=4,times=5",
		"reset after":                  "reset,after-effect,method=PUT,skip=1,times=6",
		"error after effect":           "status=500,after-effect,method=PUT,collection=jobs,times=1",
		"truncated answers":            "truncate,method=PUT,skip=3,times=5",
		"truncated lists":              "truncate,method=GET,skip=1,times=3",
		"a page of html":               "html,method=PUT,skip=2,times=3",
		"throttled":                    "status=429,retry-after=1,method=PUT,skip=5,times=2",
		"an operation fails":           "lro-fail=OutOfQuota,method=PUT,collection=computes,times=1",
		"an operation gets lost":       "lro-404,method=PUT,collection=onlineEndpoints,times=1",
		"storage is away":              "status=503,collection=blobs,times=3",
		"not seen at first":            "invisible=200ms,method=PUT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, emulator.Options{})
			w.every()
			w.fault(faults)
			for n := 1; ; n++ {
				r := w.mlsync("apply")
				if r.code == exitDone {
					break
				}
				if r.code != exitFailed && r.code != exitError || n == 4 {
					t.Fatalf("run %d: %s", n, r)
				}
			}
			w.em.ClearFaults()
			w.apply()
			w.settled("--full")
			w.quiet(func() { w.apply("--full") })
			w.versionsOnce()
		})
	}
}

// versionsOnce fails unless every name has the one version of the tree, and
// the two jobs ran once each. Lists may show late what was made.
func (w *world) versionsOnce() {
	w.t.Helper()
	until(w.t, "the lists show the jobs", func() bool { return len(w.names("jobs")) >= 2 })
	for _, path := range []string{"environments/train", "environments/plain", "data/local-trips", "data/trips", "models/custom"} {
		until(w.t, "the list shows "+path, func() bool { return len(w.names(path+"/versions")) >= 1 })
		if n := len(w.names(path + "/versions")); n != 1 {
			w.t.Errorf("%s has %d versions", path, n)
		}
	}
	if jobs := w.names("jobs"); len(jobs) != 2 {
		w.t.Errorf("jobs: %v", jobs)
	}
}

// names are the names in a list.
func (w *world) names(path string) []string {
	w.t.Helper()
	var list struct{ Value []struct{ Name string } }
	if raw := w.getRaw(path); raw != nil {
		if err := json.Unmarshal(raw, &list); err != nil {
			w.t.Fatal(err)
		}
	}
	var out []string
	for _, v := range list.Value {
		out = append(out, v.Name)
	}
	return out
}

// outcomes is the result of a run for machines.
type outcomes struct {
	Event string `json:"event"`
	Steps []struct {
		ID    string `json:"id"`
		State string `json:"state"`
		Took  *int64 `json:"took_ms"`
		Error *struct {
			Message   string `json:"message"`
			Code      string `json:"code"`
			RequestID string `json:"request_id"`
		} `json:"error"`
	} `json:"steps"`
}

func (o outcomes) state(id string) string {
	for _, s := range o.Steps {
		if s.ID == id {
			return s.State
		}
	}
	return ""
}

// What does not depend on a failed asset goes on; what does is blocked and
// says by whom; the exit code is 4; and the next run does what is left.
func TestIndependentBranchesGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{LRO: 20 * time.Millisecond})
	w.every()
	w.fault("status=400,code=UserError,message=no such size,method=PUT,path=*/computes/cpu")
	r := w.want(exitFailed, "apply", "--json")
	var o outcomes
	lines := strings.Split(strings.TrimSpace(r.out), "\n") // one event a line, the result last
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &o); err != nil || o.Event != "result" {
		t.Fatalf("%v: %s", err, r)
	}
	for id, want := range map[string]string{
		"compute/cpu": "failed", "batch-deployment/night/main": "blocked", "batch-endpoint/night#late": "blocked",
		"batch-endpoint/night": "done", "online-endpoint/taxi#late": "done", "online-deployment/edge/green": "done", "model/flow:1": "done", "compute/k8s": "done",
	} {
		if got := o.state(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	jobs := 0
	for _, s := range o.Steps {
		if strings.HasPrefix(s.ID, "job/") && s.State == "blocked" && strings.Contains(s.Error.Message, "compute/cpu") {
			jobs++
		}
		if s.ID == "compute/notebook-1" && (s.Took == nil || *s.Took < 20) {
			t.Errorf("%s took %v ms", s.ID, s.Took)
		}
		if s.ID == "compute/cpu" && (s.Error.Code != "UserError" || !strings.Contains(s.Error.Message, "no such size")) {
			t.Errorf("the failure is told as %+v", *s.Error)
		}
	}
	if jobs != 2 {
		t.Errorf("%d jobs are blocked by the compute, want 2: %s", jobs, r.out)
	}
	w.em.ClearFaults()
	w.apply()
	w.settled("--full")
	w.versionsOnce()
}

// A Retry-After is obeyed: nothing is sent to the throttled place before.
func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("a.yml", "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: a\nversion: 1\ntype: uri_file\npath: https://x.blob.core.windows.net/c/a\n")
	w.fault("status=429,retry-after=2,method=PUT,times=1")
	w.apply()
	var puts []emulator.Request
	puts = append(puts, w.writes()...)
	if len(puts) != 2 || puts[0].Status != 429 || puts[1].Time.Sub(puts[0].Time) < 1900*time.Millisecond {
		t.Errorf("writes: %+v", puts)
	}
}

// A kind that cannot be listed is unknown: nothing of it is made or removed,
// everything else goes on, and no exit code says that all is well.
func TestUnknownIsNeitherAbsentNorUnchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config("prune: {max: 100}", "rules:\n  - {on_remove: delete}")
	w.every()
	w.apply()
	w.remove("models/triton.yml")
	w.edit("models/custom.yml", "ann", "bob")
	w.write("models/new.yml", "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: new\nversion: 1\npath: azureml://datastores/workspaceblobstore/paths/new\n")
	w.edit("data/file.yml", "raw", "cooked")
	w.apply("--only", "environment/plain:1") // one observation of the removal is not enough, this is none
	w.fault("status=403,method=GET,path=*/models*")
	p, r := w.plan()
	if r.code != exitError || p.Summary["unknown"] == 0 {
		t.Errorf("the plan does not say what it does not know: %s", r)
	}
	human := w.want(exitError, "plan").out
	if !strings.Contains(human, " ? ") || strings.Contains(human, "No changes") {
		t.Errorf("the plan says: %s", human)
	}
	for range 3 {
		before := len(w.writes())
		w.want(exitFailed, "apply")
		for _, r := range w.writes()[before:] {
			if strings.HasPrefix(r.Collection, "models") {
				t.Errorf("written blindly: %s %s", r.Method, r.Path)
			}
		}
	}
	if got := w.get("data/trips/versions/1")["properties"].(map[string]any)["tags"].(map[string]any)["stage"]; got != "cooked" {
		t.Errorf("what can be read was not applied: stage is %v", got)
	}
	w.want(exitError, "drift")
	w.em.ClearFaults()
	w.apply()
	w.apply()
	w.settled("--full")
	if w.get("models/new/versions/1") == nil {
		t.Error("the new model was not made in the end")
	}
}

// A repository that is empty by accident removes nothing without an approval,
// however often it is seen.
func TestEmptyTreeRemovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	w.apply()
	for _, name := range []string{"environments", "data", "models", "computes", "datastores", "online-endpoints", "batch-endpoints", "jobs", "src", "scoring", "model", "docker"} {
		w.remove(name)
	}
	w.quiet(func() {
		w.apply()
		for range 3 {
			w.want(exitRefused, "apply")
		}
	})
	for _, path := range live {
		if w.get(path) == nil {
			t.Errorf("%s is gone", path)
		}
	}
	w.every()
	w.quiet(func() { w.apply() })
	w.settled("--full")
}
