package azureml

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// late is a transport whose goroutine reads the body when the attempt is over,
// as that of net/http does.
type late struct {
	fail error
	body io.ReadCloser
}

func (l *late) Do(req *http.Request) (*http.Response, error) {
	l.body = req.Body
	if l.fail != nil {
		return nil, l.fail
	}
	return &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader("busy"))}, nil
}

func TestNothingReadsTheBodyOfAnAttemptThatIsOver(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{nil, errors.New("connection reset")} {
		l := &late{fail: fail}
		body := strings.NewReader("all of it")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://mlsync.example/", io.NopCloser(body))
		if err != nil {
			t.Fatal(err)
		}
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("anew")), nil }
		resp, err := attempts{l}.Do(req)
		if !errors.Is(err, fail) {
			t.Fatalf("attempt: %v", err)
		}
		if resp != nil {
			if data, err := io.ReadAll(io.LimitReader(l.body, 4)); string(data) != "all " || err != nil {
				t.Errorf("while the answer is read: %q, %v", data, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		left := body.Len()
		if _, err := io.ReadAll(l.body); !errors.Is(err, errAttemptOver) || body.Len() != left {
			t.Errorf("after the attempt: %v, and %d of %d bytes are left", err, body.Len(), left)
		}
	}
}

func TestABodyThatIsMadeAnewEndsTheOneBefore(t *testing.T) {
	t.Parallel()
	l := &renewing{t: t}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://mlsync.example/", strings.NewReader("all of it"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := attempts{l}.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.second.Read(make([]byte, 1)); !errors.Is(err, errAttemptOver) {
		t.Errorf("the second body can be read after the attempt: %v", err)
	}
}

// renewing is a transport that asks for the body once more.
type renewing struct {
	t      *testing.T
	second io.ReadCloser
}

func (r *renewing) Do(req *http.Request) (*http.Response, error) {
	var err error
	if r.second, err = req.GetBody(); err != nil {
		return nil, err
	}
	if _, err := req.Body.Read(make([]byte, 1)); !errors.Is(err, errAttemptOver) {
		r.t.Errorf("the first body can still be read: %v", err)
	}
	if data, err := io.ReadAll(r.second); string(data) != "all of it" || err != nil {
		r.t.Errorf("the second body: %q, %v", data, err)
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}
