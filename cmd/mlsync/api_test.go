package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func TestCommandsAskADaemon(t *testing.T) {
	w := newAPIWorld(t, "dev", "prod")
	w.seed("dev", 3)
	w.wants(exitDone, "managed   3 assets", "viewer", "status")
	w.wants(exitDone, `"drifted": [`, "viewer", "status", "--target", "dev", "--json")
	w.d.cfg.Targets[0].Windows = config.Windows{Deny: []config.Window{{Cron: "0 0 1 1 *", Duration: 366 * 24 * time.Hour, Zone: time.UTC}}}
	w.wants(exitDone, "window    ", "viewer", "status", "--target", "dev")
	w.wants(exitDone, `"open": false`, "viewer", "status", "--target", "dev", "--json")
	w.d.cfg.Targets[0].Windows = config.Windows{}
	w.wants(exitError, "knows no target", "viewer", "status", "--target", "nope")
	w.wants(exitDone, "dev-1", "viewer", "history")
	w.wants(exitDone, `"id": "environment/e001:1"`, "viewer", "history", "environment/e001", "-t", "dev", "--json")
	w.wants(exitDone, "compute/gpu", "viewer", "plan", "-t", "dev")
	w.wants(exitPending, "compute/gpu", "viewer", "plan", "-t", "default/dev", "--exit-code", "--markdown")
	w.wants(exitError, "has made no plan yet", "viewer", "plan", "-t", "prod")
	w.wants(exitError, "2 targets of that name", "viewer", "plan")
	w.wants(exitPending, "environment/e000:1", "viewer", "drift", "-t", "dev")
	w.wants(exitPending, `"format": "mlsync.drift/1"`, "viewer", "drift", "-t", "dev", "--json")
	w.wants(exitDone, "dev  open      environment/e000:1  (", "viewer", "drift", "--inbox")
	w.wants(exitDone, `"changed_by": "carl"`, "viewer", "drift", "--inbox", "-t", "dev", "--json")
	w.wants(exitDone, "no drift waits", "viewer", "drift", "--inbox", "-t", "prod")
	w.wants(exitRefused, "you may not put off", "viewer", "drift", "ignore", "environment/e000:1", "-t", "dev", "--for", "48h")
	w.wants(exitDone, "dev: environment/e000:1 is put off until", "operator", "drift", "ignore", "environment/e000:1", "-t", "dev", "--for", "48h", "--why", "load test")
	w.wants(exitDone, "put off until", "viewer", "drift", "--inbox", "-t", "dev")
	w.wants(exitDone, "open by user:entra/operator: load test", "viewer", "drift", "--inbox", "--all", "-t", "dev")
	w.wants(exitDone, "dev: environment/e000:1 waits again", "operator", "drift", "ignore", "environment/e000:1", "-t", "dev", "--end")
	w.wants(exitError, "no drift of environment/e001:1 is known", "operator", "drift", "ignore", "environment/e001:1", "-t", "dev", "--for", "1h")
	w.wants(exitError, "say how long", "operator", "drift", "ignore", "environment/e000:1", "-t", "dev")
	w.wants(exitDone, "no target has gates", "viewer", "gates")
	w.wants(exitDone, "run_done", "viewer", "events")

	w.wants(exitRefused, "you may not hold", "viewer", "hold", "-t", "dev", "--why", "release day")
	w.wants(exitDone, "dev: on hold", "operator", "hold", "-t", "dev", "--why", "release day")
	w.wants(exitDone, "held      release day", "viewer", "status", "-t", "dev")
	w.wants(exitDone, "dev: released", "operator", "unhold", "-t", "dev")
	w.wants(exitDone, "dev: nothing is running", "operator", "abort", "-t", "dev")
	w.wants(exitDone, "dev: a pass is in the queue", "operator", "sync", "-t", "dev")
	w.wants(exitRefused, "you may not approve", "operator", "approve", "-t", "dev", "replace:compute/gpu")
	w.wants(exitRefused, `did you mean \"replace:compute/gpu\"?`[:3], "approver", "approve", "-t", "dev", "replace:compute/gpo")
	w.wants(exitDone, "approved until", "approver", "approve", "-t", "dev", "replace:compute/gpu")
	w.wants(exitRefused, "first pass has not begun", "operator", "hold", "-t", "prod", "--why", "x")
	w.wants(exitRefused, "nothing in the target prod waits", "approver", "approve", "-t", "prod", "x")
	w.wants(exitDone, "approve: ", "viewer", "events", "-t", "dev")
	w.wants(exitError, "MLSYNC_TOKEN", "guess", "status")

	j, err := w.d.store.Known(t.Context(), "dev")
	check(t, err)
	given, err := j.Approvals(t.Context(), waitingPlan("dev").Consent())
	if err != nil || len(given) != 1 || given[0].Author != "user:entra/approver" {
		t.Errorf("approvals: %+v %v", given, err)
	}
	rows, err := w.d.store.Audit(t.Context(), state.AuditFilter{})
	check(t, err)
	var acts []string
	for _, r := range rows {
		if r.Via == "api" {
			acts = append(acts, strings.Join([]string{r.Actor, r.Action, r.Target, r.Outcome}, " "))
		}
	}
	for _, want := range []string{"user:entra/approver approve dev done", "user:entra/operator hold dev done", "user:entra/viewer hold dev denied", "user:entra/viewer ignoreDrift dev denied", "user:entra/operator drift_ignore dev done", "user:entra/operator sync dev done", "user:entra/operator approve dev denied"} {
		if !strings.Contains(strings.Join(acts, "\n"), want) {
			t.Errorf("the audit has no %q: %q", want, acts)
		}
	}
	if strings.Contains(strings.Join(acts, "\n"), "somebody-else") {
		t.Errorf("a name that was given counts: %q", acts)
	}
}

