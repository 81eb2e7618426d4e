package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

func endpoint(traffic map[string]int32) ml.OnlineEndpoint {
	m := map[string]*int32{}
	for k, v := range traffic {
		m[k] = to.Ptr(v)
	}
	return ml.OnlineEndpoint{
		Location: to.Ptr("eastus2"), Identity: &ml.ManagedServiceIdentity{Type: to.Ptr(ml.ManagedServiceIdentityTypeSystemAssigned)},
		Properties: &ml.OnlineEndpointProperties{AuthMode: to.Ptr(ml.EndpointAuthModeKey), Traffic: m},
	}
}

func deployment() ml.OnlineDeployment {
	return ml.OnlineDeployment{
		Location: to.Ptr("eastus2"), SKU: &ml.SKU{Name: to.Ptr("Default"), Capacity: to.Ptr[int32](1)},
		Properties: &ml.ManagedOnlineDeployment{EndpointComputeType: to.Ptr(ml.EndpointComputeTypeManaged), InstanceType: to.Ptr("Standard_DS3_v2")},
	}
}

func TestSDKOnlineEndpoint(t *testing.T) {
	defer guard(t)
	clk := newClock()
	clk.each(time.Minute) // an operation is over when it is polled, except where the clock stands
	s := start(t, emulator.Options{LRO: time.Minute, Now: clk.now})
	f := s.clients()
	e, d := f.NewOnlineEndpointsClient(), f.NewOnlineDeploymentsClient()
	_, err := d.BeginCreateOrUpdate(ctx, group, space, "ep1", "blue", deployment(), nil)
	wantStatus(t, err, http.StatusNotFound)
	v := done(e.BeginCreateOrUpdate(ctx, group, space, "ep1", endpoint(nil), nil))
	if *v.Properties.ScoringURI != "https://ep1.eastus2.inference.ml.azure.com/score" || *v.Kind != "Managed" || v.Identity.PrincipalID == nil {
		t.Errorf("endpoint %+v", v.Properties)
	}
	_, err = e.BeginCreateOrUpdate(ctx, group, space, "ep1", endpoint(map[string]int32{"blue": 100}), nil)
	wantStatus(t, err, http.StatusBadRequest)
	dep := done(d.BeginCreateOrUpdate(ctx, group, space, "ep1", "blue", deployment(), nil))
	if p := dep.Properties.(*ml.ManagedOnlineDeployment); *p.LivenessProbe.Timeout != "PT2S" || *p.RequestSettings.RequestTimeout != "PT5S" {
		t.Errorf("defaults did not materialise: %+v", p)
	}
	clk.each(0)
	poller := must(e.BeginCreateOrUpdate(ctx, group, space, "ep1", endpoint(map[string]int32{"blue": 100}), nil))
	if got := must(e.Get(ctx, group, space, "ep1", nil)); *got.Properties.Traffic["blue"] != 0 {
		t.Errorf("traffic moved before the operation was over")
	}
	_, err = d.BeginCreateOrUpdate(ctx, group, space, "ep1", "green", deployment(), nil)
	wantStatus(t, err, http.StatusConflict)
	clk.each(time.Minute)
	if got := done(poller, nil); *got.Properties.Traffic["blue"] != 100 {
		t.Errorf("traffic = %d", *got.Properties.Traffic["blue"])
	}
	_, err = d.BeginDelete(ctx, group, space, "ep1", "blue", nil)
	wantStatus(t, err, http.StatusBadRequest)
	done(d.BeginCreateOrUpdate(ctx, group, space, "ep1", "green", deployment(), nil))
	if got := must(e.Get(ctx, group, space, "ep1", nil)); *got.Properties.Traffic["green"] != 0 {
		t.Errorf("a deployment without traffic is not shown as 0")
	}
	done(d.BeginUpdate(ctx, group, space, "ep1", "green", ml.PartialMinimalTrackedResourceWithSKU{SKU: &ml.PartialSKU{Capacity: to.Ptr[int32](3)}}, nil))
	if got := must(d.Get(ctx, group, space, "ep1", "green", nil)); *got.SKU.Capacity != 3 {
		t.Errorf("capacity = %d", *got.SKU.Capacity)
	}
	done(e.BeginUpdate(ctx, group, space, "ep1", ml.PartialMinimalTrackedResourceWithIdentity{Tags: map[string]*string{"a": to.Ptr("b")}}, nil))
	keys := must(e.ListKeys(ctx, group, space, "ep1", nil))
	done(e.BeginRegenerateKeys(ctx, group, space, "ep1", ml.RegenerateEndpointKeysRequest{KeyType: to.Ptr(ml.KeyTypePrimary)}, nil))
	if again := must(e.ListKeys(ctx, group, space, "ep1", nil)); *again.PrimaryKey == *keys.PrimaryKey || *again.SecondaryKey != *keys.SecondaryKey {
		t.Errorf("keys were not regenerated")
	}
	must(d.GetLogs(ctx, group, space, "ep1", "green", ml.DeploymentLogsRequest{}, nil))
	skus, _ := all(d.NewListSKUsPager(group, space, "ep1", "green", nil), func(p ml.OnlineDeploymentsClientListSKUsResponse) []*ml.SKUResource { return p.Value })
	deps, _ := all(d.NewListPager(group, space, "ep1", nil), func(p ml.OnlineDeploymentsClientListResponse) []*ml.OnlineDeployment { return p.Value })
	if len(skus) != 1 || len(deps) != 2 {
		t.Errorf("%d skus, %d deployments", len(skus), len(deps))
	}
	done(d.BeginDelete(ctx, group, space, "ep1", "green", nil))
	if got := must(e.Get(ctx, group, space, "ep1", nil)); got.Properties.Traffic["green"] != nil {
		t.Errorf("a deleted deployment is still in the traffic map")
	}
	done(e.BeginDelete(ctx, group, space, "ep1", nil))
	_, err = d.Get(ctx, group, space, "ep1", "blue", nil)
	wantStatus(t, err, http.StatusNotFound)
	eps, _ := all(e.NewListPager(group, space, nil), func(p ml.OnlineEndpointsClientListResponse) []*ml.OnlineEndpoint { return p.Value })
	if len(eps) != 0 {
		t.Errorf("%d endpoints", len(eps))
	}
}

