package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Options configure a Proxy.
type Options struct {
	// Target is the address that requests go on to.
	Target string
	// Rate is the share of requests that are spoiled, 0 to 1.
	Rate float64
	// Seed makes the choices; the order of requests is the client's.
	Seed uint64
	// Slow is the longest that an answer is held back; 0 is half a second.
	Slow time.Duration
	// Before is told each request with its number, from 1, before it goes on;
	// After once it had its effect and before the client gets its answer. Both
	// may be nil.
	Before, After func(n int)
}

// Proxy spoils what goes through it. The answers name the proxy's own address
// where they name the target's, as the Host header goes on as it is.
type Proxy struct {
	opt    Options
	target *url.URL
	client *http.Client
	server *http.Server
	addr   string
	ended  chan struct{}

	mu      sync.Mutex
	rand    *rand.Rand
	calm    bool
	n       int
	spoiled map[Fault]int
}

// New starts a proxy on a free port of this machine.
func New(o Options) (*Proxy, error) {
	target, err := url.Parse(o.Target)
	if err != nil {
		return nil, fmt.Errorf("chaos: target: %w", err)
	}
	if o.Slow == 0 {
		o.Slow = time.Second / 2
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	p := &Proxy{
		opt: o, target: target, addr: "http://" + listener.Addr().String(), ended: make(chan struct{}),
		client:  &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		rand:    rand.New(rand.NewPCG(o.Seed, o.Seed)),
		spoiled: map[Fault]int{},
	}
	p.client.Transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(p.ended)
		_ = p.server.Serve(listener) // ends with Close
	}()
	return p, nil
}

// URL is the address of the proxy.
func (p *Proxy) URL() string { return p.addr }

// Close ends the proxy and cuts all connections.
func (p *Proxy) Close() error {
	err := p.server.Close()
	<-p.ended
	p.client.CloseIdleConnections()
	return err
}

// Calm lets everything through from now on, or not.
func (p *Proxy) Calm(calm bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calm = calm
}

// Spoiled is how often each fault has struck.
func (p *Proxy) Spoiled() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[Fault]int{}
	for f, n := range p.spoiled {
		out[f] = n
	}
	return out
}

// Requests is how many requests have come.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// next counts a request and picks what happens to it.
func (p *Proxy) next() (n int, f Fault, dice float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if p.calm || p.rand.Float64() >= p.opt.Rate {
		return p.n, None, 0
	}
	f = menu[p.rand.IntN(len(menu))]
	p.spoiled[f]++
	return p.n, f, p.rand.Float64()
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	n, f, dice := p.next()
	if p.opt.Before != nil {
		p.opt.Before(n)
	}
	if f.instead(w, dice) {
		return
	}
	resp, body, err := p.forward(r)
	if p.opt.After != nil {
		p.opt.After(n)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // as the target did: the connection is cut
	}
	if f == Slow && !p.pause(r.Context(), time.Duration(dice*float64(p.opt.Slow))) {
		return
	}
	f.answer(w, resp, body)
}

// pause waits; false if the client has gone.
func (p *Proxy) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// forward sends the request on, also if the client goes away meanwhile: it has
// been sent.
func (p *Proxy) forward(r *http.Request) (*http.Response, []byte, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", p.target.Scheme, p.target.Host
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	resp, err := p.client.Do(out)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, body, errors.Join(err, resp.Body.Close())
}
