package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

func batchEndpointKind() *definition {
	return &definition{
		collection: "batchEndpoints", label: "Endpoint", op: "be", deleteOp: true, updated: 201, service: mfeBatch, system: sysBatch, class: "endpoint", missing: notFoundEndpoint,
		child: batchDeploymentKind(), envelope: trackedFields(nil), check: checkBatchEndpoint, fill: fillBatchEndpoint, done: finishBatchEndpoint, patch: patchEndpoint,
		secrets: endpointKeys, actions: map[string]func(*call) answer{"listkeys": listKeys},
		fields: []field{
			{name: "authMode", norm: authModes, keep: true},
			{name: "description"},
			{name: "properties", def: emptyMap{}, norm: stringMap},
			{name: "defaults", def: obj{"deploymentName": nil}, fields: []field{{name: "deploymentName", norm: lastSegment}}},
			{name: "scoringUri", norm: always(nil)},
			{name: "swaggerUri", norm: always(nil)},
		},
	}
}

// lastSegment reduces an ARM id to a name.
func lastSegment(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	return s[strings.LastIndex(s, "/")+1:]
}

func checkBatchEndpoint(c *call) *refusal {
	if bad := c.busy("Endpoint"); bad != nil {
		return bad
	}
	if bad := c.location400(); bad != nil {
		return bad
	}
	if c.prev != nil && c.props["authMode"] != nil && !equalFold(c.props["authMode"], c.oldProps()["authMode"]) {
		return userError(http.StatusBadRequest, "Property authMode of endpoint "+c.prev.name+" cannot be changed.", detail{"ImmutableProperty", "authMode"})
	}
	name, _ := lastSegment(sub(c.props, "defaults")["deploymentName"]).(string)
	if name != "" && (c.prev == nil || c.prev.children.get(name) == nil) {
		return userError(http.StatusBadRequest, "The default deployment "+name+" does not exist in endpoint "+c.name+".", detail{"NoSuchDeployment", name})
	}
	return nil
}

func fillBatchEndpoint(c *call, doc obj) {
	p := sub2(doc)
	if p["authMode"] == nil {
		p["authMode"] = "AADToken"
	}
	if doc["identity"] == nil {
		doc["identity"] = obj{"type": "None", "principalId": "00000000-0000-0000-0000-000000000000", "tenantId": "00000000-0000-0000-0000-000000000000"}
	}
	completeIdentity(c, doc)
	props := ensure(p, "properties")
	for k, v := range sub(c.oldProps(), "properties") {
		props[k] = v
	}
	props["azureml.onlineendpointid"] = c.id() // recorded 2023-12: the batch endpoint's id
	if props["BatchEndpointCreationApiVersion"] == nil {
		props["BatchEndpointCreationApiVersion"] = c.api
	}
	p["scoringUri"] = c.oldProps()["scoringUri"]
}

func finishBatchEndpoint(_ *Server, r *resource, doc obj) {
	sub(doc, "properties")["scoringUri"] = "https://" + strings.ToLower(r.name) + "." + strings.ToLower(str(doc, "location")) + ".inference.ml.azure.com/jobs"
}

func batchDeploymentKind() *definition {
	return &definition{
		collection: "deployments", label: "Deployment", op: "bd", deleteOp: true, updated: 201, service: mfeBatch, system: sysBatch, class: "endpoint", missing: notFoundEndpoint,
		envelope: []field{{name: "location", keep: true}, {name: "tags", def: emptyMap{}, norm: stringMap}, {name: "identity", object: true, def: omit}, {name: "kind"}, {name: "sku", object: true, def: omit}},
		check:    checkBatchDeployment, fill: fillBatchDeployment, patch: patchDeployment,
		fields: []field{
			{name: "model", object: true},
			{name: "environmentId"},
			{name: "codeConfiguration", fields: []field{{name: "codeId"}, {name: "scoringScript"}}},
			{name: "compute"},
			{name: "resources", fields: batchResources, def: obj{"instanceCount": json.Number("1"), "instanceType": nil, "properties": nil}},
			{name: "miniBatchSize", def: json.Number("10")},
			{name: "maxConcurrencyPerInstance", def: json.Number("1")},
			{name: "outputAction", norm: oneOf("AppendRow", "SummaryOnly"), def: "AppendRow"},
			{name: "outputFileName", def: "predictions.csv"},
			{name: "errorThreshold", def: json.Number("-1")},
			{name: "loggingLevel", norm: oneOf("Info", "Warning", "Debug"), def: "Info"},
			{name: "retrySettings", fields: []field{{name: "maxRetries", def: json.Number("3")}, {name: "timeout", def: "PT30S"}}, def: obj{"maxRetries": json.Number("3"), "timeout": "PT30S"}},
			{name: "environmentVariables", def: emptyMap{}, norm: stringMap},
			{name: "description"},
			{name: "properties", def: emptyMap{}, norm: stringMap},
			{name: "deploymentConfiguration", object: true, since: "2023-02-01", norm: batchConfiguration},
			{name: "dataReferences", def: omit},
		},
	}
}

var batchResources = []field{{name: "instanceCount", def: json.Number("1")}, {name: "instanceType"}, {name: "properties"}}

// batchConfiguration completes a pipeline-component deployment: its settings are a map of strings.
func batchConfiguration(v any) any {
	o, ok := v.(obj)
	if !ok {
		return v
	}
	out := clone(o).(obj)
	if out["settings"] != nil {
		out["settings"] = stringMap(out["settings"])
	}
	fallbacks(out, obj{"description": nil, "settings": obj{}, "tags": obj{}})
	return out
}

func checkBatchDeployment(c *call) *refusal {
	endpoint := c.coll.parent
	if state := str(sub(c.srv.document(endpoint), "properties"), "provisioningState"); state != "Succeeded" {
		return userError(http.StatusConflict, "Cannot create a deployment in endpoint "+endpoint.name+" because it is in "+state+" provisioning state.")
	}
	if bad := c.busy("Deployment"); bad != nil {
		return bad
	}
	if bad := c.location400(); bad != nil {
		return bad
	}
	component := sub(sub(c.props, "deploymentConfiguration"), "componentId")
	for _, id := range []string{
		str(sub(c.props, "model"), "assetId"), str(c.props, "environmentId"), str(sub(c.props, "codeConfiguration"), "codeId"),
		str(c.props, "compute"), str(component, "assetId"),
	} {
		if bad := c.dependency(id); bad != nil {
			bad.status, bad.code = http.StatusBadRequest, "UserError"
			return bad
		}
	}
	return nil
}

func fillBatchDeployment(c *call, doc obj) {
	if cfg := sub(sub2(doc), "deploymentConfiguration"); cfg != nil {
		props := ensure(sub2(doc), "properties")
		props["ComponentDeployment.componentId"] = str(sub(cfg, "componentId"), "assetId")
	}
}
