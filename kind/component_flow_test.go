package kind

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// A flow is a component in the folder of components, and where it is asked for
// by name. Other files of Prompt flow are none.
func TestIdentifyFlow(t *testing.T) {
	for _, tt := range []struct {
		schema, folder string
		flow           bool
	}{
		{flowSchema, "components", true},
		{runSchema, "component", true},
		{flowSchema, "", false},
		{flowSchema, "environments", false},
		{strings.Replace(flowSchema, "latest", "v1", 1), "components", false},
		{strings.Replace(flowSchema, "Flow.", "AzureOpenAIConnection.", 1), "components", false},
	} {
		doc := ParseDocument("$schema: " + tt.schema + "\nname: a\n")
		if v := Identify(doc, tt.folder); (v.Variant == flowComponent) != tt.flow || v.Doubt != "" {
			t.Errorf("%s in %q is %v %s", tt.schema, tt.folder, v.Variant, v.Why)
		}
		if at := Asked(doc); (at == "components") != strings.Contains(tt.schema, "latest/Flow") && tt.schema != runSchema {
			t.Errorf("%s is asked for in %q", tt.schema, at)
		}
	}
}

// A flow is called like its folder if it says no name, and what is of Prompt
// flow only is passed over.
func TestReadFlow(t *testing.T) {
	for text, want := range map[string]string{
		"$schema: " + flowSchema + "\nflow: x\nvariant: v\nnodes: []\nproperties: {a: b}\n": "component/my_flow:1 ",
		"$schema: " + runSchema + "\nflow: ../other-flow/\n":                                "component/other_flow:1 ",
		"$schema: " + runSchema + "\nname:\n":                                               "name has no value",
		"$schema: " + runSchema + "\nflow: ../b/c.yml\nversion: '7'\n":                      "component/b:7 ",
		"$schema: " + runSchema + "\nname: own\nadditional_includes: 3\n":                   "component/own:1 ",
		"$schema: " + runSchema + "\nflow: 3\n":                                             "flow: want a path",
		"$schema: " + runSchema + "\nflow: {file: x}\n":                                     "flow: want a path",
		"$schema: " + flowSchema + "\nversion: 3\n":                                         "version: want a text",
		"$schema: " + flowSchema + "\ntype: command\n":                                      "a flow is no component of type command",
		"$schema: " + flowSchema + "\nenvironment_variables: {a: 1}\n":                      "environment_variables.a: want a text",
		"$schema: " + flowSchema + "\nadditional_includes: x\n":                             "additional_includes: want a list",
		"$schema: " + flowSchema + "\nazureml: {compute: x}\n":                              "unknown field \"compute\"",
		"$schema: " + runSchema + "\nconnections: {a: b}\n":                                 "connections.a: want a map",
		"type: promptflow_parallel\nname: a\nversion: '1'\nflow: f\n":                       "Azure's own client reads a component of type promptflow_parallel",
	} {
		c := &Checker{AsClient: true}
		a := flowComponent.Read(c, inFolder(ParseDocument(text)))
		got := c.Problems.Error()
		if len(c.Problems.Errors()) == 0 {
			got = a.ID.String() + " "
			for _, key := range []string{"variant", "properties", "nodes"} {
				if a.Body.Has(key) {
					t.Errorf("%s: has %s", text, key)
				}
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// inFolder is a document that stands in a folder.
func inFolder(doc *asset.Value) *asset.Value {
	pos := doc.Pos()
	pos.File = "components/my-flow/flow.dag.yaml"
	return doc.At(pos)
}
