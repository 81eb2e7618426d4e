package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"mlsync.dev/mlsync/internal/limit"
)

// keys are the keys of an issuer, read when they are needed first and now and
// then again, so that one that the issuer has withdrawn is not used for long. A
// key that is not known makes us ask, but not often.
type keys struct {
	url    string
	client *http.Client
	now    func() time.Time

	reading sync.Mutex // held by who asks the issuer
	mu      sync.Mutex
	set     []jose.JSONWebKey
	read    time.Time // when set was read
	asked   time.Time // when the issuer was asked last
	why     error     // why it did not answer then
}

func newKeys(url string, transport http.RoundTripper, now func() time.Time) *keys {
	return &keys{url: url, now: now, client: &http.Client{
		Transport: transport, Timeout: limit.WebhookRead,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// errKeys says that it is the keys that could not be read.
type errKeys struct{ why error }

func (e *errKeys) Error() string { return e.why.Error() }
func (e *errKeys) Unwrap() error { return e.why }

// verify returns the payload of a token that one of the keys has signed. An
// *errKeys says that nobody knows.
func (k *keys) verify(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errors.New("it is not signed as it should be")
	}
	id := signed.Signatures[0].Header.KeyID
	set, fresh, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	payload, known := verifyWith(set, id, signed)
	if payload == nil && !known && !fresh {
		if set, err = k.ask(ctx, k.readAt()); err != nil {
			return nil, err
		}
		payload, _ = verifyWith(set, id, signed)
	}
	if payload == nil {
		return nil, errors.New("no key of the issuer has signed it")
	}
	return payload, nil
}

// verifyWith tries the keys with the id, or all for a token that names none.
func verifyWith(set []jose.JSONWebKey, id string, signed *jose.JSONWebSignature) (payload []byte, known bool) {
	for i := range set {
		if id != "" && set[i].KeyID != id {
			continue
		}
		known = true
		if set[i].Use != "" && set[i].Use != "sig" || !set[i].IsPublic() {
			continue
		}
		if got, err := signed.Verify(&set[i]); err == nil {
			return got, true
		}
	}
	return nil, known
}

func (k *keys) readAt() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.read
}

// current are keys that are not too old; fresh says that they were just read.
func (k *keys) current(ctx context.Context) (set []jose.JSONWebKey, fresh bool, err error) {
	k.mu.Lock()
	set, read := k.set, k.read
	k.mu.Unlock()
	age := k.now().Sub(read)
	switch usable := len(set) > 0 && age >= 0; {
	case usable && age < limit.AccessKeys:
		return set, false, nil
	case usable && age < limit.AccessKeysOld:
		if !k.reading.TryLock() {
			return set, true, nil // somebody is reading them: others need not wait for it
		}
		k.reading.Unlock()
	}
	got, err := k.ask(ctx, read)
	switch {
	case err == nil:
		return got, true, nil
	case len(set) > 0 && age < limit.AccessKeysOld:
		return set, true, nil
	}
	return nil, false, err
}

// ask reads the keys, unless somebody has read them since, or the issuer was
// asked a moment ago.
func (k *keys) ask(ctx context.Context, since time.Time) ([]jose.JSONWebKey, error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	k.mu.Lock()
	set, read, asked, why := k.set, k.read, k.asked, k.why
	k.mu.Unlock()
	now := k.now()
	switch {
	case read.After(since):
		return set, nil
	case !asked.IsZero() && now.Sub(asked) < limit.AccessKeysWait && now.Sub(asked) >= 0:
		if why != nil {
			return nil, &errKeys{why}
		}
		return set, nil // nothing new a moment ago
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*limit.WebhookRead)
	defer cancel()
	got, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked, k.why = now, err
	if err != nil {
		return nil, &errKeys{err}
	}
	k.set, k.read = got, now
	return got, nil
}

// fetch reads the issuer's document and the keys that it names.
func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.url)
	if err != nil {
		return nil, fmt.Errorf("its document: %w", err)
	}
	var doc struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&doc); err != nil {
		return nil, fmt.Errorf("its document: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, doc.Keys, nil)
	if err != nil {
		return nil, errors.New("its document names no address of keys")
	}
	res, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s for its keys", res.Status)
	}
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(res.Body, limit.ProbeAnswer)).Decode(&set); err != nil {
		return nil, errors.New("its keys cannot be read")
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("it has no keys")
	}
	return set.Keys, nil
}
