package azureml

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

func TestOptions(t *testing.T) {
	none := Options{Credential: "none"}
	tests := []struct {
		name   string
		change func(*Options)
		bad    string // part of the error, "" if there is none
		host   string
		scope  string
	}{
		{"public", func(*Options) {}, "", "management.azure.com", "https://management.azure.com/.default"},
		{"china", func(o *Options) { o.Cloud = "china" }, "", "management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"},
		{"usgov", func(o *Options) { o.Cloud = "usgov" }, "", "management.usgovcloudapi.net", "https://management.usgovcloudapi.net/.default"},
		{"endpoint of a cloud", func(o *Options) { o.Endpoint = "https://arm.example.com/" }, "", "arm.example.com", "https://management.azure.com/.default"},
		{"custom", func(o *Options) { o.Cloud, o.Endpoint, o.Audience = "custom", "https://arm.local", "https://aud/" }, "", "arm.local", "https://aud/.default"},
		{"custom, own audience", func(o *Options) { o.Cloud, o.Endpoint = "custom", "https://arm.local" }, "", "arm.local", "https://arm.local/.default"},
		{"loopback", func(o *Options) { o.Endpoint, o.Insecure = "http://127.0.0.1:80", true }, "", "127.0.0.1:80", "https://management.azure.com/.default"},
		{"ipv6 loopback", func(o *Options) { o.Endpoint, o.Insecure = "http://[::1]:80", true }, "", "[::1]:80", "https://management.azure.com/.default"},
		{"custom without endpoint", func(o *Options) { o.Cloud = "custom" }, "endpoint and authority", "", ""},
		{"custom without authority", func(o *Options) { o.Cloud, o.Endpoint, o.Credential = "custom", "https://a", "cli" }, "endpoint and authority", "", ""},
		{"unknown cloud", func(o *Options) { o.Cloud = "german" }, `cloud "german"`, "", ""},
		{"http not asked for", func(o *Options) { o.Endpoint = "http://127.0.0.1" }, "only for loopback", "", ""},
		{"http elsewhere", func(o *Options) { o.Endpoint, o.Insecure = "http://10.0.0.1", true }, "only for loopback", "", ""},
		{"http that looks like loopback", func(o *Options) { o.Endpoint, o.Insecure = "http://127.0.0.1.evil.com", true }, "only for loopback", "", ""},
		{"storage over http", func(o *Options) { o.StorageEndpoint, o.Insecure = "http://store.example.com", true }, "only for loopback", "", ""},
		{"user in the address", func(o *Options) { o.Endpoint = "https://u:p@h" }, "not an address", "", ""},
		{"no address", func(o *Options) { o.Endpoint = "management" }, "not an address", "", ""},
		{"other scheme", func(o *Options) { o.Endpoint = "ftp://h" }, "want https", "", ""},
		{"unknown credential", func(o *Options) { o.Credential = "password" }, `credential "password"`, "", ""},
		{"static without token", func(o *Options) { o.Credential = "static" }, "no token", "", ""},
		{"client id for nobody", func(o *Options) { o.Credential, o.ClientID = "default", "id" }, "name the credential", "", ""},
		{"negative rate", func(o *Options) { o.Writes = -1 }, "must be positive", "", ""},
		{"no such file", func(o *Options) { o.CAFile = "/none" }, "certificate authorities", "", ""},
	}
	for _, tt := range tests {
		o := none
		tt.change(&o)
		c, err := New(o)
		switch {
		case tt.bad == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.bad == "":
			if c.o.endpoint.Host != tt.host || c.o.scope != tt.scope {
				t.Errorf("%s: got %s %s", tt.name, c.o.endpoint.Host, c.o.scope)
			}
		case err == nil || !strings.Contains(err.Error(), tt.bad):
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.bad)
		}
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Credential: "none", CAFile: ca}); err == nil {
		t.Error("a file without a certificate was accepted")
	}
}

func TestCredentials(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_CLIENT_SECRET", "secret")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", token)
	for _, name := range []string{"", "default", "cli", "environment", "managed-identity", "workload-identity"} {
		c, err := New(Options{Credential: name})
		if err != nil || c.cred == nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if c, err := New(Options{Credential: "managed-identity", ClientID: "id"}); err != nil || c.cred == nil {
		t.Error(err)
	}
	t.Setenv("AZURE_CLIENT_SECRET", "")
	if _, err := New(Options{Credential: "environment"}); err == nil {
		t.Error("an incomplete environment was accepted")
	}
}

