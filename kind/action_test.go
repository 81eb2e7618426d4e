package kind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

const actionData = "testdata/actions"

func actionEncoder() *Encoder {
	return &Encoder{Scope: goldenScope, Around: Around{Model: asset.ID{Kind: "model", Name: "my-model", Version: "1"}, WorkspaceGUID: "00000000-0000-0000-0000-0000000000aa"}}
}

// TestActionsAreTheClients: beside each file of testdata/actions is the body
// that azure-ai-ml 1.28.0 sends for it. Every field is in some file.
func TestActionsAreTheClients(t *testing.T) {
	files, err := filepath.Glob(actionData + "/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		doc := ParseDocument(readText(t, file))
		v := Identify(doc, "").Variant
		if v == nil || !strings.HasPrefix(filepath.Base(file), v.Name+"-") || v.FullName() != "action/"+v.Name {
			t.Fatalf("%s: identified as %+v", file, v)
		}
		for key := range doc.Entries() {
			seen[v.Name+" "+key] = true
		}
		c := &Checker{}
		a := v.Read(c, doc)
		if err := c.Problems.Err(); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got, err := ToREST(a, actionEncoder())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(readText(t, strings.TrimSuffix(file, ".yml")+".json"), "{WS}", goldenScope.WorkspaceID())
		want, err := asset.ParseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) {
			t.Errorf("%s:\n got %s\nwant %s", file, got.Canonical(), want.Canonical())
		}
	}
	for _, v := range []*Variant{dataImport, modelPackage} {
		for _, f := range v.AllFields() {
			if !f.ReadOnly && !seen[v.Name+" "+f.YAML] && f.YAML != "auto_delete_setting" {
				t.Errorf("%s of %s is in no file", f.YAML, v.Name)
			}
		}
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestActionsAreRefused: what the reference client refuses, with its place.
func TestActionsAreRefused(t *testing.T) {
	const (
		imports = "$schema: x/dataImport.schema.json\n"
		source  = "source: {type: database, query: q, connection: c}\n"
		packs   = "$schema: x/modelVersionPackage.schema.json\ntarget_environment: e\n"
	)
	for text, want := range map[string]string{
		imports + "path: azureml://datastores/d/paths/x\n" + source:                                                   "name is missing",
		imports + "name: a.b\npath: azureml://datastores/d/paths/x\n" + source:                                        "name of an output",
		imports + "name: a\npath: ./x\n" + source:                                                                     "path: ",
		imports + "name: a\npath: azureml://datastores/workspacemanageddatastore/x\n" + source:                        "path: ",
		imports + "name: a\n" + source:                                                                                "path: is missing",
		imports + "name: a\npath: azureml://datastores/d/paths/x\n":                                                   "source: is missing",
		imports + "name: a\npath: azureml://datastores/d/paths/x\nsource: {type: x, connection: c}\n":                 "source: ",
		imports + "name: a\npath: azureml://datastores/d/paths/x\nsource: {type: database, query: q}\n":               "source.connection: is missing",
		imports + "name: a\npath: azureml://datastores/d/paths/x\nsource: {type: database, path: q, connection: c}\n": "source: unknown field",
		imports + "name: a\npath: azureml://datastores/d/paths/x\ntype: table\n" + source:                             "type: ",
		imports + "name: a\npath: azureml://datastores/d/paths/x\ntags:\n" + source:                                   "tags: has no value",
		imports + "name: a\npath: azureml://datastores/d/paths/x\nauto_delete_setting: {value: 3d}\n" + source:        "auto_delete_setting: ",
		packs: "inferencing_server: is missing",
		packs + "inferencing_server: {type: other}\n":                                                               "inferencing_server.type: ",
		packs + "inferencing_server: {type: azureml_online, code_configuration: {code: azureml:c:1}}\n":             "scoring_script: is missing",
		packs + "inferencing_server: {type: custom, inference_configuration: {entry_script: x}}\n":                  "inference_configuration: ",
		packs + "inferencing_server: {type: azureml_online, inference_configuration: {scoring_route: {port: 1}}}\n": "unknown field",
		packs + "inferencing_server: {type: azureml_online}\nname: n\n":                                             "unknown field",
		packs + "inferencing_server: {type: azureml_online}\ninputs: [{type: mltable}]\n":                           "inputs.0.type: ",
		"$schema: x/dataIndex.schema.json\nname: a\n":                                                               "az ml data index",
	} {
		doc := ParseDocument(text)
		c := &Checker{}
		Identify(doc, "").Variant.Read(c, doc)
		if err := c.Problems.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// TestActionsAreNoKinds: no list of kinds has them.
func TestActionsAreNoKinds(t *testing.T) {
	for _, table := range All() {
		if table.Action {
			t.Errorf("%s is an action", table.Kind)
		}
	}
	if Of("action") == nil || Of("action").Variant("data-import").Command == nil {
		t.Error("actions have no table")
	}
	if _, err := ToREST(&asset.Asset{ID: asset.ID{Kind: "action", Name: "p"}, Variant: "model-package", Body: asset.NewMap()}, &Encoder{Scope: goldenScope}); err == nil {
		t.Error("a package without a model is sent")
	}
}
