package web_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"mlsync.dev/mlsync/web"
)

// all reads a list page by page.
func (w *world) all(who, url string, limit int, between func()) []string {
	w.t.Helper()
	var out []string
	cursor := ""
	for n := 0; n < 100; n++ {
		u := url + "limit=" + fmt.Sprint(limit)
		if cursor != "" {
			u += "&cursor=" + cursor
		}
		got := w.call(who, "GET", u, "")
		var page struct {
			Items []struct {
				Project, Target, Name string
				ID                    json.RawMessage
			} `json:"items"`
			Next string `json:"next"`
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			w.t.Fatalf("%s: %d %s", u, got.status, got.body)
		}
		if len(page.Items) > limit {
			w.t.Fatalf("a page of %d items, and %d are asked for", len(page.Items), limit)
		}
		for _, i := range page.Items {
			out = append(out, strings.Trim(i.Project+" "+i.Target+" "+string(i.ID)+i.Name, " "))
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
		between()
	}
	w.t.Fatal("the list has no end")
	return nil
}

func TestPagesAreTheWholeList(t *testing.T) {
	for _, list := range []string{"projects", "targets", "runs", "assets", "drift", "inbox", "approvals", "events", "audit", "tokens"} {
		w := newWorld(t)
		raw := w.call("admin@*", "GET", "/api/v1/"+list, "")
		whole := w.all("admin@*", "/api/v1/"+list+"?", 1000, func() {})
		for limit := 1; limit <= 4; limit++ {
			if got := w.all("admin@*", "/api/v1/"+list+"?", limit, func() {}); !reflect.DeepEqual(got, whole) || len(got) < 2 {
				t.Errorf("%s in pages of %d: %q, want %q (%s)", list, limit, got, whole, raw.body)
			}
		}
	}
}

// What is added while somebody turns pages neither hides items nor shows one twice.
func TestPagesAreStableUnderInserts(t *testing.T) {
	w := newWorld(t)
	want := w.all("admin@*", "/api/v1/events?", 1000, func() {})
	got := w.all("admin@*", "/api/v1/events?", 1, func() { w.two.happened("test", "hold") })
	if len(got) < len(want) || !reflect.DeepEqual(got[:2], want[:2]) {
		t.Errorf("events: %q, want %q first", got, want)
	}
	seen := map[string]bool{}
	for _, e := range w.all("viewer@one", "/api/v1/events?", 1, func() { w.one.happened("dev", "hold") }) {
		if seen[e] && !strings.HasSuffix(e, " ") {
			t.Errorf("%q is there twice", e)
		}
	}
}

func TestFiltersChoose(t *testing.T) {
	w := newWorld(t)
	for u, want := range map[string]int{
		"targets?": 4, "targets?project=one": 2, "targets?name=d*": 2, "targets?name=d*&project=two": 1, "targets?health=failed": 2, "targets?health=held": 0,
		"runs?target=dev": 2, "runs?state=failed": 0, "runs?target=dev&project=one&state=done": 1, "assets?kind=environment&name=a": 4, "assets?kind=model": 0,
		"events?target=test": 1, "drift?project=two": 2, "inbox?project=two": 4, "inbox?state=gone": 4, "inbox?state=all&target=dev": 8, "inbox?state=all&kind=model": 0, "approvals?target=nope": 0,
	} {
		sep := "&"
		if strings.HasSuffix(u, "?") {
			sep = ""
		}
		if got := w.all("admin@*", "/api/v1/"+u+sep, 1, func() {}); len(got) != want {
			t.Errorf("%s: %q, want %d", u, got, want)
		}
	}
}

// Cursors are of one list with its filters; others, and those that were changed,
// are refused.
func TestAttackZ46CursorsOfOthers(t *testing.T) {
	w := newWorld(t)
	var page struct{ Next string }
	_ = json.Unmarshal([]byte(w.call("admin@*", "GET", "/api/v1/assets?limit=1", "").body), &page)
	if page.Next == "" {
		t.Fatal("there is no further page")
	}
	for _, u := range []string{"runs?limit=1&cursor=" + page.Next, "assets?kind=model&cursor=" + page.Next, "assets?cursor=" + page.Next + "x", "assets?cursor=" + page.Next[1:], "assets?cursor=%00", "assets?cursor=e30"} {
		if got := w.call("admin@*", "GET", "/api/v1/"+u, ""); got.status != http.StatusBadRequest || !strings.Contains(got.body, "cursor") {
			t.Errorf("%s: %d %s", u, got.status, got.body)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		b := []byte(page.Next)
		b[r.IntN(len(b))] = "ABCabc019-_"[r.IntN(11)]
		if got := w.call("admin@*", "GET", "/api/v1/assets?cursor="+string(b), ""); string(b) != page.Next && got.status != http.StatusBadRequest && got.status != http.StatusTooManyRequests {
			t.Errorf("cursor %s: %d", b, got.status)
		}
	}
	// One that was made for who sees all shows no more to who sees one project.
	u := "/api/v1/targets?limit=1"
	_ = json.Unmarshal([]byte(w.call("admin@two", "GET", u, "").body), &page)
	got := w.call("viewer@one", "GET", u+"&cursor="+page.Next, "")
	if strings.Contains(got.body, `"two"`) {
		t.Errorf("a cursor of another shows: %s", got.body)
	}
}

// A list asks the journal as often for a thousand targets as for one.
func TestListsAskOnceAProject(t *testing.T) {
	w := newWorld(t)
	for i := range 1000 {
		w.one.targets = append(w.one.targets, fmt.Sprintf("t%04d", i))
	}
	for _, u := range []string{"targets?limit=1000", "targets?limit=1000&health=failed", "runs?limit=1000", "assets?limit=1000", "drift", "approvals", "targets?name=t0999"} {
		before := w.one.asked
		if got := w.call("viewer@one", "GET", "/api/v1/"+u, ""); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", u, got.status, got.body)
		}
		if n := w.one.asked - before; n > 2 {
			t.Errorf("%s asks %d times", u, n)
		}
	}
}

func TestQueryIsStrict(t *testing.T) {
	w := newWorld(t)
	for u, says := range map[string]string{
		"targets?helth=failed":             `did you mean \"health\"?`,
		"inbox?state=opened":               `did you mean \"open\"?`,
		"targets?health=faild":             `did you mean \"failed\"?`,
		"targets?limit=0":                  "no number from 1 to 1000",
		"targets?limit=1001":               "no number from 1 to 1000",
		"targets?limit=x":                  "no number from 1 to 1000",
		"targets?limit=1&limit=2":          "it is there twice",
		"targets?name=%1b[31m":             "cannot be seen",
		"targets?name=%ff":                 "cannot be seen",
		"targets?name=[":                   "it is no glob",
		"targets?x=%zz":                    "cannot be read",
		"audit?since=yesterday":            "2026-11-26T21:00:00Z",
		"version?x=1":                      "it is not known",
		"projects/one/targets/dev/history": "it is missing",
	} {
		if got := w.call("admin@*", "GET", "/api/v1/"+u, ""); got.status != http.StatusBadRequest || !strings.Contains(got.body, says) {
			t.Errorf("%s: %d %s, want %q", u, got.status, got.body, says)
		}
	}
	if got := w.call("admin@*", "GET", "/api/v1/targets?name="+strings.Repeat("a", 4097), ""); got.status != http.StatusRequestURITooLong {
		t.Errorf("a long query: %d", got.status)
	}
	if got := w.call("admin@*", "GET", "/api/v1/targets?name="+url.QueryEscape(strings.Repeat("a", 4000)), ""); got.status != http.StatusOK {
		t.Errorf("a query at the limit: %d %s", got.status, got.body)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorld(t)
		if got := w.call("viewer@one", "GET", "/api/v1/assets?cursor="+url.QueryEscape(text), ""); got.status != http.StatusOK && got.status != http.StatusBadRequest && got.status != http.StatusRequestURITooLong {
			t.Errorf("cursor %q: %d %s", text, got.status, got.body)
		}
	})
}

var _ web.Book = (*twin)(nil)
