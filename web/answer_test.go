package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mlsync.dev/mlsync/web"
)

const dev = "/api/v1/projects/one/targets/dev"

func TestBodiesAreStrict(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("a", 501)
	deep := strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40)
	for body, says := range map[string]string{
		`{"wy": "x"}`:                       `did you mean \"why\"?`,
		`{"Why": "x"}`:                      `did you mean \"why\"?`,
		`{"why": "x", "why": "y"}`:          "it is there twice",
		`{}`:                                `"field":"why","detail":"it is missing"`,
		`{"why": null}`:                     "it is null",
		`{"why": 7}`:                        "want a string",
		`{"why": {"x": 1}}`:                 "and not a string",
		`{"why": "  "}`:                     "it is empty",
		`{"why": "x"} {}`:                   "more behind the end",
		`{"why": "x"`:                       "cut off, or no JSON",
		`[]`:                                "and not a map",
		`"why"`:                             "not the JSON that is wanted",
		`{"why": "` + long + `"}`:           "more than 500 bytes",
		`{"why": "a\u001b[31mb"}`:           "cannot be seen",
		`{"why": "a\u202eb"}`:               "cannot be seen",
		`{"why": "a\nb"}`:                   "cannot be seen",
		"{\"why\": \"\xff\"}":               "not UTF-8",
		`{"why": "x", "until": "tomorrow"}`: "2026-11-26T21:00:00Z",
		`{"why": "x", "until": "2026-02-01T00:00:00Z"}`: "it is past",
		`{"why": "x", "until": ` + deep + `}`:           "too deep",
	} {
		if got := w.call("admin@*", "PUT", dev+"/hold", body); got.status != http.StatusBadRequest || !strings.Contains(got.body, says) {
			t.Errorf("%.80s: %d %s, want %q", body, got.status, got.body, says)
		}
	}
	for body, says := range map[string]string{
		`{"allow": ["x"]}`: "either plan or release",
		`{"allow": ["x"], "plan": "a", "release": "b"}`:                    "either plan or release",
		`{"allow": [], "plan": "a"}`:                                       "it is empty",
		`{"allow": ["x"], "plan": "a", "expires": "2026-03-01T11:00:00Z"}`: "it is past",
		`{"allow": ["x"], "plan": "a", "expires": "2026-04-01T11:00:00Z"}`: "30 days",
		`{"plan": "a", "allow": [` + strings.Repeat(`"x",`, 100) + `"x"]}`: "more than 100 entries",
	} {
		if got := w.call("admin@*", "POST", dev+"/approvals", body); got.status != http.StatusBadRequest || !strings.Contains(got.body, says) {
			t.Errorf("%.80s: %d %s, want %q", body, got.status, got.body, says)
		}
	}
	if len(w.one.done) > 0 {
		t.Errorf("something was done: %v", w.one.done)
	}
	if got := w.call("admin@*", "POST", dev+"/sync", `{}`); got.status != http.StatusBadRequest || !strings.Contains(got.body, "takes no body") {
		t.Errorf("a body where there is none: %d %s", got.status, got.body)
	}
	if got := w.call("admin@*", "POST", dev+"/abort", ""); got.status != http.StatusOK {
		t.Errorf("without a body that may be left out: %d %s", got.status, got.body)
	}
	if got := w.call("admin@*", "PUT", dev+"/hold", `{"why": "`+strings.Repeat("a", 500)+`", "until": "2026-03-02T00:00:00Z"}`); got.status != http.StatusOK {
		t.Errorf("a reason at the limit: %d %s", got.status, got.body)
	}
}

