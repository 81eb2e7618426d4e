package kind

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Answers of the service as they were recorded, shortened, beside the file
// that was applied. Nothing in them is a difference.
var echoes = []struct{ name, kind, file, path, live string }{
	{"conda as JSON, labels and defaults", "environment", `
name: e1
version: "1"
description: This is description
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
os_type: linux
conda_file: {name: x, channels: [conda-forge], dependencies: [python=3.8, pip, {pip: [pandas]}]}
`, "/environments/e1/versions/1", `{"name":"1","properties":{"description":"This is description","tags":{},"properties":{"azureml.labels":"latest"},
"isArchived":false,"isAnonymous":false,"autoDeleteSetting":null,"environmentType":"UserCreated","image":"mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
"condaFile":"{\n  \"channels\": [\n    \"conda-forge\"\n  ],\n  \"dependencies\": [\n    \"python=3.8\",\n    \"pip\",\n    {\n      \"pip\": [\n        \"pandas\"\n      ]\n    }\n  ],\n  \"name\": \"x\"\n}",
"osType":"Linux","autoRebuild":"Disabled","provisioningState":"Succeeded","stage":"Development","intellectualProperty":null}}`},
	{"build context with port and no slash", "environment", `
name: e1
version: 1
build: {path: "https://acct.blob.core.windows.net/c/LocalUpload/0/ctx/"}
`, "/environments/e1/versions/1", `{"properties":{"build":{"contextUri":"https://acct.blob.core.windows.net:443/c/LocalUpload/0/ctx","dockerfilePath":"Dockerfile"},"osType":"Linux"}}`},
	{"long URI with a slash", "data", `
name: d
version: 1
path: azureml://datastores/workspaceblobstore/paths/LocalUpload/0/tmp
tags: {a: b}
`, "/data/d/versions/1", `{"properties":{"description":null,"tags":{"a":"b","mlsync-owner":"x"},"properties":{},"isArchived":false,"isAnonymous":false,"dataType":"uri_folder",
"dataUri":"azureml://subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/RG/workspaces/ws/datastores/workspaceblobstore/paths/LocalUpload/0/tmp/","autoDeleteSetting":null,"stage":null,"intellectualProperty":null}}`},
	{"long URI in the file", "data", `
name: d
version: 1
type: uri_file
path: azureml://subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg/workspaces/ws/datastores/x/paths/y
`, "/data/d/versions/1", `{"properties":{"dataType":"uri_file","dataUri":"azureml://subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/workspaces/ws/datastores/x/paths/y"}}`},
	{"case of the model URI, server-made fields", "model", `
name: m
version: 1
type: mlflow_model
path: azureml://datastores/workspaceblobstore/paths/LocalUpload/0/m
properties: {azureml.promptflow.mode: chat}
`, "/models/m/versions/1", `{"properties":{"description":null,"tags":{},"properties":{"azureml.promptflow.mode":"chat","azureml.labels":"latest"},"isArchived":false,"isAnonymous":false,
"autoDeleteSetting":null,"flavors":{},"jobName":null,"provisioningState":"Succeeded","stage":"Development","modelType":"mlflow_model",
"modelUri":"azureml://subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/workspaces/ws/datastores/workspaceblobstore/paths/LocalUpload/0/m"}}`},
	{"no secrets, nulls", "datastore", `
name: d
type: azure_blob
account_name: a
container_name: c
credentials: {account_key: "${{ secret.KEY }}"}
`, "/datastores/d", `{"properties":{"description":null,"tags":{},"properties":null,"isDefault":false,"subscriptionId":null,"resourceGroup":null,"serviceDataAccessAuthIdentity":"None",
"datastoreType":"AzureBlob","accountName":"a","containerName":"c","endpoint":"core.windows.net","protocol":"https","credentials":{"credentialsType":"AccountKey"}}}`},
	{"capitals while creating", "compute", `
name: cpu
type: amlcompute
size: Standard_DS2_v2
max_instances: 2
idle_time_before_scale_down: 100
ssh_settings: {admin_username: azureuser, admin_password: "${{ secret.PW }}"}
identity: {type: user_assigned, user_assigned_identities: [{resource_id: /subscriptions/s/resourceGroups/g/providers/M/u/x}]}
`, "/computes/cpu", `{"location":"eastus","tags":null,"identity":{"type":"UserAssigned","userAssignedIdentities":{"/subscriptions/s/resourcegroups/g/providers/M/u/x":{"clientId":"1","principalId":"2"}}},
"properties":{"createdOn":"x","resourceId":null,"computeLocation":"eastus","provisioningState":"Creating","provisioningErrors":null,"isAttachedCompute":false,"computeType":"AmlCompute","disableLocalAuth":false,"description":null,
"properties":{"osType":"Linux","vmSize":"STANDARD_DS2_V2","vmPriority":"Dedicated","scaleSettings":{"minNodeCount":0,"maxNodeCount":2,"nodeIdleTimeBeforeScaleDown":"PT100S"},
"userAccountCredentials":{"adminUserName":"azureuser","adminUserPassword":null},"subnet":null,"remoteLoginPortPublicAccess":"NotSpecified","enableNodePublicIp":true,"nodeStateCounts":{},"allocationState":"Steady","isolatedNetwork":false,"propertyBag":{}}}}`},
	{"nulls while creating", "compute", `
name: ci
type: computeinstance
enable_sso: true
enable_node_public_ip: true
`, "/computes/ci", `{"location":"eastus","properties":{"computeType":"ComputeInstance","properties":{"vmSize":"STANDARD_DS3_V2","sshSettings":null,"state":null,"applicationSharingPolicy":null,"enableSSO":null,"enableNodePublicIp":null,"schedules":null}}}`},
	{"what a running instance adds", "compute", `
name: ci
type: computeinstance
schedules: {compute_start_stop: [{action: stop, trigger: {type: cron, expression: 0 18 * * *}}]}
idle_time_before_shutdown_minutes: 60
network_settings: {vnet_name: Net, subnet: sub}
`, "/computes/ci", `{"location":"eastus","tags":{},"properties":{"computeType":"ComputeInstance","properties":{"vmSize":"STANDARD_DS3_V2","sshSettings":{"adminUserName":"azureuser","sshPort":50000,"sshPublicAccess":"Disabled"},
"idleTimeBeforeShutdown":"PT1H","subnet":{"id":"/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/net/subnets/sub"},"state":"Running","applications":[],"customServices":[],"errors":[],
"schedules":{"computeStartStop":[{"id":"1","provisioningStatus":"Completed","status":"Enabled","action":"Stop","triggerType":"Cron","cron":{"expression":"0 18 * * *","startTime":"2026-01-01T00:00:00","timeZone":"UTC"}}]}}}}`},
}

