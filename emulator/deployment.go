package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

var probeRows = []field{
	{name: "failureThreshold", def: json.Number("30")},
	{name: "successThreshold", def: json.Number("1")},
	{name: "timeout", def: "PT2S"},
	{name: "period", def: "PT10S"},
	{name: "initialDelay", def: "PT10S"},
}

func onlineDeploymentKind() *definition {
	onOff := oneOf("Enabled", "Disabled")
	return &definition{
		collection: "deployments", label: "Deployment", op: "od", deleteOp: true, updated: 201, creating: "Updating", // recorded 2022-10
		system: sysFull, class: "endpoint", missing: notFoundEndpoint,
		envelope: []field{
			{name: "location", keep: true},
			{name: "tags", def: emptyMap{}, norm: stringMap},
			{name: "identity", object: true, def: omit},
			{name: "kind", def: "Managed", norm: always("Managed")},
			{name: "sku", object: true, def: obj{"name": "Default", "capacity": json.Number("1")}},
		},
		check: checkOnlineDeployment, fill: fillOnlineDeployment, done: finishOnlineDeployment, patch: patchDeployment, refuse: refuseLiveDeployment,
		stored:  func(c *call, r *resource, created bool) { c.zeroTraffic(r, created) },
		dropped: forgetTraffic,
		actions: map[string]func(*call) answer{"getlogs": deploymentLogs},
		reads:   map[string]func(*call) answer{"skus": deploymentSKUs},
		fields: []field{
			{name: "endpointComputeType", norm: oneOf("Managed", "Kubernetes"), def: "Managed", keep: true},
			{name: "model"},
			{name: "modelMountPath"},
			{name: "environmentId"},
			{name: "codeConfiguration", fields: []field{{name: "codeId"}, {name: "scoringScript"}}},
			{name: "environmentVariables", def: emptyMap{}, norm: stringMap},
			{name: "instanceType"},
			{name: "scaleSettings", object: true, def: obj{"scaleType": "Default"}},
			{name: "appInsightsEnabled", def: false},
			{
				name: "requestSettings", fields: []field{{name: "maxQueueWait", def: "PT0S"}, {name: "requestTimeout", def: "PT0S"}, {name: "maxConcurrentRequestsPerInstance", def: json.Number("1")}},
				def: obj{"maxQueueWait": "PT0S", "requestTimeout": "PT0S", "maxConcurrentRequestsPerInstance": json.Number("1")},
			},
			{name: "livenessProbe", fields: probeRows},
			{name: "readinessProbe", fields: probeRows},
			{name: "startupProbe", def: omit, fields: probeRows},
			{name: "egressPublicNetworkAccess", def: "Enabled", norm: onOff, keep: true},
			{name: "privateNetworkConnection", def: omit},
			{name: "containerResourceRequirements", object: true, def: omit},
			{name: "dataCollector", object: true, def: omit, since: "2023-02-01"},
			{name: "description"},
			{name: "properties", def: emptyMap{}, norm: stringMap},
		},
	}
}

func checkOnlineDeployment(c *call) *refusal {
	endpoint := c.coll.parent
	ep := c.srv.document(endpoint)
	state := str(sub(ep, "properties"), "provisioningState")
	if state != "Succeeded" {
		return userError(http.StatusConflict, "Cannot create a deployment in endpoint "+endpoint.name+" because it is in "+state+" provisioning state.")
	}
	if bad := c.busy("Deployment"); bad != nil {
		return bad
	}
	if bad := c.location400(); bad != nil {
		return bad
	}
	if c.prev == nil {
		if !strings.EqualFold(str(c.sent, "location"), str(ep, "location")) {
			return userError(http.StatusBadRequest, "The location of deployment "+c.name+" must be that of its endpoint, "+str(ep, "location")+".")
		}
	} else if bad := c.deploymentFixed(); bad != nil {
		return bad
	}
	for _, id := range []string{str(c.props, "model"), str(c.props, "environmentId"), str(sub(c.props, "codeConfiguration"), "codeId")} {
		if bad := c.dependency(id); bad != nil {
			bad.status, bad.code = http.StatusBadRequest, "UserError"
			return bad
		}
	}
	return nil
}

