package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/access"
)

// bodies are requests that each operation takes.
var bodies = map[string]string{
	"abort": `{"hold": true}`, "hold": `{"why": "release day"}`, "approve": `{"plan": "sha256:p", "allow": ["delete:x"]}`,
	"ignoreDrift": `{"asset": "environment/a:1", "until": "2026-03-02T00:00:00Z"}`,
	"createToken": `{"name": "ci", "role": "viewer", "expires": "2026-03-02T00:00:00Z"}`,
}

// operation is one of the document.
type operation struct{ method, path, name, action string }

func operations(t *testing.T) []operation {
	t.Helper()
	var out []operation
	for path, item := range document(t)["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			o := op.(map[string]any)
			action, _ := o["x-mlsync-action"].(string)
			out = append(out, operation{strings.ToUpper(method), path, o["operationId"].(string), action})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.name, b.name) })
	return out
}

// url is the path with the names of a project filled in.
func (o operation) url(project string) string {
	u := strings.NewReplacer("{project}", project, "{target}", "dev", "{run}", "dev-1", "{approval}", "1", "{token}", "one.one").Replace(o.path)
	if o.name == "listHistory" {
		u += "?asset=environment/a"
	}
	return u
}

// want is what the table of package access says of an operation: a second
// reading of it, so that a row with the wrong action is found.
var want = map[string]access.Action{
	"openapi": "", "version": "", "whoami": "",
	"listProjects": access.Read, "listTargets": access.Read, "getTarget": access.Read, "getPlan": access.Read, "getDrift": access.Read, "getGates": access.Read,
	"listReleases": access.Read, "listHistory": access.Read, "listRuns": access.Read, "getRun": access.Read, "listDrift": access.Read, "listInbox": access.Read, "listAssets": access.Read,
	"listEvents": access.Read, "listApprovals": access.Read,
	"sync": access.Sync, "abort": access.Abort, "hold": access.Hold, "ignoreDrift": access.PutOff, "unhold": access.Hold, "approve": access.Approve, "withdrawApproval": access.Approve,
	"listAudit": access.ReadAudit, "listTokens": access.OwnTokens, "createToken": access.OwnTokens, "revokeToken": access.OwnTokens,
}

// Each operation × role × project: what is not granted is refused, what may not
// be seen is not there, and a list tells of nothing else.
func TestAttackZ40EveryRouteRoleAndProject(t *testing.T) {
	ops := operations(t)
	if len(ops) != len(want) {
		t.Errorf("%d operations, and %d are expected", len(ops), len(want))
	}
	for _, op := range ops {
		action, ok := want[op.name]
		if !ok || string(action) != op.action {
			t.Errorf("%s wants %q, and %q is expected", op.name, op.action, action)
		}
		for _, who := range []string{"", "guess", "nobody@one", "viewer@one", "operator@one", "approver@one", "admin@one", "viewer@*", "operator@*", "approver@*", "admin@*", "owner@one", "admin@three"} {
			if who == "owner@one" && op.name == "whoami" {
				continue // it would tell of a role that there is not
			}
			for _, project := range []string{"one", "two", "three"} {
				w := newWorld(t)
				got := w.call(who, op.method, op.url(project), bodies[op.name])
				role, granted, _ := strings.Cut(who, "@")
				wanted := expect(op, access.Role(role), granted, project)
				if got.status/100 != wanted/100 || wanted >= 400 && got.status != wanted {
					t.Errorf("%s as %q in %s: %d %s, want %d", op.name, who, project, got.status, got.body, wanted)
				}
				if done := append(w.one.done, w.two.done...); wanted >= 400 && len(done) > 0 {
					t.Errorf("%s as %q in %s was refused and done: %v", op.name, who, project, done)
				}
				if !strings.Contains(op.path, "{project}") && granted != "*" {
					onlyOf(t, op, who, got.body)
				}
			}
		}
	}
}

// expect is the status that is wanted.
func expect(op operation, role access.Role, granted, project string) int {
	known := slices.Contains(access.Roles(), role)
	in := strings.Contains(op.path, "{project}")
	reads := known && (granted == "*" || granted == project)
	switch {
	case role == "" || role == "guess":
		return http.StatusUnauthorized
	case op.action == "":
		return http.StatusOK
	case !in && (!known || granted == "three" || !role.Does(access.Action(op.action))):
		return http.StatusForbidden
	case !in:
		return http.StatusOK
	case project == "three" || !reads:
		return http.StatusNotFound
	case !role.Does(access.Action(op.action)):
		return http.StatusForbidden
	}
	return http.StatusOK
}

// onlyOf finds items of the other project in an answer.
func onlyOf(t *testing.T, op operation, who, body string) {
	t.Helper()
	var got struct {
		Items []struct{ Project, Name string } `json:"items"`
	}
	if json.Unmarshal([]byte(body), &got) != nil {
		return
	}
	for _, i := range got.Items {
		if i.Project == "two" || i.Name == "two" {
			t.Errorf("%s tells %q of the project two: %s", op.name, who, body)
		}
	}
}

