package config

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// webhookProviders are the services, and what is said of each.
var webhookProviders = [][2]string{
	{"github", "GitHub, in its cloud and on servers."},
	{"gitlab", "GitLab: the secret token, or a signing token (whsec_…)."},
	{"azure", "Service hooks of Azure DevOps: the password of basic authentication."},
	{"bitbucket", "Bitbucket Cloud."},
	{"bitbucket-server", "Bitbucket Data Center and Server."},
	{"gitea", "Gitea and Forgejo."},
	{"hmac", "Anything that signs a time and a body with a secret."},
	{"oidc", "Anything that has a token of an OpenID Connect issuer."},
}

// WebhookProviders are the keys of webhooks.
func WebhookProviders() []string {
	var out []string
	for _, p := range webhookProviders {
		out = append(out, p[0])
	}
	return out
}

// maxSecrets is how many secrets of one webhook are taken at a time: the one
// that is, and the one that was or will be.
const maxSecrets = 2

func webhooksField(c *Config) field {
	var fields []field
	for _, p := range webhookProviders {
		name := p[0]
		f := object(name, p[1], webhookFields(name, &Webhook{}))
		f.set = func(d *decoder, v *asset.Value) {
			w := Webhook{Pos: v.Pos(), Provider: name}
			d.object(v, webhookFields(name, &w))
			d.webhook(v, &w)
			c.Webhooks = append(c.Webhooks, w)
		}
		fields = append(fields, f)
	}
	return object("webhooks", "Services that tell the daemon of pushes, at POST /webhook/NAME.", fields)
}

func webhookFields(provider string, w *Webhook) []field {
	if provider == "oidc" {
		return []field{
			checked("issuer", "The address of the issuer.", &w.Issuer, badURL),
			text("audience", "The audience that tokens are for.", &w.Audience),
			entries("claims", "What a token must say, all of it: sub, repository, and the like.", map[string]any{"type": "string"}, func(d *decoder, name string, v *asset.Value) {
				switch {
				case v.Type() != asset.String || v.Str() == "":
					d.badf(v, "put it in quotes if it is a text", "want a text, not %s", describe(v))
				case len(w.Claims) >= limit.ConfigList:
					d.badf(v, "write fewer", "more than %d entries", limit.ConfigList)
				default:
					if w.Claims == nil {
						w.Claims = map[string]string{}
					}
					w.Claims[name] = v.Str()
				}
			}),
		}
	}
	return []field{
		texts("secret_env", "The environment variable that holds the secret; a second one while it is changed.", &w.Env, badEnv),
		texts("secret", "The name of the secret, as in ${{ secret.NAME }}; a second one while it is changed.", &w.Secret, func(s string) string {
			if !nameOK.MatchString(s) {
				return "it cannot be the name of a secret; the secret itself must not stand here"
			}
			return ""
		}),
	}
}

// webhook refuses one that anybody could use.
func (d *decoder) webhook(v *asset.Value, w *Webhook) {
	switch n := len(w.Env) + len(w.Secret); {
	case w.Provider == "oidc" && (w.Issuer == "" || w.Audience == "" || len(w.Claims) == 0):
		d.badf(v, "an issuer gives tokens to many: say who is meant, such as claims: {sub: …}", "issuer, audience and claims must be given")
	case w.Provider == "oidc":
	case n == 0 && !slices.ContainsFunc([]string{"secret_env", "secret"}, v.Has):
		d.badf(v, "add secret_env: with the name of an environment variable", "without a secret anybody could deliver")
	case n > maxSecrets:
		d.badf(v, "keep the secret and the one that takes its place", "%d secrets are more than %d", n, maxSecrets)
	}
}
