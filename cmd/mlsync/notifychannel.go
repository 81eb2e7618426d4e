package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/notify"
)

// secretGet is the value of a secret by its name.
type secretGet func(ctx context.Context, name string) (asset.Secret, error)

// channelOf is a channel of the configuration with its secrets.
func channelOf(ctx context.Context, c *config.Channel, get secretGet) (notify.Channel, error) {
	out := bareChannel(c)
	for _, s := range []struct {
		name string
		to   *asset.Secret
	}{{c.URLSecret, &out.URL}, {c.KeySecret, &out.Key}, {c.PasswordSecret, &out.Mail.Password}} {
		if s.name == "" {
			continue
		}
		value, err := get(ctx, s.name)
		if err != nil {
			return out, fmt.Errorf("channel %s: %w", c.Name, err)
		}
		if value.Reveal() == "" {
			return out, fmt.Errorf("channel %s: the secret %s is empty", c.Name, s.name)
		}
		// A file with a secret often ends with a new line.
		*s.to = asset.NewSecret(strings.TrimSpace(value.Reveal()))
	}
	return out, nil
}

// bareChannel is a channel without its secrets.
func bareChannel(c *config.Channel) notify.Channel {
	return notify.Channel{
		Name: c.Name, Type: c.Type, URL: asset.NewSecret(c.URL),
		Mail: notify.Mail{Host: c.Host, Port: c.Port, TLS: c.TLS, Username: c.Username, From: c.From, To: c.To},
	}
}

// sender sends to channels, within a network only where the operator allows it.
func (a *app) sender() *notify.Sender {
	hosts, _ := a.env(privateHosts)
	return &notify.Sender{Client: egress.New(egress.Options{Allowed: strings.Split(hosts, ","), UserAgent: "mlsync/" + version, Still: true})}
}

// channelSecrets finds the secrets of channels. A key vault is asked with the
// identity of the first target.
func (a *app) channelSecrets(cfg *config.Config, targets []*config.Target, given ...string) (secretGet, error) {
	if len(targets) == 0 {
		secrets, err := a.resolver(cfg, nil)
		if err != nil {
			return nil, err
		}
		return secrets.Get, nil
	}
	client, err := a.connect(targets[0], given...)
	if err != nil {
		return nil, err
	}
	secrets, err := a.resolver(cfg, client)
	if err != nil {
		return nil, err
	}
	return secrets.Get, nil
}

// sendTo sends one message to a channel.
func (a *app) sendTo(ctx context.Context, c *config.Channel, get secretGet, m notify.Message) error {
	channel, err := channelOf(ctx, c, get)
	if err != nil {
		return err
	}
	if err := a.sender().Send(ctx, channel, m, time.Now()); err != nil {
		return fmt.Errorf("channel %s: %w", c.Name, err)
	}
	return nil
}
