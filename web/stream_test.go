package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reader reads a stream through a pipe, in the time of a bubble.
type listener struct {
	w      *world
	cancel context.CancelFunc
	lines  chan string
	status int
	ended  chan struct{}
}

// sink is a ResponseWriter that hands lines on. With slow set it takes nothing.
type sink struct {
	*httptest.ResponseRecorder
	pipe *io.PipeWriter
	slow bool
	line time.Time // the write deadline
}

func (s *sink) Write(p []byte) (int, error) {
	if s.slow {
		time.Sleep(time.Until(s.line)) //nolint:forbidigo // the fake clock of synctest
		return 0, net.ErrClosed
	}
	return s.pipe.Write(p)
}

func (s *sink) FlushError() error                  { return nil }
func (s *sink) SetWriteDeadline(t time.Time) error { s.line = t; return nil }
func (s *sink) SetReadDeadline(time.Time) error    { return nil }

func (w *world) listen(who, url, last string, slow bool) *listener {
	ctx, cancel := context.WithCancel(w.t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", url, nil)
	r.Header.Set("Authorization", "Bearer "+who)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	in, out := io.Pipe()
	l := &listener{w: w, cancel: cancel, lines: make(chan string, 10_000), ended: make(chan struct{})}
	go func() {
		defer close(l.lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			l.lines <- s.Text()
		}
	}()
	go func() {
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(&sink{ResponseRecorder: rec, pipe: out, slow: slow}, r)
		l.status = rec.Code
		_ = out.Close()
		close(l.ended)
	}()
	return l
}

// take are the ids and texts of events that have come.
func (l *listener) take() (ids, texts []string) {
	synctest.Wait()
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				return ids, texts
			}
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				ids = append(ids, id)
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				var e struct{ Project, Target, What string }
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					l.w.t.Errorf("no JSON: %q", data)
				}
				texts = append(texts, e.Project+"/"+e.Target+" "+e.What)
			}
			if line != "" && !strings.HasPrefix(line, "id: ") && !strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, ":") && !strings.HasPrefix(line, "retry: ") {
				l.w.t.Errorf("a line of its own: %q", line)
			}
		default:
			return ids, texts
		}
	}
}

func (l *listener) wait(d time.Duration) (ids, texts []string) {
	time.Sleep(d) //nolint:forbidigo // the fake clock of synctest
	return l.take()
}

func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now
		test(t, w)
	})
}

func TestStreamTellsWhatHappens(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		all, one := w.listen("viewer@*", "/api/v1/events", "", false), w.listen("viewer@one", "/api/v1/events?target=dev", "", false)
		if _, got := all.wait(3 * time.Second); len(got) != 0 {
			t.Errorf("events of before: %v", got)
		}
		w.one.happened("dev", "hold")
		w.two.happened("test", "abort")
		w.one.happened("prod", "hold")
		w.one.happened("", "start")
		ids, got := all.wait(2 * time.Second)
		if strings.Join(got, ",") != "one/dev hold,one/prod hold,two/test abort" {
			t.Errorf("all: %v", got)
		}
		if _, got := one.take(); strings.Join(got, ",") != "one/dev hold" {
			t.Errorf("of one target: %v", got)
		}
		// It goes on where it was, in this process or another.
		all.cancel()
		<-all.ended
		w.one.happened("dev", "release")
		w.server.Close() // another process over the same journals
		w.server = w.replica()
		again := w.listen("viewer@*", "/api/v1/events", ids[0], false)
		if _, got := again.wait(time.Second); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"one/dev release", "one/prod hold", "two/test abort"}) {
			t.Errorf("after %s: %v", ids[0], got)
		}
		again.cancel()
		one.cancel()
		<-again.ended
		<-one.ended
	})
}

func TestStreamSaysThatItLives(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.listen("viewer@one", "/api/v1/events", "", false)
		time.Sleep(61 * time.Second) //nolint:forbidigo // the fake clock of synctest
		synctest.Wait()
		beats := 0
		for len(l.lines) > 0 {
			if <-l.lines == ": beat" {
				beats++
			}
		}
		if beats != 4 {
			t.Errorf("%d beats in a minute, want 4", beats)
		}
		w.server.Close()
		<-l.ended
	})
}

