package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// scorer sends requests to a scoring URI.
type scorer struct {
	t    *testing.T
	s    *service
	host string
}

func (c scorer) send(key, deployment string) (int, map[string]any, http.Header) {
	c.t.Helper()
	req := must(http.NewRequest(http.MethodPost, c.s.url+"/score", strings.NewReader(`{"input":[1]}`)))
	req.Host = c.host
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if deployment != "" {
		req.Header.Set("azureml-model-deployment", deployment)
	}
	res := must(http.DefaultClient.Do(req))
	defer res.Body.Close()
	var body map[string]any
	_ = json.Unmarshal(must(io.ReadAll(res.Body)), &body)
	return res.StatusCode, body, res.Header
}

func TestScoring(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	f := s.clients()
	e, d := f.NewOnlineEndpointsClient(), f.NewOnlineDeploymentsClient()
	done(e.BeginCreateOrUpdate(ctx, group, space, "taxi", endpoint(nil), nil))
	key := *must(e.ListKeys(ctx, group, space, "taxi", nil)).PrimaryKey
	c := scorer{t, s, "taxi.eastus2.inference.ml.azure.com"}
	status := func(want int, key, deployment string) map[string]any {
		t.Helper()
		got, body, _ := c.send(key, deployment)
		if got != want {
			t.Errorf("%d %v, want %d", got, body, want)
		}
		return body
	}
	status(http.StatusUnauthorized, "", "")
	status(http.StatusUnauthorized, key+"x", "")
	status(http.StatusNotFound, key, "") // nothing is behind it
	for _, name := range []string{"blue", "green", "mirror"} {
		done(d.BeginCreateOrUpdate(ctx, group, space, "taxi", name, deployment(), nil))
	}
	status(http.StatusNotFound, key, "") // nothing has traffic
	status(http.StatusNotFound, key, "red")
	if got := status(http.StatusOK, key, "green"); got["deployment"] != "green" || got["endpoint"] != "taxi" {
		t.Errorf("asked by name, it was %v", got)
	}
	ep := endpoint(map[string]int32{"blue": 90, "green": 10})
	share := int32(20)
	ep.Properties.MirrorTraffic = map[string]*int32{"mirror": &share}
	done(e.BeginCreateOrUpdate(ctx, group, space, "taxi", ep, nil))
	for range 100 {
		status(http.StatusOK, key, "")
	}
	want := []emulator.Scored{
		{Workspace: space, Endpoint: "taxi", Deployment: "blue", Live: 90},
		{Workspace: space, Endpoint: "taxi", Deployment: "green", Live: 10, Named: 1},
		{Workspace: space, Endpoint: "taxi", Deployment: "mirror", Mirrored: 20},
	}
	if got := s.emu.Scored(); len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("scored %+v", got)
	}
	s.ok(http.StatusNoContent, "POST", "/__scoring", `{"endpoint":"taxi","deployment":"green","body":{"score":0.5}}`)
	s.ok(http.StatusNoContent, "POST", "/__scoring", `{"endpoint":"taxi","deployment":"blue","status":500,"body":{"message":"no"}}`)
	if got := status(http.StatusOK, key, "green"); got["score"] != 0.5 {
		t.Errorf("set, it answers %v", got)
	}
	code, _, header := c.send(key, "blue")
	if code != http.StatusFailedDependency || header.Get("ms-azureml-model-error-statuscode") != "500" || header.Get("azureml-model-deployment") != "blue" {
		t.Errorf("a model that fails: %d %v", code, header)
	}
	s.ok(http.StatusBadRequest, "POST", "/__scoring", `{"endpoint":"taxi","staus":500}`)
	c.host = "taxi.westus.inference.ml.azure.com"
	status(http.StatusNotFound, key, "green")
}
