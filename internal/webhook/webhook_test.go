package webhook

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Each provider's delivery wakes once, and all its refs are read.
func TestDeliveries(t *testing.T) {
	r := newReceiver(t, time.Now)
	for _, p := range Providers() {
		for _, key := range []string{secret, older} {
			body := append(payload(t, p), strings.Repeat(" ", len(r.hints))...) // not the same one again
			if code, state := r.send(p, r.sign(p, key, body), body); code != http.StatusAccepted || state != Accepted {
				t.Fatalf("%s: got %d %s: %v", p, code, state, r.why)
			}
		}
		h := r.hints[len(r.hints)-1]
		want := []string{"refs/heads/main", "refs/heads/prod", "refs/tags/v1"}
		if p == GitHub || p == Gitea { // a delivery for each ref
			want = want[:1]
		}
		if !slices.Equal(h.Refs, want) || !h.Push || h.Provider != p {
			t.Errorf("%s: got %+v", p, h)
		}
	}
}

// What is no push, or of another repository, is answered as what is.
func TestIgnoredIsSilent(t *testing.T) {
	r := newReceiver(t, time.Now)
	try := func(p Provider, body, name, value string) {
		t.Helper()
		h := r.sign(p, secret, []byte(body))
		if name != "" {
			h.Set(name, value)
		}
		if code, state := r.send(p, h, []byte(body)); code != http.StatusAccepted || state != Ignored {
			t.Errorf("%s %s: got %d %s", p, body, code, state)
		}
	}
	for _, p := range Providers() {
		try(p, strings.NewReplacer("ml-assets", "other", "ML%20Assets", "other", "/assets", "/other").Replace(string(payload(t, p))), "", "")
		try(p, `{}`, "", "")
	}
	try(GitHub, `{"zen":"Keep it simple."}`, "X-GitHub-Event", "ping")
	try(GitHub, string(payload(t, GitHub)), "X-GitHub-Event", "issues")
	try(GitLab, strings.ReplaceAll(string(payload(t, GitLab)), `"push"`, `"note"`), "", "")
	try(Azure, strings.ReplaceAll(string(payload(t, Azure)), "git.push", "workitem.created"), "", "")
	try(BitbucketServer, `{"test": true}`, "X-Event-Key", "diagnostics:ping")
	if len(r.hints) > 0 {
		t.Errorf("woken by %v", r.hints)
	}
}

// Events of pull requests are hints of their own, and move no ref.
func TestEventsOfPullRequests(t *testing.T) {
	r := newReceiver(t, time.Now)
	for _, c := range []struct {
		p          Provider
		body       string
		name, kind string
	}{
		{GitHub, `{"action":"synchronize","number":7,"ref":"refs/heads/main","repository":{"clone_url":"https://github.com/contoso/ml-assets.git"}}`, "X-GitHub-Event", "pull_request"},
		{Gitea, `{"action":"label_updated","number":7,"repository":{"clone_url":"https://codeberg.org/contoso/ml-assets.git"}}`, "X-Gitea-Event", "pull_request_label"},
		{GitLab, `{"object_kind":"merge_request","project":{"git_http_url":"https://gitlab.com/contoso/ml-assets.git"}}`, "X-Gitlab-Event", "Merge Request Hook"},
		{Azure, `{"eventType":"git.pullrequest.updated","resource":{"repository":{"remoteUrl":"https://dev.azure.com/contoso/p/_git/assets"}}}`, "", ""},
	} {
		h := r.sign(c.p, secret, []byte(c.body))
		if c.name != "" {
			h.Set(c.name, c.kind)
		}
		hint, err := Read(c.p, h, []byte(c.body))
		if err != nil || !hint.Pull || hint.Push || len(hint.Refs) != 0 || len(hint.Remotes) == 0 {
			t.Errorf("%s: %+v %v", c.p, hint, err)
		}
	}
}

