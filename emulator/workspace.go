package emulator

import (
	"net/http"
	"strings"
)

// trackedFields are the top-level rows of resources with a location.
func trackedFields(kind any) []field {
	return []field{
		{name: "location", keep: true},
		{name: "tags", def: emptyMap{}, norm: stringMap},
		{name: "identity", object: true, keep: true},
		{name: "kind", def: kind, keep: true},
		{name: "sku", object: true, keep: true},
	}
}

func workspaceResource() *definition {
	open := []string{
		"publicNetworkAccess", "imageBuildCompute", "friendlyName", "description", "storageAccount", "keyVault", "applicationInsights",
		"containerRegistry", "hbiWorkspace", "discoveryUrl", "encryption", "primaryUserAssignedIdentity", "serviceManagedResourcesSettings",
		"sharedPrivateLinkResources", "v1LegacyMode", "managedNetwork", "featureStoreSettings", "associatedWorkspaces", "enableDataIsolation",
		"hubResourceId", "serverlessComputeSettings", "systemDatastoresAuthMode", "workspaceHubConfig", "allowRoleAssignmentOnRG", "ipAllowlist",
		"allowPublicAccessWhenBehindVnet", "networkAcls", "provisionNetworkNow", "softDeleteRetentionInDays", "enableSoftwareBillOfMaterials",
	}
	var rows []field
	for _, n := range open {
		rows = append(rows, field{name: n, keep: true, def: omit})
	}
	return &definition{
		collection: "workspaces", label: "Workspace", envelope: trackedFields("Default"), fields: rows, created: 202, updated: 200,
		op: "ws", service: wsStatus, system: sysZ, fill: fillWorkspace, missing: notFoundRP, patch: patchWorkspace, check: (*call).foreignRules, state: "Updating",
	}
}

func fillWorkspace(c *call, doc obj) {
	s, p := c.scope, sub2(doc)
	group := "/subscriptions/" + s.sub + "/resourceGroups/" + s.group + "/providers/"
	fallback := func(key string, v any) {
		if p[key] == nil {
			p[key] = v
		}
	}
	if doc["identity"] == nil {
		doc["identity"] = obj{"type": "SystemAssigned"}
	}
	if doc["sku"] == nil {
		doc["sku"] = obj{"name": "Basic", "tier": "Basic"}
	}
	doc["etag"] = nil
	fallback("storageAccount", group+"Microsoft.Storage/storageAccounts/"+s.account())
	fallback("keyVault", group+"Microsoft.Keyvault/vaults/kv"+s.account()[2:])
	fallback("applicationInsights", group+"Microsoft.insights/components/ai"+s.account()[2:])
	fallback("friendlyName", s.name)
	fallback("description", "")
	fallback("hbiWorkspace", false)
	fallback("publicNetworkAccess", "Enabled")
	fallback("discoveryUrl", "https://"+c.srv.opt.Location+".api.azureml.ms/discovery")
	fallback("v1LegacyMode", false)
	fallback("systemDatastoresAuthMode", "accesskey")
	fallback("enableDataIsolation", false)
	p["workspaceId"], p["tenantId"] = s.guid, c.who.tenant
	p["mlFlowTrackingUri"] = "azureml://" + str(doc, "location") + ".api.azureml.ms/mlflow/v1.0" + s.id()
	p["provisioningState"] = "Succeeded"
	if typ := str(sub(doc, "identity"), "type"); strings.EqualFold(typ, "systemassigned") || typ == "" {
		sub(doc, "identity")["type"] = "SystemAssigned"
	}
	normWorkspace(c, doc)
}

// completeIdentity fills in what the directory gives a system-assigned identity.
func completeIdentity(c *call, doc obj) {
	id := sub(doc, "identity")
	if id == nil {
		return
	}
	typ := strings.ToLower(str(id, "type"))
	if strings.Contains(typ, "systemassigned") {
		id["principalId"], id["tenantId"] = guidOf("principal"+c.id()), c.who.tenant
	}
	if users := sub(id, "userAssignedIdentities"); users != nil {
		for k := range users {
			users[k] = obj{"principalId": guidOf("p" + strings.ToLower(k)), "clientId": guidOf("c" + strings.ToLower(k))}
		}
	}
}

