package emulator

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

const provider = "Microsoft.MachineLearningServices"

// A scope is a workspace or a registry.
type scope struct {
	sub, group, kind, name string // canonical case; kind is "workspaces" or "registries"
	guid                   string
	region                 string // as in the document regionOf
	regionOf               []byte
	self                   *resource
	colls                  map[string]*collection // by lower-case collection name
	codeByHash             map[string][]*resource // code versions by hash, workspace-wide
	uploads                map[string]obj         // pending uploads by lower-case path
	deleted                map[string]string      // registry asset versions that were deleted, with the time
}

func (s *scope) registry() bool { return s.kind == "registries" }

// id is the ARM id of the scope in canonical case.
func (s *scope) id() string {
	return "/subscriptions/" + s.sub + "/resourceGroups/" + s.group + "/providers/" + provider + "/" + s.kind + "/" + s.name
}

func (s *scope) key() string { return strings.ToLower(s.id()) }

// account is the name of the storage account of the scope.
func (s *scope) account() string { return "st" + strings.ReplaceAll(s.guid, "-", "")[:18] }

func (s *scope) coll(name string) *collection { return s.colls[strings.ToLower(name)] }

// A collection is one list of resources: the containers of a kind, the versions of one container, the deployments of
// one endpoint.
type collection struct {
	def      *definition
	scope    *scope
	parent   *resource // nil at the top
	byName   map[string]*resource
	all      index
	active   index
	archived index
	maxNum   int // greatest numeric version ever created
}

func newCollection(def *definition, s *scope, parent *resource) *collection {
	return &collection{def: def, scope: s, parent: parent, byName: map[string]*resource{}}
}

func (c *collection) get(name string) *resource { return c.byName[strings.ToLower(name)] }

// A resource is one thing with an id. doc is the answer of a GET with the newest api-version.
type resource struct {
	seq      uint64
	name     string
	coll     *collection
	children *collection
	doc      []byte
	secret   obj
	archived bool
	stale    bool // doc of a container does not show its newest version yet
	gone     bool
	hidden   time.Time // not in lists before this time (fault "invisible")
	event    *event
}

// path is the part of the id below the scope.
func (r *resource) path() string {
	if r.coll == nil || r == r.coll.scope.self {
		return ""
	}
	p := r.coll.def.collection + "/" + r.name
	if r.coll.parent != nil {
		return r.coll.parent.path() + "/" + p
	}
	return p
}

func (r *resource) scope() *scope { return r.coll.scope }

func (r *resource) id() string {
	if p := r.path(); p != "" {
		return r.scope().id() + "/" + p
	}
	return r.scope().id()
}

// typ is the ARM type of the resource.
func (r *resource) typ() string {
	if r == r.scope().self {
		return provider + "/" + r.scope().kind
	}
	t := r.coll.def.collection
	if r.coll.parent != nil {
		t = r.coll.parent.coll.def.collection + "/" + t
	}
	return provider + "/" + r.scope().kind + "/" + t
}

// An event is something that happens to a resource at a time: a long-running operation ends, a job moves on.
type event struct {
	at    time.Time
	kind  string // one of the ev constants
	op    string // id of the operation that ends with it
	want  []byte // the document after a "finish"
	res   *resource
	order int // heap index
}

const (
	evFinish = "finish"
	evDelete = "delete"
	evJob    = "job"
	evState  = "state"
)

type eventHeap []*event

func (h eventHeap) Len() int           { return len(h) }
func (h eventHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h eventHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].order, h[j].order = i, j
}

func (h *eventHeap) Push(x any) {
	e := x.(*event)
	e.order = len(*h)
	*h = append(*h, e)
}

func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.order = -1
	return e
}

// store holds everything the emulator remembers except blob content. Its methods want the server's lock held.
type store struct {
	scopes map[string]*scope
	order  []*scope
	subs   map[string]string // known subscriptions, lower → canonical
	groups map[string]*group // resource groups by lower-case id
	events eventHeap
	ops    map[string]*operation
	opRing []string // ids in order of creation, to forget the oldest
	seq    uint64
	kinds  *catalogue
	log    *journal // nil in memory
	work   int64    // index entries and heap nodes touched: what the scaling test counts
}

type group struct {
	sub, name string
	doc       obj
}

