// Package egress asks addresses that stand in files. Who may write to a
// repository must not reach, through the machine that reads it, what only that
// machine can reach: addresses within a network are refused after their names
// are resolved, again after each redirect, unless the operator allows them.
//
// It adds no credentials, and knows nothing of the domain.
package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Options say what may be asked.
type Options struct {
	// Allowed are hosts, with a port or without, that may be within a network
	// and may speak http.
	Allowed []string
	// UserAgent is the User-Agent header.
	UserAgent string
	// Lookup resolves a name; nil asks the machine.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Still refuses redirects: what is sent is meant for the address alone.
	Still bool
}

// Client asks addresses. It keeps no connections and no cookies, and uses no
// proxy, which would resolve the names by itself.
type Client struct {
	o    Options
	http *http.Client
}

// Request is one question. Timeout bounds it as a whole; 0 is
// limit.ProbeTime.
type Request struct {
	Method, URL string
	Body        []byte // JSON, nil for none
	Header      map[string]string
	Timeout     time.Duration
}

// Answer is what came back, whatever the status.
type Answer struct {
	Status int
	Body   []byte
	// RetryAfter is the header of that name, in seconds or as a date.
	RetryAfter string
}

// ErrRefused is returned for addresses that may not be asked.
var ErrRefused = errors.New("refused")

// New returns a client.
func New(o Options) *Client {
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	c := &Client{o: o}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: c.dial, DisableKeepAlives: true, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 15 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if o.Still {
				return fmt.Errorf("%w: it redirects", ErrRefused)
			}
			if len(via) > limit.ProbeRedirects {
				return fmt.Errorf("more than %d redirects", limit.ProbeRedirects)
			}
			return c.check(req.URL)
		},
	}
	return c
}

// Do asks once. The error wraps ErrRefused if the address may not be asked.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if r.Timeout == 0 {
		r.Timeout = limit.ProbeTime
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" {
		return Answer{}, errors.New("it is not an address")
	}
	if err := c.check(u); err != nil {
		return Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.o.UserAgent)
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, bare(err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(res.Body, limit.ProbeAnswer+1))
	switch {
	case err != nil:
		return Answer{}, bare(err)
	case len(body) > limit.ProbeAnswer:
		return Answer{}, fmt.Errorf("the answer has more than %d bytes", limit.ProbeAnswer)
	}
	return Answer{Status: res.StatusCode, Body: body, RetryAfter: res.Header.Get("Retry-After")}, nil
}

// Dial connects to host:port for another protocol. The error wraps ErrRefused
// if the address may not be asked.
func (c *Client) Dial(ctx context.Context, address string) (net.Conn, error) {
	return c.dial(ctx, "tcp", address)
}

// Allows reports whether the operator allows a host and port that is within a
// network.
func (c *Client) Allows(host, port string) bool { return c.allowed(host, port) }

// bare drops the address from an error, which its user names.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}

// check refuses what is no https, unless it is allowed, and passwords.
func (c *Client) check(u *url.URL) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("%w: an address must not hold a password", ErrRefused)
	case u.Scheme == "https", u.Scheme == "http" && c.allowed(u.Hostname(), u.Port()):
		return nil
	}
	return fmt.Errorf("%w: %s is not https", ErrRefused, u.Scheme)
}

func (c *Client) allowed(host, port string) bool {
	return slices.ContainsFunc(c.o.Allowed, func(a string) bool {
		return a != "" && (strings.EqualFold(a, host) || strings.EqualFold(a, net.JoinHostPort(host, port)))
	})
}

// dial connects to an address that was looked at: the name is resolved once,
// so what is connected to is what was looked at.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	// The transport goes on with a connection that nobody waits for any more.
	ctx, cancel := context.WithTimeout(ctx, limit.ProbeTime)
	defer cancel()
	var d net.Dialer
	if c.allowed(host, port) {
		return d.DialContext(ctx, network, address)
	}
	addrs, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if inside(a) {
			return nil, fmt.Errorf("%w: %s is within a network: if that is right, the operator sets MLSYNC_PRIVATE_HOSTS=%s", ErrRefused, host, host)
		}
	}
	var failed error
	for _, a := range addrs {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := c.o.Lookup(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	return addrs, err
}

// within are the networks that no name of the internet leads to, beside those
// that netip knows: this network, shared and test addresses, reserved ones,
// the one of Azure's platform, and IPv6 addresses that stand for IPv4 ones.
var within = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("100::/64"),
}

// inside reports whether an address is within a network.
func inside(a netip.Addr) bool {
	if a.Zone() != "" {
		return true
	}
	a = a.Unmap()
	return !a.IsGlobalUnicast() || a.IsPrivate() || slices.ContainsFunc(within, func(p netip.Prefix) bool { return p.Contains(a) })
}
