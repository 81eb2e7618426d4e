package resolve_test

import (
	"context"
	"strings"
	"testing"

	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
)

const (
	object = "1111111111111111111111111111111111111111111111111111111111111111"
	code   = "2222222222222222222222222222222222222222222222222222222222222222"
)

// elsewhere is what a release says of two contents of the workspace dev.
func elsewhere() map[string]resolve.Source {
	at := resolve.Source{Subscription: "s", ResourceGroup: "g", Workspace: "dev", Files: 2, Bytes: 30}
	model, src := at, at
	model.Object, model.Path, model.Datastore, model.Listing = object, "azureml/job/model", "workspaceblobstore", "33"
	src.Code, src.URL, src.Label = code, "https://stdev.blob.core.windows.net/box-1/src", "development"
	return map[string]resolve.Source{object: model, code: src}
}

func moved(t *testing.T, f files, w *world, change func(*resolve.Input)) *resolve.Want {
	t.Helper()
	in := input(t, f, w)
	in.Bytes = elsewhere()
	if change != nil {
		change(&in)
	}
	want, bad := resolve.Resolve(context.Background(), in)
	if len(bad) > 0 {
		t.Fatalf("problems: %v", bad)
	}
	return want
}

const address = "azureml://datastores/workspaceblobstore/paths/LocalUpload/" + object + "/model"

func modelAt(path string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: m\nversion: \"3\"\npath: " + path + "\n"
}

func TestContentOfAnotherWorkspace(t *testing.T) {
	long := "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/LocalUpload/" + object + "/model"
	for _, path := range []string{address, address + "/", long, strings.Replace(address, "workspaceblobstore", "other", 1)} {
		want := moved(t, files{"m.yml": modelAt(path)}, &world{}, nil)
		c := want.Copies[id("model/m:3")]
		if len(c) != 1 {
			t.Fatalf("%s: copies %+v", path, want.Copies)
		}
		store := "workspaceblobstore"
		if strings.Contains(path, "/other/") {
			store = "other"
		}
		if c[0].At != "LocalUpload/"+object+"/model" || c[0].Datastore != store || c[0].Hash != object || c[0].Path != "path" || c[0].Source.Name() != "dev" || c[0].Code || c[0].Pending {
			t.Errorf("%s: got %+v", path, c[0])
		}
		if got := field(t, want, "model/m:3", "path"); got != path {
			t.Errorf("the path became %s", got)
		}
	}
	for name, path := range map[string]string{
		"unknown hash":      strings.Replace(address, "1", "9", 64),
		"below it":          address + "/MLmodel",
		"above it":          strings.TrimSuffix(address, "/model"),
		"another place":     strings.Replace(address, "LocalUpload", "Upload", 1),
		"another workspace": strings.Replace(long, "/w/", "/x/", 1),
		"hash of code":      strings.Replace(address, object, code, 1),
	} {
		want := moved(t, files{"m.yml": modelAt(path)}, &world{}, nil)
		if len(want.Copies) != 0 || field(t, want, "model/m:3", "path") != path {
			t.Errorf("%s: got %+v", name, want.Copies)
		}
	}
}

