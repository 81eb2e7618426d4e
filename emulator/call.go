package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A call is one ARM request on its way through the emulator. The server's lock is held while hooks see it.
type call struct {
	srv         *Server
	req         *http.Request
	now         time.Time
	api         string
	base        string // scheme://host of the request
	who         principal
	correlation string
	fault       *modifier
	served      string // the region, for the headers, which are set without the lock

	scope *scope
	coll  *collection
	names []string // the names of the path: container or endpoint, version or deployment
	name  string   // the last of them
	prev  *resource
	old   obj    // the stored document of prev, nil when there is none
	sent  obj    // the body
	raw   []byte // the body's text
	// queries are the members of the query, once one was asked for.
	queries url.Values
	props   obj // its properties, never nil
}

func (c *call) region() string {
	if c.scope != nil && c.scope.self != nil && c.scope.self.doc != nil {
		return c.srv.locationOf(c.scope)
	}
	return c.srv.opt.Location
}

// oldProps are the stored properties, nil when the resource is new.
func (c *call) oldProps() obj { return sub(c.old, "properties") }

func (c *call) query(key string) string {
	if c.queries == nil {
		c.queries = c.req.URL.Query() // never nil; a list asks for ten of them
	}
	for k, vs := range c.queries {
		if strings.EqualFold(k, key) && len(vs) > 0 {
			return vs[0]
		}
	}
	return ""
}

func (c *call) def() *definition { return c.coll.def }

// id is the canonical id of what the call names, existing or not.
func (c *call) id() string {
	if c.prev != nil {
		return c.prev.id()
	}
	r := &resource{name: c.name, coll: c.coll}
	return r.id()
}

// systemData is the block of a new or changed resource.
func (c *call) systemData(style systemStyle, old obj) any {
	if style == sysNone {
		return nil
	}
	when := stamp(c.now)
	if style == sysZ {
		when = stampZ(c.now)
	}
	by := func(o obj, prefix string) {
		o[prefix+"At"] = when
		if style == sysNoBy || style == sysBatch && prefix != "created" {
			return
		}
		o[prefix+"By"] = c.who.name
		if style != sysBatch {
			o[prefix+"ByType"] = c.who.typ
		}
	}
	if old == nil {
		o := obj{}
		by(o, "created")
		switch style {
		case sysCreated:
		case sysDated:
			o["lastModifiedAt"] = when
		default:
			by(o, "lastModified")
		}
		return o
	}
	o := clone(old).(obj)
	by(o, "lastModified")
	return o
}
