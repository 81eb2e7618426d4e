package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

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