func newStore() *store {
	return &store{kinds: newCatalogue(), scopes: map[string]*scope{}, subs: map[string]string{}, groups: map[string]*group{}, ops: map[string]*operation{}}
}

// guidOf derives a guid in canonical form from text: the same workspace has the same guid in every run.
func guidOf(text string) string {
	h := sha256.Sum256([]byte(text))
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	x := hex.EncodeToString(h[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// freshGUID is a guid that no earlier call of this store returned.
func (st *store) freshGUID(salt string) string {
	st.seq++
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], st.seq)
	return guidOf(salt + "\x00" + string(n[:]))
}

func (st *store) newScope(sub, grp, kind, name string) *scope {
	s := &scope{
		sub: sub, group: grp, kind: kind, name: name, colls: map[string]*collection{}, codeByHash: map[string][]*resource{},
		uploads: map[string]obj{}, deleted: map[string]string{},
	}
	s.guid = guidOf(s.key())
	for _, def := range st.kinds.kinds(kind) {
		s.colls[strings.ToLower(def.collection)] = newCollection(def, s, nil)
	}
	s.self = &resource{name: name, coll: &collection{def: st.kinds.scope(kind), scope: s}}
	st.scopes[s.key()] = s
	st.order = append(st.order, s)
	return s
}

// insert puts a new resource into its collection.
func (st *store) insert(r *resource) {
	if r.seq == 0 {
		st.seq++
		r.seq = st.seq
	}
	st.seq = max(st.seq, r.seq)
	c := r.coll
	c.byName[strings.ToLower(r.name)] = r
	c.all.add(r)
	st.place(r)
	st.work++
	if child := c.def.child; child != nil && r.children == nil {
		r.children = newCollection(child, c.scope, r)
	}
	if n, ok := versionNumber(r.name); ok {
		c.maxNum = max(c.maxNum, n)
	}
	if c.parent != nil {
		c.parent.stale = c.def.version
	}
}

// place puts r into the index of its archive state.
func (st *store) place(r *resource) {
	if r.archived {
		r.coll.active.remove(r)
		r.coll.archived.add(r)
	} else {
		r.coll.archived.remove(r)
		r.coll.active.add(r)
	}
}

// remove takes a resource and everything under it out of the store.
func (st *store) remove(r *resource) {
	if r.children != nil {
		for _, k := range r.children.all.items {
			if !k.gone {
				st.remove(k)
			}
		}
	}
	st.cancelEvent(r)
	c := r.coll
	delete(c.byName, strings.ToLower(r.name))
	c.all.remove(r)
	c.active.remove(r)
	c.archived.remove(r)
	st.work++
	if c.parent != nil {
		c.parent.stale = c.def.version
	}
	if hash := r.hash(); hash != "" {
		forgetHash(c.scope, hash, r)
	}
	st.log.remove(r)
}

func (st *store) cancelEvent(r *resource) {
	if r.event != nil && r.event.order >= 0 {
		heap.Remove(&st.events, r.event.order)
	}
	r.event = nil
}

func (st *store) schedule(e *event) {
	st.cancelEvent(e.res)
	e.res.event = e
	heap.Push(&st.events, e)
	st.work++
}

func versionNumber(s string) (int, bool) {
	n := 0
	if s == "" || len(s) > 9 {
		return 0, false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// stamp is a time as the managementfrontend writes it: seven digits and +00:00 (recorded).
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000") + "+00:00" }

// stampZ is a time as the account service writes it.
func stampZ(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000") + "Z" }

func (r *resource) hash() string {
	if r.coll == nil || !r.coll.def.version || r.coll.parent.coll.def.collection != "codes" {
		return ""
	}
	doc, err := decodeObject(r.doc)
	if err != nil {
		panic(fmt.Sprintf("emulator: stored code %s: %v", r.id(), err))
	}
	return str(sub(sub(doc, "properties"), "properties"), "hash_sha256")
}

func forgetHash(s *scope, hash string, r *resource) {
	kept := s.codeByHash[hash][:0]
	for _, x := range s.codeByHash[hash] {
		if x != r {
			kept = append(kept, x)
		}
	}
	if len(kept) == 0 {
		delete(s.codeByHash, hash)
		return
	}
	s.codeByHash[hash] = kept
}
