package kind_test

import (
	"testing"

	"mlsync.dev/mlsync/kind"
)

// TestSchemaSlip: a $schema with a slip of the pen is a doubt, because a file
// that is silently left alone would be taken for a removal; others are left
// alone.
func TestSchemaSlip(t *testing.T) {
	const base = "https://azuremlschemas.azureedge.net/latest/"
	for _, tt := range []struct{ url, doubt string }{
		{base + "enviroment.schema.json", "$schema names enviroment, which is no schema of Azure ML: did you mean environment?"},
		{base + "commandJobs.schema.json", "$schema names commandjobs, which is no schema of Azure ML: did you mean commandJob?"},
		{base + "environment.schema.json", ""},
		{base + "serverlessEndpoint.schema.json", ""},
		{base + "registry.schema.json", ""},
		{base + "pipelineJob.schema.json", ""},
		{"https://json.schemastore.org/enviroment.json", ""},
	} {
		v := kind.Identify(readYAML(t, "$schema: "+tt.url+"\nname: x\n"), "")
		if v.Doubt != tt.doubt {
			t.Errorf("%s: doubt %q, want %q", tt.url, v.Doubt, tt.doubt)
		}
	}
}
