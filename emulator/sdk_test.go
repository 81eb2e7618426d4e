package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	ml "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/machinelearning/armmachinelearning/v4"

	"mlsync.dev/mlsync/emulator"
)

var ctx = context.Background()

func wantStatus(t *testing.T, err error, status int) {
	t.Helper()
	var re *azcore.ResponseError
	if !errors.As(err, &re) || re.StatusCode != status {
		t.Errorf("err = %v, want status %d", err, status)
	}
}

// The official Go SDK on assets: create, get, list in pages, update, delete.

func TestSDKEnvironment(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{PageSize: 2})
	f := s.clients()
	c := f.NewEnvironmentVersionsClient()
	for i := range 5 {
		v := must(c.CreateOrUpdate(ctx, group, space, "e1", fmt.Sprint(i), ml.EnvironmentVersion{Properties: &ml.EnvironmentVersionProperties{
			Image: to.Ptr("img"), CondaFile: to.Ptr("name: x\ndependencies:\n- python=3.10\n"),
		}}, nil))
		if *v.Properties.EnvironmentType != ml.EnvironmentTypeUserCreated || *v.Properties.OSType != ml.OperatingSystemTypeLinux {
			t.Errorf("not filled: %+v", v.Properties)
		}
	}
	got := must(c.Get(ctx, group, space, "e1", "3", nil))
	if want := "{\n  \"name\": \"x\",\n  \"dependencies\": [\n    \"python=3.10\"\n  ]\n}"; *got.Properties.CondaFile != want {
		t.Errorf("condaFile = %q, want %q", *got.Properties.CondaFile, want)
	}
	items, pages := all(c.NewListPager(group, space, "e1", nil), func(p ml.EnvironmentVersionsClientListResponse) []*ml.EnvironmentVersion { return p.Value })
	if len(items) != 5 || pages != 3 || *items[0].Name != "4" {
		t.Errorf("%d items in %d pages, first %s; want 5 in 3, newest first", len(items), pages, *items[0].Name)
	}
	cc := f.NewEnvironmentContainersClient()
	if k := must(cc.Get(ctx, group, space, "e1", nil)); *k.Properties.LatestVersion != "4" || *k.Properties.NextVersion != "5" {
		t.Errorf("container says %s, %s", *k.Properties.LatestVersion, *k.Properties.NextVersion)
	}
	must(cc.CreateOrUpdate(ctx, group, space, "e1", ml.EnvironmentContainer{Properties: &ml.EnvironmentContainerProperties{IsArchived: to.Ptr(true)}}, nil))
	if l, _ := all(cc.NewListPager(group, space, nil), func(p ml.EnvironmentContainersClientListResponse) []*ml.EnvironmentContainer { return p.Value }); len(l) != 0 {
		t.Errorf("an archived container is listed")
	}
	must(c.Delete(ctx, group, space, "e1", "3", nil))
	_, err := c.Get(ctx, group, space, "e1", "3", nil)
	wantStatus(t, err, http.StatusNotFound)
	must(cc.Delete(ctx, group, space, "e1", nil))
	_, err = c.Get(ctx, group, space, "e1", "4", nil)
	wantStatus(t, err, http.StatusNotFound)
}

