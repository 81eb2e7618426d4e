package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/web"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// twin is a project that keeps in memory what a journal keeps.
type twin struct {
	name    string
	targets []string

	mu       sync.Mutex
	asked    int
	done     []string // what was done, with by whom
	recorded []web.Entry
	runs     []web.Run // newest first
	assets   []web.Asset
	drift    []web.Drift
	found    []web.Found
	given    []web.Approval
	past     []web.Past
	tokens   []web.Token
	log      []web.Event
	wrong    error
}

func newTwin(name string, targets ...string) *twin {
	b := &twin{name: name, targets: targets}
	for i, t := range targets {
		at := day.Add(time.Duration(i) * time.Minute)
		b.runs = append([]web.Run{{ID: t + "-1", Target: t, Commit: "c1", Trigger: "sync", State: "done", Started: at, Ended: &at, Summary: map[string]int{"create": 1}}}, b.runs...)
		for _, n := range []string{"a", "b", "c"} {
			b.assets = append(b.assets, web.Asset{Target: t, ID: "environment/" + n + ":1", Kind: "environment", Name: n, Origin: "created", At: at})
		}
		for i, state := range []string{"open", "accepted", "corrected", "gone"} {
			b.found = append(b.found, web.Found{Target: t, Asset: fmt.Sprintf("environment/a:%d", i+1), State: state, Run: t + "-1", First: at, Last: at, Turned: at})
		}
		b.drift = append(b.drift, web.Drift{Target: t, Asset: "environment/a:1", Seen: at, Run: t + "-1"})
		b.given = append(b.given, web.Approval{ID: int64(i + 1), Target: t, For: "sha256:x", Allow: []string{"delete:x"}, Author: "user:anna", At: at})
		b.past = append(b.past, web.Past{ID: int64(i + 1), Run: t + "-1", Target: t, Trigger: "sync", Outcome: web.Outcome{Asset: "environment/a:1", Action: "create", State: "done", Started: at}})
		b.happened(t, "run_done")
	}
	b.tokens = []web.Token{{ID: name + ".one", Name: "one", Role: "viewer", Owner: "user:anna", Created: day, Expires: day.Add(time.Hour)}}
	return b
}

func (b *twin) happened(target, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, web.Event{ID: int64(len(b.log) + 1), At: day, Target: target, What: what})
}

func (b *twin) ask() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return b.wrong
}

func (b *twin) did(by access.Principal, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = append(b.done, by.Subject+" "+fmt.Sprintf(format, args...))
}

func (b *twin) Targets(_ context.Context, names []string) ([]web.Target, error) {
	var out []web.Target
	for _, n := range names {
		t := web.Target{Name: n, Health: map[bool]string{true: "in_sync", false: "failed"}[n == "dev"]}
		out = append(out, t)
	}
	return out, b.ask()
}

func (b *twin) Target(_ context.Context, name string) (web.Details, error) {
	r := b.runs[0]
	return web.Details{Target: web.Target{Name: name, Health: "held", Hold: &web.Hold{Author: "anna", Why: "release day", At: day}, LastRun: &r}}, b.ask()
}

func (b *twin) Gates(_ context.Context, name string) (web.Gates, error) {
	return web.Gates{Target: name, State: "none"}, b.ask()
}

func (b *twin) Releases(context.Context, string) ([]web.Release, error) {
	return []web.Release{{Name: "r1", Fingerprint: "sha256:r", Commit: "c", Run: "x-1", At: day}}, b.ask()
}

// some is a part of a list whose positions are indexes.
func some[T any](all []T, span web.Span, takes func(T) bool) (out []T, marks []string) {
	from := 0
	if span.After != "" {
		n, _ := strconv.Atoi(span.After)
		from = n + 1
	}
	for i := from; i < len(all) && len(out) < span.Limit; i++ {
		if takes(all[i]) {
			out, marks = append(out, all[i]), append(marks, strconv.Itoa(i))
		}
	}
	return out, marks
}

func (b *twin) Runs(_ context.Context, targets []string, q web.RunQuery, span web.Span) ([]web.Run, []string, error) {
	out, marks := some(b.runs, span, func(r web.Run) bool {
		return slices.Contains(targets, r.Target) && (q.State == "" || q.State == r.State)
	})
	return out, marks, b.ask()
}

