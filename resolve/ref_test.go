package resolve_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

func TestReferences(t *testing.T) {
	live := (&world{}).add(liveEnv("live", "4", "a"), &asset.Asset{ID: id("compute/gpu"), Variant: "amlcompute", Body: asset.NewMap()})
	base := files{"envs/e.yml": env("own", "7", "b")}
	for _, test := range []struct{ name, ref, compute, want, wantCompute string }{
		{"of the tree", "azureml:own:7", "azureml:gpu", "azureml:own:7", "azureml:gpu"},
		{"live", "azureml:live:4", "gpu", "azureml:live:4", "azureml:gpu"},
		{"a resource id of this workspace", scope.ARM(id("environment/live:4")), "azureml:gpu", "azureml:live:4", "azureml:gpu"},
		{"of a registry", "azureml://registries/r/environments/e/versions/1", "gpu", "azureml://registries/r/environments/e/versions/1", "azureml:gpu"},
		{"the service's own", "azureml:AzureML-sklearn@latest", "local", "azureml:AzureML-sklearn@latest", "local"},
		{"the service's own by version", "azureml:AzureML-sklearn:12", "azureml:gpu", "azureml:AzureML-sklearn:12", "azureml:gpu"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := good(t, base.with(files{"jobs/j.yml": job(test.ref, "compute: "+test.compute)}), live)
			j := only(t, want, "job")
			if got := j.Body.Get("environment").Text(); got != test.want {
				t.Errorf("environment %q, want %q", got, test.want)
			}
			if got := j.Body.Get("compute").Text(); got != test.wantCompute {
				t.Errorf("compute %q, want %q", got, test.wantCompute)
			}
		})
	}
}

