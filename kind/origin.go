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
	for _, re := range outputOf {
		if m := re.FindStringSubmatch(a.Body.Get("path").Str()); m != nil {
			return m[1]
		}
	}
	return ""
}
