package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/config"
)

const channels = `notify:
  channels:
    slack:
      url: ${{ secret.SLACK_URL }}
    team:
      type: teams
      url: ${{secret.TEAMS_URL}}
      max_per_hour: 5
    pager:
      type: webhook
      url: https://hooks.example/x
      key: ${{ secret.PAGER_KEY }}
    mail:
      type: smtp
      host: smtp.contoso.com
      tls: tls
      username: bot
      password: ${{ secret.SMTP_PASSWORD }}
      from: mlsync@contoso.com
      to: [a@contoso.com, b@contoso.com]
`

func TestNotify(t *testing.T) {
	c, bad := read(t, channels+`  window: 1m
  routes:
  - {channels: [slack, team], targets: "prod*", severity: error}
  - {channels: pager, events: [failing, drift]}
`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	n := c.Notify
	got := fmt.Sprintf("%+v", unplaced(n.Channels))
	want := fmt.Sprintf("%+v", []config.Channel{
		{Name: "slack", Type: "slack", MaxPerHour: 30, URLSecret: "SLACK_URL", Port: 587, TLS: "starttls"},
		{Name: "team", Type: "teams", MaxPerHour: 5, URLSecret: "TEAMS_URL", Port: 587, TLS: "starttls"},
		{Name: "pager", Type: "webhook", MaxPerHour: 30, URL: "https://hooks.example/x", KeySecret: "PAGER_KEY", Port: 587, TLS: "starttls"},
		{
			Name: "mail", Type: "smtp", MaxPerHour: 30, Host: "smtp.contoso.com", Port: 465, TLS: "tls", Username: "bot", PasswordSecret: "SMTP_PASSWORD",
			From: "mlsync@contoso.com", To: []string{"a@contoso.com", "b@contoso.com"},
		},
	})
	if got != want || n.Window != time.Minute {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, tt := range []struct {
		target, event, severity string
		want                    []string
	}{
		{"prod-eu", "failing", "error", []string{"slack", "team", "pager"}},
		{"prod-eu", "drift", "warning", []string{"pager"}},
		{"dev", "failing", "error", []string{"pager"}},
		{"dev", "waiting", "info", nil},
	} {
		if got := n.Told(tt.target, tt.event, tt.severity); !slices.Equal(got, tt.want) {
			t.Errorf("%s %s %s: %q", tt.target, tt.event, tt.severity, got)
		}
	}
	c, _ = read(t, channels)
	if got := c.Notify.Told("x", "waiting", "info"); len(got) != 4 || c.Notify.Window != 30*time.Second {
		t.Errorf("without routes: %q", got)
	}
}

func unplaced(in []config.Channel) []config.Channel {
	out := slices.Clone(in)
	for i := range out {
		out[i].Pos.File, out[i].Pos.Line, out[i].Pos.Col = "", 0, 0
	}
	return out
}

func TestNotifyProblems(t *testing.T) {
	one := func(text string) string { return "notify: {channels: {x: {" + text + "}}}\n" }
	mail := "type: smtp, host: h.example, from: a@b.example, to: c@d.example"
	for text, want := range map[string]string{
		one("url: x"):      `what "x" is must be said`,
		one("type: slak"):  `"slak" is not a value of this key`,
		one("type: slack"): "url must be given",
		one("type: webhook, url: 'https://x.example'"):                                          "key must be given",
		one("type: webhook, url: 'http://x.example', key: '${{ secret.K }}'"):                   "an address begins with https://",
		one("type: slack, key: a, url: '${{ secret.K }}'"):                                      `unknown key "key"`,
		one("type: smtp, host: h.example, from: a@b.example"):                                   "to must be given",
		one("type: smtp, host: h.example, from: a@b.example, to: []"):                           "to must be given",
		one(mail + ", username: u"):                                                             "username and password go together",
		one(mail + ", tls: none, username: u, password: '${{ secret.P }}'"):                     "a password is not sent without TLS",
		one(mail + ", max_per_hour: 0"):                                                         "want a whole number from 1 to 1000",
		one(mail + ", port: 70000"):                                                             "want a whole number from 1 to 65535",
		one("type: smtp, host: 'a b', from: a@b.example, to: c@d.example"):                      "it is not the name of a host",
		one("type: smtp, host: h, from: 'A <a@b.example>', to: c@d.example"):                    "it is not an address such as",
		one(`type: smtp, host: h, from: a@b.example, to: "c@d.example\r\nBcc: x@evil.example"`): "it is not an address such as",
		"notify: {routes: [{channels: ops}]}\n":                                                 `there is no channel "ops"`,
		"notify: {routes: [{events: drift}]}\n":                                                 "a route needs channels",
		"notify: {routes: [{channels: x, events: drifted}], channels: {x: {" + mail + "}}}\n":   "it is not one of failing, drift",
		"notify: {routes: [{channels: x, severity: fatal}], channels: {x: {" + mail + "}}}\n":   `"fatal" is not a value of this key`,
		"notify: {routes: all}\n":                                                               "want a list of routes",
		"notify: {channels: {'a b': {type: slack}}}\n":                                          `"a b" cannot be the name of a channel`,
		"notify: {window: 2h}\n":                                                                "want a time from 0s to 1h0m0s",
	} {
		_, bad := read(t, text)
		if !strings.Contains(bad.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, bad, want)
		}
	}
}

// What should be the name of a secret and is not is no value that is repeated.
func TestAttackK22SecretsOfChannelsInTheConfiguration(t *testing.T) {
	const canary = "canary-5f1c"
	for _, text := range []string{
		"type: slack, url: 'https://hooks.slack.com/services/T0/B0/" + canary + "'", "type: teams, url: 'https://x.example/?sig=" + canary + "'",
		"type: webhook, url: 'https://u:" + canary + "@x.example', key: '${{ secret.K }}'", "type: webhook, url: 'https://x.example', key: " + canary,
		"type: smtp, host: h, from: a@b.example, to: c@d.example, username: u, password: " + canary,
		"type: smtp, host: h, from: a@b.example, to: c@d.example, username: u, password: '${{ secret.K }}" + canary + "'",
	} {
		_, bad := read(t, "notify: {channels: {x: {"+text+"}}}\n")
		if len(bad.Errors()) == 0 || strings.Contains(bad.Error(), canary) || bad[0].Pos.Line == 0 {
			t.Errorf("%s: %v", text, bad)
		}
	}
}