// Flags of the folder say that the folder is meant; with --server they are refused.
func TestFlagsOfTheFolder(t *testing.T) {
	w := newAPIWorld(t, "dev")
	w.wants(exitError, "a daemon does not know --full, --only", "viewer", "plan", "--server", w.url, "--only", "x", "--full")
	w.wants(exitDone, "nothing was applied yet", "viewer", "status", "--state", filepath.Join(t.TempDir(), "none.db"))
	w.wants(exitError, "give the address", "viewer", "status", "--server", "")
}

// A plan of long ago approves nothing now.
func TestAttackZ48ApprovalOfAnotherPlan(t *testing.T) {
	w := newAPIWorld(t, "dev")
	j := w.seed("dev", 1)
	old, err := w.d.store.Planned(t.Context(), "dev")
	check(t, err)
	run, err := j.Begin(t.Context(), plan.Run{Trigger: "sync"})
	check(t, err)
	p := waitingPlan("dev")
	p.Source.Tree = "sha256:other"
	(&worker{daemon: w.d, name: "dev"}).keep(t.Context(), &journal{Target: j, store: w.d.store}, run, p)
	body := fmt.Sprintf(`{"plan": %q, "allow": ["replace:compute/gpu"]}`, old.Digest)
	if code, got := w.call("approver", "POST", "/api/v1/projects/default/targets/dev/approvals", body); code != http.StatusConflict || !strings.Contains(got, "plan_changed") {
		t.Errorf("the old plan: %d %s", code, got)
	}
	body = fmt.Sprintf(`{"plan": %q, "allow": ["delete:everything"]}`, p.Digest())
	if code, got := w.call("approver", "POST", "/api/v1/projects/default/targets/dev/approvals", body); code != http.StatusUnprocessableEntity {
		t.Errorf("what nobody asks for: %d %s", code, got)
	}
}

func (w *apiWorld) call(role, method, path, body string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	check(w.t, err)
	req.Header.Set("Authorization", "Bearer "+role)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	check(w.t, err)
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	check(w.t, err)
	return res.StatusCode, b.String()
}

