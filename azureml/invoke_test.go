package azureml_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/kind"
)

const scoringSpace = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/space"

// scoringWorld is an emulator with an endpoint of each way to let somebody in,
// and a deployment behind it.
func scoringWorld(t *testing.T, log *slog.Logger) (*emulator.Server, *azureml.Workspace) {
	t.Helper()
	emu, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := emu.Start("127.0.0.1:0", false, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emu.Close() })
	c, err := azureml.New(azureml.Options{Endpoint: emu.URL(), StorageEndpoint: emu.URL(), Insecure: true, Credential: "static", Token: "emulator", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), scoringSpace, "2024-04-01"); err != nil {
		t.Fatal(err)
	}
	put := func(path, body string) {
		t.Helper()
		if _, err := c.Put(t.Context(), scoringSpace+path, "2024-04-01", json.RawMessage(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []string{"Key", "AMLToken"} {
		put("/onlineEndpoints/"+mode, `{"location":"eastus2","identity":{"type":"SystemAssigned"},"properties":{"authMode":"`+mode+`"}}`)
		put("/onlineEndpoints/"+mode+"/deployments/blue", `{"location":"eastus2","sku":{"name":"Default","capacity":1},"properties":{"endpointComputeType":"Managed","instanceType":"Standard_DS3_v2"}}`)
		put("/onlineEndpoints/"+mode, `{"location":"eastus2","properties":{"authMode":"`+mode+`","traffic":{"blue":100}}}`)
	}
	return emu, c.Workspace(kind.Scope{Subscription: "00000000-0000-0000-0000-000000000001", ResourceGroup: "rg", Workspace: "space"})
}

// A request is let in whichever way the endpoint asks for it, and the key is in
// no log.
func TestInvoke(t *testing.T) {
	var log bytes.Buffer
	emu, w := scoringWorld(t, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, mode := range []string{"Key", "AMLToken"} {
		for _, deployment := range []string{"", "blue"} {
			got, err := w.Invoke(t.Context(), azureml.Call{Endpoint: mode, Deployment: deployment, Body: []byte(`{"input":[1]}`)})
			if err != nil || got.Status != http.StatusOK || got.Deployment != "blue" || !strings.Contains(string(got.Body), `"deployment":"blue"`) {
				t.Errorf("%s %s: %+v %v", mode, deployment, got, err)
			}
		}
	}
	if got, err := w.Invoke(t.Context(), azureml.Call{Endpoint: "Key", Deployment: "green"}); err != nil || got.Status != http.StatusNotFound {
		t.Errorf("a deployment that is not there: %+v %v", got, err)
	}
	if _, err := w.Invoke(t.Context(), azureml.Call{Endpoint: "none"}); err == nil {
		t.Error("an endpoint that is not there answered")
	}
	if n := emu.Scored(); len(n) != 2 || n[0].Live != 1 || n[0].Named != 1 {
		t.Errorf("scored %+v", n)
	}
	for _, text := range strings.FieldsFunc(log.String(), func(r rune) bool { return r == '\n' }) {
		if strings.Contains(text, "Bearer") || strings.Contains(text, "primaryKey") || strings.Contains(text, "accessToken") {
			t.Errorf("the log says %s", text)
		}
	}
	if !strings.Contains(log.String(), "scoring request") {
		t.Error("the log says nothing of requests")
	}
}

// transport answers without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(req *http.Request) (*http.Response, error) { return f(req) }

// The key of an endpoint goes to hosts of Azure only, whatever the answer of
// the service names.
func TestAttackK9KeysOfEndpoints(t *testing.T) {
	const key = "canary-key"
	for _, tc := range []struct {
		uri  string
		sent bool
	}{
		{"https://e.eastus2.inference.ml.azure.com/score", true},
		{"https://e.eastus2.inference.ml.azure.com.evil.example/score", false},
		{"https://evil.example/score?x=.inference.ml.azure.com", false},
		{"https://evil.example/.inference.ml.azure.com", false},
		{"http://e.eastus2.inference.ml.azure.com/score", false},
		{"https://u:p@e.eastus2.inference.ml.azure.com/score", false},
		{"https://cluster.example/score", true},
		{"https://e.usgov.inference.ml.azure.us/score", false},
	} {
		sent := false
		c, err := azureml.New(azureml.Options{Credential: "static", Token: "t", Trusted: []string{"cluster.example"}, Tries: 1, Transport: transport(func(req *http.Request) (*http.Response, error) {
			body := `{"properties":{"authMode":"Key","scoringUri":"` + tc.uri + `"}}`
			switch {
			case strings.HasSuffix(req.URL.Path, "/listKeys"):
				body = `{"primaryKey":"` + key + `","secondaryKey":"x"}`
			case req.Header.Get("Authorization") == "Bearer "+key:
				sent = true
			}
			res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody, Request: req}
			res.Body = readCloser{strings.NewReader(body)}
			return res, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Workspace(kind.Scope{Subscription: "s", ResourceGroup: "rg", Workspace: "w"}).Invoke(context.Background(), azureml.Call{Endpoint: "e"})
		if sent != tc.sent || (err == nil) != tc.sent || err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("%s: sent %v: %v", tc.uri, sent, err)
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
