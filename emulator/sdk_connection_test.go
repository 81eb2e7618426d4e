package emulator_test

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

// The service spells the category its own way, adds to the metadata, makes
// texts of them, hides all credentials, and knows no tags; a PATCH keeps the
// secrets.
func TestSDKConnectionIsRewritten(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	c := s.clients().NewWorkspaceConnectionsClient()
	key := func(metadata map[string]*string, secret *ml.WorkspaceConnectionAPIKey) *ml.APIKeyAuthWorkspaceConnectionProperties {
		return &ml.APIKeyAuthWorkspaceConnectionProperties{
			AuthType: to.Ptr(ml.ConnectionAuthTypeAPIKey), Category: to.Ptr(ml.ConnectionCategory("AzureOpenAi")), Target: to.Ptr("https://x.openai.azure.com"),
			IsSharedToAll: to.Ptr(true), Metadata: metadata, Credentials: secret,
		}
	}
	sent := map[string]*string{"ApiType": to.Ptr("Azure"), "team": to.Ptr("a")}
	must(c.Create(ctx, group, space, "chat", ml.WorkspaceConnectionPropertiesV2BasicResource{
		Properties: key(sent, &ml.WorkspaceConnectionAPIKey{Key: to.Ptr("K")}),
	}, nil))
	got := must(c.Get(ctx, group, space, "chat", nil)).Properties.(*ml.APIKeyAuthWorkspaceConnectionProperties)
	if *got.Category != ml.ConnectionCategoryAzureOpenAI || got.Metadata["DeploymentApiVersion"] == nil || *got.Metadata["team"] != "a" || got.Credentials != nil {
		t.Errorf("connection %+v", got)
	}
	if *got.Group != ml.ConnectionGroupAzureAI || *got.IsSharedToAll != true || got.CreatedByWorkspaceArmID == nil {
		t.Errorf("what the service fills in: %+v", got)
	}
	// The SDK's version of the API has no PATCH; that of the Python client has.
	s.ok(200, "PATCH", wsID+"/connections/chat?api-version=2024-04-01-preview", `{"properties":{"authType":"ApiKey","metadata":{"team":"b"}}}`)
	listed := must(c.ListSecrets(ctx, group, space, "chat", nil)).Properties.(*ml.APIKeyAuthWorkspaceConnectionProperties)
	if listed.Credentials == nil || *listed.Credentials.Key != "K" || *listed.Metadata["team"] != "b" {
		t.Errorf("after the PATCH: %+v", listed)
	}
}