func TestAttackZ41WhatMayNotBeSeenIsNotThere(t *testing.T) {
	w := newWorld(t)
	for _, url := range []string{
		"/api/v1/projects/two/targets/dev", "/api/v1/projects/three/targets/dev", "/api/v1/projects/two/targets/nope",
		"/api/v1/projects/one/runs/test-1", "/api/v1/projects/one/targets/test", "/api/v1/projects/one/runs/nope", "/api/v1/runs?project=two",
		"/api/v1/projects/one%2Ftargets%2Fdev/targets/dev", "/api/v1/projects/one/targets/dev%2F..%2Fprod", "/api/v1/projects/../openapi.json", "/api/v1//version", "/api/v1/projects/./one",
		"/api/v1/projects/one/targets/%2e%2e", "/api/v1/nope", "/api/v1", "/api/v1/projects/One/targets/dev",
	} {
		got := w.call("viewer@one", "GET", url, "")
		p := got.problem()
		if got.status != http.StatusNotFound || p.Code != "not_found" || strings.Contains(got.body, "two") {
			t.Errorf("%s: %d %s", url, got.status, got.body)
		}
	}
	same := func(a, b string) {
		x, y := w.call("viewer@one", "GET", a, "").problem(), w.call("viewer@one", "GET", b, "").problem()
		x.Request, y.Request = "", ""
		if x.Error() != y.Error() || x.Status != y.Status {
			t.Errorf("%s and %s can be told apart", a, b)
		}
	}
	same("/api/v1/projects/two/targets/dev", "/api/v1/projects/three/targets/dev")
}

func TestAttackZ42DeniedActionsAreNoted(t *testing.T) {
	w := newWorld(t)
	w.call("viewer@one", "POST", "/api/v1/projects/one/targets/dev/sync", "")
	w.call("operator@one", "POST", "/api/v1/projects/one/targets/dev/approvals", bodies["approve"])
	w.call("operator@one", "POST", "/api/v1/projects/one/targets/dev/sync", "")
	w.call("operator@one", "PUT", "/api/v1/projects/one/targets/dev/hold", `{"why": ""}`)
	w.call("operator@one", "PUT", "/api/v1/projects/one/targets/dev/hold", `{"why": "x"}`) // the book notes it
	var got []string
	for _, e := range w.one.recorded {
		got = append(got, e.Actor+" "+e.Action+" "+e.Target+" "+e.Outcome)
	}
	if want := []string{"user:viewer@one sync dev denied", "user:operator@one approve dev denied", "user:operator@one sync dev done", "user:operator@one hold dev failed"}; !slices.Equal(got, want) {
		t.Errorf("noted: %q, want %q", got, want)
	}
}

func TestAttackZ43TokensDoNoMoreThanTheirMakers(t *testing.T) {
	for who, roles := range map[string]map[string]int{
		"viewer@one":   {"viewer": 201, "operator": 403, "approver": 403, "admin": 403, "owner": 400},
		"operator@one": {"viewer": 201, "operator": 201, "approver": 403, "admin": 403},
		"approver@one": {"viewer": 201, "operator": 403, "approver": 201, "admin": 403},
		"admin@*":      {"viewer": 201, "operator": 201, "approver": 201, "admin": 201},
	} {
		for role, status := range roles {
			w := newWorld(t)
			got := w.call(who, "POST", "/api/v1/projects/one/tokens", `{"name": "ci", "role": "`+role+`", "expires": "2026-03-02T00:00:00Z"}`)
			if got.status != status {
				t.Errorf("%s makes a token with the role %s: %d %s, want %d", who, role, got.status, got.body, status)
			}
		}
	}
	w := newWorld(t)
	if got := w.call("viewer@one", "POST", "/api/v1/projects/one/tokens", bodies["createToken"]); !strings.Contains(got.body, canary) || got.header.Get("ETag") != "" {
		t.Errorf("the secret is not shown once: %s", got.body)
	}
	for _, op := range operations(t) {
		if got := w.call("admin@*", op.method, op.url("one"), bodies[op.name]); op.name != "createToken" && strings.Contains(got.body, "CANARY") {
			t.Errorf("%s shows the secret again: %s", op.name, got.body)
		}
	}
}

// Who guesses is slowed down, and only that address; who asks too often is, and
// only that principal.
func TestAttackZ44RatesAreOfEachAlone(t *testing.T) {
	w := newWorld(t)
	now := day
	w.now = func() time.Time { return now }
	for range 10 {
		w.call("guess", "GET", "/api/v1/version", "")
	}
	if got := w.call("guess", "GET", "/api/v1/version", ""); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "7" {
		t.Errorf("after ten guesses: %d, %v", got.status, got.header)
	}
	if got := w.call("viewer@two", "GET", "/api/v1/version", ""); got.status != http.StatusOK {
		t.Errorf("a good credential from the same address: %d", got.status)
	}
	now = now.Add(7 * time.Second)
	if got := w.call("guess", "GET", "/api/v1/version", ""); got.status != http.StatusUnauthorized {
		t.Errorf("seven seconds later: %d", got.status)
	}
	limited := 0
	for range 300 {
		if got := w.call("viewer@one", "GET", "/api/v1/version", ""); got.status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited != 100 {
		t.Errorf("of 300 requests at once %d were refused, want 100", limited)
	}
	if got := w.call("viewer@two", "GET", "/api/v1/version", ""); got.status != http.StatusOK {
		t.Errorf("another principal: %d", got.status)
	}
	now = now.Add(time.Second)
	if got := w.call("viewer@one", "GET", "/api/v1/version", ""); got.status != http.StatusOK {
		t.Errorf("a second later: %d", got.status)
	}
}

// No grant, no project, no door: nothing is open by itself.
func TestAttackZ45NothingIsOpen(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"} {
		for _, u := range []string{"/api/v1/openapi.json", "/api/v1/version", "/api/v1/nope", "/", "/api/v1/projects/one/targets/dev/hold"} {
			if got := w.call("", method, u, ""); got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s without a credential: %d", method, u, got.status)
			}
		}
	}
	got := w.call("viewer@one", "GET", "/api/v1/version?"+url.Values{"access_token": {"admin@*"}}.Encode(), "")
	if got.status != http.StatusBadRequest {
		t.Errorf("a token in the address: %d", got.status)
	}
}
