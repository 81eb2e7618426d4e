package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Problem is an answer that says what is wrong, as RFC 9457 has it.
type Problem struct {
	Type   string `json:"type" doc:"about:blank: the status says all that programs need, and code more."`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code" doc:"A stable word."`
	Detail string `json:"detail,omitempty"`
	// Errors are about members of the request, or its query.
	Errors  []FieldError `json:"errors,omitempty"`
	Request string       `json:"request_id" doc:"Names the request in the log of the server."`

	retry int // seconds
}

// FieldError is what is wrong with one member of a request.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	for _, e := range p.Errors {
		text += "; " + e.Field + ": " + e.Detail
	}
	return text
}

// ErrNotFound says that there is no such thing.
var ErrNotFound = errors.New("not found")

// Refuse is a problem that a Book answers with: a status of 4xx, a stable word
// and what to do instead.
func Refuse(status int, code, detail string, fields ...FieldError) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields}
}

func badRequest(detail string, fields ...FieldError) *Problem {
	return Refuse(http.StatusBadRequest, "bad_request", detail, fields...)
}

// hidden is the answer for what is not there and for what may not be seen: the
// two must not be told apart.
func hidden() *Problem {
	return Refuse(http.StatusNotFound, "not_found", "there is no such thing, or you may not see it")
}

// problemOf is err as the client learns of it; within says that it is of no
// concern to the client.
func problemOf(err error) (p *Problem, within bool) {
	if errors.As(err, &p) {
		clone := *p
		return &clone, false
	}
	if errors.Is(err, ErrNotFound) {
		return hidden(), false
	}
	return Refuse(http.StatusInternalServerError, "internal", "something went wrong here: the log of the server has more under the number of the request"), true
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("ETag")
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic("web: " + err.Error()) // it holds nothing that cannot be printed
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}
