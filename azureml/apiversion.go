package azureml

import (
	"fmt"
	"strings"
)

// apiVersions is the version of the REST API for each collection, by its path
// below the provider. As a rule it is what Microsoft's Python client 1.28-1.32
// sends, because that is what was recorded and what Studio is tested with; a
// row says why if it differs or what would be lost with an older version.
var apiVersions = map[string]string{
	"workspaces":                               "2024-10-01-preview", // serverless compute settings, managed network
	"workspaces/codes":                         "2023-04-01",         // startPendingUpload, lookup by hash
	"workspaces/codes/versions":                "2023-04-01",
	"workspaces/components":                    "2024-01-01-preview",
	"workspaces/components/versions":           "2024-01-01-preview",
	"workspaces/computes":                      "2023-08-01-preview", // enableSSO, enableRootAccess, releaseQuotaOnStop
	"workspaces/connections":                   "2024-04-01-preview", // AAD and account key credentials
	"workspaces/data":                          "2023-04-01-preview", // autoDeleteSetting, stage
	"workspaces/data/versions":                 "2023-04-01-preview",
	"workspaces/datastores":                    "2024-07-01-preview", // OneLake, listSecrets that gives a SAS
	"workspaces/environments":                  "2023-04-01-preview", // stage
	"workspaces/environments/versions":         "2023-04-01-preview",
	"workspaces/featuresets":                   "2023-10-01", // newest stable with the kind
	"workspaces/featuresets/versions":          "2023-10-01",
	"workspaces/featurestoreentities":          "2023-10-01",
	"workspaces/featurestoreentities/versions": "2023-10-01",
	"workspaces/jobs":                          "2025-01-01-preview", // queueSettings, notificationSetting; 1.32 writes with it
	"workspaces/marketplacesubscriptions":      "2024-01-01-preview", // first with the kind
	"workspaces/models":                        "2023-08-01-preview", // system metadata of model versions
	"workspaces/models/versions":               "2023-08-01-preview",
	"workspaces/onlineendpoints":               "2023-04-01-preview", // the client still writes with 2022-02-01-preview and reads with this one; one for both
	"workspaces/onlineendpoints/deployments":   "2023-04-01-preview", // dataCollector
	"workspaces/batchendpoints":                "2024-01-01-preview",
	"workspaces/batchendpoints/deployments":    "2024-01-01-preview", // pipeline component deployments
	"workspaces/schedules":                     "2023-06-01-preview", // monitors, data imports
	"workspaces/serverlessendpoints":           "2024-01-01-preview", // first with the kind

	// Registries through Resource Manager: the client uses the data plane of
	// the region instead; 2023-04-01 is the first version with these rows.
	"registries":                       "2022-10-01-preview",
	"registries/codes":                 "2023-04-01",
	"registries/codes/versions":        "2023-04-01",
	"registries/components":            "2023-04-01",
	"registries/components/versions":   "2023-04-01",
	"registries/data":                  "2023-04-01",
	"registries/data/versions":         "2023-04-01",
	"registries/environments":          "2023-04-01",
	"registries/environments/versions": "2023-04-01",
	"registries/models":                "2023-04-01",
	"registries/models/versions":       "2023-04-01",
}

// APIVersion returns the version of the REST API to use for a path, of a
// collection, a resource in it or an action on one.
func APIVersion(path string) (string, error) {
	c := collection(path)
	for c != "" {
		if v := apiVersions[c]; v != "" {
			return v, nil
		}
		i := strings.LastIndex(c, "/")
		if i < 0 {
			break
		}
		c = c[:i] // an action, or a collection below that has no row
	}
	return "", fmt.Errorf("%s: no api version is known for this path", path)
}

// collection returns the lower-cased types of a path without the names:
// workspaces/models/versions. An action counts as a type.
func collection(path string) string {
	_, below, ok := strings.Cut(strings.ToLower(path), "/providers/microsoft.machinelearningservices/")
	if !ok {
		return ""
	}
	var out []string
	for i, s := range strings.Split(strings.Trim(below, "/"), "/") {
		if i%2 == 0 {
			out = append(out, s)
		}
	}
	return strings.Join(out, "/")
}
