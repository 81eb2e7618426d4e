package emulator

import (
	"net/http"
	"regexp"
	"sort"
	"strings"
)

var (
	namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}$`)
	// anyName is for versions and computes: the service's specification (2024-10-01) has no pattern for them.
	anyName      = regexp.MustCompile(`^[^/\x00-\x1f]{1,255}$`)
	guidPattern  = regexp.MustCompile(`^[0-9a-zA-Z-]{1,64}$`)
	scopePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{1,63}$`)
)

func groupKey(sub, name string) string { return strings.ToLower(sub + "/" + name) }

func (g *group) line() obj { return obj{"sub": g.sub, "name": g.name, "doc": g.doc} }

// knownSub makes a subscription known, or refuses it when nothing is created on demand.
func (c *call) knownSub(sub string) *refusal {
	st := c.srv.store
	if !guidPattern.MatchString(sub) {
		return armError(http.StatusBadRequest, "InvalidSubscriptionId", "The provided subscription identifier '"+sub+"' is malformed or invalid.")
	}
	if _, ok := st.subs[strings.ToLower(sub)]; ok {
		return nil
	}
	if c.srv.opt.NoAutoCreate && c.req.Method != http.MethodPut {
		return armError(http.StatusNotFound, "SubscriptionNotFound", "The subscription '"+sub+"' could not be found.")
	}
	st.subs[strings.ToLower(sub)] = sub
	if st.log != nil {
		st.log.append(record{Sub: sub})
	}
	return nil
}

func (c *call) knownGroup(sub, name string) *refusal {
	if bad := c.knownSub(sub); bad != nil {
		return bad
	}
	if c.srv.store.groups[groupKey(sub, name)] != nil {
		return nil
	}
	if c.srv.opt.NoAutoCreate {
		return armError(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+name+"' could not be found.")
	}
	c.putGroup(sub, name, obj{})
	return nil
}

func (c *call) putGroup(sub, name string, sent obj) *group {
	st := c.srv.store
	sub = st.subs[strings.ToLower(sub)]
	if old := st.groups[groupKey(sub, name)]; old != nil {
		name = old.name
	}
	loc := str(sent, "location")
	if loc == "" {
		loc = c.srv.opt.Location
	}
	tags, _ := sent["tags"].(obj)
	if tags == nil {
		tags = obj{}
	}
	g := &group{sub: sub, name: name, doc: obj{
		"id": "/subscriptions/" + sub + "/resourceGroups/" + name, "name": name,
		"type": "Microsoft.Resources/resourceGroups", "location": loc, "tags": tags, "properties": obj{"provisioningState": "Succeeded"},
	}}
	st.groups[groupKey(sub, name)] = g
	if st.log != nil {
		st.log.append(record{Group: g.line()})
	}
	return g
}

