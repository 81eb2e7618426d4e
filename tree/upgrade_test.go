package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

const previewEnv = `# yaml-language-server: $schema=https://azuremlsdk2.blob.core.windows.net/latest/environment.schema.json
# ours
name: torch
version: '1'  # first
docker:
   # the image
   image: base:1 # pinned
conda:
   inline:
      name: "test_env"
      dependencies:
         - python=3.6.2 # old
         # the rest
         - pip:
            - torch
   interpreter_path: "python" # defaults to python
`

func TestUpgrade(t *testing.T) {
	out, bad := Upgrade([]byte(previewEnv), "env.yml")
	want := `$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
# ours
name: torch
version: "1"  # first
# the image
image: base:1  # pinned
conda_file:
  name: test_env
  dependencies:
    - python=3.6.2  # old
    # the rest
    - pip:
        - torch
# defaults to python
# No equivalent: conda.interpreter_path.
`
	if len(out) != 1 || out[0].Path != "env.yml" || string(out[0].Data) != want {
		t.Errorf("%v\n%s", bad, out[0].Data)
	}
	if len(bad) != 1 || bad[0].Severity != problem.Warning || bad[0].Pos.Line != 16 {
		t.Error(bad)
	}
	if again, _ := Upgrade(out[0].Data, "env.yml"); again != nil {
		t.Error("a released file was upgraded")
	}
}

func TestUpgradeKeepsReleasedDocuments(t *testing.T) {
	out, bad := Upgrade([]byte("# one\nname: a\nimage: x   # kept as it is\n---\nname: b\ndocker: {image: z}\n"), "e.yml")
	want := "# one\nname: a\nimage: x   # kept as it is\n---\n$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: b\nimage: z\n"
	if len(bad) > 0 || len(out) != 1 || string(out[0].Data) != want {
		t.Errorf("%v\n%s", bad, out[0].Data)
	}
}

func TestUpgradeSplitsEndpoints(t *testing.T) {
	out, bad := Upgrade([]byte(`name: ep
compute: ws:/aks   # cluster
auth_mode: token
deployments:
  # first
  blue:
    model: ws:/m:1
    environment: azureml:e:1
    sku: S   # big
    scale_settings: {scale_type: auto, instance_count: 3}
  green:
    model: ws:/m:2 # new
    environment: azureml:e:1
    sku: S
`), "a/ep.yaml")
	if err := bad.Err(); err != nil || len(out) != 3 {
		t.Fatal(err, len(out))
	}
	for i, want := range []struct{ path, text string }{{"a/ep.yaml", "# cluster"}, {"a/ep.blue.yaml", "# big"}, {"a/ep.green.yaml", "# new"}} {
		if out[i].Path != want.path || !strings.Contains(string(out[i].Data), want.text) {
			t.Errorf("%s:\n%s", out[i].Path, out[i].Data)
		}
	}
}

// The samples mean the same before and after.
func TestUpgradeOfSamples(t *testing.T) {
	dir, _ := corpus(t)
	seed := filepath.Join(filepath.Dir(dir), "seed")
	names, err := filepath.Glob(filepath.Join(seed, "*.yml"))
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		before, bad := Read(fstest.MapFS{base: &fstest.MapFile{Data: data}}, Options{})
		out, warned := Upgrade(data, base)
		if strings.Contains(base, ".released.") || strings.Contains(base, "deployment-blue") {
			if out != nil {
				t.Errorf("%s: upgraded", base)
			}
			continue
		}
		if len(out) == 0 {
			t.Errorf("%s: not upgraded: %v", base, warned)
			continue
		}
		after := fstest.MapFS{}
		for _, o := range out {
			after[o.Path] = &fstest.MapFile{Data: o.Data}
		}
		tr, worse := Read(after, Options{})
		got, was := asset.NewSet(tr.Assets...).All(), asset.NewSet(before.Assets...).All()
		if len(worse.Errors()) > len(bad.Errors()) || len(got) != len(was) || len(got) == 0 {
			t.Errorf("%s: %s, before %s\n%v\n%s", base, ids(tr), ids(before), worse, out[0].Data)
			continue
		}
		for i, a := range got {
			if a.ID != was[i].ID || !a.Body.Equal(was[i].Body) || a.Variant != was[i].Variant {
				t.Errorf("%s: %s\ngot  %s\nwant %s", base, a.ID, a.Body.Canonical(), was[i].Body.Canonical())
			}
		}
		if again, _ := Upgrade(out[0].Data, base); again != nil {
			t.Errorf("%s: upgraded twice", base)
		}
		for _, line := range strings.Split(string(data), "\n") {
			if i := strings.Index(line, "#"); i >= 0 && !strings.Contains(string(out[0].Data), strings.TrimSpace(line[i:])) {
				t.Errorf("%s: the comment %q is gone", base, line[i:])
			}
		}
	}
}
