package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An operation is one long-running operation as its status routes show it. It is kept in the journal.
type operation struct {
	ID       string    `json:"id"` // {prefix}:{workspace guid}:{guid}, or a guid for computes
	Sub      string    `json:"sub"`
	Region   string    `json:"region"`
	Service  opService `json:"service"`
	Running  string    `json:"running"` // the status while it runs
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Fail     string    `json:"fail,omitempty"` // error code: it ends Failed
	Message  string    `json:"message,omitempty"`
	Missing  bool      `json:"missing,omitempty"` // its status routes answer 404
	Resource string    `json:"resource"`          // ARM id
	Canceled bool      `json:"canceled,omitempty"`
}

// keptOperations is how many operations can still be asked for.
const keptOperations = 20_000

func (st *store) addOperation(op *operation) {
	st.ops[op.ID] = op
	st.opRing = append(st.opRing, op.ID)
	if len(st.opRing) > 2*keptOperations {
		for _, id := range st.opRing[:keptOperations] {
			delete(st.ops, id)
		}
		st.opRing = append([]string(nil), st.opRing[keptOperations:]...)
	}
}

func (c *call) newOperation(prefix, running string, r *resource) *operation {
	st := c.srv.store
	svc := r.coll.def.service
	op := &operation{
		Sub: r.scope().sub, Region: c.region(), Service: svc, Running: running, Start: c.now, End: c.now.Add(c.srv.opt.LRO),
		Fail: c.fault.lroFail, Message: c.fault.message, Missing: c.fault.lroMissing, Resource: r.id(),
	}
	op.ID = prefix + ":" + r.scope().guid + ":" + st.freshGUID("op"+r.id())
	switch svc {
	case computeStatus:
		op.ID, op.Running = st.freshGUID("op"+r.id()), "InProgress"
	case wsStatus:
		op.ID, op.Running = st.freshGUID("op"+r.id()), "InProgress"
	case mfeSchedule:
		if running == "Updating" {
			op.Running = "Creating" // recorded: also on an update
		}
	default:
	}
	st.addOperation(op)
	st.log.operation(op)
	return op
}

var statusRoute = map[opService]string{
	mfeStatus: "mfeOperationsStatus", mfeSchedule: "mfeOperationsStatus", mfeBatch: "mfeOperationsStatus",
	computeStatus: "computeOperationsStatus", wsStatus: "workspaceOperationsStatus",
}

func (op *operation) path(route string) string {
	return "/subscriptions/" + op.Sub + "/providers/" + provider + "/locations/" + op.Region + "/" + route + "/" + op.ID
}

func (c *call) statusURL(op *operation) string {
	u := c.base + op.path(statusRoute[op.Service]) + "?api-version=" + c.api
	if op.Service == computeStatus {
		u += "&service=new"
	}
	return u
}

// withOperation adds the headers by which a client follows an operation.
func (c *call) withOperation(a answer, op *operation) answer {
	a = a.with("Azure-AsyncOperation", c.statusURL(op))
	if op.Service != computeStatus && op.Service != wsStatus {
		a = a.with("Location", c.base+op.path("mfeOperationResults")+"?api-version="+c.api).with("x-ms-async-operation-timeout", "PT30M")
	}
	return a
}

// settle carries out everything that is due.
func (s *Server) settle(now time.Time) {
	st := s.store
	for len(st.events) > 0 && !st.events[0].at.After(now) {
		e := st.events[0]
		st.cancelEvent(e.res)
		st.work++
		s.fire(e)
	}
}

func (s *Server) fire(e *event) {
	r := e.res
	op := s.store.ops[e.op]
	switch e.kind {
	case evFinish:
		s.finish(r, e, op)
	case evDelete:
		if op == nil || op.Fail == "" {
			s.store.remove(r)
			if dropped := r.coll.def.dropped; dropped != nil {
				dropped(s, r)
			}
			return
		}
		doc := s.document(r)
		sub(doc, "properties")["provisioningState"] = "Failed"
		r.doc = encode(doc)
	case evJob:
		s.moveJob(r, e)
	case evState:
		s.finishState(r, e)
	}
	s.store.log.put(r)
}

// finish ends a PUT: the resource shows what was wanted, or it is left Failed.
func (s *Server) finish(r *resource, e *event, op *operation) {
	if op != nil && op.Fail != "" {
		doc := s.document(r)
		sub(doc, "properties")["provisioningState"] = "Failed"
		r.doc = encode(doc)
		return
	}
	doc := s.decodeDoc(r, e.want)
	sub(doc, "properties")["provisioningState"] = "Succeeded"
	if done := r.coll.def.done; done != nil {
		done(s, r, doc)
	}
	r.doc = encode(doc)
}