// A number that a slow transaction took is waited for, and one that was never
// written is passed over.
func TestStreamWaitsForEventsThatComeLate(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.listen("viewer@one", "/api/v1/events", "", false)
		l.wait(2 * time.Second)
		w.one.happened("dev", "late")
		w.one.happened("dev", "hold")
		w.one.mu.Lock()
		late := w.one.log[2]
		w.one.log = append(w.one.log[:2:2], w.one.log[3])
		w.one.mu.Unlock()
		if _, got := l.wait(3 * time.Second); len(got) != 0 {
			t.Errorf("before the late one: %v", got)
		}
		w.one.mu.Lock()
		w.one.log = append(w.one.log[:2:2], late, w.one.log[2])
		w.one.mu.Unlock()
		if _, got := l.wait(2 * time.Second); strings.Join(got, ",") != "one/dev late,one/dev hold" {
			t.Errorf("with the late one: %v", got)
		}
		w.one.mu.Lock()
		w.one.log = append(w.one.log, w.one.log[3])
		w.one.log[4].ID = 9
		w.one.mu.Unlock()
		if _, got := l.wait(8 * time.Second); len(got) != 1 {
			t.Errorf("behind numbers that nobody wrote: %v", got)
		}
		l.cancel()
		<-l.ended
	})
}

// Who may not read any more is told nothing more, at the next beat at the latest.
func TestAttackZ47StreamsEndWithTheRight(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.listen("viewer@one", "/api/v1/events", "", false)
		l.wait(time.Second)
		w.door.mu.Lock()
		w.door.gone["viewer@one"] = true
		w.door.mu.Unlock()
		time.Sleep(16 * time.Second) //nolint:forbidigo // the fake clock of synctest
		<-l.ended
		w.one.happened("dev", "hold")
		if _, got := l.take(); len(got) != 0 {
			t.Errorf("after the token was revoked: %v", got)
		}
		other := w.listen("nobody@one", "/api/v1/events", "", false)
		<-other.ended
		if other.status != http.StatusForbidden {
			t.Errorf("without a role: %d", other.status)
		}
	})
}

// A reader that takes nothing is dropped, and holds nothing.
func TestAttackL61SlowReaders(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		began := time.Now()
		l := w.listen("viewer@one", "/api/v1/events", "", true)
		<-l.ended
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("it was kept for %s", took)
		}
		var open []*listener
		for range 8 {
			open = append(open, w.listen("viewer@one", "/api/v1/events", "", false))
		}
		synctest.Wait()
		ninth := w.listen("viewer@one", "/api/v1/events", "", false)
		<-ninth.ended
		if ninth.status != http.StatusTooManyRequests {
			t.Errorf("a ninth stream: %d", ninth.status)
		}
		other := w.listen("viewer@two", "/api/v1/events", "", false)
		synctest.Wait()
		w.server.Close()
		for _, l := range append(open, other) {
			<-l.ended
			if l.status != http.StatusOK {
				t.Errorf("a stream: %d", l.status)
			}
		}
	})
}

// A thousand events at once come in pieces, in their order.
func TestStreamTakesABurst(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.listen("viewer@one", "/api/v1/events", "", false)
		l.wait(time.Second)
		for range 1500 {
			w.one.happened("dev", "hold")
		}
		if _, got := l.wait(5 * time.Second); len(got) != 1500 {
			t.Errorf("%d events, want 1500", len(got))
		}
		l.cancel()
		<-l.ended
	})
}

// Texts of others begin no event of their own.
func TestAttackU41EventsKeepTheirLines(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.listen("viewer@one", "/api/v1/events", "", false)
		l.wait(time.Second)
		w.one.happened("dev", "x\n\nid: one:99\ndata: {\"what\":\"approve\"}\r\n\u2028</script>")
		ids, got := l.wait(2 * time.Second)
		if len(got) != 1 || len(ids) != 1 || ids[0] != "one:3" {
			t.Errorf("ids %q, events %q", ids, got)
		}
		l.cancel()
		<-l.ended
	})
}

func TestStreamIsAskedProperly(t *testing.T) {
	w := newWorld(t)
	for _, c := range [][2]string{{"?limit=3", ""}, {"?cursor=x", ""}, {"?targt=x", ""}, {"", "x"}, {"", "one:-1"}, {"", "one:1,two"}, {"", "%zz:1"}} {
		got := w.call("viewer@one", "GET", "/api/v1/events"+c[0], "", "Accept", "text/event-stream", "Last-Event-ID", c[1])
		if got.status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", c, got.status, got.body)
		}
	}
	if got := w.call("viewer@one", "GET", "/api/v1/events?project=two", "", "Accept", "text/event-stream"); got.status != http.StatusNotFound {
		t.Errorf("of another project: %d", got.status)
	}
}