func (b *twin) Assets(_ context.Context, targets []string, q web.AssetQuery, span web.Span) ([]web.Asset, []string, error) {
	b.mu.Lock()
	all := slices.Clone(b.assets)
	b.mu.Unlock()
	out, marks := some(all, span, func(a web.Asset) bool {
		return slices.Contains(targets, a.Target) && (q.Kind == "" || q.Kind == a.Kind) && (q.Name == "" || q.Name == a.Name)
	})
	return out, marks, b.ask()
}

func (b *twin) Drift(_ context.Context, targets []string, _ web.AssetQuery, span web.Span) ([]web.Drift, []string, error) {
	out, marks := some(b.drift, span, func(d web.Drift) bool { return slices.Contains(targets, d.Target) })
	return out, marks, b.ask()
}

func (b *twin) Inbox(_ context.Context, targets, states []string, q web.AssetQuery, span web.Span) ([]web.Found, []string, error) {
	out, marks := some(b.found, span, func(f web.Found) bool {
		return slices.Contains(targets, f.Target) && slices.Contains(states, f.State) && (q.Kind == "" || strings.HasPrefix(f.Asset, q.Kind+"/"))
	})
	return out, marks, b.ask()
}

func (b *twin) Approvals(_ context.Context, targets []string, span web.Span) ([]web.Approval, []string, error) {
	out, marks := some(b.given, span, func(a web.Approval) bool { return slices.Contains(targets, a.Target) })
	return out, marks, b.ask()
}

func (b *twin) Run(_ context.Context, id string) (web.RunDetails, error) {
	for _, r := range b.runs {
		if r.ID == id {
			return web.RunDetails{Run: r, Outcomes: []web.Outcome{{Asset: "environment/a:1", Action: "create", State: "failed", Error: "<script>alert(1)</script>\u2028\u202e", Started: day}}}, b.ask()
		}
	}
	return web.RunDetails{}, web.ErrNotFound
}

func (b *twin) History(_ context.Context, target, _ string, span web.Span) ([]web.Past, []string, error) {
	out, marks := some(b.past, span, func(p web.Past) bool { return p.Target == target })
	return out, marks, b.ask()
}

func (b *twin) Plan(context.Context, string) (web.Kept, error) {
	return web.Kept{Digest: "sha256:p", JSON: json.RawMessage(`{"format":"mlsync.plan/1"}`), Text: "a plan\n", Markdown: "# a plan\n", Drift: json.RawMessage(`{"format":"mlsync.drift/1"}`), DriftFor: "no drift\n"}, b.ask()
}

