package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

var computeTypes = oneOf("AmlCompute", "ComputeInstance", "Kubernetes", "VirtualMachine", "SynapseSpark", "AKS", "DataFactory", "HDInsight", "Databricks", "DataLakeAnalytics")

var attached = map[string]bool{"Kubernetes": true, "VirtualMachine": true, "SynapseSpark": true, "AKS": true, "DataFactory": true, "HDInsight": true, "Databricks": true, "DataLakeAnalytics": true}

func computeKind() *definition {
	return &definition{
		collection: "computes", names: anyName, label: "Compute", op: "c", deleteOp: true, bodyless: true, service: computeStatus, system: sysNone, missing: notFoundEmpty,
		envelope: []field{{name: "location", keep: true}, {name: "tags", def: emptyMap{}, norm: stringMap}, {name: "identity", object: true, keep: true}, {name: "sku", object: true, def: omit, keep: true}},
		fields: []field{
			{name: "computeType", norm: computeTypes},
			{name: "description"},
			{name: "disableLocalAuth", def: false},
			{name: "resourceId"},
			{name: "computeLocation", norm: always(nil)},
			{name: "properties", object: true},
		},
		check: checkCompute, fill: fillCompute, interim: creatingCompute, done: finishCompute, patch: patchCompute, refuse: refuseComputeDelete,
		secrets: computeSecrets,
		actions: map[string]func(*call) answer{
			"start": powerAction("Running"), "stop": powerAction("Stopped"), "restart": powerAction("Running"),
			"listkeys": computeKeys, "listnodes": computeNodes, "updateidleshutdownsetting": updateIdle,
		},
	}
}

// createOnly are the inner fields that only a new compute can set (documented, inferred for some).
var createOnly = map[string][]string{
	"AmlCompute":      {"vmSize", "vmPriority", "osType", "remoteLoginPortPublicAccess", "enableNodePublicIp"},
	"ComputeInstance": {"vmSize", "applicationSharingPolicy", "computeInstanceAuthorizationType", "enableNodePublicIp"},
	"Kubernetes":      {"namespace"},
}

func checkCompute(c *call) *refusal {
	typ, _ := computeTypes(c.props["computeType"]).(string)
	if typ == "" {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'computeType' is required."})
	}
	inner := sub(c.props, "properties")
	if attached[typ] && str(c.props, "resourceId") == "" && c.prev == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'resourceId' is required to attach a compute of type " + typ + "."})
	}
	if c.prev == nil {
		if (typ == "AmlCompute" || typ == "ComputeInstance") && str(inner, "vmSize") == "" {
			return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'vmSize' is required."})
		}
		return nil
	}
	if bad := c.busy("Compute"); bad != nil {
		return bad
	}
	old := c.oldProps()
	if typ != str(old, "computeType") {
		return userError(http.StatusBadRequest, "The type of compute "+c.prev.name+" cannot be changed.")
	}
	if sent, have := str(c.props, "resourceId"), str(old, "resourceId"); sent != "" && !strings.EqualFold(sent, have) {
		return userError(http.StatusBadRequest, "Property resourceId of compute "+c.prev.name+" cannot be changed.")
	}
	if sent, have := str(c.sent, "location"), str(c.old, "location"); sent != "" && !strings.EqualFold(sent, have) {
		return userError(http.StatusBadRequest, "The location of compute "+c.prev.name+" cannot be changed.")
	}
	for _, k := range createOnly[typ] {
		sent, had := inner[k], sub(old, "properties")[k]
		if sent == nil || sent == "NotSpecified" || equalFold(sent, had) {
			continue
		}
		return userError(http.StatusBadRequest, "Property "+k+" of compute "+c.prev.name+" cannot be changed.", detail{"ImmutableProperty", k})
	}
	for _, block := range []string{"userAccountCredentials", "sshSettings"} {
		had := sub(sub(old, "properties"), block)
		for k, v := range sub(inner, block) {
			if v != nil && k != "adminUserPassword" && !equalFold(v, had[k]) {
				return userError(http.StatusBadRequest, "Property "+block+"."+k+" of compute "+c.prev.name+" cannot be changed.", detail{"ImmutableProperty", block})
			}
		}
	}
	if sent, had := sub(inner, "subnet"), sub(sub(old, "properties"), "subnet"); sent != nil && !equalFold(sent["id"], had["id"]) {
		return userError(http.StatusBadRequest, "Property subnet of compute "+c.prev.name+" cannot be changed.", detail{"ImmutableProperty", "subnet"})
	}
	return nil
}

