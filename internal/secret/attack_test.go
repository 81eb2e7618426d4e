package secret

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/internal/limit"
)

// Files with secrets, at the limit and one byte beyond; a device that never
// ends is no file.
func TestAttackL18SecretFiles(t *testing.T) {
	for more, want := range map[int]bool{0: true, 1: false} {
		text := "a: x\n#" + strings.Repeat("y", limit.SecretFile-6+more)
		_, err := File(write(t, "s.yml", text, 0o600), quiet()).Get(t.Context(), "a")
		if (err == nil) != want {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	wantErr(t, File("/dev/zero", quiet()), "a", nil)
	// Aliases stand for nothing here, so that they cannot grow.
	bomb := "a: &a [x, x]\nb: &b [*a, *a]\nc: *b\nd: " + canary + "\n"
	want(t, File(write(t, "s.yml", bomb, 0o600), quiet()), "d", canary)
	nested := strings.Repeat("{a: ", limit.SecretDepth) + "{b: " + canary + "}" + strings.Repeat("}", limit.SecretDepth)
	want(t, File(write(t, "s.yml", nested, 0o600), quiet()), strings.Repeat("a.", limit.SecretDepth)+"b", canary)
	wantErr(t, File(write(t, "s.yml", "{a: "+nested+"}", 0o600), quiet()), strings.Repeat("a.", limit.SecretDepth+1)+"b", ErrNotFound)
}

// The name of a secret comes from an asset file: it names no file outside of
// the folder.
func TestAttackP4NamesOfSecrets(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"outside": canary, "in/key": "v"} {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := Dir(filepath.Join(root, "in"), quiet())
	for _, key := range []string{"../outside", filepath.Join(root, "outside"), "./../outside", `..\outside`, "..", ".", "", "key/../../outside", "key\x00", "%2e%2e/outside"} {
		wantErr(t, p, key, nil)
	}
	want(t, p, "key", "v")
}

// A vault, or who answers in its place, that redirects is not followed: its
// answer would be taken for a secret.
func TestAttackN3RedirectsOfVaults(t *testing.T) {
	asked := 0
	private := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(`{"value":"` + canary + `"}`))
	}))
	defer private.Close()
	srv := httptest.NewTLSServer(http.RedirectHandler(private.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	// The program gives no transport; http.DefaultTransport must trust the twin.
	trust(t, srv)
	p, err := KeyVault(srv.URL, &credential{}, KeyVaultOptions{
		Hosts: []string{strings.TrimPrefix(srv.URL, "https://")}, Audience: "https://vault.example",
		Client: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "status 307") || asked > 0 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// trust lets the default transport trust a server for the length of a test.
func trust(t *testing.T, srv *httptest.Server) {
	t.Helper()
	was := http.DefaultTransport
	http.DefaultTransport = srv.Client().Transport
	t.Cleanup(func() { http.DefaultTransport = was })
}

// Answers of a vault, at the limit and one byte beyond.
func TestAttackL19AnswersOfVaults(t *testing.T) {
	for more, fits := range map[int]bool{0: true, 1: false} {
		value := strings.Repeat("x", limit.SecretAnswer-len(`{"value":""}`)+more)
		p, _ := vault(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"value":"` + value + `"}`)) })
		if s, err := p.Get(t.Context(), "k"); (err == nil) != fits || fits && s.Reveal() != value {
			t.Errorf("%d more: %v", more, err)
		}
	}
}
