package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/kind"
)

// testScope is the workspace that the tests of export seed.
var testScope = kind.Scope{Subscription: "00000000-0000-0000-0000-000000000001", ResourceGroup: "rg", Workspace: "ws", Location: "eastus"}

// canary is in every secret that is seeded.
const canary = "CANARY-9f3b"

// seeded is a workspace of the emulator that others have filled: by requests
// as the reference client sends them.
type seeded struct {
	t   *testing.T
	url string
	emu *emulator.Server
	n   int
}

func seedWorkspace(t *testing.T, opt emulator.Options) *seeded {
	t.Helper()
	opt.LRO = time.Millisecond
	emu, err := emulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := emu.Start("127.0.0.1:0", false, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := emu.Close(); err != nil {
			t.Error(err)
		}
	})
	return &seeded{t: t, url: emu.URL(), emu: emu}
}

// put sends one body, in which {WS} is the workspace, and waits for it.
func (s *seeded) put(id asset.ID, body string) {
	s.t.Helper()
	s.request(http.MethodPut, testScope.ARM(id), strings.NewReplacer("{WS}", testScope.WorkspaceID(), "{RG}", "/subscriptions/"+testScope.Subscription+"/resourceGroups/rg").Replace(body))
	s.n++
}

func (s *seeded) request(method, path, body string) []byte {
	s.t.Helper()
	for range 500 {
		req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path+"?api-version=2024-10-01", strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer emulator")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := got.ReadFrom(resp.Body); err != nil {
			s.t.Fatal(err)
		}
		_ = resp.Body.Close()
		switch {
		case resp.StatusCode == http.StatusConflict && method == http.MethodPut:
			continue // what it depends on is still being made
		case resp.StatusCode >= 300:
			s.t.Fatalf("%s %s: %d %s\n%s", method, path, resp.StatusCode, got.String(), body)
		}
		return got.Bytes()
	}
	s.t.Fatalf("%s %s: conflict for ever", method, path)
	return nil
}

// settled waits until nothing is being made any more.
func (s *seeded) settled(ids ...asset.ID) {
	s.t.Helper()
	for _, id := range ids {
		for i := 0; ; i++ {
			var got struct {
				Properties struct{ ProvisioningState string }
			}
			if err := json.Unmarshal(s.request(http.MethodGet, testScope.ARM(id), ""), &got); err != nil {
				s.t.Fatal(err)
			}
			if got.Properties.ProvisioningState == "Succeeded" {
				break
			}
			if i > 5000 {
				s.t.Fatalf("%s: %s for ever", id, got.Properties.ProvisioningState)
			}
		}
	}
}

func vid(k, name, version string) asset.ID {
	return asset.ID{Kind: asset.Kind(k), Name: name, Version: version}
}

func did(k, endpoint, name string) asset.ID {
	return asset.ID{Kind: asset.Kind(k), Parent: endpoint, Name: name}
}

// clientBodies are bodies as the reference client sent them, by the name of the
// file that they came from.
func clientBodies(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var recorded map[string]struct{ Body json.RawMessage }
	data, err := os.ReadFile("../../kind/testdata/rest/client.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	for name, r := range recorded {
		out[strings.TrimSuffix(name, ".yml")] = string(r.Body)
	}
	files, err := filepath.Glob("../../kind/testdata/runs/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = string(data)
	}
	for name, body := range out {
		for _, key := range []string{`"key": "KEY"`, `"sasToken": "?x=1"`, `"clientSecret": "s"`, `"certificate": "C"`, `"password": "pw"`, `"adminUserPassword": "pw"`} {
			head, _, _ := strings.Cut(key, ": ")
			body = strings.ReplaceAll(body, key, head+`: "`+canary+`"`)
			body = strings.ReplaceAll(body, strings.ReplaceAll(key, ": ", ":"), head+`: "`+canary+`"`)
		}
		out[name] = body
	}
	return out
}

