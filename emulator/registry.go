package emulator

import (
	"net/http"
	"strings"
)

func registryResource() *definition {
	var rows []field
	for _, n := range []string{
		"intellectualPropertyPublisher", "managedResourceGroup", "mlFlowRegistryUri", "discoveryUrl", "publicNetworkAccess", "regionDetails",
		"registryPrivateEndpointConnections", "managedResourceGroupTags", "managedResourceGroupSettings",
	} {
		rows = append(rows, field{name: n, keep: true})
	}
	return &definition{
		collection: "registries", label: "Registry", envelope: trackedFields(nil), fields: rows, created: 201, updated: 200,
		op: "reg", service: wsStatus, system: sysZ, fill: fillRegistry, missing: notFoundRP, patch: patchTracked,
	}
}

func fillRegistry(c *call, doc obj) {
	p, s := sub2(doc), c.scope
	if doc["identity"] == nil {
		doc["identity"] = obj{"type": "SystemAssigned"}
	}
	completeIdentity(c, doc)
	loc := str(doc, "location")
	p["discoveryUrl"] = "https://" + loc + ".api.azureml.ms/registrymanagement/v1.0/registries/" + s.name + "/discovery"
	p["mlFlowRegistryUri"] = "azureml://" + loc + ".api.azureml.ms/mlflow/v1.0" + s.id()
	if p["managedResourceGroup"] == nil {
		p["managedResourceGroup"] = obj{"resourceId": "/subscriptions/" + s.sub + "/resourceGroups/azureml-rg-" + s.name + "_" + s.guid}
	}
	if p["publicNetworkAccess"] == nil {
		p["publicNetworkAccess"] = "Enabled"
	}
	if p["regionDetails"] == nil {
		p["regionDetails"] = []any{obj{"location": loc, "acrDetails": []any{}, "storageAccountDetails": []any{}}}
	}
	p["provisioningState"] = "Succeeded"
	respell(p, "publicNetworkAccess")
	regions, _ := p["regionDetails"].([]any)
	for _, v := range regions {
		if region, ok := v.(obj); ok {
			completeRegion(s, region)
		}
	}
}

// completeRegion names the accounts that Azure made for a region, and spells their sizes as the service does.
func completeRegion(s *scope, region obj) {
	group := "/subscriptions/" + s.sub + "/resourceGroups/azureml-rg-" + s.name + "_" + s.guid + "/providers/"
	each := func(list, member string, f func(account obj, name string)) {
		items, _ := region[list].([]any)
		for i, v := range items {
			item, _ := v.(obj)
			if account := sub(item, member); account != nil {
				f(account, guidOf(s.guid + str(region, "location") + list + strings.Repeat("+", i))[:8])
			}
		}
	}
	each("storageAccountDetails", "systemCreatedStorageAccount", func(a obj, name string) {
		family, rest, _ := strings.Cut(strings.ToLower(str(a, "storageAccountType")), "_")
		if rest != "" {
			a["storageAccountType"] = strings.ToUpper(family[:1]) + family[1:] + "_" + strings.ToUpper(rest)
		}
		a["storageAccountName"], a["allowBlobPublicAccess"] = "st"+name, false
		a["armResourceId"] = obj{"resourceId": group + "Microsoft.Storage/storageAccounts/st" + name}
	})
	each("acrDetails", "systemCreatedAcrAccount", func(a obj, name string) {
		a["acrAccountName"] = "cr" + name
		a["armResourceId"] = obj{"resourceId": group + "Microsoft.ContainerRegistry/registries/cr" + name}
	})
}

// dataplane says whether the call speaks the registry data plane's dialect instead of ARM's.
func (c *call) dataplane() bool {
	return c.scope != nil && c.scope.registry() && strings.HasSuffix(c.api, "dataplanepreview")
}

// viewRegistryAsset shows an asset with the ids of the data plane (recorded 2023-03).
func viewRegistryAsset(c *call, r *resource, doc obj) obj {
	if c.dataplane() {
		doc["id"] = "azureml://registries/" + r.scope().name + "/" + r.path()
		doc["type"] = strings.Split(r.path(), "/")[0]
	}
	return doc
}

// registryAction serves what is below a registry and no collection: temporary uploads and reads of content.
func (c *call) registryAction(name string, seg []string) answer {
	if c.sentBody() != nil {
		return armError(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid.").answer(c)
	}
	c.coll = c.scope.self.coll
	switch {
	case len(seg) == 4 && strings.EqualFold(seg[0], "tempdatarefs") && c.req.Method == http.MethodPut:
		if c.registryAsset(str(c.sent, "assetId")) != nil {
			return userError(http.StatusConflict, "The asset "+str(c.sent, "assetId")+" already exists.").answer(c)
		}
		up := c.pendingUpload("tempdatarefs/" + seg[1] + "/" + seg[3])
		up["temporaryDataReferenceId"], up["temporaryDataReferenceType"], up["imageReferenceForConsumption"] = up["pendingUploadId"], "TemporaryBlobReference", nil
		return jsonAnswer(http.StatusOK, up)
	case len(seg) == 4 && strings.EqualFold(seg[0], "datareferences") && c.req.Method == http.MethodPost:
		uri := str(c.sent, "blobUri")
		return jsonAnswer(http.StatusOK, obj{"blobReferenceForConsumption": obj{
			"blobUri": uri, "storageAccountArmId": c.storageID(),
			"credential": obj{"credentialType": "SAS", "sasUri": c.localBlob(uri) + "?" + fakeSAS("rl", c.now)},
		}})
	case name == "removeregions" && c.req.Method == http.MethodPost:
		op := c.newOperation("reg", "InProgress", c.scope.self)
		return c.withOperation(emptyAnswer(http.StatusAccepted), op)
	}
	return armError(http.StatusNotFound, "InvalidResourceType", "The resource type '"+seg[0]+"' could not be found in the namespace '"+provider+"' for api version '"+c.api+"'.").answer(c)
}

// sentBody decodes the body of an action; an absent one is an empty object.
func (c *call) sentBody() error {
	c.sent = obj{}
	if len(c.raw) == 0 {
		return nil
	}
	sent, err := decodeObject(c.raw)
	if err == nil {
		c.sent = sent
	}
	return err
}

// registryAsset finds azureml://registries/R/kinds/N/versions/V in the registry of the call.
func (c *call) registryAsset(uri string) *resource {
	rest, ok := strings.CutPrefix(uri, "azureml://registries/")
	if !ok {
		return nil
	}
	return c.scope.find(strings.Split(rest, "/")[1:])
}

// discovery tells where a registry lives, as the data plane does.
func (c *call) discovery(seg []string) answer {
	if len(seg) != 5 {
		return armError(http.StatusNotFound, "NotFound", "The path is not served.").answer(c)
	}
	for _, s := range c.srv.store.order {
		if s.registry() && strings.EqualFold(s.name, seg[3]) {
			loc := c.srv.locationOf(s)
			return jsonAnswer(http.StatusOK, obj{
				"registryId": s.guid, "registryName": s.name, "tenantId": defaultTenant, "primaryRegion": loc, "regions": []any{loc},
				"subscriptionId": s.sub, "resourceGroup": s.group, "workspaceId": nil, "primaryRegionResourceProviderUri": c.base + "/",
				"registryFqdns": obj{loc: obj{"uri": c.base + "/"}},
			})
		}
	}
	return userError(http.StatusNotFound, "Registry "+seg[3]+" was not found.").answer(c)
}
