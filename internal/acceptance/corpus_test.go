package acceptance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// corpus is a tree of files that others wrote, with what Microsoft's client
// makes of each. It is not a part of the repository.
const corpus = "../../../shared/conformance"

// foreign are kinds of the corpus that are not of one workspace, or no state.
var foreign = []string{"action/", "workspace", "registry", "feature-"}

type corpusCase struct{ Kind, Outcome, Source string }

// corpusCases are the files of one workspace that Microsoft's client takes.
func corpusCases(t *testing.T) []corpusCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus, "index.json"))
	if os.IsNotExist(err) {
		t.Skip("no corpus beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	var all, out []corpusCase
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Outcome == "ok" && !slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(c.Kind, p) }) {
			out = append(out, c)
		}
	}
	return out
}

// The files of others, in one tree, are applied in one run. A second plan is
// empty, and so is that of what is exported.
func TestCorpusIsAppliedInOneRun(t *testing.T) {
	t.Parallel()
	cases := corpusCases(t)
	w := newWorld(t, emulator.Options{})
	w.copyIn(os.DirFS(filepath.Join(corpus, "tree")))
	include := w.distinct(cases)
	config := "include:\n"
	for _, name := range include {
		config += "  - " + quoted(name) + "\n"
	}
	w.env["MLSYNC_SECRET_ANY"] = "x"
	w.config(config)
	w.stock()
	r := w.mlsync("apply")
	if r.code != exitDone {
		t.Fatal(r)
	}
	w.quiet(func() {
		w.settled()
		w.settled("--full")
	})
	out := t.TempDir()
	if r := w.raw("export", "--workspace", workspaceID, "--endpoint", w.em.URL(), "--out", out); r.code != exitDone {
		t.Fatal(r)
	}
	if r := w.raw("plan", "-C", out, "--exit-code", "--state", filepath.Join(t.TempDir(), "other.db")); r.code != exitDone {
		t.Fatal(r)
	}
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

var (
	nameLine     = regexp.MustCompile(`(?m)^name:.*$`)
	secretLine   = regexp.MustCompile(`(?m)^(\s+(?:account_key|sas_token|client_secret|certificate|pat|password|secret_access_key|key|api_key|admin_password):).*$`)
	endpointLine = regexp.MustCompile(`(?m)^endpoint_name:\s*["']?([\w-]+)["']?`)
)

// distinct gives every file a name of its own, and every deployment an
// endpoint, and returns the files.
func (w *world) distinct(cases []corpusCase) []string {
	w.t.Helper()
	var out []string
	placeholder := regexp.MustCompile(`(?m)^[^#\n]*(?:azureml:|: *)["']?<[A-Za-z][^>\n]*>`)
	for i, c := range cases {
		data, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(c.Source)))
		if err != nil {
			w.t.Fatal(err)
		}
		text, more := string(data), ""
		if placeholder.MatchString(text) {
			continue // it says itself that a name is to be filled in
		}
		if named := nameLine.MatchString(text); named || !strings.HasPrefix(c.Kind, "job/") {
			name := fmt.Sprintf("case_%03d", i)
			if strings.Contains(c.Kind, "endpoint") || strings.Contains(c.Kind, "deployment") || c.Kind == "compute" || c.Kind == "connection" {
				name = fmt.Sprintf("case-%03d", i)
			}
			if named {
				text = nameLine.ReplaceAllString(text, "name: "+name)
			} else {
				more += "name: " + name + "\n"
			}
		}
		if strings.HasSuffix(c.Kind, "-deployment") {
			end := "name-of-" + strings.TrimSuffix(c.Kind, "-deployment")
			if endpointLine.MatchString(text) {
				text = endpointLine.ReplaceAllString(text, "endpoint_name: "+end)
			} else {
				more += "endpoint_name: " + end + "\n"
			}
		}
		// Secrets do not stand in files.
		text = secretLine.ReplaceAllString(text, "$1 $${{ secret.ANY }}")
		w.write(c.Source, strings.TrimRight(text, "\n")+"\n"+more)
		out = append(out, c.Source)
	}
	w.write("ends/online.yml", "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: name-of-online\nauth_mode: key\n")
	w.write("ends/batch.yml", "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: name-of-batch\n")
	return append(out, "ends/online.yml", "ends/batch.yml")
}

