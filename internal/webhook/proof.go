package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// What a proof may lack. None of them says anything about the secret.
var (
	errUnsigned = errors.New("there is no signature")
	errForm     = errors.New("the signature is not of the form that is wanted")
	errWrong    = errors.New("the signature is wrong")
	errTime     = errors.New("it was signed too long ago, or in the future")
)

// one is the value of a header that must be there once: of two, each reader
// would choose another.
func one(h http.Header, name string) (string, error) {
	switch v := h.Values(name); len(v) {
	case 0:
		return "", errUnsigned
	case 1:
		return v[0], nil
	}
	return "", errForm
}

func sum(secret string, parts ...string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// anyOf holds what came against what each secret gives, in a time that does
// not tell which of them is right or how far the wrong ones go.
func anyOf(secrets []string, got []byte, want func(secret string) []byte) error {
	good := 0
	for _, s := range secrets {
		good |= subtle.ConstantTimeCompare(got, want(s))
	}
	if good != 1 {
		return errWrong
	}
	return nil
}

// signed is the proof by HMAC-SHA256 over the body, in hexadecimal digits
// behind a prefix. SHA-1, which GitHub sends beside it in a header of its own
// and Bitbucket names by another prefix, is no proof.
func signed(header, prefix string) func(delivery) ([]byte, error) {
	return func(d delivery) ([]byte, error) {
		text, err := one(d.header, header)
		if err != nil {
			return nil, err
		}
		digits, ok := strings.CutPrefix(text, prefix)
		got, err := hex.DecodeString(digits)
		if !ok || err != nil || len(got) != sha256.Size {
			return nil, errForm
		}
		return d.body, anyOf(d.secrets, got, func(s string) []byte { return sum(s, string(d.body)) })
	}
}

// same is the proof by a secret that is sent as it is. What is compared are
// digests, so that lengths do not show.
func same(secrets []string, got string) error {
	const fixed = "compare"
	return anyOf(secrets, sum(fixed, got), func(s string) []byte { return sum(fixed, s) })
}

// signingToken begins the tokens that GitLab signs with.
const signingToken = "whsec_"

// proveGitLab takes the secret token that GitLab sends, or, if the configured
// secret is a signing token, its signature in the form of Standard Webhooks.
// Which one is asked for is said by the secret, never by the delivery.
// https://docs.gitlab.com/user/project/integrations/webhooks/#validate-payloads-by-using-a-signing-token
func proveGitLab(d delivery) ([]byte, error) {
	var plain, signing []string
	for _, s := range d.secrets {
		if key, ok := strings.CutPrefix(s, signingToken); ok {
			raw, err := base64.StdEncoding.DecodeString(key)
			if err != nil {
				return nil, errors.New("the signing token is not in base64")
			}
			signing = append(signing, string(raw))
			continue
		}
		plain = append(plain, s)
	}
	if token, err := one(d.header, "X-Gitlab-Token"); err == nil && len(plain) > 0 && same(plain, token) == nil {
		return append([]byte(first(d.header, []string{"X-Gitlab-Event-Uuid"})+"\x00"), d.body...), nil
	} else if len(signing) == 0 {
		if err == nil {
			err = errWrong
		}
		return nil, err
	}
	return standard(d, signing)
}

// standard is the proof of https://www.standardwebhooks.com: base64 of
// HMAC-SHA256 over id, time and body, several with blanks between them.
func standard(d delivery, keys []string) ([]byte, error) {
	id, err := one(d.header, "Webhook-Id")
	if err != nil {
		return nil, err
	}
	at, err := one(d.header, "Webhook-Timestamp")
	if err != nil {
		return nil, err
	}
	text, err := one(d.header, "Webhook-Signature")
	if err != nil {
		return nil, err
	}
	failure := errForm
	for i, part := range strings.Fields(text) {
		got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(part, "v1,"))
		if !strings.HasPrefix(part, "v1,") || err != nil || len(got) != sha256.Size || i >= maxSignatures {
			continue
		}
		failure = anyOf(keys, got, func(key string) []byte { return sum(key, id, ".", at, ".", string(d.body)) })
		if failure == nil {
			return []byte(id + "." + at + "." + string(d.body)), fresh(at, d.now)
		}
	}
	return nil, failure
}

// maxSignatures is how many signatures of one delivery are looked at.
const maxSignatures = 4

// fresh holds the time of a signature, in seconds, against ours.
func fresh(text string, now time.Time) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return errForm
	}
	if age := now.Sub(time.Unix(n, 0)); age > limit.WebhookSkew || age < -limit.WebhookSkew {
		return errTime
	}
	return nil
}

// proveAzure takes the password of basic authentication, which is all that
// service hooks can send; the user's name does not count.
func proveAzure(d delivery) ([]byte, error) {
	if _, err := one(d.header, "Authorization"); err != nil {
		return nil, err
	}
	r := http.Request{Header: d.header}
	_, password, ok := r.BasicAuth()
	if !ok {
		return nil, errForm
	}
	return d.body, same(d.secrets, password)
}

// The headers of a delivery of one's own.
const (
	TimeHeader      = "X-Mlsync-Timestamp"
	SignatureHeader = "X-Mlsync-Signature"
)

// proveHMAC takes the signature of Sign.
func proveHMAC(d delivery) ([]byte, error) {
	at, err := one(d.header, TimeHeader)
	if err != nil {
		return nil, err
	}
	text, err := one(d.header, SignatureHeader)
	if err != nil {
		return nil, err
	}
	digits, ok := strings.CutPrefix(text, "sha256=")
	got, err := hex.DecodeString(digits)
	if !ok || err != nil || len(got) != sha256.Size {
		return nil, errForm
	}
	if err := anyOf(d.secrets, got, func(s string) []byte { return sum(s, at, ".", string(d.body)) }); err != nil {
		return nil, err
	}
	return []byte(at + "." + string(d.body)), fresh(at, d.now)
}

// Sign is the value of SignatureHeader for a body that is sent at the time of
// TimeHeader, in seconds: sha256= and HMAC-SHA256 over time, dot and body.
func Sign(secret, at string, body []byte) string {
	return "sha256=" + hex.EncodeToString(sum(secret, at, ".", string(body)))
}
