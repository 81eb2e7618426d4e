package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/webhook"
)

// An issuer within a network is not asked unless the operator says so: the file
// that names it may be written by others.
func TestAttackW12IssuersWithinTheNetwork(t *testing.T) {
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Redirect(w, &http.Request{}, "http://169.254.169.254/", http.StatusFound)
	}))
	defer inner.Close()
	at, _ := url.Parse(inner.URL)
	token := http.Header{"Authorization": {"Bearer e30.e30.e30"}}
	for _, allowed := range []bool{false, true} {
		a := &app{env: func(name string) (string, bool) {
			if !allowed || name != privateHosts {
				return "", false
			}
			return at.Host, true
		}}
		cfg := config.Default()
		cfg.Webhooks = []config.Webhook{{Provider: "oidc", Issuer: inner.URL, Audience: "a", Claims: map[string]string{"sub": "s"}}}
		s, err := a.openHooks(t.Context(), cfg, webhook.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Prove(t.Context(), webhook.OIDC, token, nil)
		if err == nil || allowed != (asked.Load() > 0) || !strings.Contains(err.Error(), "refused") {
			t.Errorf("allowed %v: asked %d times, %v", allowed, asked.Load(), err)
		}
	}
}

func TestWebhookFlags(t *testing.T) {
	was := []config.Webhook{{Provider: "github", Env: []string{"A"}}, {Provider: "gitlab", Env: []string{"B"}}}
	got := webhooksOver(was, []string{"github=C,D", "gitea=E"})
	want := []config.Webhook{{Provider: "gitlab", Env: []string{"B"}}, {Provider: "github", Env: []string{"C", "D"}}, {Provider: "gitea", Env: []string{"E"}}}
	if !reflect.DeepEqual(got, want) || was[0].Env[0] != "A" {
		t.Errorf("got %v", got)
	}
	for flag, ok := range map[string]bool{"github=A": true, "hmac=A,B": true, "github": false, "github=A,B,C": false, "github=A,": false, "=A": false, "x=A": false, "oidc=A": false} {
		if err := badWebhookFlag(flag); (err == nil) != ok {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if got, want := config.WebhookProviders(), webhook.Names(); !reflect.DeepEqual(got, want) {
		t.Errorf("the configuration knows %v, and served are %v", got, want)
	}
}
