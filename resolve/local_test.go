package resolve_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/resolve"
)

const dataSchema = "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\n"

// data is a data asset with a path.
func data(typ, path string, more ...string) string {
	return dataSchema + "name: d\nversion: \"1\"\ntype: " + typ + "\npath: " + path + "\n" + strings.Join(more, "\n") + "\n"
}

func TestLocalPathProblems(t *testing.T) {
	for _, test := range []struct{ name, path, want string }{
		{"missing", "../none", `data/d.yml:5:7: path: "none" does not exist (paths are relative to the folder of d.yml)`},
		{"empty", "../empty", `data/d.yml:5:7: path: "empty" holds no file to upload (add a file, or look into its ignore file)`},
		{"all ignored", "../ignored", `data/d.yml:5:7: path: "ignored" holds no file to upload`},
		{"above the root", "../../x", `data/d.yml:5:7: "../../x" is outside of the repository (use a path inside the repository)`},
		{"the root's parent", "../..", `data/d.yml:5:7: "../.." is outside of the repository`},
		{"absolute", "/etc/passwd", `data/d.yml:5:7: "/etc/passwd" is outside of the repository`},
		{"above with backslashes", `'..\..\x'`, `data/d.yml:5:7: "..\\..\\x" is outside of the repository`},
		{"absolute with a backslash", `'\etc\passwd'`, `data/d.yml:5:7: "\\etc\\passwd" is outside of the repository`},
		{"a share", `'\\server\share'`, `data/d.yml:5:7: "\\\\server\\share" is outside of the repository`},
		{"a drive", `'C:\data'`, `data/d.yml:5:7: "C:\\data" is outside of the repository`},
		{"a NUL", `"a\0b"`, `data/d.yml:5:7: path: "data/a\x00b": `},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := files{"data/d.yml": data("uri_folder", test.path), "ignored/.amlignore": "*\n", "ignored/a": "x"}
			in := input(t, f, &world{})
			in.FS.(fstest.MapFS)["empty"] = &fstest.MapFile{Mode: os.ModeDir | 0o755}
			_, got := resolve.Resolve(context.Background(), in)
			if len(got) != 1 || !strings.HasPrefix(got[0].String(), test.want) {
				t.Errorf("got  %v\nwant %s", got, test.want)
			}
		})
	}
}

// A link that leads out of the repository is not followed, one within it is.
func TestLinks(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "repo")
	for name, text := range map[string]string{"secret/key": "k", "repo/data/a.csv": "1", "repo/envs/e.yml": env("e", "1", "x")} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"out": "../secret", "in": "data"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ name, path, want string }{
		{"within", "../in", ""},
		{"out", "../out", `data/d.yml:5:7: path: "out": `},
		{"through", "../out/key", `data/d.yml:5:7: path: "out/key": `},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := input(t, files{"data/d.yml": data("uri_folder", test.path)}, &world{})
			in.FS = os.DirFS(dir)
			_, got := resolve.Resolve(context.Background(), in)
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("problems: %v", got)
			case test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0].String(), test.want) || got[0].Code != "unreadable_file"):
				t.Errorf("got  %v\nwant %s", got, test.want)
			}
		})
	}
}

func TestUploads(t *testing.T) {
	uri := regexp.MustCompile(`^azureml://datastores/(\w+)/paths/LocalUpload/([0-9a-f]{64})/(.*)$`)
	for _, test := range []struct {
		name, path, store, wantStore, wantBase, wantPath string
	}{
		{"a folder", "./local", "", "workspaceblobstore", "local", "data/local"},
		{"a file", "local/a.csv", "", "workspaceblobstore", "a.csv", "data/local/a.csv"},
		{"elsewhere", "../other/", "", "workspaceblobstore", "other", "other"},
		{"a datastore", "local", "datastore: azureml:lake", "lake", "local", "data/local"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := files{"data/d.yml": data("uri_folder", test.path, test.store), "data/local/a.csv": "1", "other/b.csv": "2"}
			w := (&world{}).add(&asset.Asset{ID: id("datastore/lake"), Variant: "azure_blob", Body: asset.NewMap()})
			want := good(t, f, w)
			m := uri.FindStringSubmatch(field(t, want, "data/d:1", "path"))
			up := want.Uploads[id("data/d:1")]
			if m == nil || len(up) != 1 {
				t.Fatalf("path %q, uploads %v", field(t, want, "data/d:1", "path"), up)
			}
			if m[1] != test.wantStore || m[3] != test.wantBase || up[0].Datastore != test.wantStore || up[0].Hash != m[2] || up[0].Content.Path != test.wantPath || up[0].Code {
				t.Errorf("path %v, upload %+v of %s", m[1:], up[0], up[0].Content.Path)
			}
		})
	}
}

