package emulator

import (
	"net/http"
	"regexp"
	"sort"
	"strings"
	"time"
)

// verb serves GET, PUT, PATCH and DELETE of one resource.
func (c *call) verb() answer {
	switch c.req.Method {
	case http.MethodGet, http.MethodHead:
		return c.get()
	case http.MethodPut:
		return c.put()
	case http.MethodPatch:
		return c.patch()
	case http.MethodDelete:
		return c.remove()
	}
	return armError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method '"+c.req.Method+"' is not supported at scope.").answer(c)
}

func (c *call) get() answer {
	if c.prev == nil {
		return c.def().missing(c).answer(c)
	}
	return rawAnswer(http.StatusOK, c.srv.render(c, c.prev))
}

// body decodes what was sent.
func (c *call) body() *refusal {
	sent, err := decodeObject(c.raw)
	if err != nil {
		return armError(http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized: '"+err.Error()+"'.")
	}
	c.sent = sent
	if v, has := sent["properties"]; has {
		if _, ok := v.(obj); !ok {
			return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'properties' must be an object."})
		}
	}
	c.props = sub(sent, "properties")
	if c.coll == nil { // a resource group, or a scope that does not exist yet
		return nil
	}
	return c.types()
}

// types refuses values of a wrong type, one detail per field.
func (c *call) types() *refusal {
	var details []detail
	for _, path := range append(wrongTypes(c.def().envelope, c.sent, ""), wrongTypes(c.def().fields, c.props, "properties.")...) {
		details = append(details, detail{"InvalidInput", "Property '" + path + "' must be an object."})
	}
	if details != nil {
		sort.Slice(details, func(i, j int) bool { return details[i].message < details[j].message })
		return userError(http.StatusBadRequest, "The request is invalid.", details...)
	}
	return nil
}

// put creates or replaces a resource.
func (c *call) put() answer {
	d := c.def()
	if bad := c.body(); bad != nil {
		return bad.answer(c)
	}
	if c.props == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'properties' is required."}).answer(c)
	}
	if bad := c.nameOK(); bad != nil {
		return bad.answer(c)
	}
	if d.rename != nil {
		d.rename(c)
	}
	if c.prev != nil {
		c.load()
	}
	if d.check != nil {
		if bad := d.check(c); bad != nil {
			if bad.status < 300 { // the write is accepted and ignored
				return rawAnswer(bad.status, c.srv.render(c, c.prev))
			}
			return bad.answer(c)
		}
	}
	return c.store(c.compose())
}

// compose builds the document from the tables and hooks of the kind.
func (c *call) compose() (doc, secret obj) {
	d := c.def()
	if d.secrets != nil {
		secret = d.secrets(c, c.props)
	}
	doc = shape(d.envelope, c.sent, c.old)
	doc["properties"] = shape(d.fields, c.props, c.oldProps())
	if sys := c.systemData(d.system, sub(c.old, "systemData")); sys != nil {
		doc["systemData"] = sys
	}
	if d.fill != nil {
		d.fill(c, doc)
	}
	return doc, secret
}

// store puts the document in place and answers.
func (c *call) store(doc, secret obj) answer {
	d, st := c.def(), c.srv.store
	r, created := c.prev, c.prev == nil
	if created {
		c.createParent()
		r = &resource{name: c.name, coll: c.coll}
		r.secret = obj{}
		if c.fault.invisible > 0 {
			r.hidden = c.now.Add(c.fault.invisible)
		}
	}
	doc["id"], doc["name"], doc["type"] = r.id(), r.name, r.typ()
	if secret != nil {
		r.secret = secret
	}
	r.archived = isTrue(sub(doc, "properties"), "isArchived")
	r.doc = encode(doc)
	r.stale = d.container
	if created {
		st.insert(r)
	} else {
		st.place(r)
	}
	c.prev = r
	status := d.updated
	if created {
		status = d.created
	}
	a := c.begin(r, doc, created, status)
	if d.stored != nil {
		d.stored(c, r, created)
		if d.op == "" {
			a = rawAnswer(status, c.srv.render(c, r))
		}
	}
	st.log.put(r)
	if c.dataplane() && d.op != "" {
		return rawAnswer(http.StatusAccepted, []byte("null")).with("Location", a.header.Get("Location")).with("x-ms-async-operation-timeout", "PT1H")
	}
	if status == http.StatusCreated && d.service != computeStatus && a.header.Get("Location") == "" {
		a = a.with("Location", c.base+c.req.URL.RequestURI())
	}
	return a
}