func TestEchoesAreNoDifference(t *testing.T) {
	for _, e := range echoes {
		t.Run(e.kind+"/"+e.name, func(t *testing.T) {
			want, live := readEcho(t, e.kind, e.file, e.path, e.live)
			v := VariantOf(want)
			if body := readable(v.AllFields(), want.Body); !Same(v, body, live.Body) {
				t.Errorf("the echo differs:\nwant %s\nlive %s", body.Canonical(), live.Body.Canonical())
			}
			if live.Body.Get("tags").Has("mlsync-owner") {
				t.Error("a stamp is read as a tag")
			}
		})
	}
}

func readEcho(t *testing.T, kind, file, path, body string) (want, live *asset.Asset) {
	t.Helper()
	doc := ParseDocument(file)
	v := PickVariant(asset.Kind(kind), doc)
	var c Checker
	want = v.Read(&c, doc)
	if err := c.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	rest, err := asset.ParseJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	live, err = Of(asset.Kind(kind)).FromREST(&Decoder{Scope: goldenScope}, goldenScope.WorkspaceID()+path, rest)
	if err != nil {
		t.Fatal(err)
	}
	if live.ID != want.ID || live.Variant != want.Variant {
		t.Fatalf("got %s %q, want %s %q", live.ID, live.Variant, want.ID, want.Variant)
	}
	return want, live
}