// Inputs that are folders end with a slash on the wire, files do not.
func TestFolderInputEndsWithSlash(t *testing.T) {
	f := files{"jobs/j.yml": job("azureml:AzureML-x@latest", "inputs:", "  a: {type: uri_folder, path: ./in}", "  b: {type: uri_file, path: ./in/f}"), "jobs/in/f": "x"}
	j := only(t, good(t, f, &world{}), "job")
	if a := j.Body.GetPath("inputs", "a", "path").Text(); !strings.HasSuffix(a, "/in/") {
		t.Errorf("folder %q", a)
	}
	if b := j.Body.GetPath("inputs", "b", "path").Text(); !strings.HasSuffix(b, "/f") {
		t.Errorf("file %q", b)
	}
}

// Addresses are no paths of the repository.
func TestAddressesStay(t *testing.T) {
	for _, path := range []string{"https://x.blob.core.windows.net/c/f", "azureml://datastores/d/paths/f", "wasbs://c@x.blob.core.windows.net/f"} {
		t.Run(path, func(t *testing.T) {
			want := good(t, files{"d.yml": data("uri_file", path)}, &world{})
			if got := field(t, want, "data/d:1", "path"); got != path || len(want.Uploads) != 0 {
				t.Errorf("got %q, uploads %v", got, want.Uploads)
			}
		})
	}
}

