package main

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
)

const testSub = "00000000-0000-0000-0000-000000000001"

func emulated(t *testing.T) *emulator.Server {
	t.Helper()
	em, err := emulator.New(emulator.Options{JobStep: -1})
	if err == nil {
		err = em.Start("127.0.0.1:0", false, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = em.Close() })
	return em
}

func testApp(t *testing.T, dir string) (*app, *bytes.Buffer) {
	t.Helper()
	var errs bytes.Buffer
	a := &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: &errs, width: 120}, env: func(k string) (string, bool) {
		return map[string]string{"XDG_STATE_HOME": t.TempDir(), "HOME": dir}[k], k == "XDG_STATE_HOME" || k == "HOME"
	}}
	a.flags.dir, a.flags.config = dir, config.File
	return a, &errs
}

const twoTargets = `targets:
  dev:
    id: /subscriptions/SUB/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/dev
    endpoint: DEV
  prod:
    id: /subscriptions/SUB/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/prod
    endpoint: PROD
  evil:
    id: /subscriptions/SUB/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/evil
    endpoint: https://evil.example.com
  azure:
    id: /subscriptions/SUB/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/azure
    identity: {type: cli}
`

// The model of a deployment comes from a workspace elsewhere, and is there
// before the deployment is; who may be asked for it stands in mlsync.yaml.
func TestOrigins(t *testing.T) {
	dev, prod := emulated(t), emulated(t)
	dir := t.TempDir()
	files := map[string]string{
		config.File: strings.NewReplacer("SUB", testSub, "DEV", dev.URL(), "PROD", prod.URL()).Replace(twoTargets),
		"ep.yml":    "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: taxi\nauth_mode: key\n",
		"d.yml":     "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: taxi\nmodel: azureml:m:1\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n",
	}
	scope := kind.Scope{Subscription: testSub, ResourceGroup: "rg", Workspace: "dev"}
	client, err := azureml.New(azureml.Options{Endpoint: dev.URL(), StorageEndpoint: dev.URL(), Insecure: true, Credential: "static", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := content.Open(t.Context(), fstest.MapFS{"m/MLmodel": {Data: []byte("flavors: {}\n")}}, "m", content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	up, err := client.Storage(scope.WorkspaceID()).Upload(t.Context(), body, azureml.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Storage(scope.WorkspaceID()).Fingerprint(t.Context(), azureml.Place{Path: up.Path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files["m.yml"] = "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: m\nversion: \"1\"\ntype: mlflow_model\npath: azureml://datastores/workspaceblobstore/paths/LocalUpload/" + c.Object + "/m\n"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := testApp(t, dir)
	a.flags.target = "prod"
	s, err := a.open(t.Context(), targetFlags{writes: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	p := s.pass(func(reconcile.Event) {})
	p.Bytes = func(fs.FS) (map[string]resolve.Source, problem.List) {
		return map[string]resolve.Source{c.Object: {
			Subscription: testSub, ResourceGroup: "RG", Workspace: "dev", Label: "dev",
			Datastore: "workspaceblobstore", Path: up.Path, Object: c.Object, Listing: c.Listing, Files: c.Files, Bytes: c.Bytes,
		}}, nil
	}
	prep, err := p.Prepare(t.Context(), s.commit(t.Context()), plan.Options{}, reconcile.Trigger{})
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := plan.Human(&shown, prep.Plan, plan.Style{}); err != nil || !strings.Contains(shown.String(), "model/m:1") || !strings.Contains(shown.String(), "new, 1 file, 12 bytes to copy from dev") {
		t.Errorf("got\n%s(%v)", shown.String(), err)
	}
	run, err := p.Apply(t.Context(), prep, "manual")
	if err != nil || run.State != plan.Done {
		t.Fatalf("got %+v (%v)", run, err)
	}
	var order []string
	for _, r := range prod.Requests() {
		switch {
		case r.Method == http.MethodPut && strings.Contains(r.Query, "comp=metadata"):
			order = append(order, "bytes")
		case r.Method == http.MethodPut && strings.Contains(r.Path, "/models/"):
			order = append(order, "model")
		case r.Method == http.MethodPut && strings.HasSuffix(r.Path, "/deployments/blue"):
			order = append(order, "deployment")
		}
	}
	if got := strings.Join(order, " "); got != "bytes model deployment" {
		t.Errorf("the order is %s", got)
	}
	for _, r := range dev.Requests() {
		if r.Method == http.MethodPut && strings.Contains(r.Path, "/models/") {
			t.Error("dev was written to")
		}
	}
}

func TestAttackN6OriginsThatNobodyVouchesFor(t *testing.T) {
	em := emulated(t)
	a, _ := testApp(t, t.TempDir())
	text := strings.NewReplacer("SUB", testSub, "DEV", em.URL(), "PROD", em.URL()).Replace(twoTargets)
	cfg, bad := parseConfig([]byte(text), config.File)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	at := func(ws string) kind.Scope {
		return kind.Scope{Subscription: testSub, ResourceGroup: "rg", Workspace: ws}
	}
	for _, test := range []struct {
		from, workspace string
		want            string // of the error; "" for none
	}{
		{"prod", "dev", ""},
		{"prod", "azure", ""},
		{"azure", "unknown", ""}, // in the public cloud
		{"prod", "unknown", "workspace unknown in the resource group rg is no target of mlsync.yaml"},
		{"azure", "evil", "credentials would go to evil.example.com"},
		{"prod", "evil", "credentials would go to evil.example.com"},
		{"azure", "x/../../y", "is no workspace"},
		{"azure", "", "is no workspace"},
	} {
		target := targetOf(cfg, test.from)
		client, err := a.connect(target)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.origins(cfg, target, client, targetFlags{})(t.Context(), at(test.workspace))
		switch {
		case test.want == "" && (err != nil || got == nil):
			t.Errorf("%s from %s: %v", test.workspace, test.from, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s from %s: got %v, want %s", test.workspace, test.from, err, test.want)
		}
	}
	if n := len(em.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	// An address of the command line holds for all workspaces of the run.
	evil := targetOf(cfg, "evil")
	client, err := a.connect(evil, evil.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	st, err := a.origins(cfg, evil, client, targetFlags{endpoint: em.URL()})(t.Context(), at("evil"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Fingerprint(t.Context(), azureml.Place{Path: "none"}, nil); err == nil || len(em.Requests()) == 0 {
		t.Errorf("the emulator was not asked: %v", err)
	}
}
