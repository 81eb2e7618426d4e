package azureml

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Sentinels a caller may test for with errors.Is.
var (
	// ErrNotFound: the asset that was read or deleted is not there, though its
	// workspace is. No other answer is turned into it.
	ErrNotFound = errors.New("not found")
	// ErrNoScope: the subscription, resource group or workspace of the path is
	// not there, so nothing is known about the asset.
	ErrNoScope = errors.New("workspace not found")
	// ErrDependency: a write was refused with 404 because something that the
	// body refers to is missing.
	ErrDependency = errors.New("a reference was not found")
	// ErrConflict: the service answered 409 or 412.
	ErrConflict = errors.New("conflict")
	// ErrDenied: the service answered 401 or 403.
	ErrDenied = errors.New("access denied")
	// ErrForeignURL: the service pointed to another host. The token is not
	// sent there.
	ErrForeignURL = errors.New("url of another host")
)

// Error is a refusal by the service. Code is the most specific code that the
// answer has at its second level, because the first says UserError for 400,
// 404 and 409 alike; Inner is the innermost.
type Error struct {
	Status    int
	Code      string
	Inner     string
	Message   string
	Details   []Detail
	RequestID string
	Method    string
	Path      string

	scope bool // 404 of something above the asset
}

// Detail is one of several reasons of an Error or OperationFailed.
type Detail struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.Status)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Is reports whether e stands for one of the sentinels of this package.
func (e *Error) Is(target error) bool {
	read := e.Method == http.MethodGet || e.Method == http.MethodHead || e.Method == http.MethodDelete
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound && read && !e.scope
	case ErrNoScope:
		return e.Status == http.StatusNotFound && e.scope
	case ErrDependency:
		return e.Status == http.StatusNotFound && !read && !e.scope
	case ErrConflict:
		return e.Status == http.StatusConflict || e.Status == http.StatusPreconditionFailed
	case ErrDenied:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	}
	return false
}

// Accepted is an error of a write after the service has taken it: nobody knows
// yet what came of it.
type Accepted struct{ Err error }

func (a *Accepted) Error() string { return a.Err.Error() }

func (a *Accepted) Unwrap() error { return a.Err }

// Unknown says that the state of the service is not known: a write whose
// outcome was not told, to be read back before it is tried again, or an answer
// that cannot be the service's. It never means absent.
type Unknown struct {
	Method string
	Path   string
	Err    error
}

func (u *Unknown) Error() string {
	what := "answer cannot be used"
	if u.Method != http.MethodGet && u.Method != http.MethodHead {
		what = "outcome is unknown"
	}
	return fmt.Sprintf("%s %s: %s: %v", u.Method, u.Path, what, u.Err)
}

// Unwrap returns the cause.
func (u *Unknown) Unwrap() error { return u.Err }

// Throttled says that the service has no capacity for us before Until.
type Throttled struct {
	Until  time.Time
	Method string
	Path   string
}

func (t *Throttled) Error() string {
	return fmt.Sprintf("%s %s: throttled until %s", t.Method, t.Path, t.Until.UTC().Format(time.RFC3339))
}

// OperationFailed is the end of a long-running operation that did not succeed.
// The resource may exist in a failed state and can be written again.
type OperationFailed struct {
	Status  string
	Code    string
	Message string
	Details []Detail
	Path    string
}

func (e *OperationFailed) Error() string {
	s := fmt.Sprintf("%s: operation %s", e.Path, strings.ToLower(e.Status))
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	for _, d := range e.Details {
		if d.Message != "" && d.Message != e.Message {
			s += "; " + strings.TrimPrefix(d.Code+": ", ": ") + d.Message
		}
	}
	return s
}

// errorBody is the union of the shapes in which the service refuses: the
// management front end's, the account provider's and Resource Manager's.
type errorBody struct {
	Code           string      `json:"code"`
	Message        string      `json:"message"`
	Details        []errorBody `json:"details"`
	InnerError     *innerError `json:"innerError"`
	AdditionalInfo []struct {
		Type string `json:"type"`
		Info struct {
			Value json.RawMessage `json:"value"`
		} `json:"info"`
	} `json:"additionalInfo"`
}

type innerError struct {
	Code  string      `json:"code"`
	Inner *innerError `json:"innerError"`
}

