package webhook

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"mlsync.dev/mlsync/internal/limit"
)

// Tokens of another issuer, audience, time, key, algorithm or subject.
func TestAttackW10Tokens(t *testing.T) {
	r := newReceiver(t, time.Now)
	now := time.Now()
	claims := func(changed string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":"mlsync","sub":"repo:contoso/ml","repository":"contoso/ml","exp":%d,"iat":%d%s}`, r.issuer.URL, now.Add(time.Minute).Unix(), now.Unix(), changed)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(r.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	raw := base64.RawURLEncoding
	// The oldest mistake: a public key as the secret of a symmetric algorithm.
	confused := func(key []byte) string {
		text := raw.EncodeToString([]byte(`{"alg":"HS256","kid":"k","typ":"JWT"}`)) + "." + raw.EncodeToString([]byte(claims("")))
		return text + "." + raw.EncodeToString(sum(string(key), text))
	}
	good := r.token("")
	parts := strings.Split(good, ".")
	for what, token := range map[string]string{
		"another audience":   r.token(`,"aud":"other"`),
		"no audience":        r.token(`,"aud":[]`),
		"another issuer":     r.token(`,"iss":"https://evil.example"`),
		"expired":            r.token(fmt.Sprintf(`,"exp":%d`, now.Add(-time.Minute).Unix())),
		"no end":             r.token(`,"exp":0`),
		"not yet":            r.token(fmt.Sprintf(`,"nbf":%d`, now.Add(time.Hour).Unix())),
		"another subject":    r.token(`,"sub":"repo:contoso/other"`),
		"a longer subject":   r.token(`,"sub":"repo:contoso/ml-2"`),
		"another repository": r.token(`,"repository":"contoso/other"`),
		"a number":           r.token(`,"repository":1`),
		"a list":             r.token(`,"repository":["contoso/ml"]`),
		"null":               r.token(`,"repository":null`),
		"another key":        oidctest.SignIDToken(stranger, "k", "RS256", claims("")),
		"an unknown key":     oidctest.SignIDToken(stranger, "other", "RS256", claims("")),
		"none":               raw.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"None":               raw.EncodeToString([]byte(`{"alg":"None"}`)) + "." + parts[1] + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"other claims":       parts[0] + "." + raw.EncodeToString([]byte(claims(`,"x":1`))) + "." + parts[2],
		"confused":           confused(public),
		"confused PEM":       confused(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"large":              parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2],
	} {
		r.free()
		h := http.Header{"Authorization": {"Bearer " + token}}
		if code, state := r.send(OIDC, h, payload(t, OIDC)); code != http.StatusUnauthorized || state != Refused {
			t.Errorf("%s: got %d %s", what, code, state)
		}
		if why := fmt.Sprint(r.why); strings.Contains(why, token) && len(token) > 20 {
			t.Errorf("%s: the token is told: %s", what, why)
		}
	}
	r.free()
	if _, state := r.send(OIDC, http.Header{"Authorization": {"bearer " + good}}, payload(t, OIDC)); state != Accepted {
		t.Errorf("the good one: %s, %v", state, r.why)
	}
}

// Tokens of keys that nobody knows do not make us ask the issuer all the time.
func TestAttackW11KeysAreAskedForRarely(t *testing.T) {
	now := time.Now()
	r := newReceiver(t, func() time.Time { return now })
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		r.free()
		token := oidctest.SignIDToken(stranger, fmt.Sprint("k", i), "RS256", fmt.Sprintf(`{"iss":%q,"aud":"mlsync","sub":"repo:contoso/ml","exp":%d}`, r.issuer.URL, now.Add(time.Hour).Unix()))
		if err := r.Prove(t.Context(), OIDC, http.Header{"Authorization": {"Bearer " + token}}, nil); err == nil {
			t.Fatal("it is taken")
		}
	}
	if got := r.requests(); got != limit.WebhookKeys {
		t.Errorf("the issuer was asked %d times", got)
	}
	now = now.Add(time.Minute)
	h := http.Header{"Authorization": {"Bearer " + r.token("")}}
	if err := r.Prove(t.Context(), OIDC, h, nil); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// An issuer that does not answer is asked again when it does.
func TestIssuerThatIsAway(t *testing.T) {
	r := newReceiver(t, time.Now)
	away := true
	v := newVerifier(Issuer{URL: r.issuer.URL, Audience: "mlsync", Claims: map[string]string{"sub": "repo:contoso/ml"}}, broken{&away}, time.Now)
	if _, err := v.verify(t.Context(), r.token("")); err == nil {
		t.Error("it is taken")
	}
	away = false
	if _, err := v.verify(t.Context(), r.token("")); err != nil {
		t.Error(err)
	}
}

type broken struct{ away *bool }

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if *b.away {
		return nil, errors.New("no route")
	}
	return http.DefaultTransport.RoundTrip(r)
}
