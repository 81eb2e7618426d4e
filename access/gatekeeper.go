package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Options are what a Gatekeeper needs.
type Options struct {
	Issuers []Issuer
	// Transport reaches the issuers.
	Transport http.RoundTripper
	Now       func() time.Time
	// Members are those that there are now; it is asked for each request.
	Members func() []Member
	// Tokens keeps the tokens of mlsync; nil if there are none.
	Tokens Tokens
}

// Tokens is where tokens of mlsync are kept.
type Tokens interface {
	// Token is the token with the id; ErrNoToken if there is none.
	Token(ctx context.Context, id string) (Saved, error)
	// Used notes that a token was used.
	Used(ctx context.Context, id string, at time.Time) error
	// Has notes what who made tokens has at the issuer now. ErrLater asks to be
	// told again when the owner comes next.
	Has(ctx context.Context, owner string, entries []string) error
}

// ErrNoToken says that there is no token with an id.
var ErrNoToken = errors.New("there is no such token")

// ErrLater says that not all could be noted yet.
var ErrLater = errors.New("it is to be noted again")

// Gatekeeper is the Door of tokens.
type Gatekeeper struct {
	o       Options
	issuers map[string]*issuer // by URL

	mu   sync.Mutex
	told map[string][sha256.Size]byte // what Has was told of last, by owner
}

var _ Door = (*Gatekeeper)(nil)

// New refuses issuers of which it is not said whose tokens they take.
func New(o Options) (*Gatekeeper, error) {
	g := &Gatekeeper{o: o, issuers: map[string]*issuer{}, told: map[string][sha256.Size]byte{}}
	for _, i := range o.Issuers {
		if i.Name == "" || i.URL == "" || i.Audience == "" {
			return nil, fmt.Errorf("issuer %q: a name, an address and an audience are needed", i.Name)
		}
		if g.issuers[i.URL] != nil {
			return nil, fmt.Errorf("issuer %q: %s is there twice", i.Name, i.URL)
		}
		g.issuers[i.URL] = newIssuer(i, o.Transport, o.Now)
	}
	return g, nil
}

// refusal is a credential that is not taken, with a text for who sent it.
type refusal struct{ text string }

func (r *refusal) Error() string        { return ErrBadCredential.Error() + ": " + r.text }
func (r *refusal) Is(target error) bool { return target == ErrBadCredential }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// Who is who sent the request.
func (g *Gatekeeper) Who(r *http.Request) (Principal, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return Principal{}, ErrNoCredential
	}
	scheme, token, ok := strings.Cut(given[0], " ")
	if len(given) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " ,\t") {
		return Principal{}, refuse("one header Authorization with a bearer token is wanted")
	}
	if len(token) > limit.AccessToken {
		return Principal{}, refuse("a token has at most %d bytes", limit.AccessToken)
	}
	if strings.HasPrefix(token, prefix) {
		return g.ours(r.Context(), token)
	}
	return g.theirs(r.Context(), token)
}

// theirs is who the token of an issuer is of.
func (g *Gatekeeper) theirs(ctx context.Context, token string) (Principal, error) {
	url, err := issuerOf(token)
	if err != nil {
		return Principal{}, err
	}
	i := g.issuers[url]
	if i == nil {
		return Principal{}, refuse("tokens of its issuer are not taken")
	}
	c, err := i.verify(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	members := g.o.Members()
	if c.overage() && slices.ContainsFunc(members, func(m Member) bool { return m.Sort == Group && m.Issuer == i.Name }) {
		return Principal{}, refuse("it does not name the groups, as they are too many for a token (group overage): let the application emit only the groups that are assigned to it (groupMembershipClaims: ApplicationGroup), or use app roles")
	}
	p := Principal{Kind: Person, Name: c.name(), Expires: c.expires}
	entry, has := c.entries(i.Issuer)
	if entry.ID == "" {
		return Principal{}, refuse("it does not say who it is of")
	}
	entry = listed(members, entry, i.Tenant != "")
	if p.Subject = entry.String(); entry.Sort == ServiceApp {
		p.Kind = Service
	}
	p.Grants = grants(members, has)
	for _, e := range has {
		p.Has = append(p.Has, e.String())
	}
	slices.Sort(p.Has)
	return p, g.tell(ctx, p.Subject, p.Has)
}

// known is how many owners are remembered.
const known = 10_000

// tell tells the tokens what who made them has now, if that is new.
func (g *Gatekeeper) tell(ctx context.Context, owner string, texts []string) error {
	if g.o.Tokens == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	g.mu.Lock()
	old, ok := g.told[owner]
	g.mu.Unlock()
	if ok && old == sum {
		return nil
	}
	switch err := g.o.Tokens.Has(ctx, owner, texts); {
	case errors.Is(err, ErrLater):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.told) >= known {
		clear(g.told)
	}
	g.told[owner] = sum
	return nil
}
