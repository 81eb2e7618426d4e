package gitrepo

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// httpRemote is the smart protocol over https.
type httpRemote struct {
	client *http.Client
	base   *url.URL
	limit  int64
}

// newHTTPRemote trusts the system's authorities and those of caBundle (PEM).
// Proxies come from the environment as usual (HTTPS_PROXY, NO_PROXY).
func newHTTPRemote(loc location, caBundle []byte, limit int64) (*httpRemote, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if len(caBundle) > 0 && !roots.AppendCertsFromPEM(caBundle) {
		return nil, invalid("ca bundle", "it holds no PEM certificate")
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    15 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
	return &httpRemote{
		client: &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		base:   loc.base(),
		limit:  limit,
	}, nil
}

// checkRedirect lets the first request move within one origin, or from http to
// https on one host. Anything else is refused rather than followed without the
// credential: the answer would then come from a stranger.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[0].URL, req.URL
	sameOrigin := from.Scheme == to.Scheme && strings.EqualFold(from.Host, to.Host)
	upgrade := from.Scheme == "http" && to.Scheme == "https" && from.Port() == "" && to.Port() == "" &&
		strings.EqualFold(from.Hostname(), to.Hostname())
	if req.Method == http.MethodGet && (sameOrigin || upgrade) && len(via) <= 3 && to.User == nil {
		return nil
	}
	place := *to
	place.User, place.RawQuery, place.Fragment = nil, "", ""
	place.Path = strings.TrimSuffix(place.Path, infoRefs)
	return &fault{kind: ErrRedirect, detail: "the server sends us to " + place.String(), cure: "if that is right, set the url to it"}
}

const infoRefs = "/info/refs"

func (h *httpRemote) open(ctx context.Context, svc service, cred Credential) (session, error) {
	if h.base.Scheme == "http" && !cred.isZero() && !isLoopback(h.base.Hostname()) {
		return nil, &fault{kind: ErrInvalid, detail: "a credential is not sent over plain http", cure: "use https://"}
	}
	list := *h.base
	list.Path += infoRefs
	list.RawQuery = "service=" + string(svc)
	answer, err := h.do(ctx, http.MethodGet, list.String(), nil, svc, cred)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	want := "application/x-" + string(svc) + "-advertisement"
	if got, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); got != want {
		return nil, &fault{
			kind:   ErrUnreachable,
			detail: fmt.Sprintf("the server answered %d with %q, which is not git", answer.StatusCode, got),
			cure:   "it may be a maintenance or sign-in page, or the url may be wrong",
		}
	}
	adv, err := readRefs(answer.Body)
	if err != nil {
		return nil, err
	}
	base := *answer.Request.URL // where a redirect led
	base.RawQuery = ""
	if !strings.HasSuffix(base.Path, infoRefs) {
		return nil, faultOf(ErrRedirect, "the server sends us to a page that is not a repository")
	}
	base.Path = strings.TrimSuffix(base.Path, infoRefs) + "/" + string(svc)
	base.RawPath = ""
	return &wire{adv: adv, end: h.client.CloseIdleConnections, exchange: func(body []byte) (io.ReadCloser, error) {
		answer, err := h.do(ctx, http.MethodPost, base.String(), body, svc, cred)
		if err != nil {
			return nil, err
		}
		return readCloser{&limitedReader{r: answer.Body, left: h.limit}, answer.Body}, nil
	}}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// do sends one request and turns every status but 200 into a fault.
func (h *httpRemote) do(ctx context.Context, method, to string, body []byte, svc service, cred Credential) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	// Some servers give git only to those whose name begins with git/.
	req.Header.Set("User-Agent", "git/"+strings.TrimPrefix(capability.DefaultAgent(), "go-git/"))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-"+string(svc)+"-request")
		req.Header.Set("Accept", "application/x-"+string(svc)+"-result")
	}
	switch {
	case cred.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+string(cred.Bearer))
	case cred.Username != "" || cred.Password != "":
		name := cred.Username
		if name == "" {
			name = "git"
		}
		req.SetBasicAuth(name, string(cred.Password))
	}
	answer, err := h.client.Do(req)
	if err != nil {
		return nil, requestFault(err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, statusFault(answer, cred)
}

// requestFault tells a refused redirect and a strange certificate from a
// server that does not answer.
func requestFault(err error) error {
	var f *fault
	var certificate *tls.CertificateVerificationError
	var to *url.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &certificate):
		return &fault{kind: ErrUnreachable, detail: certificate.Error(), cure: "if the server's authority is your own, give its certificate as the ca bundle"}
	case errors.As(err, &to):
		return faultOf(ErrUnreachable, to.Err.Error())
	default:
		return faultOf(ErrUnreachable, err.Error())
	}
}

func statusFault(answer *http.Response, cred Credential) error {
	said := ""
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind == "text/plain" {
		head, _ := io.ReadAll(io.LimitReader(answer.Body, longestDetail))
		said = ": " + string(head)
	}
	detail := "status " + answer.Status + said
	switch answer.StatusCode {
	// Azure DevOps answers 203 with its sign-in page to a bad token.
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusNonAuthoritativeInfo:
		cure := "check that the credential is valid and may read (or, to push, write) this repository"
		if cred.isZero() {
			cure = "no credential was given"
		}
		return &fault{kind: ErrAuth, detail: detail, cure: cure}
	case http.StatusNotFound, http.StatusGone:
		cure := ""
		if cred.isZero() {
			cure = "a private repository looks like this too when no credential is given"
		}
		return &fault{kind: ErrNotFound, detail: detail, cure: cure}
	default:
		return faultOf(ErrUnreachable, detail)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
