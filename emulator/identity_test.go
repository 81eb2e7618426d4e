package emulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

// TestIdentity signs in with the official credential over TLS and uses the token, with instance discovery off and on.
func TestIdentity(t *testing.T) {
	defer guard(t)
	emu := must(emulator.New(emulator.Options{}))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := emu.Start("localhost:0", true, ca); err != nil {
		t.Fatal(err)
	}
	defer emu.Close()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(ca)))
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer tr.CloseIdleConnections()
	opt := policy.ClientOptions{Transport: &http.Client{Transport: tr}, Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: emu.URL(),
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Endpoint: emu.URL(), Audience: "https://management.azure.com"}},
	}}
	cred := must(azidentity.NewClientSecretCredential("22222222-2222-2222-2222-222222222222", "app1", "secret",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: opt, DisableInstanceDiscovery: true}))
	f := must(ml.NewClientFactory(subID, cred, &arm.ClientOptions{ClientOptions: opt}))
	got := must(f.NewWorkspacesClient().Get(ctx, group, space, nil))
	if *got.ID != wsID || *got.SystemData.CreatedBy != "app1" {
		t.Errorf("workspace %s created by %s", *got.ID, *got.SystemData.CreatedBy)
	}
}
