package webhook

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"mlsync.dev/mlsync/internal/limit"
)

// State is how a delivery ended.
type State string

// The states. Accepted woke somebody, Ignored is of another repository, or
// neither a push nor of a pull request, Replayed came before; they are answered alike.
const (
	Accepted  State = "accepted"
	Ignored   State = "ignored"
	Replayed  State = "replayed"
	Refused   State = "refused"   // not proved
	Malformed State = "malformed" // proved, and cannot be read
	Limited   State = "limited"   // too many of late, or at a time
	Large     State = "large"     // more bytes than are taken
	Encoded   State = "encoded"   // compressed
	Cut       State = "cut"       // it did not arrive as a whole, or in time
	Failed    State = "failed"    // nobody could be woken, or the proof not be looked at
)

// States are all, for what counts them.
func States() []State {
	return []State{Accepted, Ignored, Replayed, Refused, Malformed, Limited, Large, Encoded, Cut, Failed}
}

// status is the answer to each.
func (s State) status() int {
	switch s {
	case Accepted, Ignored, Replayed:
		return http.StatusAccepted
	case Refused:
		return http.StatusUnauthorized
	case Malformed:
		return http.StatusBadRequest
	case Limited:
		return http.StatusTooManyRequests
	case Large:
		return http.StatusRequestEntityTooLarge
	case Encoded:
		return http.StatusUnsupportedMediaType
	case Cut:
		return http.StatusRequestTimeout
	case Failed:
	}
	return http.StatusServiceUnavailable
}

// Hook is one provider that may deliver.
type Hook struct {
	Provider Provider
	// Secrets are those that are taken, so that one can be changed for another;
	// none is an error. It is asked when the server begins, and when none of
	// those that it gave fits, but not more often than once in a minute. OIDC
	// has none.
	Secrets func(ctx context.Context) ([]string, error)
	// Issuer is for OIDC alone.
	Issuer Issuer
}

// Options are what a Server needs.
type Options struct {
	Hooks []Hook
	// Wake takes a hint to whom it concerns; false if that is nobody. What it
	// returns true for must be kept, also if the process dies.
	Wake func(ctx context.Context, h Hint) (bool, error)
	// Told hears of each delivery; why is nil if nothing is wrong.
	Told func(p Provider, s State, h Hint, why error)
	// Transport reaches the issuers of OIDC.
	Transport http.RoundTripper
	Now       func() time.Time
}

// Server takes deliveries at the path value "provider".
type Server struct {
	o      Options
	hooks  map[Provider]*hook
	seen   *memory
	rate   *Bucket
	places chan struct{}
}

type hook struct {
	Hook
	speech speech
	token  tokens
	retry  *Bucket

	mu      sync.Mutex
	secrets []string
}

// New asks for the secrets. The error is for hooks without one, or with one
// that can be guessed.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{
		o: o, hooks: map[Provider]*hook{}, seen: newMemory(o.Now), places: make(chan struct{}, limit.WebhookAtOnce),
		rate: NewBucket(limit.WebhookRate, time.Second, o.Now),
	}
	table := speeches()
	for _, h := range o.Hooks {
		k := &hook{Hook: h, speech: table[h.Provider], retry: NewBucket(1, time.Minute, o.Now)}
		if !Known(h.Provider) {
			return nil, &HookError{h.Provider, errors.New("there is no such provider")}
		}
		if h.Provider == OIDC {
			if h.Issuer.URL == "" || h.Issuer.Audience == "" || len(h.Issuer.Claims) == 0 {
				return nil, &HookError{OIDC, errors.New("it needs an issuer, an audience and at least one claim")}
			}
			k.token = newVerifier(h.Issuer, o.Transport, o.Now).verify
		} else if err := k.load(ctx); err != nil {
			return nil, &HookError{h.Provider, err}
		}
		s.hooks[h.Provider] = k
	}
	return s, nil
}

// HookError says which hook cannot be served.
type HookError struct {
	Provider Provider
	Err      error
}

func (e *HookError) Error() string { return "webhook " + string(e.Provider) + ": " + e.Err.Error() }
func (e *HookError) Unwrap() error { return e.Err }

