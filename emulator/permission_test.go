package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPermissions(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const base = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/w"
	ask := func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		text, _ := io.ReadAll(w.Result().Body)
		return w.Code, string(text)
	}
	list := base + "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
	if status, body := ask(http.MethodGet, list, ""); status != http.StatusOK || !strings.Contains(body, `"actions":["*"]`) {
		t.Fatalf("without a word everything is allowed: %d %s", status, body)
	}
	if status, body := ask(http.MethodPost, "/__permissions", `[{"actions":["*/read"]}]`); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, body)
	}
	status, body := ask(http.MethodGet, list, "")
	var got struct{ Value []Permission }
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK || len(got.Value) != 1 || got.Value[0].NotActions == nil {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask(http.MethodGet, base+"/computes?api-version=2023-08-01-preview", ""); status == http.StatusForbidden {
		t.Errorf("a reader may read: %d %s", status, body)
	}
	status, body = ask(http.MethodPut, base+"/computes/cpu?api-version=2023-08-01-preview", `{"location":"eastus2","properties":{"computeType":"AmlCompute"}}`)
	if status != http.StatusForbidden || !strings.Contains(body, "AuthorizationFailed") || !strings.Contains(body, "Microsoft.MachineLearningServices/workspaces/computes/write") {
		t.Errorf("a reader may not write: %d %s", status, body)
	}
	ask(http.MethodDelete, "/__permissions", "")
	if status, _ := ask(http.MethodDelete, base+"/computes/cpu?api-version=2023-08-01-preview&underlyingResourceAction=Delete", ""); status == http.StatusForbidden {
		t.Error("everything is allowed again, and the delete was refused")
	}
}

func TestActionOf(t *testing.T) {
	for path, want := range map[string]string{
		"GET workspaces": "workspaces/read",
		"PUT workspaces/w/environments/e/versions/1":          "workspaces/environments/versions/write",
		"POST workspaces/w/datastores/d/listSecrets":          "workspaces/datastores/listSecrets/action",
		"DELETE workspaces/w/onlineEndpoints/e/deployments/d": "workspaces/onlineEndpoints/deployments/delete",
	} {
		method, rest, _ := strings.Cut(path, " ")
		if got := actionOf(method, append([]string{provider}, strings.Split(rest, "/")...)); got != provider+"/"+want {
			t.Errorf("%s: got %s", path, got)
		}
	}
}
