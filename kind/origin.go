package kind

import (
	"regexp"

	"mlsync.dev/mlsync/asset"
)

// outputOf finds the run in the address of what a run left behind.
var outputOf = []*regexp.Regexp{
	regexp.MustCompile(`/ExperimentRun/dcid\.([^/]+)/`),
	regexp.MustCompile(`^azureml://jobs/([^/]+)/outputs/`),
	regexp.MustCompile(`^runs:/([^/]+)/`),
	regexp.MustCompile(`/paths/azureml/([0-9a-zA-Z][^/]*)/[^/]+/?$`),
}

// MadeBy is the name of the job that made a live asset, as the service says or
// as its address tells; "" if neither does.
func MadeBy(a *asset.Asset) string {
	if rest, err := asset.ParseJSON(a.Raw); err == nil {
		if name := rest.GetPath("properties", "jobName").Str(); name != "" {
			return name
		}
	}
	return JobOf(a.Body.Get("path").Str())
}

// JobOf is the name of the job that left what is at an address, as the address
// tells; "" if it does not.
func JobOf(address string) string {
	for _, re := range outputOf {
		if m := re.FindStringSubmatch(address); m != nil {
			return m[1]
		}
	}
	return ""
}

// CommitOf is the commit that a live asset was written from: that of its stamp
// or, for a job of another client, what that noted; "" if nobody did.
func CommitOf(a *asset.Asset) string {
	if hash := a.Stamps["commit"]; hash != "" {
		return hash
	}
	rest, err := asset.ParseJSON(a.Raw)
	if err != nil {
		return ""
	}
	for _, key := range []string{"mlflow.source.git.commit", "azureml.git.commit"} {
		if hash := rest.GetPath("properties", "properties", key).Str(); hash != "" {
			return hash
		}
	}
	return ""
}
