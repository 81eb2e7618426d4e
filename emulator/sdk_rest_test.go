package emulator_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

// TestSDKContainers takes the containers of every asset kind through their life.
func TestSDKContainers(t *testing.T) {
	s := start(t, emulator.Options{PageSize: 1})
	f := s.clients()
	models, data, codes, comps, envs := f.NewModelContainersClient(), f.NewDataContainersClient(), f.NewCodeContainersClient(), f.NewComponentContainersClient(), f.NewEnvironmentContainersClient()
	sets, ents := f.NewFeaturesetContainersClient(), f.NewFeaturestoreEntityContainersClient()
	desc := to.Ptr("text")
	kinds := map[string]struct {
		put  func(name string) *string // the description that came back
		list func() (int, int)
		del  func(name string)
	}{
		"models": {func(n string) *string {
			return must(models.CreateOrUpdate(ctx, group, space, n, ml.ModelContainer{Properties: &ml.ModelContainerProperties{Description: desc}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(models.NewListPager(group, space, nil), func(p ml.ModelContainersClientListResponse) []*ml.ModelContainer { return p.Value })
			return len(l), p
		}, func(n string) { must(models.Delete(ctx, group, space, n, nil)) }},
		"data": {func(n string) *string {
			return must(data.CreateOrUpdate(ctx, group, space, n, ml.DataContainer{Properties: &ml.DataContainerProperties{Description: desc, DataType: to.Ptr(ml.DataTypeURIFile)}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(data.NewListPager(group, space, nil), func(p ml.DataContainersClientListResponse) []*ml.DataContainer { return p.Value })
			return len(l), p
		}, func(n string) { must(data.Delete(ctx, group, space, n, nil)) }},
		"codes": {func(n string) *string {
			return must(codes.CreateOrUpdate(ctx, group, space, n, ml.CodeContainer{Properties: &ml.CodeContainerProperties{Description: desc}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(codes.NewListPager(group, space, nil), func(p ml.CodeContainersClientListResponse) []*ml.CodeContainer { return p.Value })
			return len(l), p
		}, func(n string) { must(codes.Delete(ctx, group, space, n, nil)) }},
		"components": {func(n string) *string {
			return must(comps.CreateOrUpdate(ctx, group, space, n, ml.ComponentContainer{Properties: &ml.ComponentContainerProperties{Description: desc}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(comps.NewListPager(group, space, nil), func(p ml.ComponentContainersClientListResponse) []*ml.ComponentContainer { return p.Value })
			return len(l), p
		}, func(n string) { must(comps.Delete(ctx, group, space, n, nil)) }},
		"environments": {func(n string) *string {
			return must(envs.CreateOrUpdate(ctx, group, space, n, ml.EnvironmentContainer{Properties: &ml.EnvironmentContainerProperties{Description: desc}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(envs.NewListPager(group, space, nil), func(p ml.EnvironmentContainersClientListResponse) []*ml.EnvironmentContainer { return p.Value })
			return len(l), p
		}, func(n string) { must(envs.Delete(ctx, group, space, n, nil)) }},
		"featuresets": {func(n string) *string {
			return done(sets.BeginCreateOrUpdate(ctx, group, space, n, ml.FeaturesetContainer{Properties: &ml.FeaturesetContainerProperties{Description: desc}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(sets.NewListPager(group, space, nil), func(p ml.FeaturesetContainersClientListResponse) []*ml.FeaturesetContainer { return p.Value })
			return len(l), p
		}, func(n string) { done(sets.BeginDelete(ctx, group, space, n, nil)) }},
		"featurestoreEntities": {func(n string) *string {
			return done(ents.BeginCreateOrUpdate(ctx, group, space, n, ml.FeaturestoreEntityContainer{Properties: &ml.FeaturestoreEntityContainerProperties{Description: desc}}, nil)).Properties.Description
		}, func() (int, int) {
			l, p := all(ents.NewListPager(group, space, nil), func(p ml.FeaturestoreEntityContainersClientListResponse) []*ml.FeaturestoreEntityContainer {
				return p.Value
			})
			return len(l), p
		}, func(n string) { done(ents.BeginDelete(ctx, group, space, n, nil)) }},
	}
	for kind, k := range kinds {
		t.Run(kind, func(t *testing.T) {
			defer guard(t)
			for _, n := range []string{"a", "b", "a"} { // the third is an update
				if got := k.put(n); got == nil || *got != "text" {
					t.Errorf("description %v", got)
				}
			}
			if n, pages := k.list(); n != 2 || pages != 2 {
				t.Errorf("%d containers in %d pages, want 2 in 2", n, pages)
			}
			k.del("a")
			if n, _ := k.list(); n != 1 {
				t.Errorf("%d containers after a delete", n)
			}
		})
	}
}

// TestSDKRest covers the smaller clients of the SDK and publishing to a registry.
func TestSDKRest(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	f := s.clients()
	if sizes := must(f.NewVirtualMachineSizesClient().List(ctx, "eastus2", nil)); len(sizes.Value) == 0 {
		t.Error("no VM sizes")
	}
	all(f.NewUsagesClient().NewListPager("eastus2", nil), func(p ml.UsagesClientListResponse) []*ml.Usage { return p.Value })
	all(f.NewQuotasClient().NewListPager("eastus2", nil), func(p ml.QuotasClientListResponse) []*ml.ResourceQuota { return p.Value })
	all(f.NewWorkspaceFeaturesClient().NewListPager(group, space, nil), func(p ml.WorkspaceFeaturesClientListResponse) []*ml.AmlUserFeature { return p.Value })
	done(f.NewRegistriesClient().BeginCreateOrUpdate(ctx, group, "reg1", ml.Registry{Location: to.Ptr("westus"), Properties: &ml.RegistryProperties{}}, nil))
	ref := must(f.NewRegistryDataReferencesClient().GetBlobReferenceSAS(ctx, group, "reg1", "m", "1", ml.GetBlobReferenceSASRequestDto{BlobURI: to.Ptr("https://a.blob.core.windows.net/c/x")}, nil))
	if *ref.BlobReferenceForConsumption.BlobURI != "https://a.blob.core.windows.net/c/x" {
		t.Errorf("reference %+v", ref)
	}
	models := f.NewModelVersionsClient()
	must(models.CreateOrUpdate(ctx, group, space, "m", "1", ml.ModelVersion{Properties: &ml.ModelVersionProperties{ModelURI: to.Ptr("u"), Tags: map[string]*string{"a": to.Ptr("b")}}}, nil))
	dest := ml.DestinationAsset{RegistryName: to.Ptr("reg1"), DestinationName: to.Ptr("shared"), DestinationVersion: to.Ptr("7")}
	done(models.BeginPublish(ctx, group, space, "m", "1", dest, nil))
	if got := must(f.NewRegistryModelVersionsClient().Get(ctx, group, "reg1", "shared", "7", nil)); *got.Properties.Tags["a"] != "b" || *got.Properties.ProvisioningState != ml.AssetProvisioningStateSucceeded {
		t.Errorf("published %+v", got.Properties)
	}
	_, err := models.BeginPublish(ctx, group, space, "m", "1", dest, nil)
	wantStatus(t, err, http.StatusConflict)
	dest.RegistryName = to.Ptr("none")
	_, err = models.BeginPublish(ctx, group, space, "m", "1", dest, nil)
	wantStatus(t, err, http.StatusNotFound)
}

// TestConcurrent writes and lists from many clients at once; nothing is lost and counters are exact.
func TestConcurrent(t *testing.T) {
	s := start(t, emulator.Options{PageSize: 7})
	var wg sync.WaitGroup
	const clients, each = 8, 25
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				if r := s.do("PUT", fmt.Sprintf("%s/environments/e%d/versions/%d", wsID, i%5, c*each+i), envBody); r.status != 201 {
					t.Errorf("PUT = %d %s", r.status, r.text)
				}
				s.do("GET", wsID+"/environments", "")
			}
		})
	}
	wg.Wait()
	n := 0
	for i := range 5 {
		next := fmt.Sprintf("%s/environments/e%d/versions", wsID, i)
		latest := 0
		for next != "" {
			page := s.ok(200, "GET", next, "")
			for _, v := range page["value"].([]any) {
				n++
				if at(v, "properties/properties/azureml.labels") == "latest" {
					latest++
				}
			}
			next, _ = page["nextLink"].(string)
		}
		if latest != 1 {
			t.Errorf("%d versions of e%d are labelled latest", latest, i)
		}
	}
	if n != clients*each {
		t.Errorf("%d versions, want %d", n, clients*each)
	}
	for _, c := range s.emu.Counters() {
		if c.Method == "PUT" && c.Count != clients*each {
			t.Errorf("%d writes counted, want %d", c.Count, clients*each)
		}
	}
}
