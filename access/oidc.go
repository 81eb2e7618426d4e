package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"mlsync.dev/mlsync/internal/limit"
)

// Issuer is an OpenID Connect issuer.
type Issuer struct {
	// Name is what members call it.
	Name string
	// URL is what tokens name, below which its discovery document is found.
	URL, Audience string
	// Tenant, if it is not empty, makes it one of Entra: tokens must be of this
	// tenant, persons are named by oid and applications by appid.
	Tenant string
}

// Entra is the issuer of a tenant, for tokens of version 2.0.
func Entra(name, tenant, audience string) Issuer {
	return Issuer{Name: name, URL: "https://login.microsoftonline.com/" + tenant + "/v2.0", Audience: audience, Tenant: tenant}
}

// algorithms are those with a public key: a token is never signed with what
// both sides know.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// issuerOf is the issuer that a token says it is of; nothing of it is proved.
func issuerOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	bad := refuse("it is neither a signed token of an issuer nor one of mlsync")
	if len(parts) != 3 {
		return "", bad
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", bad
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(data, &c) != nil {
		return "", bad
	}
	return c.Issuer, nil
}

// issuer verifies tokens of one issuer.
type issuer struct {
	Issuer
	keys *keys
	cfg  *oidc.Config
	now  func() time.Time
}

func newIssuer(i Issuer, transport http.RoundTripper, now func() time.Time) *issuer {
	var names []string
	for _, a := range algorithms() {
		names = append(names, string(a))
	}
	// Audience and times are looked at below: the library allows for no clock that is late.
	cfg := &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: names, Now: now, SkipExpiryCheck: true}
	return &issuer{Issuer: i, keys: newKeys(i.URL, transport, now), now: now, cfg: cfg}
}

// proved is the payload of a token whose signature was looked at.
type proved []byte

// VerifySignature is what oidc.KeySet asks for.
func (p proved) VerifySignature(context.Context, string) ([]byte, error) { return p, nil }

// list is a claim that is a text or several.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// claims are what a token says of who it is of.
type claims struct {
	Subject   string                     `json:"sub"`
	Object    string                     `json:"oid"`
	Tenant    string                     `json:"tid"`
	App       string                     `json:"appid"` // of version 1.0
	Party     string                     `json:"azp"`   // of version 2.0
	Type      string                     `json:"idtyp"`
	Scope     string                     `json:"scp"`
	Name      string                     `json:"name"`
	User      string                     `json:"preferred_username"`
	Groups    list                       `json:"groups"`
	Roles     list                       `json:"roles"`
	Elsewhere map[string]json.RawMessage `json:"_claim_names"`
	HasGroups json.RawMessage            `json:"hasgroups"`
	NotBefore *json.Number               `json:"nbf"`
	IssuedAt  *json.Number               `json:"iat"`
	expires   time.Time
}

// verify checks signature, issuer, audience, tenant and times.
func (i *issuer) verify(ctx context.Context, token string) (*claims, error) {
	payload, err := i.keys.verify(ctx, token)
	if away := (*errKeys)(nil); errors.As(err, &away) {
		return nil, fmt.Errorf("%w: the keys of the issuer %s cannot be read: %w", ErrUnavailable, i.Name, err)
	}
	if err != nil {
		return nil, refuse("it is not signed by its issuer")
	}
	got, err := oidc.NewVerifier(i.URL, proved(payload), i.cfg).Verify(ctx, token)
	if err != nil {
		return nil, refuse("its claims cannot be read")
	}
	if !slices.Contains(got.Audience, i.Audience) {
		return nil, refuse("it is not for the audience %s", i.Audience)
	}
	c := &claims{expires: got.Expiry}
	if err := got.Claims(c); err != nil {
		return nil, refuse("its claims cannot be read")
	}
	if i.Tenant != "" && !strings.EqualFold(c.Tenant, i.Tenant) {
		return nil, refuse("it is of another tenant")
	}
	return c, i.intime(c)
}

func (i *issuer) intime(c *claims) error {
	now := i.now()
	at := func(n *json.Number) time.Time {
		if n == nil {
			return time.Time{}
		}
		f, err := n.Float64()
		if err != nil || f < 0 || f > 1e11 {
			return time.Unix(1e11, 0)
		}
		return time.Unix(int64(f), 0)
	}
	switch {
	case c.expires.Unix() <= 0 || !now.Before(c.expires.Add(limit.AccessSkew)):
		return refuse("it has expired")
	case at(c.NotBefore).After(now.Add(limit.AccessSkew)), at(c.IssuedAt).After(now.Add(limit.AccessSkew)):
		return refuse("it is not valid yet")
	}
	return nil
}

// overage reports whether the groups were too many to stand in the token.
func (c *claims) overage() bool {
	_, elsewhere := c.Elsewhere["groups"]
	return elsewhere || len(c.HasGroups) > 0 && string(c.HasGroups) != "false" && string(c.HasGroups) != "null"
}

// name is what people call who the token is of.
func (c *claims) name() string {
	for _, s := range []string{c.User, c.Name, c.Party, c.App, c.Subject} {
		if s != "" {
			return s
		}
	}
	return ""
}

// listed is a service where an issuer that does not tell services from persons
// has given a token to who is listed as a service.
func listed(members []Member, e Entry, tells bool) Entry {
	service := Entry{ServiceApp, e.Issuer, e.ID}
	if tells || e.Sort != User || !slices.ContainsFunc(members, func(m Member) bool { return m.Entry == service }) ||
		slices.ContainsFunc(members, func(m Member) bool { return m.Entry == e }) {
		return e
	}
	return service
}

// entries are what the token names: who it is of, and all that this one has.
func (c *claims) entries(i Issuer) (Entry, []Entry) {
	self := Entry{User, i.Name, c.Subject}
	app := c.App
	if app == "" {
		app = c.Party
	}
	switch {
	case i.Tenant == "":
		// An issuer of any sort says only its subject, which may be a pipeline.
		if c.Type == "app" {
			self.Sort = ServiceApp
		}
	case c.Type == "app", c.Type == "" && c.Scope == "" && app != "" && c.Object == c.Subject:
		// A token of the application itself, not of a user of it.
		self = Entry{ServiceApp, i.Name, app}
	default:
		self.ID = c.Object
	}
	has := []Entry{self}
	if i.Tenant == "" && self.Sort == User {
		has = append(has, Entry{ServiceApp, i.Name, c.Subject})
	}
	for _, g := range c.Groups {
		has = append(has, Entry{Group, i.Name, g})
	}
	for _, r := range c.Roles {
		has = append(has, Entry{AppRole, i.Name, r})
	}
	return self, slices.DeleteFunc(has, func(e Entry) bool { return e.ID == "" })
}
