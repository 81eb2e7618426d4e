package kind

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mlsync.dev/mlsync/asset"
)

func compileSchema(t *testing.T, table *Table) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(table.Schema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	name := string(table.Kind) + ".json"
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatalf("%s: %v", table.Kind, err)
	}
	return s
}

func validate(s *jsonschema.Schema, doc *asset.Value) error {
	text, err := doc.MarshalJSON()
	if err != nil {
		return err
	}
	x, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	return s.Validate(x)
}

// TestSchemasTakeTestdata: what Check takes, an editor must not mark. Secrets
// in clear are what it must.
func TestSchemasTakeTestdata(t *testing.T) {
	files, err := filepath.Glob(restData + "/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(filepath.Base(f), "-")
		doc := ParseDocument(string(data))
		s := compileSchema(t, Of(asset.Kind(kind)))
		var c Checker
		PickVariant(asset.Kind(kind), doc).Read(&c, doc)
		got, want := validate(s, doc), c.Problems.Err()
		if (got == nil) != (want == nil) {
			t.Errorf("%s: the schema says %v, check says %v", f, got, want)
		}
		doc.Set("no_such_field", asset.NewString("x"))
		if validate(s, doc) == nil {
			t.Errorf("%s: the schema takes an unknown field", f)
		}
	}
}

func TestSchemasCompile(t *testing.T) {
	for _, table := range All() {
		compileSchema(t, table)
	}
}
