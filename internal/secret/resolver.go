package secret

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"mlsync.dev/mlsync/asset"
)

// ErrNotFound is wrapped by errors of names that a provider does not know.
var ErrNotFound = errors.New("there is no such secret")

// Provider is one source of secrets. Get returns an error that wraps
// ErrNotFound for keys that it does not have. It is safe for use by several
// goroutines.
type Provider interface {
	Get(ctx context.Context, key string) (asset.Secret, error)
}

// Name is where one secret is.
type Name struct{ Provider, Key string }

// Resolver finds secrets by the names that asset files use. Each is asked for
// once; a Resolver lives as long as one run, so that a rotated value is seen
// by the next.
type Resolver struct {
	providers map[string]Provider
	names     map[string]Name
	fallback  string

	mu    sync.Mutex
	known map[string]asset.Secret
}

// NewResolver looks names up in names; those that are not there are keys of
// the provider called fallback.
func NewResolver(providers map[string]Provider, names map[string]Name, fallback string) *Resolver {
	return &Resolver{providers: providers, names: names, fallback: fallback, known: map[string]asset.Secret{}}
}

// Get is the value of ${{ secret.name }}.
func (r *Resolver) Get(ctx context.Context, name string) (asset.Secret, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.known[name]; ok {
		return s, nil
	}
	at, ok := r.names[name]
	if !ok {
		at = Name{Provider: r.fallback, Key: name}
	}
	p := r.providers[at.Provider]
	if p == nil {
		return asset.Secret{}, fmt.Errorf("secret %s: there is no provider %q", name, at.Provider)
	}
	s, err := p.Get(ctx, at.Key)
	if err != nil {
		return asset.Secret{}, fmt.Errorf("secret %s from %s: %w", name, at.Provider, err)
	}
	r.known[name] = s
	return s, nil
}

// Fingerprint is a keyed digest of a value: equal for equal values, and
// without the key it tells nothing. It is what the journal keeps.
func Fingerprint(key []byte, s asset.Secret) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("mlsync secret fingerprint\x00"))
	mac.Write([]byte(s.Reveal()))
	return hex.EncodeToString(mac.Sum(nil))
}

// once runs load a single time and keeps its result; failures are tried again.
type once struct {
	mu     sync.Mutex
	values map[string]asset.Secret
	load   func() (map[string]asset.Secret, error)
}

// Get loads the values and looks key up.
func (o *once) Get(_ context.Context, key string) (asset.Secret, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.values == nil {
		values, err := o.load()
		if err != nil {
			return asset.Secret{}, err
		}
		o.values = values
	}
	s, ok := o.values[key]
	if !ok {
		return asset.Secret{}, fmt.Errorf("%q: %w", key, ErrNotFound)
	}
	return s, nil
}
