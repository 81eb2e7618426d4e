package emulator

import (
	"net/http"
	"strings"
)

func serverlessKind() *definition {
	return &definition{
		collection: "serverlessEndpoints", label: "Endpoint", op: "sle", deleteOp: true, updated: 200, system: sysFull, missing: notFoundEndpoint,
		envelope: trackedFields(nil), check: checkServerless, fill: fillServerless, done: finishServerless, patch: patchEndpoint, secrets: endpointKeys,
		actions: map[string]func(*call) answer{"listkeys": listKeys, "regeneratekeys": regenerateKeys},
		fields: []field{
			{name: "authMode", def: "Key", norm: authModes, keep: true},
			{name: "modelSettings", object: true},
			{name: "contentSafety", object: true},
			{name: "marketplaceSubscriptionId", norm: always(nil)},
			{name: "inferenceEndpoint", norm: always(nil)},
			{name: "endpointState", norm: always(nil)},
		},
	}
}

func checkServerless(c *call) *refusal {
	if bad := c.busy("Endpoint"); bad != nil {
		return bad
	}
	if str(sub(c.props, "modelSettings"), "modelId") == "" && c.prev == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'modelSettings.modelId' is required."})
	}
	return c.location400()
}

func fillServerless(c *call, doc obj) {
	p, old := sub2(doc), c.oldProps()
	p["endpointState"], p["inferenceEndpoint"] = "Creating", old["inferenceEndpoint"]
	if doc["sku"] == nil {
		doc["sku"] = obj{"name": "Consumption", "tier": "Free"}
	}
}

func finishServerless(_ *Server, r *resource, doc obj) {
	p := sub(doc, "properties")
	p["endpointState"] = "Online"
	p["inferenceEndpoint"] = obj{"uri": "https://" + r.name + "." + strings.ToLower(str(doc, "location")) + ".models.ai.azure.com", "headers": obj{}}
}

func marketplaceKind() *definition {
	return &definition{
		collection: "marketplaceSubscriptions", label: "MarketplaceSubscription", op: "mp", deleteOp: true, updated: 200, system: sysFull, missing: notFoundNamed,
		fields: []field{{name: "modelId"}, {name: "marketplacePlan", norm: always(nil)}, {name: "marketplaceSubscriptionStatus", norm: always(nil)}},
		done: func(_ *Server, _ *resource, doc obj) {
			p := sub(doc, "properties")
			p["marketplaceSubscriptionStatus"] = "Subscribed"
			p["marketplacePlan"] = obj{"publisherId": "emulator", "offerId": "offer", "planId": "plan"}
		},
	}
}

// Feature sets and store entities: assets with long-running writes.
func featureSetKind() *definition {
	v := &definition{
		system: sysFull, actions: map[string]func(*call) answer{"backfill": func(c *call) answer {
			return c.withOperation(jsonAnswer(http.StatusAccepted, obj{"jobIds": []any{}}), c.newOperation("fs", "Updating", c.prev))
		}}, reads: map[string]func(*call) answer{"features": func(*call) answer { return jsonAnswer(http.StatusOK, obj{"value": []any{}}) }},
		fields: assetFields(field{name: "entities", def: emptyList{}}, field{name: "specification", object: true}, field{name: "materializationSettings", object: true}, field{name: "stage", def: "Development"}),
	}
	return containerKind("featuresets", "Featureset", "fs", v)
}

func featureEntityKind() *definition {
	v := &definition{system: sysFull, fields: assetFields(field{name: "indexColumns", def: emptyList{}}, field{name: "stage", def: "Development"})}
	return containerKind("featurestoreEntities", "FeaturestoreEntity", "fe", v)
}
