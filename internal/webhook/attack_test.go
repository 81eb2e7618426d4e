package webhook

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// pipes is a listener of connections within this process, whose deadlines are
// those of the bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), gone: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.gone) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// plain is a server of one hook, as it is served.
func plain(t *testing.T, wake func(Hint)) (*pipes, func() net.Conn) {
	t.Helper()
	s, err := New(t.Context(), Options{
		Now: time.Now, Told: func(Provider, State, Hint, error) {},
		Hooks: []Hook{{Provider: GitHub, Secrets: func(context.Context) ([]string, error) { return []string{secret}, nil }}},
		Wake:  func(_ context.Context, h Hint) (bool, error) { wake(h); return true, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhook/{provider}", s)
	p := newPipes()
	server := HTTP(mux)
	go func() { _ = server.Serve(Listen(p)) }()
	t.Cleanup(func() { _ = server.Close() })
	return p, func() net.Conn {
		here, there := net.Pipe()
		p.conns <- there
		return here
	}
}

// head is the head of a good delivery.
func head(body []byte, more string) string {
	s := &sender{now: time.Now}
	var b strings.Builder
	fmt.Fprintf(&b, "POST /webhook/github HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s", len(body), more)
	_ = s.sign(GitHub, secret, body).Write(&b)
	return b.String() + "\r\n"
}

// A byte a second: the head must be here in time, and then the body.
func TestAttackW1Slowloris(t *testing.T) {
	body := []byte(`{"repository":{"clone_url":"https://github.com/a/b"}}`)
	for _, tc := range []struct {
		name             string
		beforeHead, rest time.Duration
		want             int
	}{
		{"in time", limit.WebhookRead - time.Millisecond, limit.WebhookRead - time.Millisecond, 202},
		{"slow body", 0, limit.WebhookRead + time.Millisecond, 408},
		{"slow head", limit.WebhookRead + time.Millisecond, 0, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				woken := 0
				_, dial := plain(t, func(Hint) { woken++ })
				conn := dial()
				defer conn.Close()
				over := make(chan struct{})
				defer close(over)
				pause := func(d time.Duration) {
					select {
					case <-time.After(d):
					case <-over:
					}
				}
				go func() { // ends with the connection
					text := head(body, "")
					_, _ = io.WriteString(conn, text[:20])
					pause(tc.beforeHead)
					_, _ = io.WriteString(conn, text[20:])
					pause(tc.rest)
					_, _ = conn.Write(body)
				}()
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				got := 0
				if err == nil {
					got = res.StatusCode
				}
				if got != tc.want || woken != map[bool]int{true: 1}[tc.want == 202] {
					t.Errorf("got %d, %v, woken %d", got, err, woken)
				}
			})
		})
	}
	// Connections that say nothing go, and make room for those that wait.
	synctest.Test(t, func(t *testing.T) {
		_, dial := plain(t, func(Hint) {})
		var idle []net.Conn
		for range limit.WebhookConns {
			idle = append(idle, dial())
		}
		began := time.Now()
		late := dial() // it is taken when the first of them is dropped
		if waited := time.Since(began); waited != limit.WebhookRead {
			t.Errorf("one more connection was taken after %s", waited)
		}
		for _, c := range append(idle, late) {
			_ = c.Close()
		}
	})
}

// endless is a body of ten gigabytes that counts what is read of it.
type endless struct{ left, read int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	e.left, e.read = e.left-n, e.read+n
	return int(n), nil
}