// patchTracked merges tags, identity, sku and properties.
func patchTracked(c *call, doc obj) *refusal {
	for _, k := range []string{"tags", "identity", "sku"} {
		if v, ok := c.sent[k]; ok {
			doc[k] = clone(v)
		}
	}
	completeIdentity(c, doc)
	for k, v := range c.props {
		for _, f := range c.def().fields {
			if f.name == k {
				sub2(doc)[k] = f.value(v)
			}
		}
	}
	return nil
}

// locationOf is the region of a scope, read once per version of its document.
func (s *Server) locationOf(sc *scope) string {
	if len(sc.regionOf) > 0 && &sc.regionOf[0] == &sc.self.doc[0] {
		return sc.region
	}
	sc.region, sc.regionOf = s.opt.Location, sc.self.doc
	if loc := str(s.document(sc.self), "location"); loc != "" {
		sc.region = strings.ToLower(strings.ReplaceAll(loc, " ", ""))
	}
	return sc.region
}

// scopeAction serves what is below a workspace or registry and no collection.
func (c *call) scopeAction(seg []string) answer {
	name := strings.ToLower(strings.Join(seg, "/"))
	if c.scope.registry() {
		return c.registryAction(name, seg)
	}
	c.coll, c.name, c.prev = c.scope.self.coll, c.scope.name, c.scope.self
	if strings.EqualFold(seg[0], "outboundRules") && c.req.Method == http.MethodGet && len(seg) <= 2 {
		return c.outboundRules(strings.Join(seg[1:], ""))
	}
	switch c.req.Method + " " + name {
	case "POST listkeys":
		return jsonAnswer(http.StatusOK, obj{
			"userStorageKey": fakeKey("storage" + c.scope.guid), "userStorageResourceId": c.storageID(), "appInsightsInstrumentationKey": guidOf("ai" + c.scope.guid),
			"containerRegistryCredentials": nil, "notebookAccessKeys": nil,
		})
	case "POST liststorageaccountkeys":
		return jsonAnswer(http.StatusOK, obj{"userStorageKey": fakeKey("storage" + c.scope.guid)})
	case "POST listnotebookkeys":
		return jsonAnswer(http.StatusOK, obj{"primaryAccessKey": fakeKey("n1" + c.scope.guid), "secondaryAccessKey": fakeKey("n2" + c.scope.guid)})
	case "POST resynckeys":
		op := c.newOperation("ws", "InProgress", c.scope.self)
		return c.withOperation(emptyAnswer(http.StatusAccepted), op)
	case "POST diagnose":
		return jsonAnswer(http.StatusOK, obj{"value": obj{"userDefinedRouteResults": []any{}, "networkSecurityRuleResults": []any{}, "resourceLockResults": []any{}}})
	case "GET features", "GET privateendpointconnections", "GET privatelinkresources", "GET outboundnetworkdependenciesendpoints":
		return jsonAnswer(http.StatusOK, obj{"value": []any{}})
	}
	return armError(http.StatusNotFound, "InvalidResourceType", "The resource type '"+seg[0]+"' could not be found in the namespace '"+provider+"' for api version '"+c.api+"'.").answer(c)
}

// storageID is the ARM id of the storage account of the scope.
func (c *call) storageID() string {
	return "/subscriptions/" + c.scope.sub + "/resourceGroups/" + c.scope.group + "/providers/Microsoft.Storage/storageAccounts/" + c.scope.account()
}

// vmSizes lists a few sizes, enough for a client to find the ones of examples.
func (c *call) vmSizes() answer {
	list := []any{}
	for _, v := range []struct {
		name       string
		cpus, gpus int
		gb         int
	}{{"Standard_DS2_v2", 2, 0, 7}, {"Standard_DS3_v2", 4, 0, 14}, {"Standard_DS12_v2", 4, 0, 28}, {"Standard_E4s_v3", 4, 0, 32}, {"Standard_NC6s_v3", 6, 1, 112}} {
		list = append(list, obj{
			"name": v.name, "family": "standardFamily", "vCPUs": v.cpus, "gpus": v.gpus, "memoryGB": v.gb, "osVhdSizeMB": 1047552,
			"maxResourceVolumeMB": 14336, "lowPriorityCapable": true, "premiumIO": true, "supportedComputeTypes": []any{"AmlCompute", "ComputeInstance"},
		})
	}
	return jsonAnswer(http.StatusOK, obj{"value": list})
}
