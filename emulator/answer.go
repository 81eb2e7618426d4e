package emulator

import (
	"net/http"
	"strconv"
)

// An answer is what a handler wants to be sent.
type answer struct {
	status int
	header http.Header
	body   []byte // nil: no body
}

func (a answer) with(key, value string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(key, value)
	return a
}

func jsonAnswer(status int, v any) answer { return answer{status: status, body: encode(v)} }

func rawAnswer(status int, body []byte) answer { return answer{status: status, body: body} }

func emptyAnswer(status int) answer { return answer{status: status} }

// A refusal is an error answer before it has its shape.
type refusal struct {
	status  int
	shape   errorShape
	code    string
	message string
	details []detail
	inner   []string // chain of inner codes
	header  http.Header
}

type detail struct{ code, message string }

type errorShape int

const (
	shapeMFE   errorShape = iota // managementfrontend
	shapeRP                      // account-rp: connections, workspaces
	shapeARM                     // the resource manager itself
	shapeEmpty                   // a bare status: compute 404
)

func userError(status int, message string, details ...detail) *refusal {
	return &refusal{status: status, code: "UserError", message: message, details: details}
}

func armError(status int, code, message string) *refusal {
	return &refusal{status: status, shape: shapeARM, code: code, message: message}
}

func rpError(status int, message, inner string) *refusal {
	return &refusal{status: status, shape: shapeRP, code: "UserError", message: message, inner: []string{inner}}
}

// answer renders the refusal in one of the four recorded shapes.
func (f *refusal) answer(c *call) answer {
	var a answer
	switch f.shape {
	case shapeEmpty:
		a = emptyAnswer(f.status).with("Content-Length", "0")
	case shapeARM:
		a = jsonAnswer(f.status, obj{"error": obj{"code": f.code, "message": f.message}})
	case shapeRP:
		a = jsonAnswer(f.status, f.rp(c))
	default:
		a = jsonAnswer(f.status, f.mfe(c))
	}
	for k, vs := range f.header {
		a = a.with(k, vs[0])
	}
	return a.with("x-ms-response-type", "error")
}

func (f *refusal) innerError() any {
	var chain any
	for i := len(f.inner) - 1; i >= 0; i-- {
		chain = obj{"code": f.inner[i], "innerError": chain}
	}
	return chain
}

func (f *refusal) mfe(c *call) obj {
	details := []any{}
	for _, d := range f.details {
		details = append(details, obj{"code": d.code, "message": d.message, "details": []any{}, "additionalInfo": []any{}})
	}
	value := func(typ string, v any) any { return obj{"type": typ, "info": obj{"value": v}} }
	info := []any{
		value("ComponentName", "managementfrontend"),
		value("Correlation", obj{"operation": c.correlation, "request": c.correlation[:16]}),
		value("Environment", c.region()), value("Location", c.region()), value("Time", stamp(c.now)),
	}
	if f.inner != nil {
		info = append(info, value("InnerError", f.innerError()))
	}
	return obj{"error": obj{"code": f.code, "message": f.message, "details": details, "additionalInfo": info}}
}

func (f *refusal) rp(c *call) obj {
	e := obj{"code": f.code, "message": f.message, "details": []any{}, "innerError": f.innerError()}
	for _, k := range []string{"severity", "messageFormat", "messageParameters", "referenceCode", "detailsUri", "target", "debugInfo", "additionalInfo"} {
		e[k] = nil
	}
	return obj{
		"error": e, "correlation": obj{"operation": c.correlation, "request": c.correlation[:16]},
		"environment": c.region(), "location": c.region(), "time": stamp(c.now), "componentName": "account-rp", "statusCode": f.status,
	}
}

// common sets the headers that every ARM answer carries (recorded 2026-03).
func (c *call) common(h http.Header, a answer) {
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "-1")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	h.Set("x-ms-correlation-request-id", guidOf(c.correlation))
	h.Set("x-ms-request-id", guidOf("r"+c.correlation))
	h.Set("x-ms-routing-request-id", "EASTUS2:"+c.now.UTC().Format("20060102T150405Z")+":"+guidOf("t"+c.correlation))
	h.Set("x-request-time", strconv.FormatFloat(0.01, 'f', 3, 64))
	h.Set("azureml-served-by-cluster", "vienna-"+c.served+"-01")
	h.Set("x-aml-cluster", "vienna-"+c.served+"-01")
	if id := c.req.Header.Get("x-ms-client-request-id"); id != "" {
		h.Set("x-ms-client-request-id", id)
	}
	h.Set("x-ms-response-type", "standard")
	if len(a.body) > 0 {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	for k, vs := range a.header {
		h[http.CanonicalHeaderKey(k)] = vs
	}
}
