package azureml

import (
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// class is the bucket of Resource Manager that a request is counted in.
type class int

const (
	reads class = iota
	writes
	deletes
)

// String is the word of the class in the names of the counter headers.
func (c class) String() string { return [...]string{"reads", "writes", "deletes"}[c] }

func classOf(method string) class {
	switch method {
	case http.MethodGet, http.MethodHead:
		return reads
	case http.MethodDelete:
		return deletes
	}
	return writes
}

// call is what the policies know of a request.
type call struct {
	path  string // as shown in errors and logs: without query
	class class
	again bool // may be sent again although an attempt may have had its effect
	poll  bool // status of an operation: an empty answer is fine
	sent  bool // the service may have got the request
	// answer is the body of a success, once there is one.
	answer []byte
	// buckets are those it draws from; see limitPolicy.keys.
	buckets []string
}

// safePosts are the actions that change nothing when they are repeated.
var safePosts = []string{"/listsecrets", "/startpendingupload", "/listkeys"}

// newCall describes a request. once forbids to repeat a write whose outcome is
// unknown.
func newCall(method, path string, once bool) *call {
	c := &call{path: path, class: classOf(method)}
	switch method {
	case http.MethodPost:
		low := strings.ToLower(path)
		for _, p := range safePosts {
			c.again = c.again || strings.HasSuffix(low, p)
		}
	case http.MethodPatch:
	default:
		c.again = !once || c.class == reads
	}
	return c
}

// scope is the subscription, because buckets are one a subscription.
func (c *call) scope() string {
	rest, ok := strings.CutPrefix(strings.ToLower(c.path), "/subscriptions/")
	if !ok {
		return ""
	}
	sub, _, _ := strings.Cut(rest, "/")
	return sub
}

// callOf returns the call that send put on req.
func callOf(req *policy.Request) *call {
	var c *call
	if req.OperationValue(&c) {
		return c
	}
	return newCall(req.Raw().Method, req.Raw().URL.Path, true)
}