// TestDriftIsADifference: what an echo must not hide.
func TestDriftIsADifference(t *testing.T) {
	for _, c := range []struct{ name, replace, by string }{
		{"conda as JSON, labels and defaults", "python=3.8", "python=3.9"},
		{"build context with port and no slash", "LocalUpload/0", "LocalUpload/1"},
		{"long URI with a slash", "LocalUpload/0", "LocalUpload/1"},
		{"long URI with a slash", `"a":"b"`, `"a":"c"`},
		{"long URI in the file", "workspaces/ws", "workspaces/other"},
		{"case of the model URI, server-made fields", `"chat"`, `"x"`},
		{"no secrets, nulls", `{"credentialsType":"AccountKey"}`, `{"credentialsType":"None"}`},
		{"no secrets, nulls", `{"credentialsType":"AccountKey"}`, `{"credentialsType":"Sas"}`},
		{"no secrets, nulls", `"containerName":"c"`, `"containerName":"d"`},
		{"capitals while creating", "STANDARD_DS2_V2", "STANDARD_DS3_V2"},
		{"capitals while creating", "PT100S", "PT2M"},
		{"capitals while creating", "/u/x", "/u/y"},
		{"what a running instance adds", "0 18 * * *", "0 19 * * *"},
		{"what a running instance adds", "subnets/sub", "subnets/other"},
		{"what a running instance adds", "PT1H", "PT2H"},
	} {
		for _, e := range echoes {
			if e.name != c.name {
				continue
			}
			if !strings.Contains(e.live, c.replace) {
				t.Fatalf("%s: no %q", c.name, c.replace)
			}
			want, live := readEcho(t, e.kind, e.file, e.path, strings.ReplaceAll(e.live, c.replace, c.by))
			v := VariantOf(want)
			if Same(v, readable(v.AllFields(), want.Body), live.Body) {
				t.Errorf("%s: %s in place of %s is not seen", c.name, c.by, c.replace)
			}
		}
	}
}

func TestSameURI(t *testing.T) {
	long := "azureml://subscriptions/S/resourceGroups/G/workspaces/W/datastores/d/paths/"
	for _, c := range []struct {
		want, live string
		same       bool
	}{
		{"azureml://datastores/d/paths/a", "azureml://datastores/d/paths/a/", true},
		{"azureml://datastores/d/paths/a", "azureml://datastores/d/paths/A", false},
		{"azureml://datastores/d/paths/a", "azureml://datastores/e/paths/a", false},
		{long + "a", "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/a/", true},
		{long + "a", "azureml://subscriptions/s/resourcegroups/g/workspaces/x/datastores/d/paths/a", false},
		{long + "a", "azureml://datastores/d/paths/a", true},
		{"https://A.blob.core.windows.net:443/c/d", "https://a.blob.core.windows.net/c/d/", true},
		{"https://a.blob.core.windows.net/c/D", "https://a.blob.core.windows.net/c/d", false},
		{"azureml://datastores/d/paths/a", "https://a/b", false},
	} {
		if got := SameURI(c.want, c.live); got != c.same {
			t.Errorf("SameURI(%q, %q) = %v, want %v", c.want, c.live, got, c.same)
		}
	}
	if got := goldenScope.ShortURI(goldenScope.LongURI("azureml://datastores/d/paths/a/b")); got != "azureml://datastores/d/paths/a/b" {
		t.Errorf("got %q", got)
	}
}