var missing = regexp.MustCompile(`(?:^|: )([a-z-]+) "([^"]+)" (?:is neither|has no version)`)

// stock makes in the workspace what the files refer to and do not hold.
func (w *world) stock() {
	w.t.Helper()
	for range 4 {
		r := w.mlsync("plan", "--json")
		var p struct {
			Problems []struct{ Code, File, Message string }
		}
		if err := json.Unmarshal([]byte(r.out), &p); err != nil {
			w.t.Fatal(r)
		}
		made := 0
		for _, bad := range p.Problems {
			if m := missing.FindStringSubmatch(bad.Message); m != nil {
				w.stub(m[1], m[2])
				made++
			}
		}
		if made == 0 {
			for _, bad := range p.Problems {
				w.t.Logf("%s: %s: %s", bad.File, bad.Code, bad.Message)
			}
			return
		}
	}
}

// stub makes an asset that something refers to.
func (w *world) stub(kind, ref string) {
	w.t.Helper()
	name, version, ok := strings.Cut(ref, ":")
	if !ok {
		version = "1"
	}
	props := func(more map[string]any) map[string]any { return map[string]any{"properties": more} }
	switch kind {
	case "compute":
		w.put("computes/"+name, map[string]any{"location": "eastus", "properties": map[string]any{"computeType": "AmlCompute", "properties": map[string]any{"vmSize": "STANDARD_DS3_V2", "scaleSettings": map[string]any{"minNodeCount": 0, "maxNodeCount": 1}}}})
	case "environment":
		w.put("environments/"+name+"/versions/"+version, props(map[string]any{"image": "busybox"}))
	case "data":
		w.put("data/"+name+"/versions/"+version, props(map[string]any{"dataType": "uri_folder", "dataUri": "https://x.example/" + name + "/"}))
	case "model":
		w.put("models/"+name+"/versions/"+version, props(map[string]any{"modelType": "custom_model", "modelUri": "https://x.example/" + name}))
	case "component":
		w.put("components/"+name+"/versions/"+version, props(map[string]any{"componentSpec": map[string]any{"name": name, "version": version, "type": "command", "command": "echo", "environment": "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"}}))
	case "job":
		w.put("jobs/"+name, props(map[string]any{"jobType": "Command", "command": "echo", "environmentId": "azureml:AzureML-sklearn-1.5:1", "experimentName": "x"}))
	case "connection":
		w.put("connections/"+name, props(map[string]any{"authType": "None", "category": "Git", "target": "https://x.example"}))
	case "datastore":
		w.put("datastores/"+name, props(map[string]any{"datastoreType": "AzureBlob", "accountName": "a", "containerName": "c", "credentials": map[string]any{"credentialsType": "None"}}))
	case "online-deployment":
		endpoint, name, _ := strings.Cut(ref, "/")
		w.put("onlineEndpoints/"+endpoint, map[string]any{"location": "eastus", "properties": map[string]any{"authMode": "Key"}})
		collect := map[string]any{"dataCollectionMode": "Enabled", "dataId": "azureml:collected:1"}
		w.put("onlineEndpoints/"+endpoint+"/deployments/"+name, map[string]any{
			"location": "eastus", "sku": map[string]any{"name": "Default", "capacity": 1},
			"properties": map[string]any{
				"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2",
				"dataCollector": map[string]any{"collections": map[string]any{"model_inputs": collect, "model_outputs": collect}},
			},
		})
	default:
		w.t.Errorf("no stub for %s %s", kind, ref)
	}
}