// deploymentFixed refuses the fields that only a new deployment can set.
func (c *call) deploymentFixed() *refusal {
	old := c.oldProps()
	fixed := []string{"endpointComputeType", "egressPublicNetworkAccess"}
	if old["endpointComputeType"] == "Kubernetes" {
		fixed = append(fixed, "instanceType")
	}
	for _, k := range fixed {
		if v, ok := c.props[k]; ok && v != nil && !equalFold(v, old[k]) {
			return userError(http.StatusBadRequest, "Property "+k+" of deployment "+c.prev.name+" cannot be changed.", detail{"ImmutableProperty", k})
		}
	}
	return nil
}

func fillOnlineDeployment(c *call, doc obj) {
	p := sub2(doc)
	completeIdentity(c, doc)
	if p["endpointComputeType"] == "Kubernetes" {
		doc["kind"] = "K8S"
	}
	sku := sub(doc, "sku")
	fallbacks(sku, obj{"name": "Default", "tier": "Standard", "capacity": nil})
	if s := sub(p, "scaleSettings"); s != nil {
		s["scaleType"] = oneOf("Default", "TargetUtilization")(s["scaleType"])
	}
	if d := sub(p, "dataCollector"); d != nil && d["rollingRate"] != nil {
		d["rollingRate"] = oneOf("Year", "Month", "Day", "Hour", "Minute")(d["rollingRate"])
	}
	ensure(p, "properties")["azureml.onlineendpointid"] = strings.ToLower(c.coll.parent.id())
}

// finishOnlineDeployment: the defaults materialise when the deployment is ready (recorded 2022-10).
func finishOnlineDeployment(_ *Server, _ *resource, doc obj) {
	p := sub(doc, "properties")
	if r := sub(p, "requestSettings"); r != nil && (r["requestTimeout"] == "PT0S" || r["requestTimeout"] == nil) {
		r["requestTimeout"] = "PT5S"
	}
	for _, k := range []string{"livenessProbe", "readinessProbe"} {
		if p[k] == nil {
			p[k] = shape(probeRows, nil, nil)
		}
	}
}

// zeroTraffic makes the endpoint show a deployment without traffic as 0.
func (c *call) zeroTraffic(r *resource, created bool) {
	if !created {
		return
	}
	endpoint := c.coll.parent
	doc := c.srv.document(endpoint)
	traffic := ensure(sub2(doc), "traffic")
	if traffic[r.name] == nil {
		traffic[r.name] = json.Number("0")
		endpoint.doc = encode(doc)
		c.srv.store.log.put(endpoint)
	}
}

// forgetTraffic takes a deleted deployment out of the maps of its endpoint.
func forgetTraffic(s *Server, r *resource) {
	endpoint := r.coll.parent
	doc := s.document(endpoint)
	for _, k := range []string{"traffic", "mirrorTraffic"} {
		delete(sub(sub2(doc), k), r.name)
	}
	endpoint.doc = encode(doc)
	s.store.log.put(endpoint)
}

func refuseLiveDeployment(c *call, r *resource) *refusal {
	endpoint := r.coll.parent
	p := sub(c.srv.document(endpoint), "properties")
	for _, k := range []string{"traffic", "mirrorTraffic"} {
		for name, v := range sub(p, k) {
			if n, _ := number(v); n > 0 && strings.EqualFold(name, r.name) {
				return userError(http.StatusBadRequest, "Deployment "+r.name+" has live traffic allocated to it in endpoint "+endpoint.name+". Remove the traffic first.")
			}
		}
	}
	return nil
}

// patchDeployment changes tags and the number of instances.
func patchDeployment(c *call, doc obj) *refusal {
	if bad := c.busy("Deployment"); bad != nil {
		return bad
	}
	if v, ok := c.sent["tags"]; ok {
		doc["tags"] = clone(v)
	}
	if sku, ok := c.sent["sku"].(obj); ok {
		doc["sku"] = merged(sub(doc, "sku"), sku)
	}
	if v, ok := c.props["description"]; ok && c.coll.parent.coll.def.collection == "batchEndpoints" {
		sub2(doc)["description"] = v
	}
	return nil
}

func deploymentLogs(c *call) answer {
	return jsonAnswer(http.StatusOK, obj{"content": "Instance status:\nSystemSetup: Succeeded\nUserContainerImagePull: Succeeded\nModelDownload: Succeeded\nUserContainerStart: Succeeded\n"})
}

func deploymentSKUs(c *call) answer {
	return jsonAnswer(http.StatusOK, obj{"value": []any{obj{
		"resourceType": c.prev.typ(), "sku": obj{"name": "Default", "tier": "Standard"},
		"capacity": obj{"default": 1, "minimum": 0, "maximum": 50, "scaleType": "Manual"},
	}}})
}