// Preview documents and what they are in the released form; the texts of
// problems that say what is lost.
var upgrades = []struct{ name, kind, preview, released, problems string }{
	{
		"dataset of the draft", "data", "name: test\ntype: AzureBlob\nversion: '1.0'\ndescription: d\nlinked_service: ./workspaceblobstore\nassetPaths:\n- {path: v2test/test.rtf, is_directory: False}\n",
		"name: test\nversion: '1.0'\ndescription: d\ntype: uri_file\npath: azureml://datastores/workspaceblobstore/paths/v2test/test.rtf\n", "type has no equivalent",
	},
	{"dataset with a folder", "data", "name: t\nlinked_service: azureml:s\nassetPaths: [{path: ./a, is_directory: true}]\n", "name: t\ntype: uri_folder\npath: azureml://datastores/s/paths/a\n", ""},
	{"dataset with several paths", "data", "name: t\nlinked_service: s\nassetPaths: [{path: a}, {path: b}]\n", "name: t\ntype: uri_file\npath: azureml://datastores/s/paths/a\n", "several paths cannot be one data asset"},
	{"dataset of November", "data", "name: t\nversion: 1\ndatastore: azureml:s\ndirectory: x/y\n", "name: t\nversion: 1\ntype: uri_folder\npath: azureml://datastores/s/paths/x/y\n", ""},
	{"dataset file of November", "data", "name: t\nversion: 1\ndatastore: azureml:s\nfile: /x/y.csv\n", "name: t\nversion: 1\ntype: uri_file\npath: azureml://datastores/s/paths/x/y.csv\n", ""},
	{"dataset of February", "data", "name: t\nversion: 1\nlocal_path: ./x\n", "name: t\nversion: 1\ntype: uri_folder\npath: ./x\n", ""},
	{"dataset without a path", "data", "name: t\nlinked_service: s\n", "", "names no path"},
	{
		"environment of the draft", "environment", "name: e\nversion: '1'\ndocker: {image: i}\nconda: {inline: {name: x, dependencies: [a]}, interpreter_path: python}\n",
		"name: e\nversion: '1'\nimage: i\nconda_file: {name: x, dependencies: [a]}\n", "conda.interpreter_path has no equivalent",
	},
	{"environment with a file", "environment", "name: e\ndocker: {image: i}\nconda: {conda_dependencies_file: c.yml}\n", "name: e\nimage: i\nconda_file: c.yml\n", ""},
	{"environment with a Dockerfile", "environment", "name: e\ndocker: {build: {dockerfile: 'file:./ctx/Dockerfile'}}\n", "name: e\nbuild: {path: ./ctx, dockerfile_path: Dockerfile}\n", ""},
	{
		"compute of the draft", "compute", "type: AzureMLCompute\nname: cpu\nmin_nodes: 0\nmax_nodes: 4\nsku: STANDARD_D3_V2\n",
		"type: amlcompute\nname: cpu\nmin_instances: 0\nmax_instances: 4\nsize: STANDARD_D3_V2\n", "",
	},
	{
		"model of the draft", "model", "name: m\npath: ./model\nflavors: {python_function: {python_version: 3.8.2}}\n",
		"name: m\npath: ./model\ntype: mlflow_model\nflavors: {python_function: {python_version: 3.8.2}}\n", "",
	},
	{"model with asset_path", "model", "name: m\nversion: 1\nasset_path: ./model\n", "name: m\nversion: 1\npath: ./model\n", ""},
}

func TestUpgrades(t *testing.T) {
	for _, c := range upgrades {
		t.Run(c.name, func(t *testing.T) {
			doc := ParseDocument(c.preview)
			found := Identify(doc, "")
			if found.Variant == nil || !found.Preview || string(found.Variant.Table().Kind) != c.kind {
				t.Fatalf("identified as %+v", found)
			}
			out, problems := found.Variant.Preview.Run(doc)
			if text := problems.Error(); c.problems == "" && text != "" || !strings.Contains(text, c.problems) {
				t.Errorf("got problems %q, want %q", text, c.problems)
			}
			if c.released == "" {
				return
			}
			got, bad := readNormal(c.kind, out[0])
			want, worse := readNormal(c.kind, ParseDocument(c.released))
			if bad != nil || worse != nil {
				t.Fatal(bad, worse)
			}
			if got.ID != want.ID || got.Variant != want.Variant || !got.Body.Equal(want.Body) {
				t.Errorf("got %s %q %s\nwant %s %q %s", got.ID, got.Variant, got.Body.Canonical(), want.ID, want.Variant, want.Body.Canonical())
			}
		})
	}
}

func readNormal(kind string, doc *asset.Value) (*asset.Asset, error) {
	var c Checker
	a := PickVariant(asset.Kind(kind), doc).Read(&c, doc)
	return a, problem.List(c.Problems).Err()
}
