package emulator

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// document decodes what is stored of a resource.
func (s *Server) document(r *resource) obj { return s.decodeDoc(r, s.fresh(r)) }

// decodeDoc decodes a stored document. The spec of a component keeps its text, because the order of its inputs counts.
func (s *Server) decodeDoc(r *resource, raw []byte) obj {
	doc, err := decodeObject(raw)
	if err != nil {
		panic(fmt.Sprintf("emulator: stored document of %s: %v", r.id(), err))
	}
	if p := sub(doc, "properties"); p != nil && p["componentSpec"] != nil {
		var keep struct {
			Properties struct {
				ComponentSpec json.RawMessage `json:"componentSpec"`
			} `json:"properties"`
		}
		if err := json.Unmarshal(raw, &keep); err != nil {
			panic(fmt.Sprintf("emulator: stored document of %s: %v", r.id(), err))
		}
		p["componentSpec"] = keep.Properties.ComponentSpec
	}
	return doc
}

// fresh is the stored document of r, a container's with its newest version filled in.
func (s *Server) fresh(r *resource) []byte {
	if !r.stale {
		return r.doc
	}
	r.stale = false
	doc, err := decodeObject(r.doc)
	if err != nil {
		panic(fmt.Sprintf("emulator: stored document of %s: %v", r.id(), err))
	}
	p := sub(doc, "properties")
	p["latestVersion"], p["nextVersion"] = nil, strconv.Itoa(r.children.maxNum+1)
	if last := r.children.all.last(); last != nil {
		p["latestVersion"] = last.name
	}
	if r.coll.def.collection == "components" {
		// Recorded 2026-03: components do not count any more, the next version is a time.
		p["latestVersion"] = nil
		p["nextVersion"] = s.opt.Now().UTC().Format("2006-01-02-15-04-05-") + "0000000"
	}
	r.doc = encode(doc)
	return r.doc
}

// render is the document of r as the api-version of the call shows it.
func (s *Server) render(c *call, r *resource) []byte {
	d := r.coll.def
	raw := s.fresh(r)
	if (d.view == nil || d.viewOld) && !before(c.api, d.newest) && !c.dataplane() {
		return raw
	}
	doc := s.decodeDoc(r, raw)
	older(d.envelope, doc, c.api)
	if p := sub(doc, "properties"); p != nil {
		older(d.fields, p, c.api)
	}
	if d.view != nil {
		doc = d.view(c, r, doc, c.api)
	}
	return encode(viewRegistryAsset(c, r, doc))
}
