package kind

import "mlsync.dev/mlsync/asset"

// unmanagedJobs are types of jobs that this version of mlsync leaves alone.
var unmanagedJobs = map[string]string{
	"import": "job/import", "parallel": "job/parallel",
	"datatransfer": "job/data_transfer",
}

// unmanagedForm is the name of a form of kind k that mlsync leaves alone, if
// a document whose $schema or folder says k has it; "" if not.
func unmanagedForm(k asset.Kind, doc *asset.Value) string {
	if k == "job" {
		return unmanagedJobs[squash(doc.Get("type").Str())]
	}
	return ""
}

// unmanagedType recognises documents of those kinds that have no $schema.
func unmanagedType(doc *asset.Value) string {
	if typeIs(doc, "import", "data_transfer", "parallel") && hasAny(doc, "source", "task") {
		return unmanagedJobs[squash(doc.Get("type").Str())]
	}
	return ""
}
