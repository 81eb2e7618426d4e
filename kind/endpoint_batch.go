package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

var batchEndpoint = &Table{
	Kind:       "batch-endpoint",
	Plural:     "batch-endpoints",
	Collection: "batchEndpoints",
	LowerName:  true,
	Names:      endpointName,
	Tags:       "tags",
	Location:   true,
	Remove:     Delete,
	Costly:     true,
	Promotable: true,
	Doc:        "An address that starts jobs over files, by the deployments behind it.",
	Variants: []*Variant{{
		Schemas: []string{"batchEndpoint"},
		Tell: func(doc *asset.Value) bool {
			return hasAll(doc, "name", "defaults") && doc.GetPath("defaults", "deployment_name") != nil && !doc.Has("endpoint_name")
		},
		Check: func(_ *Checker, v *asset.Value) {
			// A resource id is taken for the name at its end.
			if name := v.GetPath("defaults", "deployment_name"); strings.Contains(name.Str(), "/") {
				short := "azureml:" + name.Str()[strings.LastIndex(name.Str(), "/")+1:]
				v.Get("defaults").Set("deployment_name", asset.NewString(short).At(name.Pos()))
			}
		},
	}},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "tags", As: Tags, Doc: "Tags of the endpoint."},
		{YAML: "properties", REST: "properties.properties", As: Tags, Change: Append, Doc: "Properties may be added, not changed or removed."},
		{YAML: "auth_mode", REST: "properties.authMode", As: Words("aad_token", "AADToken", "key", "Key", "aml_token", "AMLToken"), Send: asset.NewString("aad_token"), Stays: true, Doc: "How callers show who they are; the service knows aad_token only."},
		{YAML: "identity", REST: "identity", As: assignedIdentity, Stays: true, Doc: "Who the endpoint acts as."},
		{YAML: "location", As: Str{}, ReadOnly: true, Doc: "That of the workspace; the reference client sends no other."},
		{YAML: "defaults", REST: "properties.defaults", Late: true, As: Obj(
			Field{YAML: "deployment_name", REST: "deploymentName", As: Ref{To: "batch-deployment", Bare: true, NameOnly: true, Siblings: true}, Doc: "The deployment that requests go to which name none."},
		), Stays: true, Doc: "What is used when a request does not say."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "scoring_uri", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "openapi_uri", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}
