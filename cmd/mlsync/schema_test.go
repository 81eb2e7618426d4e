package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

func compiled(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(schemaOf(name)); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// schemaSays is what the schema of its kind says of a document.
func schemaSays(t *testing.T, name string, doc *asset.Value) error {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, name).Validate(v)
}

// TestSchemasTakeTheExamples: the schemas accept all files of the examples
// that are in released form.
func TestSchemasTakeTheExamples(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	seen := 0
	err := fs.WalkDir(root, "examples", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(path.Ext(name), ".y") || strings.Contains(name, "/overlays/") {
			return err
		}
		rules := strings.Contains(name, "/policies/")
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		docs, bad := tree.Parse(data, name, tree.ParseOptions{PlainKeys: rules})
		if len(bad) > 0 {
			t.Errorf("%v", bad)
		}
		for _, doc := range docs {
			what := "config"
			if rules {
				what = "policies"
			} else if path.Base(name) != config.File {
				v := kind.Identify(doc, "")
				if v.Variant == nil || v.Preview {
					continue
				}
				what = string(v.Variant.Table().Kind)
			}
			seen++
			if err := schemaSays(t, what, doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil || seen < 25 {
		t.Errorf("%d files seen, %v", seen, err)
	}
}

// TestSchemasRefuseTheBroken: what a schema can decide, it refuses.
func TestSchemasRefuseTheBroken(t *testing.T) {
	for name, what := range map[string]string{
		"bad-enum": "online-endpoint", "cap-count": "compute", "list-for-map": "environment", "map-for-text": "environment",
		"missing-command": "job", "missing-endpoint": "online-deployment", "missing-name": "environment", "missing-type": "datastore",
		"plain-secret": "datastore", "part-secret": "datastore", "text-for-list": "compute", "unknown-field": "compute", "wrong-type": "compute", "bool-name": "environment",
	} {
		file := filepath.Join("testdata", "broken", name+".yml")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs, _ := tree.Parse(data, file, tree.ParseOptions{})
		if len(docs) != 1 {
			t.Fatalf("%s: %d documents", name, len(docs))
		}
		if schemaSays(t, what, docs[0]) == nil {
			t.Errorf("%s: the schema of %s accepts it", name, what)
		}
	}
	data, err := os.ReadFile(filepath.Join("testdata", "broken", config.File))
	if err != nil {
		t.Fatal(err)
	}
	docs, _ := tree.Parse(data, config.File, tree.ParseOptions{})
	if schemaSays(t, "config", docs[0]) == nil {
		t.Error("the schema of mlsync.yaml accepts an unknown key")
	}
}

// TestSchemaOfPolicies: it refuses what has other keys and words.
func TestSchemaOfPolicies(t *testing.T) {
	for text, good := range map[string]bool{
		"rules: [{name: a, on: change, match: {kind: model, action: [create, delete]}, except: [{name: x-*}], assert: 'true', level: warn}]": true,
		"rules: [{name: a, on: chance, assert: 'true'}]":                        false,
		"rules: [{name: a, on: change}]":                                        false,
		"rules: [{name: a, on: change, assert: 'true', macth: {}}]":             false,
		"rules: [{name: a, on: change, assert: 'true', match: {kind: modell}}]": false,
		"rules: [{name: a b, on: change, assert: 'true'}]":                      false,
		"rulez: []": false,
	} {
		docs, bad := tree.Parse([]byte(text), "p.yml", tree.ParseOptions{PlainKeys: true})
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		if err := schemaSays(t, "policies", docs[0]); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSchemasTakeVariables: a variable may stand for a value of any sort.
func TestSchemasTakeVariables(t *testing.T) {
	file := func(count string) *asset.Value {
		docs, bad := tree.Parse([]byte("name: cpu\ntype: amlcompute\nsize: STANDARD_DS3_V2\nmax_instances: "+count+"\n"), "f.yml", tree.ParseOptions{})
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		return docs[0]
	}
	for count, good := range map[string]bool{"3": true, "${{ var.machines }}": true, "many": false, "${{ secret.machines }}": false} {
		if err := schemaSays(t, "compute", file(count)); (err == nil) != good {
			t.Errorf("%s: %v", count, err)
		}
	}
}