// Code is one asset for one content, named by it, and recorded once.
func TestCode(t *testing.T) {
	f := files{
		"jobs/a.yml": job("azureml:AzureML-x@latest", "code: ../src"), "jobs/b.yml": job("azureml:AzureML-x@latest", "code: ../src/", "description: b"),
		"jobs/c.yml": job("azureml:AzureML-x@latest", "code: ../copy"), "src/train.py": "print(1)", "copy/train.py": "print(1)",
	}
	want := good(t, f, &world{})
	c := only(t, want, "code")
	hash := c.Body.Get("hash_sha256").Text()
	if c.ID.Name != resolve.CodeName(hash) || c.ID.Version != "1" {
		t.Errorf("code %s of hash %s", c.ID, hash)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString(c.ID.Name) {
		t.Errorf("%s is not written as a UUID", c.ID.Name)
	}
	if got := want.Uploads[c.ID]; len(want.Uploads) != 1 || len(got) != 1 || !got[0].Code || got[0].Hash != hash {
		t.Errorf("uploads %v", want.Uploads)
	}
	for _, a := range want.Set.All() {
		if got := a.Body.Get("code").Text(); a.ID.Kind == "job" && got != "azureml:"+c.ID.Name+":1" {
			t.Errorf("%s has code %q", a.ID, got)
		}
	}

	w := &world{codes: map[string]string{hash: "0ld-name"}}
	want = good(t, f, w)
	if got := only(t, want, "code").ID.Name; got != "0ld-name" {
		t.Errorf("code %q, want the name that is in use", got)
	}
	f["src/train.py"] = "print(2)"
	delete(f, "jobs/c.yml")
	if got := only(t, good(t, f, w), "code").ID; got == c.ID || got.Name == "0ld-name" {
		t.Errorf("other content has the same code %s", got)
	}
}

func TestCodeOfOneFile(t *testing.T) {
	f := files{"jobs/a.yml": job("azureml:AzureML-x@latest", "code: ../train.py"), "train.py": "print(1)"}
	if c := only(t, good(t, f, &world{}), "code"); !c.Body.Get("is_file").Bool() || c.Body.Get("name_in_container").Text() != "train.py" {
		t.Errorf("body %s", c.Body.Canonical())
	}
}

const table = "paths:\n  - file: ./a.csv\n  - pattern: ./*.csv\ntransformations: []\n"

func TestMLTable(t *testing.T) {
	f := files{"d.yml": data("mltable", "./t"), "t/MLTable": table, "t/a.csv": "1"}
	want := good(t, f, &world{})
	var uris []string
	for _, v := range want.Set.Get(id("data/d:1")).Body.Get("referenced_uris").Items() {
		uris = append(uris, v.Str())
	}
	if strings.Join(uris, " ") != "./a.csv ./*.csv" {
		t.Errorf("referenced %v", uris)
	}
	bad(t, files{"d.yml": data("mltable", "./t"), "t/a.csv": "1"}, &world{}, `d.yml:5:7: path: an mltable is a folder with a file MLTable (put a file called MLTable into the folder)`)
	bad(t, files{"d.yml": data("mltable", "./t/MLTable"), "t/MLTable": table}, &world{}, `d.yml:5:7: path: an mltable is a folder`)
	bad(t, files{"d.yml": data("mltable", "./t"), "t/MLTable": "paths: [\n"}, &world{}, `t/MLTable:`)
}

func TestScoringScript(t *testing.T) {
	f := files{"endpoint.yml": endpoint, "blue.yml": deployment("environment: azureml:AzureML-x@latest", "code_configuration: {code: ./src, scoring_script: score.py}"), "src/score.py": "x"}
	good(t, f, &world{})
	f["blue.yml"] = deployment("environment: azureml:AzureML-x@latest", "code_configuration: {code: ./src, scoring_script: scor.py}")
	bad(t, f, &world{}, `blue.yml:7:51: code_configuration.scoring_script: "scor.py" is not in the code folder (did you mean "score.py"?)`)
}

// A build context is known by the address of its storage.
func TestBuildContext(t *testing.T) {
	f := files{"e.yml": envSchema + "name: e\nversion: \"1\"\nbuild: {path: ./docker}\n", "docker/Dockerfile": "FROM x"}
	w := &world{stores: map[string]resolve.Datastore{"workspaceblobstore": {Account: "acc", Container: "box", Endpoint: "core.windows.net", Protocol: "https"}}}
	want := good(t, f, w)
	if got := field(t, want, "environment/e:1", "build.path"); !regexp.MustCompile(`^https://acc\.blob\.core\.windows\.net/box/LocalUpload/[0-9a-f]{64}/docker/$`).MatchString(got) {
		t.Errorf("path %q", got)
	}
	want = good(t, f, &world{unknown: map[string]bool{"datastore": true}})
	if got := want.Unresolved[id("environment/e:1")]; got != "the datastore workspaceblobstore could not be read" {
		t.Errorf("unresolved because %q", got)
	}
	bad(t, f, &world{}, `e.yml:4:15: build.path: the datastore "workspaceblobstore" to which it is uploaded is neither in this tree nor in the workspace`)

	f["store.yml"] = "$schema: https://azuremlschemas.azureedge.net/latest/azureBlob.schema.json\nname: mine\ntype: azure_blob\naccount_name: acc\ncontainer_name: c\n"
	f["e.yml"] += "datastore: azureml:mine\n"
	if got := field(t, good(t, f, &world{}), "environment/e:1", "build.path"); !strings.HasPrefix(got, "https://acc.blob.core.windows.net/c/LocalUpload/") {
		t.Errorf("path %q in a datastore of the tree", got)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	want, bad := resolve.Resolve(ctx, input(t, everything(), stocked()))
	if want.Set.Len() != 0 || len(bad) != 0 {
		t.Errorf("wanted %v, problems %v after a cancel", want.Order, bad)
	}
}
