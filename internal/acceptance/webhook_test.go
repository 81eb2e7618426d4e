package acceptance_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
)

const hookSecret = "canary-hook-0123456789abcdef"

// A hooked world is one whose daemon hears of pushes by webhooks alone.
type hooked struct {
	*world
	repo *repository
	url  string
	args []string
	// away makes the repository answer 503.
	away atomic.Bool
}

// newHooked serves the repository behind a switch.
func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{world: newWorld(t, emulator.Options{})}
	h.repo = h.repository()
	inner, ca := serveGit(t, h.repo)
	at, err := url.Parse(inner)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	data, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	trust.AppendCertsFromPEM(data)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: at.Host}) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}},
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	outer := filepath.Join(t.TempDir(), "outer.pem")
	writeFile(t, outer, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	h.url = s.URL + at.Path
	h.env["GIT_TOKEN"], h.env["SSL_CERT_FILE"], h.env["HOOK"] = gitToken, outer, hookSecret
	h.config("", "repository:", "  url: "+h.url, "  auth: {username: "+gitUser+", token_env: GIT_TOKEN}", "webhooks:", "  hmac: {secret_env: HOOK}")
	h.args = []string{"--data", t.TempDir(), "--poll", "24h"}
	return h
}

// hook delivers to the daemon, and gives the status.
func (h *hooked) hook(d *daemon, listening, body, secret string) int {
	h.t.Helper()
	code, err := h.deliver(d, listening, body, secret)
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

func (h *hooked) deliver(d *daemon, listening, body, secret string) (int, error) {
	h.t.Helper()
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, at+"."+body)
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://"+d.lines(listening)[0]["address"].(string)+"/webhook/hmac", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("X-Mlsync-Timestamp", at)
	req.Header.Set("X-Mlsync-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

var serial atomic.Int64

// pushed delivers that something was pushed, and wants it taken.
func (h *hooked) pushed(d *daemon) {
	h.t.Helper()
	body := fmt.Sprintf(`{"repository": %q, "refs": ["refs/heads/main"], "n": %d}`, strings.ToUpper(h.url[:5])+h.url[5:], serial.Add(1))
	if code := h.hook(d, "listening", body, hookSecret); code != http.StatusAccepted {
		h.t.Fatalf("the delivery was answered with %d", code)
	}
}

// A push is applied as soon as a webhook tells of it; what is of others wakes
// nobody, and a secret is told to nobody.
func TestWebhookWakes(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.write("data/a.yml", dataFile("a"))
	h.repo.push("a")
	d := h.daemon(append(h.args, "--webhook-listen", "127.0.0.1:0")...)
	d.synced()
	h.write("data/b.yml", dataFile("b"))
	h.repo.push("b")
	const own = "listening for webhooks"
	body := fmt.Sprintf(`{"repository": %q}`, h.url)
	for body, want := range map[string]int{`{"repository": "https://127.0.0.1/other"}`: 202, `{"repository": "`: 400, strings.Repeat(" ", 1<<20+1): 413} {
		if code := h.hook(d, own, body, hookSecret); code != want {
			t.Errorf("%.20s: got %d", body, code)
		}
	}
	if code := h.hook(d, own, body, "another secret of some length"); code != http.StatusUnauthorized {
		t.Errorf("another secret: %d", code)
	}
	if code := h.hook(d, "listening", body, hookSecret); code != http.StatusNotFound {
		t.Errorf("at the address of the metrics: %d", code)
	}
	if n := len(d.lines("new commit")); n != 1 {
		t.Fatalf("woken %d times without a word of the repository", n)
	}
	if code := h.hook(d, own, body, hookSecret); code != http.StatusAccepted {
		t.Errorf("got %d", code)
	}
	h.has("data/b/versions/1")
	_, metrics := d.get("/metrics")
	for state, n := range map[string]int{"accepted": 1, "ignored": 1, "malformed": 1, "large": 1, "refused": 1} {
		if want := fmt.Sprintf(`mlsync_webhook_deliveries_total{provider="hmac",state=%q} %d`, state, n); !strings.Contains(metrics, want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	// A commit that changes whom the daemon trusts is not applied.
	h.edit("mlsync.yaml", "secret_env: HOOK", "secret_env: HOME")
	h.write("data/c.yml", dataFile("c"))
	h.repo.push("c")
	h.hook(d, own, strings.TrimSuffix(body, "}")+`, "n": 1}`, hookSecret)
	until(t, "the commit is refused", func() bool { return strings.Contains(d.text(), "the commit changes webhooks in mlsync.yaml") })
	if strings.Contains(d.text(), hookSecret) || strings.Contains(metrics, hookSecret) {
		t.Error("the secret is told")
	}
}

// What was answered with 202 lasts: killed before it could look, the next
// process looks for it.
func TestWebhookOutlivesKill(t *testing.T) { onBoth(t, webhookOutlivesKill) }

func webhookOutlivesKill(t *testing.T, database ...string) {
	t.Helper()
	h := newHooked(t)
	h.args = append(h.args, database...)
	h.write("data/a.yml", dataFile("a"))
	h.repo.push("a")
	d := h.daemon(h.args...)
	d.synced()
	h.write("data/b.yml", dataFile("b"))
	h.repo.push("b")
	h.away.Store(true)
	h.pushed(d)
	d.kill()
	h.away.Store(false)
	again := h.daemon(h.args...)
	h.has("data/b/versions/1")
	again.synced()

	// A repository that is away is asked again, without another word.
	h.away.Store(true)
	h.write("data/c.yml", dataFile("c"))
	h.repo.push("c")
	failed := len(again.lines("repository not read"))
	h.pushed(again)
	again.await("repository not read", failed+1)
	h.away.Store(false)
	h.has("data/c/versions/1")
}

// A push that comes in the middle of a run causes another one, whether the
// first ends well or not.
func TestWebhookInTheMiddleOfARun(t *testing.T) { onBoth(t, webhookInTheMiddleOfARun) }

func webhookInTheMiddleOfARun(t *testing.T, database ...string) {
	t.Helper()
	for name, fault := range map[string]string{"good": "method=PUT,times=1,delay=1s", "failed": "method=PUT,times=1,delay=1s,status=400"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			if database != nil { // one of its own
				h.args = append(h.args, "--database", server.Database(t))
			}
			h.fault(fault)
			h.write("data/a.yml", dataFile("a"))
			h.repo.push("a")
			d := h.daemon(h.args...)
			until(t, "the first run has begun", func() bool {
				return len(d.lines("new commit")) == 1 && strings.Contains(fmt.Sprint(h.em.Requests()), "data")
			})
			h.write("data/b.yml", dataFile("b"))
			commit := h.repo.push("b")
			h.pushed(d)
			h.has("data/b/versions/1")
			h.has("data/a/versions/1")
			d.synced()
			if tags := h.get("data/b/versions/1")["properties"].(map[string]any)["tags"].(map[string]any); tags["mlsync-commit"] != commit {
				t.Errorf("stamped with %v", tags["mlsync-commit"])
			}
		})
	}
}

// doctor says whether services reach the daemon's webhooks.
func TestDoctorLooksAtWebhooks(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.write("data/a.yml", dataFile("a"))
	h.repo.push("a")
	if r := h.raw("doctor", "--endpoint", h.service); !strings.Contains(r.out, "1 webhook configured; --webhook-url looks") {
		t.Error(r)
	}
	d := h.daemon(h.args...)
	d.synced()
	outside := "http://" + d.lines("listening")[0]["address"].(string)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "log in", http.StatusUnauthorized) }))
	t.Cleanup(other.Close)
	for _, tc := range []struct{ at, result, says string }{
		{outside, "ok", "/webhook/hmac is reached from here, and refuses what has no proof"},
		{outside + "/", "ok", "is reached from here"},
		{outside + "/elsewhere", "failed", "404"},
		{other.URL, "failed", "401, and not from mlsync"},
		{"http://mlsync.contoso.com", "failed", "secrets would go over http"},
		{"mlsync.contoso.com", "failed", "is no address"},
		{"http://127.0.0.1:1", "failed", "connection refused"},
	} {
		r := h.raw("doctor", "--endpoint", h.service, "--webhook-url", tc.at)
		found := ""
		for line := range strings.Lines(r.out) {
			if strings.Contains(line, "webhook hmac") {
				found = line
			}
		}
		if !strings.HasPrefix(found, tc.result+" ") || !strings.Contains(found, tc.says) || tc.result == "failed" && r.code != exitError {
			t.Errorf("%s: want %s and %q: %s", tc.at, tc.result, tc.says, r)
		}
		if strings.Contains(r.out+r.err, hookSecret) {
			t.Errorf("%s: the secret is shown", tc.at)
		}
	}
}
