package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// vaultDomains are the domains of Azure Key Vault in the clouds, with the
// resource that tokens are asked for.
var vaultDomains = []string{"vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"}

// KeyVaultOptions reach a vault that is not one of Azure's domains, such as a
// twin in a test or a private cloud.
type KeyVaultOptions struct {
	// Hosts are more host names that may be asked, with their port if they have one.
	Hosts []string
	// Audience is the resource that tokens are asked for at those hosts.
	Audience string
	// Client are the options of the HTTP pipeline.
	Client azcore.ClientOptions
}

type keyVault struct {
	vault *url.URL
	pipe  runtime.Pipeline
}

var secretKey = regexp.MustCompile(`\A([0-9A-Za-z-]{1,127})(?:/([0-9a-f]{32}))?\z`)

// KeyVault reads secrets of an Azure Key Vault. A key is a name, or
// name/version. The vault must be one of Azure's domains or of opts.Hosts, so
// that a token never goes elsewhere.
func KeyVault(vault string, cred azcore.TokenCredential, opts KeyVaultOptions) (Provider, error) {
	u, err := url.Parse(vault)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("the address of a vault is like https://NAME.vault.azure.net")
	}
	audience, err := vaultAudience(u, opts)
	if err != nil {
		return nil, err
	}
	client := opts.Client
	// Values must not end up in a log, whatever the caller logs otherwise.
	client.Logging = policy.LogOptions{}
	if client.Transport == nil {
		// A vault redirects nowhere, and its answer is a secret: it must not come
		// from another place, nor a token go there.
		client.Transport = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	auth := runtime.NewBearerTokenPolicy(cred, []string{audience + "/.default"}, nil)
	pipe := runtime.NewPipeline("mlsync", "v1", runtime.PipelineOptions{PerRetry: []policy.Policy{auth}}, &client)
	return &keyVault{vault: u, pipe: pipe}, nil
}

func vaultAudience(u *url.URL, opts KeyVaultOptions) (string, error) {
	host := strings.ToLower(u.Hostname())
	for _, d := range vaultDomains {
		name, ok := strings.CutSuffix(host, "."+d)
		if ok && name != "" && !strings.Contains(name, ".") && (u.Port() == "" || u.Port() == "443") {
			return "https://" + d, nil
		}
	}
	if slices.Contains(opts.Hosts, u.Host) && opts.Audience != "" {
		return opts.Audience, nil
	}
	if net.ParseIP(host) != nil {
		return "", fmt.Errorf("%s is an address and not the name of a vault", host)
	}
	return "", fmt.Errorf("%s is no host of Azure Key Vault", host)
}

func (k *keyVault) Get(ctx context.Context, key string) (asset.Secret, error) {
	m := secretKey.FindStringSubmatch(key)
	if m == nil {
		return asset.Secret{}, fmt.Errorf("%q cannot be the name of a secret in a vault, which has letters, digits and dashes", key)
	}
	address := *k.vault
	address.Path = "/secrets/" + m[1]
	if m[2] != "" {
		address.Path += "/" + m[2]
	}
	req, err := runtime.NewRequest(ctx, http.MethodGet, address.String())
	if err != nil {
		return asset.Secret{}, err
	}
	req.Raw().URL.RawQuery = "api-version=7.4"
	resp, err := k.pipe.Do(req)
	if err != nil {
		return asset.Secret{}, fmt.Errorf("ask %s: %w", k.vault.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit.SecretAnswer))
	if err != nil {
		return asset.Secret{}, fmt.Errorf("ask %s: the answer broke off", k.vault.Host)
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return asset.Secret{}, fmt.Errorf("%q in %s: %w", key, k.vault.Host, ErrNotFound)
	case resp.StatusCode != http.StatusOK:
		return asset.Secret{}, fmt.Errorf("ask %s for %q: status %d%s", k.vault.Host, key, resp.StatusCode, vaultCode(body))
	}
	var answer struct {
		Value *string `json:"value"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Value == nil {
		return asset.Secret{}, fmt.Errorf("ask %s for %q: the answer is not a secret", k.vault.Host, key)
	}
	return asset.NewSecret(*answer.Value), nil
}

// vaultCode is the code of an error answer; its message may repeat input and
// is left out.
func vaultCode(body []byte) string {
	var answer struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Error.Code) > 64 || answer.Error.Code == "" {
		return ""
	}
	return " " + answer.Error.Code
}
