package kind

import "mlsync.dev/mlsync/asset"

// unmanagedSchemas are kinds of Azure ML, by the last segment of $schema,
// that this version of mlsync recognises and leaves alone.
var unmanagedSchemas = map[string]string{
	"automljob": "job/automl", "sparkjob": "job/spark",
	"schedule": "schedule", "connection": "connection",
	"dataimport": "action/data-import", "dataindex": "action/data-index", "modelversionpackage": "action/model-package",
}

// unmanagedJobs are types of jobs that this version of mlsync leaves alone.
var unmanagedJobs = map[string]string{
	"automl": "job/automl", "spark": "job/spark", "import": "job/import", "parallel": "job/parallel",
	"datatransfer": "job/data_transfer", "finetuning": "job/finetuning", "distillation": "job/distillation",
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
	case typeIs(doc, "finetuning") && doc.Has("task"):
		return "job/finetuning"
	case typeIs(doc, "distillation") && doc.Has("data_generation_type"):
		return "job/distillation"
	case typeIs(doc, "automl") && doc.Has("task"):
		return "job/automl"
	case typeIs(doc, "spark") && doc.Has("entry"):
		return "job/spark"
	case typeIs(doc, "import", "data_transfer", "parallel") && hasAny(doc, "source", "task"):
		return unmanagedJobs[squash(doc.Get("type").Str())]
	case hasAll(doc, "name", "model_id"):
		return "serverless-endpoint"
	case hasAll(doc, "name", "trigger") && hasAny(doc, "create_job", "create_monitor", "import_data"):
		return "schedule"
	case hasAll(doc, "name", "type", "target") && !hasAny(doc, "deployments", "auth_mode"):
		return "connection"
	}
	return ""
}
