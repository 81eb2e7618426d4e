package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"mlsync.dev/mlsync/internal/limit"
)

// Issuer says whose tokens a hook of OIDC takes.
type Issuer struct {
	// URL is the issuer's, below which its discovery document is found.
	URL, Audience string
	// Claims are what a token must say, all of them; there is at least one, as
	// an issuer gives tokens to many.
	Claims map[string]string
}

// tokens verifies tokens. The text that it gives is the same only for the same
// token.
type tokens func(ctx context.Context, token string) ([]byte, error)

var errToken = errors.New("the token is not taken")

// proveOIDC takes a bearer token.
func proveOIDC(d delivery) ([]byte, error) {
	text, err := one(d.header, "Authorization")
	if err != nil {
		return nil, err
	}
	scheme, token, ok := strings.Cut(text, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.Count(token, ".") != 2 {
		return nil, errForm
	}
	return d.token(d.ctx, token)
}

// verifier verifies the tokens of one issuer. Its keys are read when the first
// token comes, and again for keys that it does not know, but not more often
// than the bucket allows, so that wrong tokens do not make us ask.
type verifier struct {
	issuer Issuer
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	known *oidc.IDTokenVerifier
}

func newVerifier(i Issuer, transport http.RoundTripper, now func() time.Time) *verifier {
	asks := NewBucket(limit.WebhookKeys, time.Minute, now)
	return &verifier{issuer: i, now: now, client: &http.Client{
		Transport: rarely{transport, asks}, Timeout: limit.WebhookRead,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// rarely asks no more often than the bucket allows.
type rarely struct {
	to     http.RoundTripper
	bucket *Bucket
}

func (r rarely) RoundTrip(req *http.Request) (*http.Response, error) {
	if !r.bucket.Take() {
		return nil, errors.New("the issuer was asked too often of late")
	}
	return r.to.RoundTrip(req)
}

// ready gives the verifier. The context that it keeps for later is without
// end: it carries the client, and the client has a timeout.
func (v *verifier) ready(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil {
		p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), v.client), v.issuer.URL)
		if err != nil {
			return nil, fmt.Errorf("the issuer's document cannot be read: %w", err)
		}
		v.known = p.Verifier(&oidc.Config{ClientID: v.issuer.Audience, Now: v.now, SupportedSigningAlgs: []string{
			oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
		}})
	}
	return v.known, nil
}

// verify checks signature, issuer, audience, time and claims. A token is one
// delivery: what is the same of two is the token as a whole.
func (v *verifier) verify(ctx context.Context, token string) ([]byte, error) {
	known, err := v.ready(ctx)
	if err != nil {
		return nil, err
	}
	got, err := known.Verify(ctx, token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	claims := map[string]any{}
	if err := got.Claims(&claims); err != nil {
		return nil, errToken
	}
	if len(v.issuer.Claims) == 0 {
		return nil, fmt.Errorf("%w: no claims are asked for", errToken)
	}
	for name, want := range v.issuer.Claims {
		if text, ok := claims[name].(string); !ok || text != want {
			return nil, fmt.Errorf("%w: it does not say what is wanted in the claim %s", errToken, name)
		}
	}
	// The signature may be written in more than one way; what it signs not.
	return []byte(token[:strings.LastIndexByte(token, '.')]), nil
}
