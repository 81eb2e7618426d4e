package emulator

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
)

// heldAnswer keeps an answer back until a fault has decided what becomes of it.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heldAnswer) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}

// instead answers in place of the service. It reports false when the request is to be served.
func (m *modifier) instead(w *recorder, r *http.Request, s *Server, isBlob bool) bool {
	if m.after {
		return false
	}
	switch {
	case m.claims:
		m.challenge(w, r)
	case m.html:
		m.page(w)
	case m.status != 0:
		m.refuse(w, s, isBlob)
	case m.reset:
		w.abort = true
	default:
		return false
	}
	return true
}

// finish spoils an answer that was held back after the request took effect.
func (m *modifier) finish(w *recorder, h *heldAnswer, s *Server, r *http.Request) {
	switch {
	case m.reset:
		w.abort = true
	case m.truncate:
		for k, vs := range h.header {
			w.Header()[k] = vs
		}
		w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
		w.WriteHeader(max(h.status, http.StatusOK))
		if n := h.body.Len() / 2; n > 0 {
			_, _ = w.Write(h.body.Bytes()[:n]) // the connection is cut next; a failed write is the same
			_ = http.NewResponseController(w).Flush()
		}
		w.abort = true
	case m.html:
		m.page(w)
	case m.claims:
		m.challenge(w, r)
	default:
		if m.status == 0 {
			m.status = http.StatusInternalServerError
		}
		m.refuse(w, s, false)
	}
}

func (m *modifier) page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	status := m.status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<html><body><h1>Service unavailable</h1><p>An answer of a proxy, not of the service.</p></body></html>"))
}

func (m *modifier) challenge(w http.ResponseWriter, r *http.Request) {
	claims := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`))
	w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="`+baseOf(r)+"/"+defaultTenant+`", error="insufficient_claims", claims="`+claims+`"`)
	writeJSON(w, http.StatusUnauthorized, obj{"error": obj{"code": "InvalidAuthenticationToken", "message": "Continuous access evaluation resulted in a challenge."}})
}

func (m *modifier) refuse(w http.ResponseWriter, s *Server, isBlob bool) {
	code := m.code
	if code == "" {
		code = map[int]string{
			401: "InvalidAuthenticationToken", 403: "AuthorizationFailed", 404: "ResourceNotFound", 409: "Conflict", 412: "PreconditionFailed",
			429: "TooManyRequests", 500: "InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout",
		}[m.status]
	}
	message := m.message
	if message == "" {
		message = "Injected by the emulator."
	}
	if m.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(m.retryAfter))
	}
	if isBlob {
		blobError(w, m.status, code, message)
		return
	}
	if m.status < 400 {
		w.WriteHeader(m.status)
		return
	}
	w.Header().Set("x-ms-response-type", "error")
	writeJSON(w, m.status, obj{"error": obj{"code": code, "message": message}})
}
