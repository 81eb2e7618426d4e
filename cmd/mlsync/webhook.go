package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/webhook"
	"mlsync.dev/mlsync/state"
)

// webhooksOver lays --webhook PROVIDER=VARIABLE[,VARIABLE] over the configured
// webhooks. Flags that cannot be read are told when webhooks are opened.
func webhooksOver(hooks []config.Webhook, flags []string) []config.Webhook {
	for _, flag := range flags {
		provider, names, _ := strings.Cut(flag, "=")
		w := config.Webhook{Provider: provider, Env: strings.Split(names, ",")}
		hooks = slices.DeleteFunc(slices.Clone(hooks), func(h config.Webhook) bool { return h.Provider == provider })
		hooks = append(hooks, w)
	}
	return hooks
}

// badWebhookFlag refuses a flag that names no provider or no variable.
func badWebhookFlag(flag string) error {
	provider, names, ok := strings.Cut(flag, "=")
	known := slices.DeleteFunc(webhook.Names(), func(s string) bool { return s == string(webhook.OIDC) })
	switch {
	case !ok || !slices.Contains(known, provider):
		return fmt.Errorf("--webhook %s: write PROVIDER=VARIABLE with one of %s", printable(provider), strings.Join(known, ", "))
	case slices.Contains(strings.Split(names, ","), "") || strings.Count(names, ",") > 1:
		return fmt.Errorf("--webhook %s: name the environment variable with the secret; two, with a comma between them, while it is changed", printable(provider))
	}
	return nil
}

// openWebhooks makes what takes deliveries; nil if nothing is configured.
func (d *daemon) openWebhooks(ctx context.Context) (*webhook.Server, error) {
	for _, flag := range d.flags.webhooks {
		if err := badWebhookFlag(flag); err != nil {
			return nil, err
		}
	}
	if len(d.cfg.Webhooks) == 0 {
		if d.flags.webhookListen != "" && d.project == nil {
			return nil, fmt.Errorf("--webhook-listen: no webhook is configured: add webhooks: to %s, or --webhook", config.File)
		}
		return nil, nil
	}
	if _, ok := d.source.(*mirror); !ok {
		return nil, errors.New("webhooks: a local folder is watched; they need repository.url or --repository")
	}
	return d.app.openHooks(ctx, d.cfg, webhook.Options{Wake: d.hinted, Told: d.delivered(), Now: time.Now}, d.flags.endpoint, d.flags.storage)
}

// openHooks makes the server of the configured webhooks.
func (a *app) openHooks(ctx context.Context, cfg *config.Config, o webhook.Options, given ...string) (*webhook.Server, error) {
	hosts, _ := a.env(privateHosts)
	o.Transport = outward{egress.New(egress.Options{Allowed: strings.Split(hosts, ","), UserAgent: "mlsync/" + version})}
	for _, w := range cfg.Webhooks {
		o.Hooks = append(o.Hooks, webhook.Hook{
			Provider: webhook.Provider(w.Provider),
			Issuer:   webhook.Issuer{URL: w.Issuer, Audience: w.Audience, Claims: w.Claims},
			Secrets:  func(ctx context.Context) ([]string, error) { return a.webhookSecrets(ctx, cfg, w, given) },
		})
	}
	s, err := webhook.New(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%w (webhooks in %s)", err, config.File)
	}
	return s, nil
}

// webhookSecrets finds the secrets of a webhook, as they are now.
func (a *app) webhookSecrets(ctx context.Context, cfg *config.Config, w config.Webhook, given []string) ([]string, error) {
	var out []string
	for _, name := range w.Env {
		value, _ := a.env(name)
		if value == "" {
			return nil, fmt.Errorf("the environment variable %s is not set", name)
		}
		out = append(out, value)
	}
	if len(w.Secret) == 0 {
		return out, nil
	}
	var client *azureml.Client
	if len(cfg.Targets) > 0 { // a vault is asked with the identity of the first target
		var err error
		if client, err = a.connect(&cfg.Targets[0], given...); err != nil {
			return nil, err
		}
	}
	secrets, err := a.resolver(cfg, client)
	if err != nil {
		return nil, err
	}
	for _, name := range w.Secret {
		s, err := secrets.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, s.Reveal())
	}
	return out, nil
}

// outward reaches the issuers of tokens as addresses in files are reached: the
// file may be written by who must not ask within our network.
type outward struct{ client *egress.Client }

func (o outward) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return nil, errors.New("issuers are only read")
	}
	got, err := o.client.Do(r.Context(), egress.Request{Method: r.Method, URL: r.URL.String()})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: got.Status, Status: http.StatusText(got.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(got.Body)), ContentLength: int64(len(got.Body)),
	}, nil
}

// serviceOf says which service the operator says the repository is of.
func serviceOf(cfg *config.Config) forge.Provider {
	if p := cfg.Repository.Forge.Provider; p != "auto" {
		return forge.Provider(p)
	}
	return forge.Other
}

// hinted puts the looks that a hint asks for into the queue, where they last.
// The payload decides nothing else: the remote is the one of the configuration.
func (d *daemon) hinted(ctx context.Context, h webhook.Hint) (bool, error) {
	if !h.About(d.cfg.Repository.URL, serviceOf(d.cfg)) {
		return false, nil
	}
	woken := false
	if h.Pull {
		if d.previews == nil {
			return false, nil
		}
		return true, d.previews.hint(ctx)
	}
	for _, ref := range d.refs {
		if len(h.Refs) > 0 && !slices.ContainsFunc(h.Refs, ref.Touches) {
			continue
		}
		text := ref.String()
		// Noted before it is in the queue: only a look that begins after this answers the task.
		if err := d.store.Ask(ctx, d.refKey(ref)); err != nil {
			return woken, err
		}
		if err := d.queue.Enqueue(ctx, taskWake, text, []byte(text), time.Time{}); err != nil {
			return woken, err
		}
		select {
		case d.due <- struct{}{}: // now, however busy the queue is
		default: // it is due already
		}
		woken = true
	}
	if !woken {
		return false, nil
	}
	return true, d.store.Audited(ctx, state.Audit{
		Actor: "webhook:" + string(h.Provider), Via: "webhook", Project: d.name, Action: "sync",
		Detail: strings.TrimSpace(fmt.Sprintf("%s %s %s", cut(h.Event), cut(h.Delivery), cut(strings.Join(h.Refs, " ")))),
	})
}

// refusalsLogged is how many deliveries that went wrong are logged in a minute:
// anybody may send them.
const refusalsLogged = 10

// delivered counts deliveries, and logs those that woke somebody or failed.
func (d *daemon) delivered() func(webhook.Provider, webhook.State, webhook.Hint, error) {
	quiet := webhook.NewBucket(refusalsLogged, time.Minute, time.Now)
	return func(p webhook.Provider, s webhook.State, h webhook.Hint, why error) {
		d.metrics.hooks.WithLabelValues(string(p), string(s)).Inc()
		switch {
		case s == webhook.Accepted:
			d.log.Info("webhook", "provider", string(p), "event", printable(cut(h.Event)), "delivery", printable(cut(h.Delivery)), "refs", len(h.Refs))
		case why != nil && quiet.Take():
			d.log.Warn("webhook not taken", "provider", string(p), "state", string(s), "err", printable(cut(why.Error())))
		}
	}
}

// cut is a text that somebody else chose, as far as it goes into the log.
func cut(s string) string { return s[:min(len(s), 256)] }
