package azureml

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// DefaultDatastore is where content goes that names no datastore.
const DefaultDatastore = "workspaceblobstore"

// Storage reads and writes the content of one workspace. What it learns of
// datastores and credentials it keeps for as long as it lives. It is safe for
// concurrent use.
//
// Accounts with a hierarchical namespace (Data Lake Gen2) are used through
// their blob endpoint, which makes missing directories by itself.
type Storage struct {
	c  *Client
	ws string // path of the workspace

	mu     sync.Mutex
	stores map[string]*store
}

// Storage returns the content of the workspace at the given path.
func (c *Client) Storage(workspace string) *Storage {
	return &Storage{c: c, ws: strings.TrimRight(workspace, "/"), stores: map[string]*store{}}
}

// store is a container and how to be let in.
type store struct {
	c         *Client
	datastore string // "" if it is not known by one
	secrets   string // path of its datastore, "" if it has none
	account   string
	container string
	public    string // address as the service knows it
	address   string // address to send to

	mu   sync.Mutex
	auth *blobAuth
}

// blobAuth is one way to be let in: the token of the client, a signature or a
// key. Storage accounts that forbid shared keys refuse the latter two, so the
// token comes first.
type blobAuth struct {
	token bool
	sas   string
	key   string
	until time.Time
}

// storageTimeout bounds one attempt to send or fetch up to 64 MiB; a longer
// download goes on where it was.
const storageTimeout = 10 * time.Minute

// ErrNoUpload is returned for a datastore that content cannot be sent to.
var ErrNoUpload = errors.New("datastore takes no uploads")

// store returns the datastore of the given name, read once.
func (s *Storage) store(ctx context.Context, name string) (*store, error) {
	name = cmp.Or(name, DefaultDatastore)
	s.mu.Lock()
	st := s.stores[name]
	s.mu.Unlock()
	if st != nil {
		return st, nil
	}
	path := s.ws + "/datastores/" + name
	body, err := s.c.Get(ctx, path, apiVersions["workspaces/datastores"])
	if err != nil {
		return nil, fmt.Errorf("datastore %s: %w", name, err)
	}
	var d struct {
		Properties struct {
			DatastoreType, AccountName, ContainerName, Filesystem, Endpoint, Protocol string
		}
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("datastore %s: %w", name, err)
	}
	p := d.Properties
	box := cmp.Or(p.ContainerName, p.Filesystem)
	switch {
	case p.DatastoreType != "AzureBlob" && p.DatastoreType != "AzureDataLakeGen2":
		return nil, fmt.Errorf("datastore %s of type %s: %w", name, p.DatastoreType, ErrNoUpload)
	case p.AccountName == "" || box == "" || strings.ContainsAny(p.AccountName+box+p.Endpoint, "/?#@:"):
		return nil, &Unknown{Method: http.MethodGet, Path: path, Err: errors.New("datastore without account and container")}
	}
	st = &store{c: s.c, datastore: name, secrets: path, account: p.AccountName, container: box}
	st.public = fmt.Sprintf("https://%s.blob.%s/%s", p.AccountName, cmp.Or(p.Endpoint, s.c.o.suffix), box)
	st.address = st.public
	if b := s.c.o.storage; b != nil {
		st.address = b.JoinPath(p.AccountName, box).String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stores[name] = st
	return st, nil
}

// with calls f with a client of the container. If f is denied, it is called
// once more with the next way to be let in.
func (st *store) with(ctx context.Context, f func(*container.Client) error) error {
	tried, first := map[string]bool{}, error(nil)
	for {
		a, err := st.next(ctx, tried)
		if err != nil {
			return errors.Join(first, err)
		}
		if a == nil {
			return cmp.Or(first, fmt.Errorf("container %s: no credential for it: %w", st.container, ErrDenied))
		}
		cc, err := st.client(a)
		if err != nil {
			return err
		}
		err = f(cc)
		if err == nil {
			return nil
		}
		if !denied(err) {
			return err
		}
		first = errors.Join(first, err)
		st.mu.Lock()
		if st.auth == a {
			st.auth = nil
		}
		st.mu.Unlock()
	}
}

// next returns a way to be let in that was not tried, nil if there is none:
// the one that worked before, the token, the secret of the datastore.
func (st *store) next(ctx context.Context, tried map[string]bool) (*blobAuth, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if a := st.auth; a != nil && !tried["kept"] && (a.until.IsZero() || st.c.o.Clock.Now().Before(a.until)) {
		tried["kept"] = true
		tried["token"] = tried["token"] || a.token
		return a, nil
	}
	tried["kept"] = true
	if !tried["token"] && st.c.cred != nil && st.c.ownStorage(st.address) {
		tried["token"] = true
		st.auth = &blobAuth{token: true}
		return st.auth, nil
	}
	if !tried["secret"] && st.secrets != "" {
		tried["secret"] = true
		a, err := st.secret(ctx)
		if a != nil {
			st.auth = a
		}
		return a, err
	}
	return nil, nil
}

// secret asks for the secret of the datastore, nil if it has none.
func (st *store) secret(ctx context.Context) (*blobAuth, error) {
	path := st.secrets + "/listSecrets"
	res, err := st.c.Post(ctx, path, apiVersions["workspaces/datastores"], json.RawMessage(`{"expirableSecret":true,"expireAfterHours":1}`))
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest && strings.Contains(e.Message, "No secrets") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s struct{ SecretsType, SasToken, Key string }
	if err := json.Unmarshal(res.Body, &s); err != nil {
		return nil, &Unknown{Method: http.MethodPost, Path: path, Err: errors.New("answer has no secret")}
	}
	switch {
	case s.SasToken != "":
		return &blobAuth{sas: strings.TrimPrefix(s.SasToken, "?"), until: st.c.o.Clock.Now().Add(50 * time.Minute)}, nil
	case s.Key != "":
		return &blobAuth{key: s.Key}, nil
	}
	return nil, fmt.Errorf("%s: secret of type %q cannot be used for uploads", path, s.SecretsType)
}

// client returns a client of the container that is let in by a.
func (st *store) client(a *blobAuth) (*container.Client, error) {
	opt := st.c.blobOptions(st.address)
	switch {
	case a.token:
		return container.NewClient(st.address, st.c.cred, opt)
	case a.key != "":
		k, err := container.NewSharedKeyCredential(st.account, a.key)
		if err != nil {
			return nil, fmt.Errorf("key of datastore %s cannot be used", st.datastore)
		}
		return container.NewClientWithSharedKeyCredential(st.address, k, opt)
	}
	return container.NewClientWithNoCredential(st.address+"?"+a.sas, opt)
}

// blobOptions are those of every client of storage. azcore's own retries do
// here: blocks are sent by content and may be sent twice.
func (c *Client) blobOptions(address string) *container.ClientOptions {
	retries := int32(c.o.Tries - 1)
	if retries == 0 {
		retries = -1 // zero would mean the default
	}
	return &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport:                       countBlobs{c},
		InsecureAllowCredentialWithHTTP: strings.HasPrefix(address, "http:"), // only loopback gets here, see base and checkAddress
		Telemetry:                       policy.TelemetryOptions{ApplicationID: "mlsync"},
		Retry:                           policy.RetryOptions{MaxRetries: retries, MaxRetryDelay: 5 * time.Minute, TryTimeout: storageTimeout},
	}}
}

