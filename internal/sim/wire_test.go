package sim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"

	"mlsync.dev/mlsync/kind"
)

const (
	base = "http://127.0.0.1:80"
	api  = "?api-version=2024-04-01"
)

var scope = kind.Scope{Subscription: "00000000-0000-0000-0000-000000000001", ResourceGroup: "rg", Workspace: "ws"}

// wire carries the requests of one process to the emulator, each at its turn
// and without a socket.
type wire struct{ p *process }

// Do implements policy.Transporter.
func (t *wire) Do(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	sum := sha256.Sum256(body)
	key := "request " + req.Method + " " + req.URL.Path + "?" + req.URL.Query().Encode() + " " + hex.EncodeToString(sum[:4])
	o := &op{p: t.p}
	var resp *http.Response
	err := t.p.w.sched.enter(req.Context(), o, key, func() error {
		var err error
		resp, err = t.p.w.request(t.p, o, req, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// request is one request with the faults that strike it.
func (w *world) request(p *process, o *op, req *http.Request, body []byte) (*http.Response, error) {
	r := &record{kind: requested, p: p.n, gen: p.gen, method: req.Method, path: req.URL.Path, query: req.URL.RawQuery, body: body}
	r.asset = assetPath(r.path)
	writes := r.writes()
	if writes {
		r.before = w.peek(r.asset)
	}
	f := w.struck(service, r.String())
	answer := w.answer(f, o, r, req)
	if writes {
		r.after = w.peek(r.asset)
	}
	resp, err := answer.response(req)
	w.note(r)
	return resp, err
}

// answer is what comes back of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // in the middle of the body
	reset  bool // nothing comes back
}

func (a *answer) response(req *http.Request) (*http.Response, error) {
	if a.reset {
		return nil, fmt.Errorf("read: %w", syscall.ECONNRESET)
	}
	resp := &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Request: req, ContentLength: int64(len(a.body)), Body: io.NopCloser(bytes.NewReader(a.body)),
	}
	if a.cut {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), broken{}))
	}
	return resp, nil
}

// broken is the end of a connection that was cut.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// serve lets the emulator answer.
func (w *world) serve(r *record, req *http.Request) *answer {
	r.effect = true
	rec := httptest.NewRecorder()
	in := req.Clone(w.ctx)
	in.Body, in.RequestURI, in.Host = io.NopCloser(bytes.NewReader(r.body)), req.URL.RequestURI(), req.URL.Host
	in.Header = http.Header{} // as the names of headers come in by a socket
	for k, v := range req.Header {
		in.Header[http.CanonicalHeaderKey(k)] = v
	}
	if !handled(w.em.Handler(), rec, in) {
		return &answer{reset: true}
	}
	r.status = rec.Code
	if r.method == http.MethodGet {
		r.answer = rec.Body.Bytes()
	}
	return &answer{status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
}

// handled serves a request; false if the handler cut the connection.
func handled(h http.Handler, rec http.ResponseWriter, req *http.Request) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			if err, is := v.(error); !is || !errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
		}
	}()
	h.ServeHTTP(rec, req)
	return true
}

// direct is a request that no fault strikes, for the user and for the checks.
func (w *world) direct(method, asset, body string) (int, map[string]any) {
	u, err := url.Parse(base + scope.WorkspaceID() + "/" + asset + api)
	if err != nil {
		panic(err)
	}
	req := (&http.Request{Method: method, URL: u, Host: u.Host, RequestURI: u.RequestURI(), Header: http.Header{"Authorization": {"Bearer t"}}}).WithContext(w.ctx)
	req.Body = io.NopCloser(strings.NewReader(body))
	req.ContentLength = int64(len(body))
	rec := httptest.NewRecorder()
	if !handled(w.em.Handler(), rec, req) {
		return 0, nil
	}
	var out map[string]any
	if json.Unmarshal(rec.Body.Bytes(), &out) != nil {
		out = nil
	}
	return rec.Code, out
}

// peek is an asset as it is; nil if it is not there.
func (w *world) peek(asset string) map[string]any {
	if asset == "" {
		return nil
	}
	status, doc := w.direct(http.MethodGet, asset, "")
	if status != http.StatusOK {
		return nil
	}
	return doc
}

// assetPath is the path of an asset below its workspace, such as
// models/m/versions/1; "" for everything else.
func assetPath(path string) string {
	rest, ok := strings.CutPrefix(path, scope.WorkspaceID()+"/")
	if !ok || strings.HasSuffix(rest, "/startPendingUpload") || strings.HasSuffix(rest, "/listSecrets") {
		return ""
	}
	if n := strings.Count(rest, "/"); n != 1 && n != 3 {
		return ""
	}
	return rest
}
