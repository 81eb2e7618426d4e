package kind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSchemasOfTop: an editor takes what the reader takes of these kinds, and
// marks what it refuses.
func TestSchemasOfTop(t *testing.T) {
	files, err := filepath.Glob("testdata/runs/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc := ParseDocument(string(data))
		v := Identify(doc, "").Variant
		if v == nil || !v.table.Top && !v.table.NeedVersion {
			continue
		}
		seen++
		s := compileSchema(t, v.table)
		if err := validate(s, doc); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if _, bad := readProblems(t, string(data)+"\nno_such_field: 1\n"); bad.Err() == nil {
			t.Errorf("%s: an unknown field is taken", f)
		}
	}
	if seen < 10 {
		t.Errorf("%d samples", seen)
	}
	for _, table := range []*Table{workspaceKind, featureStore, registryKind, featureSet, featureStoreEntity} {
		s := compileSchema(t, table)
		for _, v := range table.Variants {
			rapid.Check(t, func(rt *rapid.T) {
				doc := generator{rt}.document(v)
				c := &Checker{}
				v.Read(c, doc)
				got, want := validate(s, doc), c.Problems.Errors().Err()
				if want == nil && got != nil {
					rt.Errorf("%s: %s: %v", table.Kind, doc.Canonical(), got)
				}
			})
		}
	}
}

// TestSchemasRefuse: what the reader refuses by its rows alone.
func TestSchemasRefuse(t *testing.T) {
	const ws, reg, fs = "$schema: x/workspace.schema.json\nname: ws1\n", "$schema: x/registry.schema.json\nname: reg\nlocation: eastus\n", "$schema: x/featureStore.schema.json\nname: fs1\n"
	for _, text := range []string{
		strings.Replace(featureDoc, `"1"`, "1", 1), strings.Replace(featureDoc, "version: \"1\"\n", "", 1), strings.Replace(featureDoc, `"1"`, "auto", 1),
		featureDoc + "stage: development", featureDoc + "tags: {a: 1}",
		featureDoc + "materialization_settings: {schedule: {type: recurrence, frequency: day, interval: 1, start_time: tomorrow}}",
		ws + "kind: default", ws + "storage_account: azureml:x", ws + "customer_managed_key: {key_uri: 'https://<VAULT>.vault.azure.net/keys/a'}",
		ws + "network_acls: {default_action: allow}", ws + "managed_network: {}", ws + "managed_network: {isolation_mode: disabled, outbound_rules: [{name: a}]}",
		ws + "managed_network: {isolation_mode: disabled, outbound_rules: [{name: a, destination: {service_tag: T}}]}",
		ws + "serverless_compute: {custom_subnet: abc}", fs + "offline_store: {type: x, target: nope}",
		reg + "replication_locations: [{storage_config: [foo]}]", reg + "replication_locations: [{storage_config: {storage_account_type: StandardLRS}}]",
		reg + "replication_locations: []\ncontainer_registry: foo",
	} {
		doc := ParseDocument(text)
		v := Identify(doc, "").Variant
		if validate(compileSchema(t, v.table), doc) == nil {
			t.Errorf("the schema takes\n%s", text)
		}
		c := &Checker{}
		if v.Read(c, doc); c.Problems.Err() == nil {
			t.Errorf("the reader takes\n%s", text)
		}
	}
}
