package emulator

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
)

// listScopes lists workspaces or registries of a subscription or resource group, by name and in pages: $skip is where to
// go on, and kind keeps the workspaces of one kind (specification 2024-10-01, Workspaces_ListBySubscription and
// _ListByResourceGroup, Registries_ListBySubscription and _List).
func (c *call) listScopes(typ, sub, grp string) answer {
	if c.req.Method != http.MethodGet {
		return armError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method '"+c.req.Method+"' is not supported at scope.").answer(c)
	}
	want := ""
	if typ == "workspaces" {
		want = c.query("kind")
	}
	found := map[string]*resource{}
	for _, s := range c.srv.store.order {
		if s.kind != typ || !strings.EqualFold(s.sub, sub) || grp != "" && !strings.EqualFold(s.group, grp) {
			continue
		}
		if want == "" || strings.EqualFold(str(c.srv.document(s.self), "kind"), want) {
			found[s.key()] = s.self
		}
	}
	keys, next, bad := c.pageOf(found, "$skip")
	if bad != nil {
		return bad.answer(c)
	}
	var items []*resource
	for _, k := range keys {
		items = append(items, found[k])
	}
	return c.pageAnswer(items, next)
}

// pageOf are the keys of the page that is asked for, in their order, and the link to the next page. The token is the last
// key of the page before, so that what is made and removed meanwhile moves nothing.
func (c *call) pageOf(all map[string]*resource, param string) (keys []string, next string, bad *refusal) {
	for k := range all {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	if token := c.query(param); token != "" {
		after, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", armError(http.StatusBadRequest, "InvalidQueryParameter", "The query parameter '"+param+"' is not valid.")
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return k <= string(after) })
	}
	if n := c.srv.opt.PageSize; len(keys) > n {
		keys = keys[:n]
		next = c.linkWith(param, base64.RawURLEncoding.EncodeToString([]byte(keys[n-1])))
	}
	return keys, next, nil
}

// linkWith repeats the request with one parameter set.
func (c *call) linkWith(param, value string) string {
	v := url.Values{}
	for k, vs := range c.req.URL.Query() {
		if !strings.EqualFold(k, param) {
			v[k] = vs
		}
	}
	v.Set(param, value)
	return c.base + c.req.URL.EscapedPath() + "?" + v.Encode()
}

// subscription serves /subscriptions, /subscriptions/S and its locations.
func (c *call) subscription(seg []string) answer {
	st := c.srv.store
	if len(seg) == 1 {
		return c.listSubscriptions()
	}
	if bad := c.knownSub(seg[1]); bad != nil {
		return bad.answer(c)
	}
	if len(seg) == 3 {
		return jsonAnswer(http.StatusOK, obj{"value": []any{obj{"id": "/subscriptions/" + seg[1] + "/locations/" + c.srv.opt.Location, "name": c.srv.opt.Location}}})
	}
	return jsonAnswer(http.StatusOK, describeSub(st.subs[strings.ToLower(seg[1])]))
}

// describeSub is a subscription as Resource Manager shows it (api-version 2022-12-01).
func describeSub(id string) obj {
	return obj{
		"id": "/subscriptions/" + id, "authorizationSource": "RoleBased", "managedByTenants": []any{}, "subscriptionId": id, "tenantId": defaultTenant,
		"displayName": "Emulator", "state": "Enabled",
		"subscriptionPolicies": obj{"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
	}
}

// listSubscriptions lists all subscriptions, with their count as the service has it, in pages that $skiptoken leads through.
func (c *call) listSubscriptions() answer {
	if c.req.Method != http.MethodGet {
		return armError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method '"+c.req.Method+"' is not supported at scope.").answer(c)
	}
	all := map[string]*resource{}
	for k := range c.srv.store.subs {
		all[k] = nil
	}
	keys, next, bad := c.pageOf(all, "$skiptoken")
	if bad != nil {
		return bad.answer(c)
	}
	list := []any{}
	for _, k := range keys {
		list = append(list, describeSub(c.srv.store.subs[k]))
	}
	body := obj{"value": list, "count": obj{"type": "Total", "value": len(all)}}
	if next != "" {
		body["nextLink"] = next
	}
	return jsonAnswer(http.StatusOK, body)
}

// subscriptionProvider serves the registration of the provider and the lists of a whole subscription.
func (c *call) subscriptionProvider(seg []string) answer {
	if bad := c.knownSub(seg[1]); bad != nil {
		return bad.answer(c)
	}
	typ := strings.ToLower(at(seg, 4))
	switch ours := strings.EqualFold(at(seg, 3), provider); {
	case ours && len(seg) == 5 && (typ == "workspaces" || typ == "registries"):
		return c.listScopes(typ, seg[1], "")
	case typ != "":
		return armError(http.StatusNotFound, "InvalidResourceType", "The resource type '"+typ+"' could not be found in the namespace '"+seg[3]+"' for api version '"+c.api+"'.").answer(c)
	}
	reg := func(ns string) obj {
		return obj{"id": "/subscriptions/" + seg[1] + "/providers/" + ns, "namespace": ns, "registrationState": "Registered", "resourceTypes": []any{}}
	}
	if len(seg) == 3 {
		return jsonAnswer(http.StatusOK, obj{"value": []any{reg(provider)}})
	}
	return jsonAnswer(http.StatusOK, reg(seg[3]))
}
