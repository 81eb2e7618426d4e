package kind

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// What azure-ai-ml 1.28.0 refuses.
func TestTopProblems(t *testing.T) {
	const ws, reg, fs = "$schema: x/workspace.schema.json\nname: ws1\n", "name: reg\nlocation: eastus\n", "$schema: x/featureStore.schema.json\nname: fs1\n"
	for _, tt := range []struct{ doc, want string }{
		{ws + "kind: default", `unknown field "kind"`},
		{ws + "kind: project", "hub_id: is missing"},
		{ws + "storage_account: azureml:x", `storage_account: "azureml:x" is not a resource id`},
		{ws + "customer_managed_key: {key_uri: 'https://<VAULT>.vault.azure.net/keys/a'}", "customer_managed_key.key_uri"},
		{ws + "network_acls: {default_action: Deny}", "network_acls: ip_rules must be given"},
		{ws + "network_acls: {default_action: allow}", `network_acls.default_action: "allow" is not a value`},
		{ws + "identity: {}", "identity.type: is missing"},
		{ws + "managed_network: {}", "managed_network.isolation_mode: is missing"},
		{ws + "managed_network: {isolation_mode: disabled, outbound_rules: [{name: a}]}", "outbound_rules.0: destination: it is none of a rule"},
		{ws + "managed_network: {isolation_mode: disabled, outbound_rules: [{destination: x}]}", "outbound_rules.0: name: is missing"},
		{ws + "managed_network: {isolation_mode: disabled, outbound_rules: [{name: a, destination: {service_tag: T}}]}", "destination.protocol: is missing"},
		{ws + "managed_network: {isolation_mode: disabled, outbound_rules: [{name: a, destination: {service_resource_id: T, subresource_target: b, spark_enabled: true, x: 1}}]}", `destination: unknown field "x"`},
		{ws + "serverless_compute: {custom_subnet: abc}", "serverless_compute.custom_subnet"},
		{ws + "tags: {a: 1}", "tags.a: want a text"},
		{fs + "compute_runtime: {}", "spark_runtime_version: is missing"},
		{fs + "offline_store: {type: x, target: nope}", `offline_store.target: "nope" is not a resource id`},
		{fs + "network_acls: {default_action: Allow}", `unknown field "network_acls"`},
		{fs + "id: x", `unknown field "id"`},
		{reg + "$schema: x/registry.schema.json", "replication_locations: is missing"},
		{reg + "replication_locations: [{acr_config: []}]", `unknown field "acr_config"`},
		{reg + "replication_locations: [{storage_config: foo}]", "replication_locations.0.storage_config: want a list"},
		{reg + "replication_locations: [{storage_config: [foo]}]", "storage_config.0: \"foo\" is not a resource id of Microsoft.Storage/storageAccounts"},
		{reg + "replication_locations: [{storage_config: {replication_count: 0}}]", "replication_count: there must be an account"},
		{reg + "replication_locations: [{storage_config: {storage_account_type: StandardLRS}}]", `"StandardLRS" is not a value`},
		{reg + "replication_locations: []\ncontainer_registry: {acr_account_sku: basic}", `acr_account_sku: "basic" is not a value`},
		{reg + "replication_locations: []\ncontainer_registry: foo", `container_registry: "foo" is not a resource id`},
		{reg + "replication_locations: []\nproperties: {a: b}", `unknown field "properties"`},
	} {
		_, bad := readProblems(t, tt.doc)
		if got := bad.Errors().Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s\ngot  %q\nwant %q", tt.doc, got, tt.want)
		}
	}
}

// liveTop is an asset at the top of a target as the service sends it.
func liveTop(t *testing.T, k asset.Kind, path, body string) *asset.Asset {
	t.Helper()
	rest, err := asset.ParseJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Of(k).FromREST(&Decoder{Scope: goldenScope}, goldenScope.providerID()+path, rest)
	if err != nil {
		t.Fatal(err)
	}
	a.Raw = []byte(body)
	return a
}

const liveWorkspace = `{"location":"eastus","kind":"Default","sku":{"name":"Basic"},"tags":{"a":"b","mlsync-owner":"x"},
 "identity":{"type":"SystemAssigned,UserAssigned","principalId":"p","tenantId":"t","userAssignedIdentities":{"/Subscriptions/s/u":{"principalId":"p","clientId":"c"},"/subscriptions/s/old":{"principalId":"q"}}},
 "properties":{"friendlyName":"D","storageAccount":"/s","imageBuildCompute":"images","managedNetwork":{"isolationMode":"AllowInternetOutbound","networkId":"n","status":{"status":"Active"},"firewallSku":"Standard","outboundRules":{
   "__SYS_X":{"type":"PrivateEndpoint","category":"Required","status":"Active","destination":{"serviceResourceId":"/s","subresourceTarget":"blob","sparkEnabled":false,"sparkStatus":"Inactive"}},
   "b":{"type":"FQDN","category":"UserDefined","status":"Active","destination":"b.org"},
   "a":{"type":"ServiceTag","category":"UserDefined","status":"Active","destination":{"serviceTag":"T","protocol":"TCP","portRanges":"80"}}}}}}`

