package access

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	tenant   = "11111111-2222-3333-4444-555555555555"
	audience = "api://mlsync"
)

// server is an issuer that acts as Entra does: a discovery document, keys that
// change, and an endpoint that gives tokens to applications.
type server struct {
	*httptest.Server
	now func() time.Time

	mu    sync.Mutex
	keys  []key // the first signs
	asked int
	away  bool
}

type key struct {
	id      string
	private *rsa.PrivateKey
}

func newKey(t *testing.T, id string) key {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, k}
}

func newServer(t *testing.T, now func() time.Time) *server {
	t.Helper()
	s := &server{now: now, keys: []key{newKey(t, "k1")}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": s.issuer(), "jwks_uri": s.URL + "/keys", "token_endpoint": s.URL + "/token", "authorization_endpoint": s.URL + "/authorize",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "subject_types_supported": []string{"pairwise"}, "response_types_supported": []string{"code"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		var set jose.JSONWebKeySet
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, k := range s.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Use: "sig"})
		}
		_ = json.NewEncoder(w).Encode(set)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_secret") != "secret of "+r.FormValue("client_id") {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		app := r.FormValue("client_id")
		aud := strings.TrimSuffix(r.FormValue("scope"), "/.default")
		token := s.sign(map[string]any{"aud": aud, "sub": "object of " + app, "oid": "object of " + app, "azp": app, "scp": nil})
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked++
		away := s.away
		s.mu.Unlock()
		if away {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) issuer() string { return s.URL + "/v2.0" }

func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *server) set(away bool, keys ...key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away = away; len(keys) > 0 {
		s.keys = keys
	}
}

// base are the claims of a good token of a person.
func (s *server) base() map[string]any {
	now := s.now()
	return map[string]any{
		"iss": s.issuer(), "aud": audience, "tid": tenant, "sub": "pairwise", "oid": "ada", "azp": "portal", "scp": "user_impersonation", "name": "Ada",
		"preferred_username": "ada@contoso.com", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "ver": "2.0",
	}
}

// sign signs the base claims with others over them; nil takes one away.
func (s *server) sign(over map[string]any) string {
	c := s.base()
	maps.Copy(c, over)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	data, _ := json.Marshal(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	return signWith(s.keys[0], data)
}

func signWith(k key, payload []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k.private}, (&jose.SignerOptions{}).WithHeader("kid", k.id).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// application asks for a token as a pipeline does.
func (s *server) application(t *testing.T, id string) string {
	t.Helper()
	res, err := http.PostForm(s.URL+"/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"secret of " + id}, "scope": {audience + "/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return got.Token
}

// shelf keeps tokens in memory.
type shelf struct {
	mu     sync.Mutex
	saved  map[string]Saved
	fails  error
	writes int
}

func (s *shelf) Token(_ context.Context, id string) (Saved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.saved[id]
	if s.fails == nil && !ok {
		return t, ErrNoToken
	}
	return t, s.fails
}

func (s *shelf) Used(_ context.Context, id string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.saved[id]
	t.LastUsed = at
	s.saved[id] = t
	s.writes++
	return s.fails
}

func (s *shelf) Has(_ context.Context, owner string, entries []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.saved {
		if t.Owner == owner {
			t.Has = slices.Clone(entries)
			s.saved[id] = t
		}
	}
	s.writes++
	return s.fails
}

// house is a gatekeeper with all around it. Its clock can be moved.
type house struct {
	*Gatekeeper
	*server
	shelf   *shelf
	members []Member
	clock   time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{clock: time.Unix(1_800_000_000, 0), shelf: &shelf{saved: map[string]Saved{}}}
	now := func() time.Time { return h.clock }
	h.server = newServer(t, now)
	var err error
	h.Gatekeeper, err = New(Options{
		Issuers:   []Issuer{{Name: "entra", URL: h.issuer(), Audience: audience, Tenant: tenant}},
		Transport: http.DefaultTransport, Now: now, Tokens: h.shelf,
		Members: func() []Member { return h.members },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) member(sort Sort, id string, role Role, project string) {
	h.members = append(h.members, Member{Entry{sort, "entra", id}, Grant{role, project}})
}

// who asks at the door with a token.
func (h *house) who(t *testing.T, token string) (Principal, error) {
	t.Helper()
	return h.Who(request(t, "Bearer "+token))
}

func request(t *testing.T, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/targets", nil)
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return r
}

// token makes one of mlsync.
func (h *house) token(project string, role Role, owner string, has ...string) string {
	id, text, hash := NewToken(project)
	h.shelf.saved[id] = Saved{
		ID: id, Project: project, Name: "ci", Role: role, Hash: hash, Owner: owner, Has: has, Created: h.clock, Expires: h.clock.Add(24 * time.Hour),
	}
	return text
}

func granted(p Principal) string {
	var out []string
	for _, g := range p.Grants {
		out = append(out, fmt.Sprintf("%s@%s", g.Role, g.Project))
	}
	return strings.Join(out, " ")
}