// findScope returns the workspace or registry, made on demand unless that is off.
func (c *call) findScope(kind, sub, grp, name string) (*scope, *refusal) {
	st := c.srv.store
	sub, grp = st.subs[strings.ToLower(sub)], st.groups[groupKey(sub, grp)].name
	probe := scope{sub: sub, group: grp, kind: kind, name: name}
	if s := st.scopes[probe.key()]; s != nil {
		return s, nil
	}
	if c.srv.opt.NoAutoCreate || !scopePattern.MatchString(name) {
		return nil, armError(http.StatusNotFound, "ResourceNotFound", "The Resource '"+provider+"/"+kind+"/"+name+
			"' under resource group '"+grp+"' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
	}
	s := st.newScope(sub, grp, kind, name)
	made := *c
	made.scope, made.coll, made.name, made.prev, made.old = s, s.self.coll, name, nil, nil
	made.sent, made.props = obj{"location": c.srv.opt.Location}, obj{}
	doc, _ := made.compose()
	doc["id"], doc["name"], doc["type"] = s.id(), name, s.self.typ()
	sub2(doc)["provisioningState"] = "Succeeded"
	s.self.doc = encode(doc)
	st.log.put(s.self)
	made.systemContent()
	return s, nil
}

func sub2(doc obj) obj { return ensure(doc, "properties") }

// scopeItself serves the workspace or registry as a resource.
func (c *call) scopeItself(kind, sub, grp, name string) answer {
	st := c.srv.store
	probe := scope{sub: st.subs[strings.ToLower(sub)], group: st.groups[groupKey(sub, grp)].name, kind: kind, name: name}
	s := st.scopes[probe.key()]
	d := st.kinds.scope(kind)
	if s == nil && c.req.Method == http.MethodPut {
		return c.putScope(probe)
	}
	if s == nil && c.req.Method == http.MethodDelete {
		return emptyAnswer(http.StatusNoContent)
	}
	if s == nil {
		var bad *refusal
		if s, bad = c.findScope(kind, sub, grp, name); bad != nil {
			return bad.answer(c)
		}
	}
	c.scope, c.coll, c.name, c.prev = s, s.self.coll, s.name, s.self
	switch c.req.Method {
	case http.MethodPut:
		if bad := c.body(); bad != nil {
			return bad.answer(c)
		}
		return c.storeScope(d.updated)
	case http.MethodDelete:
		op := c.newOperation(d.op, "Deleting", s.self)
		st.dropScope(s)
		return c.withOperation(emptyAnswer(http.StatusAccepted), op)
	}
	return c.verb()
}

func (c *call) putScope(probe scope) answer {
	if !scopePattern.MatchString(probe.name) {
		return badName(probe.name, scopePattern).answer(c)
	}
	if bad := c.body(); bad != nil {
		return bad.answer(c)
	}
	if str(c.sent, "location") == "" {
		return armError(http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.").answer(c)
	}
	c.coll = &collection{def: c.srv.store.kinds.scope(probe.kind)}
	if bad := c.types(); bad != nil {
		return bad.answer(c)
	}
	s := c.srv.store.newScope(probe.sub, probe.group, probe.kind, probe.name)
	c.scope, c.coll, c.name = s, s.self.coll, s.name
	a := c.storeScope(c.def().created)
	c.systemContent()
	return a
}

// storeScope composes and stores the document of the scope, with its operation.
func (c *call) storeScope(status int) answer {
	if c.props == nil {
		c.props = obj{}
	}
	created := c.scope.self.doc == nil
	if !created {
		c.load()
	}
	doc, _ := c.compose()
	r := c.scope.self
	doc["id"], doc["name"], doc["type"] = c.scope.id(), c.scope.name, r.typ()
	r.doc = encode(doc)
	a := c.begin(r, doc, created, status)
	c.srv.store.log.put(r)
	return a
}

// resourceGroup serves the groups themselves.
func (c *call) resourceGroup(seg []string) answer {
	if bad := c.knownSub(seg[1]); bad != nil {
		return bad.answer(c)
	}
	st := c.srv.store
	if len(seg) == 3 {
		var names []string
		for k, g := range st.groups {
			if strings.EqualFold(g.sub, seg[1]) {
				names = append(names, k)
			}
		}
		sort.Strings(names)
		list := []any{}
		for _, k := range names {
			list = append(list, st.groups[k].doc)
		}
		return jsonAnswer(http.StatusOK, obj{"value": list})
	}
	switch c.req.Method {
	case http.MethodPut:
		if bad := c.body(); bad != nil {
			return bad.answer(c)
		}
		status := http.StatusOK
		if st.groups[groupKey(seg[1], seg[3])] == nil {
			status = http.StatusCreated
		}
		return jsonAnswer(status, c.putGroup(seg[1], seg[3], c.sent).doc)
	case http.MethodDelete:
		return c.dropGroup(seg[1], seg[3])
	}
	if bad := c.knownGroup(seg[1], seg[3]); bad != nil {
		return bad.answer(c)
	}
	if c.req.Method == http.MethodHead {
		return emptyAnswer(http.StatusNoContent)
	}
	return jsonAnswer(http.StatusOK, st.groups[groupKey(seg[1], seg[3])].doc)
}

func (c *call) dropGroup(sub, name string) answer {
	st := c.srv.store
	g := st.groups[groupKey(sub, name)]
	if g == nil {
		return emptyAnswer(http.StatusNoContent)
	}
	for _, s := range append([]*scope(nil), st.order...) {
		if strings.EqualFold(s.sub, sub) && strings.EqualFold(s.group, name) {
			st.dropScope(s)
		}
	}
	delete(st.groups, groupKey(sub, name))
	if st.log != nil {
		st.log.append(record{Group: g.line(), Gone: true})
	}
	return emptyAnswer(http.StatusOK)
}

// tenantScope serves what stands above subscriptions.
func (c *call) tenantScope(seg []string) answer {
	switch strings.ToLower(strings.Join(seg, "/")) {
	case "tenants":
		return jsonAnswer(http.StatusOK, obj{"value": []any{obj{"id": "/tenants/" + defaultTenant, "tenantId": defaultTenant}}})
	case "providers/" + strings.ToLower(provider) + "/operations":
		return jsonAnswer(http.StatusOK, obj{"value": []any{}})
	}
	return armError(http.StatusNotFound, "NotFound", "The path '"+c.req.URL.Path+"' is not served.").answer(c)
}
