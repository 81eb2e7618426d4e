package kind

import "mlsync.dev/mlsync/asset"

// unmanagedSchemas are kinds of Azure ML, by the last segment of $schema,
// that this version of mlsync recognises and leaves alone.
var unmanagedSchemas = map[string]string{
	"schedule": "schedule", "connection": "connection", "workspace": "workspace",
	"featurestore": "feature-store", "featureset": "feature-set", "featurestoreentity": "feature-store-entity",
	"dataimport": "action/data-import", "dataindex": "action/data-index", "modelversionpackage": "action/model-package",
}

// stepsOnly are types of jobs that the service runs as steps of a pipeline
// only, as the reference client says of them.
var stepsOnly = map[string]string{"import": "job/import", "parallel": "job/parallel", "datatransfer": "job/data_transfer"}

// refusedForm says why no asset of kind k is of the form that a document whose
// $schema or folder says k has; "" if one may be.
func refusedForm(k asset.Kind, doc *asset.Value) string {
	typ := doc.Get("type").Str()
	if k != job.Kind || stepsOnly[squash(typ)] == "" {
		return ""
	}
	return "a job of type " + typ + " does not run by itself: write it as a step of a pipeline, below jobs"
}

// unmanagedType recognises documents of those kinds that have no $schema.
func unmanagedType(doc *asset.Value) string {
	switch {
	case typeIs(doc, "import", "data_transfer", "parallel") && hasAny(doc, "source", "task"):
		return stepsOnly[squash(doc.Get("type").Str())]
	case hasAll(doc, "name", "model_id"):
		return "serverless-endpoint"
	case hasAll(doc, "name", "location", "replication_locations"):
		return "registry"
	case hasAll(doc, "name", "managed_network"):
		return "workspace"
	case hasAll(doc, "name", "trigger") && hasAny(doc, "create_job", "create_monitor", "import_data"):
		return "schedule"
	case hasAll(doc, "name", "type", "target") && !hasAny(doc, "deployments", "auth_mode"):
		return "connection"
	}
	return ""
}
