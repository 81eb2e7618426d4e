package emulator

import (
	"net/http"
	"regexp"
	"strings"
)

func connectionKind() *definition {
	return &definition{
		collection: "connections", label: "Connection", created: 200, updated: 200, system: sysZ, missing: notFoundRP, names: connectionName, check: checkConnection, fill: fillConnection,
		secrets: connectionSecrets, filter: filterConnection, patch: patchConnection,
		envelope: []field{{name: "tags", norm: always(nil)}, {name: "location", norm: always(nil)}},
		actions:  map[string]func(*call) answer{"listsecrets": connectionListSecrets, "test": func(*call) answer { return emptyAnswer(http.StatusOK) }},
		fields: []field{
			{name: "authType"},
			{name: "category", norm: connectionCategory},
			{name: "target"},
			{name: "metadata", def: emptyMap{}, norm: stringMap},
			{name: "credentials", norm: always(nil)},
			{name: "expiryTime"},
			{name: "isSharedToAll", def: false},
			{name: "sharedUserList", def: emptyList{}},
			{name: "group", norm: always(nil)},
			{name: "createdByWorkspaceArmId", norm: always(nil)},
			{name: "value", def: omit},
			{name: "valueFormat", def: omit},
			{name: "useWorkspaceManagedIdentity", def: false, since: "2024-01-01"},
			{name: "peRequirement", def: "NotRequired", since: "2024-01-01"},
			{name: "peStatus", def: "NotApplicable", since: "2024-01-01"},
			{name: "error", since: "2024-01-01"},
			{name: "isDefault", def: true, since: "2024-01-01"},
		},
	}
}

var connectionName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}$`)

var connectionCategory = oneOf("Git", "ContainerRegistry", "PythonFeed", "S3", "Snowflake", "AzureSqlDb", "AzureSynapseAnalytics", "AzureMySqlDb", "AzurePostgresDb",
	"FeatureStore", "CustomKeys", "ADLSGen2", "AzureBlob", "AzureOneLake", "AzureOpenAI", "AIServices", "CognitiveSearch", "CognitiveService", "ApiKey", "OpenAI",
	"Serp", "Serverless", "BingLLMSearch", "Redis", "Elasticsearch", "Pinecone", "ManagedOnlineEndpoint")

// connectionGroup is the group of a category. Git and S3 were recorded, the others follow the Go SDK's documentation.
func connectionGroup(category string) string {
	switch category {
	case "AzureOpenAI", "OpenAI", "CognitiveSearch", "CognitiveService", "AIServices", "Serverless":
		return "AzureAI"
	case "S3", "ADLSGen2", "AzureBlob", "AzureOneLake":
		return "File"
	case "AzureSqlDb", "AzureSynapseAnalytics", "AzureMySqlDb", "AzurePostgresDb", "Snowflake":
		return "Database"
	case "ApiKey", "CustomKeys":
		return "GenericProtocol"
	}
	return "ServicesAndApps"
}

func checkConnection(c *call) *refusal {
	var details []detail
	for _, k := range []string{"authType", "category"} {
		if str(c.props, k) == "" {
			details = append(details, detail{"InvalidInput", "Property '" + k + "' is required."})
		}
	}
	if details == nil {
		return nil
	}
	f := rpError(http.StatusBadRequest, details[0].message, "ValidationError")
	return f
}

func connectionSecrets(_ *call, props obj) obj {
	secret, _ := props["credentials"].(obj)
	if secret == nil {
		return obj{}
	}
	return clone(secret).(obj)
}

func fillConnection(c *call, doc obj) {
	p := sub2(doc)
	p["group"], p["createdByWorkspaceArmId"] = connectionGroup(str(p, "category")), c.scope.id()
	if p["category"] == "AzureOpenAI" {
		if m := sub(p, "metadata"); m["DeploymentApiVersion"] == nil {
			m["DeploymentApiVersion"] = "2023-07-01-preview"
		}
	}
	// Recorded 2026-03: an update resets createdAt.
	doc["systemData"] = c.systemData(sysZ, nil)
}

func patchConnection(c *call, doc obj) *refusal {
	p := sub2(doc)
	for k, v := range c.props {
		for _, f := range c.def().fields {
			if f.name == k && k != "credentials" {
				p[k] = f.value(v)
			}
		}
	}
	if cred, ok := c.props["credentials"].(obj); ok {
		c.prev.secret = clone(cred).(obj)
	}
	fillConnection(c, doc)
	return nil
}

// connectionListSecrets shows the connection with its credentials. A PAT comes back as key (recorded 2026-03).
func connectionListSecrets(c *call) answer {
	doc := clone(c.old).(obj)
	cred := clone(c.prev.secret).(obj)
	if v, ok := cred["pat"]; ok {
		cred = obj{"key": v}
	}
	sub(doc, "properties")["credentials"] = cred
	return jsonAnswer(http.StatusOK, doc)
}

func filterConnection(c *call, r *resource) bool {
	category, target := c.query("category"), c.query("target")
	if category == "" && target == "" {
		return true
	}
	p := sub(c.srv.document(r), "properties")
	return (category == "" || strings.EqualFold(category, str(p, "category"))) && (target == "" || target == str(p, "target"))
}