func TestAttackL60Bodies(t *testing.T) {
	w := newWorld(t)
	fits := `{"why": "x"` + strings.Repeat(" ", 1<<20-12) + `}`
	if got := w.call("admin@*", "PUT", dev+"/hold", fits); got.status != http.StatusOK {
		t.Errorf("a body at the limit: %d %s", got.status, got.body)
	}
	if got := w.call("admin@*", "PUT", dev+"/hold", fits+" "); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body beyond the limit: %d", got.status)
	}
	for _, h := range [][2]string{{"Content-Type", "text/plain"}, {"Content-Type", ""}, {"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Type", "application/json; charset=utf-16"}, {"Content-Encoding", "gzip"}} {
		if got := w.call("admin@*", "PUT", dev+"/hold", `{"why": "x"}`, h[0], h[1]); got.status != http.StatusUnsupportedMediaType {
			t.Errorf("%v: %d", h, got.status)
		}
	}
	r := httptest.NewRequest("PUT", dev+"/hold", io.MultiReader(strings.NewReader(`{"why":`), broken{}))
	r.Header.Set("Authorization", "Bearer admin@*")
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	if rec.Code != http.StatusBadRequest || rec.Header().Get("Connection") != "close" {
		t.Errorf("a body that breaks off: %d %v", rec.Code, rec.Header())
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("reset") }

func TestMethodsAreTold(t *testing.T) {
	w := newWorld(t)
	for at, allow := range map[string]string{"PATCH " + dev + "/hold": "DELETE, PUT", "GET " + dev + "/sync": "POST", "POST /api/v1/targets": "GET, HEAD", "OPTIONS /api/v1/targets": "GET, HEAD", "TRACE /api/v1/targets": "GET, HEAD"} {
		method, u, _ := strings.Cut(at, " ")
		got := w.call("viewer@one", method, u, "")
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != allow || got.problem().Code != "method_not_allowed" {
			t.Errorf("%s: %d, allows %q", at, got.status, got.header.Get("Allow"))
		}
	}
	got := w.call("viewer@one", "HEAD", "/api/v1/targets", "")
	if got.status != http.StatusOK || got.body != "" || got.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %+v", got)
	}
}

func TestAnswersAreNotSentTwice(t *testing.T) {
	w := newWorld(t)
	for _, u := range []string{"/api/v1/targets", dev, dev + "/plan", "/api/v1/openapi.json", dev + "/drift"} {
		first := w.call("viewer@one", "GET", u, "")
		tag := first.header.Get("ETag")
		if tag == "" {
			t.Fatalf("%s has no ETag", u)
		}
		for _, sent := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			if got := w.call("viewer@one", "GET", u, "", "If-None-Match", sent); got.status != http.StatusNotModified || got.body != "" {
				t.Errorf("%s with %s: %d %s", u, sent, got.status, got.body)
			}
		}
		if got := w.call("viewer@one", "GET", u, "", "If-None-Match", `"x"`); got.status != http.StatusOK {
			t.Errorf("%s with another tag: %d", u, got.status)
		}
	}
	a, b := w.call("viewer@one", "GET", dev+"/plan", ""), w.call("viewer@one", "GET", dev+"/plan?format=text", "")
	if a.header.Get("ETag") == b.header.Get("ETag") {
		t.Error("two forms of a plan have one ETag")
	}
}

func TestPlanHasItsForms(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ query, accept, media, body string }{
		{"", "", "application/json", `{"format":"mlsync.plan/1"}`},
		{"", "*/*", "application/json", `{"format":"mlsync.plan/1"}`},
		{"?format=text", "", "text/plain; charset=utf-8", "a plan\n"},
		{"?format=markdown", "application/json", "text/markdown; charset=utf-8", "# a plan\n"},
		{"", "text/markdown, */*", "text/markdown; charset=utf-8", "# a plan\n"},
		{"", "text/plain;q=0.9", "text/plain; charset=utf-8", "a plan\n"},
		{"", "image/png", "application/json", `{"format":"mlsync.plan/1"}`},
	} {
		got := w.call("viewer@one", "GET", dev+"/plan"+c.query, "", "Accept", c.accept)
		if got.header.Get("Content-Type") != c.media || got.body != c.body {
			t.Errorf("%+v: %s %q", c, got.header.Get("Content-Type"), got.body)
		}
	}
	if got := w.call("viewer@one", "GET", dev+"/drift?format=text", ""); got.body != "no drift\n" {
		t.Errorf("drift: %q", got.body)
	}
	if got := w.call("viewer@one", "GET", dev+"/drift?format=markdown", ""); got.status != http.StatusBadRequest {
		t.Errorf("drift as Markdown: %d", got.status)
	}
}

