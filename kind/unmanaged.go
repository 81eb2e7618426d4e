package kind

import "mlsync.dev/mlsync/asset"

// unmanagedSchemas are kinds of Azure ML, by the last segment of $schema,
// that this version of mlsync recognises and leaves alone.
var unmanagedSchemas = map[string]string{
	"pipelinejob": "job/pipeline", "automljob": "job/automl", "sparkjob": "job/spark",
	"commandcomponent": "component/command", "pipelinecomponent": "component/pipeline", "sparkcomponent": "component/spark",
	"schedule": "schedule", "connection": "connection", "workspace": "workspace",
	"featurestore": "feature-store", "featureset": "feature-set", "featurestoreentity": "feature-store-entity",
	"dataimport": "action/data-import", "dataindex": "action/data-index", "modelversionpackage": "action/model-package",
}

// unmanagedType recognises documents of those kinds that have no $schema.
func unmanagedType(doc *asset.Value) string {
	switch {
	case typeIs(doc, "finetuning") && doc.Has("task"):
		return "job/finetuning"
	case typeIs(doc, "distillation") && doc.Has("data_generation_type"):
		return "job/distillation"
	case typeIs(doc, "automl") && doc.Has("task"):
		return "job/automl"
	case typeIs(doc, "spark") && doc.Has("entry"):
		return "job/spark"
	case typeIs(doc, "pipeline") && hasAny(doc, "jobs", "component"):
		if doc.Has("version") {
			return "component/pipeline"
		}
		return "job/pipeline"
	case hasAll(doc, "command", "environment", "name", "version"):
		return "component/command"
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
