package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/limit"
)

// streams are the streams of events that are open, and how far events are
// settled in each project.
type streams struct {
	done chan struct{}

	mu    sync.Mutex
	n     int
	of    map[string]int // by subject
	tails map[string]*tail
}

func newStreams() *streams {
	return &streams{done: make(chan struct{}), of: map[string]int{}, tails: map[string]*tail{}}
}

// Close ends all streams. It is called once.
func (s *Server) Close() { close(s.streams.done) }

// Streams is how many streams of events are open.
func (s *Server) Streams() int {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	return s.streams.n
}

func (t *streams) open(who string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n >= limit.APIStreams || t.of[who] >= limit.APIStream {
		p := Refuse(http.StatusTooManyRequests, "too_many_streams", "too many streams of events are open")
		p.retry = 30
		return p
	}
	t.n++
	t.of[who]++
	return nil
}

func (t *streams) leave(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.of[who]--; t.of[who] == 0 {
		delete(t.of, who)
	}
}

func (t *streams) tail(project string) *tail {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tails[project] == nil {
		t.tails[project] = &tail{}
	}
	return t.tails[project]
}

const (
	pollEvents = time.Second
	// tailPage is how many numbers a tail looks at.
	tailPage = 1000
)

// tail knows up to which number all events of a journal are there. Of two
// writers one may take a number first and commit it last; who has read on would
// never see it. So a number that is missing is waited for, until it is clear
// that it was never written. All streams of a process share the tail.
type tail struct {
	mu      sync.Mutex
	begun   bool
	looked  time.Time
	settled int64
	// Numbers up to upTo were seen at since.
	upTo  int64
	since time.Time
}

// at is the number up to which events may be told.
func (t *tail) at(ctx context.Context, e Events, now time.Time) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun && now.Sub(t.looked) < pollEvents/2 {
		return t.settled, nil
	}
	if !t.begun {
		last, err := e.Last(ctx)
		if err != nil {
			return 0, err
		}
		t.begun, t.settled = true, max(0, last-tailPage)
	}
	seen, err := e.After(ctx, t.settled, tailPage)
	if err != nil {
		return 0, err
	}
	t.looked = now
	for _, one := range seen {
		if one.ID > t.settled+1 && !t.waited(one.ID, seen[len(seen)-1].ID, now) {
			break
		}
		t.settled = one.ID
	}
	return t.settled, nil
}

// waited reports whether what is missing before the number was waited for.
func (t *tail) waited(id, last int64, now time.Time) bool {
	if id > t.upTo {
		t.upTo, t.since = last, now
	}
	return now.Sub(t.since) >= limit.APISettle
}

// marks are how far a stream is in each project. As a text they are the ids of
// events: default:12, or payments:12,search:40.
type marks map[string]int64

func (m marks) String() string {
	var out []string
	for _, name := range keys(m) {
		out = append(out, url.QueryEscape(name)+":"+strconv.FormatInt(m[name], 10))
	}
	return strings.Join(out, ",")
}

func readMarks(text string) (marks, bool) {
	m := marks{}
	if text == "" {
		return m, true
	}
	for part := range strings.SplitSeq(text, ",") {
		escaped, number, _ := strings.Cut(part, ":")
		name, err := url.QueryUnescape(escaped)
		n, err2 := strconv.ParseInt(number, 10, 64)
		if err != nil || err2 != nil || n < 0 || name == "" {
			return nil, false
		}
		m[name] = n
	}
	return m, true
}

