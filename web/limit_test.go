package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/web"
)

// stuck is a project whose journal does not answer.
type stuck struct {
	*twin
	asked chan struct{}
}

func (s *stuck) Gates(ctx context.Context, _ string) (web.Gates, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return web.Gates{}, ctx.Err()
}

// A journal that does not answer holds requests for a time, and so many of them.
func TestAttackL63AJournalThatDoesNotAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := &stuck{w.one, make(chan struct{}, 2*limit.APIAtOnce)}
		server := web.New(web.Options{
			Door: w.door, Now: time.Now, Projects: func() []web.Project { return []web.Project{{Name: "one", Targets: w.one.targets, Book: s}} },
			Told: func(string, int, time.Duration) {}, Failed: func(string, error) {},
		})
		codes := make(chan int, 2*limit.APIAtOnce)
		ask := func(who string) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", dev+"/gates", nil)
			r.Header.Set("Authorization", "Bearer "+who)
			rec := httptest.NewRecorder()
			server.ServeHTTP(rec, r)
			codes <- rec.Code
		}
		began := time.Now()
		for range limit.APIAtOnce {
			go ask("viewer@one")
		}
		synctest.Wait()
		if len(s.asked) != limit.APIAtOnce {
			t.Fatalf("%d are answered at a time", len(s.asked))
		}
		ask("viewer@*")
		if code := <-codes; code != http.StatusServiceUnavailable {
			t.Errorf("one more: %d", code)
		}
		for range limit.APIAtOnce {
			if code := <-codes; code != http.StatusServiceUnavailable {
				t.Errorf("after the time: %d", code)
			}
		}
		if took := time.Since(began); took != limit.APITime {
			t.Errorf("they were held for %s", took)
		}
	})
}

func TestAttackL64ManyStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var open []*listener
		for i := range limit.APIStreams {
			role := []string{"viewer", "operator", "approver", "admin"}[i/limit.APIStream%4]
			open = append(open, w.listen(role+"@"+[]string{"one", "two"}[i/(4*limit.APIStream)], "/api/v1/events", "", false))
		}
		synctest.Wait()
		more := w.listen("viewer@*", "/api/v1/events", "", false)
		<-more.ended
		if more.status != http.StatusTooManyRequests {
			t.Errorf("one more stream: %d", more.status)
		}
		open[0].cancel()
		<-open[0].ended
		again := w.listen("viewer@*", "/api/v1/events", "", false)
		synctest.Wait()
		w.server.Close()
		for _, l := range append(open, again) {
			<-l.ended
			if l.status != http.StatusOK {
				t.Errorf("a stream: %d", l.status)
			}
		}
	})
}

func TestAttackL65DeepAndLongBodies(t *testing.T) {
	w := newWorld(t)
	list := func(n int) string {
		return `{"plan": "a", "allow": [` + strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") + `]}`
	}
	for body, want := range map[string]int{list(limit.APIList): http.StatusCreated, list(limit.APIList + 1): http.StatusBadRequest} {
		if got := w.call("admin@*", "POST", dev+"/approvals", body); got.status != want {
			t.Errorf("a list: %d, want %d", got.status, want)
		}
	}
	deep := func(n int) string {
		return `{"why": ` + strings.Repeat("[", n) + "1" + strings.Repeat("]", n) + `}`
	}
	if got := w.call("admin@*", "PUT", dev+"/hold", deep(limit.APIDepth-1)); strings.Contains(got.body, "too deep") {
		t.Errorf("at the depth: %s", got.body)
	}
	if got := w.call("admin@*", "PUT", dev+"/hold", deep(limit.APIDepth)); !strings.Contains(got.body, "too deep") {
		t.Errorf("beyond the depth: %s", got.body)
	}
	q := fmt.Sprintf("name=%s", strings.Repeat("a", limit.APIQuery-5))
	if got := w.call("admin@*", "GET", "/api/v1/targets?"+q, ""); got.status != http.StatusOK {
		t.Errorf("a query at the limit: %d", got.status)
	}
	if got := w.call("admin@*", "GET", "/api/v1/targets?"+q+"a", ""); got.status != http.StatusRequestURITooLong {
		t.Errorf("a query beyond the limit: %d", got.status)
	}
}
