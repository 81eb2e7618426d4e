package kind

import (
	"regexp"

	"mlsync.dev/mlsync/asset"
)

// serverlessEndpoint is a model that Azure runs, paid by the token.
var serverlessEndpoint = &Table{
	Kind:       "serverless-endpoint",
	Plural:     "serverless-endpoints",
	Collection: "serverlessEndpoints",
	Names:      NameRule{Pattern: `[a-zA-Z][a-zA-Z0-9-]{0,51}`, Text: "use 1 to 52 letters, digits and dashes, the first a letter", Warn: true},
	Tags:       "tags",
	Location:   true,
	Remove:     Delete,
	Costly:     true,
	Promotable: true,
	Lax:        true,
	Partner:    Partner{Kind: "marketplace-subscription", Field: "model_id"},
	Doc:        "A model of the catalogue that Azure runs, paid by the token.",
	Variants: []*Variant{{
		Schemas: []string{"serverlessEndpoint"},
		Tell:    func(doc *asset.Value) bool { return hasAll(doc, "name", "model_id") },
		Check:   checkServerless,
		ToREST: func(_ *Encoder, _, rest *asset.Value) {
			if rest.Get("sku").IsNull() {
				rest.SetPath(asset.NewString("Consumption"), "sku", "name")
			}
		},
	}},
	Fields: []Field{
		{YAML: "model_id", REST: "properties.modelSettings.modelId", As: Str{}, Required: true, Change: Replace, Doc: "The model, without its version: azureml://registries/NAME/models/NAME."},
		{YAML: "tags", REST: "tags", As: Tags, Doc: "Free labels."},
		{YAML: "location", REST: "location", As: region{}, Change: Replace, Stays: true, Doc: "The region; that of the workspace if not given."},
		{YAML: "auth_mode", As: Str{}, Change: Once, Stays: true, Doc: "Read and not sent, as the reference client does: the service knows keys only."},
		{YAML: "properties", As: Tags, Change: Once, Doc: "Read and not sent, as the reference client does."},
		{YAML: "description", As: Str{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "scoring_uri", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "headers", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
}

// modelVersionURI is the address of one version of a model of a registry.
var modelVersionURI = regexp.MustCompile(`^azureml://registries/[^/]+/[^/]+/[^/]+/versions/[^/]+`)

// checkServerless refuses a version, as the reference client does: the service
// takes the newest.
func checkServerless(c *Checker, v *asset.Value) {
	if id := v.Get("model_id"); modelVersionURI.MatchString(id.Str()) {
		c.in("model_id", func() {
			c.Badf(id, "bad_value", "remove /versions/ and what follows", "a serverless endpoint cannot have a certain version of a model of a registry")
		})
	}
}

// marketplaceSubscription is the contract that a model of another company
// needs before it can be used. It is written with the very keys of a
// serverless endpoint, so only its folder, or a rule, tells it.
var marketplaceSubscription = &Table{
	Kind:       "marketplace-subscription",
	Plural:     "marketplace-subscriptions",
	Collection: "marketplaceSubscriptions",
	// The resource has no tags.
	Tags:      "",
	Remove:    Confirm,
	Costly:    true,
	Lax:       true,
	LooksLike: "serverless-endpoint",
	Doc:       "The contract that a model of another company needs. A file is one if it is in a folder marketplace-subscriptions, or if a rule says so.",
	Variants:  []*Variant{{Schemas: []string{"marketplaceSubscription"}}},
	Fields: []Field{
		{YAML: "model_id", REST: "properties.modelId", As: Str{}, Required: true, Change: Replace, Doc: "The model, without its version: azureml://registries/NAME/models/NAME."},
		{YAML: "marketplace_plan", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
}
