package resolve_test

import (
	"context"
	"strings"
	"testing"

	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
)

// In a registry, content goes to the container of the version, and its hash is
// in what is compared.
func TestUploadsToRegistry(t *testing.T) {
	f := files{
		"m.yml":        "$schema: x/model.schema.json\nname: m\nversion: 1\npath: w",
		"w/a.txt":      "x",
		"e.yml":        "$schema: x/environment.schema.json\nname: e\nversion: 1\nbuild: {path: d}",
		"d/Dockerfile": "FROM scratch",
	}
	in := input(t, f, &world{})
	in.Scope = kind.Scope{Subscription: "s", ResourceGroup: "g", Registry: "shared"}
	want, problems := resolve.Resolve(context.Background(), in)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for of, path := range map[string]string{"model/m:1": "path", "environment/e:1": "build.path"} {
		uri := field(t, want, of, path)
		up := want.Uploads[id(of)]
		if !strings.HasPrefix(uri, kind.PendingURI+"LocalUpload/") || len(up) != 1 || !up[0].Pending || up[0].URI != uri || up[0].Datastore != "" {
			t.Errorf("%s: %s, %+v", of, uri, up)
		}
		if at := strings.TrimPrefix(uri, kind.PendingURI); !kind.SameURI(uri, "https://a.blob.core.windows.net/guid/"+at+"/") || kind.SameURI(uri, "https://a.blob.core.windows.net/guid/LocalUpload/0/w") {
			t.Errorf("%s is compared wrongly", uri)
		}
	}
}

// References name assets of the tree by the address that they will have.
func TestReferencesToOwnRegistry(t *testing.T) {
	tool := "$schema: x/model.schema.json\nname: m\nversion: 1\npath: https://a.blob.core.windows.net/c/m\n"
	in := input(t, files{"m.yml": tool + "datastore: raw"}, &world{})
	in.Scope = kind.Scope{Registry: "shared"}
	if _, problems := resolve.Resolve(context.Background(), in); len(problems) != 1 || !strings.Contains(problems[0].String(), "a registry has no datastores") {
		t.Errorf("got %v", problems)
	}
}

// What every workspace has is there once the workspace is made.
func TestSystemDatastore(t *testing.T) {
	good(t, files{"d.yml": "$schema: x/data.schema.json\nname: d\nversion: 1\ntype: uri_file\npath: azureml://datastores/workspaceblobstore/paths/x\ndatastore: azureml:workspaceblobstore"}, &world{})
}
