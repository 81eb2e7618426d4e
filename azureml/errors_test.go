package azureml

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestErrorShapes(t *testing.T) {
	const mfe = `{"error":{"code":"UserError","message":"The specified resource was not found.","details":[{"code":"ModelNotFound","message":"Model container with name: m1 not found.","details":[],"additionalInfo":[]}],"additionalInfo":[{"type":"ComponentName","info":{"value":"managementfrontend"}}]}}`
	const component = `{"error":{"code":"UserError","message":"Not found component c.","details":[],"additionalInfo":[{"type":"InnerError","info":{"value":{"code":"NotFound","innerError":{"code":"ComponentNotFound","innerError":null}}}}]}}`
	const account = `{"error":{"code":"UserError","severity":null,"message":"Connection c1 can't be found in this workspace","details":[],"innerError":{"code":"NotFoundError","innerError":null},"additionalInfo":null},"correlation":{"operation":"o","request":"r"},"statusCode":404}`
	const arm = `{"error":{"code":"ResourceNotFound","message":"The Resource 'Microsoft.MachineLearningServices/workspaces/w' under resource group 'rg' was not found."}}`
	ids := map[string]string{"x-ms-request-id": "req-1"}
	tests := []struct {
		name, method, path string
		answer             answer
		code, inner        string
		is                 error
		unknown            bool
	}{
		{"management front end", "GET", "/models/m1", answer{status: 404, body: mfe}, "ModelNotFound", "", ErrNotFound, false},
		{"component", "GET", "/components/c", answer{status: 404, body: component}, "ComponentNotFound", "ComponentNotFound", ErrNotFound, false},
		{"account provider", "GET", "/connections/c1", answer{status: 404, body: account}, "NotFoundError", "NotFoundError", ErrNotFound, false},
		{"compute, empty", "GET", "/computes/c", answer{status: 404}, "", "", ErrNotFound, false},
		{"empty with headers of the service", "GET", "/models/m", answer{status: 404, header: ids}, "", "", ErrNotFound, false},
		{"empty without", "GET", "/models/m", answer{status: 404}, "", "", nil, true},
		{"page of a proxy", "GET", "/models/m", answer{status: 404, body: "<html>no such host", header: map[string]string{"Content-Type": "text/html"}}, "", "", nil, true},
		{"other json", "GET", "/models/m", answer{status: 404, body: `{"detail":"Not Found"}`}, "", "", nil, true},
		{"no workspace", "GET", "/models/m", answer{status: 404, body: arm}, "ResourceNotFound", "", ErrNoScope, false},
		{"the workspace itself", "GET", "", answer{status: 404, body: arm}, "ResourceNotFound", "", ErrNotFound, false},
		{"an endpoint, as Resource Manager says it", "GET", "/onlineEndpoints/e", refuse404("The Resource 'Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/e' under resource group 'rg' was not found."), "ResourceNotFound", "", ErrNotFound, false},
		{"the endpoint of a deployment", "GET", "/onlineEndpoints/e/deployments/d", refuse404("The Resource 'Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/e' under resource group 'rg' was not found."), "ResourceNotFound", "", ErrNotFound, false},
		{"no resource group", "GET", "/models/m", refuse(404, "ResourceGroupNotFound", nil), "ResourceGroupNotFound", "", ErrNoScope, false},
		{"dependency of a write", "PUT", "/jobs/j", refuse(404, "NotFound", nil), "NotFound", "", ErrDependency, false},
		{"delete of what is not there", "DELETE", "/models/m", answer{status: 404, body: mfe}, "ModelNotFound", "", ErrNotFound, false},
		{"conflict", "PUT", "/models/m", refuse(409, "UserError", nil), "UserError", "", ErrConflict, false},
		{"denied", "GET", "/models/m", refuse(403, "AuthorizationFailed", nil), "AuthorizationFailed", "", ErrDenied, false},
		{"bad request of a proxy", "GET", "/models/m", answer{status: 400, body: "nope"}, "", "", nil, false},
	}
	all := []error{ErrNotFound, ErrNoScope, ErrDependency, ErrConflict, ErrDenied}
	for _, tt := range tests {
		c := newTestClient(t, &script{answers: []answer{tt.answer}}, newClock())
		var err error
		switch tt.method {
		case "GET":
			_, err = c.Get(t.Context(), ws+tt.path, "v")
		case "PUT":
			_, err = c.Put(t.Context(), ws+tt.path, "v", []byte(`{}`))
		case "DELETE":
			_, err = c.Delete(t.Context(), ws+tt.path, "v")
		}
		for _, s := range all {
			if errors.Is(err, s) != (s == tt.is) {
				t.Errorf("%s: errors.Is(%v, %v) = %t", tt.name, err, s, s != tt.is)
			}
		}
		if errors.As(err, new(*Unknown)) != tt.unknown {
			t.Errorf("%s: got %v, unknown wanted: %t", tt.name, err, tt.unknown)
			continue
		}
		var e *Error
		if tt.unknown {
			continue
		}
		if !errors.As(err, &e) || e.Code != tt.code || e.Inner != tt.inner || e.Status != tt.answer.status || e.Method != tt.method || e.Path != ws+tt.path {
			t.Errorf("%s: got %#v", tt.name, err)
		}
	}
}