func TestTokensOfTheAPI(t *testing.T) {
	w := newAPIWorld(t, "dev")
	at := time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
	code, body := w.call("operator", "POST", "/api/v1/projects/default/tokens", `{"name": "ci", "role": "viewer", "expires": "`+at+`"}`)
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != http.StatusCreated || !strings.HasPrefix(made.Secret, "mlsync_default.") {
		t.Fatalf("made: %d %s", code, body)
	}
	kept, err := w.d.store.Token(t.Context(), made.ID)
	if err != nil || kept.Owner != "user:entra/operator" || len(kept.Has) != 1 || strings.Contains(made.Secret, string(kept.Hash)) {
		t.Errorf("kept: %+v %v", kept, err)
	}
	for role, want := range map[string]int{"operator": 1, "viewer": 0, "admin": 1} {
		if _, got := w.call(role, "GET", "/api/v1/tokens", ""); strings.Count(got, made.ID) != want || strings.Contains(got, made.Secret) {
			t.Errorf("%s sees %s", role, got)
		}
	}
	late := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	if code, got := w.call("operator", "POST", "/api/v1/projects/default/tokens", `{"name": "ci", "role": "viewer", "expires": "`+late+`"}`); code != http.StatusUnprocessableEntity {
		t.Errorf("one that lives too long: %d %s", code, got)
	}
	for _, c := range []struct {
		role string
		want int
	}{{"viewer", 404}, {"operator", 204}, {"admin", 409}} {
		if code, got := w.call(c.role, "DELETE", "/api/v1/projects/default/tokens/"+made.ID, ""); code != c.want {
			t.Errorf("%s revokes: %d %s, want %d", c.role, code, got, c.want)
		}
	}
	if _, got := w.call("admin", "GET", "/api/v1/audit?action=token_create", ""); !strings.Contains(got, made.ID) || strings.Contains(got, made.Secret) {
		t.Errorf("the audit: %s", got)
	}
}

// A thousand targets take as many questions as one, and each list a few.
func TestAPIAsksTheJournalAFewTimes(t *testing.T) {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("t%04d", i))
	}
	w := newAPIWorld(t, names...)
	for _, name := range names {
		w.seed(name, 2)
	}
	for path, most := range map[string]int64{
		"/targets?limit=1": 9, "/targets?limit=1000": 9, "/targets?limit=1000&health=failed": 9, "/runs?limit=1000": 1, "/runs?limit=1&target=t0001": 1, "/assets?limit=1000": 1,
		"/assets?name=e00*&limit=1000": 1, "/drift?limit=1000": 1, "/inbox?limit=1000": 1, "/approvals": 1, "/events?limit=1000": 1, "/audit?limit=1000": 1, "/projects": 0, "/tokens": 1,
		"/projects/default/targets/t0001/plan": 1, "/projects/default/targets/t0001": 10, "/projects/default/runs/t0001-1": 2,
	} {
		before := w.d.store.Asked()
		code, body := w.call("admin", "GET", "/api/v1"+path, "")
		if n := w.d.store.Asked() - before; code != http.StatusOK || n > most {
			t.Errorf("%s: %d, asks %d times, at most %d are wanted", path, code, n, most)
		}
		if strings.Contains(path, "limit=1000") && !strings.Contains(path, "health") && strings.Count(body, `"project"`) < 300 {
			t.Errorf("%s has %d items", path, strings.Count(body, `"project"`))
		}
	}
}

// The token goes to the host that was given, and nowhere else.
func TestAttackN40TokenGoesNowhereElse(t *testing.T) {
	var seen []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL+r.URL.Path, status)
		}))
		w := &apiWorld{t: t, url: server.URL}
		w.wants(exitError, "a token is not sent on", "CANARY", "status")
		w.wants(exitError, "a token is not sent on", "CANARY", "events", "--follow")
		server.Close()
	}
	if len(seen) > 0 {
		t.Errorf("another server was asked: %q", seen)
	}
	for _, address := range []string{
		"http://mlsync.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "file:///etc/passwd", "mlsync.example.com", "https://", "https://u:p@x.example",
		"https://x.example/?a=b", "https://x.example/#a", "//x.example", "http://[::2]", "http://0.0.0.0", "http://169.254.169.254",
	} {
		w := &apiWorld{t: t, url: address}
		w.wants(exitError, "server", "CANARY", "status")
		if _, out, errs := w.run("CANARY", "status"); strings.Contains(out+errs, "CANARY") {
			t.Errorf("%s: the token is told: %s%s", address, out, errs)
		}
	}
	if u, err := serverURL("https://mlsync.example.com/team/"); err != nil || u.String() != "https://mlsync.example.com/team" {
		t.Errorf("a server with a path: %v %v", u, err)
	}
}

