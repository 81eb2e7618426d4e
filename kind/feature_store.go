package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

var featureStore = &Table{
	Kind:       "feature-store",
	Plural:     "feature-stores",
	Collection: "workspaces",
	Top:        true,
	OptIn:      true,
	Patches:    true,
	Names:      workspaceKind.Names,
	Tags:       "tags",
	Remove:     Orphan,
	Doc:        "The workspace of the target itself, if it is a feature store. It is managed only where mlsync.yaml says manage: [feature-store], and never deleted.",
	Variants: []*Variant{{
		Schemas: []string{"featureStore"},
		Const:   []Const{{"kind", "featurestore"}},
		Tell: func(doc *asset.Value) bool {
			return doc.Has("name") && hasAny(doc, "compute_runtime", "offline_store", "materialization_identity") && !doc.Has("kind")
		},
		Check:  checkFeatureStore,
		ToREST: sendWorkspace,
	}},
	Fields: slices.Concat(workspaceBase, []Field{
		{YAML: "compute_runtime", REST: "properties.featureStoreSettings.computeRuntime", Send: asset.NewMap().Set("spark_runtime_version", asset.NewString("3.4.0")), As: Obj(
			Field{YAML: "spark_runtime_version", REST: "sparkRuntimeVersion", As: Str{}, Required: true, Doc: "The version of Spark."},
		), Doc: "What features are computed with."},
		{YAML: "offline_store", As: materializationStore, Change: Once, Doc: "Where features are kept. The reference client makes a connection of it when it creates a feature store; mlsync does not."},
		{YAML: "online_store", As: materializationStore, Change: Once, Doc: "Where features are kept for answers at once; as offline_store."},
		{YAML: "materialization_identity", As: Obj(
			Field{YAML: "resource_id", As: Str{}, Doc: "The resource id of the identity."},
			Field{YAML: "client_id", As: Str{}, Doc: "Its client id."},
			Field{YAML: "principal_id", As: Str{}, Doc: "Its principal id."},
		), Change: Once, Doc: "Who writes to the stores. The reference client gives roles to it when it creates a feature store; mlsync does not."},
	}),
}

var materializationStore = Obj(
	Field{YAML: "type", As: Str{}, Required: true, Doc: "azure_data_lake_gen2 or redis."},
	Field{YAML: "target", As: looseARM{}, Required: true, Doc: "The resource id of the container or cache."},
)

// looseARM is a resource id of any resource.
type looseARM struct{ Str }

const looseARMPattern = `/?subscriptions/[^/]+/(?:resourceGroups/[^/]+/)?providers/Microsoft.[^/]+/[^/]+/[^/]+`

// Check holds the text to the form.
func (looseARM) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.String && matches(looseARMPattern+`(?s:.*)`, v.Str()) {
		return asset.NewString(v.Str())
	}
	c.Badf(v, "bad_value", "write it as /subscriptions/ID/resourceGroups/NAME/providers/PROVIDER/TYPE/NAME", "%s is not a resource id", sort(v))
	return nil
}

// Schema says the form.
func (looseARM) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^" + looseARMPattern}
}

// Describe names the form.
func (looseARM) Describe() string { return "resource id" }

// checkFeatureStore warns of what only the creation by another client does.
func checkFeatureStore(c *Checker, v *asset.Value) {
	for _, key := range []string{"offline_store", "online_store", "materialization_identity"} {
		if item := v.Get(key); item != nil {
			c.Problems.Warnf(item.Pos(), "no_effect", "make the connection and the roles otherwise", "%s: mlsync does not apply it", key)
		}
	}
}
