package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A token of mlsync is mlsync_ID_SECRET; the id begins with the project and a
// dot, the secret is 256 random bits, of which only the hash is kept.
const (
	prefix      = "mlsync_"
	secretBytes = 32
)

// usedEvery is how exactly the last use of a token is noted.
const usedEvery = time.Minute

// Saved is a token as it is kept.
type Saved struct {
	ID, Project, Name string
	Role              Role
	Hash              []byte // of the secret
	// Owner is the subject of who made it; Has are the entries that owner has
	// had at the issuer last, as texts. The token has a role only while one of
	// them has it.
	Owner string
	Has   []string
	// By is who made it, for people to read.
	By                                  string
	Created, Expires, LastUsed, Revoked time.Time
}

// NewToken makes a token and its text, which is shown once and not kept.
func NewToken(project string) (id, text string, hash []byte) {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	id = project + "." + strings.ToLower(rand.Text()[:12])
	sum := sha256.Sum256(secret)
	return id, prefix + id + "_" + hex.EncodeToString(secret), sum[:]
}

// ProjectOf is the project that the id of a token names.
func ProjectOf(id string) string {
	project, _, _ := strings.Cut(id, ".")
	return project
}

// split takes a text apart. The hash is of something in any case, so that who
// tries texts does not learn from the time.
func split(text string) (id string, hash [sha256.Size]byte, ok bool) {
	id, digits, ok := strings.Cut(strings.TrimPrefix(text, prefix), "_")
	secret, err := hex.DecodeString(digits)
	return id, sha256.Sum256(secret), ok && err == nil && len(secret) == secretBytes && digits == strings.ToLower(digits) && strings.Count(id, ".") == 1 && len(id) <= 64
}

var errNoSuch = refuse("it is no token that is in use")

// ours is who a token of mlsync stands for.
func (g *Gatekeeper) ours(ctx context.Context, text string) (Principal, error) {
	id, hash, ok := split(text)
	if !ok || g.o.Tokens == nil {
		return Principal{}, errNoSuch
	}
	t, err := g.o.Tokens.Token(ctx, id)
	if errors.Is(err, ErrNoToken) {
		subtle.ConstantTimeCompare(hash[:], make([]byte, len(hash)))
		return Principal{}, errNoSuch
	}
	if err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	now := g.o.Now()
	switch {
	case subtle.ConstantTimeCompare(hash[:], t.Hash) != 1, t.ID != id, t.Project != ProjectOf(id):
		return Principal{}, errNoSuch
	case !t.Revoked.IsZero():
		return Principal{}, refuse("the token was revoked")
	case !now.Before(t.Expires):
		return Principal{}, refuse("the token has expired")
	}
	p := Principal{Subject: "token:" + id, Name: t.Name, Kind: Token, For: t.Owner, Expires: t.Expires}
	for _, r := range atMost(t.Role, g.rolesOf(t)) {
		p.Grants = append(p.Grants, Grant{r, t.Project})
	}
	if now.Sub(t.LastUsed) >= usedEvery {
		if err := g.o.Tokens.Used(ctx, id, now); err != nil {
			return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return p, nil
}

// rolesOf are the roles that who made a token has now in its project.
func (g *Gatekeeper) rolesOf(t Saved) []Role {
	var out []Role
	for _, m := range g.o.Members() {
		text := m.Entry.String()
		if (m.Project == t.Project || m.Project == All) && (text == t.Owner || slices.Contains(t.Has, text)) {
			out = append(out, m.Role)
		}
	}
	return out
}