// ownStorage tells whether the token may be sent to an address: only to the
// storage of the cloud or the one that the options name.
func (c *Client) ownStorage(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if b := c.o.storage; b != nil && u.Host == b.Host && u.Scheme == b.Scheme {
		return true
	}
	host := strings.ToLower(u.Hostname())
	return u.Scheme == "https" && (strings.HasSuffix(host, ".blob."+c.o.suffix) || strings.HasSuffix(host, ".dfs."+c.o.suffix))
}

// checkAddress refuses addresses of storage that the options do not allow.
func (c *Client) checkAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return nil, errors.New("address of storage cannot be read")
	case u.Scheme == "https", u.Scheme == "http" && c.o.Insecure && loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("storage at %s://%s: want https", u.Scheme, u.Host)
}

// denied tells whether storage refused a credential.
func denied(err error) bool {
	var r *azcore.ResponseError
	return errors.As(err, &r) && (r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized)
}

// tidy makes an error of storage fit to be shown: azcore prints the request
// with its headers and the body of the answer over many lines.
func tidy(what string, err error) error {
	var r *azcore.ResponseError
	if !errors.As(err, &r) {
		return fmt.Errorf("%s: %w", what, scrub(err))
	}
	e := &Error{Status: r.StatusCode, Code: r.ErrorCode, Method: http.MethodPut, Path: what}
	if r.RawResponse != nil {
		e.RequestID = requestID(r.RawResponse.Header)
		if r.RawResponse.Request != nil {
			e.Method = r.RawResponse.Request.Method
		}
	}
	return e
}

// scrub drops the address from an error of the network: it may be signed.
func scrub(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// countBlobs counts and logs the requests to storage, without their queries.
type countBlobs struct{ c *Client }

func (t countBlobs) Do(req *http.Request) (*http.Response, error) {
	t.c.stats.blobs.Add(1)
	resp, err := t.c.o.Transport.Do(req)
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	t.c.o.Logger.DebugContext(req.Context(), "storage request", "method", req.Method, "path", req.URL.Path, "status", status)
	return resp, err
}
