package emulator_test

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

// A managed network gets rules of the service, which cannot be sent back; of an
// identity, what is null goes and what is not said stays.
func TestSDKWorkspaceNetwork(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	f := s.clients()
	w := f.NewWorkspacesClient()
	rule := func(host string) *ml.FqdnOutboundRule {
		return &ml.FqdnOutboundRule{Type: to.Ptr(ml.RuleTypeFQDN), Category: to.Ptr(ml.RuleCategoryUserDefined), Destination: to.Ptr(host)}
	}
	identity := func(users map[string]*ml.UserAssignedIdentity) *ml.ManagedServiceIdentity {
		return &ml.ManagedServiceIdentity{Type: to.Ptr(ml.ManagedServiceIdentityType("Userassigned")), UserAssignedIdentities: users}
	}
	made := done(w.BeginCreateOrUpdate(ctx, group, "net1", ml.Workspace{
		Location: to.Ptr("westus"), Kind: to.Ptr("default"), Identity: identity(map[string]*ml.UserAssignedIdentity{"/one": {}}),
		Properties: &ml.WorkspaceProperties{ManagedNetwork: &ml.ManagedNetworkSettings{
			IsolationMode: to.Ptr(ml.IsolationModeAllowInternetOutbound), OutboundRules: map[string]ml.OutboundRuleClassification{"mine": rule("a.org")},
		}},
	}, nil))
	n := made.Properties.ManagedNetwork
	if *made.Kind != "Default" || *made.Identity.Type != ml.ManagedServiceIdentityTypeUserAssigned || len(n.OutboundRules) != 2 || *n.NetworkID == "" || *n.Status.SparkReady {
		t.Errorf("got %+v %+v", made, n)
	}
	_, err := w.BeginUpdate(ctx, group, "net1", ml.WorkspaceUpdateParameters{Properties: &ml.WorkspacePropertiesUpdateParameters{
		ManagedNetwork: &ml.ManagedNetworkSettings{OutboundRules: n.OutboundRules},
	}}, nil)
	wantStatus(t, err, http.StatusBadRequest)
	done(w.BeginUpdate(ctx, group, "net1", ml.WorkspaceUpdateParameters{
		Identity: identity(map[string]*ml.UserAssignedIdentity{"/two": {}}),
		Properties: &ml.WorkspacePropertiesUpdateParameters{ManagedNetwork: &ml.ManagedNetworkSettings{
			OutboundRules: map[string]ml.OutboundRuleClassification{"other": rule("b.org")},
		}},
	}, nil))
	got := must(w.Get(ctx, group, "net1", nil))
	if len(got.Identity.UserAssignedIdentities) != 2 || *got.Properties.ManagedNetwork.IsolationMode != ml.IsolationModeAllowInternetOutbound {
		t.Errorf("got %+v", got.Identity.UserAssignedIdentities)
	}
	rules := f.NewManagedNetworkSettingsRuleClient()
	list, _ := all(rules.NewListPager(group, "net1", nil), func(p ml.ManagedNetworkSettingsRuleClientListResponse) []*ml.OutboundRuleBasicResource {
		return p.Value
	})
	if len(list) != 2 || *list[1].Name != "other" {
		t.Errorf("%d rules", len(list))
	}
	one := must(rules.Get(ctx, group, "net1", "other", nil))
	if r, ok := one.Properties.(*ml.FqdnOutboundRule); !ok || *r.Destination != "b.org" || *r.Status != ml.RuleStatusInactive {
		t.Errorf("got %+v", one.Properties)
	}
	_, err = rules.Get(ctx, group, "net1", "none", nil)
	wantStatus(t, err, http.StatusNotFound)
}

// A registry names the accounts that Azure makes.
func TestSDKRegistryRegions(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	made := done(s.clients().NewRegistriesClient().BeginCreateOrUpdate(ctx, group, "reg2", ml.Registry{Location: to.Ptr("westus"), Properties: &ml.RegistryProperties{
		RegionDetails: []*ml.RegistryRegionArmDetails{{
			Location:              to.Ptr("westus"),
			AcrDetails:            []*ml.AcrDetails{{SystemCreatedAcrAccount: &ml.SystemCreatedAcrAccount{AcrAccountSKU: to.Ptr("Premium")}}},
			StorageAccountDetails: []*ml.StorageAccountDetails{{SystemCreatedStorageAccount: &ml.SystemCreatedStorageAccount{StorageAccountType: to.Ptr("standard_ragrs")}}},
		}},
	}}, nil))
	region := made.Properties.RegionDetails[0]
	account := region.StorageAccountDetails[0].SystemCreatedStorageAccount
	if *account.StorageAccountType != "Standard_RAGRS" || *account.ArmResourceID.ResourceID == "" || *region.AcrDetails[0].SystemCreatedAcrAccount.AcrAccountName == "" {
		t.Errorf("got %+v", account)
	}
}
