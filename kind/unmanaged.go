package kind

import "mlsync.dev/mlsync/asset"

// unmanagedSchemas are kinds of Azure ML, by the last segment of $schema,
// that this version of mlsync recognises and leaves alone.
var unmanagedSchemas = map[string]string{
	"workspace":    "workspace",
	"featurestore": "feature-store", "featureset": "feature-set", "featurestoreentity": "feature-store-entity",
}

// unmanagedJobs are types of jobs that this version of mlsync leaves alone.
var unmanagedJobs = map[string]string{
	"import": "job/import", "parallel": "job/parallel",
	"datatransfer": "job/data_transfer",
}

// unmanagedForm is the name of a form of kind k that mlsync leaves alone, if
// a document whose $schema or folder says k has it; "" if not.
func unmanagedForm(k asset.Kind, doc *asset.Value) string {
	switch k {
	case "job":
		return unmanagedJobs[squash(doc.Get("type").Str())]
	}
	return ""
}

// unmanagedType recognises documents of those kinds that have no $schema.
func unmanagedType(doc *asset.Value) string {
	switch {
	case typeIs(doc, "import", "data_transfer", "parallel") && hasAny(doc, "source", "task"):
		return unmanagedJobs[squash(doc.Get("type").Str())]
	case hasAll(doc, "name", "location", "replication_locations"):
		return "registry"
	case hasAll(doc, "name", "managed_network"):
		return "workspace"
	}
	return ""
}