// location serves /subscriptions/S/providers/P/locations/L/…: the status routes and a few lists.
func (c *call) location(seg []string) answer {
	switch route := strings.ToLower(at(seg, 6)); route {
	case "mfeoperationsstatus", "computeoperationsstatus", "workspaceoperationsstatus", "mfeoperationresults":
		op := c.srv.store.ops[at(seg, 7)]
		if op == nil || op.Missing || !strings.EqualFold(op.Sub, seg[1]) {
			return armError(http.StatusNotFound, "NotFound", "The operation '"+at(seg, 7)+"' was not found.").answer(c)
		}
		if route == "mfeoperationresults" {
			return c.operationResult(op)
		}
		return c.polling(jsonAnswer(http.StatusOK, op.status(c.now)), op)
	case "vmsizes":
		return c.vmSizes()
	case "usages", "quotas":
		return jsonAnswer(http.StatusOK, obj{"value": []any{}})
	}
	return armError(http.StatusNotFound, "InvalidResourceType", "The resource type could not be found in the namespace '"+provider+"'.").answer(c)
}

func at(seg []string, i int) string {
	if i < len(seg) {
		return seg[i]
	}
	return ""
}

// polling adds Retry-After to a status answer that is not final.
func (c *call) polling(a answer, op *operation) answer {
	if c.srv.opt.NoRetryAfter || op.over(c.now) {
		return a
	}
	ms := min(max(op.End.Sub(c.now).Milliseconds(), 5), 1000)
	return a.with("Retry-After", "1").with("x-ms-retry-after-ms", strconv.FormatInt(ms, 10))
}

func (op *operation) over(now time.Time) bool { return op.Canceled || !now.Before(op.End) }

func percent(text string) json.Number { return json.Number(text) }

// status is the body of the status route; its form depends on the service (recorded).
func (op *operation) status(now time.Time) obj {
	state := op.Running
	switch {
	case op.Canceled:
		state = "Canceled"
	case op.over(now) && op.Fail != "":
		state = "Failed"
	case op.over(now):
		state = "Succeeded"
	}
	o := obj{"status": state}
	if op.Fail != "" && op.over(now) {
		message := op.Message
		if message == "" {
			message = "The operation failed: " + op.Fail + "."
		}
		o["error"] = obj{"code": op.Fail, "message": message, "details": []any{}}
	}
	if op.Service == computeStatus || op.Service == wsStatus {
		if state == "Succeeded" {
			o["percentComplete"] = percent("100.0")
		}
		return o
	}
	o["id"], o["name"] = op.path("mfeOperationsStatus"), op.ID
	switch op.Service {
	case mfeSchedule:
		o["id"] = op.path("mfeOperationResults")
		if op.over(now) {
			o["startTime"], o["endTime"] = stamp(op.Start), stamp(op.End)
		}
	case mfeStatus:
		o["startTime"], o["endTime"], o["percentComplete"] = stamp(op.Start), "0001-01-01T00:00:00+00:00", percent("0.0")
		if op.over(now) {
			o["endTime"], o["percentComplete"] = stamp(op.End), percent("100.0")
		}
	default:
	}
	return o
}

// operationResult serves the Location of an operation: 202 while it runs, then the resource, or 204 when it is gone.
func (c *call) operationResult(op *operation) answer {
	if !op.over(c.now) {
		return c.polling(emptyAnswer(http.StatusAccepted), op).with("Location", c.base+c.req.URL.RequestURI())
	}
	if op.Fail != "" {
		return jsonAnswer(http.StatusBadRequest, op.status(c.now)).with("x-ms-response-type", "error")
	}
	r := c.srv.byID(op.Resource)
	if r == nil {
		return emptyAnswer(http.StatusNoContent)
	}
	c.scope, c.coll = r.coll.scope, r.coll
	return rawAnswer(http.StatusOK, c.srv.render(c, r))
}

// byID finds a resource by its ARM id, in any letter case; nil when there is none.
func (s *Server) byID(id string) *resource {
	seg := strings.Split(strings.Trim(id, "/"), "/")
	if len(seg) < 10 {
		return nil
	}
	sc := s.store.scopes[strings.ToLower("/"+strings.Join(seg[:8], "/"))]
	if sc == nil {
		return nil
	}
	return sc.find(seg[8:])
}

// find follows collection, name, collection, name.
func (s *scope) find(seg []string) *resource {
	c := s.coll(seg[0])
	if c == nil || len(seg) < 2 {
		return nil
	}
	r := c.get(seg[1])
	if r == nil || len(seg) == 2 {
		return r
	}
	if len(seg) != 4 || r.children == nil || !strings.EqualFold(r.children.def.collection, seg[2]) {
		return nil
	}
	return r.children.get(seg[3])
}