// createParent stores a container that comes with its first version.
func (c *call) createParent() {
	p := c.coll.parent
	if p == nil || p.seq != 0 {
		return
	}
	d := p.coll.def
	doc := obj{"id": p.id(), "name": p.name, "type": p.typ(), "properties": shape(d.fields, obj{}, nil), "systemData": c.systemData(d.system, nil)}
	if d.fill != nil {
		parent := *c
		parent.coll, parent.name, parent.prev, parent.old, parent.props = p.coll, p.name, nil, nil, c.props
		d.fill(&parent, doc)
	}
	p.doc = encode(doc)
	c.srv.store.insert(p)
	c.srv.store.log.put(p)
}

// begin starts the long-running operation of a PUT, if the kind has one, and builds the answer.
func (c *call) begin(r *resource, doc obj, created bool, status int) answer {
	d := c.def()
	if d.op == "" {
		return rawAnswer(status, c.srv.render(c, r))
	}
	now := clone(doc).(obj)
	if d.interim != nil {
		now = d.interim(c, now)
	}
	state := d.state
	if created {
		state = d.creating
	}
	sub(now, "properties")["provisioningState"] = state
	op := c.newOperation(d.op, state, r)
	if props := sub(sub(now, "properties"), "properties"); props != nil && d.class == "endpoint" {
		props["AzureAsyncOperationUri"] = c.statusURL(op)
		ensure(sub(doc, "properties"), "properties")["AzureAsyncOperationUri"] = c.statusURL(op)
	}
	r.doc = encode(now)
	c.srv.store.schedule(&event{at: op.End, kind: evFinish, op: op.ID, want: encode(doc), res: r})
	return c.withOperation(rawAnswer(status, c.srv.render(c, r)), op)
}

func (c *call) patch() answer {
	d := c.def()
	if c.prev == nil {
		return d.missing(c).answer(c)
	}
	if d.patch == nil {
		return armError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method 'PATCH' is not supported for this resource.").answer(c)
	}
	if bad := c.body(); bad != nil {
		return bad.answer(c)
	}
	if c.props == nil {
		c.props = obj{}
	}
	c.load()
	doc := clone(c.old).(obj)
	if bad := d.patch(c, doc); bad != nil {
		return bad.answer(c)
	}
	if sys := c.systemData(d.system, sub(c.old, "systemData")); sys != nil {
		doc["systemData"] = sys
	}
	c.prev.doc = encode(doc)
	a := c.begin(c.prev, doc, false, http.StatusOK)
	c.srv.store.log.put(c.prev)
	return a
}

// remove deletes a resource, at once or with an operation.
func (c *call) remove() answer {
	d, st := c.def(), c.srv.store
	if c.prev == nil {
		if d.missing != nil && (d.deleteOp || d.bodyless) {
			return d.missing(c).answer(c)
		}
		return emptyAnswer(http.StatusNoContent)
	}
	if d.refuse != nil {
		if bad := d.refuse(c, c.prev); bad != nil {
			return bad.answer(c)
		}
	}
	if c.scope.registry() && d.version {
		c.scope.deleted[strings.ToLower(c.prev.path())] = stamp(c.now)
	}
	if !d.deleteOp {
		st.remove(c.prev)
		return emptyAnswer(http.StatusOK)
	}
	r := c.prev
	doc := c.srv.document(r)
	if p := sub(doc, "properties"); p != nil {
		p["provisioningState"] = "Deleting"
	}
	r.doc = encode(doc)
	prefix := d.op
	if prefix == "" { // a kind with synchronous writes: jobs
		prefix = "j"
	}
	op := c.newOperation(prefix, "Deleting", r)
	st.schedule(&event{at: op.End, kind: evDelete, op: op.ID, res: r})
	st.log.put(r)
	a := rawAnswer(http.StatusAccepted, []byte("null"))
	if d.service == computeStatus {
		a = emptyAnswer(http.StatusAccepted)
	}
	return c.withOperation(a, op)
}

// nameOK applies the patterns of the service to names that are created (spec 2024-10-01).
func (c *call) nameOK() *refusal {
	if c.prev != nil {
		return nil
	}
	if c.def().version {
		if p := c.coll.parent; p.seq == 0 && !namePattern.MatchString(p.name) && !strings.HasPrefix(strings.ToLower(p.name), "azureml-") {
			return badName(p.name, namePattern)
		}
		if !anyName.MatchString(c.name) {
			return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidVersion", "Version '" + c.name + "' is not valid."})
		}
		return nil
	}
	if want := c.def().names; want != nil && !want.MatchString(c.name) {
		return badName(c.name, want)
	}
	if !namePattern.MatchString(c.name) {
		return badName(c.name, namePattern)
	}
	return nil
}

func badName(name string, want *regexp.Regexp) *refusal {
	return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidName", "The name '" + name + "' does not match the pattern " + want.String() + "."})
}

func visible(r *resource, now time.Time) bool { return r.hidden.IsZero() || !now.Before(r.hidden) }
