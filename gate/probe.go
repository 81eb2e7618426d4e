package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Smoke is open when an online endpoint answers a request as it should.
type Smoke struct {
	Target, Endpoint, Deployment string
	Body                         json.RawMessage
	Timeout                      time.Duration
	Good
}

// HTTP is open when an address answers as it should.
type HTTP struct {
	URL, Method string
	Body        json.RawMessage
	Timeout     time.Duration
	Good
}

// Good is what an answer must be.
type Good struct {
	Status int
	Expect []Expect
}

// Expect is what one value of an answer must be: Is, not Not, within Min and
// Max. Path is dotted; a number is a place in a list.
type Expect struct {
	Path     string
	Is, Not  *asset.Value
	Min, Max *float64
}

// Type is the word of mlsync.yaml.
func (Smoke) Type() string { return "smoke" }

// Type is the word of mlsync.yaml.
func (HTTP) Type() string { return "http" }

func (s Smoke) look(ctx context.Context, c *Case, seen sight) finding {
	got, err := c.Probe.Invoke(ctx, Call{Target: s.Target, Endpoint: s.Endpoint, Deployment: s.Deployment, Body: s.Body, Timeout: s.Timeout})
	evidence := map[string]string{"target": s.Target, "endpoint": s.Endpoint}
	if s.Deployment != "" {
		evidence["deployment"] = s.Deployment
	}
	if got.By != "" {
		evidence["answered_by"] = got.By
	}
	return s.judge(got, err, "endpoint "+s.Endpoint+" of "+s.Target, evidence, seen)
}

func (h HTTP) look(ctx context.Context, c *Case, seen sight) finding {
	got, err := c.Probe.Fetch(ctx, Request{URL: h.URL, Method: h.Method, Body: h.Body, Timeout: h.Timeout})
	return h.judge(got, err, h.URL, map[string]string{"url": h.URL, "method": h.Method}, seen)
}

// judge holds an answer against what it must be.
func (g Good) judge(got Answer, err error, who string, evidence map[string]string, seen sight) finding {
	if err != nil {
		return shut(seen.later(), who+" does not answer: "+err.Error(), evidence)
	}
	evidence["status"] = strconv.Itoa(got.Status)
	if len(got.Body) > 0 {
		evidence["answer"] = cut(string(got.Body))
	}
	if got.Status != g.Status {
		return shut(seen.later(), fmt.Sprintf("%s answers with status %d, not %d", who, got.Status, g.Status), evidence)
	}
	if bad := wrong(got.Body, g.Expect); bad != "" {
		return shut(seen.later(), who+" answers, but "+bad, evidence)
	}
	return open(who+" answers as it should", evidence)
}

// shown is how much of an answer becomes evidence.
const shown = 200

// cut is the beginning of a text, without what is not fit to be shown.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > shown {
		return string(r[:shown]) + "..."
	}
	return s
}

// wrong says what is not as it must be in an answer, "" if nothing is.
func wrong(body []byte, expect []Expect) string {
	if len(expect) == 0 {
		return ""
	}
	v, err := asset.ParseJSON(body)
	if err != nil {
		return "not with JSON"
	}
	for _, e := range expect {
		got, ok := at(v, e.Path)
		if bad := e.wrong(got); !ok || bad != "" {
			if !ok {
				bad = "is not there"
			}
			return e.Path + " " + bad
		}
	}
	return ""
}

// at is the value at a dotted path.
func at(v *asset.Value, dotted string) (*asset.Value, bool) {
	for key := range strings.SplitSeq(dotted, ".") {
		switch v.Type() {
		case asset.Map:
			if !v.Has(key) {
				return nil, false
			}
			v = v.Get(key)
		case asset.List:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= v.Len() {
				return nil, false
			}
			v = v.Items()[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// wrong says what is not as it must be of a value, "" if nothing is.
func (e Expect) wrong(got *asset.Value) string {
	is := "is " + cut(string(got.Canonical()))
	f, isNumber := numberOf(got)
	switch {
	case e.Is != nil && !same(got, e.Is):
		return is + ", not " + string(e.Is.Canonical())
	case e.Not != nil && same(got, e.Not):
		return is
	case (e.Min != nil || e.Max != nil) && !isNumber:
		return is + ", which is no number"
	case e.Min != nil && f < *e.Min:
		return is + ", less than " + number(*e.Min)
	case e.Max != nil && f > *e.Max:
		return is + ", more than " + number(*e.Max)
	}
	return ""
}

// same compares numbers by what they are worth, all else as it is.
func same(a, b *asset.Value) bool {
	x, isNumber := numberOf(a)
	if y, other := numberOf(b); isNumber && other {
		return x == y
	}
	return a.Equal(b)
}

func numberOf(v *asset.Value) (float64, bool) {
	if v.Type() != asset.Int && v.Type() != asset.Float {
		return 0, false
	}
	return v.Float64()
}
