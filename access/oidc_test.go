package access

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"
)

// Persons by their object, groups, app roles, and applications by their id, as
// Entra names them.
func TestWhoOfEntra(t *testing.T) {
	h := newHouse(t)
	h.member(User, "ada", Operator, "vision")
	h.member(Group, "g-approvers", Approver, "vision")
	h.member(AppRole, "Mlsync.Admin", Admin, All)
	h.member(ServiceApp, "ci", Operator, "fraud")
	h.member(User, "ci", Admin, "vision")
	for _, c := range []struct {
		what    string
		token   string
		subject string
		kind    Kind
		want    string
	}{
		{"a user", h.sign(nil), "user:entra/ada", Person, "operator@vision"},
		{"a user in groups", h.sign(map[string]any{"groups": []string{"g1", "g-approvers"}}), "user:entra/ada", Person, "operator@vision approver@vision"},
		{"one group as a text", h.sign(map[string]any{"oid": "bob", "groups": "g-approvers"}), "user:entra/bob", Person, "approver@vision"},
		{"an app role", h.sign(map[string]any{"oid": "bob", "roles": []string{"Mlsync.Admin"}}), "user:entra/bob", Person, "admin@*"},
		{"nobody", h.sign(map[string]any{"oid": "eve"}), "user:entra/eve", Person, ""},
		{"an application", h.application(t, "ci"), "service:entra/ci", Service, "operator@fraud"},
		{"an application of version 1.0", h.sign(map[string]any{"azp": nil, "appid": "ci", "oid": "x", "sub": "x", "scp": nil}), "service:entra/ci", Service, "operator@fraud"},
		{"a user of an application", h.sign(map[string]any{"azp": "ci", "oid": "eve"}), "user:entra/eve", Person, ""},
		{"another application", h.application(t, "other"), "service:entra/other", Service, ""},
	} {
		p, err := h.who(t, c.token)
		if err != nil || p.Subject != c.subject || p.Kind != c.kind || granted(p) != c.want {
			t.Errorf("%s: got %s %s %q, %v", c.what, p.Subject, p.Kind, granted(p), err)
		}
		if !p.Expires.Equal(h.clock.Add(time.Hour)) {
			t.Errorf("%s: expires %s", c.what, p.Expires)
		}
	}
}

// A foreign issuer, of people who are sent to its page and come back with a
// code.
func TestWhoOfAnotherServer(t *testing.T) {
	m, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Shutdown() }()
	m.QueueUser(&mockoidc.MockUser{Subject: "lin", PreferredUsername: "lin", Email: "lin@example.com", Groups: []string{"ml-team"}})
	token := signIn(t, m)
	members := []Member{{Entry{Group, "corp", "ml-team"}, Grant{Operator, "vision"}}, {Entry{User, "corp", "lin"}, Grant{Approver, "fraud"}}}
	g, err := New(Options{
		Issuers: []Issuer{{Name: "corp", URL: m.Issuer(), Audience: m.ClientID}}, Transport: http.DefaultTransport, Now: time.Now,
		Members: func() []Member { return members },
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Who(request(t, "Bearer "+token))
	if err != nil || p.Subject != "user:corp/lin" || p.Name != "lin" || granted(p) != "operator@vision approver@fraud" {
		t.Fatalf("%+v %v", p, err)
	}
	if !p.Allows(Sync, "vision") || p.Allows(Approve, "vision") || p.Allows(Read, "other") {
		t.Error("it may do something else than what was granted")
	}
	members = []Member{{Entry{ServiceApp, "corp", "lin"}, Grant{Operator, "vision"}}}
	if p, err := g.Who(request(t, "Bearer "+token)); err != nil || p.Subject != "service:corp/lin" || p.Kind != Service || granted(p) != "operator@vision" {
		t.Errorf("listed as a service: %+v %v", p, err)
	}
	members = nil
	if p, err := g.Who(request(t, "Bearer "+token)); err != nil || p.Grants != nil {
		t.Errorf("without members: %+v %v", p, err)
	}
	other, err := New(Options{Issuers: []Issuer{{Name: "corp", URL: m.Issuer(), Audience: "other"}}, Transport: http.DefaultTransport, Now: time.Now, Members: func() []Member { return members }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Who(request(t, "Bearer "+token)); !errors.Is(err, ErrBadCredential) {
		t.Errorf("another audience: %v", err)
	}
}

// signIn goes through the flow with a code.
func signIn(t *testing.T, m *mockoidc.MockOIDC) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	back := "http://127.0.0.1/callback"
	res, err := client.Get(m.AuthorizationEndpoint() + "?" + url.Values{
		"client_id": {m.ClientID}, "scope": {"openid email profile groups"}, "response_type": {"code"}, "redirect_uri": {back}, "state": {"s"}, "nonce": {"n"},
	}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	to, err := res.Location()
	if err != nil {
		t.Fatalf("%s: %v", res.Status, err)
	}
	res, err = client.PostForm(m.TokenEndpoint(), url.Values{
		"client_id": {m.ClientID}, "client_secret": {m.ClientSecret}, "grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {back},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"id_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return got.Token
}

func TestIssuersAreWhole(t *testing.T) {
	whole := Issuer{Name: "a", URL: "https://a.example", Audience: "mlsync"}
	for what, list := range map[string][]Issuer{
		"no name": {{URL: "https://a.example", Audience: "mlsync"}}, "no address": {{Name: "a", Audience: "mlsync"}},
		"no audience": {{Name: "a", URL: "https://a.example"}}, "twice": {whole, {Name: "b", URL: whole.URL, Audience: "other"}},
	} {
		if _, err := New(Options{Issuers: list, Now: time.Now}); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	if got := Entra("e", tenant, "x").URL; got != "https://login.microsoftonline.com/"+tenant+"/v2.0" {
		t.Error(got)
	}
}
