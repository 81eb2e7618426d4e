package azureml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/internal/limit"
)

// checkPolicy stands just above the network: it counts and logs every attempt,
// and makes *Unknown of answers that cannot be the service's, so that a login
// page of a proxy is never taken for a resource, nor a cut list for a short one.
type checkPolicy struct {
	o     *resolved
	stats *stats
	room  sync.Pool // of *bytes.Buffer, in which bodies are read
}

// Do sends one attempt.
func (p *checkPolicy) Do(req *policy.Request) (*http.Response, error) {
	raw, c, start := req.Raw(), callOf(req), p.o.Clock.Now()
	p.stats.count(raw.Method, c.class)
	resp, err := req.Next()
	took := p.o.Clock.Now().Sub(start).Round(time.Millisecond)
	if err != nil {
		p.log(raw, c, "took", took, "err", "no answer")
		e := newSendError(err)
		c.sent = c.sent || e.sent
		return nil, e
	}
	p.log(raw, c, "status", resp.StatusCode, "took", took, "request_id", requestID(resp.Header))
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return resp, nil
	}
	if c.answer, err = p.read(resp.Body); err != nil {
		return nil, newSendError(err)
	}
	if why := unusable(raw.Method, c, resp, c.answer); why != "" {
		return nil, &Unknown{Method: raw.Method, Path: c.path, Err: fmt.Errorf("%d: %s", resp.StatusCode, why)}
	}
	return resp, nil
}

func (p *checkPolicy) log(req *http.Request, c *call, more ...any) {
	if p.o.Logger.Enabled(req.Context(), slog.LevelDebug) {
		p.o.Logger.DebugContext(req.Context(), "request", append([]any{"method", req.Method, "path", c.path}, more...)...)
	}
}

// read reads a body to its end and closes it. Bodies are kept as long as the
// assets in them, by the thousand, so none has more room than it needs, nor
// grows into it.
func (p *checkPolicy) read(body io.ReadCloser) ([]byte, error) {
	defer func() { _ = body.Close() }() // it was only read
	room, ok := p.room.Get().(*bytes.Buffer)
	if !ok {
		room = &bytes.Buffer{}
	}
	defer p.room.Put(room)
	room.Reset()
	if _, err := room.ReadFrom(body); err != nil {
		return nil, err
	}
	return bytes.Clone(room.Bytes()), nil
}

// unusable says why a 2xx or 3xx answer cannot be used, "" if it can.
func unusable(method string, c *call, resp *http.Response, body []byte) string {
	if resp.StatusCode >= 300 {
		return "redirect"
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		needs := resp.StatusCode < 202 && method != http.MethodPost && method != http.MethodDelete && !c.poll
		if needs {
			return "empty answer"
		}
		return ""
	}
	if t := resp.Header.Get("Content-Type"); t != "" && !strings.Contains(strings.ToLower(t), "json") {
		return "content type " + excerpt([]byte(t)) + ": " + excerpt(body)
	}
	if !json.Valid(body) {
		return "truncated or malformed json"
	}
	if deep(body) {
		return "json that is nested too deep"
	}
	if body[0] != '{' && !bytes.Equal(body, []byte("null")) {
		return "json that is no object"
	}
	if bytes.Equal(body, []byte("null")) && resp.StatusCode < 202 && method != http.MethodDelete && method != http.MethodPost && !c.poll {
		return "null"
	}
	return ""
}

// deep tells whether valid JSON nests deeper than the service's assets can:
// what is done with them goes as deep as they do.
func deep(body []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit.AnswerDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// maxBody bounds the answer of Resource Manager.
const maxBody = limit.Answer

// limitBody is a transport that refuses endless answers.
type limitBody struct{ next policy.Transporter }

func (l limitBody) Do(req *http.Request) (*http.Response, error) {
	resp, err := l.next.Do(req)
	if err == nil && resp.Body != nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxBody)
	}
	return resp, err
}