// Text of others stays text: in JSON there is no letter that HTML, a line of a
// stream or a terminal could take for its own, and browsers run and frame nothing.
func TestAttackU40AnswersAreData(t *testing.T) {
	w := newWorld(t)
	got := w.call("viewer@one", "GET", "/api/v1/projects/one/runs/dev-1", "")
	if strings.ContainsAny(strings.TrimSuffix(got.body, "\n"), "<>&\n\r\u2028\u2029") {
		t.Errorf("the answer holds letters that others could read: %q", got.body)
	}
	for _, answer := range []reply{got, w.call("", "GET", "/api/v1/targets", ""), w.call("viewer@one", "GET", "/api/v1/%3Cscript%3E?x=<b>", ""), w.call("viewer@one", "GET", dev+"/plan?format=markdown", "")} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "Access-Control-Allow-Origin": "", "Set-Cookie": "",
		} {
			if answer.header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, answer.header.Get(name), want)
			}
		}
		if strings.HasPrefix(answer.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(answer.header.Get("Cache-Control"), "private") {
			t.Errorf("headers: %v", answer.header)
		}
	}
	if got := w.call("viewer@one", "GET", "/api/v1/targets?<b>=1", ""); strings.Contains(got.body, "<b>") {
		t.Errorf("a problem quotes markup: %s", got.body)
	}
	if got := w.call("viewer@one", "GET", "/api/v1/targets", "", "Origin", "https://evil.example"); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin may read")
	}
}

// What goes wrong within is for the log alone.
func TestAttackK40ErrorsTellNothing(t *testing.T) {
	w := newWorld(t)
	w.one.wrong = fmt.Errorf("postgres://mlsync:%s@db/x: refused", canary)
	for _, op := range operations(t) {
		if op.action == "" || op.name == "listProjects" || op.name == "listEvents" {
			continue
		}
		got := w.call("admin@one", op.method, op.url("one"), bodies[op.name])
		if strings.Contains(got.body, "CANARY") || strings.Contains(got.body, "postgres") || got.status != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", op.name, got.status, got.body)
		}
		if id := got.problem().Request; id == "" || id != got.header.Get("X-Request-Id") || !strings.Contains(strings.Join(w.failed, "\n"), id) {
			t.Errorf("%s: the log does not know the request %q", op.name, id)
		}
	}
}

func TestPanicsAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.one.runs = nil // Target takes the first
	got := w.call("viewer@one", "GET", dev, "")
	if got.status != http.StatusInternalServerError || got.problem().Code != "internal" || len(w.failed) != 1 || !strings.Contains(w.failed[0], "panic") {
		t.Errorf("after a panic: %d %s, log %v", got.status, got.body, w.failed)
	}
}

func TestRefusalsOfBooksAreTold(t *testing.T) {
	w := newWorld(t)
	w.one.wrong = fmt.Errorf("approve: %w", web.Refuse(http.StatusConflict, "plan_changed", "look again"))
	got := w.call("admin@*", "POST", dev+"/approvals", bodies["approve"])
	if p := got.problem(); got.status != http.StatusConflict || p.Code != "plan_changed" || p.Detail != "look again" || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a refusal: %d %s", got.status, got.body)
	}
	if got := w.call("admin@*", "DELETE", dev+"/approvals/x", ""); got.status != http.StatusNotFound {
		t.Errorf("an approval x: %d", got.status)
	}
	if got := w.call("admin@*", "DELETE", dev+"/approvals/9", ""); got.status != http.StatusNotFound {
		t.Errorf("an approval that is not there: %d", got.status)
	}
}

// The reference of the API is made of the table.
func TestReferenceSaysAll(t *testing.T) {
	text := web.Reference()
	for _, op := range operations(t) {
		if !strings.Contains(text, "`"+op.method+" "+op.path+"`") {
			t.Errorf("the reference does not have %s %s", op.method, op.path)
		}
	}
	if !bytes.Contains([]byte(web.Answers()), []byte("### Target\n")) {
		t.Error("the reference does not have the members of Target")
	}
}
