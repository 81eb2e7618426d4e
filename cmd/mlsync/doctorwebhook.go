package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/webhook"
)

// webhookWait is how long a service waits for an answer, at the least:
// https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
const webhookWait = 10 * time.Second

// webhooks looks at the secrets of the webhooks that are configured, and
// whether the daemon is reached at the address that services have.
func (d *checkup) webhooks(ctx context.Context) {
	if len(d.cfg.Webhooks) == 0 {
		if d.outside != "" {
			d.note("webhooks", "", "", errors.New("none is configured"), "add webhooks: to "+config.File)
		}
		return
	}
	if _, err := d.openHooks(ctx, d.cfg, webhook.Options{Now: time.Now}, d.flags.endpoint, d.flags.storage); err != nil {
		d.note("webhooks", "", "", err, "look at webhooks in "+config.File+" and at the secret that it names")
		return
	}
	if d.outside == "" {
		d.note("webhooks", "", number(len(d.cfg.Webhooks), "webhook")+" configured; --webhook-url looks whether services reach the daemon", nil, "")
		return
	}
	for _, w := range d.cfg.Webhooks {
		d.reached(ctx, w.Provider)
	}
}

// reached sends a delivery that the daemon must refuse.
func (d *checkup) reached(ctx context.Context, provider string) {
	at, err := url.Parse(strings.TrimSuffix(d.outside, "/") + "/webhook/" + provider)
	check := "webhook " + provider
	if err != nil || at.Host == "" || at.User != nil || at.Scheme != "https" && at.Scheme != "http" {
		d.note(check, "", "", fmt.Errorf("%s is no address", printable(d.outside)), "write https://HOST")
		return
	}
	if at.Scheme == "http" && !loopback(at.Hostname()) {
		d.note(check, "", "", errors.New("secrets would go over http"), "put something for TLS in front of the daemon, and give its https address")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, webhookWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader("{}"))
	if err != nil {
		d.note(check, "", "", err, "write https://HOST")
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "mlsync/"+version)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		d.note(check, "", "", err, "see that the daemon runs with this webhook, that the name leads to it, and that a firewall lets the service through")
		return
	}
	defer func() { _ = resp.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
	switch {
	case resp.StatusCode == http.StatusUnauthorized && string(said) == string(webhook.Refused)+"\n":
		d.note(check, "", at.String()+" is reached from here, and refuses what has no proof", nil, "")
	case resp.StatusCode == http.StatusNotFound:
		d.note(check, "", "", fmt.Errorf("%s: 404", at), "the daemon has another configuration, or something else answers: start it with this webhook, and see where the address leads")
	default:
		d.note(check, "", "", fmt.Errorf("%s: %d, and not from mlsync", at, resp.StatusCode), "something in front of the daemon answers: let POST "+at.Path+" through without a login")
	}
}
