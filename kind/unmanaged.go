package kind

import "mlsync.dev/mlsync/asset"

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

// unmanagedType recognises such jobs that have no $schema: they are left alone.
func unmanagedType(doc *asset.Value) string {
	if typeIs(doc, "import", "data_transfer", "parallel") && hasAny(doc, "source", "task") {
		return stepsOnly[squash(doc.Get("type").Str())]
	}
	return ""
}