// claimsCredential remembers the claims it was asked for.
type claimsCredential struct{ claims []string }

func (c *claimsCredential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.claims = append(c.claims, o.Claims)
	return azcore.AccessToken{Token: strings.Repeat("t", len(c.claims)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestClaimsChallenge: a 401 that asks for claims leads to a new token with them.
func TestClaimsChallenge(t *testing.T) {
	claims := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true}}}`))
	challenge := refuse(401, "InvalidAuthenticationToken", map[string]string{
		"WWW-Authenticate": `Bearer authorization_uri="https://login.microsoftonline.com/t", error="insufficient_claims", claims="` + claims + `"`,
	})
	s := &script{answers: []answer{challenge, {status: 201, body: `{}`}}}
	c := newTestClient(t, s, newClock())
	cred := &claimsCredential{}
	c.pipeline = runtime.NewPipeline("m", "", runtime.PipelineOptions{
		PerCall:  []policy.Policy{&retryPolicy{o: c.o, stats: c.stats}},
		PerRetry: []policy.Policy{newLimit(c.o), runtime.NewBearerTokenPolicy(cred, []string{c.o.scope}, nil), &checkPolicy{o: c.o, stats: c.stats}},
	}, &policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}, Transport: s})
	if _, err := c.Put(t.Context(), ws+"/models/m", "v", []byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if len(cred.claims) != 2 || !strings.Contains(cred.claims[1], "essential") || s.auth[1] != "Bearer tt" || s.bodies[1] != `{"a":1}` {
		t.Errorf("got claims %q, authorization %q, bodies %q", cred.claims, s.auth, s.bodies)
	}
}

func TestNoCredential(t *testing.T) {
	s := &script{answers: []answer{ok(`{}`)}}
	c := newTestClient(t, s, newClock(), func(o *Options) { o.Credential, o.UserAgent = "none", "ua/1" })
	if _, err := c.Get(t.Context(), ws, "v", Header("x-azureml-token", "j")); err != nil {
		t.Fatal(err)
	}
	if s.auth[0] != "" {
		t.Errorf("got authorization %q", s.auth[0])
	}
}

func TestAPIVersions(t *testing.T) {
	for path, want := range map[string]string{
		ws:                               "2024-10-01-preview",
		ws + "/models/m":                 "2023-08-01-preview",
		ws + "/models/m/versions/1":      "2023-08-01-preview",
		ws + "/Datastores/d/listSecrets": "2024-07-01-preview",
		ws + "/codes/c/versions/1/startPendingUpload":                                     "2023-04-01",
		ws + "/onlineEndpoints/e/deployments/d":                                           "2023-04-01-preview",
		strings.Replace(ws, "workspaces", "registries", 1) + "/environments/e/versions/1": "2023-04-01",
	} {
		if got, err := APIVersion(path); got != want || err != nil {
			t.Errorf("%s: got %s (%v), want %s", path, got, err, want)
		}
	}
	for _, path := range []string{"", "/subscriptions/s", ws[:len(ws)-len("workspaces/w")] + "clusters/c"} {
		if got, err := APIVersion(path); err == nil {
			t.Errorf("%q: got %s", path, got)
		}
	}
	for k, v := range apiVersions {
		if k != strings.ToLower(k) || len(v) < len("2023-04-01") || v < "2022-10-01" {
			t.Errorf("row %q: %q", k, v)
		}
	}
}

func TestDebugLogHasNoSecrets(t *testing.T) {
	var b strings.Builder
	s := &script{answers: []answer{ok(`{"key":"canary-body"}`), {err: errReset}, ok(`{}`)}}
	c := newTestClient(t, s, newClock(), func(o *Options) { o.Logger = testLogger(&b); o.Token = "canary-token" })
	_, _ = c.Post(t.Context(), ws+"/datastores/d/listSecrets", "v", []byte(`{"secret":"canary-sent"}`))
	_, _ = c.Get(t.Context(), ws, "v", Query("sig", "canary-query"), Header("x-azureml-token", "canary-header"))
	if got := b.String(); strings.Contains(got, "canary") || strings.Count(got, "msg=request") != 3 {
		t.Errorf("got %s", got)
	}
	if n := c.Counters(); n.Writes != 1 || n.Reads != 2 || n.Methods[http.MethodGet] != 2 || n.Retries != 1 || n.Requests() != 3 {
		t.Errorf("got %+v", n)
	}
}
