package acceptance_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/notify"
)

// A receiver takes signed webhooks as the how-to says that they are checked.
type receiver struct {
	t    *testing.T
	url  string
	mu   sync.Mutex
	down bool
	keys map[string]int
	got  []notified
}

type notified struct {
	Key, Title string
	Dropped    int
	Events     []struct{ Target, What, State, Asset, Code, Text string }
}

const notifyKey = "canary-notify-5f1c"

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, keys: map[string]int{}}
	s := httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(s.Close)
	r.url = s.URL + "/hook?code=canary-url-5f1c"
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	r.mu.Lock()
	defer r.mu.Unlock()
	var n notified
	want := notify.Sign(asset.NewSecret(notifyKey), req.Header.Get("Mlsync-Timestamp"), body)
	if err != nil || req.Header.Get("Mlsync-Signature") != want || json.Unmarshal(body, &n) != nil || n.Key != req.Header.Get("Idempotency-Key") {
		r.t.Errorf("a webhook that does not hold: %v %s", req.Header, body)
	}
	for _, canary := range []string{notifyKey, "canary-url"} {
		if strings.Contains(string(body), canary) {
			r.t.Errorf("%s is told: %s", canary, body)
		}
	}
	r.keys[n.Key]++
	if r.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.got = append(r.got, n)
}

// fail lets it refuse everything, or no more.
func (r *receiver) fail(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *receiver) tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keys)
}

// titles are those of the messages that were taken.
func (r *receiver) titles() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	for _, n := range r.got {
		out = append(out, n.Title)
	}
	return out
}

// notified is a world whose daemon tells a receiver.
func notifiedWorld(t *testing.T) (*world, *receiver) {
	w, r := newWorld(t, emulator.Options{}), receive(t)
	w.env["MLSYNC_SECRET_HOOK_URL"], w.env["MLSYNC_SECRET_HOOK_KEY"] = r.url, notifyKey
	w.env["MLSYNC_PRIVATE_HOSTS"] = "127.0.0.1"
	w.config(`drift: {mode: report, schedule: "@every 1s"}`, "notify:", "  window: 0s", "  channels:", "    hook:", "      type: webhook",
		"      url: ${{ secret.HOOK_URL }}", "      key: ${{ secret.HOOK_KEY }}")
	w.write("data/a.yml", dataFile("a")+"description: git\n")
	return w, r
}

func (w *world) describe(text string) {
	w.change("data/a/versions/1", func(a map[string]any) { a["properties"].(map[string]any)["description"] = text })
}

// looks waits until the daemon has looked for drift n more times.
func (d *daemon) looks(n int) {
	d.await("done", len(d.lines("done"))+n)
}

// Drift is told once, however often it is seen, and once more when it is gone.
func TestNotifyDriftOnce(t *testing.T) {
	t.Parallel()
	w, r := notifiedWorld(t)
	repo := w.repository()
	repo.push("a")
	d := w.daemon("--repository", "file://"+repo.bare, "--data", t.TempDir())
	d.synced()
	w.describe("by hand")
	until(t, "the drift is told", func() bool { return len(r.titles()) == 1 })
	d.looks(3)
	w.describe("by another hand")
	d.looks(2)
	if got, want := r.titles(), []string{"Drift in dev: data/a:1"}; !slices.Equal(got, want) {
		t.Fatalf("told %q", got)
	}
	w.describe("git")
	until(t, "its end is told", func() bool { return len(r.titles()) == 2 })
	d.looks(3)
	if got, want := r.titles(), []string{"Drift in dev: data/a:1", "Drift is gone in dev: data/a:1"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	if strings.Contains(d.text(), notifyKey) || strings.Contains(d.text(), "canary-url") {
		t.Error("the log has a secret of the channel")
	}
}

// What was not delivered when the daemon was killed is delivered by the next
// one, under the same key, and a channel that is down holds nothing up.
func TestNotifySurvivesKill(t *testing.T) {
	t.Parallel()
	w, r := notifiedWorld(t)
	repo := w.repository()
	repo.push("a")
	data := t.TempDir()
	r.fail(true)
	d := w.daemon("--repository", "file://"+repo.bare, "--data", data)
	d.synced()
	w.describe("by hand")
	until(t, "the message is tried", func() bool { return r.tried() == 1 })
	d.looks(2) // the target is looked at all the same
	d.kill()
	r.fail(false)
	d = w.daemon("--repository", "file://"+repo.bare, "--data", data)
	until(t, "the message is taken", func() bool { return len(r.titles()) == 1 })
	d.looks(2)
	if got := r.titles(); len(got) != 1 || r.tried() != 1 {
		t.Errorf("%q under %d keys", got, r.tried())
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("ended with %d", code)
	}
}

// A step that fails is told with the code of the service, and that it is well
// again; a commit cannot lead messages elsewhere (K).
func TestNotifyFailure(t *testing.T) {
	t.Parallel()
	w, r := notifiedWorld(t)
	repo := w.repository()
	w.fault("method=PUT,path=*/data/*,status=400,code=EvilName,message=no,times=1")
	repo.push("a")
	d := w.daemon("--repository", "file://"+repo.bare, "--data", t.TempDir())
	d.synced()
	until(t, "both are told", func() bool { return len(r.titles()) >= 2 })
	if got := r.titles(); got[0] != "Failing in dev: data/a:1" || got[1] != "Well again in dev: data/a:1" {
		t.Errorf("told %q", got)
	}
	w.edit("mlsync.yaml", "HOOK_URL", "BLOB_KEY")
	repo.push("elsewhere")
	d.await("failed", 1)
	if text := d.lines("failed")[0]["err"].(string); !strings.Contains(text, "the commit changes notify in mlsync.yaml") {
		t.Error(text)
	}
	until(t, "that is told", func() bool { return slices.Contains(r.titles(), "Failing in dev") })
}

// A kind that cannot be read is told once, and that it can be again.
func TestNotifyUnread(t *testing.T) {
	t.Parallel()
	w, r := notifiedWorld(t)
	repo := w.repository()
	repo.push("a")
	d := w.daemon("--repository", "file://"+repo.bare, "--data", t.TempDir())
	d.synced()
	w.fault("method=GET,path=*/data*,status=403,code=AuthorizationFailed,message=no,times=30")
	until(t, "both are told", func() bool { return len(r.titles()) >= 2 })
	d.looks(2)
	if got, want := r.titles(), []string{"Failing in dev", "Well again in dev"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
}