func TestAttackW2BodiesOfTenGigabytes(t *testing.T) {
	r := newReceiver(t, time.Now)
	for _, p := range Providers() {
		for _, length := range []int64{-1, 10 << 30, limit.WebhookBody + 1} { // chunked, and told
			r.free()
			body := &endless{left: 10 << 30}
			req := httptest.NewRequest(http.MethodPost, "/webhook/"+string(p), body)
			req.ContentLength = length
			req.Header = r.sign(p, secret, nil)
			req.SetPathValue("provider", string(p))
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			if most := map[bool]int64{true: limit.WebhookBody + 512}[length < 0]; w.Code != http.StatusRequestEntityTooLarge || body.read > most {
				t.Errorf("%s, length %d: got %d after %d bytes", p, length, w.Code, body.read)
			}
		}
		good := payload(t, p)
		good = append(good, bytes.Repeat([]byte(" "), limit.WebhookBody-len(good))...)
		if code, state := r.send(p, r.sign(p, secret, good), good); code != http.StatusAccepted || state != Accepted {
			t.Errorf("%s: at the limit got %d %s", p, code, state)
		}
		good = append(good, ' ')
		if code, _ := r.send(p, r.sign(p, secret, good), good); code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: beyond the limit got %d", p, code)
		}
	}
}

// What is compressed is not even read.
func TestAttackW3CompressedBodies(t *testing.T) {
	r := newReceiver(t, time.Now)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	for _, encoding := range []string{"gzip", "deflate", "br", "gzip, gzip", "x"} {
		body := bytes.NewReader(bomb.Bytes())
		req := httptest.NewRequest(http.MethodPost, "/", body)
		req.Header = r.sign(GitHub, secret, bomb.Bytes())
		req.Header.Set("Content-Encoding", encoding)
		req.SetPathValue("provider", "github")
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, req); w.Code != http.StatusUnsupportedMediaType || body.Len() != bomb.Len() {
			t.Errorf("%s: got %d after %d bytes", encoding, w.Code, bomb.Len()-body.Len())
		}
	}
	// Compressed without a word it is no JSON, and stays as small as it came.
	if code, state := r.send(GitHub, r.sign(GitHub, secret, bomb.Bytes()), bomb.Bytes()); code != http.StatusBadRequest || state != Malformed {
		t.Errorf("got %d %s", code, state)
	}
}

func TestAttackW4HugeHeaders(t *testing.T) {
	woken := 0
	synctest.Test(t, func(t *testing.T) {
		_, dial := plain(t, func(Hint) { woken++ })
		for _, tc := range []struct{ size, want int }{{limit.WebhookHead - 1024, 202}, {limit.WebhookHead + 4096, 431}, {100 << 20, 431}} {
			here := dial()
			go func() { // ends with the connection
				text := head([]byte("{}"), "")
				at := strings.Index(text, "\r\n") + 2
				_, _ = io.WriteString(here, text[:at]+"X-Large: ")
				for range tc.size / 1024 {
					if _, err := io.WriteString(here, strings.Repeat("x", 1024)); err != nil {
						return
					}
				}
				_, _ = io.WriteString(here, "\r\n"+text[at:]+"{}")
			}()
			res, err := http.ReadResponse(bufio.NewReader(here), nil)
			if err != nil || res.StatusCode != tc.want {
				t.Errorf("%d bytes: got %v, %v", tc.size, res, err)
			}
			_ = here.Close()
		}
		time.Sleep(time.Second) // in the bubble's time: net/http lingers on what it closes
	})
}

