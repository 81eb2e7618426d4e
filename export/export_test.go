package export_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/kind"
)

const (
	envDoc = `$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: train
version: "%"
image: img:%
conda_file:
  name: x
  dependencies: [python=3.10]
`
	modelDoc = `$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
name: m
version: "%"
path: azureml://datastores/d/paths/m%
`
)

func version(doc, v string) string { return strings.ReplaceAll(doc, "%", v) }

func paths(r export.Result) []string {
	var out []string
	for _, f := range r.Files {
		out = append(out, f.Path)
	}
	return out
}

func check(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func file(t *testing.T, r export.Result, name string) string {
	t.Helper()
	for _, f := range r.Files {
		if f.Path == name {
			return string(f.Bytes)
		}
	}
	t.Fatalf("no file %s among %v", name, paths(r))
	return ""
}

func TestFileOfAnAsset(t *testing.T) {
	assets := []*asset.Asset{live(t, version(envDoc, "3")), live(t, `
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: score
auth_mode: key
location: West Europe
identity: {type: system_assigned}
tags: {b: "2", a: "1"}
`)}
	r := export.Files(assets, nil, export.Options{Scope: scope, Latest: 1})
	check(t, paths(r), []string{"environments/train/3.yml", "environments/train/conda.yml", "online-endpoints/score/endpoint.yml"})
	for name, want := range map[string]string{
		"environments/train/3.yml": `$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: train
version: "3"
image: img:3
conda_file: conda.yml
`,
		"environments/train/conda.yml": "dependencies:\n- python=3.10\nname: x\n",
		"online-endpoints/score/endpoint.yml": `$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: score
tags:
  a: "1"
  b: "2"
`,
	} {
		if got := file(t, r, name); got != want {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	deployment := `
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: score
model: azureml:m:2
environment: azureml:train:1
instance_type: Standard_DS3_v2
instance_count: 1
`
	assets := []*asset.Asset{live(t, deployment)}
	for _, v := range []string{"1", "2", "9", "10"} {
		assets = append(assets, live(t, version(modelDoc, v)), live(t, version(envDoc, v)))
	}
	opt := export.Options{Scope: scope, Latest: 1, Newest: map[asset.ID]string{{Kind: "environment", Name: "train"}: "9"}}
	r := export.Files(assets, nil, opt)
	check(t, paths(r), []string{
		"environments/train/1.conda.yml", "environments/train/1.yml", "environments/train/9.conda.yml", "environments/train/9.yml",
		"models/m/10.yml", "models/m/2.yml", "online-endpoints/score/deployments/blue.yml",
	})
	var left []string
	for _, l := range r.Left {
		left = append(left, l.ID.String()+" "+l.Why)
	}
	const old = " an older version that nothing exported refers to"
	check(t, left, []string{"environment/train:2" + old, "environment/train:10" + old, "model/m:1" + old, "model/m:9" + old})
	opt.Latest = 0
	if r := export.Files(assets, nil, opt); len(r.Assets) != 9 || len(r.Left) != 0 {
		t.Errorf("%d assets, left %v, want all 9", len(r.Assets), r.Left)
	}
}

func TestWhatNobodyWrote(t *testing.T) {
	assets := []*asset.Asset{
		live(t, `{type: azure_blob, name: workspaceblobstore, account_name: a, container_name: c}`),
		live(t, `{$schema: x/data.schema.json, name: azureml_job1_output_model, version: "1", type: uri_folder, path: "azureml://datastores/d/paths/x"}`),
		live(t, version(modelDoc, "1")),
		live(t, version(modelDoc, "2")),
		live(t, `{$schema: x/commandJob.schema.json, type: command, name: run1, command: ls, environment: "azureml:train:1"}`),
		live(t, strings.Replace(version(envDoc, "1"), "name: train", "name: AzureML-sklearn", 1)),
	}
	assets[2].Raw = []byte(`{"properties":{"jobName":"run1"}}`)
	assets[3].Raw = []byte(`{"properties":{"isArchived":true}}`)
	r := export.Files(assets, nil, export.Options{Scope: scope})
	check(t, paths(r), nil)
	var left []string
	for _, l := range r.Left {
		left = append(left, l.ID.String()+" "+l.Why)
	}
	check(t, left, []string{
		"data/azureml_job1_output_model:1 a job made it", "datastore/workspaceblobstore the service made it",
		"environment/AzureML-sklearn:1 the service made it", "model/m:1 the job run1 made it", "model/m:2 it is archived",
	})
	r = export.Files(assets, nil, export.Options{Scope: scope, FromJobs: true})
	check(t, paths(r), []string{"data/azureml_job1_output_model/1.yml", "models/m/1.yml"})
	r = export.Files(assets, nil, export.Options{Scope: scope, Kinds: []asset.Kind{"job"}})
	check(t, paths(r), []string{"jobs/run1.yml"})
	if got := file(t, r, "jobs/run1.yml"); !strings.Contains(got, "\nname: run1\n") {
		t.Errorf("the job has no name:\n%s", got)
	}
}

func TestAnonymousEnvironment(t *testing.T) {
	written := read(t, `
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: score
model: azureml:m:2
environment: {image: "img:1", conda_file: {name: x, dependencies: [pip]}}
instance_type: Standard_DS3_v2
instance_count: 1
`)
	want := resolved(t, written)
	deployment, env := echo(t, want[0]), echo(t, want[1])
	opt := export.Options{Scope: scope}
	r := export.Files([]*asset.Asset{deployment, env}, nil, opt)
	check(t, paths(r), []string{"online-endpoints/score/deployments/blue.conda.yml", "online-endpoints/score/deployments/blue.yml"})
	if got := file(t, r, "online-endpoints/score/deployments/blue.yml"); !strings.Contains(got, "environment:\n  image: img:1\n  conda_file: blue.conda.yml\n") {
		t.Errorf("the environment is not in its place:\n%s", got)
	}
	_, again := meaning(t, fsOf(r), []*asset.Asset{deployment, env})
	if again.Get(env.ID) == nil {
		t.Errorf("the environment has another name than %s", env.ID)
	}

	// One that another client named otherwise stays a reference.
	foreign := *env
	foreign.ID.Version = "4cf67caa"
	deployment.Body = deployment.Body.Clone().Set("environment", asset.NewString("azureml:CliV2AnonymousEnvironment:4cf67caa"))
	for name, assets := range map[string][]*asset.Asset{"foreign": {deployment, &foreign}, "unread": {deployment}} {
		r := export.Files(assets, nil, opt)
		if got := file(t, r, "online-endpoints/score/deployments/blue.yml"); !strings.Contains(got, "environment: azureml:CliV2AnonymousEnvironment:4cf67caa\n") {
			t.Errorf("%s: the reference is lost:\n%s", name, got)
		}
	}
}

func TestSecretNames(t *testing.T) {
	var assets []*asset.Asset
	for _, name := range []string{"store", "a_b", "A_b"} {
		assets = append(assets, live(t, `
type: azure_blob
name: `+name+`
account_name: a
container_name: c
credentials: {account_key: "${{ secret.x }}"}
`))
	}
	r := export.Files(assets, nil, export.Options{Scope: scope})
	var names []string
	for _, s := range r.Secrets {
		names = append(names, s.Name)
		if s.Field != "credentials.account_key" {
			t.Errorf("%s is at %s", s.Name, s.Field)
		}
	}
	if len(names) != 3 || names[2] != "datastore_store_account_key" || strings.EqualFold(names[0], names[1]) {
		t.Errorf("names %v", names)
	}
	if got := file(t, r, "datastores/store.yml"); !strings.Contains(got, "account_key: ${{ secret.datastore_store_account_key }}\n") {
		t.Error(got)
	}
}

// What the service never gives back must be provided as well, secret or not.
func TestCredentialsThatAreNotShown(t *testing.T) {
	rest := must(asset.ParseJSON([]byte(`{"properties":{"category":"ContainerRegistry","target":"https://r.example","authType":"UsernamePassword","credentials":null}}`)))
	a := must(kind.Of("connection").FromREST(&kind.Decoder{Scope: scope}, scope.ARM(asset.ID{Kind: "connection", Name: "images"}), rest))
	r := export.Files([]*asset.Asset{a}, nil, export.Options{Scope: scope})
	got := file(t, r, "connections/images.yml")
	for _, key := range []string{"username", "password"} {
		if !strings.Contains(got, key+": ${{ secret.connection_images_"+key+" }}\n") {
			t.Errorf("no %s in\n%s", key, got)
		}
	}
	read(t, got)
}

func TestNamesOfFiles(t *testing.T) {
	var assets []*asset.Asset
	for _, name := range []string{"Train", "train", "CON", "a.b", "conda"} {
		assets = append(assets, live(t, strings.Replace(version(envDoc, "1"), "name: train", "name: "+name, 1)))
	}
	// A version that is called as the conda file would be.
	conda := live(t, strings.Replace(version(envDoc, "1"), `version: "1"`, `version: conda`, 1))
	conda.ID.Name = "odd"
	r := export.Files(append(assets, conda), nil, export.Options{Scope: scope})
	seen := map[string]bool{}
	for _, p := range paths(r) {
		if key := strings.ToLower(p); seen[key] {
			t.Errorf("%s is there twice", p)
		} else {
			seen[key] = true
		}
	}
	_, want := meaning(t, fsOf(r), assets)
	for _, a := range append(assets, conda) {
		got := want.Get(a.ID)
		if got == nil || !kind.Same(kind.VariantOf(a), got.Body, a.Body) {
			t.Errorf("%s is lost", a.ID)
		}
	}
}

// A conda file that looks like an asset where it would stand stays inline.
func TestDocumentThatLooksLikeAnAsset(t *testing.T) {
	a := live(t, strings.Replace(version(envDoc, "1"), "  dependencies: [python=3.10]\n", "", 1))
	r := export.Files([]*asset.Asset{a}, nil, export.Options{Scope: scope})
	check(t, paths(r), []string{"environments/train/1.yml"})
	if got := file(t, r, "environments/train/1.yml"); !strings.Contains(got, "conda_file:\n  name: x\n") {
		t.Error(got)
	}
}

// What cannot be read back is not written.
func TestUnreadable(t *testing.T) {
	a := live(t, version(modelDoc, "1"))
	a.Body = a.Body.Clone().Set("path", asset.NewString("${{ var.x }}"))
	r := export.Files([]*asset.Asset{a}, nil, export.Options{Scope: scope})
	check(t, paths(r), nil)
	if len(r.Left) != 1 || !strings.Contains(r.Left[0].Why, "could not be read back") {
		t.Errorf("left %v", r.Left)
	}
}

func TestIntoATree(t *testing.T) {
	files := fstest.MapFS{
		"my/envs.yml": {Data: []byte(`# The one for training.
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: train
version: 3   # bumped in June
image: img:3
conda_file: ../conda/train.yaml
`)},
		"conda/train.yaml": {Data: []byte("# pinned\nname: x\ndependencies: [python=3.10]\n")},
		"ep.yml": {Data: []byte(`$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: score
auth_mode: key      # the default
tags:
  # who pays
  team: a
  keep: me
`)},
		"store.yml": {Data: []byte("type: azure_blob\nname: s\naccount_name: a\ncontainer_name: c\ncredentials: {account_key: '${{ secret.MINE }}'}\n")},
		"auto.yml":  {Data: []byte("$schema: x/model.schema.json\nname: m\npath: azureml://datastores/d/paths/m2\n")},
	}
	endpoint := func(tags, more string) *asset.Asset {
		return live(t, "$schema: x/managedOnlineEndpoint.schema.json\nname: score\ntags: {"+tags+"}\n"+more)
	}
	store := live(t, "type: azure_blob\nname: s\naccount_name: a\ncontainer_name: c\ncredentials: {account_key: '${{ secret.x }}'}\n")
	same := []*asset.Asset{live(t, version(envDoc, "3")), endpoint("team: a, keep: me, other: x", "description: new\n"), store, live(t, version(modelDoc, "2")), live(t, version(modelDoc, "1"))}
	opt := export.Options{Scope: scope}
	r := export.Files(same, have(t, files, same), opt)
	check(t, paths(r), nil)
	check(t, r.Same, []string{"auto.yml", "ep.yml", "my/envs.yml", "store.yml"})
	if len(r.Left) != 1 || r.Left[0].ID.String() != "model/m:1" || len(r.Secrets) != 1 || r.Secrets[0].Name != "MINE" {
		t.Errorf("left %v, secrets %v", r.Left, r.Secrets)
	}

	env := live(t, strings.Replace(version(envDoc, "3"), "python=3.10", "python=3.11", 1))
	changed := []*asset.Asset{env, endpoint("team: b", "auth_mode: aml_token\n"), store, live(t, version(modelDoc, "2"))}
	r = export.Files(changed, have(t, files, changed), opt)
	check(t, paths(r), []string{"ep.yml", "my/conda.yml", "my/envs.yml"})
	if got, want := file(t, r, "ep.yml"), `$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: score
auth_mode: aml_token      # the default
tags:
  # who pays
  team: b
`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := file(t, r, "my/envs.yml"); !strings.Contains(got, "version: 3   # bumped in June\nimage: img:3\nconda_file: conda.yml\n") {
		t.Error(got)
	}
	for name, f := range fsOf(r) {
		files[name] = f
	}
	r = export.Files(changed, have(t, files, changed), opt)
	check(t, paths(r), nil)
}

// An asset that is written inside another is in the tree.
func TestIntoATreeWithInlineAssets(t *testing.T) {
	files := fstest.MapFS{"blue.yml": {Data: []byte(`$schema: x/managedOnlineDeployment.schema.json
name: blue
endpoint_name: score
model: {name: m, version: "1", path: "azureml://datastores/d/paths/m1"}
environment: azureml:train:1
instance_type: Standard_DS3_v2
instance_count: 1
`)}}
	_, want := meaning(t, files, nil)
	var assets []*asset.Asset
	for _, a := range want.All() {
		assets = append(assets, echo(t, a))
	}
	r := export.Files(assets, have(t, files, assets), export.Options{Scope: scope})
	check(t, paths(r), nil)
	if len(assets) != 2 || len(r.Left) != 1 || r.Left[0].Why != "it is written inside another asset, in blue.yml" {
		t.Errorf("%d assets, left %v", len(assets), r.Left)
	}
}

// Several assets of one file are changed together.
func TestIntoAFileOfSeveral(t *testing.T) {
	doc := "$schema: x/model.schema.json\nname: NAME\nversion: \"1\"\npath: azureml://datastores/d/paths/m\ndescription: old # why\n"
	text := strings.Replace(doc, "NAME", "a", 1) + "---\n" + strings.Replace(doc, "NAME", "b", 1)
	var assets []*asset.Asset
	for _, name := range []string{"a", "b"} {
		assets = append(assets, live(t, strings.NewReplacer("NAME", name, "old", "new").Replace(doc)))
	}
	files := fstest.MapFS{"two.yml": {Data: []byte(text)}}
	r := export.Files(assets, have(t, files, assets), export.Options{Scope: scope})
	if got, want := file(t, r, "two.yml"), strings.ReplaceAll(text, "old", "new"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestContents(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	code := live(t, version(modelDoc, "1"))
	code.ID, code.Variant = asset.ID{Kind: "code", Name: "c", Version: "1"}, ""
	code.Body = asset.NewMap().Set("hash_sha256", asset.NewString(hash)).Set("path", asset.NewString("https://acct.blob.core.windows.net/x/src"))
	deployment := `
$schema: x/managedOnlineDeployment.schema.json
name: NAME
endpoint_name: score
model: azureml:m:2
environment: azureml:train:1
code_configuration: {code: "azureml:c:1", scoring_script: score.py}
instance_type: Standard_DS3_v2
instance_count: 1
`
	uri := "azureml://datastores/workspaceblobstore/paths/LocalUpload/" + hash + "/iris.csv"
	assets := []*asset.Asset{
		code, live(t, strings.Replace(deployment, "NAME", "blue", 1)), live(t, strings.Replace(deployment, "NAME", "green", 1)),
		live(t, "$schema: x/data.schema.json\nname: iris\nversion: \"1\"\ntype: uri_file\npath: "+uri+"\n"),
		live(t, "$schema: x/data.schema.json\nname: other\nversion: \"1\"\ntype: uri_file\npath: "+strings.Replace(uri, "workspaceblobstore", "mine", 1)+"\n"),
	}
	opt := export.Options{Scope: scope}
	got := export.Contents(assets, nil, opt)
	want := []export.Content{
		{Ref: uri, Path: "LocalUpload/" + hash + "/iris.csv", Hash: hash, At: "data/iris/1/iris.csv"},
		{Ref: "azureml:c:1", URL: "https://acct.blob.core.windows.net/x/src", Code: true, Hash: hash, At: "online-endpoints/score/deployments/blue/src"},
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
	opt.Local = map[string]string{}
	for _, c := range got {
		opt.Local[c.Ref] = c.At
	}
	r := export.Files(assets, nil, opt)
	for name, line := range map[string]string{
		"data/iris/1.yml": "\npath: ./1/iris.csv\n",
		"online-endpoints/score/deployments/blue.yml":  "\n  code: ./blue/src\n",
		"online-endpoints/score/deployments/green.yml": "\n  code: ./blue/src\n",
	} {
		if got := file(t, r, name); !strings.Contains(got, line) {
			t.Errorf("%s lacks %q:\n%s", name, line, got)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
