package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/forge"
)

// Provider is a kind of sender, and the last part of the address that it
// delivers to.
type Provider string

// The providers. Gitea stands for Forgejo too. HMAC signs a time and a body
// with a secret, OIDC sends a token that an issuer signed for it.
const (
	GitHub          Provider = "github"
	GitLab          Provider = "gitlab"
	Azure           Provider = "azure"
	Bitbucket       Provider = "bitbucket"
	BitbucketServer Provider = "bitbucket-server"
	Gitea           Provider = "gitea"
	HMAC            Provider = "hmac"
	OIDC            Provider = "oidc"
)

// Providers are all, in the order in which they are told.
func Providers() []Provider {
	return []Provider{GitHub, GitLab, Azure, Bitbucket, BitbucketServer, Gitea, HMAC, OIDC}
}

// Names are the providers as texts.
func Names() []string {
	var out []string
	for _, p := range Providers() {
		out = append(out, string(p))
	}
	return out
}

// Known reports whether there is such a provider.
func Known(p Provider) bool { return slices.Contains(Providers(), p) }

// service is what the addresses of a provider's payload are of; false if any
// service may be meant.
func (p Provider) service() (forge.Provider, bool) {
	switch p {
	case GitHub:
		return forge.GitHub, true
	case GitLab:
		return forge.GitLab, true
	case Azure:
		return forge.Azure, true
	case Bitbucket:
		return forge.Bitbucket, true
	case BitbucketServer:
		return forge.BitbucketServer, true
	case Gitea:
		return forge.Gitea, true
	case HMAC, OIDC:
	}
	return forge.Other, false
}

// speech is how a provider speaks: how it proves who it is, and how its
// payload is read. proof gives bytes that are the same only for the same
// delivery; the error says what is wrong with the proof.
type speech struct {
	proof func(d delivery) ([]byte, error)
	read  func(event string, body any) Hint
	// event is the header with the name of the event; "" if the body has it.
	event []string
	// id is the header with the id of the delivery, for the log.
	id []string
}

// delivery is one, as it came.
type delivery struct {
	ctx     context.Context //nolint:containedctx // one call's arguments, not kept
	header  http.Header
	body    []byte
	secrets []string
	token   tokens
	now     time.Time
}

// speeches is the table of the providers.
func speeches() map[Provider]speech {
	return map[Provider]speech{
		// https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
		GitHub: {proof: signed("X-Hub-Signature-256", "sha256="), read: readGitHub, event: []string{"X-Github-Event"}, id: []string{"X-Github-Delivery"}},
		// https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
		GitLab: {proof: proveGitLab, read: readGitLab, event: []string{"X-Gitlab-Event"}, id: []string{"X-Gitlab-Event-Uuid", "Idempotency-Key"}},
		// https://learn.microsoft.com/azure/devops/service-hooks/services/webhooks
		Azure: {proof: proveAzure, read: readAzure},
		// https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#HTTP-headers
		Bitbucket: {proof: signed("X-Hub-Signature", "sha256="), read: readBitbucket, event: []string{"X-Event-Key"}, id: []string{"X-Request-Uuid"}},
		// https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
		BitbucketServer: {proof: signed("X-Hub-Signature", "sha256="), read: readBitbucketServer, event: []string{"X-Event-Key"}, id: []string{"X-Request-Id"}},
		// https://docs.gitea.com/usage/webhooks
		Gitea: {proof: signed("X-Gitea-Signature", ""), read: readGitHub, event: []string{"X-Gitea-Event", "X-Forgejo-Event"}, id: []string{"X-Gitea-Delivery", "X-Forgejo-Delivery"}},
		HMAC:  {proof: proveHMAC, read: readPlain},
		OIDC:  {proof: proveOIDC, read: readPlain},
	}
}

// first is the value of the first header that is there.
func first(h http.Header, names []string) string {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// Guess finds out who sent a delivery, by its headers or by its payload. It is
// for people who ask; deliveries say it by their address.
func Guess(h http.Header, body []byte) (Provider, error) {
	for _, s := range []struct {
		header string
		p      Provider
	}{
		{"X-Gitea-Event", Gitea},
		{"X-Forgejo-Event", Gitea},
		{"X-Github-Event", GitHub},
		{"X-Gitlab-Event", GitLab},
		{"X-Request-Uuid", Bitbucket},
		{SignatureHeader, HMAC},
	} {
		if h.Get(s.header) != "" {
			return s.p, nil
		}
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		return "", errors.New("it is not a JSON map")
	}
	switch {
	case text(v, "object_kind") != "" || text(v, "event_name") != "":
		return GitLab, nil
	case at(v, "resource") != nil && text(v, "eventType") != "":
		return Azure, nil
	case at(v, "push", "changes") != nil:
		return Bitbucket, nil
	case text(v, "eventKey") != "":
		return BitbucketServer, nil
	case text(v, "repository") != "" || at(v, "repositories") != nil:
		return HMAC, nil
	case text(v, "repository", "node_id") != "" || strings.HasPrefix(text(v, "repository", "html_url"), "https://github.com/"):
		return GitHub, nil
	case text(v, "repository", "clone_url") != "":
		return Gitea, nil
	}
	return "", errors.New("it does not say who sent it")
}

// Named are the headers with the event that a person gave; a push if neither
// says one, because payloads do not.
func Named(p Provider, h http.Header, event string) http.Header {
	names := speeches()[p].event
	if len(names) == 0 || event == "" && first(h, names) != "" {
		return h
	}
	out := h.Clone()
	if event == "" {
		event = map[Provider]string{GitHub: "push", Gitea: "push", Bitbucket: "repo:push"}[p]
	}
	if event != "" {
		out.Set(names[0], event)
	}
	return out
}
