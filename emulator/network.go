package emulator

import (
	"net/http"
	"sort"
	"strings"
)

// systemRule is the name of a rule that the service makes in every managed network.
const systemRule = "__SYS_PE_WorkspaceBlob"

// completeNetwork fills in what the service makes of a managed network: its id, its state and rules of its own.
func completeNetwork(c *call, doc obj) {
	p := sub2(doc)
	network := sub(p, "managedNetwork")
	if network == nil {
		return
	}
	mode := str(network, "isolationMode")
	if mode == "" || strings.EqualFold(mode, "Disabled") {
		network["isolationMode"], network["status"], network["networkId"] = "Disabled", nil, nil
		return
	}
	network["networkId"] = guidOf("network" + c.scope.guid)
	network["status"] = obj{"status": "Inactive", "sparkReady": false}
	rules := ensure(network, "outboundRules")
	for _, v := range rules {
		if rule, ok := v.(obj); ok {
			if rule["category"] == nil {
				rule["category"] = "UserDefined"
			}
			rule["status"] = "Inactive"
		}
	}
	rules[systemRule] = obj{
		"type": "PrivateEndpoint", "category": "Required", "status": "Inactive",
		"destination": obj{"serviceResourceId": str(p, "storageAccount"), "subresourceTarget": "blob", "sparkEnabled": false, "sparkStatus": "Inactive"},
	}
}

// foreignRules refuses a request that sends rules that are the service's (the client of Microsoft leaves them out for that).
func (c *call) foreignRules() *refusal {
	for name, v := range sub(sub(c.props, "managedNetwork"), "outboundRules") {
		rule, _ := v.(obj)
		if cat := str(rule, "category"); strings.EqualFold(cat, "Required") || strings.EqualFold(cat, "Recommended") {
			return userError(http.StatusBadRequest, "Outbound rule "+name+" of category "+cat+" cannot be changed.")
		}
	}
	return nil
}

// patchWorkspace merges what a workspace lets be changed: of the identity, members that are null go and others stay; of the
// network, what is not said stays, and rules of users are those that are sent.
func patchWorkspace(c *call, doc obj) *refusal {
	if bad := c.foreignRules(); bad != nil {
		return bad
	}
	identity, network := clone(doc["identity"]), clone(sub2(doc)["managedNetwork"])
	for _, fixed := range []string{"storageAccount", "keyVault", "hbiWorkspace", "enableDataIsolation", "hubResourceId", "discoveryUrl", "location"} {
		delete(c.props, fixed) // no members of an update
	}
	if bad := patchTracked(c, doc); bad != nil {
		return bad
	}
	if old, ok := identity.(obj); ok && c.sent["identity"] != nil {
		doc["identity"] = mergeIdentity(old, sub(c.sent, "identity"))
	}
	if old, ok := network.(obj); ok && c.props["managedNetwork"] != nil {
		sub2(doc)["managedNetwork"] = merged(old, sub(c.props, "managedNetwork"))
	}
	normWorkspace(c, doc)
	return nil
}

func mergeIdentity(old, sent obj) obj {
	out := merged(old, sent)
	users := obj{}
	for k, v := range sub(old, "userAssignedIdentities") {
		users[k] = v
	}
	for k, v := range sub(sent, "userAssignedIdentities") {
		for have := range users {
			if strings.EqualFold(have, k) {
				delete(users, have)
			}
		}
		if v != nil {
			users[k] = v
		}
	}
	delete(out, "userAssignedIdentities")
	if len(users) > 0 {
		out["userAssignedIdentities"] = users
	}
	return out
}

// spellings are the words of the service for what clients write in any case.
var spellings = map[string]string{
	"default": "Default", "hub": "Hub", "project": "Project", "featurestore": "FeatureStore", "enabled": "Enabled", "disabled": "Disabled",
	"systemassigned": "SystemAssigned", "userassigned": "UserAssigned", "systemassigned,userassigned": "SystemAssigned,UserAssigned", "none": "None",
}

func respell(o obj, key string) {
	if w := spellings[strings.ToLower(str(o, key))]; w != "" {
		o[key] = w
	}
}

func normWorkspace(c *call, doc obj) {
	respell(doc, "kind")
	respell(sub2(doc), "publicNetworkAccess")
	if id := sub(doc, "identity"); id != nil {
		respell(id, "type")
	}
	completeIdentity(c, doc)
	completeNetwork(c, doc)
}

// outboundRules lists the rules of the managed network, or shows one.
func (c *call) outboundRules(name string) answer {
	c.load()
	rules := sub(sub(sub(c.old, "properties"), "managedNetwork"), "outboundRules")
	one := func(k string) obj {
		return obj{"id": c.scope.id() + "/outboundRules/" + k, "name": k, "type": provider + "/workspaces/outboundRules", "properties": rules[k]}
	}
	if name != "" {
		for k := range rules {
			if strings.EqualFold(k, name) {
				return jsonAnswer(http.StatusOK, one(k))
			}
		}
		return userError(http.StatusNotFound, "The outbound rule "+name+" was not found.").answer(c)
	}
	var names []string
	for k := range rules {
		names = append(names, k)
	}
	sort.Strings(names)
	list := []any{}
	for _, k := range names {
		list = append(list, one(k))
	}
	return jsonAnswer(http.StatusOK, obj{"value": list})
}
