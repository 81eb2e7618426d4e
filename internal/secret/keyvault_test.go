package secret

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

type credential struct{ scopes []string }

func (c *credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.scopes = append(c.scopes, o.Scopes...)
	return azcore.AccessToken{Token: "tok", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func vault(t *testing.T, h http.HandlerFunc) (Provider, *credential) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	cred := &credential{}
	p, err := KeyVault(srv.URL, cred, KeyVaultOptions{
		Hosts: []string{strings.TrimPrefix(srv.URL, "https://")}, Audience: "https://vault.example",
		Client: azcore.ClientOptions{Transport: srv.Client(), Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, cred
}

func TestKeyVault(t *testing.T) {
	var asked string
	p, cred := vault(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization")
		switch r.URL.Path {
		case "/secrets/db-key":
			_, _ = w.Write([]byte(`{"value":"` + canary + `","id":"x"}`))
		case "/secrets/none":
			w.WriteHeader(http.StatusNotFound)
		case "/secrets/denied":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":{"code":"Forbidden","message":"` + canary + `"}}`))
		default:
			_, _ = w.Write([]byte(`<html>` + canary + `</html>`))
		}
	})
	want(t, p, "db-key", canary)
	if asked != "GET /secrets/db-key?api-version=7.4 Bearer tok" || cred.scopes[0] != "https://vault.example/.default" {
		t.Error(asked, cred.scopes)
	}
	wantErr(t, p, "none", ErrNotFound)
	wantErr(t, p, "html", nil)
	wantErr(t, p, "denied", nil)
	if _, err := p.Get(t.Context(), "denied"); err == nil || !strings.HasSuffix(err.Error(), `for "denied": status 403 Forbidden`) {
		t.Error(err)
	}
	asked = ""
	for _, key := range []string{"a/b", "../x", "a?b", "a b", "", strings.Repeat("a", 200)} {
		wantErr(t, p, key, nil)
	}
	if asked != "" {
		t.Errorf("asked for %s", asked)
	}
	wantErr(t, p, "v/0123456789abcdef0123456789abcdef", nil)
	if !strings.HasPrefix(asked, "GET /secrets/v/0123456789abcdef0123456789abcdef?") {
		t.Error(asked)
	}
}

func TestKeyVaultHosts(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://a.vault.azure.net": true, "https://a.vault.azure.net/": true, "https://A.vault.usgovcloudapi.net": true, "https://a.vault.azure.cn:443": true,
		"http://a.vault.azure.net": false, "https://vault.azure.net": false, "https://a.b.vault.azure.net": false, "https://a.vault.azure.net.evil.example": false,
		"https://evilvault.azure.net": false, "https://169.254.169.254": false, "https://a.vault.azure.net:8443": false, "https://u:p@a.vault.azure.net": false,
		"https://a.vault.azure.net/x": false, "https://127.0.0.1:1": false, "": false,
	} {
		_, err := KeyVault(address, &credential{}, KeyVaultOptions{Hosts: []string{"other"}, Audience: "https://x"})
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
