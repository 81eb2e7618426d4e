package gitrepo

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of failure that a caller may tell apart with errors.Is.
var (
	// ErrInvalid: a URL, ref, path or option that is never passed on to git.
	ErrInvalid = errors.New("invalid")
	// ErrAuth: the remote refused the credential, or wants one.
	ErrAuth = errors.New("access refused")
	// ErrNotFound: the remote has no such repository, ref or commit.
	ErrNotFound = errors.New("not found")
	// ErrEmpty: the repository exists and has no commit yet.
	ErrEmpty = errors.New("empty repository")
	// ErrUnreachable: no answer, no answer in time, or one that is not git. It
	// is worth trying again.
	ErrUnreachable = errors.New("unreachable")
	// ErrHostKey: the SSH host key is unknown or is not the known one.
	ErrHostKey = errors.New("host key refused")
	// ErrRedirect: the remote sends us to another place, where the credential
	// must not follow.
	ErrRedirect = errors.New("redirect refused")
	// ErrTooLarge: the answer is larger than the limits of Options.
	ErrTooLarge = errors.New("too large")
	// ErrCorrupt: the mirror on disk is damaged; the next Fetch makes it anew.
	ErrCorrupt = errors.New("mirror is damaged")
	// ErrMoved: the branch is no longer at the base of a push.
	ErrMoved = errors.New("branch has moved")
	// ErrRejected: the remote took the pack but not the update (a hook, a
	// protected branch).
	ErrRejected = errors.New("push rejected")
	// ErrSymlink: a path leads through a symbolic link, which is never followed.
	ErrSymlink = errors.New("symbolic link is not followed")
)

// Error is a failure of an operation on a remote.
type Error struct {
	// Op is what was tried: "list", "fetch", "push".
	Op string
	// URL is the remote without its credential.
	URL string
	// Kind is one of the sentinels above, or context.Canceled.
	Kind error
	// Detail is what the remote or the system said: one line, no credential, no
	// control character; may be empty.
	Detail string
	// Cure says what to do about it; may be empty.
	Cure string
	// timeout is set when the time allowed for the operation ran out.
	timeout bool
}

// Error gives all of it on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + " " + e.URL + ": " + e.Kind.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
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

// fault is an error on its way to becoming an Error: a kind with its words,
// not yet cleaned.
type fault struct {
	kind         error
	detail, cure string
}

func (f *fault) Error() string { return f.kind.Error() + ": " + f.detail }

func faultOf(kind error, detail string) error { return &fault{kind: kind, detail: detail} }

// failure makes an Error of whatever went wrong with the remote. secrets are
// the strings that must not appear in it.
func failure(ctx context.Context, op, url string, err error, secrets []string) error {
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	out := &Error{Op: op, URL: url, Kind: ErrUnreachable}
	var f *fault
	switch {
	case errors.As(err, &f):
		out.Kind, out.Detail, out.Cure = f.kind, f.detail, f.cure
	default:
		out.Detail = err.Error()
		for _, kind := range []error{ErrCorrupt, ErrTooLarge, ErrNotFound, ErrInvalid} {
			if errors.Is(err, kind) {
				out.Kind = kind
				break
			}
		}
	}
	if cause := ctx.Err(); cause != nil {
		out.Kind, out.Detail, out.Cure = ErrUnreachable, "no answer in time", ""
		out.timeout = true
		if errors.Is(cause, context.Canceled) {
			out.Kind, out.Detail, out.timeout = context.Canceled, "", false
		}
	}
	out.Detail = clean(redact(out.Detail, secrets))
	return out
}

const longestDetail = 400

// clean makes one printable line of what a stranger said.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, s)
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

// redact takes every secret out of s, whatever form of it was given.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, secretText)
		}
	}
	return s
}
