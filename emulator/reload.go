package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
)

// apply puts one line of the journal into the store.
func (s *Server) apply(line []byte) error {
	var rec record
	if err := json.Unmarshal(line, &rec); err != nil {
		return err
	}
	st := s.store
	switch {
	case rec.Op != nil:
		st.addOperation(rec.Op)
		st.seq++
		return nil
	case rec.Sub != "":
		st.subs[strings.ToLower(rec.Sub)] = rec.Sub
		return nil
	case rec.Group != nil:
		g := &group{sub: str(rec.Group, "sub"), name: str(rec.Group, "name"), doc: sub(rec.Group, "doc")}
		if rec.Gone {
			delete(st.groups, groupKey(g.sub, g.name))
		} else {
			st.groups[groupKey(g.sub, g.name)] = g
		}
		return nil
	}
	seg := strings.Split(strings.Trim(rec.Scope, "/"), "/")
	if len(seg) != 8 {
		return fmt.Errorf("scope %q is no ARM id", rec.Scope)
	}
	sc := st.scopes[strings.ToLower(rec.Scope)]
	if sc == nil {
		if rec.Gone {
			return nil
		}
		sc = st.newScope(seg[1], seg[3], seg[6], seg[7])
	}
	switch {
	case rec.Upload != "":
		sc.uploads[rec.Upload] = rec.Body
		return nil
	case rec.Erased != nil:
		for k, v := range rec.Erased {
			sc.deleted[k], _ = v.(string)
		}
		return nil
	case rec.Path == "" && rec.Gone:
		st.dropScope(sc)
		return nil
	case rec.Path == "":
		sc.self.doc, sc.self.secret = rec.Doc, rec.Secret
		st.seq = max(st.seq, rec.Seq)
		s.revive(sc.self, rec.Event)
		return nil
	}
	return s.applyResource(sc, rec)
}

func (s *Server) applyResource(sc *scope, rec record) error {
	seg := strings.Split(rec.Path, "/")
	c := sc.coll(seg[0])
	for i := 1; c != nil && i+2 < len(seg); i += 2 {
		parent := c.get(seg[i])
		if parent == nil {
			if rec.Gone {
				return nil // it went with its parent
			}
			return fmt.Errorf("%s: its parent is missing", rec.Path)
		}
		c = parent.children
	}
	if c == nil || len(seg)%2 != 0 {
		return fmt.Errorf("%s: no such collection", rec.Path)
	}
	r := c.get(seg[len(seg)-1])
	if rec.Gone {
		if r != nil {
			s.store.remove(r)
		}
		return nil
	}
	isNew := r == nil
	if isNew {
		r = &resource{seq: rec.Seq, name: seg[len(seg)-1], coll: c}
	}
	r.doc, r.secret, r.stale = rec.Doc, rec.Secret, c.def.container
	doc, err := decodeObject(r.doc)
	if err != nil {
		return fmt.Errorf("%s: %w", rec.Path, err)
	}
	r.archived = isTrue(sub(doc, "properties"), "isArchived")
	if isNew {
		s.store.insert(r)
		s.store.indexHash(r)
	} else {
		s.store.place(r)
	}
	s.revive(r, rec.Event)
	return nil
}

// revive schedules again what was under way.
func (s *Server) revive(r *resource, e *eventLine) {
	s.store.cancelEvent(r)
	if e != nil {
		s.store.schedule(&event{at: e.At, kind: e.Kind, op: e.Op, want: e.Want, res: r})
	}
}

// emit writes everything that is alive, parents before children.
func (st *store) emit(out func(any)) {
	for _, id := range st.subs {
		out(record{Sub: id})
	}
	for _, g := range st.groups {
		out(record{Group: g.line()})
	}
	for _, id := range st.opRing {
		if op := st.ops[id]; op != nil {
			out(record{Op: op})
		}
	}
	var walk func(c *collection)
	walk = func(c *collection) {
		for _, r := range c.all.items {
			if r.gone {
				continue
			}
			out(r.record())
			if r.children != nil {
				walk(r.children)
			}
		}
	}
	for _, s := range st.order {
		out(s.self.record())
		for k, u := range s.uploads {
			out(record{Scope: s.id(), Upload: k, Body: u})
		}
		if len(s.deleted) > 0 {
			out(record{Scope: s.id(), Erased: s.erased()})
		}
		for _, c := range s.colls {
			walk(c)
		}
	}
}

func (s *scope) erased() obj {
	o := obj{}
	for k, v := range s.deleted {
		o[k] = v
	}
	return o
}

func (st *store) dropScope(s *scope) {
	st.cancelEvent(s.self)
	for _, c := range s.colls {
		for _, r := range c.all.items {
			if !r.gone {
				st.remove(r)
			}
		}
	}
	delete(st.scopes, s.key())
	kept := st.order[:0]
	for _, x := range st.order {
		if x != s {
			kept = append(kept, x)
		}
	}
	st.order = kept
	if st.log != nil {
		st.log.append(record{Scope: s.id(), Gone: true})
	}
}

// indexHash makes a code version findable by its content.
func (st *store) indexHash(r *resource) {
	if hash := r.hash(); hash != "" {
		forgetHash(r.coll.scope, hash, r)
		r.coll.scope.codeByHash[hash] = append(r.coll.scope.codeByHash[hash], r)
	}
}
