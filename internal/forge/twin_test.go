package forge

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	token   = "canary-t0ken+/="
	hash    = "1234567890123456789012345678901234567890"
	robot   = "robot"
	someone = "mallory"
)

// state is what a twin of a service holds; its handler speaks for it.
type state struct {
	mu       sync.Mutex
	last     int64
	pulls    []*pull
	notes    []*note
	statuses []posted
	events   []labelled
	pushes   []pushed
	// may is what accounts may do: read, write or admin; "" is nothing.
	may map[string]string
	// whose is who the token belongs to; app says that it is an app's.
	whose string
	app   bool
	// longest is the longest description that a list gives.
	longest int
}

type pull struct {
	number                          int64
	head, base, title, body, author string
	fork, open                      bool
	sha                             string // hash if ""
}

func (p *pull) commit() string {
	if p.sha == "" {
		return hash
	}
	return p.sha
}

// pushed is a push to the head of a pull request.
type pushed struct {
	pull   int64
	sha    string
	at     time.Time
	forced bool
}

// account is the number of an account, as GitLab asks with.
func account(name string) int64 {
	n := int64(7)
	for _, c := range name {
		n = n*31 + int64(c)
	}
	return n
}

type note struct {
	id, pull     int64
	author, body string
	bot          bool
}

type posted struct{ sha, context, state, description, url string }

type labelled struct {
	pull     int64
	name, by string
	at       time.Time
	set      bool
}

func (s *state) next() int64 { s.last++; return s.last }

// find is the open pull request of two branches of the repository.
func (s *state) find(head, base string) *pull {
	for _, p := range s.pulls {
		if p.open && !p.fork && p.head == head && p.base == base {
			return p
		}
	}
	return nil
}

func (s *state) pull(r *http.Request) *pull {
	n, _ := strconv.ParseInt(r.PathValue("number"), 10, 64)
	for _, p := range s.pulls {
		if p.number == n {
			return p
		}
	}
	return nil
}

func (s *state) note(r *http.Request) *note {
	n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, c := range s.notes {
		if c.id == n {
			return c
		}
	}
	return nil
}

func (s *state) add(head, base string, change ...func(*pull)) *pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &pull{number: s.next(), head: head, base: base, title: "old", body: "old", author: someone, open: true}
	for _, f := range change {
		f(p)
	}
	s.pulls = append(s.pulls, p)
	return p
}

func (s *state) labelNames(n int64) []string {
	var out []string
	on := map[string]bool{}
	for _, e := range s.events {
		if e.pull == n {
			if on[e.name] = e.set; e.set {
				out = append(out, e.name)
			}
		}
	}
	var names []string
	for _, name := range out {
		if on[name] {
			names, on[name] = append(names, name), false
		}
	}
	return names
}

type obj = map[string]any

// answer writes JSON as these services do.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// body reads the JSON of a request; every value is a text or deeper JSON.
func body(r *http.Request) obj {
	var v obj
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&v) != nil {
		return obj{}
	}
	return v
}

func str(v any) string { s, _ := v.(string); return s }

// tagged gives one page of a list, and nothing but 304 if it is what the client
// has, as Rails and GitHub do.
func tagged[T any](w http.ResponseWriter, r *http.Request, size string, most int, all []T) {
	data, _ := json.Marshal(all)
	tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(data))
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	paged(w, r, size, most, all)
}

// paged gives one page of a list, and the link to the next.
func paged[T any](w http.ResponseWriter, r *http.Request, size string, most int, all []T) {
	n, _ := strconv.Atoi(r.FormValue(size))
	if n <= 0 || n > most {
		n = most
	}
	page, _ := strconv.Atoi(r.FormValue("page"))
	page = max(1, page)
	if page*n < len(all) {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example%s?%s>; rel="next", <https://elsewhere.example/x?page=9>; rel="last"`, r.URL.EscapedPath(), q.Encode()))
	}
	from := min(len(all), (page-1)*n)
	out := all[from:min(len(all), from+n)]
	if out == nil {
		out = []T{}
	}
	answer(w, 200, out)
}

// wire carries requests to a handler without a network, so that time can be
// the bubble's. before and after may stand in for it.
type wire struct {
	handler http.Handler
	before  func(r *http.Request) (*http.Response, error)
	after   func(r *http.Request, a *http.Response) (*http.Response, error)
	mu      sync.Mutex
	seen    []string
}

func (t *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	t.seen = append(t.seen, r.Method+" "+r.URL.EscapedPath())
	t.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	if t.before != nil {
		if a, err := t.before(r); a != nil || err != nil {
			return a, err
		}
	}
	rec := httptest.NewRecorder()
	t.handler.ServeHTTP(rec, r)
	a := rec.Result()
	a.Request = r
	a.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if t.after != nil {
		return t.after(r, a)
	}
	return a, nil
}

// count is how many requests there were of the method.
func (t *wire) count(methods ...string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, line := range t.seen {
		for _, m := range methods {
			if strings.HasPrefix(line, m+" ") {
				n++
			}
		}
	}
	return n
}

// plain is an answer made by hand.
func plain(status int, text string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(text))}
}

// twin is a service, the way to it and a forge for a repository on it.
type twin struct {
	*state
	*wire
	provider Provider
	forge    *Forge
}

var twins = []struct {
	provider Provider
	remote   string
	handler  func(*state) http.Handler
}{
	{GitHub, "git@github.com:team/repo.git", githubTwin},
	{GitLab, "https://gitlab.com/team/sub/repo.git", gitlabTwin},
	{Azure, "https://dev.azure.com/team/My%20Project/_git/repo", azureTwin},
	{Gitea, "https://codeberg.org/team/repo", giteaTwin},
}

// each runs a test on every service.
func each(t *testing.T, test func(t *testing.T, s *twin)) {
	for _, tw := range twins {
		t.Run(string(tw.provider), func(t *testing.T) {
			s := &state{whose: robot}
			w := &wire{handler: tw.handler(s)}
			f, err := Of(tw.remote, Options{Token: token, Transport: w, UserAgent: "test"})
			if err != nil {
				t.Fatal(err)
			}
			test(t, &twin{s, w, tw.provider, f})
		})
	}
}

var errLost = errors.New("connection reset by peer")

// loseAnswer lets a request of the method through and loses its answer, n times.
func (t *twin) loseAnswer(method string, n int) {
	t.after = func(r *http.Request, a *http.Response) (*http.Response, error) {
		if r.Method == method && n > 0 {
			n--
			return nil, errLost
		}
		return a, nil
	}
}
