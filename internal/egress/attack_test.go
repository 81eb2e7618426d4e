package egress_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/limit"
)

func get(t *testing.T, o egress.Options, address string) (egress.Answer, error) {
	t.Helper()
	return egress.New(o).Do(t.Context(), egress.Request{Method: http.MethodGet, URL: address, Timeout: 5 * time.Second})
}

// hostOf is the host and port of a server.
func hostOf(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// Addresses within a network are refused, however they are written.
func TestAttackN1AddressesWithinANetwork(t *testing.T) {
	for _, host := range []string{
		"127.0.0.1", "127.8.8.8", "localhost", "[::1]", "0.0.0.0", "[::]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
		"168.63.129.16", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
		"[2001:0:0:0:0:0:0:1]", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[fec0::1]", "[ff02::1]", "192.0.2.1",
	} {
		if _, err := get(t, egress.Options{}, "https://"+host+"/"); !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, address := range []string{"http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://user:canary@example.com/", "//example.com", "https://"} {
		_, err := get(t, egress.Options{}, address)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A name is refused for what it leads to, all of it, and it is asked once: what
// it leads to a moment later counts for nothing.
func TestAttackN2NamesThatLeadInside(t *testing.T) {
	var asked atomic.Int32
	lookup := func(addrs ...string) func(context.Context, string) ([]netip.Addr, error) {
		return func(context.Context, string) (out []netip.Addr, err error) {
			asked.Add(1)
			for _, a := range addrs {
				out = append(out, netip.MustParseAddr(a))
			}
			return out, nil
		}
	}
	for _, addrs := range [][]string{{"127.0.0.1"}, {"8.8.8.8", "10.0.0.1"}, {"::ffff:10.0.0.1"}, {"fe80::1%eth0"}} {
		asked.Store(0)
		_, err := get(t, egress.Options{Lookup: lookup(addrs...)}, "https://innocent.example/")
		if !errors.Is(err, egress.ErrRefused) || asked.Load() != 1 {
			t.Errorf("%v: %v after %d questions", addrs, err, asked.Load())
		}
		if err != nil && strings.Contains(err.Error(), "10.0.0.1") {
			t.Errorf("it tells what is inside: %v", err)
		}
	}
	if _, err := get(t, egress.Options{Lookup: lookup()}, "https://nowhere.example/"); err == nil || errors.Is(err, egress.ErrRefused) {
		t.Errorf("a name without an address: %v", err)
	}
}

// A redirect leads nowhere that could not be asked itself.
func TestAttackN3Redirects(t *testing.T) {
	var reached atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer secret.Close()
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hop/")); err == nil {
			if n == 0 {
				_, _ = io.WriteString(w, `{}`)
				return
			}
			http.Redirect(w, r, "/hop/"+strconv.Itoa(n-1), http.StatusFound)
			return
		}
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	}))
	defer outside.Close()
	allowed := egress.Options{Allowed: []string{hostOf(outside)}}
	for _, to := range []string{secret.URL, strings.Replace(secret.URL, "http:", "https:", 1), "https://169.254.169.254/", "https://localhost/", "file:///etc/passwd", "https://u:p@example.com"} {
		if _, err := get(t, allowed, outside.URL+"/?to="+url.QueryEscape(to)); err == nil {
			t.Errorf("%s was followed", to)
		}
	}
	if reached.Load() != 0 {
		t.Error("it reached what is inside")
	}
	if got, err := get(t, allowed, outside.URL+"/hop/"+strconv.Itoa(limit.ProbeRedirects)); err != nil || got.Status != http.StatusOK {
		t.Errorf("as many redirects as may be: %v %v", got, err)
	}
	if _, err := get(t, allowed, outside.URL+"/hop/"+strconv.Itoa(limit.ProbeRedirects+1)); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("one more: %v", err)
	}
}