// What a server says does not drive the terminal.
func TestAttackU42AnswersOfAServer(t *testing.T) {
	evil := "\x1b]0;x\x07\u202e\x9b31m"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/targets"):
			_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{map[string]any{
				"project": "p", "name": "dev", "hold": map[string]any{"why": evil}, "last_run": map[string]any{"id": "dev-1", "error": evil, "state": "failed"}, "busy": evil,
			}}})
		case strings.HasSuffix(r.URL.Path, "/plan"):
			_, _ = w.Write([]byte(evil))
		case strings.HasSuffix(r.URL.Path, "/events"):
			_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{map[string]any{"what": evil, "text": evil + "\n" + evil, "target": evil, "author": evil}}})
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(map[string]any{"status": 409, "detail": evil})
		}
	}))
	defer server.Close()
	w := &apiWorld{t: t, url: server.URL}
	for _, args := range [][]string{{"status"}, {"plan"}, {"events"}, {"sync"}, {"unhold"}} {
		if _, out, errs := w.run("x", args...); strings.ContainsAny(out+errs, "\x1b\x07\u009b\u202e") || out+errs == "" {
			t.Errorf("mlsync %v prints %q", args, out+errs)
		}
	}
}

// Events come while they happen, and go on when the connection breaks.
func TestEventsAreFollowed(t *testing.T) {
	w := newAPIWorld(t, "dev")
	j := w.seed("dev", 1)
	ctx, cancel := context.WithCancel(t.Context())
	lines := &lineWriter{lines: make(chan string, 10)}
	a := &app{streams: streams{out: lines, err: &bytes.Buffer{}}, env: func(name string) (string, bool) { return map[string]string{tokenVar: "viewer"}[name], true }}
	a.flags.json = true
	base, err := serverURL(w.url)
	check(t, err)
	done := make(chan error, 1)
	go func() {
		done <- a.follow(ctx, &remote{base: base, client: noRedirects(), bearer: a.bearer}, "default:0")
	}()
	first := <-lines.lines
	check(t, j.Hold(t.Context(), "anna", "release day"))
	second := <-lines.lines
	if !strings.Contains(first, `"after":"default:1"`) || !strings.Contains(first, "run_done") || !strings.Contains(second, `"what":"hold"`) {
		t.Errorf("events: %s then %s", first, second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// What the server will not say otherwise ends it.
	err = a.follow(t.Context(), &remote{base: base, client: noRedirects(), bearer: func(context.Context) (string, error) { return "guess", nil }}, "")
	if !errors.Is(err, errAnswered) {
		t.Errorf("with a wrong token: %v", err)
	}
}

type lineWriter struct{ lines chan string }

func (w *lineWriter) Write(p []byte) (int, error) {
	w.lines <- string(p)
	return len(p), nil
}

// A plan of more bytes than are kept is told of by its digest alone.
func TestAttackL66PlansThatAreTooLarge(t *testing.T) {
	w := newAPIWorld(t, "dev")
	j := w.seed("dev", 1)
	run, err := j.Begin(t.Context(), plan.Run{Trigger: "sync"})
	check(t, err)
	noise := make([]byte, 12<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // never fails
	for i := range noise {
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[noise[i]%64]
	}
	p := waitingPlan("dev")
	p.Steps[0].Why = string(noise)
	(&worker{daemon: w.d, name: "dev"}).keep(t.Context(), &journal{Target: j, store: w.d.store}, run, p)
	if code, got := w.call("viewer", "GET", "/api/v1/projects/default/targets/dev/plan", ""); code != http.StatusNotFound || !strings.Contains(got, "not_kept") {
		t.Errorf("the plan: %d %.200s", code, got)
	}
	if code, got := w.call("viewer", "GET", "/api/v1/projects/default/targets/dev", ""); code != http.StatusOK || !strings.Contains(got, p.Digest()) {
		t.Errorf("the target: %d %.400s", code, got)
	}
	run, err = j.Begin(t.Context(), plan.Run{Trigger: "sync"})
	check(t, err)
	p.Steps[0].Why = string(noise[:2<<20])
	(&worker{daemon: w.d, name: "dev"}).keep(t.Context(), &journal{Target: j, store: w.d.store}, run, p)
	if code, _ := w.call("viewer", "GET", "/api/v1/projects/default/targets/dev/plan", ""); code != http.StatusOK {
		t.Errorf("a plan that is kept: %d", code)
	}
}

// An answer without end is not read to its end.
func TestAttackL67AnswersWithoutEnd(t *testing.T) {
	for more, want := range map[int]string{0: "cannot be read", 1: "answers more than"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			piece := bytes.Repeat([]byte(" "), 1<<20)
			for range limit.APIAnswer >> 20 {
				_, _ = w.Write(piece)
			}
			_, _ = w.Write(piece[:more])
		}))
		w := &apiWorld{t: t, url: server.URL}
		w.wants(exitError, want, "x", "status")
		server.Close()
	}
}

