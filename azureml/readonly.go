package azureml

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// ErrReadOnly is returned for what a client with Options.ReadOnly does not send.
var ErrReadOnly = errors.New("this client only reads")

// onlyReads reports whether requests of a method change nothing, whatever is asked.
func onlyReads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// readOnly sends nothing but requests that read.
type readOnly struct{ next policy.Transporter }

func (t readOnly) Do(req *http.Request) (*http.Response, error) {
	if !onlyReads(req.Method) {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, ErrReadOnly)
	}
	return t.next.Do(req)
}