const wantWorkspace = `
$schema: x/workspace.schema.json
name: ws
image_build_compute: images
identity: {type: system_assigned, user_assigned_identities: {/subscriptions/s/U: {}}}
managed_network:
  isolation_mode: allow_internet_outbound
  outbound_rules:
    - {name: b, destination: b.org}
    - {name: a, type: service_tag, destination: {service_tag: T, protocol: TCP, port_ranges: "80"}}
`

// The rules that the service makes, and the case of resource ids, mean nothing.
func TestWorkspaceEcho(t *testing.T) {
	want, bad := readProblems(t, strings.Replace(wantWorkspace, "system_assigned,", `"system_assigned,user_assigned",`, 1))
	live := liveTop(t, "workspace", "/workspaces/ws", strings.Replace(liveWorkspace, `,"/subscriptions/s/old":{"principalId":"q"}`, "", 1))
	want.Body.Get("identity").Set("type", asset.NewString("system_assigned,user_assigned"))
	if err := bad.Err(); err != nil || live.ID != want.ID || !Same(VariantOf(want), want.Body, live.Body) {
		t.Errorf("%v\nwant %s %s\nlive %s %s", err, want.ID, want.Body.Canonical(), live.ID, live.Body.Canonical())
	}
	other := want.Body.Clone()
	other.GetPath("managed_network", "outbound_rules").Items()[0].Set("destination", asset.NewString("c.org"))
	if Same(VariantOf(want), other, live.Body) {
		t.Error("another host is the same")
	}
}

// A PATCH carries what git mentions and the stamps; identities that are no
// longer wanted are nulls, and the rules of the service are not sent back.
func TestWorkspacePatch(t *testing.T) {
	want, _ := readProblems(t, wantWorkspace)
	live := liveTop(t, "workspace", "/workspaces/ws", liveWorkspace)
	got, err := Patch(want, live, [][]string{{"display_name"}}, &Encoder{Scope: goldenScope})
	if err != nil {
		t.Fatal(err)
	}
	const expect = `{"identity":{"type":"Systemassigned","userAssignedIdentities":{"/subscriptions/s/U":{},"/subscriptions/s/old":null}},` +
		`"properties":{"friendlyName":null,"imageBuildCompute":"images","managedNetwork":{"firewallSku":"Standard","isolationMode":"AllowInternetOutbound","outboundRules":{` +
		`"a":{"category":"UserDefined","destination":{"portRanges":"80","protocol":"TCP","serviceTag":"T"},"type":"ServiceTag"},"b":{"category":"UserDefined","destination":"b.org","type":"FQDN"}}}},` +
		`"tags":{"a":"b","mlsync-owner":"x"}}`
	if text := string(got.Canonical()); text != expect {
		t.Errorf("got  %s\nwant %s", text, expect)
	}
}

// A registry comes back with names of accounts and other spellings.
func TestRegistryEcho(t *testing.T) {
	want, bad := readProblems(t, "name: reg\nlocation: East US\nreplication_locations: [{location: eastus, storage_config: {storage_account_type: Standard_LRS, replication_count: 2}}, {location: westus}]")
	account := `{"systemCreatedStorageAccount":{"storageAccountType":"Standard_LRS","storageAccountHnsEnabled":false,"allowBlobPublicAccess":false,"storageAccountName":"st","armResourceId":{"resourceId":"/x"}}}`
	images := `"acrDetails":[{"systemCreatedAcrAccount":{"acrAccountSku":"Premium","acrAccountName":"cr","armResourceId":{"resourceId":"/y"}}}]`
	body := `{"location":"eastus","identity":{"type":"SystemAssigned","principalId":"p"},"properties":{"publicNetworkAccess":"Enabled","regionDetails":[` +
		`{"location":"eastus",` + images + `,"storageAccountDetails":[` + account + `,` + account + `]},{"location":"westus",` + images + `,"storageAccountDetails":[` + account + `]}]}}`
	live := liveTop(t, "registry", "/registries/reg", body)
	if err := bad.Err(); err != nil || !Same(VariantOf(want), want.Body, live.Body) {
		t.Errorf("%v\nwant %s\nlive %s", err, want.Body.Canonical(), live.Body.Canonical())
	}
	if sku := live.Body.GetPath("container_registry", "acr_account_sku").Str(); sku != "premium" {
		t.Errorf("container_registry is %s", live.Body.Get("container_registry").Canonical())
	}
	one := want.Body.Clone()
	one.Get("replication_locations").Items()[0].Get("storage_config").Delete("replication_count")
	if Same(VariantOf(want), one, live.Body) {
		t.Error("one account and two are the same")
	}
}
