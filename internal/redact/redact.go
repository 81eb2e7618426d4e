// Package redact takes what is shaped like a credential out of text that is
// about to leave the program: logs and errors. It is the last net and not the
// rule: secrets have a type of their own and are never formatted, so nothing
// should be left to catch. It knows shapes only, and no secret.
package redact

import (
	"io"
	"regexp"
	"strings"
)

// Mask stands in the place of what was taken out.
const Mask = "(redacted)"

// shape is one form that credentials have. What the groups of the template
// name stays. No pattern crosses a quote or a backslash, so that a line of JSON
// stays one.
type shape struct {
	hint    []string // lower case; a text with none of them does not have the shape
	pattern *regexp.Regexp
	keep    string
}

// shapes is the table of what is taken out.
var shapes = []shape{
	{[]string{"bearer ", "basic "}, regexp.MustCompile(`(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}${2}" + Mask},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)?`), Mask},
	{[]string{"://"}, regexp.MustCompile(`(://)[^/\s@"'\\]+@`), "${1}" + Mask + "@"},
	{[]string{"="}, regexp.MustCompile(`(?i)\b(sig|password|passwd|pwd|accountkey|sharedaccesskey|sharedaccesssignature|client_secret|clientsecret|client_assertion|api[_-]?key|access_token|refresh_token|id_token|x-api-key)(\s*=\s*)[^\s&;,"'\\]+`), "${1}${2}" + Mask},
	{[]string{"key", "secret", "password", "token", "authorization"}, regexp.MustCompile(`(?i)("(?:password|passwd|secret|client_?secret|account_?key|api_?key|access_?key|primary_?key|secondary_?key|access_?token|refresh_?token|sas_?token|authorization)\\?"\s*:\s*\\?")[^"\\]+`), "${1}" + Mask},
	{[]string{"=="}, regexp.MustCompile(`\b[A-Za-z0-9+/]{86}==`), Mask}, // keys of storage, registries and services
	{[]string{"q~"}, regexp.MustCompile(`\b[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{31,34}`), Mask},
	{[]string{"gh", "github_pat_"}, regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})`), Mask},
	{[]string{"glpat-", "gldt-", "glptt-"}, regexp.MustCompile(`\bgl(pat|dt|ptt)-[A-Za-z0-9_.-]{16,}`), Mask},
	{[]string{"mlsync_"}, regexp.MustCompile(`\b(mlsync_[a-z0-9-]+\.[a-z0-9]+)_[0-9A-Fa-f]{16,}`), "${1}_" + Mask},
	{[]string{"xox"}, regexp.MustCompile(`\bxox[abeprs]-[A-Za-z0-9-]{10,}`), Mask},
	{[]string{"hooks."}, regexp.MustCompile(`(\bhooks\.slack\.com/services/)[A-Za-z0-9/]+`), "${1}" + Mask},
	{[]string{"akia", "asia"}, regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`), Mask},
	{[]string{"age-secret-key-"}, regexp.MustCompile(`AGE-SECRET-KEY-1[A-Z0-9]{20,}`), Mask},
	{[]string{"private key-----"}, regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----([A-Za-z0-9+/=\s:,-]|\\n|\\r)*`), Mask},
}

// Text is s without what is shaped like a credential.
func Text(s string) string {
	low := strings.ToLower(s)
	for _, shape := range shapes {
		for _, h := range shape.hint {
			if strings.Contains(low, h) {
				s = shape.pattern.ReplaceAllString(s, shape.keep)
				break
			}
		}
	}
	return s
}

// Writer is w behind Text. Each call of Write must be a whole record, as those
// of the handlers of log/slog are.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	clean := Text(string(p))
	if _, err := io.WriteString(w.to, clean); err != nil {
		return 0, err
	}
	return len(p), nil
}
