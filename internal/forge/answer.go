package forge

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// failure is the error of a request without a good answer.
func (c *client) failure(ctx context.Context, k call, err error) error {
	out := &Error{Op: k.op, Repo: c.repo, Kind: ErrUnreachable, again: true}
	var to *url.Error
	var redirect *errRedirect
	var certificate *tls.CertificateVerificationError
	detail := err.Error()
	if errors.As(err, &to) {
		detail = to.Err.Error()
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		out.Kind, out.again, detail = context.Canceled, false, ""
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		detail, out.timeout = "no answer in time", true
	case errors.As(err, &redirect):
		out.Kind, out.again, detail = ErrRedirect, false, "the service sends us to "+redirect.to
		out.Cure = "if that is right, set the address of the repository or of its api to it"
	case errors.As(err, &certificate):
		out.again, out.Cure = false, "if the server's authority is your own, add its certificate to those of the system"
	case errors.Is(err, errLarge):
		out.Kind, out.again = ErrTooLarge, false
	case errors.Is(err, errAnswer): // another will be as bad
		out.again = false
	}
	out.Detail = clean(detail, c.token)
	return out
}

// refusal is the error of an answer that is not 2xx.
func (c *client) refusal(k call, answer *http.Response) error {
	head, _ := io.ReadAll(io.LimitReader(answer.Body, limit.ForgeMessage))
	said := message(head)
	out := &Error{Op: k.op, Repo: c.repo, Status: answer.StatusCode, Kind: ErrRefused, RetryAfter: retryAfter(answer.Header)}
	out.Detail = clean(fmt.Sprintf("status %d", answer.StatusCode)+joined(": ", said), c.token)
	switch code := answer.StatusCode; {
	case throttled(answer, said):
		out.Kind, out.again = ErrRateLimited, true
		if code == http.StatusForbidden && out.RetryAfter == 0 {
			out.RetryAfter = time.Minute // as the page at throttled says
		}
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired, code == http.StatusNonAuthoritativeInfo:
		out.Kind, out.Cure = ErrAuth, c.cure(k, answer.Header)
	case code == http.StatusNotFound, code == http.StatusGone:
		out.Kind, out.Cure = ErrNotFound, "what a token may not see looks like this too: "+c.cure(k, answer.Header)
	case code == http.StatusConflict, code == http.StatusPreconditionFailed:
		out.Kind = ErrConflict
	case code >= 300 && code < 400:
		out.Kind = ErrRedirect
	case code >= 500, code == http.StatusRequestTimeout:
		out.Kind, out.again = ErrUnreachable, true
	}
	if !out.again {
		out.RetryAfter = 0
	}
	return out
}

// throttled tells too many requests from no leave: GitHub answers 403 to both.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func throttled(answer *http.Response, said string) bool {
	h := answer.Header
	return answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusForbidden &&
		(h.Get("Retry-After") != "" || h.Get("X-Ratelimit-Remaining") == "0" || strings.Contains(said, "secondary rate limit"))
}

// cure says what the token must be allowed.
func (c *client) cure(k call, h http.Header) string {
	needs := c.speaks.needs[k.need]
	// https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
	if accepted := h.Get("X-Accepted-Github-Permissions"); accepted != "" {
		needs += " (the service says: " + clean(accepted, c.token) + ")"
	}
	if c.token == "" {
		return "no token was given; it needs " + needs
	}
	return "check that the token is valid and has " + needs
}

// retryAfter reads Retry-After, in seconds or as a date, and the time at which
// a spent quota begins anew, against the service's own clock.
// GitHub: x-ratelimit-reset; GitLab: https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
// Azure DevOps: https://learn.microsoft.com/azure/devops/integrate/concepts/rate-limits#api-client-experience
func retryAfter(h http.Header) time.Duration {
	if n, err := strconv.ParseInt(h.Get("Retry-After"), 10, 32); err == nil {
		return max(0, time.Duration(n)*time.Second)
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return max(0, at.Sub(now))
	}
	for _, name := range []string{"X-Ratelimit-Reset", "Ratelimit-Reset"} {
		if n, err := strconv.ParseInt(h.Get(name), 10, 64); err == nil && n > 0 && n < 1<<40 {
			return max(0, time.Unix(n, 0).Sub(now))
		}
	}
	return 0
}

// message is what the body of a refusal says, in whatever form: message and
// errors[] of {message} or {field, code} on GitHub, message as a text, a list
// or a map of fields, and error and error_description, on GitLab, message on
// Azure DevOps and Gitea.
func message(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) && len(out) < 10 {
			out = append(out, s)
		}
	}
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		switch v := v.(type) {
		case string:
			add(v)
		case []any:
			for _, item := range v[:min(len(v), 10)] {
				walk(item, depth+1)
			}
		case map[string]any:
			if depth == 0 || v["message"] != nil {
				for _, key := range []string{"message", "error", "error_description", "errors"} {
					walk(v[key], depth+1)
				}
				return
			}
			for _, key := range sortedKeys(v) {
				if list, ok := v[key].([]any); ok && len(list) > 0 {
					v[key] = list[0]
				}
				if s, ok := v[key].(string); ok {
					add(key + " " + s)
				}
			}
		}
	}
	walk(v, 0)
	return strings.Join(out, ": ")
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func joined(separator, s string) string {
	if s == "" {
		return ""
	}
	return separator + s
}

// worthwhile says that the same request may have another answer soon.
func worthwhile(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.again && e.RetryAfter <= limit.ForgeWait
}

// pause waits before the next attempt: as long as the service asks, else
// longer each time. It ends with the context.
func pause(ctx context.Context, try int, err error) error {
	wait := min(limit.ForgeBackoff, 500*time.Millisecond<<try)
	wait = wait/2 + rand.N(wait/2)
	var e *Error
	if errors.As(err, &e) {
		wait = max(wait, e.RetryAfter)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