// fill seeds about n assets of all kinds.
func (s *seeded) fill(n int) {
	s.t.Helper()
	body := clientBodies(s.t)
	s.put(vid("environment", "ec", "1"), `{"properties":{"image":"img:1","condaFile":"name: x\ndependencies:\n- python=3.10\n"}}`)
	s.put(vid("environment", "e", "1"), `{"properties":{"image":"img:2"}}`)
	s.put(vid("environment", "CliV2AnonymousEnvironment", "4cf67caa"), `{"properties":{"image":"img:other","isAnonymous":true}}`)
	s.put(vid("code", "c", "1"), `{"properties":{"codeUri":"https://acct.blob.core.windows.net/c/src","isAnonymous":true,"properties":{"hash_sha256":"ab","hash_version":"202208"}}}`)
	s.put(vid("compute", "cpu", ""), body["compute-cluster-quirks"])
	s.put(vid("model", "m1", "1"), body["model-custom"])
	s.put(vid("data", "d1", "2"), body["data-file"])
	s.put(vid("environment", "e", "2"), `{"properties":{"image":"img:3"}}`)
	s.put(vid("compute", "gpu", ""), body["compute-cluster-quirks"])
	s.put(vid("datastore", "store", ""), body["datastore-blob"])
	s.put(vid("model", "start", "2"), body["model-mlflow"])
	for _, name := range []string{"in", "out", "d1", "d3", "t", "data", "table", "file"} {
		s.put(vid("data", name, "1"), body["data-file"])
	}
	for i := range max(n-60, 0) {
		name := fmt.Sprintf("a%03d", i/3)
		version := fmt.Sprint(i%3 + 1)
		switch i % 9 {
		case 0, 1, 2:
			s.put(vid("environment", name, version), strings.Replace(body["environment-image"], `"img:1"`, `"img:`+version+`"`, 1))
		case 3, 4, 5:
			s.put(vid("data", name, version), body["data-folder"])
		default:
			s.put(vid("model", name, version), body["model-mlflow"])
		}
	}
	var slow []asset.ID
	for name, b := range body {
		switch k, _, _ := strings.Cut(name, "-"); k {
		case "compute":
			id := vid("compute", strings.ReplaceAll(name, "compute-", "c-"), "")
			s.put(id, b)
			slow = append(slow, id)
		case "datastore":
			s.put(vid("datastore", strings.ReplaceAll(name, "-", "_"), ""), b)
		case "data", "environment", "model":
			s.put(vid(k, "s-"+name, "7"), b)
		}
	}
	for _, e := range []struct{ kind, name, sample string }{{"online-endpoint", "ep1", "online-endpoint-managed"}, {"batch-endpoint", "be1", "batch-endpoint"}} {
		id := vid(e.kind, e.name, "")
		s.put(id, withoutLate(s.t, body[e.sample]))
		s.settled(id)
	}
	for _, name := range []string{"blue", "green"} {
		s.put(did("online-deployment", "ep1", name), body["online-deployment-managed"])
		slow = append(slow, did("online-deployment", "ep1", name))
	}
	s.put(did("batch-deployment", "be1", "model1"), body["batch-deployment"])
	slow = append(slow, did("batch-deployment", "be1", "model1"))
	s.settled(slow...)
	s.put(vid("online-endpoint", "ep1", ""), `{"location":"eastus","tags":{"a":"b"},"identity":{"type":"SystemAssigned"},"properties":{"authMode":"Key","traffic":{"blue":90,"green":10}}}`)
	s.settled(vid("online-endpoint", "ep1", ""))
	s.components(body)
	for name, b := range body {
		if strings.HasPrefix(name, "job-") {
			s.put(vid("job", name, ""), b)
		}
	}
}

// components seeds all components, those that hold others last.
func (s *seeded) components(body map[string]string) {
	s.t.Helper()
	for _, whole := range []bool{false, true} {
		for name, b := range body {
			if !strings.HasPrefix(name, "component-") || (name == "component-pipeline") != whole {
				continue
			}
			v, err := asset.ParseJSON([]byte(b))
			if err != nil {
				s.t.Fatal(err)
			}
			spec := v.GetPath("properties", "componentSpec")
			s.put(vid("component", spec.Get("name").Str(), spec.Get("version").Str()), b)
		}
	}
}

// withoutLate takes out what can be set only once deployments exist.
func withoutLate(t *testing.T, body string) string {
	v, err := asset.ParseJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"traffic", "mirrorTraffic", "defaults"} {
		v.Get("properties").Delete(key)
	}
	out, _ := v.MarshalJSON()
	return string(out)
}
