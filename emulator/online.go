package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

var authModes = oneOf("Key", "AMLToken", "AADToken")

func onlineEndpointKind() *definition {
	return &definition{
		collection: "onlineEndpoints", label: "Endpoint", op: "oe", deleteOp: true, updated: 201, system: sysFull, class: "endpoint", missing: notFoundEndpoint,
		child: onlineDeploymentKind(), envelope: trackedFields("Managed"), check: checkOnlineEndpoint, fill: fillOnlineEndpoint, interim: oldTraffic, done: finishOnlineEndpoint,
		secrets: endpointKeys, patch: patchEndpoint, filter: filterEndpoint,
		actions: map[string]func(*call) answer{"listkeys": listKeys, "regeneratekeys": regenerateKeys, "token": endpointToken},
		fields: []field{
			{name: "authMode", norm: authModes, keep: true},
			{name: "description"},
			{name: "properties", def: emptyMap{}, norm: stringMap},
			{name: "traffic", def: emptyMap{}},
			{name: "mirrorTraffic", def: emptyMap{}},
			{name: "compute"},
			{name: "publicNetworkAccess", def: "Enabled", norm: oneOf("Enabled", "Disabled"), keep: true},
			{name: "scoringUri", norm: always(nil)},
			{name: "swaggerUri", norm: always(nil)},
		},
	}
}

func checkOnlineEndpoint(c *call) *refusal {
	if bad := c.busy("Endpoint"); bad != nil {
		return bad
	}
	if bad := c.location400(); bad != nil {
		return bad
	}
	if c.prev == nil {
		if str(c.props, "authMode") == "" {
			return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'authMode' is required."})
		}
		if id := str(c.props, "compute"); id != "" {
			if bad := c.dependency(id); bad != nil {
				return bad
			}
		}
	} else {
		for _, k := range []string{"authMode", "compute"} {
			if v, ok := c.props[k]; ok && v != nil && !equalFold(v, c.oldProps()[k]) {
				return userError(http.StatusBadRequest, "Property "+k+" of endpoint "+c.prev.name+" cannot be changed.", detail{"ImmutableProperty", k})
			}
		}
	}
	return c.checkTraffic()
}