func TestTokensAndAuditOfADaemon(t *testing.T) {
	w := newAPIWorld(t, "dev")
	w.seed("dev", 1)
	w.wants(exitError, `required flag(s) "role" not set`, "operator", "token", "create", "ci")
	code, out, errs := w.run("operator", "token", "create", "ci", "--role", "viewer", "--life", "30m")
	if code != exitDone || !strings.HasPrefix(out, "mlsync_default.") || !strings.Contains(errs, "viewer of project default for user:entra/operator") {
		t.Fatalf("create: %d\n%s%s", code, out, errs)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(out, "mlsync_"), "_")
	w.wants(exitRefused, "you have no role that does all that a admin does", "operator", "token", "create", "ci", "--role", "admin", "--life", "30m")
	w.wants(exitRefused, "its life is from a moment", "operator", "token", "create", "ci", "--role", "viewer", "--life", "2h")
	w.wants(exitDone, id, "operator", "token", "list")
	w.wants(exitDone, "has no tokens", "viewer", "token", "list", "--project", "default")
	w.wants(exitError, "there is no such thing", "viewer", "token", "revoke", id)
	w.wants(exitDone, id+": revoked", "admin", "token", "revoke", id)
	w.wants(exitDone, `"state": "revoked"`, "operator", "token", "list", "--json")
	w.wants(exitDone, "token_create", "approver", "audit", "--since", "1h")
	w.wants(exitDone, `"action": "token_revoke"`, "approver", "audit", "--actor", "user:entra/admin", "--json")
	w.wants(exitRefused, "you may not read audit", "operator", "audit")
}

// What a service answered may hold a credential; no answer of the API has it.
func TestAttackK41ErrorsOfTheService(t *testing.T) {
	const leak = "https://acct.blob.core.windows.net/c/b?sv=2022-11-02&se=2027&sr=b&sp=r&sig=CANARYcanary0123456789abcdefCANARYcanary01%3D"
	w := newAPIWorld(t, "dev")
	j := w.seed("dev", 1)
	ctx := t.Context()
	run, err := j.Begin(ctx, plan.Run{Commit: "c2", Trigger: "sync"})
	check(t, err)
	id := asset.ID{Kind: "environment", Name: "e000", Version: "1"}
	n, err := j.Intend(ctx, run.Generation, plan.Key{ID: id}, plan.Update, "")
	check(t, err)
	check(t, j.Finish(ctx, run.Generation, state.End{Intent: n, Outcome: plan.Outcome{Key: plan.Key{ID: id}, Action: plan.Update, State: plan.Failed, Err: "put " + leak, Started: time.Now()}}))
	check(t, j.Saw(ctx, run.Generation, []plan.Drift{{ID: id, Paths: []string{"x"}, Held: leak}}))
	_, err = w.d.store.Turn(ctx, "dev", state.Turn{Now: []state.Condition{{What: "failing", Severity: "error", Text: leak}}, Known: func(state.Condition) bool { return true }, To: func(state.Condition, bool) []string { return nil }})
	check(t, err)
	run.State, run.Err = plan.Failed, "put "+leak
	check(t, j.EndRun(ctx, run))
	check(t, j.Hold(ctx, "anna", "look at "+leak))
	for _, path := range []string{"/targets", "/projects/default/targets/dev", "/runs", "/projects/default/runs/" + run.ID, "/drift", "/assets", "/events", "/audit", "/projects/default/targets/dev/history?asset=environment/e000"} {
		code, body := w.call("admin", "GET", "/api/v1"+path, "")
		if code != http.StatusOK || strings.Contains(body, "CANARY") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}