// Ten thousand in a second: so many are looked at as the bound says, whoever
// sends them, and what they leave behind is bounded too.
func TestAttackW5TenThousandASecond(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := newReceiver(t, func() time.Time { return now })
	for second := range 2 {
		counts := map[State]int{}
		for i := range 10_000 {
			p := Providers()[i%6] // not HMAC and OIDC, whose times are those of the bubble
			body := fmt.Appendf(nil, `{"n":"%d-%d"}`, second, i)
			_, state := r.send(p, r.sign(p, secret, body), body)
			counts[state]++
		}
		if counts[Limited] != 10_000-limit.WebhookRate || counts[Ignored] != limit.WebhookRate {
			t.Errorf("got %v", counts)
		}
		now = now.Add(time.Second)
	}
	// Bodies that do not come hold so many places and no more.
	now = now.Add(time.Minute)
	stop := make(chan struct{})
	var done sync.WaitGroup
	var reading atomic.Int64
	entered := make(chan struct{}, limit.WebhookAtOnce)
	for range limit.WebhookAtOnce {
		done.Go(func() {
			req := httptest.NewRequest(http.MethodPost, "/", &stuck{entered: entered, stop: stop})
			req.SetPathValue("provider", "github")
			reading.Add(1)
			r.ServeHTTP(httptest.NewRecorder(), req)
		})
	}
	for range limit.WebhookAtOnce {
		<-entered
	}
	if code, state := r.send(GitHub, r.sign(GitHub, secret, []byte("{}")), []byte("{}")); code != http.StatusTooManyRequests || state != Limited {
		t.Errorf("one more at a time: got %d %s", code, state)
	}
	close(stop)
	done.Wait()
	if code, state := r.send(GitHub, r.sign(GitHub, secret, []byte("{}")), []byte("{}")); code != http.StatusAccepted || state != Ignored {
		t.Errorf("afterwards: got %d %s", code, state)
	}
}

// stuck is a body that does not come before stop.
type stuck struct {
	entered chan<- struct{}
	stop    <-chan struct{}
	once    sync.Once
}

func (s *stuck) Read([]byte) (int, error) {
	s.once.Do(func() { s.entered <- struct{}{} })
	<-s.stop
	return 0, io.ErrUnexpectedEOF
}

// Each field of each payload absent, null, of each wrong type, and empty: it is
// answered, it wakes nobody else, and a repository that is still named is
// recognised.
func TestAttackW6EachFieldOfEachPayload(t *testing.T) {
	r := newReceiver(t, time.Now)
	for _, p := range Providers() {
		n := 0
		for _, body := range mutants(t, payload(t, p)) {
			r.free()
			before := len(r.hints)
			code, state := r.send(p, r.sign(p, secret, body), body)
			if code != http.StatusAccepted || state != Accepted && state != Ignored && state != Replayed {
				t.Errorf("%s: got %d %s for %s", p, code, state, body)
			}
			if len(r.hints) > before && !r.hints[before].About(remotes[p], "") {
				t.Errorf("%s: woken by %s", p, body)
			}
			n++
		}
		if n < 30 {
			t.Errorf("%s: only %d mutants", p, n)
		}
		for _, body := range []string{"", "null", "[]", "1", `"x"`, "{", `{"a":1}{`, "\xff", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000)} {
			r.free()
			if code, state := r.send(p, r.sign(p, secret, []byte(body)), []byte(body)); code != http.StatusBadRequest || state != Malformed {
				t.Errorf("%s: %.20q: got %d %s", p, body, code, state)
			}
		}
	}
}

// mutants are the payload with one value changed, for each value and change.
func mutants(t testing.TB, raw []byte) [][]byte {
	t.Helper()
	var out [][]byte
	var root any
	emit := func() {
		data, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, data)
	}
	wrong := []any{nil, "", "x", 0, -1.5, true, []any{}, []any{nil}, map[string]any{}, map[string]any{"href": 1}, strings.Repeat("x", 10_000), "\x00\u202e"}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, old := range v {
				delete(v, key)
				emit()
				for _, w := range wrong {
					v[key] = w
					emit()
				}
				v[key] = old
				walk(old)
			}
		case []any:
			for i, old := range v {
				for _, w := range wrong {
					v[i] = w
					emit()
				}
				v[i] = old
				walk(old)
			}
		}
	}
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	walk(root)
	return out
}

