package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// assetName is the rule for names of assets, jobs, datastores and endpoints
// in the service's specification (2024-10-01).
var assetName = NameRule{Pattern: `[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}`, Text: "use 1 to 255 letters, digits, dashes and underscores, the first a letter or digit"}

// serviceName is assetName for kinds whose names the reference client leaves
// to the service: a name that the service will refuse is only a warning.
var serviceName = NameRule{Pattern: assetName.Pattern, Text: assetName.Text, Warn: true}

// Tags is a map of texts in which each key is owned by itself. Entries that
// mlsync and the service make are no content of an asset. Not every key that
// begins with azureml. is the service's: azureml.promptflow.… are the user's.
var Tags = Map{Of: Text{}, Nulls: true, Owned: true, Drop: func(key string) bool {
	return hasPrefix(key, StampPrefix, "_aml_system_", "_azureml.", "azureml.git.", "mlflow.source.git.", "AzureAsyncOperationUri") ||
		slices.Contains(serviceTags, key) || strings.HasSuffix(key, "CreationApiVersion")
}}

// serviceTags are tags and properties that the service makes.
var serviceTags = []string{"azureml.labels", "azureml.onlineendpointid", "azureml.runsource", "azureml.DevPlatv2", "client_component_hash"}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// onlyKeys reports whether doc has no keys but those of the rows and more.
func onlyKeys(doc *asset.Value, rows []Field, more ...string) bool {
	for _, k := range doc.Keys() {
		if fieldOf(rows, k) == nil && !slices.Contains(more, k) {
			return false
		}
	}
	return true
}

// sameContext compares addresses of build contexts: the service may answer
// with a port, another case of the host or without the last slash.
func sameContext(want, live *asset.Value) bool {
	if strings.HasPrefix(want.Text(), PendingURI) {
		return SameURI(want.Text(), live.Text())
	}
	norm := func(s string) string {
		return strings.TrimSuffix(strings.Replace(s, ":443/", "/", 1), "/")
	}
	return strings.EqualFold(norm(want.Text()), norm(live.Text()))
}
