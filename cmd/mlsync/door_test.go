package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
	"github.com/prometheus/client_golang/prometheus"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/internal/webhook"
	"mlsync.dev/mlsync/state"
)

// entrance is a process with projects, an issuer and what it says.
type entrance struct {
	*process
	issuer *mockoidc.MockOIDC
	log    *bytes.Buffer
}

func newEntrance(t *testing.T, members string) *entrance {
	t.Helper()
	issuer, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = issuer.Shutdown() })
	at, err := url.Parse(issuer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e := &entrance{issuer: issuer, log: &bytes.Buffer{}}
	a := &app{streams: streams{out: io.Discard, err: e.log}, env: func(name string) (string, bool) {
		return map[string]string{privateHosts: at.Host, "USER": "anna", "HOOK": "one-one-one-one-one"}[name], true
	}}
	e.process = &process{app: a, flags: daemonFlags{projects: filepath.Join(dir, "projects.yaml"), data: dir}, registry: prometheus.NewRegistry(), log: jsonLog(e.log, 0)}
	e.write(t, members)
	if err := e.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range e.daemons {
		if d.store, err = state.Open(t.Context(), filepath.Join(dir, d.name, "mlsync.db"), state.Options{Installation: d.project.Installation()}); err != nil {
			t.Fatal(err)
		}
		d.up.Store(true)
	}
	t.Cleanup(func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// write writes the file of projects.
func (e *entrance) write(t *testing.T, members string) {
	t.Helper()
	text := fmt.Sprintf("access:\n  issuers:\n    corp: {url: %q, audience: %q}\nprojects:\n", e.issuer.Issuer(), e.issuer.ClientID)
	for _, name := range []string{"vision", "fraud"} {
		text += fmt.Sprintf(`  %s:
    repository: {url: "https://git.example/team/%s"}
    workspaces: [/subscriptions/s/resourceGroups/%s/providers/Microsoft.MachineLearningServices/workspaces/*]
    kinds: "*"
    targets: {"*": {identity: {type: environment}, read_identity: {type: cli}}}
`, name, name, name)
		if name == "vision" {
			text += members
		}
	}
	if err := os.WriteFile(e.flags.projects, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// signIn is the token of a person, who has gone through the pages of the issuer.
func (e *entrance) signIn(t *testing.T, who string, groups ...string) string {
	t.Helper()
	e.issuer.QueueUser(&mockoidc.MockUser{Subject: who, PreferredUsername: who, Groups: groups})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(e.issuer.AuthorizationEndpoint() + "?" + url.Values{
		"client_id": {e.issuer.ClientID}, "scope": {"openid profile groups"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1/back"}, "state": {"s"}, "nonce": {"n"},
	}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	res, err = client.PostForm(e.issuer.TokenEndpoint(), url.Values{
		"client_id": {e.issuer.ClientID}, "client_secret": {e.issuer.ClientSecret}, "grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"id_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatalf("%s %v", res.Status, err)
	}
	return got.Token
}

func (e *entrance) who(t *testing.T, token string) (access.Principal, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return e.door.Who(r)
}

// A person signs in, makes a token, and both lose what is taken away: by the file
// of projects while the daemon runs, and by the issuer.
func TestAttackZ13RolesThatAreTakenAway(t *testing.T) {
	const member = "    members:\n    - {group: ml, role: operator}\n"
	e := newEntrance(t, member)
	token := e.signIn(t, "lin", "ml")
	lin, err := e.who(t, token)
	if err != nil || !lin.Allows(access.Sync, "vision") || lin.Allows(access.Read, "fraud") {
		t.Fatalf("%+v %v", lin, err)
	}
	saved, text, err := access.Mint(lin, access.Wanted{Project: "vision", Name: "ci", Role: access.Operator, Life: time.Hour}, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx := state.Acting(t.Context(), state.Actor{Subject: lin.Subject, Via: "api", From: "192.0.2.1"})
	if err := e.daemons[0].store.AddToken(ctx, keptToken(saved)); err != nil {
		t.Fatal(err)
	}
	may := func(what string, want bool) {
		t.Helper()
		p, err := e.who(t, text)
		if err != nil || p.Allows(access.Sync, "vision") != want || p.Allows(access.Sync, "fraud") {
			t.Errorf("%s: %+v %v", what, p, err)
		}
	}
	may("as it was made", true)
	e.write(t, "")
	may("before the file is looked at", true)
	e.file.look(e.process)
	may("the member is gone", false)
	if p, err := e.who(t, token); err != nil || len(p.Grants) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	e.write(t, "    members: 7\n")
	e.file.look(e.process)
	may("a file with a mistake gives nothing back", false)
	e.write(t, member)
	e.file.look(e.process)
	may("the member is back", true)
	e.write(t, "    members: 7\n")
	e.file.look(e.process)
	may("and a file with a mistake takes nothing away", true)
	if !strings.Contains(e.log.String(), "is not taken over") || strings.Contains(e.log.String(), "restart") {
		t.Errorf("the log says\n%s", e.log)
	}
	if _, err := e.who(t, e.signIn(t, "lin", "other")); err != nil {
		t.Fatal(err)
	}
	may("its owner has left the group", false)
	if _, err := e.who(t, e.signIn(t, "lin", "ml", "other")); err != nil {
		t.Fatal(err)
	}
	may("and is in it again", true)
	kept, err := e.daemons[0].store.Token(t.Context(), saved.ID)
	if err != nil || kept.LastUsed.IsZero() {
		t.Errorf("%+v %v", kept, err)
	}
	if err := e.daemons[0].store.RevokeToken(ctx, saved.ID, "lin"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.who(t, text); !errors.Is(err, access.ErrBadCredential) {
		t.Errorf("revoked: %v", err)
	}
	rows, err := e.daemons[0].store.Audit(t.Context(), state.AuditFilter{})
	if err != nil || len(rows) != 2 || rows[0].Action != "token_revoke" || rows[0].Actor != "user:corp/lin" || rows[0].From != "192.0.2.1" {
		t.Errorf("%+v %v", rows, err)
	}
	// A token of a project that is not started is not taken, and nobody is told why.
	e.daemons[0].up.Store(false)
	if _, err := e.who(t, text); !errors.Is(err, access.ErrBadCredential) || strings.Contains(err.Error(), "revoked") {
		t.Errorf("not started: %v", err)
	}
}

// The issuer is asked as addresses in files are: not within the network, unless
// the operator allows it.
func TestAttackN60IssuerWithinTheNetwork(t *testing.T) {
	e := newEntrance(t, "    members:\n    - {user: lin, role: viewer}\n")
	token := e.signIn(t, "lin")
	e.env = func(string) (string, bool) { return "", false }
	if err := e.guard(e.file.list); err != nil {
		t.Fatal(err)
	}
	if _, err := e.who(t, token); !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

// Deliveries are for one project each, and prove that they are.
func TestWebhooksOfProjects(t *testing.T) {
	e := newEntrance(t, "    webhooks: {github: {secret_env: HOOK}}\n")
	d := e.daemons[0]
	cfg, err := d.ownConfiguration()
	if err != nil {
		t.Fatal(err)
	}
	woken := 0
	wake := func(context.Context, webhook.Hint) (bool, error) { woken++; return true, nil }
	told := func(webhook.Provider, webhook.State, webhook.Hint, error) {}
	if d.hooks, err = e.openHooks(t.Context(), cfg, webhook.Options{Wake: wake, Told: told, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	body := `{"ref":"refs/heads/main","repository":{"clone_url":"https://git.example/team/vision"}}`
	mac := hmac.New(sha256.New, []byte("one-one-one-one-one"))
	mac.Write([]byte(body))
	for _, c := range []struct {
		path, signature string
		want            int
	}{
		{"/webhook/github", hex.EncodeToString(mac.Sum(nil)), http.StatusNotFound},
		{"/webhook/github/other", hex.EncodeToString(mac.Sum(nil)), http.StatusNotFound},
		{"/webhook/github/fraud", hex.EncodeToString(mac.Sum(nil)), http.StatusNotFound},
		{"/webhook/github/vision", strings.Repeat("0", 64), http.StatusUnauthorized},
		{"/webhook/github/vision", hex.EncodeToString(mac.Sum(nil)), http.StatusAccepted},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, strings.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "sha256="+c.signature)
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-GitHub-Delivery", "1")
		w := httptest.NewRecorder()
		e.webhooks().ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}

// A delivery that woke somebody is in the audit, and one that did not is not.
func TestDeliveriesAreAudited(t *testing.T) {
	e := newEntrance(t, "")
	d := e.daemons[0]
	var err error
	if d.cfg, err = d.ownConfiguration(); err != nil {
		t.Fatal(err)
	}
	if d.queue, err = queue.OpenSQLite(t.Context(), d.store.DB(), queue.Options{}); err != nil {
		t.Fatal(err)
	}
	ref, err := gitrepo.ParseRef("main")
	if err != nil {
		t.Fatal(err)
	}
	d.refs = []gitrepo.Ref{ref}
	for _, repo := range []string{"https://git.example/team/other", "https://git.example/team/vision"} {
		woken, err := d.hinted(t.Context(), webhook.Hint{Provider: webhook.GitHub, Event: "push", Delivery: "d1", Push: true, Remotes: []string{repo}, Refs: []string{"refs/heads/main"}})
		if err != nil || woken != (repo == "https://git.example/team/vision") {
			t.Fatalf("%s: %v %v", repo, woken, err)
		}
	}
	rows, err := d.store.Audit(t.Context(), state.AuditFilter{})
	if err != nil || len(rows) != 1 || rows[0].Actor != "webhook:github" || rows[0].Via != "webhook" || rows[0].Project != "vision" || rows[0].Detail != "push d1 refs/heads/main" {
		t.Errorf("%+v %v", rows, err)
	}
}