func (b *twin) Before(_ context.Context, targets []string, before int64, limit int) ([]web.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []web.Event
	for _, e := range slices.Backward(b.log) {
		if (before == 0 || e.ID < before) && slices.Contains(targets, e.Target) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (b *twin) After(_ context.Context, after int64, limit int) ([]web.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []web.Event
	for _, e := range b.log {
		if e.ID > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, b.wrong
}

func (b *twin) Last(context.Context) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.log) == 0 {
		return 0, nil
	}
	return b.log[len(b.log)-1].ID, nil
}

func (b *twin) Hold(_ context.Context, by access.Principal, target string, r web.HoldRequest) (web.Hold, error) {
	b.did(by, "hold %s: %s", target, r.Why)
	return web.Hold{Author: by.Subject, Why: r.Why, At: day, Until: r.Until}, b.ask()
}

func (b *twin) IgnoreDrift(_ context.Context, by access.Principal, target string, r web.IgnoreRequest) (web.Found, error) {
	b.did(by, "put off %s %s", target, r.Asset)
	return web.Found{Asset: r.Asset, State: "open", Until: r.Until, Author: by.Subject, Why: r.Why, First: day, Last: day, Turned: day}, b.ask()
}

func (b *twin) Unhold(_ context.Context, by access.Principal, target string) error {
	b.did(by, "unhold %s", target)
	return b.ask()
}

func (b *twin) Abort(_ context.Context, by access.Principal, target string, r web.AbortRequest) (web.Stopped, error) {
	b.did(by, "abort %s %v", target, r.Hold)
	return web.Stopped{Stopped: "a daemon"}, b.ask()
}

func (b *twin) Sync(_ context.Context, by access.Principal, target string) error {
	b.did(by, "sync %s", target)
	return b.ask()
}

func (b *twin) Approve(_ context.Context, by access.Principal, target string, r web.ApproveRequest) (web.Approval, error) {
	b.did(by, "approve %s %s %s", target, r.Allow, r.Plan)
	return web.Approval{ID: 7, For: "sha256:c", Allow: r.Allow, Author: by.Subject, At: day, Expires: r.Expires}, b.ask()
}

func (b *twin) Withdraw(_ context.Context, by access.Principal, target string, id int64) error {
	b.did(by, "withdraw %s %d", target, id)
	if id != 1 {
		return web.ErrNotFound
	}
	return b.ask()
}

func (b *twin) Tokens(_ context.Context, by access.Principal, span web.Span) ([]web.Token, []string, error) {
	out, marks := some(b.tokens, span, func(t web.Token) bool { return t.Owner == by.Subject || by.Allows(access.ManageTokens, b.name) })
	return out, marks, b.ask()
}

func (b *twin) MakeToken(_ context.Context, by access.Principal, r web.TokenRequest) (web.NewToken, error) {
	b.did(by, "make token %s %s", r.Name, r.Role)
	return web.NewToken{Token: web.Token{ID: b.name + ".two", Name: r.Name, Role: r.Role, Owner: by.Subject, Created: day, Expires: r.Expires}, Secret: canary}, b.ask()
}

func (b *twin) RevokeToken(_ context.Context, by access.Principal, id string) error {
	b.did(by, "revoke token %s", id)
	return b.ask()
}

func (b *twin) Record(_ context.Context, by access.Principal, e web.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Actor = by.Subject
	b.recorded = append(b.recorded, e)
	return nil
}

func (b *twin) Entries(_ context.Context, _ web.EntryQuery, span web.Span) ([]web.Entry, []string, error) {
	out, marks := some([]web.Entry{{Seq: 1, At: day, Actor: "user:anna", Action: "hold", Outcome: "done", Project: b.name}}, span, func(web.Entry) bool { return true })
	return out, marks, b.ask()
}

// canary is a secret that must be nowhere but where it is asked for.
const canary = "mlsync_default.two_CANARY"

// door knows who has which token: those of roles are ROLE@PROJECT.
type door struct {
	mu   sync.Mutex
	gone map[string]bool
}

func (d *door) Who(r *http.Request) (access.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return access.Principal{}, access.ErrNoCredential
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	role, project, ok := strings.Cut(token, "@")
	if !ok || d.gone[token] {
		return access.Principal{}, fmt.Errorf("%w: it is not known", access.ErrBadCredential)
	}
	p := access.Principal{Subject: "user:" + token, Name: role, Kind: access.Person}
	if role != "nobody" {
		p.Grants = []access.Grant{{Role: access.Role(role), Project: project}}
	}
	return p, nil
}

// world is a server with two projects.
type world struct {
	t        *testing.T
	server   *web.Server
	door     *door
	one, two *twin
	mu       sync.Mutex
	failed   []string
	now      func() time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, door: &door{gone: map[string]bool{}}, one: newTwin("one", "dev", "prod"), two: newTwin("two", "dev", "test")}
	w.now = func() time.Time { return day }
	w.server = w.replica()
	return w
}

// replica is a server over the projects.
func (w *world) replica() *web.Server {
	return web.New(web.Options{
		Door: w.door, Version: "test", Now: func() time.Time { return w.now() },
		Projects: func() []web.Project {
			return []web.Project{{Name: "one", Targets: w.one.targets, Book: w.one}, {Name: "two", Targets: w.two.targets, Book: w.two}}
		},
		Told: func(string, int, time.Duration) {},
		Failed: func(request string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.failed = append(w.failed, request+" "+err.Error())
		},
	})
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) problem() web.Problem {
	var p web.Problem
	_ = json.Unmarshal([]byte(r.body), &p)
	return p
}

// call asks as who, with headers as pairs.
func (w *world) call(who, method, url, body string, headers ...string) reply {
	w.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, url, in)
	r.RemoteAddr = "192.0.2.7:4711"
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	got := reply{rec.Code, rec.Header(), rec.Body.String()}
	validate(w.t, method, url, got)
	return got
}