// Where redirects are refused, what is sent goes to its address alone; and other
// protocols reach no more than http does.
func TestAttackN7WhatIsForOneAddress(t *testing.T) {
	var reached atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			reached.Add(1)
			return
		}
		w.Header().Set("Retry-After", r.Header.Get("Echo"))
		http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
	}))
	defer s.Close()
	c := egress.New(egress.Options{Allowed: []string{hostOf(s)}, Still: true})
	if _, err := c.Do(t.Context(), egress.Request{Method: http.MethodPost, URL: s.URL, Body: []byte("{}")}); !errors.Is(err, egress.ErrRefused) || reached.Load() != 0 {
		t.Errorf("a redirect: %v", err)
	}
	conn, err := c.Dial(t.Context(), hostOf(s))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for _, address := range []string{"127.0.0.1:1", "localhost:25", "[::1]:25", "169.254.169.254:25"} {
		if _, err := c.Dial(t.Context(), address); !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if c.Allows("10.0.0.1", "25") || !c.Allows("127.0.0.1", strings.TrimPrefix(hostOf(s), "127.0.0.1:")) {
		t.Error("what is allowed is told wrong")
	}
	free := egress.New(egress.Options{Allowed: []string{hostOf(s)}})
	got, err := free.Do(t.Context(), egress.Request{Method: http.MethodGet, URL: s.URL + "/there", Header: map[string]string{"Echo": "7"}})
	if err != nil || got.Status != http.StatusOK {
		t.Errorf("%+v %v", got, err)
	}
}

// What the operator allows is asked, by host and port or by host.
func TestAllowed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append([]byte(r.Method+" "), body...))
	}))
	defer s.Close()
	for _, a := range []string{hostOf(s), "127.0.0.1"} {
		got, err := egress.New(egress.Options{Allowed: []string{"", a}}).Do(t.Context(), egress.Request{Method: http.MethodPost, URL: s.URL, Body: []byte(`{"a":1}`)})
		if err != nil || got.Status != http.StatusTeapot || string(got.Body) != `POST {"a":1}` {
			t.Errorf("%s: %v %s %v", a, got.Status, got.Body, err)
		}
	}
	if _, err := get(t, egress.Options{Allowed: []string{"127.0.0.1:1"}}, s.URL); !errors.Is(err, egress.ErrRefused) {
		t.Errorf("another port: %v", err)
	}
}

// An answer is bounded in bytes, also when it is packed, and in time.
func TestAttackN4AnswersWithoutEnd(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			_, _ = io.WriteString(w, strings.Repeat("x", limit.ProbeAnswer))
		case "/more":
			_, _ = io.WriteString(w, strings.Repeat("x", limit.ProbeAnswer+1))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zeros := make([]byte, 1<<20)
			for range 64 {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
			_ = z.Close()
		case "/slow":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-stop
		}
	}))
	defer s.Close()
	defer close(stop)
	o := egress.Options{Allowed: []string{hostOf(s)}}
	if got, err := get(t, o, s.URL+"/exact"); err != nil || len(got.Body) != limit.ProbeAnswer {
		t.Errorf("at the limit: %d %v", len(got.Body), err)
	}
	for _, path := range []string{"/more", "/bomb"} {
		if _, err := get(t, o, s.URL+path); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, err := egress.New(o).Do(t.Context(), egress.Request{Method: http.MethodGet, URL: s.URL + "/slow", Timeout: 50 * time.Millisecond})
	if err == nil || err.Error() != "no answer in time" {
		t.Errorf("slow: %v", err)
	}
}

// Without a time of its own a request has that of the limit.
func TestAttackN5TimeIsBounded(t *testing.T) {
	var left time.Duration
	o := egress.Options{Lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return nil, errors.New("no")
	}}
	_, err := egress.New(o).Do(t.Context(), egress.Request{Method: http.MethodGet, URL: "https://x.example/"})
	if err == nil || left > limit.ProbeTime || left < limit.ProbeTime-10*time.Second {
		t.Errorf("%s left: %v", left, err)
	}
}
