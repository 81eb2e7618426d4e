package resolve_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/resolve"
)

const anonymous = "CliV2AnonymousEnvironment"

// The same content is one asset, wherever it stands.
func TestInlineEnvironment(t *testing.T) {
	f := files{
		"jobs/a.yml":     job("{image: base, conda_file: ../conda.yml}"),
		"jobs/b.yml":     job("{image: base, conda_file: {channels: [conda-forge], dependencies: [python=3.11]}}"),
		"jobs/c.yml":     job("file:../shared/env.yml"),
		"conda.yml":      "channels: [conda-forge]\ndependencies: [python=3.11]\n",
		"shared/env.yml": "image: base\nconda_file: ../conda.yml\n",
	}
	want := good(t, f, &world{})
	e := only(t, want, "environment")
	if e.ID.Name != anonymous || len(e.ID.Version) != 64 && len(e.ID.Version) != 32 || !e.Anonymous {
		t.Errorf("got %s, anonymous %v", e.ID, e.Anonymous)
	}
	for _, a := range want.Set.All() {
		if got := a.Body.Get("environment").Text(); a.ID.Kind == "job" && got != "azureml:"+e.ID.Name+":"+e.ID.Version {
			t.Errorf("%s refers to %q, want %s", a.ID, got, e.ID)
		}
	}
	f["jobs/d.yml"] = job("{image: other}")
	n := 0
	for _, a := range good(t, f, &world{}).Set.All() {
		if a.ID.Kind == "environment" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d environments of two contents", n)
	}
}

// What an asset was made from comes before it.
func TestOrder(t *testing.T) {
	want := good(t, everything(), stocked())
	at := map[asset.ID]int{}
	for i, id := range want.Order {
		at[id] = i
	}
	if len(at) != want.Set.Len() || len(want.Order) != want.Set.Len() {
		t.Fatalf("order %v of %d assets", want.Order, want.Set.Len())
	}
	for _, a := range want.Set.All() {
		if !a.Anonymous && a.ID.Kind != "job" {
			continue
		}
		if ref := a.Body.Get("environment").Text(); strings.HasPrefix(ref, "azureml:"+anonymous) {
			name, version, _ := strings.Cut(strings.TrimPrefix(ref, "azureml:"), ":")
			if at[asset.ID{Kind: "environment", Name: name, Version: version}] > at[a.ID] {
				t.Errorf("%s comes before its environment", a.ID)
			}
		}
	}
}

func TestFileReferenceProblems(t *testing.T) {
	for _, test := range []struct{ name, ref, text, want string }{
		{"missing", "file:../none.yml", "", `jobs/a.yml:4:14: "none.yml" does not exist (paths are relative to the folder of a.yml)`},
		{"empty", "file:../env.yml", "# nothing\n", `jobs/a.yml:4:14: "env.yml" is empty`},
		{"a folder", "file:../shared", "", `jobs/a.yml:4:14: "shared" is a folder (name a file)`},
		{"outside", "file:../../env.yml", "", `jobs/a.yml:4:14: "../../env.yml" is outside of the repository (use a path inside the repository)`},
		{"a wrong field", "file:../env.yml", "image: a\nimge: b\n", `env.yml:2:7: unknown field "imge" (did you mean "image"?)`},
		{"another reference", "file:../env.yml", "azureml:e:1\n", `env.yml:1:1: "env.yml" holds no environment`},
		{"itself", "file:../env.yml", "file:env.yml\n", `env.yml:1:1: "env.yml" holds no environment`},
		{"a path within it", "file:../env.yml", "image: a\nconda_file: none.yml\n", `env.yml:2:13: "none.yml" does not exist (paths are relative to the folder of env.yml)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := files{"jobs/a.yml": job(test.ref), "shared/x.txt": ""}
			if test.text != "" {
				f["env.yml"] = test.text
			}
			bad(t, f, &world{}, test.want)
		})
	}
}

// Models and data that are written inline are registered if they have a name.
func TestNamedInline(t *testing.T) {
	f := files{
		"endpoint.yml": endpoint,
		"blue.yml":     deployment("model: {name: m, version: 3, path: ./model}", "environment: {name: e, image: base}"),
		"model/a.pkl":  "x",
	}
	w := (&world{}).add(liveEnv("e", "4", "other"))
	want := good(t, f, w)
	if got := field(t, want, "online-deployment/taxi/blue", "model"); got != "azureml:m:3" {
		t.Errorf("model %q", got)
	}
	if got := field(t, want, "online-deployment/taxi/blue", "environment"); got != "azureml:e:5" {
		t.Errorf("environment %q", got)
	}
	if want.Set.Get(id("environment/e:5")).Anonymous {
		t.Error("a named environment is anonymous")
	}
	if got := want.Uploads[id("model/m:3")]; len(got) != 1 || got[0].Content.Path != "model" {
		t.Errorf("uploads of the model: %v", got)
	}
	if got := want.Uploads[id("online-deployment/taxi/blue")]; len(got) != 0 {
		t.Errorf("the deployment uploads what is the model's: %v", got)
	}

	w.unknown = map[string]bool{"environment/e": true}
	want = good(t, f, w)
	if got := want.Unresolved[id("online-deployment/taxi/blue")]; got != "the versions of environment/e could not be read" {
		t.Errorf("unresolved because %q", got)
	}
}

// What was lifted out of an asset is wanted only if the asset is.
func TestPartsOfUnresolved(t *testing.T) {
	f := files{"jobs/a.yml": job("{image: base}", "code: ../src", "compute: azureml:gpu"), "src/train.py": "x"}
	want := good(t, f, &world{unknown: map[string]bool{"compute": true}})
	if len(want.Unresolved) != 1 || want.Set.Len() != 0 || len(want.Order) != 0 || len(want.Uploads) != 0 {
		t.Errorf("unresolved %v, wanted %v, uploads %v", want.Unresolved, want.Order, want.Uploads)
	}
}

func TestUnnamedInlineModel(t *testing.T) {
	f := files{"endpoint.yml": endpoint, "blue.yml": deployment("model: {path: ./model}", "environment: azureml:AzureML-x@latest"), "model/a.pkl": "x"}
	m := only(t, good(t, f, &world{}), "model")
	if !m.Anonymous || m.ID.Version != "1" || len(m.ID.Name) != 64 {
		t.Errorf("got %s", m.ID)
	}
	f["model/a.pkl"] = "y"
	if again := only(t, good(t, f, &world{}), "model"); again.ID == m.ID {
		t.Errorf("other content has the same name %s", m.ID)
	}
}

func TestDuplicates(t *testing.T) {
	f := files{
		"endpoint.yml": endpoint, "blue.yml": deployment("model: {name: m, version: 3, path: ./model}", "environment: azureml:AzureML-x@latest"), "model/a.pkl": "x",
		"m.yml": "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: m\nversion: \"3\"\npath: ./model\n",
	}
	_, got := resolveAll(t, f, &world{})
	if len(got) != 1 || got[0].Code != "duplicate" || !strings.Contains(got[0].Text, "model/m:3 is already defined at blue.yml:6:8") {
		t.Errorf("got %v", got)
	}
}

var _ resolve.Facts = (*world)(nil)