// load asks for the secrets anew.
func (k *hook) load(ctx context.Context) error {
	secrets, err := k.Secrets(ctx)
	if err != nil {
		return err
	}
	if len(secrets) == 0 {
		return errors.New("there is no secret, and without one anybody could deliver")
	}
	for _, s := range secrets {
		if len(s) < limit.WebhookSecret {
			return errors.New("the secret is too short: make one with openssl rand -hex 32")
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.secrets = secrets
	return nil
}

// prove verifies a delivery, once more with new secrets if it is time to ask
// for them.
func (k *hook) prove(d delivery) ([]byte, error) {
	k.mu.Lock()
	d.secrets, d.token = k.secrets, k.token
	k.mu.Unlock()
	got, err := k.speech.proof(d)
	if !errors.Is(err, errWrong) || !k.retry.Take() {
		return got, err
	}
	if failure := k.load(d.ctx); failure != nil {
		return nil, err // the old ones stay
	}
	k.mu.Lock()
	d.secrets = k.secrets
	k.mu.Unlock()
	return k.speech.proof(d)
}

// Prove looks at the proof of a delivery and does nothing with it.
func (s *Server) Prove(ctx context.Context, p Provider, h http.Header, body []byte) error {
	k := s.hooks[p]
	if k == nil {
		return &HookError{p, errors.New("it is not served")}
	}
	_, err := k.prove(delivery{ctx: ctx, header: h, body: body, now: s.o.Now()})
	return err
}

// ServeHTTP takes one delivery.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k := s.hooks[Provider(r.PathValue("provider"))]
	if k == nil {
		http.NotFound(w, r)
		return
	}
	state, hint, why := s.take(w, r, k)
	s.o.Told(k.Provider, state, hint, why)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch state {
	case Limited:
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close") // the body was not read
	case Large, Encoded, Cut:
		w.Header().Set("Connection", "close")
	case Accepted, Ignored, Replayed, Refused, Malformed, Failed:
	}
	w.WriteHeader(state.status())
	if state.status() == http.StatusAccepted {
		_, _ = io.WriteString(w, "accepted\n")
		return
	}
	_, _ = io.WriteString(w, string(state)+"\n")
}

// take does it, the cheapest first.
func (s *Server) take(w http.ResponseWriter, r *http.Request, k *hook) (State, Hint, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return Encoded, Hint{}, errors.New("compressed bodies are not taken")
	}
	if r.ContentLength > limit.WebhookBody {
		return Large, Hint{}, errLarge
	}
	if !s.rate.Take() {
		return Limited, Hint{}, errors.New("too many deliveries")
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return Limited, Hint{}, errors.New("too many deliveries at a time")
	}
	body, state, err := s.body(w, r)
	if err != nil {
		return state, Hint{}, err
	}
	proved, err := k.prove(delivery{ctx: r.Context(), header: r.Header, body: body, now: s.o.Now()})
	if err != nil {
		return Refused, Hint{}, err
	}
	m := markOf(k.Provider, proved)
	if !s.seen.begin(m) {
		return Replayed, Hint{}, nil
	}
	hint, err := Read(k.Provider, r.Header, body)
	switch {
	case err != nil:
		return Malformed, hint, err
	case !hint.Push && !hint.Pull:
		return Ignored, hint, nil
	}
	woken, err := s.o.Wake(r.Context(), hint)
	switch {
	case err != nil:
		s.seen.forget(m)
		return Failed, hint, err
	case !woken:
		return Ignored, hint, nil
	}
	return Accepted, hint, nil
}

var errLarge = errors.New("the body has too many bytes")

// body reads the body as a whole, and as one that arrives in time.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, State, error) {
	// A connection that takes no deadline is one of a test.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(s.o.Now().Add(limit.WebhookRead))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit.WebhookBody))
	if err == nil { // net/http would take the end of the time for the end of the client
		_ = conn.SetReadDeadline(time.Time{})
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, Large, errLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, Cut, errors.New("the body did not come in time")
	case err != nil:
		return nil, Cut, errors.New("the body was cut off")
	}
	return body, "", nil
}

// Listen bounds a listener's connections, and HTTP the time and the bytes of
// what comes on one, so that who sends nothing, or without end, holds little.
// Both are here because deliveries come from anywhere. A handler that answers
// for longer than it reads takes the read deadline away.
func Listen(l net.Listener) net.Listener { return netutil.LimitListener(l, limit.WebhookConns) }

// HTTP is the server that is meant for Listen.
func HTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: limit.WebhookHead,
		ReadHeaderTimeout: limit.WebhookRead, ReadTimeout: 2 * limit.WebhookRead, IdleTimeout: time.Minute,
		// What clients do wrong is theirs, and would fill the log.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}
