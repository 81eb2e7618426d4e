package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
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
	for _, name := range []string{"in", "out", "d1", "d3", "t"} {
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
	for name, b := range body {
		if strings.HasPrefix(name, "job-") {
			s.put(vid("job", name, ""), b)
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

// exportRun runs the program and returns its exit code and output.
func exportRun(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(""), out: &out, err: &errs, width: 120}, env: func(k string) (string, bool) {
		v, ok := env[k]
		return v, ok
	}}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(t.Context())
	return a.exit(t.Context(), err), out.String(), errs.String()
}

func (s *seeded) export(dir string, args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	return exportRun(s.t, nil, append([]string{"export", "--workspace", testScope.WorkspaceID(), "--endpoint", s.url, "--out", dir}, args...)...)
}

// exportedFiles are all files of a folder with their contents.
func exportedFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameFiles(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is\n%s\nwant\n%s", name, got[name], text)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
}

func TestExportIsThePlan(t *testing.T) {
	s := seedWorkspace(t, emulator.Options{})
	s.fill(300)
	dir, again := t.TempDir(), t.TempDir()
	code, out, errs := s.export(dir, "-v", "--all-versions")
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	first := exportedFiles(t, dir)
	if n := len(first); n < 280 {
		t.Errorf("%d files of %d assets:\n%s", n, s.n, out)
	}
	env := map[string]string{"XDG_STATE_HOME": t.TempDir()}
	for name, text := range first {
		if strings.Contains(text, canary) {
			t.Errorf("%s holds a secret", name)
		}
	}
	if strings.Contains(out+errs, canary) {
		t.Error("the output holds a secret")
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 0 && strings.HasPrefix(f[0], "MLSYNC_SECRET_") {
			env[f[0]] = "x"
		}
	}
	code, plan, errs := exportRun(t, env, "plan", "-C", dir, "--exit-code", "--full")
	if code != 0 {
		t.Errorf("plan: exit code %d\n%s%s", code, plan, errs)
	}
	if code, out, errs := s.export(again, "--all-versions"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	sameFiles(t, exportedFiles(t, again), first)
	if code, out, errs := s.export(dir, "--all-versions"); code != 0 || !strings.Contains(out, "wrote 0 files") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	sameFiles(t, exportedFiles(t, dir), first)
}

func TestExportIntoTree(t *testing.T) {
	s := seedWorkspace(t, emulator.Options{})
	model := `{"properties":{"modelType":"custom_model","modelUri":"azureml://datastores/workspaceblobstore/paths/m","description":"DESC"}}`
	s.put(vid("model", "m", "1"), strings.Replace(model, "DESC", "old", 1))
	dir := t.TempDir()
	config := "# mine\ntargets:\n  dev:\n    id: " + testScope.WorkspaceID() + "\n    endpoint: " + s.url + "\n"
	seedFiles(t, dir, map[string]string{
		"mlsync.yaml":   config,
		"things/m.yaml": "# The model.\nname: m\nversion: 1\ntype: custom_model\npath: azureml://datastores/workspaceblobstore/paths/m\ndescription: old   # to be said better\n",
	})
	first := exportedFiles(t, dir)
	if code, out, errs := exportRun(t, nil, "export", "-C", dir, "--target", "dev"); code != 0 || !strings.Contains(out, "1 asset: wrote 0 files, 1 unchanged") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	sameFiles(t, exportedFiles(t, dir), first)
	s.put(vid("model", "m", "1"), strings.Replace(model, "DESC", "new", 1))
	if code, out, errs := exportRun(t, nil, "export", "-C", dir, "--target", "dev", "--dry-run"); code != 0 || !strings.Contains(out, "would write things/m.yaml\n") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	sameFiles(t, exportedFiles(t, dir), first)
	if code, out, errs := exportRun(t, nil, "export", "-C", dir, "--target", "dev"); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	first["things/m.yaml"] = strings.Replace(first["things/m.yaml"], "old", "new", 1)
	sameFiles(t, exportedFiles(t, dir), first)
}

// Contents come back as folders, and apply of a tree with folders is what put
// them there.
func TestExportWithContent(t *testing.T) {
	s := seedWorkspace(t, emulator.Options{})
	source, dir := t.TempDir(), t.TempDir()
	seedFiles(t, source, map[string]string{
		"mlsync.yaml":       "owner: team\ntargets:\n  dev:\n    id: " + testScope.WorkspaceID() + "\n    endpoint: " + s.url + "\n",
		"data.yml":          "name: iris\nversion: 1\ntype: uri_file\npath: files/iris.csv\n",
		"folder.yml":        "name: many\nversion: 1\ntype: uri_folder\npath: files\n",
		"files/iris.csv":    "a,b\n1,2\n",
		"files/sub/x.json":  "{}",
		"env.yml":           "$schema: x/environment.schema.json\nname: built\nversion: 1\nbuild: {path: docker}\n",
		"docker/Dockerfile": "FROM scratch\n",
		"cpu.yml":           "type: amlcompute\nname: cpu\n",
		"job.yml":           "$schema: x/commandJob.schema.json\ntype: command\nname: run1\ncommand: python a.py\ncode: src\nenvironment: azureml:built:1\ncompute: azureml:cpu\n",
		"src/a.py":          "print(1)\n",
		"src/lib/b.py":      "x = 2\n",
		"odd.yml":           "name: odd\nversion: 1\ntype: uri_folder\npath: odd\n",
		"odd/nested.yml":    "$schema: x/environment.schema.json\nname: inner\nversion: 1\nimage: img\n",
	})
	env := map[string]string{"XDG_STATE_HOME": t.TempDir()}
	if code, out, errs := exportRun(t, env, "apply", "-C", source); code != 0 {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
	}
	kinds := "data,environment,compute,job"
	code, out, errs := s.export(dir, "--with-content", "-v", "--kinds", kinds)
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	got := exportedFiles(t, dir)
	for name, want := range map[string]string{
		"data/iris/1/iris.csv":                   "a,b\n1,2\n",
		"data/many/1/files/sub/x.json":           "{}",
		"environments/built/1/docker/Dockerfile": "FROM scratch\n",
		"jobs/run1/src/a.py":                     "print(1)\n",
		"jobs/run1/src/lib/b.py":                 "x = 2\n",
		"data/odd/1/odd/nested.yml":              "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.Contains(got["mlsync.yaml"], "owner: team\ntargets:\n  dev:\n") {
		t.Errorf("the tree is another owner's:\n%s", got["mlsync.yaml"])
	}
	if !strings.Contains(out, "data/odd/1/odd stays an address: it holds files that would be taken for assets") {
		t.Errorf("it is not said why odd is left:\n%s", out)
	}
	code, plan, errs := exportRun(t, map[string]string{"XDG_STATE_HOME": t.TempDir()}, "plan", "-C", dir, "--exit-code", "--full")
	if code != 0 {
		t.Errorf("plan: exit code %d\n%s%s", code, plan, errs)
	}
	if code, out, errs := s.export(dir, "--with-content", "--kinds", kinds); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	sameFiles(t, exportedFiles(t, dir), got)
}

// A tree that cannot be read is not written into: its assets would be there
// twice.
func TestExportIntoBrokenTree(t *testing.T) {
	s := seedWorkspace(t, emulator.Options{})
	s.put(vid("environment", "e", "1"), `{"properties":{"image":"img"}}`)
	dir := t.TempDir()
	seedFiles(t, dir, map[string]string{"environments/e/1.yml": "name: e\nversion: 1\nimagine: img\n"})
	first := exportedFiles(t, dir)
	code, _, errs := s.export(dir)
	if code != exitProblems || !strings.Contains(errs, "environments/e/1.yml") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	sameFiles(t, exportedFiles(t, dir), first)
}

func TestExportOfWhatCannotBeRead(t *testing.T) {
	fault, err := emulator.ParseFault("status=403,method=GET,path=*/onlineEndpoints/ep1/deployments*")
	if err != nil {
		t.Fatal(err)
	}
	s := seedWorkspace(t, emulator.Options{Faults: []emulator.Fault{fault}})
	s.put(vid("environment", "e", "1"), `{"properties":{"image":"img"}}`)
	s.put(vid("online-endpoint", "ep1", ""), `{"location":"eastus2","identity":{"type":"SystemAssigned"},"properties":{"authMode":"Key"}}`)
	dir := t.TempDir()
	code, out, errs := s.export(dir)
	if code != exitError || !strings.Contains(errs, "online-deployment could not be read and is not in the export") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	got := exportedFiles(t, dir)
	for _, name := range []string{"environments/e/1.yml", "online-endpoints/ep1/endpoint.yml", "mlsync.yaml"} {
		if got[name] == "" {
			t.Errorf("%s is not written", name)
		}
	}
	code, out, _ = s.export(t.TempDir(), "--json")
	var result exportJSON
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != exitError || result.Unread["online-deployment"] == "" || result.Assets != 2 {
		t.Errorf("exit code %d, %v: %+v", code, err, result)
	}
}

// Export neither writes through links nor out of its folder.
func TestExportThroughLinks(t *testing.T) {
	s := seedWorkspace(t, emulator.Options{})
	s.put(vid("environment", "e", "1"), `{"properties":{"image":"img"}}`)
	for name, link := range map[string]string{"file": "environments/e/1.yml", "folder": "environments"} {
		t.Run(name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			seedFiles(t, outside, map[string]string{"target": "mine"})
			at := filepath.Join(dir, filepath.FromSlash(link))
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			to := outside
			if name == "file" {
				to = filepath.Join(outside, "target")
			}
			if err := os.Symlink(to, at); err != nil {
				t.Fatal(err)
			}
			code, out, errs := s.export(dir)
			if code != exitError || !strings.Contains(errs, "symbolic link") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
			sameFiles(t, exportedFiles(t, outside), map[string]string{"target": "mine"})
		})
	}
}

func TestExportFlags(t *testing.T) {
	s := seedWorkspace(t, emulator.Options{})
	for want, args := range map[string][]string{
		`there is no kind "enviroment"`:                {"--kinds", "enviroment"},
		"--latest needs a number above 0":              {"--latest", "0"},
		"none of the others can be; [all-versions lat": {"--latest", "2", "--all-versions"},
	} {
		if code, _, errs := s.export(t.TempDir(), args...); code != exitError || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, %s", args, code, errs)
		}
	}
}

// seedFiles writes files below a folder.
func seedFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