func TestBuildContextOfAnotherWorkspace(t *testing.T) {
	w := &world{stores: map[string]resolve.Datastore{"workspaceblobstore": {Account: "stprod", Container: "box", Endpoint: "core.windows.net", Protocol: "https"}}}
	uri := "https://stprod.blob.core.windows.net/box/LocalUpload/" + object + "/model/"
	text := func(path string) files {
		return files{"e.yml": envSchema + "name: e\nversion: \"1\"\nbuild:\n  path: " + path + "\n"}
	}
	for _, path := range []string{uri, strings.TrimSuffix(uri, "/"), address} {
		want := moved(t, text(path), w, nil)
		c := want.Copies[id("environment/e:1")]
		if len(c) != 1 || c[0].URI != uri || c[0].At != "LocalUpload/"+object+"/model" || field(t, want, "environment/e:1", "build.path") != uri {
			t.Errorf("%s: got %+v, %s", path, c, field(t, want, "environment/e:1", "build.path"))
		}
	}
	other := strings.Replace(uri, "stprod", "stother", 1)
	if want := moved(t, text(other), w, nil); len(want.Copies) != 0 || field(t, want, "environment/e:1", "build.path") != other {
		t.Errorf("another account: %+v", want.Copies)
	}
	w.unknown = map[string]bool{"datastore": true}
	if want := moved(t, text(uri), w, nil); len(want.Unresolved) != 1 || want.Set.Len() != 0 {
		t.Errorf("an account that nobody knows: %+v, %v", want.Copies, want.Order)
	}
}

func TestCodeOfAnotherWorkspace(t *testing.T) {
	name := resolve.CodeName(code)
	f := files{"j.yml": job("azureml://registries/azureml/environments/e/versions/1", "code: azureml:"+name+":1")}
	want := moved(t, f, &world{}, nil)
	a := only(t, want, "code")
	c := want.Copies[a.ID]
	if a.ID.Name != name || a.Body.Get("hash_sha256").Str() != code || len(c) != 1 || !c[0].Code || c[0].At != "src" || c[0].Hash != code || c[0].Source.Name() != "development" {
		t.Errorf("got %s %+v", a.ID, c)
	}
	if got := only(t, want, "job").Body.Get("code").Str(); got != "azureml:"+name+":1" || len(want.Copies) != 1 {
		t.Errorf("the job has %s, and there are %+v", got, want.Copies)
	}
	// Under whatever name the workspace has it already, it is that.
	want = moved(t, f, &world{codes: map[string]string{code: "theirs"}}, nil)
	if a := only(t, want, "code"); a.ID.Name != "theirs" || len(want.Copies[a.ID]) != 1 {
		t.Errorf("got %s %+v", a.ID, want.Copies)
	}
	// Code that no release has must be there.
	bad(t, f, &world{}, "j.yml:")
	// A whole container has no name of its own.
	want = moved(t, f, &world{}, func(in *resolve.Input) {
		src := in.Bytes[code]
		src.URL = "https://stdev.blob.core.windows.net/box-1/"
		in.Bytes[code] = src
	})
	if c := want.Copies[id("code/"+name+":1")]; len(c) != 1 || c[0].At != "" {
		t.Errorf("got %+v", c)
	}
}

func TestContentOfAnotherWorkspaceInRegistry(t *testing.T) {
	share := kind.Scope{Subscription: "s", ResourceGroup: "g", Registry: "r"}
	want := moved(t, files{"m.yml": modelAt(address)}, &world{}, func(in *resolve.Input) { in.Scope = share })
	c := want.Copies[id("model/m:3")]
	if len(c) != 1 || !c[0].Pending || c[0].URI != kind.PendingURI+"LocalUpload/"+object+"/model" || field(t, want, "model/m:3", "path") != c[0].URI {
		t.Errorf("got %+v", c)
	}
}

// What stands inside another asset takes its content along.
func TestContentOfAnotherWorkspaceInline(t *testing.T) {
	w := &world{stores: map[string]resolve.Datastore{"workspaceblobstore": {Account: "stprod", Container: "box", Endpoint: "core.windows.net", Protocol: "https"}}}
	want := moved(t, files{"j.yml": jobSchema + "command: ls ${{inputs.m}}\nenvironment:\n  build:\n    path: " + address + "\ninputs:\n  m:\n    type: mlflow_model\n    path: " + address + "\n"}, w, nil)
	env, j := only(t, want, "environment"), only(t, want, "job")
	if len(want.Copies[env.ID]) != 1 || len(want.Copies[j.ID]) != 1 {
		t.Errorf("got %+v", want.Copies)
	}
}