func TestEventsOfOneRef(t *testing.T) {
	for _, tc := range []struct {
		p           Provider
		event, body string
		want        []string
	}{
		{GitHub, "create", `{"ref":"v2","ref_type":"tag"}`, []string{"refs/tags/v2"}},
		{GitHub, "delete", `{"ref":"topic/x","ref_type":"branch"}`, []string{"refs/heads/topic/x"}},
		{Gitea, "create", `{"ref":"v2","ref_type":"tag"}`, []string{"refs/tags/v2"}},
		{GitLab, "Tag Push Hook", `{"object_kind":"tag_push","ref":"refs/tags/v2"}`, []string{"refs/tags/v2"}},
		{GitLab, "System Hook", `{"event_name":"repository_update","changes":[{"ref":"refs/heads/a"},{"ref":"refs/heads/b"}],"refs":["refs/heads/b"]}`, []string{"refs/heads/a", "refs/heads/b"}},
		{BitbucketServer, "mirror:repo_synchronized", `{"changes":[{"refId":"refs/heads/a"}]}`, []string{"refs/heads/a"}},
		{GitHub, "push", `{"ref":"main"}`, nil}, // of no sort: any ref may have moved
		{HMAC, "", `{"repository":"https://x.example/a/b"}`, nil},
	} {
		h, err := Read(tc.p, Named(tc.p, http.Header{}, tc.event), []byte(tc.body))
		if err != nil || !h.Push || !slices.Equal(h.Refs, tc.want) {
			t.Errorf("%s %s: got %+v, %v", tc.p, tc.event, h, err)
		}
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Github-Event": {"push"}}
	if h, err := Read(GitHub, form, []byte("payload="+url.QueryEscape(string(payload(t, GitHub))))); err != nil || !h.About(remotes[GitHub], "") {
		t.Errorf("a form: %+v, %v", h, err)
	}
}

func TestGuess(t *testing.T) {
	for _, p := range Providers() {
		want := p
		if p == OIDC {
			want = HMAC // the payload is the same
		}
		if got, err := Guess(http.Header{}, payload(t, p)); err != nil || got != want {
			t.Errorf("%s: got %s, %v", p, got, err)
		}
		s := &sender{now: time.Now}
		if p != OIDC && p != BitbucketServer && p != Bitbucket && p != Azure {
			if got, err := Guess(s.sign(p, secret, nil), []byte("{}")); err != nil || got != p {
				t.Errorf("%s by its headers: got %s, %v", p, got, err)
			}
		}
	}
	for _, body := range []string{"{}", "[]", "", "x"} {
		if got, err := Guess(http.Header{}, []byte(body)); err == nil {
			t.Errorf("%q: got %s", body, got)
		}
	}
}

// GitLab's signing token: the secret says that it is wanted, and the token that
// is sent in clear does not do any more.
func TestGitLabSigns(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	key := signingToken + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef01234567"))
	s, err := New(t.Context(), Options{Now: func() time.Time { return now }, Hooks: []Hook{{Provider: GitLab, Secrets: func(context.Context) ([]string, error) { return []string{key}, nil }}}})
	if err != nil {
		t.Fatal(err)
	}
	body := payload(t, GitLab)
	at := strconv.FormatInt(now.Unix(), 10)
	good := base64.StdEncoding.EncodeToString(sum("0123456789abcdef01234567", "id1.", at, ".", string(body)))
	for i, tc := range []struct {
		h  http.Header
		ok bool
	}{
		{http.Header{"Webhook-Id": {"id1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + good}}, true},
		{http.Header{"Webhook-Id": {"id1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v2,x v1,AAAA v1," + good}}, true},
		{http.Header{"Webhook-Id": {"id2"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + good}}, false},
		{http.Header{"Webhook-Id": {"id1"}, "Webhook-Timestamp": {at + "1"}, "Webhook-Signature": {"v1," + good}}, false},
		{http.Header{"Webhook-Id": {"id1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {good}}, false},
		{http.Header{"Webhook-Id": {"id1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1,x v1,x v1,x v1,x v1," + good}}, false},
		{http.Header{"Webhook-Id": {"id1", "id1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + good}}, false},
		{http.Header{"Webhook-Id": {"id1"}, "Webhook-Timestamp": {at}}, false},
		{http.Header{"X-Gitlab-Token": {key}}, false},
	} {
		if err := s.Prove(t.Context(), GitLab, tc.h, body); (err == nil) != tc.ok {
			t.Errorf("%d: got %v", i, err)
		}
	}
}

// Without a secret, or with one that can be guessed, nothing is served.
func TestSecretIsMandatory(t *testing.T) {
	for _, p := range Providers() {
		for _, secrets := range [][]string{nil, {}, {""}, {secret[:15]}, {secret, "short"}} {
			_, err := New(t.Context(), Options{Now: time.Now, Hooks: []Hook{{Provider: p, Secrets: func(context.Context) ([]string, error) { return secrets, nil }}}})
			var bad *HookError
			if !errors.As(err, &bad) || bad.Provider != p {
				t.Errorf("%s with %d secrets: %v", p, len(secrets), err)
			}
		}
	}
	if _, err := New(t.Context(), Options{Now: time.Now, Hooks: []Hook{{Provider: GitHub, Secrets: func(context.Context) ([]string, error) { return []string{secret[:16]}, nil }}}}); err != nil {
		t.Error(err)
	}
	if _, err := New(t.Context(), Options{Now: time.Now, Hooks: []Hook{{Provider: "other"}}}); err == nil {
		t.Error("a provider that is not known is served")
	}
}

// A secret that was changed is taken without a restart, and who guesses does not
// make us ask for secrets all the time.
func TestSecretsAreAskedForAgain(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	current, asked := secret, 0
	s, err := New(t.Context(), Options{Now: func() time.Time { return now }, Hooks: []Hook{{Provider: GitHub, Secrets: func(context.Context) ([]string, error) {
		asked++
		return []string{current}, nil
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	from := &sender{now: time.Now}
	try := func(key string) error {
		return s.Prove(t.Context(), GitHub, from.sign(GitHub, key, []byte("{}")), []byte("{}"))
	}
	current = older
	if try(secret) != nil || try(older) != nil || asked != 2 {
		t.Errorf("the new secret is not taken, after %d", asked)
	}
	for range 100 {
		if try(secret) == nil {
			t.Fatal("the old secret is taken")
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	now = now.Add(time.Minute)
	if try(secret) == nil || asked != 3 {
		t.Errorf("asked %d times after a minute", asked)
	}
}

// A delivery that could not be kept may come again; one that was, not.
func TestFailedDeliveriesMayComeAgain(t *testing.T) {
	r := newReceiver(t, time.Now)
	for _, p := range Providers() {
		body := payload(t, p)
		h := r.sign(p, secret, body)
		r.fail = errors.New("the disk is full")
		if code, state := r.send(p, h, body); code != http.StatusServiceUnavailable || state != Failed {
			t.Errorf("%s: got %d %s", p, code, state)
		}
		r.fail = nil
		for _, want := range []State{Accepted, Replayed} {
			if code, state := r.send(p, h, body); code != http.StatusAccepted || state != want {
				t.Errorf("%s: got %d %s, want %s", p, code, state, want)
			}
		}
	}
}
