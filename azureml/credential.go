package azureml

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// needsAuthority tells whether a credential asks an authority for tokens.
func needsAuthority(name string) bool {
	return name != "none" && name != "static" && name != "managed-identity"
}

// newCredential returns the credential the options name, nil for none.
func newCredential(r *resolved) (azcore.TokenCredential, error) {
	co := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: r.AuthorityHost},
		Transport: r.Transport,
	}
	// Only the clouds that have a name are known to the public discovery
	// service; a private authority must not be asked for there.
	private := r.Cloud == "custom" || r.Options.AuthorityHost != clouds[r.Cloud].authority
	switch r.Credential {
	case "none":
		return nil, nil
	case "static":
		if r.Token == "" {
			return nil, fmt.Errorf("credential static: no token given")
		}
		return static(r.Token), nil
	case "", "default":
		if r.ClientID != "" {
			return nil, fmt.Errorf("client id %s: name the credential it is for: managed-identity or workload-identity", r.ClientID)
		}
		return made(azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: co, TenantID: r.TenantID, DisableInstanceDiscovery: private,
		}))
	case "cli":
		return made(azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: r.TenantID}))
	case "environment":
		return made(azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
			ClientOptions: co, DisableInstanceDiscovery: private,
		}))
	case "managed-identity":
		opt := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: co}
		if r.ClientID != "" {
			opt.ID = azidentity.ClientID(r.ClientID)
		}
		return made(azidentity.NewManagedIdentityCredential(opt))
	case "workload-identity":
		return made(azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: co, ClientID: r.ClientID, TenantID: r.TenantID, DisableInstanceDiscovery: private,
		}))
	}
	return nil, fmt.Errorf("credential %q: want default, cli, environment, managed-identity, workload-identity, static or none", r.Credential)
}

// made keeps a nil pointer from becoming a credential.
func made[C azcore.TokenCredential](c C, err error) (azcore.TokenCredential, error) {
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return c, nil
}

// never is an expiry that does not come.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// static is a credential that has one token, for the emulator and for tokens
// got elsewhere.
type static string

func (s static) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(s), ExpiresOn: never}, nil
}