// stream tells of events until the client goes, reads too slowly, or may not
// read any more.
func (s *Server) stream(c *call) error {
	if err := readQuery(c); err != nil {
		return err
	}
	if c.query["limit"]+c.query["cursor"] != "" {
		return badRequest("a stream has no pages: send Last-Event-ID to go on where you were")
	}
	if _, err := c.chosen(); err != nil {
		return err
	}
	last := c.r.Header.Get("Last-Event-ID")
	m, ok := readMarks(last)
	if !ok || len(last) > limit.APIQuery {
		return badRequest("Last-Event-ID is no id of an event of this server")
	}
	if err := s.streams.open(c.who.Subject); err != nil {
		return err
	}
	defer s.streams.leave(c.who.Subject)
	if err := s.begin(c, m); err != nil {
		return err
	}
	conn := http.NewResponseController(c.w)
	_ = conn.SetReadDeadline(time.Time{}) // a connection that takes none is one of a test
	h := c.w.Header()
	h.Set("Content-Type", stream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	err := s.flow(c, conn, m)
	if err != nil && !errors.Is(err, errGone) && c.ctx.Err() == nil {
		s.o.Failed(c.request, err)
	}
	return nil // the answer has begun, and the client goes on where it was
}

// begin sets where the stream begins in projects of which the client says
// nothing, or more than there is: now.
func (s *Server) begin(c *call, m marks) error {
	for _, p := range c.projects {
		n, err := p.Book.Last(c.ctx)
		if err != nil {
			return err
		}
		if was, ok := m[p.Name]; !ok || was > n {
			m[p.Name] = n
		}
	}
	return nil
}

// errGone says that nobody takes what is written.
var errGone = errors.New("the reader is gone, or too slow")

func (s *Server) flow(c *call, conn *http.ResponseController, m marks) error {
	write := func(text []byte) error {
		if len(text) == 0 {
			return nil
		}
		_ = conn.SetWriteDeadline(s.o.Now().Add(limit.APIWrite))
		if _, err := c.w.Write(text); err != nil {
			return errGone
		}
		if err := conn.Flush(); err != nil {
			return errGone
		}
		return nil
	}
	if err := write([]byte("retry: 2000\n: events of mlsync\n\n")); err != nil {
		return err
	}
	beat, tick := s.o.Now(), time.NewTicker(pollEvents)
	defer tick.Stop()
	for {
		text, more, err := s.news(c, m)
		if err != nil {
			return err
		}
		if now := s.o.Now(); now.Sub(beat) >= limit.APIBeat {
			// What it was let in with may have ended, or its roles.
			who, err := s.o.Door.Who(c.r)
			if err != nil || who.Subject != c.who.Subject {
				return errGone
			}
			c.who, beat = who, now
			if len(text) == 0 {
				text = []byte(": beat\n\n")
			}
		}
		if err := write(text); err != nil {
			return err
		}
		if more {
			continue
		}
		select {
		case <-c.ctx.Done():
			return nil
		case <-s.streams.done:
			return nil
		case <-tick.C:
		}
	}
}

// news are the next events as the client gets them; more if there are further
// ones already. What may be read is decided anew.
func (s *Server) news(c *call, m marks) (text []byte, more bool, err error) {
	if !c.who.Expires.IsZero() && !s.o.Now().Before(c.who.Expires) {
		return nil, false, errGone
	}
	var b bytes.Buffer
	for _, p := range s.o.Projects() {
		if name := c.query["project"]; name != "" && name != p.Name || !c.who.Allows(access.Read, p.Name) {
			continue
		}
		if _, ok := m[p.Name]; !ok { // it is new
			if m[p.Name], err = p.Book.Last(c.ctx); err != nil {
				return nil, false, err
			}
		}
		settled, err := s.streams.tail(p.Name).at(c.ctx, p.Book, s.o.Now())
		if err != nil {
			return nil, false, err
		}
		if settled <= m[p.Name] {
			continue
		}
		events, err := p.Book.After(c.ctx, m[p.Name], limit.APIEvents)
		if err != nil {
			return nil, false, err
		}
		for _, e := range events {
			if e.ID > settled {
				break
			}
			m[p.Name] = e.ID
			_, ours := slices.BinarySearch(p.Targets, e.Target)
			if only := c.query["target"]; !ours || only != "" && only != e.Target {
				continue
			}
			e.Project = p.Name
			if err := frame(&b, m, e); err != nil {
				return nil, false, err
			}
		}
		more = more || len(events) == limit.APIEvents && m[p.Name] < settled
	}
	return b.Bytes(), more, nil
}

// frame writes an event. JSON has no line within, so that no text of others can
// end the event and begin one of its own.
func frame(b *bytes.Buffer, m marks, e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b.WriteString("id: " + m.String() + "\ndata: ")
	b.Write(data)
	b.WriteString("\n\n")
	return nil
}
