package emulator

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Request is one line of the log.
type Request struct {
	Time       time.Time `json:"time"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Query      string    `json:"query,omitempty"`
	Collection string    `json:"collection"`
	Status     int       `json:"status"`
	Bytes      int64     `json:"bytes"`    // sent in the answer's body
	Received   int64     `json:"received"` // read from the request's body
}

// A Counter is how many requests had one method, collection and status.
type Counter struct {
	Method     string `json:"method"`
	Collection string `json:"collection"`
	Status     int    `json:"status"`
	Count      int64  `json:"count"`
	Bytes      int64  `json:"bytes"`
	Received   int64  `json:"received"`
}

type counterKey struct {
	method, collection string
	status             int
}

// requestLog keeps the newest requests in a ring and counts all of them.
type requestLog struct {
	mu       sync.Mutex
	ring     []Request
	next     int
	full     bool
	counters map[counterKey]*Counter
}

func newRequestLog(size int) *requestLog {
	return &requestLog{ring: make([]Request, 0, min(size, 1024)), counters: map[counterKey]*Counter{}, next: -size}
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := counterKey{r.Method, r.Collection, r.Status}
	c := l.counters[k]
	if c == nil {
		c = &Counter{Method: r.Method, Collection: r.Collection, Status: r.Status}
		l.counters[k] = c
	}
	c.Count++
	c.Bytes += r.Bytes
	c.Received += r.Received
	if l.next < 0 { // still growing
		l.ring = append(l.ring, r)
		if l.next++; l.next == 0 {
			l.full = true
		}
		return
	}
	l.ring[l.next] = r
	l.next = (l.next + 1) % len(l.ring)
}

// list returns the logged requests, oldest first, that pass keep.
func (l *requestLog) list(keep func(Request) bool) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Request{}
	start := max(l.next, 0)
	for i := range l.ring {
		if r := l.ring[(start+i)%len(l.ring)]; keep(r) {
			out = append(out, r)
		}
	}
	return out
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := len(l.ring)
	if !l.full {
		size -= l.next
	}
	l.ring, l.next, l.full = l.ring[:0], -size, false
}

func (l *requestLog) count() []Counter {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Counter, 0, len(l.counters))
	for _, c := range l.counters {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Counter) int {
		return cmp.Or(cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Status, b.Status))
	})
	return out
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters = map[counterKey]*Counter{}
}

// Requests returns the log, oldest first. It holds the newest Options.LogSize requests; those under /__ are not in it.
func (s *Server) Requests() []Request { return s.requests.list(func(Request) bool { return true }) }

// ClearRequests empties the log; counters stay.
func (s *Server) ClearRequests() { s.requests.clear() }

// Counters returns the exact counts since the start or the last ResetCounters.
func (s *Server) Counters() []Counter { return s.requests.count() }

// ResetCounters sets all counts to zero.
func (s *Server) ResetCounters() { s.requests.reset() }

// recorder notes what an answer was.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	abort  bool
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type countingBody struct {
	io.ReadCloser
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// safeQuery is the query without what grants access.
func safeQuery(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	q := u.Query()
	for k := range q {
		switch strings.ToLower(k) {
		case "sig", "s", "c", "t", "h":
			q.Set(k, "redacted")
		}
	}
	return q.Encode()
}

// collectionOf names what an ARM path is about: models, models/versions, onlineEndpoints/deployments, lro, workspaces.
func collectionOf(path string) string {
	seg := strings.Split(strings.Trim(path, "/"), "/")
	if len(seg) >= 7 && strings.EqualFold(seg[4], "providers") {
		if len(seg) < 9 {
			return strings.ToLower(seg[6])
		}
		name := seg[8]
		if len(seg) >= 11 && (strings.EqualFold(seg[10], "versions") || strings.EqualFold(seg[10], "deployments")) {
			name += "/" + seg[10]
		}
		return name
	}
	if len(seg) >= 6 && strings.EqualFold(seg[2], "providers") && strings.EqualFold(seg[4], "locations") {
		return "lro"
	}
	return "arm"
}
