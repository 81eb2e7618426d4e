package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what services send beside the signature
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

const secret, older = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"

// remotes are addresses of the repositories of testdata, in a form that their
// payloads do not have.
var remotes = map[Provider]string{
	GitHub: "ssh://git@ssh.github.com:443/Contoso/ML-Assets", GitLab: "https://gitlab.com/Contoso/ml/ml-assets/", Azure: "https://contoso.visualstudio.com/Data%20Science/_git/ML%20Assets",
	Bitbucket: "git@bitbucket.org:contoso/ml-assets.git", BitbucketServer: "https://git.contoso.example/scm/ML/ml-assets.git", Gitea: "git@gitea.contoso.example:ml/assets.git",
	HMAC: "git@git.contoso.example:ml/assets", OIDC: "git@git.contoso.example:ml/assets",
}

func payload(t testing.TB, p Provider) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + string(p) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sender signs deliveries as the services do.
type sender struct {
	now    func() time.Time
	key    *rsa.PrivateKey
	issuer *httptest.Server
	asked  int
	mu     sync.Mutex
	serial int
}

func newSender(t testing.TB, now func() time.Time) *sender {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{now: now, key: key}
	provider := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: "RS256"}}}
	s.issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
		provider.ServeHTTP(w, r)
	}))
	t.Cleanup(s.issuer.Close)
	provider.SetIssuer(s.issuer.URL)
	return s
}

func (s *sender) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// token is one that the hook of the tests takes, with some claims changed.
func (s *sender) token(changed string) string {
	s.mu.Lock()
	s.serial++
	n := s.serial
	s.mu.Unlock()
	claims := fmt.Sprintf(`{"iss":%q,"aud":"mlsync","sub":"repo:contoso/ml","repository":"contoso/ml","jti":"%d","exp":%d,"iat":%d%s}`,
		s.issuer.URL, n, s.now().Add(time.Minute).Unix(), s.now().Unix(), changed)
	return oidctest.SignIDToken(s.key, "k", "RS256", claims)
}

// sign puts the headers on a request that the provider would.
func (s *sender) sign(p Provider, key string, body []byte) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	digits := hex.EncodeToString(sum(key, string(body)))
	s.mu.Lock()
	s.serial++
	id := strconv.Itoa(s.serial)
	s.mu.Unlock()
	switch p {
	case GitHub:
		old := sha1.Sum(body)
		h.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old[:]))
		h.Set("X-Hub-Signature-256", "sha256="+digits)
		h.Set("X-GitHub-Event", "push")
		h.Set("X-GitHub-Delivery", id)
	case GitLab:
		h.Set("X-Gitlab-Token", key)
		h.Set("X-Gitlab-Event", "Push Hook")
		h.Set("X-Gitlab-Event-UUID", id)
	case Azure:
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("mlsync:"+key)))
	case Bitbucket:
		h.Set("X-Hub-Signature", "sha256="+digits)
		h.Set("X-Event-Key", "repo:push")
	case BitbucketServer:
		h.Set("X-Hub-Signature", "sha256="+digits)
		h.Set("X-Event-Key", "repo:refs_changed")
	case Gitea:
		h.Set("X-Gitea-Signature", digits)
		h.Set("X-Gitea-Event", "push")
	case HMAC:
		at := strconv.FormatInt(s.now().Unix(), 10)
		h.Set(TimeHeader, at)
		h.Set(SignatureHeader, Sign(key, at, body))
	case OIDC:
		h.Set("Authorization", "Bearer "+s.token(""))
	}
	return h
}

// receiver is a server, and what it was told.
type receiver struct {
	*Server
	*sender
	mu    sync.Mutex
	hints []Hint
	state []State
	why   error
	fail  error
}

func newReceiver(t testing.TB, now func() time.Time) *receiver {
	t.Helper()
	r := &receiver{sender: newSender(t, now)}
	var hooks []Hook
	for _, p := range Providers() {
		hooks = append(hooks, Hook{Provider: p, Secrets: func(context.Context) ([]string, error) { return []string{secret, older}, nil }})
	}
	hooks[len(hooks)-1].Issuer = Issuer{URL: r.issuer.URL, Audience: "mlsync", Claims: map[string]string{"sub": "repo:contoso/ml", "repository": "contoso/ml"}}
	s, err := New(t.Context(), Options{Hooks: hooks, Transport: http.DefaultTransport, Now: now, Told: func(_ Provider, s State, _ Hint, why error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.state, r.why = append(r.state, s), why
	}, Wake: func(_ context.Context, h Hint) (bool, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.fail != nil {
			return false, r.fail
		}
		if !h.About(remotes[h.Provider], "") {
			return false, nil
		}
		r.hints = append(r.hints, h)
		return true, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	return r
}

// free lets the next delivery pass the bound of deliveries a second.
func (r *receiver) free() { r.rate.left = r.rate.most }

// send delivers, and gives the status and the state.
func (r *receiver) send(p Provider, h http.Header, body []byte) (int, State) {
	req := httptest.NewRequest(http.MethodPost, "/webhook/"+string(p), bytes.NewReader(body))
	req.Header = h
	req.SetPathValue("provider", string(p))
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.state) == 0 {
		return w.Code, ""
	}
	return w.Code, r.state[len(r.state)-1]
}