func TestUnusableAnswers(t *testing.T) {
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	tests := []struct {
		name   string
		answer answer
	}{
		{"html", answer{status: 200, body: "<html></html>", header: html}},
		{"json called html", answer{status: 200, body: "{}", header: html}},
		{"empty", answer{status: 200}},
		{"null", ok("null")},
		{"truncated", ok(`{"value":[{"id":"a"},`)},
		{"array", ok(`[]`)},
		{"number", ok(`1`)},
		{"redirect", answer{status: 302, header: map[string]string{"Location": "https://login.example.com/"}}},
	}
	for _, tt := range tests {
		c := newTestClient(t, &script{answers: []answer{tt.answer}}, newClock())
		_, get := c.Get(t.Context(), ws+"/models/m", "v")
		_, put := c.Put(t.Context(), ws+"/models/m", "v", []byte(`{}`))
		var list error
		for _, err := range c.List(t.Context(), ws+"/models", "v") {
			list = err
		}
		for _, err := range []error{get, put, list} {
			if !errors.As(err, new(*Unknown)) || errors.Is(err, ErrNotFound) {
				t.Errorf("%s: got %v, want unknown", tt.name, err)
			}
		}
	}
	c := newTestClient(t, &script{answers: []answer{ok(`{}`)}}, newClock())
	for _, err := range c.List(t.Context(), ws+"/models", "v") {
		if !errors.As(err, new(*Unknown)) {
			t.Errorf("an object without value: got %v, want unknown", err)
		}
	}
}

func TestPaths(t *testing.T) {
	s := &script{answers: []answer{ok(`{}`)}}
	c := newTestClient(t, s, newClock())
	if _, err := c.Get(t.Context(), ws+"/environments/a b/versions/1?x#ä", "2024-01-01", Query("$orderBy", "createdtime desc")); err != nil {
		t.Fatal(err)
	}
	if want := "GET " + ws + "/environments/a%20b/versions/1%3Fx%23%C3%A4?%24orderBy=createdtime%20desc&api-version=2024-01-01"; s.seen[0] != want {
		t.Errorf("got %s, want %s", s.seen[0], want)
	}
	for _, p := range []string{"", "x", ws + "/models/..", ws + "/models/", ws + "/models//x", ws + "/models/.", ws + "/models/a\\b", ws + "/models/a\nb"} {
		if _, err := c.Get(t.Context(), p, "v"); err == nil {
			t.Errorf("path %q was accepted", p)
		}
	}
	if _, err := c.Put(t.Context(), ws, "v", []byte(`{`)); err == nil {
		t.Error("a body that is no json was accepted")
	}
	if s.n() != 1 {
		t.Errorf("%d requests were sent, want 1", s.n())
	}
}

func TestEndlessAnswer(t *testing.T) {
	tr := transport(func(r *http.Request) (*http.Response, error) {
		resp := ok(`{}`).response(r)
		resp.Body = io.NopCloser(endless{})
		return resp, nil
	})
	_, err := newTestClient(t, tr, newClock(), func(o *Options) { o.Tries = 1 }).Get(t.Context(), ws, "v")
	if err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func refuse404(message string) answer {
	return answer{status: 404, body: `{"error":{"code":"ResourceNotFound","message":"` + message + `"}}`}
}
