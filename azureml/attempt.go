package azureml

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// attempts is a transport that lets go of the body of a request when the
// attempt is over. That of net/http may still read it then, in a goroutine of
// its own, while the next attempt has already rewound it: the service would
// get a body with a hole.
type attempts struct{ next policy.Transporter }

func (a attempts) Do(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return a.next.Do(req)
	}
	once := *req // the pipeline's request keeps its own body
	body := &attemptBody{body: req.Body}
	once.Body = body
	if req.GetBody != nil {
		once.GetBody = func() (io.ReadCloser, error) {
			body.end()
			again, err := req.GetBody()
			body = &attemptBody{body: again}
			return body, err
		}
	}
	resp, err := a.next.Do(&once)
	if err != nil {
		body.end()
		return resp, err
	}
	resp.Request, resp.Body = req, &attemptAnswer{ReadCloser: resp.Body, sent: body}
	return resp, nil
}

// attemptBody is the body of one attempt. It can be read until that ends.
type attemptBody struct {
	mu   sync.Mutex
	body io.ReadCloser
	over bool
}

var errAttemptOver = errors.New("the attempt to send this is over")

func (b *attemptBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errAttemptOver
	}
	return b.body.Read(p)
}

func (b *attemptBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return nil
	}
	return b.body.Close()
}

// end waits for a read that is under way; there is none after it.
func (b *attemptBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// attemptAnswer is the body of an answer, with which an attempt is over.
type attemptAnswer struct {
	io.ReadCloser
	sent *attemptBody
}

func (a *attemptAnswer) Close() error {
	a.sent.end()
	return a.ReadCloser.Close()
}
