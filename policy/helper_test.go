package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
	"mlsync.dev/mlsync/tree"
)

func parse(data []byte, file string) ([]*asset.Value, problem.List) {
	return tree.Parse(data, file, tree.ParseOptions{PlainKeys: true})
}

// read reads one file of policies.
func read(text string) (*policy.Set, problem.List) {
	return policy.Read(fstest.MapFS{"policies/a.yml": {Data: []byte(text)}}, parse)
}

// sound reads rules that must be sound. A rule is given by its lines.
func sound(t *testing.T, rule string) *policy.Set {
	t.Helper()
	set, bad := read("rules:\n  - name: it\n    " + strings.ReplaceAll(strings.Trim(rule, "\n"), "\n", "\n    ") + "\n")
	if len(bad) > 0 {
		t.Fatalf("%s\n%v", rule, bad)
	}
	return set
}

// assets reads asset files, by path.
func assets(t *testing.T, files map[string]string) []*asset.Asset {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	got, bad := tree.Read(fsys, tree.Options{})
	if len(bad.Errors()) > 0 {
		t.Fatal(bad)
	}
	return got.Assets
}

func assetsOf(fsys fstest.MapFS) []*asset.Asset {
	got, _ := tree.Read(fsys, tree.Options{})
	return got.Assets
}

const (
	deployment = `$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: taxi
model: azureml:fares:4
instance_type: Standard_DS3_v2
instance_count: 1
tags: {team: taxi}
`
	endpoint = `$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: taxi
auth_mode: key
public_network_access: enabled
`
	model = `$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
name: fares
version: "4"
type: custom_model
path: azureml://datastores/workspaceblobstore/paths/fares
tags: {licence: MIT}
`
	compute = `$schema: https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json
name: cpu
type: amlcompute
size: Standard_DS3_v2
max_instances: 4
`
	store = `$schema: https://azuremlschemas.azureedge.net/latest/azureBlob.schema.json
name: lake
type: azure_blob
account_name: lake
container_name: raw
credentials: {account_key: "${{ secret.LAKE }}"}
`
)

// one is the only asset of a file.
func one(t *testing.T, text string) *asset.Asset {
	t.Helper()
	return assets(t, map[string]string{"a/x.yml": text})[0]
}

// step is a step that makes want of live.
func step(action plan.Action, want, live *asset.Asset, fields ...string) plan.Step {
	s := plan.Step{Action: action, Want: want, Live: live}
	if want != nil {
		s.Key.ID, s.Source = want.ID, want.Pos
	} else {
		s.Key.ID = live.ID
	}
	for _, f := range fields {
		s.Changes = append(s.Changes, diff.Change{Path: strings.Split(f, ".")})
	}
	return s
}

// release reads the file of a release.
func release(t *testing.T, name, text string) []*policy.Release {
	t.Helper()
	got, bad := policy.ReadReleases(fstest.MapFS{"releases/" + name + ".yml": {Data: []byte(text)}}, parse)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	return got
}

// texts are problems as they are printed.
func texts(bad problem.List) string {
	if len(bad) == 0 {
		return ""
	}
	return bad.Error()
}