// decodeError returns the error of a body, nil if it has none.
func decodeError(body []byte) *errorBody {
	var outer struct {
		Error *errorBody `json:"error"`
		errorBody
	}
	if json.Unmarshal(body, &outer) != nil {
		return nil
	}
	if outer.Error != nil && (outer.Error.Code != "" || outer.Error.Message != "") {
		return outer.Error
	}
	if outer.Code != "" && outer.Message != "" {
		return &outer.errorBody
	}
	return nil
}

// inner returns the innermost code of b, "" if there is none.
func (b *errorBody) inner() string {
	in := b.InnerError
	for _, a := range b.AdditionalInfo {
		if a.Type == "InnerError" && in == nil {
			in = &innerError{}
			if json.Unmarshal(a.Info.Value, in) != nil {
				return ""
			}
		}
	}
	code := ""
	for ; in != nil; in = in.Inner {
		if in.Code != "" {
			code = in.Code
		}
	}
	return code
}

// best returns the most specific code.
func (b *errorBody) best() string {
	if len(b.Details) > 0 && b.Details[0].Code != "" {
		return b.Details[0].Code
	}
	if in := b.inner(); in != "" && b.Code == "UserError" {
		return in
	}
	return b.Code
}

// text returns the message, with the first detail's where it says more.
func (b *errorBody) text() string {
	if len(b.Details) > 0 && b.Details[0].Message != "" && b.Details[0].Message != b.Message {
		return strings.TrimSpace(b.Message + " " + b.Details[0].Message)
	}
	return b.Message
}

func (b *errorBody) details() []Detail {
	var out []Detail
	for _, d := range b.Details {
		out = append(out, Detail{Code: d.Code, Message: d.Message})
	}
	return out
}

// scopeCodes are the codes of Resource Manager for what is above the asset.
var scopeCodes = map[string]bool{
	"SubscriptionNotFound": true, "InvalidSubscriptionId": true, "ResourceGroupNotFound": true,
	"ParentResourceNotFound": true, "NoRegisteredProviderFound": true, "InvalidResourceNamespace": true,
	"InvalidResourceType": true, "WorkspaceNotFound": true,
}

// errorFrom makes the error of an answer outside 2xx. An answer that the
// service cannot have written is *Unknown.
func errorFrom(method, path string, resp *http.Response, body []byte) error {
	e := &Error{Status: resp.StatusCode, Method: method, Path: path, RequestID: requestID(resp.Header)}
	if b := decodeError(body); b != nil {
		e.Code, e.Inner, e.Message, e.Details = b.best(), b.inner(), b.text(), b.details()
		e.scope = scopeCodes[b.Code] || b.Code == "ResourceNotFound" && depth(path) > 1 && aboveAsset(b.Message)
		return e
	}
	if resp.StatusCode == http.StatusNotFound {
		// Only an answer of the service may mean absent. That of a compute has
		// no body; anything else without one must at least have its headers.
		if len(body) == 0 && (e.RequestID != "" || strings.Contains(strings.ToLower(path), "/computes/")) {
			return e
		}
		return &Unknown{Method: method, Path: path, Err: fmt.Errorf("404 that is not the service's: %s", excerpt(body))}
	}
	e.Message = excerpt(body)
	return e
}

// aboveAsset tells whether what Resource Manager, before it asks the provider,
// says is not found is a workspace: "The Resource 'PROVIDER/workspaces/NAME'
// under resource group …". It says the same of endpoints, which it tracks.
func aboveAsset(message string) bool {
	_, rest, ok := strings.Cut(message, "The Resource '")
	name, _, closed := strings.Cut(rest, "'")
	if !ok || !closed {
		return strings.Contains(message, "under resource group")
	}
	return strings.Count(name, "/") <= 2
}

// depth counts the resources below the provider in a path: 1 is a workspace.
func depth(path string) int {
	_, below, ok := strings.Cut(strings.ToLower(path), "/providers/microsoft.machinelearningservices/")
	if !ok {
		return 0
	}
	return (strings.Count(strings.Trim(below, "/"), "/") + 1) / 2
}

func requestID(h http.Header) string {
	for _, k := range []string{"x-ms-request-id", "x-ms-correlation-request-id", "x-ms-operation-identifier"} {
		if v := h.Get(k); v != "" {
			return v
		}
	}
	return ""
}

// excerpt returns the beginning of a body that is not JSON, on one line.
func excerpt(body []byte) string {
	s := strings.Join(strings.Fields(string(body)), " ")
	if len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "") + "…"
	}
	if s == "" {
		return "empty answer"
	}
	return s
}