func equalFold(a, b any) bool {
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	if ok1 && ok2 {
		return strings.EqualFold(x, y)
	}
	return equalJSON(a, b)
}

// busy refuses a change while an operation runs.
func (c *call) busy(what string) *refusal {
	if c.prev == nil || c.prev.event == nil || c.prev.event.kind != evFinish && c.prev.event.kind != evDelete {
		return nil
	}
	state := str(c.oldProps(), "provisioningState")
	return userError(http.StatusConflict, what+" "+c.prev.name+" cannot be changed because it is in "+state+" provisioning state.", detail{"Conflict", state})
}

func computeSecrets(c *call, props obj) obj {
	inner, out := sub(props, "properties"), obj{}
	if c.prev != nil {
		out = merged(c.prev.secret, nil)
	}
	if u := sub(inner, "userAccountCredentials"); u["adminUserPassword"] != nil {
		out["adminUserPassword"] = u["adminUserPassword"]
		u["adminUserPassword"] = nil
	}
	if a := sub(inner, "administratorAccount"); a != nil {
		out["administratorAccount"] = clone(a)
		delete(a, "password")
		delete(a, "privateKeyData")
	}
	return out
}

func fillCompute(c *call, doc obj) {
	p := sub2(doc)
	typ := str(p, "computeType")
	if doc["location"] == nil {
		doc["location"] = c.region()
	}
	completeIdentity(c, doc)
	old := c.oldProps()
	if old == nil {
		p["createdOn"] = stamp(c.now)
	} else {
		p["createdOn"] = old["createdOn"]
		p["resourceId"] = old["resourceId"]
	}
	p["modifiedOn"], p["computeLocation"] = stamp(c.now), doc["location"]
	p["provisioningState"], p["provisioningErrors"], p["provisioningWarnings"] = "Succeeded", nil, obj{}
	p["isAttachedCompute"] = attached[typ]
	inner := ensure(p, "properties")
	for k, v := range sub(old, "properties") {
		if inner[k] == nil || inner[k] == "NotSpecified" {
			inner[k] = clone(v)
		}
	}
	rows := map[string]func(*call, obj){"AmlCompute": fillCluster, "ComputeInstance": fillInstance, "SynapseSpark": nil, "Kubernetes": fillKubernetes}[typ]
	if rows != nil {
		rows(c, inner)
	}
}

func fallbacks(o obj, values obj) {
	for k, v := range values {
		if o[k] == nil {
			o[k] = v
		}
	}
}

func fillCluster(c *call, in obj) {
	zero := json.Number("0")
	fallbacks(in, obj{
		"osType": "Linux", "vmPriority": "Dedicated", "subnet": nil, "currentNodeCount": zero, "targetNodeCount": zero, "allocationState": "Steady",
		"errors": nil, "virtualMachineImage": nil, "isolatedNetwork": false, "enableBatchPrivateLink": false, "propertyBag": obj{}, "enableNodePublicIp": true,
		"remoteLoginPortPublicAccess": "NotSpecified", "userAccountCredentials": nil, "allocationStateTransitionTime": stamp(c.now),
		"nodeStateCounts": obj{"idleNodeCount": zero, "runningNodeCount": zero, "preparingNodeCount": zero, "unusableNodeCount": zero, "leavingNodeCount": zero, "preemptedNodeCount": zero},
	})
	in["vmPriority"] = oneOf("Dedicated", "LowPriority")(in["vmPriority"])
	scale := ensure(in, "scaleSettings")
	fallbacks(scale, obj{"minNodeCount": zero, "maxNodeCount": json.Number("1"), "nodeIdleTimeBeforeScaleDown": "PT30M"})
	in["currentNodeCount"], in["targetNodeCount"] = scale["minNodeCount"], scale["minNodeCount"]
}