// Signatures that are wrong, absent, cut off, twice there, or of an older sort.
func TestAttackW7Signatures(t *testing.T) {
	r := newReceiver(t, time.Now)
	proofs := map[Provider]string{
		GitHub: "X-Hub-Signature-256", GitLab: "X-Gitlab-Token", Azure: "Authorization", Bitbucket: "X-Hub-Signature", BitbucketServer: "X-Hub-Signature",
		Gitea: "X-Gitea-Signature", HMAC: SignatureHeader, OIDC: "Authorization",
	}
	for _, p := range Providers() {
		body, name := payload(t, p), proofs[p]
		try := func(what string, body []byte, change func(h http.Header)) {
			t.Helper()
			r.free()
			h := r.sign(p, secret, body)
			change(h)
			if code, state := r.send(p, h, body); code != http.StatusUnauthorized || state != Refused {
				t.Errorf("%s, %s: got %d %s", p, what, code, state)
			}
			if strings.Contains(fmt.Sprint(r.why), secret) {
				t.Errorf("%s, %s: the secret is told: %v", p, what, r.why)
			}
		}
		set := func(value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
		try("absent", body, func(h http.Header) { h.Del(name) })
		for _, value := range []string{"", " ", "x", "sha256=", "sha1=0000000000000000000000000000000000000000", "sha256=" + strings.Repeat("0", 64), strings.Repeat("0", 64), "md5=0", "none", "Basic ", "Basic Og==", "Bearer ", "Bearer ..", "Bearer a.b.c", "Bearer " + secret} {
			try(value, body, set(value))
		}
		try("twice", body, func(h http.Header) { h.Add(name, h.Get(name)) })
		try("truncated", body, func(h http.Header) { v := h.Get(name); h.Set(name, v[:len(v)-2]) })
		try("longer", body, func(h http.Header) { h.Set(name, h.Get(name)+"00") })
		if p != OIDC {
			try("of another secret", body, set(r.sign(p, "another secret, and a long one", body).Get(name)))
			try("of no secret", body, set(r.sign(p, "", body).Get(name)))
		}
		if p != GitLab && p != Azure && p != OIDC { // these sign no body
			try("of another body", body, set(r.sign(p, secret, []byte("{}")).Get(name)))
		}
	}
	// SHA-1, which GitHub sends beside it, where Bitbucket has its own.
	for _, p := range []Provider{GitHub, Bitbucket, BitbucketServer} {
		body := payload(t, p)
		h := r.sign(p, secret, body)
		h.Del("X-Hub-Signature-256")
		h.Set("X-Hub-Signature", r.sign(GitHub, secret, body).Get("X-Hub-Signature"))
		if _, state := r.send(p, h, body); state != Refused {
			t.Errorf("%s takes SHA-1", p)
		}
	}
	if len(r.hints) > 0 {
		t.Errorf("woken by %v", r.hints)
	}
	// A provider that is not configured is not there.
	for _, name := range []string{"", "other", "GITHUB", "github/", "..", "github%00"} {
		r.state = nil
		if code, state := r.send(Provider(name), http.Header{}, nil); code != http.StatusNotFound || state != "" {
			t.Errorf("%q: got %d", name, code)
		}
	}
}

// What came once does not wake twice, whatever is changed that is not signed;
// what was signed long ago does not wake at all; and memory is bounded.
func TestAttackW8Replays(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := newReceiver(t, func() time.Time { return now })
	for _, p := range Providers() {
		r.free()
		body := payload(t, p)
		h := r.sign(p, secret, body)
		r.send(p, h, body)
		woken := len(r.hints)
		for i := range 5 {
			again := h.Clone()
			if p != GitLab { // whose token is the secret itself: who has that may say anything
				for _, name := range []string{"X-GitHub-Delivery", "X-Gitea-Delivery", "X-Request-UUID", "X-Request-Id"} {
					again.Set(name, fmt.Sprint("other", i))
				}
			}
			if code, state := r.send(p, again, body); code != http.StatusAccepted || state != Replayed {
				t.Errorf("%s: got %d %s", p, code, state)
			}
		}
		if p == OIDC { // a token is good for one body, and its signature has one form
			other := append(slices.Clone(body), ' ')
			if _, state := r.send(p, h, other); state != Replayed {
				t.Errorf("a token for a second body: %s", state)
			}
		}
		if len(r.hints) != woken || woken == 0 {
			t.Errorf("%s: woken %d times", p, len(r.hints))
		}
	}
	for _, skew := range []time.Duration{limit.WebhookSkew, -limit.WebhookSkew, limit.WebhookSkew + time.Second, -limit.WebhookSkew - time.Second} {
		body := fmt.Appendf(nil, `{"skew":%d}`, skew)
		h := r.sign(HMAC, secret, body)
		now = now.Add(skew)
		_, state := r.send(HMAC, h, body)
		if want := map[bool]State{true: Ignored, false: Refused}[skew.Abs() == limit.WebhookSkew]; state != want {
			t.Errorf("signed %s ago: got %s", skew, state)
		}
		now = now.Add(-skew + time.Minute)
	}
	m := newMemory(func() time.Time { return now })
	k := func(i int) mark { return markOf(GitHub, fmt.Append(nil, i)) }
	for i := range limit.WebhookReplays {
		m.begin(k(i))
	}
	if m.begin(k(0)) || m.begin(k(limit.WebhookReplays-1)) || !m.begin(k(-1)) || !m.begin(k(0)) || len(m.ring) != limit.WebhookReplays || len(m.when) != limit.WebhookReplays {
		t.Errorf("the oldest does not make room: %d, %d", len(m.ring), len(m.when))
	}
	now = now.Add(limit.WebhookMemory - 1)
	if m.begin(k(0)) {
		t.Error("it is forgotten too early")
	}
	if now = now.Add(1); !m.begin(k(0)) || len(m.when) != limit.WebhookReplays {
		t.Error("it is not forgotten in time")
	}
}

// A payload that names another repository, or an address within a network, is
// held against the configured one, and nothing is ever asked for it.
func TestAttackW9OtherRepositories(t *testing.T) {
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inner.Close()
	r := newReceiver(t, time.Now)
	for _, p := range Providers() {
		for _, remote := range []string{
			inner.URL + "/contoso/ml-assets.git", "http://169.254.169.254/latest/meta-data", "http://localhost/x/y", "http://[::1]/x/y", "file:///etc/passwd", "/etc/passwd", "ext::sh -c id", "-oProxyCommand=id",
			"https://github.com.evil.example/contoso/ml-assets", "https://evil.example/github.com/contoso/ml-assets", "https://github.com/contoso/ml-assets/../other", "https://github.com/contoso/ml-assetsx", "https://github.com@evil.example/contoso/ml-assets",
			"https://evil.example#github.com/contoso/ml-assets", "https://evil.example?x=github.com/contoso/ml-assets", "https://githu\u0412.com/contoso/ml-assets", "https://github.com/contoso%2f..%2fother/ml-assets", "javascript:alert(1)", strings.Repeat("x", 10_000), "\x00", "://",
		} {
			body := renamed(t, payload(t, p), remote)
			r.free()
			if code, state := r.send(p, r.sign(p, secret, body), body); code != http.StatusAccepted || state != Ignored {
				t.Errorf("%s, %.50q: got %d %s", p, remote, code, state)
			}
		}
	}
	if asked.Load() > 0 || len(r.hints) > 0 {
		t.Errorf("asked %d times, woken by %v", asked.Load(), r.hints)
	}
}

// renamed puts a remote in the place of every text that is an address.
func renamed(t *testing.T, raw []byte, remote string) []byte {
	t.Helper()
	var root any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				v[k] = walk(x)
			}
		case []any:
			for i, x := range v {
				v[i] = walk(x)
			}
		case string:
			if strings.Contains(v, "://") || strings.HasPrefix(v, "git@") || strings.HasPrefix(v, "contoso/") {
				return remote
			}
		}
		return v
	}
	data, err := json.Marshal(walk(root))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
