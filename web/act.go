package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/limit"
)

func (s *Server) sync(c *call) (any, error) {
	if err := c.project.Book.Sync(c.ctx, c.who, c.target); err != nil {
		return nil, err
	}
	return Queued{Target: c.target, Queued: true}, nil
}

func (s *Server) abort(c *call) (any, error) {
	return c.project.Book.Abort(c.ctx, c.who, c.target, *c.body.(*AbortRequest))
}

func (s *Server) hold(c *call) (any, error) {
	r := *c.body.(*HoldRequest)
	if strings.TrimSpace(r.Why) == "" {
		return nil, badRequest("the body has mistakes", FieldError{"why", "it is empty"})
	}
	if r.Until != nil && !r.Until.After(c.now) {
		return nil, badRequest("the body has mistakes", FieldError{"until", "it is past"})
	}
	return c.project.Book.Hold(c.ctx, c.who, c.target, r)
}

func (s *Server) ignoreDrift(c *call) (any, error) {
	r := *c.body.(*IgnoreRequest)
	if r.Until != nil && !r.Until.After(c.now) {
		return nil, badRequest("the body has mistakes", FieldError{"until", "it is past"})
	}
	f, err := c.project.Book.IgnoreDrift(c.ctx, c.who, c.target, r)
	f.Project, f.Target = c.project.Name, c.target
	if f.Paths == nil {
		f.Paths = []string{}
	}
	return f, err
}

func (s *Server) unhold(c *call) (any, error) {
	return nil, c.project.Book.Unhold(c.ctx, c.who, c.target)
}

// aDay is how long an approval holds if nothing else is said.
const aDay = 24 * time.Hour

func (s *Server) approve(c *call) (any, error) {
	r := *c.body.(*ApproveRequest)
	var bad []FieldError
	if (r.Plan == "") == (r.Release == "") {
		bad = append(bad, FieldError{"plan", "give either plan or release: nobody approves what he has not seen"})
	}
	if r.Expires == nil {
		t := c.now.Add(aDay)
		r.Expires = &t
	}
	switch {
	case !r.Expires.After(c.now):
		bad = append(bad, FieldError{"expires", "it is past"})
	case r.Expires.After(c.now.Add(limit.APIApprove)):
		bad = append(bad, FieldError{"expires", "it is more than 30 days away"})
	}
	if len(bad) > 0 {
		return nil, badRequest("the body has mistakes", bad...)
	}
	a, err := c.project.Book.Approve(c.ctx, c.who, c.target, r)
	a.Project, a.Target = c.project.Name, c.target
	return a, err
}

func (s *Server) withdraw(c *call) (any, error) {
	id, err := strconv.ParseInt(c.r.PathValue("approval"), 10, 64)
	if err != nil {
		return nil, hidden()
	}
	return nil, c.project.Book.Withdraw(c.ctx, c.who, c.target, id)
}

func (s *Server) makeToken(c *call) (any, error) {
	r := *c.body.(*TokenRequest)
	var bad []FieldError
	if strings.TrimSpace(r.Name) == "" {
		bad = append(bad, FieldError{"name", "it is empty"})
	}
	if !r.Expires.After(c.now) {
		bad = append(bad, FieldError{"expires", "it is past"})
	}
	if len(bad) > 0 {
		return nil, badRequest("the body has mistakes", bad...)
	}
	if !slices.ContainsFunc(c.who.Roles(c.project.Name), func(have access.Role) bool { return have.Covers(access.Role(r.Role)) }) {
		return nil, Refuse(http.StatusForbidden, "forbidden", "a token may do no more than you: you have no role that does all that a "+r.Role+" does")
	}
	t, err := c.project.Book.MakeToken(c.ctx, c.who, r)
	t.Project = c.project.Name
	return t, err
}

func (s *Server) revokeToken(c *call) (any, error) {
	return nil, c.project.Book.RevokeToken(c.ctx, c.who, c.r.PathValue("token"))
}

// detail is what the audit says of a request beside its action.
func (c *call) detail() string {
	switch b := c.body.(type) {
	case *HoldRequest:
		return b.Why
	case *AbortRequest:
		return b.Why
	case *IgnoreRequest:
		return b.Asset + " " + b.Why
	case *ApproveRequest:
		return strings.Join(b.Allow, ", ") + " for " + b.Plan + b.Release
	case *TokenRequest:
		return b.Name
	}
	return c.r.PathValue("approval") + c.r.PathValue("token")
}