func fillInstance(c *call, in obj) {
	ssh := ensure(in, "sshSettings")
	fallbacks(ssh, obj{"sshPublicAccess": "Disabled", "adminPublicKey": nil, "adminUserName": "azureuser", "sshPort": json.Number("50000")})
	fallbacks(in, obj{
		"applicationSharingPolicy": "Shared", "computeInstanceAuthorizationType": "personal", "personalComputeInstanceSettings": nil, "subnet": nil,
		"setupScripts": nil, "schedules": obj{"computeStartStop": []any{}}, "idleTimeBeforeShutdown": nil, "customServices": []any{}, "errors": []any{},
		"enableNodePublicIp": true, "enableOSPatching": false, "enableRootAccess": true, "enableSSO": true, "releaseQuotaOnStop": false,
	})
	in["state"] = "Running"
	in["versions"] = obj{"runtime": "3.0.02179.0001"}
	in["createdBy"] = obj{"userName": c.who.name, "userOrgId": c.who.tenant, "userId": c.who.objectID}
	in["connectivityEndpoints"] = obj{"publicIpAddress": "203.0.113.7", "privateIpAddress": "10.0.0.4"}
	in["osImageMetadata"] = obj{"currentImageVersion": "24.11.01", "latestImageVersion": "24.11.01", "isLatestOsImageVersion": true}
	var apps []any
	for _, a := range []string{"Jupyter", "Jupyter Lab"} {
		apps = append(apps, obj{"displayName": a, "endpointUri": "https://" + c.name + "." + c.region() + ".instances.azureml.ms"})
	}
	in["applications"] = apps
	operation := "Create"
	if c.prev != nil {
		operation = "Update"
	}
	in["lastOperation"] = lastOperation(operation, c.now)
}

func lastOperation(name string, now time.Time) obj {
	return obj{"operationName": name, "operationTime": stamp(now), "operationStatus": "Succeeded", "operationTrigger": "User"}
}

func fillKubernetes(_ *call, in obj) {
	fallbacks(in, obj{
		"namespace": "default", "defaultInstanceType": nil, "instanceTypes": nil, "vcName": nil, "extensionPrincipalId": nil, "extensionInstanceReleaseTrain": nil,
		"relayConnectionString": nil, "serviceBusConnectionString": nil,
	})
}

// creatingCompute is the answer while a compute is made: the size in upper case, no tags, most of an instance null
// (recorded 2024-12).
func creatingCompute(c *call, doc obj) obj {
	if c.prev != nil && c.old != nil {
		return doc
	}
	p := sub2(doc)
	in := sub(p, "properties")
	if v, ok := in["vmSize"].(string); ok {
		in["vmSize"] = strings.ToUpper(v)
	}
	doc["tags"] = nil
	switch p["computeType"] {
	case "AmlCompute":
		in["userAccountCredentials"] = nil
	case "ComputeInstance":
		for k := range in {
			if k != "vmSize" && k != "errors" {
				in[k] = nil
			}
		}
	}
	return doc
}

// finishCompute settles what is open while a compute is made. NotSpecified is a value of the creation only: the port of
// a cluster is closed if it is in a network and open if not (spec). Clients send back what they read.
func finishCompute(s *Server, _ *resource, doc obj) {
	p := sub(doc, "properties")
	p["modifiedOn"] = stamp(s.opt.Now())
	if in := sub(p, "properties"); in["remoteLoginPortPublicAccess"] == "NotSpecified" {
		in["remoteLoginPortPublicAccess"] = "Enabled"
		if in["subnet"] != nil {
			in["remoteLoginPortPublicAccess"] = "Disabled"
		}
	}
}

