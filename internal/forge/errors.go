package forge

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mlsync.dev/mlsync/internal/gitrepo"
)

// The kinds of failure that a caller may tell apart with errors.Is.
var (
	// ErrInvalid: a URL, option or text that is never sent.
	ErrInvalid = errors.New("invalid")
	// ErrUnknown: it cannot be told which service a host is.
	ErrUnknown = errors.New("service not known")
	// ErrAuth: the service refused the token, or wants one.
	ErrAuth = errors.New("access refused")
	// ErrNotFound: there is no such repository, pull request or commit, or the
	// token may not see it.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the service has something else there already.
	ErrConflict = errors.New("conflict")
	// ErrRefused: the service does not take what was sent.
	ErrRefused = errors.New("refused")
	// ErrRateLimited: too many requests; Error.RetryAfter says when to come
	// back, if the service does.
	ErrRateLimited = errors.New("rate limited")
	// ErrUnreachable: no answer, no answer in time, or one that is not of the
	// API. It is worth trying again.
	ErrUnreachable = errors.New("unreachable")
	// ErrRedirect: the service sends us to another place, where the token must
	// not follow.
	ErrRedirect = errors.New("redirect refused")
	// ErrTooLarge: the answer is larger than the limits of Options.
	ErrTooLarge = errors.New("too large")
)

// Error is a failure of an operation on a service.
type Error struct {
	// Op is what was tried, such as "open pull request".
	Op string
	// Repo is the repository: github.com/team/repo.
	Repo string
	// Kind is one of the sentinels above, or context.Canceled.
	Kind error
	// Status is the HTTP status, 0 without an answer.
	Status int
	// Detail is what the service or the system said: one line, no credential,
	// no control character; may be empty.
	Detail string
	// Cure says what to do about it; may be empty.
	Cure string
	// RetryAfter is how long the service wants to be left alone; 0 if it does
	// not say.
	RetryAfter time.Duration

	timeout bool
	// again is set if the same request may have another answer soon.
	again bool
}

// Error gives all of it on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + " " + e.Repo + ": " + e.Kind.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.RetryAfter > 0 {
		b.WriteString(", again in " + e.RetryAfter.Round(time.Second).String())
	}
	if e.Cure != "" {
		b.WriteString("; " + e.Cure)
	}
	return b.String()
}

// Unwrap gives the kind, and context.DeadlineExceeded after a timeout. The
// cause itself is not wrapped: its text may hold a credential.
func (e *Error) Unwrap() []error {
	if e.timeout {
		return []error{e.Kind, context.DeadlineExceeded}
	}
	return []error{e.Kind}
}

// refuse is the error of what is never sent.
func (f *Forge) refuse(op, why string) error {
	return &Error{Op: op, Repo: f.repo.Key(), Kind: ErrInvalid, Detail: why}
}

// fail is the error of a call that the client itself gives up.
func (c *client) fail(op string, kind error, detail string) error {
	return &Error{Op: op, Repo: c.repo, Kind: kind, Detail: detail}
}

const longestDetail = 400

// clean makes one printable line of what a stranger said, without the token in
// any of the forms in which it is sent.
func clean(s string, token gitrepo.Secret) string {
	if t := string(token); t != "" {
		for _, form := range []string{base64.StdEncoding.EncodeToString([]byte(":" + t)), t, url.QueryEscape(t), url.PathEscape(t), url.UserPassword("", t).String()[1:]} {
			s = strings.ReplaceAll(s, form, token.String())
		}
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > longestDetail {
		cut := longestDetail
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}