// location400: the region of an endpoint or deployment is needed to create it and cannot be changed.
func (c *call) location400() *refusal {
	sent := str(c.sent, "location")
	if c.prev == nil {
		if sent == "" {
			return armError(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
		}
		return nil
	}
	if sent != "" && !strings.EqualFold(sent, str(c.old, "location")) {
		return armError(http.StatusConflict, "InvalidResourceLocation", "The resource '"+c.prev.name+"' already exists in location '"+str(c.old, "location")+
			"'. A resource with the same name cannot be created in location '"+sent+"'.")
	}
	return nil
}

// checkTraffic: percentages sum to 0 or 100 over deployments that exist; mirroring goes to one deployment, at most 50.
func (c *call) checkTraffic() *refusal {
	bad := func(message string) *refusal {
		return userError(http.StatusBadRequest, message, detail{"InvalidTraffic", message})
	}
	absent := func(name string) bool { return c.prev == nil || c.prev.children.get(name) == nil }
	total, traffic := 0.0, sub(c.props, "traffic")
	for name, v := range traffic {
		n, ok := number(v)
		if !ok || n < 0 || n > 100 || n != float64(int(n)) {
			return bad("The traffic of deployment " + name + " must be a whole number from 0 to 100.")
		}
		if total += n; n > 0 && absent(name) {
			return bad("The traffic names deployment " + name + " which does not exist in endpoint " + c.name + ".")
		}
	}
	if total != 0 && total != 100 {
		return bad("The traffic percentages of endpoint " + c.name + " must sum to 0 or 100.")
	}
	mirror := sub(c.props, "mirrorTraffic")
	mirrored := 0
	for name, v := range mirror {
		n, ok := number(v)
		if !ok || n < 0 || n > 50 {
			return bad("The mirror traffic of deployment " + name + " must be from 0 to 50.")
		}
		if n == 0 {
			continue
		}
		if live, _ := number(traffic[name]); live > 0 {
			return bad("Deployment " + name + " cannot have live and mirrored traffic.")
		}
		if mirrored++; mirrored > 1 || absent(name) {
			return bad("Mirror traffic must go to one deployment that exists in endpoint " + c.name + ".")
		}
	}
	return nil
}

func fillOnlineEndpoint(c *call, doc obj) {
	p := sub2(doc)
	completeIdentity(c, doc)
	if doc["identity"] == nil {
		doc["identity"] = obj{"type": "None"}
	}
	if p["compute"] != nil {
		doc["kind"] = "K8S"
	}
	props := ensure(p, "properties")
	for k, v := range sub(c.oldProps(), "properties") { // can be added, but not removed or altered
		props[k] = v
	}
	props["azureml.onlineendpointid"] = strings.ToLower(c.id())
	old := c.oldProps()
	p["scoringUri"], p["swaggerUri"] = old["scoringUri"], old["swaggerUri"]
	if c.prev == nil {
		return
	}
	traffic := sub(p, "traffic")
	for _, d := range c.prev.children.byName {
		if traffic[d.name] == nil {
			traffic[d.name] = json.Number("0")
		}
	}
}

// oldTraffic: the answer of a traffic change still shows the old traffic (recorded 2022-10).
func oldTraffic(c *call, doc obj) obj {
	if c.old != nil {
		sub2(doc)["traffic"] = c.oldProps()["traffic"]
	}
	return doc
}

func finishOnlineEndpoint(_ *Server, r *resource, doc obj) {
	p := sub(doc, "properties")
	for name := range sub(p, "traffic") {
		if r.children.get(name) == nil {
			delete(sub(p, "traffic"), name)
		}
	}
	host := "https://" + strings.ToLower(r.name) + "." + strings.ToLower(str(doc, "location")) + ".inference.ml.azure.com"
	p["scoringUri"], p["swaggerUri"] = host+"/score", host+"/swagger.json"
}

// endpointKeys takes the keys that a create may bring; without, the service makes them.
func endpointKeys(c *call, props obj) obj {
	if c.prev != nil {
		return c.prev.secret
	}
	keys := obj{"primaryKey": fakeKey("primary" + c.id())[:32], "secondaryKey": fakeKey("secondary" + c.id())[:32]}
	for k, v := range sub(props, "keys") {
		if s, ok := v.(string); ok && s != "" {
			keys[k] = s
		}
	}
	return keys
}

func patchEndpoint(c *call, doc obj) *refusal {
	if bad := c.busy("Endpoint"); bad != nil {
		return bad
	}
	for _, k := range []string{"tags", "identity", "sku"} {
		if v, ok := c.sent[k]; ok {
			doc[k] = clone(v)
		}
	}
	completeIdentity(c, doc)
	return nil
}

func filterEndpoint(c *call, r *resource) bool {
	name, typ, tags, props := c.query("name"), c.query("computeType"), c.query("tags"), c.query("properties")
	if name == "" && typ == "" && tags == "" && props == "" {
		return true
	}
	doc := c.srv.document(r)
	kind := str(doc, "kind")
	return (name == "" || strings.EqualFold(name, r.name)) && (typ == "" || strings.EqualFold(typ, kind)) &&
		matchPairs(sub(doc, "tags"), tags) && matchPairs(sub(sub(doc, "properties"), "properties"), props)
}

func listKeys(c *call) answer {
	if mode := str(c.oldProps(), "authMode"); mode != "Key" && mode != "" {
		return userError(http.StatusBadRequest, "Keys are only available for endpoints with authMode Key; this one has "+mode+".").answer(c)
	}
	return jsonAnswer(http.StatusOK, obj{"primaryKey": c.prev.secret["primaryKey"], "secondaryKey": c.prev.secret["secondaryKey"]})
}

func regenerateKeys(c *call) answer {
	slot := "primaryKey"
	switch strings.ToLower(str(c.sent, "keyType")) {
	case "primary":
	case "secondary":
		slot = "secondaryKey"
	default:
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "keyType must be Primary or Secondary."}).answer(c)
	}
	key := str(c.sent, "keyValue")
	if key == "" {
		key = fakeKey(c.srv.store.freshGUID("key"))[:32]
	}
	c.prev.secret = merged(c.prev.secret, obj{slot: key})
	c.srv.store.log.put(c.prev)
	op := c.newOperation(c.def().op, "Updating", c.prev)
	return c.withOperation(emptyAnswer(http.StatusAccepted), op)
}

func endpointToken(c *call) answer {
	if mode := str(c.oldProps(), "authMode"); mode == "Key" {
		return userError(http.StatusBadRequest, "Tokens are not available for endpoints with authMode Key.").answer(c)
	}
	return jsonAnswer(http.StatusOK, obj{
		"accessToken": makeToken(c.who.tenant, "https://ml.azure.com", "endpoint", c.who.name, c.now), "tokenType": "Bearer",
		"expiryTimeUtc": c.now.Add(12 * time.Hour).Unix(), "refreshAfterTimeUtc": c.now.Add(6 * time.Hour).Unix(),
	})
}
