package chaos_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"mlsync.dev/mlsync/internal/chaos"
)

// Every fault strikes, a part of the requests has its effect all the same, and
// a calm proxy is not to be noticed.
func TestEveryFaultStrikes(t *testing.T) {
	var served atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "question" || r.Method != http.MethodPut || r.URL.RequestURI() != "/a%2Fb?c=d" {
			t.Errorf("%s %s %q: %v", r.Method, r.URL.RequestURI(), body, err)
		}
		w.Header().Set("X-Host", r.Host)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "the whole answer")
	}))
	defer target.Close()
	var before, after atomic.Int64
	p, err := chaos.New(chaos.Options{
		Target: target.URL, Rate: 1, Seed: 1, Slow: 1,
		Before: func(int) { before.Add(1) }, After: func(int) { after.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 300 {
		if r := ask(t, p); r.status == http.StatusCreated && r.err == nil && r.body != "" && r.body != "the whole answer" {
			t.Errorf("a torn answer that looks whole: %q", r.body)
		}
	}
	spoiled := p.Spoiled()
	if len(spoiled) != 11 {
		t.Errorf("of 11 faults these have struck: %v", spoiled)
	}
	instead := spoiled[chaos.Busy] + spoiled[chaos.BusyFor] + spoiled[chaos.Refused] + spoiled[chaos.Cut] + spoiled[chaos.Page]
	if n := int(served.Load()); n < 300-instead || before.Load() < 300 || after.Load() != served.Load() {
		t.Errorf("%d served of 300, %d answered in their place; before %d, after %d", n, instead, before.Load(), after.Load())
	}
	p.Calm(true)
	if r := ask(t, p); r.err != nil || r.status != http.StatusCreated || r.body != "the whole answer" || "http://"+r.host != p.URL() {
		t.Errorf("calm: %+v", r)
	}
}

type reply struct {
	status     int
	body, host string
	err        error
}

func ask(t *testing.T, p *chaos.Proxy) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, p.URL()+"/a%2Fb?c=d", io.NopCloser(http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(&question{}), 8
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(body), resp.Header.Get("X-Host"), err}
}

// question is the body "question"; it cannot be sent twice.
type question struct{ at int }

func (q *question) Read(b []byte) (int, error) {
	n := copy(b, "question"[q.at:])
	if q.at += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
