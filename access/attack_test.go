package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Tokens of another issuer, audience, tenant, key, algorithm or form.
func TestAttackZ03Tokens(t *testing.T) {
	h := newHouse(t)
	h.member(User, "ada", Admin, All)
	good := h.sign(nil)
	if p, err := h.who(t, good); err != nil || granted(p) != "admin@*" {
		t.Fatalf("the good one: %+v %v", p, err)
	}
	raw, parts := base64.RawURLEncoding, strings.Split(good, ".")
	public, err := x509.MarshalPKIXPublicKey(h.keys[0].private.Public())
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := json.Marshal(h.base())
	// The oldest mistake: a public key as the secret of a symmetric algorithm.
	confused := func(key []byte) string {
		text := raw.EncodeToString([]byte(`{"alg":"HS256","kid":"k1","typ":"JWT"}`)) + "." + raw.EncodeToString(claims)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return text + "." + raw.EncodeToString(mac.Sum(nil))
	}
	stranger := newKey(t, "k1")
	more, _ := json.Marshal(map[string]any{"iss": h.issuer(), "aud": audience, "oid": "root", "tid": tenant, "exp": h.clock.Add(time.Hour).Unix()})
	for what, token := range map[string]string{
		"another audience":     h.sign(map[string]any{"aud": "api://other"}),
		"a longer audience":    h.sign(map[string]any{"aud": audience + "2"}),
		"no audience":          h.sign(map[string]any{"aud": nil}),
		"no audiences":         h.sign(map[string]any{"aud": []string{}}),
		"another issuer":       h.sign(map[string]any{"iss": "https://evil.example"}),
		"a longer issuer":      h.sign(map[string]any{"iss": h.issuer() + "/"}),
		"no issuer":            h.sign(map[string]any{"iss": nil}),
		"another tenant":       h.sign(map[string]any{"tid": "99999999-2222-3333-4444-555555555555"}),
		"no tenant":            h.sign(map[string]any{"tid": nil}),
		"of nobody":            h.sign(map[string]any{"oid": nil}),
		"of an empty name":     h.sign(map[string]any{"oid": ""}),
		"another key":          signWith(stranger, claims),
		"an unknown key":       signWith(newKey(t, "k9"), claims),
		"none":                 raw.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"NONE":                 raw.EncodeToString([]byte(`{"alg":"NONE","kid":"k1"}`)) + "." + parts[1] + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"other claims":         parts[0] + "." + raw.EncodeToString(more) + "." + parts[2],
		"another algorithm":    raw.EncodeToString([]byte(`{"alg":"RS512","kid":"k1"}`)) + "." + parts[1] + "." + parts[2],
		"confused":             confused(public),
		"confused PEM":         confused(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"a key of its own":     raw.EncodeToString([]byte(`{"alg":"RS256","jwk":{"kty":"RSA"},"jku":"https://evil.example"}`)) + "." + parts[1] + "." + parts[2],
		"groups of no form":    h.sign(map[string]any{"groups": map[string]any{"a": 1}}),
		"large":                parts[0] + "." + strings.Repeat("A", limit.AccessToken) + "." + parts[2],
		"two parts":            parts[0] + "." + parts[1],
		"encrypted":            good + "." + parts[1] + "." + parts[2],
		"a token of mlsync":    "mlsync_",
		"nothing":              "x",
		"a payload of no form": parts[0] + ".AAAA." + parts[2],
	} {
		p, err := h.who(t, token)
		if !errors.Is(err, ErrBadCredential) || p.Subject != "" || p.Grants != nil {
			t.Errorf("%s: got %+v %v", what, p, err)
		}
		if err != nil && len(token) > 20 && strings.Contains(err.Error(), token) {
			t.Errorf("%s: the token is told: %v", what, err)
		}
	}
	// At the edge of the size, it is looked at.
	if _, err := h.who(t, good+strings.Repeat("A", limit.AccessToken-len(good))); err == nil || strings.Contains(err.Error(), "bytes") {
		t.Error(err)
	}
	for what, headers := range map[string][]string{
		"basic": {"Basic YTpi"}, "twice": {"Bearer " + good, "Bearer " + good}, "two in one": {"Bearer " + good + ", Bearer " + good},
		"no scheme": {good}, "no token": {"Bearer "}, "empty": {""}, "two spaces": {"Bearer  " + good},
	} {
		if _, err := h.Who(request(t, headers...)); !errors.Is(err, ErrBadCredential) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.Who(request(t)); !errors.Is(err, ErrNoCredential) {
		t.Errorf("no header: %v", err)
	}
	if _, err := h.Who(request(t, "bearer "+good)); err != nil {
		t.Errorf("a scheme in small letters: %v", err)
	}
}

// Times: expired, not yet valid, without an end; clocks may differ a little.
func TestAttackZ04Clocks(t *testing.T) {
	h := newHouse(t)
	at := func(d time.Duration) int64 { return h.clock.Add(d).Unix() }
	for what, c := range map[string]struct {
		over map[string]any
		ok   bool
	}{
		"expired, within the skew":       {map[string]any{"exp": at(-limit.AccessSkew + time.Second)}, true},
		"expired":                        {map[string]any{"exp": at(-limit.AccessSkew)}, false},
		"long ago":                       {map[string]any{"exp": at(-time.Hour)}, false},
		"no end":                         {map[string]any{"exp": nil}, false},
		"an end of nothing":              {map[string]any{"exp": 0}, false},
		"not yet, within the skew":       {map[string]any{"nbf": at(limit.AccessSkew)}, true},
		"not yet":                        {map[string]any{"nbf": at(limit.AccessSkew + time.Second)}, false},
		"made in the future":             {map[string]any{"iat": at(time.Hour)}, false},
		"made a little in the future":    {map[string]any{"iat": at(limit.AccessSkew)}, true},
		"a beginning beyond all numbers": {map[string]any{"nbf": 1e300}, false},
		"a beginning before all time":    {map[string]any{"nbf": -1}, false},
		"no beginning":                   {map[string]any{"nbf": nil, "iat": nil}, true},
	} {
		if _, err := h.who(t, h.sign(c.over)); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrBadCredential) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A token whose groups are elsewhere is refused, as who it is of might lose or
// have rights that it does not say; where nobody is a member by group, it is
// taken.
func TestAttackZ05GroupOverage(t *testing.T) {
	h := newHouse(t)
	h.member(User, "ada", Operator, "vision")
	over := map[string]any{"_claim_names": map[string]string{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://graph.windows.net/x"}}}
	if p, err := h.who(t, h.sign(over)); err != nil || granted(p) != "operator@vision" {
		t.Errorf("without groups: %+v %v", p, err)
	}
	h.member(Group, "g", Viewer, "vision")
	for what, claims := range map[string]map[string]any{"sources": over, "hasgroups": {"hasgroups": true}, "hasgroups as a text": {"hasgroups": "true"}} {
		if _, err := h.who(t, h.sign(claims)); !errors.Is(err, ErrBadCredential) || !strings.Contains(err.Error(), "ApplicationGroup") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.who(t, h.sign(map[string]any{"hasgroups": false})); err != nil {
		t.Error(err)
	}
}

// Keys: read once, again when they are old or unknown, not often; one that was
// withdrawn is not taken for long; an issuer that is away is waited for.
func TestAttackZ06Keys(t *testing.T) {
	h := newHouse(t)
	old := h.keys[0]
	for range 5 {
		if _, err := h.who(t, h.sign(nil)); err != nil {
			t.Fatal(err)
		}
	}
	const once = 2 // the document and the keys
	if n := h.requests(); n != once {
		t.Errorf("%d requests for the first tokens", n)
	}
	// Unknown keys do not make us ask all the time.
	claims, _ := json.Marshal(h.base())
	stranger := newKey(t, "")
	for n := range 40 {
		stranger.id = fmt.Sprint("s", n)
		if _, err := h.who(t, signWith(stranger, claims)); !errors.Is(err, ErrBadCredential) {
			t.Fatal(err)
		}
	}
	if n := h.requests(); n > 2*once {
		t.Errorf("%d requests for unknown keys", n)
	}
	// A new key is found, once it is time to ask again.
	next := newKey(t, "k2")
	h.set(false, next, old)
	h.clock = h.clock.Add(limit.AccessKeysWait)
	if _, err := h.who(t, h.sign(nil)); err != nil {
		t.Errorf("a new key: %v", err)
	}
	// The old one is withdrawn.
	h.set(false, next)
	h.clock = h.clock.Add(limit.AccessKeys - time.Second)
	claims, _ = json.Marshal(h.base())
	if _, err := h.who(t, signWith(old, claims)); err != nil {
		t.Errorf("before the keys are read again: %v", err)
	}
	h.clock = h.clock.Add(time.Second)
	if _, err := h.who(t, signWith(old, claims)); !errors.Is(err, ErrBadCredential) {
		t.Errorf("a key that was withdrawn: %v", err)
	}
	// The issuer is away: old keys are used, but not for ever.
	h.set(true)
	h.clock = h.clock.Add(limit.AccessKeysOld - time.Second)
	if _, err := h.who(t, h.sign(nil)); err != nil {
		t.Errorf("the issuer is away: %v", err)
	}
	h.clock = h.clock.Add(limit.AccessKeysWait)
	for range 3 {
		if _, err := h.who(t, h.sign(nil)); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrBadCredential) {
			t.Errorf("away for long: %v", err)
		}
	}
	h.set(false)
	h.clock = h.clock.Add(limit.AccessKeysWait)
	if _, err := h.who(t, h.sign(nil)); err != nil {
		t.Errorf("it is back: %v", err)
	}
}

// Tokens of mlsync: another project, a wrong secret, expired, revoked.
func TestAttackZ07OwnTokens(t *testing.T) {
	h := newHouse(t)
	h.member(User, "ada", Admin, All)
	text := h.token("vision", Operator, "user:entra/ada")
	p, err := h.who(t, text)
	if err != nil || granted(p) != "operator@vision" || p.Kind != Token || p.For != "user:entra/ada" || !strings.HasPrefix(p.Subject, "token:vision.") {
		t.Fatalf("%+v %v", p, err)
	}
	for _, a := range Actions() {
		if p.Allows(a, "fraud") || p.Allows(a, All) || p.Allows(a, "vision") != (Operator.Does(a) && a != OwnTokens) {
			t.Errorf("%s", a)
		}
	}
	id := strings.TrimPrefix(p.Subject, "token:")
	secret := text[strings.LastIndex(text, "_")+1:]
	other := h.token("vision", Admin, "user:entra/ada")
	for what, wrong := range map[string]string{
		"another secret":  "mlsync_" + id + "_" + other[strings.LastIndex(other, "_")+1:],
		"no secret":       "mlsync_" + id + "_",
		"half a secret":   "mlsync_" + id + "_" + secret[:32],
		"more secret":     text + "00",
		"large letters":   "mlsync_" + id + "_" + strings.ToUpper(secret),
		"zeros":           "mlsync_" + id + "_" + strings.Repeat("0", 64),
		"another id":      "mlsync_vision.aaaaaaaaaaaa_" + secret,
		"another project": strings.Replace(text, "vision", "fraud", 1),
		"no id":           "mlsync__" + secret,
		"injection":       "mlsync_vision.' OR 1=1 --_" + secret,
		"one word":        "mlsync_" + secret,
	} {
		if p, err := h.who(t, wrong); !errors.Is(err, ErrBadCredential) || p.Subject != "" {
			t.Errorf("%s: %+v %v", what, p, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret is told: %v", what, err)
		}
	}
	// What was moved under the id of another project is not taken.
	saved := h.shelf.saved[id]
	saved.ID = "fraud.x"
	h.shelf.saved["fraud.x"] = saved
	if _, err := h.who(t, "mlsync_fraud.x_"+secret); !errors.Is(err, ErrBadCredential) {
		t.Errorf("a token that was moved: %v", err)
	}
	if n := h.shelf.writes; n != 1 {
		t.Errorf("the last use was noted %d times", n)
	}
	h.clock = h.clock.Add(usedEvery)
	if _, err := h.who(t, text); err != nil || !h.shelf.saved[id].LastUsed.Equal(h.clock) {
		t.Errorf("last used %s, %v", h.shelf.saved[id].LastUsed, err)
	}
	h.shelf.fails = errors.New("disk full")
	if _, err := h.who(t, text); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the journal is away: %v", err)
	}
	h.shelf.fails = nil
	saved = h.shelf.saved[id]
	saved.Revoked = h.clock
	h.shelf.saved[id] = saved
	if _, err := h.who(t, text); !errors.Is(err, ErrBadCredential) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("revoked: %v", err)
	}
	saved.Revoked = time.Time{}
	saved.Expires = h.clock
	h.shelf.saved[id] = saved
	if _, err := h.who(t, text); !errors.Is(err, ErrBadCredential) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
}

// A token never has more than who made it has now: neither after a role was
// taken away in the file, nor after its owner left the group.
func TestAttackZ08TokensAfterRoleRemoval(t *testing.T) {
	h := newHouse(t)
	h.member(Group, "ops", Operator, "vision")
	byGroup := h.token("vision", Operator, "user:entra/ada", "user:entra/ada", "group:entra/ops")
	has := func(what, text, want string) {
		t.Helper()
		if p, err := h.who(t, text); err != nil || granted(p) != want {
			t.Errorf("%s: %q %v", what, granted(p), err)
		}
	}
	has("as it was made", byGroup, "operator@vision")
	if _, err := h.who(t, h.sign(map[string]any{"groups": []string{"ops"}})); err != nil {
		t.Fatal(err)
	}
	has("its owner came with the group", byGroup, "operator@vision")
	if _, err := h.who(t, h.sign(nil)); err != nil {
		t.Fatal(err)
	}
	has("its owner came without the group", byGroup, "")
	if _, err := h.who(t, h.sign(map[string]any{"groups": []string{"ops"}})); err != nil {
		t.Fatal(err)
	}
	has("and again with it", byGroup, "operator@vision")

	h.members = nil
	has("the group is in the file no more", byGroup, "")
	h.member(User, "ada", Viewer, "vision")
	has("its owner is a viewer now", byGroup, "viewer@vision")
	h.members = nil
	h.member(User, "ada", Approver, "vision")
	has("its owner is an approver now", byGroup, "viewer@vision")
	h.members = nil
	h.member(User, "ada", Operator, "fraud")
	has("its owner is an operator elsewhere", byGroup, "")
	h.member(User, "ada", Admin, All)
	has("its owner is an admin of everything", byGroup, "operator@vision")
	h.members = nil
	h.member(User, "bob", Admin, All)
	h.member(ServiceApp, "ada", Admin, All)
	has("others are members", byGroup, "")
	admin := h.token("vision", Admin, "user:entra/bob")
	has("an admin's", admin, "admin@vision")
	h.members = []Member{{Entry{User, "entra", "bob"}, Grant{Operator, "vision"}}, {Entry{User, "entra", "bob"}, Grant{Approver, "vision"}}}
	has("an admin's who is operator and approver now", admin, "viewer@vision operator@vision approver@vision")
}

// The same id at another issuer is somebody else.
func TestAttackZ09IssuersAreApart(t *testing.T) {
	h := newHouse(t)
	other := newServer(t, func() time.Time { return h.clock })
	h.member(User, "ada", Admin, All)
	g, err := New(Options{
		Issuers:   []Issuer{{Name: "entra", URL: h.issuer(), Audience: audience, Tenant: tenant}, {Name: "partner", URL: other.issuer(), Audience: audience}},
		Transport: http.DefaultTransport, Now: func() time.Time { return h.clock }, Members: func() []Member { return h.members },
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Who(request(t, "Bearer "+other.sign(map[string]any{"sub": "ada"})))
	if err != nil || p.Subject != "user:partner/ada" || p.Grants != nil {
		t.Errorf("%+v %v", p, err)
	}
	// Signed by one, and said to be of the other.
	if _, err := g.Who(request(t, "Bearer "+other.sign(map[string]any{"iss": h.issuer()}))); !errors.Is(err, ErrBadCredential) {
		t.Errorf("of another issuer: %v", err)
	}
}
