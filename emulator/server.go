package emulator

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Server is one emulator: any number of subscriptions, workspaces and registries, and their storage accounts.
type Server struct {
	opt      Options
	mu       sync.Mutex // guards store
	store    *store
	blobs    *blobStore
	faults   *faultSet
	requests *requestLog
	throttle *throttle
	scoring  *scoring
	// permissions are what everybody may do, guarded by mu; none is everything.
	permissions []Permission

	http     *http.Server
	listener net.Listener
	served   chan struct{}
	url      string
}

// New makes an emulator. With a DataDir it holds what an earlier one left there.
func New(opt Options) (*Server, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opt: opt, store: newStore(), faults: newFaultSet(opt.Faults), requests: newRequestLog(opt.LogSize), throttle: newThrottle(), scoring: newScoring()}
	if s.blobs, err = newBlobStore(opt.DataDir); err != nil {
		return nil, err
	}
	if opt.DataDir == "" {
		return s, nil
	}
	if err := s.load(opt.DataDir); err != nil {
		return nil, errors.Join(err, s.blobs.close())
	}
	return s, nil
}

// Start listens on an address such as 127.0.0.1:0 and serves until Close. With useTLS the certificate is signed by a
// CA made for this server; caFile, when not empty, gets the CA's certificate in PEM.
func (s *Server) Start(listen string, useTLS bool, caFile string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	scheme := "http"
	if useTLS {
		cert, err := s.certificate(caFile)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
		scheme = "https"
	}
	s.listener, s.served = l, make(chan struct{})
	s.url = scheme + "://" + l.Addr().String()
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 30 * time.Second}
	go func() { // the one long-lived part of the emulator; Close joins it
		defer close(s.served)
		_ = s.http.Serve(l) // always returns an error: ErrServerClosed after Close
	}()
	return nil
}

// URL is the base of every route, scheme://host:port, once Start has returned.
func (s *Server) URL() string { return s.url }

// Close stops serving and writes what has to be written. The emulator cannot be used afterwards.
func (s *Server) Close() error {
	var errs []error
	if s.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			errs = append(errs, s.http.Close())
		}
		<-s.served
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	errs = append(errs, s.store.log.close(), s.blobs.close())
	return errors.Join(errs...)
}

// Handler serves everything: ARM, blobs, tokens and the emulator's own routes under /__.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/__") {
		s.control(w, r)
		return
	}
	start := s.opt.Now()
	rec := &recorder{ResponseWriter: w}
	body := &countingBody{ReadCloser: r.Body}
	r.Body = body
	entry := Request{Time: start, Method: r.Method, Path: r.URL.Path, Query: safeQuery(r.URL)}
	entry.Collection = s.route(rec, r)
	entry.Status, entry.Bytes, entry.Received = rec.status, rec.bytes, body.n
	if s.requests != nil {
		s.requests.add(entry)
	}
	if rec.abort {
		panic(http.ErrAbortHandler) // the connection is cut: fault injection
	}
}

// route finds who serves a request, lets faults have their say, and returns the collection for the log.
func (s *Server) route(w *recorder, r *http.Request) string {
	if !s.wait(r.Context(), s.opt.Delay) {
		return "canceled"
	}
	account, path, isBlob := blobTarget(r)
	endpoint, region, isScore := scoreTarget(r)
	isBlob = isBlob && !isScore
	collection, isLogin := collectionOf(r.URL.Path), false
	if isScore {
		collection = "scoring"
	} else if isBlob {
		collection = "blobs"
	} else if isLogin = loginRoute(r.URL.Path) != ""; isLogin {
		collection = "login"
	}
	m := s.faults.match(r, collection)
	if !s.wait(r.Context(), m.delay) {
		return "canceled"
	}
	if m.instead(w, r, s, isBlob) {
		return collection
	}
	out := http.ResponseWriter(w)
	var held *heldAnswer
	if m.after || m.truncate || m.reset {
		held = &heldAnswer{header: http.Header{}}
		out = held
	}
	switch {
	case isScore:
		s.score(out, r, endpoint, region)
	case isBlob:
		s.blob(out, r, account, path)
	case isLogin:
		s.login(out, r)
	default:
		s.arm(out, r, m)
	}
	if held != nil {
		m.finish(w, held, s, r)
	}
	return collection
}

func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// baseOf is scheme://host of a request: answers point back to where the client came from.
func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
}