func TestReferenceNowhere(t *testing.T) {
	for _, test := range []struct{ name, ref, want string }{
		{"version", "azureml:own:8", `jobs/j.yml:4:14: environment: environment "own:8" is neither in this tree nor in the workspace (add it to the tree, or correct the name)`},
		{"latest", "azureml:other@latest", `jobs/j.yml:4:14: environment: environment "other" has no version, neither in this tree nor in the workspace (add it to the tree, or correct the name)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := bad(t, files{"envs/e.yml": env("own", "7", "b"), "jobs/j.yml": job(test.ref)}, &world{}, test.want)
			if p.Code != "missing_reference" {
				t.Errorf("code %q", p.Code)
			}
		})
	}
}

// What could not be read is neither there nor missing.
func TestReferenceUnknown(t *testing.T) {
	own := files{"envs/e.yml": env("own", "7", "b"), "envs/auto.yml": env("auto", "", "c")}
	for _, test := range []struct{ name, ref, unknown, why string }{
		{"the kind", "azureml:other:1", "environment", "environment/other:1, to which it refers, could not be read"},
		{"the asset", "azureml:other:1", "environment/other:1", "environment/other:1, to which it refers, could not be read"},
		{"latest", "azureml:other@latest", "environment/other", "the latest version of environment/other could not be read"},
		{"whether the tree's version is live", "azureml:own@latest", "environment/own:7", "whether environment/own:7 is live could not be read"},
		{"the version of the tree's", "azureml:auto@latest", "environment/auto", "the version of environment/auto is not known"},
		{"a version that may be the tree's", "azureml:auto:1", "environment/auto", "environment/auto:1, to which it refers, could not be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := (&world{unknown: map[string]bool{test.unknown: true}}).add(liveEnv("own", "6", "x"))
			want := good(t, own.with(files{"jobs/j.yml": job(test.ref)}), w)
			var got string
			for id, why := range want.Unresolved {
				if id.Kind == "job" {
					got = why
				}
			}
			if got != test.why {
				t.Errorf("the job is unresolved because %q, want %q", got, test.why)
			}
			for _, a := range want.Set.All() {
				if a.ID.Kind == "job" {
					t.Errorf("%s is wanted all the same", a.ID)
				}
			}
		})
	}
}

// A version of the tree is not taken to be absent because another version, to
// which it could have resolved, was not read.
func TestReferenceToUnknownVersionOfTheTree(t *testing.T) {
	w := &partial{world: &world{}, versions: "environment/auto"}
	in := input(t, files{"envs/auto.yml": env("auto", "", "c"), "jobs/j.yml": job("azureml:auto:3")}, w.world)
	in.Facts = w
	want := resolveInput(t, in)
	if len(want.Unresolved) != 2 {
		t.Errorf("unresolved %v, want the environment and the job", want.Unresolved)
	}
}

func TestLatest(t *testing.T) {
	for _, test := range []struct {
		name string
		tree files
		live []*asset.Asset
		want string
	}{
		{"live only", nil, []*asset.Asset{liveEnv("e", "9", "a"), liveEnv("e", "3", "a")}, "azureml:e:3"},
		{"tree only", files{"envs/e.yml": env("e", "2", "a")}, nil, "azureml:e:2"},
		{"the newest of the tree", files{"envs/e.yml": env("e", "9", "a"), "envs/f.yml": env("e", "10", "b")}, nil, "azureml:e:10"},
		{"the tree's is new", files{"envs/e.yml": env("e", "2", "a")}, []*asset.Asset{liveEnv("e", "1", "a")}, "azureml:e:2"},
		{"the tree's is there and was followed", files{"envs/e.yml": env("e", "1", "a")}, []*asset.Asset{liveEnv("e", "1", "a"), liveEnv("e", "2", "b")}, "azureml:e:2"},
		{"automatic and new", files{"envs/e.yml": env("e", "", "new")}, []*asset.Asset{liveEnv("e", "1", "old")}, "azureml:e:2"},
		{"automatic and there", files{"envs/e.yml": env("e", "", "old")}, []*asset.Asset{liveEnv("e", "1", "old")}, "azureml:e:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := good(t, test.tree.with(files{"jobs/j.yml": job("azureml:e@latest")}), (&world{}).add(test.live...))
			if got := only(t, want, "job").Body.Get("environment").Text(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Labels other than latest are the service's to resolve.
func TestOtherLabelsStay(t *testing.T) {
	want := good(t, files{"jobs/j.yml": job("azureml:e@production")}, &world{})
	if got := only(t, want, "job").Body.Get("environment").Text(); got != "azureml:e@production" {
		t.Errorf("got %q", got)
	}
}

const endpoint = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: taxi\nauth_mode: key\n"

// deployment is an online deployment with more lines behind.
func deployment(more ...string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: taxi\n" +
		"instance_type: Standard_DS3_v2\ninstance_count: 1\n" + strings.Join(more, "\n") + "\n"
}

// What comes from a data asset, and what a reference within a contained asset
// leads to.
func TestReferencesOfInputsAndSiblings(t *testing.T) {
	f := files{
		"data/d.yml":                         "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: trips\nversion: \"1\"\ntype: uri_file\npath: https://x.blob.core.windows.net/c/f.csv\n",
		"jobs/j.yml":                         job("azureml:e:1", "inputs:", "  trips: {type: uri_file, path: 'azureml:trips@latest'}", "  n: 5"),
		"batch-endpoints/night/endpoint.yml": "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: night\ndefaults: {deployment_name: main}\n",
		"batch-endpoints/night/deployments/main.yml": "$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json\nname: main\ntype: model\nendpoint_name: night\n" +
			"model: azureml:m:1\ncompute: azureml:cpu\n",
	}
	w := (&world{}).add(liveEnv("e", "1", "a"), &asset.Asset{ID: id("model/m:1"), Variant: "custom_model", Body: asset.NewMap()}, &asset.Asset{ID: id("compute/cpu"), Variant: "amlcompute", Body: asset.NewMap()})
	want := good(t, f, w)
	if got := only(t, want, "job").Body.GetPath("inputs", "trips", "path").Text(); got != "azureml:trips:1" {
		t.Errorf("input %q", got)
	}
	if got := field(t, want, "batch-endpoint/night", "defaults.deployment_name"); got != "azureml:main" {
		t.Errorf("default deployment %q", got)
	}
	delete(f, "batch-endpoints/night/deployments/main.yml")
	bad(t, f, w, `batch-endpoints/night/endpoint.yml:3:29: defaults.deployment_name: batch-deployment "night/main" is neither in this tree nor in the workspace`)
}