// patchCompute changes the scale settings of a cluster and nothing else (spec).
func patchCompute(c *call, doc obj) *refusal {
	if bad := c.busy("Compute"); bad != nil {
		return bad
	}
	inner := sub(c.props, "properties")
	scale := sub(inner, "scaleSettings")
	if scale == nil {
		scale = sub(c.props, "scaleSettings")
	}
	if scale == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Only properties.properties.scaleSettings can be patched."})
	}
	in := sub(sub2(doc), "properties")
	in["scaleSettings"] = merged(sub(in, "scaleSettings"), scale)
	sub2(doc)["modifiedOn"] = stamp(c.now)
	return nil
}

// refuseComputeDelete: the query parameter is required (spec), and attached computes can only be detached.
func refuseComputeDelete(c *call, r *resource) *refusal {
	switch action := strings.ToLower(c.query("underlyingResourceAction")); action {
	case "detach":
		return nil
	case "delete":
		typ := str(sub(c.srv.document(r), "properties"), "computeType")
		if attached[typ] {
			return userError(http.StatusBadRequest, "Compute "+r.name+" of type "+typ+" was attached and can only be detached.")
		}
		return nil
	case "":
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"MissingQueryParameter", "Query parameter 'underlyingResourceAction' is required."})
	default:
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidQuery", "underlyingResourceAction must be Delete or Detach."})
	}
}

// powerAction is start, stop and restart: 202, no body, only the status URL (recorded 2024-12).
func powerAction(state string) func(*call) answer {
	return func(c *call) answer {
		p := sub(c.old, "properties")
		if p["computeType"] != "ComputeInstance" {
			return userError(http.StatusBadRequest, "The operation is only supported for compute instances.").answer(c)
		}
		if bad := c.busy("Compute"); bad != nil {
			return bad.answer(c)
		}
		op := c.newOperation("c", "InProgress", c.prev)
		want := clone(c.old).(obj)
		in := sub(sub(want, "properties"), "properties")
		in["state"] = state
		in["lastOperation"] = lastOperation(map[string]string{"Running": "Start", "Stopped": "Stop"}[state], c.now)
		sub(p, "properties")["state"] = map[string]string{"Running": "Starting", "Stopped": "Stopping"}[state]
		c.prev.doc = encode(c.old)
		c.srv.store.schedule(&event{at: op.End, kind: evState, op: op.ID, want: encode(want), res: c.prev})
		c.srv.store.log.put(c.prev)
		return c.withOperation(emptyAnswer(http.StatusAccepted), op)
	}
}

// finishState ends a power action.
func (s *Server) finishState(r *resource, e *event) {
	if op := s.store.ops[e.op]; op != nil && op.Fail != "" {
		return
	}
	r.doc = e.want
}

func computeKeys(c *call) answer {
	p := c.oldProps()
	switch p["computeType"] {
	case "VirtualMachine":
		return jsonAnswer(http.StatusOK, obj{"computeType": "VirtualMachine", "administratorAccount": c.prev.secret["administratorAccount"]})
	case "AmlCompute", "ComputeInstance":
		return userError(http.StatusBadRequest, "The operation is not supported for computes of type "+str(p, "computeType")+".").answer(c)
	}
	return jsonAnswer(http.StatusOK, obj{"computeType": p["computeType"]})
}

func computeNodes(c *call) answer {
	nodes := []any{}
	if n, ok := number(sub(c.oldProps(), "properties")["currentNodeCount"]); ok {
		for i := range int(n) {
			nodes = append(nodes, obj{"nodeId": guidOf(c.prev.id() + string(rune('a'+i))), "privateIpAddress": "10.0.0.5", "publicIpAddress": nil, "port": 50000, "nodeState": "idle", "runId": nil})
		}
	}
	return jsonAnswer(http.StatusOK, obj{"nodes": nodes})
}

func updateIdle(c *call) answer {
	sub(sub(c.old, "properties"), "properties")["idleTimeBeforeShutdown"] = c.sent["idleTimeBeforeShutdown"]
	c.prev.doc = encode(c.old)
	c.srv.store.log.put(c.prev)
	return emptyAnswer(http.StatusOK)
}
