package kind

import (
	"testing"

	"mlsync.dev/mlsync/asset"
)

var registryScope = Scope{Subscription: "s", ResourceGroup: "g", Registry: "shared"}

func TestRegistryScope(t *testing.T) {
	const root = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/shared"
	id := asset.ID{Kind: "environment", Name: "e", Version: "1"}
	if got := registryScope.ARM(id); got != root+"/environments/e/versions/1" {
		t.Errorf("got %s", got)
	}
	if got, ok := registryScope.ParseARM("/Subscriptions/s/resourcegroups/g/providers/Microsoft.MachineLearningServices/registries/shared/environments/e/versions/1"); !ok || got != id {
		t.Errorf("got %v %v", got, ok)
	}
	if got := registryScope.ARM(asset.ID{Kind: "registry", Name: "shared"}); got != root || got != registryScope.WorkspaceID() {
		t.Errorf("got %s", got)
	}
	if _, ok := registryScope.ParseARM(root); ok {
		t.Error("the registry is in itself")
	}
	if registryScope.String() != "registry shared" || goldenScope.String() != "workspace "+goldenScope.Workspace || registryScope.Name() != "shared" {
		t.Errorf("got %s and %s", registryScope, goldenScope)
	}
}

// In a registry, references are addresses of registries; those of its own are
// references to its assets all the same.
func TestReferencesInRegistry(t *testing.T) {
	const own, other = "azureml://registries/shared/environments/e/versions/1", "azureml://registries/azureml/environments/e/versions/1"
	env := Ref{To: "environment"}
	for _, tt := range []struct {
		ref        Ref
		text, want string
		form       Form
		bad        bool
	}{
		{env, own, own, Short, false},
		{env, other, other, Registry, false},
		{env, "azureml://registries/shared/environments/e/labels/latest", "azureml://registries/shared/environments/e/labels/latest", Registry, false},
		{env, "azureml:" + registryScope.ARM(asset.ID{Kind: "environment", Name: "e", Version: "1"}), own, Short, false},
		{env, "azureml:e:1", "", Short, true},
		{env, "azureml:e@latest", "", Short, true},
		{Ref{To: "datastore", Bare: true}, "raw", "", Short, true},
	} {
		ref, bad := tt.ref.Parse(tt.text, registryScope)
		if (bad != "") != tt.bad {
			t.Errorf("%s: %q", tt.text, bad)
			continue
		}
		if bad == "" && (ref.String() != tt.want || ref.Form != tt.form) {
			t.Errorf("%s: got %v %s, want %v %s", tt.text, ref.Form, ref, tt.form, tt.want)
		}
	}
	e, d := &Encoder{Scope: registryScope}, &Decoder{Scope: registryScope}
	if got := env.Encode(e, asset.NewString(own)).Str(); got != own {
		t.Errorf("sent as %s", got)
	}
	if got := env.Decode(d, asset.NewString(registryScope.ARM(asset.ID{Kind: "environment", Name: "e", Version: "1"}))).Str(); got != own {
		t.Errorf("read as %s", got)
	}
	if got := env.Encode(&Encoder{Scope: goldenScope}, asset.NewString(own)).Str(); got != own {
		t.Errorf("sent to a workspace as %s", got)
	}
}

func TestMisplaced(t *testing.T) {
	ws := Scope{Subscription: "s", ResourceGroup: "g", Workspace: "ws1"}
	for _, tt := range []struct {
		scope Scope
		asset asset.Asset
		want  string
	}{
		{registryScope, asset.Asset{ID: asset.ID{Kind: "compute", Name: "c"}}, "wrong_target"},
		{registryScope, asset.Asset{ID: asset.ID{Kind: "model", Name: "m"}, Auto: true}, "missing_version"},
		{registryScope, asset.Asset{ID: asset.ID{Kind: "model", Name: "m", Version: "1"}}, ""},
		{registryScope, asset.Asset{ID: asset.ID{Kind: "registry", Name: "shared"}}, ""},
		{registryScope, asset.Asset{ID: asset.ID{Kind: "registry", Name: "other"}}, "wrong_name"},
		{registryScope, asset.Asset{ID: asset.ID{Kind: "workspace", Name: "ws1"}}, "wrong_target"},
		{ws, asset.Asset{ID: asset.ID{Kind: "registry", Name: "other"}}, ""},
		{ws, asset.Asset{ID: asset.ID{Kind: "workspace", Name: "ws1"}}, ""},
		{ws, asset.Asset{ID: asset.ID{Kind: "feature-store", Name: "ws2"}}, "wrong_name"},
		{ws, asset.Asset{ID: asset.ID{Kind: "workspace", Name: "ws1"}, Body: asset.NewMap().Set("resource_group", asset.NewString("h"))}, "wrong_target"},
		{Scope{}, asset.Asset{ID: asset.ID{Kind: "workspace", Name: "any"}}, ""},
	} {
		if code, _, _ := tt.scope.Misplaced(&tt.asset); code != tt.want {
			t.Errorf("%s in %s: got %q, want %q", tt.asset.ID, tt.scope, code, tt.want)
		}
	}
}
