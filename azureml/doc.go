// Package azureml speaks HTTP to Azure Machine Learning: authentication,
// retries, throttling, paging, long-running operations and the upload of
// content. Its lower half (this file's neighbours client, list, operation,
// upload, download and the policies) knows paths and JSON, not kinds.
//
// It must not know plans, git, YAML, or who calls it. What it cannot find out
// is an error of type *Unknown, and never "absent".
package azureml