func TestSDKModelDataCode(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{PageSize: 2})
	f := s.clients()
	models, data, codes := f.NewModelVersionsClient(), f.NewDataVersionsClient(), f.NewCodeVersionsClient()
	model := ml.ModelVersion{Properties: &ml.ModelVersionProperties{
		ModelURI: to.Ptr("azureml://datastores/workspaceblobstore/paths/m"), ModelType: to.Ptr("custom_model"),
		Tags: map[string]*string{"a": to.Ptr("b")},
	}}
	folder := ml.DataVersionBase{Properties: &ml.URIFolderDataVersion{DataURI: to.Ptr("azureml://datastores/workspaceblobstore/paths/d"), DataType: to.Ptr(ml.DataTypeURIFolder)}}
	code := ml.CodeVersion{Properties: &ml.CodeVersionProperties{CodeURI: to.Ptr("https://x.blob.core.windows.net/c/src"), Properties: map[string]*string{"hash_sha256": to.Ptr("abc"), "hash_version": to.Ptr("202208")}}}
	for i := range 3 {
		v := fmt.Sprint(i + 1)
		must(models.CreateOrUpdate(ctx, group, space, "m1", v, model, nil))
		must(data.CreateOrUpdate(ctx, group, space, "d1", v, folder, nil))
		must(codes.CreateOrUpdate(ctx, group, space, "c1", v, code, nil))
	}
	ms, n := all(models.NewListPager(group, space, "m1", nil), func(p ml.ModelVersionsClientListResponse) []*ml.ModelVersion { return p.Value })
	if len(ms) != 3 || n != 2 {
		t.Errorf("models: %d in %d pages", len(ms), n)
	}
	ds, _ := all(data.NewListPager(group, space, "d1", nil), func(p ml.DataVersionsClientListResponse) []*ml.DataVersionBase { return p.Value })
	if uri := *ds[0].Properties.GetDataVersionBaseProperties().DataURI; len(ds) != 3 || uri != "azureml://subscriptions/"+subID+"/resourcegroups/rg1/workspaces/ws1/datastores/workspaceblobstore/paths/d/" {
		t.Errorf("data: %d, uri %s", len(ds), uri)
	}
	cs, _ := all(codes.NewListPager(group, space, "other", &ml.CodeVersionsClientListOptions{Hash: to.Ptr("abc"), HashVersion: to.Ptr("202208")}), func(p ml.CodeVersionsClientListResponse) []*ml.CodeVersion { return p.Value })
	if len(cs) != 3 || *cs[0].ID != wsID+"/codes/c1/versions/1" {
		t.Errorf("codes by hash: %d", len(cs))
	}
	model.Properties.IsArchived = to.Ptr(true)
	if v := must(models.CreateOrUpdate(ctx, group, space, "m1", "2", model, nil)); *v.Properties.Stage != "Archived" {
		t.Errorf("stage of an archived model = %s", *v.Properties.Stage)
	}
	model.Properties.ModelURI = to.Ptr("azureml://datastores/workspaceblobstore/paths/other")
	_, err := models.CreateOrUpdate(ctx, group, space, "m1", "3", model, nil)
	wantStatus(t, err, http.StatusBadRequest)
	up := must(codes.CreateOrGetStartPendingUpload(ctx, group, space, "c1", "9", ml.PendingUploadRequestDto{PendingUploadType: to.Ptr(ml.PendingUploadTypeTemporaryBlobReference)}, nil))
	again := must(codes.CreateOrGetStartPendingUpload(ctx, group, space, "c1", "9", ml.PendingUploadRequestDto{PendingUploadType: to.Ptr(ml.PendingUploadTypeTemporaryBlobReference)}, nil))
	if *up.PendingUploadID == "" || *up.PendingUploadID != *again.PendingUploadID {
		t.Errorf("pending uploads %q and %q", *up.PendingUploadID, *again.PendingUploadID)
	}
	must(f.NewModelContainersClient().CreateOrUpdate(ctx, group, space, "m2", ml.ModelContainer{Properties: &ml.ModelContainerProperties{Description: to.Ptr("x")}}, nil))
	kinds, _ := all(f.NewModelContainersClient().NewListPager(group, space, nil), func(p ml.ModelContainersClientListResponse) []*ml.ModelContainer { return p.Value })
	if len(kinds) != 2 || *kinds[0].Name != "m1" {
		t.Errorf("model containers are listed oldest first: %d", len(kinds))
	}
	must(f.NewDataContainersClient().Get(ctx, group, space, "d1", nil))
	must(f.NewCodeContainersClient().Get(ctx, group, space, "c1", nil))
	must(data.Delete(ctx, group, space, "d1", "1", nil))
	must(codes.Delete(ctx, group, space, "c1", "1", nil))
	must(models.Delete(ctx, group, space, "m1", "1", nil))
}

func TestSDKComponentAndFeatures(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	f := s.clients()
	c := f.NewComponentVersionsClient()
	spec := map[string]any{"name": "c1", "version": "1", "type": "command", "command": "echo", "is_deterministic": true, "environment": "azureml:AzureML-x:3"}
	v := must(c.CreateOrUpdate(ctx, group, space, "c1", "1", ml.ComponentVersion{Properties: &ml.ComponentVersionProperties{ComponentSpec: spec}}, nil))
	got := v.Properties.ComponentSpec.(map[string]any)
	if got["is_deterministic"] != "True" || got["environment"] != "azureml://registries/azureml/environments/AzureML-x/versions/3" {
		t.Errorf("spec = %v", got)
	}
	must(f.NewComponentContainersClient().Get(ctx, group, space, "c1", nil))
	list, _ := all(c.NewListPager(group, space, "c1", nil), func(p ml.ComponentVersionsClientListResponse) []*ml.ComponentVersion { return p.Value })
	if len(list) != 1 {
		t.Errorf("%d components", len(list))
	}
	must(c.Delete(ctx, group, space, "c1", "1", nil))
	e := f.NewFeaturestoreEntityVersionsClient()
	ev := done(e.BeginCreateOrUpdate(ctx, group, space, "fe", "1", ml.FeaturestoreEntityVersion{Properties: &ml.FeaturestoreEntityVersionProperties{
		IndexColumns: []*ml.IndexColumn{{ColumnName: to.Ptr("id"), DataType: to.Ptr(ml.FeatureDataTypeString)}},
	}}, nil))
	if *ev.Properties.ProvisioningState != ml.AssetProvisioningStateSucceeded {
		t.Errorf("entity state %s", *ev.Properties.ProvisioningState)
	}
	fs := f.NewFeaturesetVersionsClient()
	fv := done(fs.BeginCreateOrUpdate(ctx, group, space, "fs", "1", ml.FeaturesetVersion{Properties: &ml.FeaturesetVersionProperties{Entities: []*string{to.Ptr("azureml:fe:1")}}}, nil))
	if len(fv.Properties.Entities) != 1 {
		t.Errorf("feature set %+v", fv.Properties)
	}
	sets, _ := all(fs.NewListPager(group, space, "fs", nil), func(p ml.FeaturesetVersionsClientListResponse) []*ml.FeaturesetVersion { return p.Value })
	if len(sets) != 1 {
		t.Errorf("%d feature sets", len(sets))
	}
	done(fs.BeginDelete(ctx, group, space, "fs", "1", nil))
	done(e.BeginDelete(ctx, group, space, "fe", "1", nil))
	_, err := fs.Get(ctx, group, space, "fs", "1", nil)
	wantStatus(t, err, http.StatusNotFound)
}

