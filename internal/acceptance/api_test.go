package acceptance_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"mlsync.dev/mlsync/emulator"
)

// login is an OpenID Connect issuer.
type login struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey
}

func newLogin(t *testing.T) *login {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l := &login{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": l.URL, "jwks_uri": l.URL + "/keys", "authorization_endpoint": l.URL + "/a", "token_endpoint": l.URL + "/t"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	})
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

// token is one of a person.
func (l *login) token(who string) string {
	l.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: l.key, KeyID: "k"}}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	now := time.Now()
	data, err := json.Marshal(map[string]any{"iss": l.URL, "aud": "mlsync", "sub": who, "name": who, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := signer.Sign(data)
	if err != nil {
		l.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

// crew is a daemon with an API and people who ask it.
type crew struct {
	*world
	login *login
	file  string
	data  string
	d     *daemon
}

func (w *world) crew(repo *repository) *crew {
	w.t.Helper()
	t := &crew{world: w, login: newLogin(w.t), file: filepath.Join(w.t.TempDir(), "projects.yaml"), data: w.t.TempDir()}
	u, err := url.Parse(t.login.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.env["MLSYNC_PRIVATE_HOSTS"] = u.Host
	writeFile(w.t, t.file, fmt.Sprintf("access:\n  issuers:\n    sso: {url: %q, audience: mlsync}\nprojects:\n", t.login.URL)+projectText("vision", repo.bare, space, `["*"]`)+
		"    members:\n    - {user: vera, role: viewer}\n    - {user: otto, role: operator}\n    - {user: adam, role: admin}\n    approvers:\n    - {user: anna}\n")
	t.start()
	return t
}

func (t *crew) start() {
	t.t.Helper()
	t.d = t.daemon("--projects", t.file, "--data", t.data, "--endpoint", t.service, "--storage-endpoint", t.service, "--poll", "50ms")
	until(t.t, "the API tells of the target", func() bool {
		code, body := t.ask("vera", "GET", "/targets", "")
		return code == http.StatusOK && strings.Contains(body, `"in_sync":true`)
	})
}

func (t *crew) base() string {
	listening := t.d.lines("listening")
	if len(listening) == 0 {
		return "http://127.0.0.1:1"
	}
	return "http://" + listening[0]["address"].(string)
}

// ask asks the API as somebody.
func (t *crew) ask(who, method, path, body string) (int, string) {
	t.t.Helper()
	req, err := http.NewRequestWithContext(t.t.Context(), method, t.base()+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.t.Fatal(err)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+t.login.token(who))
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(data)
}

// as calls the program as somebody, with nothing of Azure in its environment.
func (t *crew) as(who string, args ...string) result {
	t.t.Helper()
	return t.with(t.login.token(who), args...)
}

func (t *crew) with(token string, args ...string) result {
	t.t.Helper()
	w := &world{t: t.t, dir: t.t.TempDir(), env: map[string]string{"MLSYNC_SERVER": t.base(), "MLSYNC_TOKEN": token}}
	return w.raw(args...)
}

// A team asks its daemon: the commands say what they say of its journal, each
// does what its role may, and events go on over a restart.
func TestTeamAsksItsDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	seen := w.watched()
	w.write("mlsync.yaml", plain("dev", space))
	w.write("data/a.yml", dataFile("a"))
	repo := w.repository()
	commit := repo.push("a")
	x := w.crew(repo)

	journal := filepath.Join(x.data, "vision", "mlsync.db")
	for _, args := range [][]string{{"status", "--json"}, {"status"}, {"history"}, {"history", "--json"}, {"history", "data/a"}} {
		far, near := x.as("vera", args...), w.raw(append(args, "--state", journal)...)
		if far.code != exitDone || far.out != near.out || !strings.Contains(far.out, "done") && !strings.Contains(far.out, commit[:12]) {
			t.Errorf("mlsync %v of the daemon:\n%s%s\nof its journal:\n%s%s", args, far.out, far.err, near.out, near.err)
		}
	}
	if r := x.as("vera", "plan", "--exit-code"); r.code != exitDone || !strings.Contains(r.out, "data/a:1") || !strings.Contains(r.err, "the plan of run dev-1, which is done") {
		t.Errorf("plan: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := x.as("vera", "plan", "--json"); r.code != exitDone || !strings.Contains(r.out, `"format": "mlsync.plan/1"`) || !strings.Contains(r.out, commit) {
		t.Errorf("plan as JSON: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := x.as("vera", "drift"); r.code != exitDone || !strings.Contains(r.out, "No drift in target dev") {
		t.Errorf("drift: %d\n%s%s", r.code, r.out, r.err)
	}

	// Who may not is refused, and it is written down.
	if r := x.as("vera", "hold", "--why", "release day"); r.code != exitRefused || !strings.Contains(r.err, "you may not hold in the project vision") {
		t.Errorf("a viewer holds: %d\n%s", r.code, r.err)
	}
	if r := x.with("nonsense", "status"); r.code == exitDone || !strings.Contains(r.err, "MLSYNC_TOKEN") {
		t.Errorf("with a wrong token: %d\n%s", r.code, r.err)
	}

	// Events come while things happen.
	follow := x.follow("")
	if r := x.as("otto", "hold", "--why", "release day"); r.code != exitDone {
		t.Fatalf("hold: %s", r.err)
	}
	first := follow.next("hold")
	w.write("data/b.yml", dataFile("b"))
	repo.push("b")
	until(t, "a pass is stopped by the hold", func() bool { return len(x.d.lines("stopped")) > 0 })
	if w.get("data/b/versions/1") != nil {
		t.Error("a target on hold was written to")
	}
	if r := x.as("vera", "status"); !strings.Contains(r.out, "held      release day") {
		t.Errorf("status: %s", r.out)
	}
	x.d.stop()
	x.d = x.daemon("--projects", x.file, "--data", x.data, "--endpoint", x.service, "--storage-endpoint", x.service, "--poll", "50ms")
	until(t, "it answers again", func() bool { code, _ := x.ask("otto", "GET", "/whoami", ""); return code == http.StatusOK })
	until(t, "the project is open", func() bool { code, _ := x.ask("otto", "GET", "/targets", ""); return code == http.StatusOK })
	if r := x.as("otto", "unhold"); r.code != exitDone {
		t.Fatalf("unhold: %s", r.err)
	}
	if r := x.as("otto", "sync"); r.code != exitDone || !strings.Contains(r.out, "in the queue") {
		t.Fatalf("sync: %s", r.err)
	}
	w.has("data/b/versions/1")
	again := x.follow(first["after"].(string))
	again.next("release")
	again.next("run_done")

	// A token does what its role may, until it is revoked.
	code, body := x.ask("otto", "POST", "/projects/vision/tokens", fmt.Sprintf(`{"name": "ci", "role": "viewer", "expires": %q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != http.StatusCreated {
		t.Fatalf("a token: %d %s", code, body)
	}
	if r := x.with(made.Secret, "status"); r.code != exitDone || !strings.Contains(r.out, "managed   2 assets") {
		t.Errorf("with the token: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := x.with(made.Secret, "sync"); r.code != exitRefused {
		t.Errorf("the token of a viewer syncs: %d\n%s", r.code, r.out)
	}
	if code, body := x.ask("adam", "DELETE", "/projects/vision/tokens/"+made.ID, ""); code != http.StatusNoContent {
		t.Errorf("revoke: %d %s", code, body)
	}
	if r := x.with(made.Secret, "status"); r.code == exitDone {
		t.Error("a token that was revoked is taken")
	}
	_, audit := x.ask("anna", "GET", "/audit", "")
	for _, want := range []string{`"actor":"user:sso/otto","via":"api","from":"127.0.0.1","action":"hold"`, `"action":"hold","project":"vision","target":"dev","outcome":"denied"`, `"action":"token_create"`, `"action":"sync"`} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit has no %s: %s", want, audit)
		}
	}
	if all := audit + x.d.text(); strings.Contains(all, made.Secret) || strings.Contains(all, strings.Split(x.login.token("otto"), ".")[2]) {
		t.Error("a token is in the audit, or in the log")
	}
	if got := seen.methods("vision-writer"); len(got) == 0 {
		t.Error("nothing was written")
	}
	_, metrics := x.d.get("/metrics")
	if !strings.Contains(metrics, `mlsync_api_requests_total{operation="hold",status="200"}`) && !strings.Contains(metrics, `mlsync_api_requests_total{operation="unhold",status="204"} 1`) {
		t.Error("requests are not counted")
	}
	began := time.Now()
	if code := x.d.stop(); code != exitDone || time.Since(began) > 4*time.Second {
		t.Errorf("asked to stop while streams are open, it ended with %d after %s", code, time.Since(began))
	}
}

// following is mlsync events --follow --json.
type following struct {
	t     *testing.T
	lines chan map[string]any
}

func (t *crew) follow(after string) *following {
	t.t.Helper()
	w := &world{t: t.t, dir: t.t.TempDir(), env: map[string]string{"MLSYNC_SERVER": t.base(), "MLSYNC_TOKEN": t.login.token("vera")}}
	ctx, cancel := context.WithCancel(context.Background())
	args := []string{"events", "--follow", "--json"}
	if after != "" {
		args = append(args, "--after", after)
	}
	cmd := w.command(ctx, args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.t.Fatal(err)
	}
	f := &following{t.t, make(chan map[string]any, 100)}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			var e map[string]any
			_ = json.Unmarshal(s.Bytes(), &e)
			f.lines <- e
		}
		_ = cmd.Wait()
		close(f.lines)
	}()
	t.t.Cleanup(func() {
		cancel()
		for range f.lines { //nolint:revive // until it has ended
		}
	})
	if after == "" { // what happens before it listens is not for it
		until(t.t, "the stream is open", func() bool {
			_, body := t.d.get("/metrics")
			return strings.Contains(body, "mlsync_api_streams 1")
		})
	}
	return f
}

// next is the next event of that sort.
func (f *following) next(what string) map[string]any {
	f.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case e := <-f.lines:
			if e["what"] == what {
				return e
			}
		case <-timeout:
			f.t.Fatalf("no event %s came", what)
		}
	}
}