func TestSDKBatchAndServerless(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	f := s.clients()
	e, d := f.NewBatchEndpointsClient(), f.NewBatchDeploymentsClient()
	be := ml.BatchEndpoint{Location: to.Ptr("eastus2"), Properties: &ml.BatchEndpointProperties{AuthMode: to.Ptr(ml.EndpointAuthMode("aadToken"))}}
	v := done(e.BeginCreateOrUpdate(ctx, group, space, "be1", be, nil))
	if *v.Properties.AuthMode != ml.EndpointAuthModeAADToken || *v.Properties.ScoringURI != "https://be1.eastus2.inference.ml.azure.com/jobs" {
		t.Errorf("endpoint %+v", v.Properties)
	}
	s.cluster("cpu")
	dep := ml.BatchDeployment{Location: to.Ptr("eastus2"), Properties: &ml.BatchDeploymentProperties{Compute: to.Ptr(wsID + "/computes/cpu"), LoggingLevel: to.Ptr(ml.BatchLoggingLevel("info"))}}
	got := done(d.BeginCreateOrUpdate(ctx, group, space, "be1", "dep", dep, nil))
	if *got.Properties.LoggingLevel != ml.BatchLoggingLevelInfo || *got.Properties.RetrySettings.MaxRetries != 3 {
		t.Errorf("deployment %+v", got.Properties)
	}
	be.Properties.Defaults = &ml.BatchEndpointDefaults{DeploymentName: to.Ptr("dep")}
	if v = done(e.BeginCreateOrUpdate(ctx, group, space, "be1", be, nil)); *v.Properties.Defaults.DeploymentName != "dep" {
		t.Errorf("default %s", *v.Properties.Defaults.DeploymentName)
	}
	done(d.BeginUpdate(ctx, group, space, "be1", "dep", ml.PartialBatchDeploymentPartialMinimalTrackedResourceWithProperties{Properties: &ml.PartialBatchDeployment{Description: to.Ptr("x")}}, nil))
	deps, _ := all(d.NewListPager(group, space, "be1", nil), func(p ml.BatchDeploymentsClientListResponse) []*ml.BatchDeployment { return p.Value })
	if len(deps) != 1 || *deps[0].Properties.Description != "x" {
		t.Errorf("deployments %d", len(deps))
	}
	done(d.BeginDelete(ctx, group, space, "be1", "dep", nil))
	done(e.BeginDelete(ctx, group, space, "be1", nil))
	_, err := e.Get(ctx, group, space, "be1", nil)
	wantStatus(t, err, http.StatusNotFound)

	sl := f.NewServerlessEndpointsClient()
	se := done(sl.BeginCreateOrUpdate(ctx, group, space, "sl1", ml.ServerlessEndpoint{Location: to.Ptr("eastus2"), Properties: &ml.ServerlessEndpointProperties{
		AuthMode: to.Ptr(ml.ServerlessInferenceEndpointAuthModeKey), ModelSettings: &ml.ModelSettings{ModelID: to.Ptr("azureml://registries/x/models/y")},
	}}, nil))
	if *se.Properties.EndpointState != ml.ServerlessEndpointStateOnline {
		t.Errorf("serverless %+v", se.Properties)
	}
	must(sl.ListKeys(ctx, group, space, "sl1", nil))
	done(sl.BeginDelete(ctx, group, space, "sl1", nil))
	m := f.NewMarketplaceSubscriptionsClient()
	sub := done(m.BeginCreateOrUpdate(ctx, group, space, "mp1", ml.MarketplaceSubscription{Properties: &ml.MarketplaceSubscriptionProperties{ModelID: to.Ptr("azureml://registries/x/models/y")}}, nil))
	if *sub.Properties.MarketplaceSubscriptionStatus != ml.MarketplaceSubscriptionStatusSubscribed {
		t.Errorf("subscription %+v", sub.Properties)
	}
	done(m.BeginDelete(ctx, group, space, "mp1", nil))
}