func TestSDKRegistry(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{PageSize: 1})
	f := s.clients()
	regs := f.NewRegistriesClient()
	done(regs.BeginCreateOrUpdate(ctx, group, "reg1", ml.Registry{Location: to.Ptr("westus"), Properties: &ml.RegistryProperties{}}, nil))
	must(regs.Get(ctx, group, "reg1", nil))
	envs := f.NewRegistryEnvironmentVersionsClient()
	for _, v := range []string{"1", "2"} {
		done(envs.BeginCreateOrUpdate(ctx, group, "reg1", "e", v, ml.EnvironmentVersion{Properties: &ml.EnvironmentVersionProperties{Image: to.Ptr("i")}}, nil))
	}
	list, pages := all(envs.NewListPager(group, "reg1", "e", nil), func(p ml.RegistryEnvironmentVersionsClientListResponse) []*ml.EnvironmentVersion { return p.Value })
	if len(list) != 2 || pages != 2 || *list[0].ID != regID+"/environments/e/versions/2" {
		t.Errorf("%d environments in %d pages", len(list), pages)
	}
	model := ml.ModelVersion{Properties: &ml.ModelVersionProperties{ModelURI: to.Ptr("https://x/y"), Properties: map[string]*string{"k": to.Ptr("1")}}}
	models := f.NewRegistryModelVersionsClient()
	must(models.CreateOrGetStartPendingUpload(ctx, group, "reg1", "m", "1", ml.PendingUploadRequestDto{}, nil))
	done(models.BeginCreateOrUpdate(ctx, group, "reg1", "m", "1", model, nil))
	_, err := models.CreateOrGetStartPendingUpload(ctx, group, "reg1", "m", "1", ml.PendingUploadRequestDto{}, nil)
	wantStatus(t, err, http.StatusConflict)
	model.Properties.Properties["k"] = to.Ptr("2")
	_, err = models.BeginCreateOrUpdate(ctx, group, "reg1", "m", "1", model, nil)
	wantStatus(t, err, http.StatusBadRequest)
	done(models.BeginDelete(ctx, group, "reg1", "m", "1", nil))
	_, err = models.BeginCreateOrUpdate(ctx, group, "reg1", "m", "1", model, nil)
	wantStatus(t, err, http.StatusBadRequest)
	done(f.NewRegistryCodeVersionsClient().BeginCreateOrUpdate(ctx, group, "reg1", "c", "1", ml.CodeVersion{Properties: &ml.CodeVersionProperties{CodeURI: to.Ptr("https://x/c")}}, nil))
	done(f.NewRegistryDataVersionsClient().BeginCreateOrUpdate(ctx, group, "reg1", "d", "1", ml.DataVersionBase{Properties: &ml.URIFileDataVersion{DataURI: to.Ptr("https://x/d"), DataType: to.Ptr(ml.DataTypeURIFile)}}, nil))
	done(f.NewRegistryComponentVersionsClient().BeginCreateOrUpdate(ctx, group, "reg1", "k", "1", ml.ComponentVersion{Properties: &ml.ComponentVersionProperties{ComponentSpec: map[string]any{"type": "command"}}}, nil))
	must(f.NewRegistryModelContainersClient().Get(ctx, group, "reg1", "m", nil))
	must(regs.Update(ctx, group, "reg1", ml.PartialRegistryPartialTrackedResource{Tags: map[string]*string{"a": to.Ptr("b")}}, nil))
	done(regs.BeginDelete(ctx, group, "reg1", nil))
}
