package azureml

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/internal/limit"
)

// Options say how to reach the service. The zero value is the public cloud
// with the default chain of credentials.
type Options struct {
	// Cloud is public, china, usgov or custom; empty means public. custom
	// needs Endpoint and AuthorityHost.
	Cloud string
	// Endpoint replaces the address of Resource Manager.
	Endpoint string
	// Audience replaces the audience of its tokens.
	Audience string
	// AuthorityHost replaces the address tokens are got from.
	AuthorityHost string
	// StorageEndpoint replaces https://ACCOUNT.blob.SUFFIX by a base for
	// path-style addresses: BASE/ACCOUNT/CONTAINER/BLOB.
	StorageEndpoint string
	// CAFile is a PEM file of certificate authorities trusted beside the
	// system's.
	CAFile string

	// Credential is default, cli, environment, managed-identity,
	// workload-identity, static (Token) or none.
	Credential string
	ClientID   string
	TenantID   string
	// Token is the bearer token of the static credential.
	Token string

	// Trusted are hosts that are not Azure's and that the key of an endpoint may
	// be sent to, over whatever scheme the service names: those of clusters.
	Trusted []string

	// Insecure allows http, and tokens over it, to loopback addresses.
	Insecure bool
	// UserAgent begins the User-Agent header.
	UserAgent string
	// ReadOnly refuses every request but GET and HEAD with ErrReadOnly before it
	// is sent, also those that only ask for a secret.
	ReadOnly bool
	// Connections are shared with other clients; nil are connections of its own.
	Connections *Connections
	// Transport replaces the HTTP client.
	Transport policy.Transporter
	// Clock replaces the clock of the machine, Random the source of jitter in
	// [0, 1).
	Clock  Clock
	Random func() float64
	// Logger gets one debug record a request; queries and bodies are never
	// logged. Nil means no log.
	Logger *slog.Logger

	// Reads, Writes and Deletes are the requests a second a class is slowed
	// to when the service says that its bucket runs dry; zero means 20, 8, 8.
	Reads, Writes, Deletes float64
	// InFlight bounds the requests under way, those that read and those that
	// write each; zero means 10.
	InFlight int
	// Budget is shared by clients that slow down together; nil is one of its own.
	Budget *Budget
	// Tries bounds the attempts of one request, throttling aside; zero means 6.
	Tries int
	// MaxWait bounds the time one request may wait for throttling to end
	// before it fails as *Throttled; zero means 10 minutes.
	MaxWait time.Duration
	// Timeout bounds one attempt, its answer included; zero means 2 minutes.
	Timeout time.Duration
}

// cloudHosts are the addresses of a cloud.
type cloudHosts struct {
	endpoint, authority, storage, ml string
}

// clouds is the table of the clouds that have a name.
var clouds = map[string]cloudHosts{
	"public": {"https://management.azure.com", "https://login.microsoftonline.com/", "core.windows.net", "https://ml.azure.com"},
	"china":  {"https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn/", "core.chinacloudapi.cn", "https://ml.azure.cn"},
	"usgov":  {"https://management.usgovcloudapi.net", "https://login.microsoftonline.us/", "core.usgovcloudapi.net", "https://ml.azure.us"},
}

// Official reports whether a host belongs to one of the clouds that have a
// name: its Resource Manager, its authority, its storage.
func Official(host string) bool {
	host = strings.ToLower(host)
	for _, c := range clouds {
		for _, address := range []string{c.endpoint, c.authority} {
			if u, err := url.Parse(address); err == nil && u.Host == host {
				return true
			}
		}
		if strings.HasSuffix(host, ".blob."+c.storage) || strings.HasSuffix(host, ".dfs."+c.storage) {
			return true
		}
	}
	return false
}

// resolved are checked options with nothing left to default.
type resolved struct {
	Options
	endpoint *url.URL
	scope    string
	mlScope  string // of the service's own tokens
	suffix   string
	storage  *url.URL // nil unless overridden
	listed   int      // items of one list
}

func resolve(o Options) (*resolved, error) {
	o.Cloud = cmp.Or(o.Cloud, "public")
	hosts, ok := clouds[o.Cloud]
	if !ok && o.Cloud != "custom" {
		return nil, fmt.Errorf("cloud %q: want public, china, usgov or custom", o.Cloud)
	}
	if o.Cloud == "custom" && (o.Endpoint == "" || o.AuthorityHost == "" && needsAuthority(o.Credential)) {
		return nil, fmt.Errorf("cloud custom: endpoint and authority host must be given")
	}
	r := &resolved{Options: o, listed: limit.Listed, suffix: cmp.Or(hosts.storage, clouds["public"].storage)}
	r.scope = strings.TrimRight(cmp.Or(o.Audience, hosts.endpoint, o.Endpoint), "/") + "/.default"
	r.mlScope = cmp.Or(hosts.ml, clouds["public"].ml) + "/.default"
	r.AuthorityHost = cmp.Or(o.AuthorityHost, hosts.authority)
	var err error
	if r.endpoint, err = base("endpoint", cmp.Or(o.Endpoint, hosts.endpoint), o.Insecure); err != nil {
		return nil, err
	}
	if o.StorageEndpoint != "" {
		if r.storage, err = base("storage endpoint", o.StorageEndpoint, o.Insecure); err != nil {
			return nil, err
		}
	}
	r.Reads, r.Writes, r.Deletes = cmp.Or(o.Reads, 20), cmp.Or(o.Writes, 8), cmp.Or(o.Deletes, 8)
	r.InFlight, r.Tries = cmp.Or(o.InFlight, 10), cmp.Or(o.Tries, limit.Tries)
	if r.Reads < 0 || r.Writes < 0 || r.Deletes < 0 || r.InFlight < 0 || r.Tries < 0 {
		return nil, fmt.Errorf("rates, requests in flight and tries must be positive")
	}
	r.MaxWait, r.Timeout = cmp.Or(o.MaxWait, limit.Throttled), cmp.Or(o.Timeout, limit.Request)
	r.UserAgent = cmp.Or(o.UserAgent, "mlsync")
	if r.Clock == nil {
		r.Clock = wall{}
	}
	if r.Random == nil {
		r.Random = rand.Float64
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	if r.Transport == nil {
		if r.Transport, err = r.Connections.client(r); err != nil {
			return nil, err
		}
	}
	r.Transport = attempts{r.Transport}
	return r, nil
}

// base parses the address of a service. http is for loopback only.
func base(what, s string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%s %q: not an address", what, s)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && insecure && loopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, fmt.Errorf("%s %s: http is allowed only for loopback addresses, and only when asked for", what, s)
	default:
		return nil, fmt.Errorf("%s %q: want https", what, s)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func errAuthorities(err error) error { return fmt.Errorf("certificate authorities: %w", err) }

// newTransport returns a client that trusts pem, what CAFile holds, and follows
// no redirects: neither Resource Manager nor storage sends any.
func newTransport(r *resolved, pem []byte) (*http.Client, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   2 * r.InFlight,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if r.CAFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authorities: no certificate in %s", r.CAFile)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
