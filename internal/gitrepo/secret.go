package gitrepo

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
)

const secretText = "(secret)"

// Secret is a string that is never printed: every way of formatting it gives
// "(secret)".
type Secret string

// String returns "(secret)".
func (Secret) String() string { return secretText }

// Format prints "(secret)" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretText) }

// LogValue returns "(secret)".
func (Secret) LogValue() slog.Value { return slog.StringValue(secretText) }

// MarshalText returns "(secret)"; JSON and YAML use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(secretText), nil }

// Credential is what a remote is shown. The zero value shows nothing.
type Credential struct {
	// Username and Password are sent as basic authentication over https and as
	// a password over ssh. With a Password and no Username the name is "git". A
	// Username is printed like any other string: a token belongs in Password.
	Username string
	Password Secret
	// Bearer is sent as a bearer token, over https only, instead of the two.
	Bearer Secret
}

// CredentialFunc returns the credential for one operation; a token that
// expires is renewed there. Its error ends the operation.
type CredentialFunc func(ctx context.Context) (Credential, error)

// Fixed returns a CredentialFunc for a credential that does not expire.
func Fixed(c Credential) CredentialFunc {
	return func(context.Context) (Credential, error) { return c, nil }
}

func (c Credential) isZero() bool { return c == Credential{} }

// secrets lists the forms in which the credential could turn up in the text of
// an error, the longest first so that no rest of one stays behind.
func (c Credential) secrets() []string {
	hidden := []string{string(c.Password), string(c.Bearer)}
	if c.Password == "" {
		hidden = append(hidden, c.Username) // a lone name is a token
	}
	if c.Username != "" || c.Password != "" {
		hidden = append(hidden, base64.StdEncoding.EncodeToString([]byte(c.Username+":"+string(c.Password))))
	}
	var out []string
	for _, s := range hidden {
		if s != "" {
			out = append(out, s, url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:])
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(out)
}
