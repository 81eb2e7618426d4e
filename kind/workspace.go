package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

var workspaceKind = &Table{
	Kind:       "workspace",
	Plural:     "workspaces",
	Collection: "workspaces",
	Top:        true,
	OptIn:      true,
	Patches:    true,
	Names:      NameRule{Pattern: `[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}`, Text: "use 3 to 33 letters, digits, dashes and underscores", Warn: true},
	Tags:       "tags",
	Remove:     Orphan,
	Doc:        "The workspace of the target itself, a hub, or a project of a hub. It is managed only where mlsync.yaml says manage: [workspace], and never deleted.",
	Variants: []*Variant{
		{
			Schemas: []string{"workspace"},
			Const:   []Const{{"kind", "default"}},
			Tell: func(doc *asset.Value) bool {
				return hasAll(doc, "name", "managed_network") && !hasAny(doc, "kind", "workspace_hub")
			},
			Fields: workspaceFields,
			Check:  checkNetworkAcls,
			ToREST: sendWorkspace,
		},
		{
			Name:    "hub",
			Schemas: []string{"hub"},
			Const:   []Const{{"kind", "hub"}},
			Tell:    func(doc *asset.Value) bool { return doc.Has("name") && squash(doc.Get("kind").Text()) == "hub" },
			Fields: slices.Concat([]Field{
				{YAML: "kind", REST: "kind", As: Words("hub", "hub"), Required: true, Change: Replace, Doc: "Says that it is a hub."},
			}, workspaceFields, []Field{
				// The reference client loses it on the way.
				{YAML: "default_resource_group", As: Str{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
				{YAML: "associated_workspaces", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
				{YAML: "workspace_hub", As: strictARM{}, ReadOnly: true, Doc: "Means nothing for a hub."},
			}),
			Check: checkNetworkAcls,
			ToREST: func(e *Encoder, v, rest *asset.Value) {
				if rest.GetPath("properties", "workspaceHubConfig").IsNull() {
					rest.SetPath(asset.NewMap(), "properties", "workspaceHubConfig")
				}
				sendWorkspace(e, v, rest)
			},
			Doc: "A workspace whose storage, key vault and network projects share.",
		},
		{
			Name:    "project",
			Schemas: []string{"project"},
			Const:   []Const{{"kind", "project"}},
			Tell: func(doc *asset.Value) bool {
				return doc.Has("name") && (squash(doc.Get("kind").Text()) == "project" || doc.Has("workspace_hub") && !doc.Has("kind"))
			},
			Fields: slices.Concat([]Field{
				{YAML: "kind", REST: "kind", As: Words("project", "project"), Change: Replace, Doc: "Says that it is a project."},
				{YAML: "hub_id", REST: "properties.hubResourceId", As: Str{}, Change: Replace, Doc: "The resource id of the hub."},
				{YAML: "workspace_hub", As: strictARM{}, Change: Once, Doc: "The older name of hub_id, which makes a workspace a project."},
			}, workspaceFields),
			Check:  checkProject,
			ToREST: sendWorkspace,
			Doc:    "A workspace that lives in a hub.",
		},
	},
}

// checkProject takes workspace_hub for hub_id.
func checkProject(c *Checker, v *asset.Value) {
	checkNetworkAcls(c, v)
	old := v.Get("workspace_hub")
	switch {
	case v.Has("hub_id"):
	case old != nil && !v.Has("kind"):
		v.Set("hub_id", old)
	default:
		c.Badf(v, "missing_field", "add hub_id: and the resource id of the hub", "hub_id: is missing")
	}
	v.Delete("workspace_hub")
	v.Set("kind", asset.NewString("project"))
}

// sendWorkspace sends the value that the client gives to what a feature store
// cannot say.
func sendWorkspace(_ *Encoder, _, rest *asset.Value) {
	props := rest.Get("properties")
	for _, key := range []string{"enableDataIsolation", "hbiWorkspace"} {
		if props.Get(key).IsNull() {
			props.Set(key, asset.NewBool(false))
		}
	}
}

// workspaceBase are the rows of a workspace of any kind.
var workspaceBase = []Field{
	{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
	{YAML: "tags", REST: "tags", As: textTags, Send: asset.NewMap(), Doc: "Tags of the workspace."},
	{YAML: "display_name", REST: "properties.friendlyName", As: Str{}, Doc: "The name that people see."},
	{YAML: "location", REST: "location", As: region{}, Change: Replace, Doc: "The region; that of the resource group if not given."},
	{YAML: "resource_group", As: Str{}, Change: Once, Doc: "The resource group, which must be that of the target."},
	{YAML: "hbi_workspace", REST: "properties.hbiWorkspace", As: Bool{}, Send: asset.NewBool(false), Change: Replace, Doc: "Less is told to Microsoft of what is in it."},
	{YAML: "storage_account", REST: "properties.storageAccount", As: strictARM{}, Change: Replace, Doc: "The storage account; fixed once the workspace exists."},
	{YAML: "key_vault", REST: "properties.keyVault", As: strictARM{}, Change: Replace, Doc: "The key vault; fixed once the workspace exists."},
	{YAML: "container_registry", REST: "properties.containerRegistry", As: strictARM{}, Change: Replace, Doc: "The registry of images. The reference client changes it only by consent, mlsync does not."},
	{YAML: "application_insights", REST: "properties.applicationInsights", As: strictARM{}, Change: Replace, Doc: "Where telemetry goes. The reference client changes it only by consent, mlsync does not."},
	{YAML: "customer_managed_key", REST: "properties.encryption", As: managedKey, Doc: "A key of one's own that data is encrypted with."},
	{YAML: "image_build_compute", REST: "properties.imageBuildCompute", As: Ref{To: "compute", Bare: true, NameOnly: true, NoPrefix: true}, Late: true, Doc: "The compute that images are built on, if the registry is in a network. It is set after the compute is made."},
	{YAML: "public_network_access", REST: "properties.publicNetworkAccess", As: Words("enabled", "Enabled", "disabled", "Disabled"), Service: asset.NewString("enabled"), Doc: "Whether it can be reached from the internet; disabled resets network_acls."},
	{YAML: "identity", REST: "identity", As: workspaceIdentity, Doc: "Who the workspace acts as."},
	{YAML: "primary_user_assigned_identity", REST: "properties.primaryUserAssignedIdentity", As: Fold{}, Doc: "The resource id of the identity that is used first."},
	{YAML: "managed_network", REST: "properties.managedNetwork", As: managedNetwork, Doc: "The network of the workspace that Azure manages."},
}

var workspaceFields = slices.Concat(workspaceBase, []Field{
	{YAML: "discovery_url", REST: "properties.discoveryUrl", As: Str{}, Change: Once, Doc: "Set by Azure."},
	{YAML: "network_acls", REST: "properties.networkAcls", As: Obj(
		Field{YAML: "default_action", REST: "defaultAction", As: Exactly("Allow", "Deny"), Required: true, Doc: "What is done with addresses that no rule names."},
		Field{YAML: "ip_rules", REST: "ipRules", As: List{Of: Obj(
			Field{YAML: "value", REST: "value", As: Str{}, Required: true, Doc: "An address or a range."},
		)}, Doc: "Addresses that may come in."},
	), Doc: "From which addresses it can be reached."},
	{YAML: "system_datastores_auth_mode", REST: "properties.systemDatastoresAuthMode", As: Fold{}, Service: asset.NewString("accesskey"), Doc: "How the datastores of the workspace get into storage: accesskey or identity."},
	{YAML: "provision_network_now", REST: "properties.provisionNetworkNow", As: Bool{}, Change: Once, Doc: "Makes the managed network at once."},
	{YAML: "enable_data_isolation", REST: "properties.enableDataIsolation", As: Bool{}, Send: asset.NewBool(false), Change: Replace, Doc: "Keeps the data of projects apart; at creation only."},
	{YAML: "allow_roleassignment_on_rg", REST: "properties.allowRoleAssignmentOnRG", As: Bool{}, Doc: "Lets the workspace get roles for the whole resource group."},
	{YAML: "serverless_compute", REST: "properties.serverlessComputeSettings", As: Obj(
		Field{YAML: "custom_subnet", REST: "serverlessComputeCustomSubnet", As: strictARM{none: true}, Doc: "The subnet of serverless computes; None for none."},
		Field{YAML: "no_public_ip", REST: "serverlessComputeNoPublicIP", As: Bool{}, Send: asset.NewBool(false), Doc: "Whether they get no public address."},
	), Doc: "Where serverless computes are."},
	{YAML: "mlflow_tracking_uri", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
})

// checkNetworkAcls wants rules where everything else is denied.
func checkNetworkAcls(c *Checker, v *asset.Value) {
	acls := v.Get("network_acls")
	if acls.Get("default_action").Str() == "Deny" && acls.Get("ip_rules").Len() == 0 {
		c.Badf(acls, "missing_field", "add ip_rules:", "network_acls: ip_rules must be given when the default_action is Deny")
	}
	if acls != nil && v.Get("public_network_access").Str() == "disabled" {
		c.Problems.Warnf(acls.Pos(), "no_effect", "remove it", "network_acls: the service resets them while public_network_access is disabled")
	}
}

// managedKey: only the address of the key can be changed.
var managedKey = Object{
	Fields: []Field{
		{YAML: "key_vault", REST: "keyVaultProperties.keyVaultArmId", As: Fold{}, Change: Replace, Doc: "The resource id of the key vault."},
		{YAML: "key_uri", REST: "keyVaultProperties.keyIdentifier", As: webAddress{}, Doc: "The address of the key."},
		{YAML: "cosmosdb_id", REST: "cosmosDbResourceId", As: Fold{}, Change: Replace, Doc: "A database of one's own."},
		{YAML: "storage_id", REST: "storageAccountResourceId", As: Fold{}, Change: Replace, Doc: "A storage account of one's own."},
		{YAML: "search_id", REST: "searchAccountResourceId", As: Fold{}, Change: Replace, Doc: "A search service of one's own."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("status", asset.NewString("Enabled")) },
}

// workspaceIdentity has a map of identities where other kinds have a list, and
// words that the reference client spells in a way of its own.
var workspaceIdentity = Obj(
	Field{
		YAML: "type", REST: "type", Required: true, Doc: "Who the workspace acts as.",
		As: Words("system_assigned", "Systemassigned", "user_assigned", "Userassigned", "system_assigned,user_assigned", "Systemassigned,Userassigned", "none", "None"),
	},
	Field{YAML: "user_assigned_identities", REST: "userAssignedIdentities", As: identityMap{Map{Of: Obj(
		Field{YAML: "client_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		Field{YAML: "principal_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		Field{YAML: "resource_id", As: Str{}, ReadOnly: true, Doc: "Means nothing: the key is the resource id."},
	)}}, Doc: "Managed identities by resource id, each with an empty map."},
	Field{YAML: "principal_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	Field{YAML: "tenant_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
)

// identityMap is a map by resource id, which compares without case.
type identityMap struct{ Map }

// Equal compares the keys.
func (m identityMap) Equal(want, live *asset.Value) bool {
	keys := func(v *asset.Value) string {
		set := map[string]bool{}
		for _, k := range v.Keys() {
			set[strings.ToLower(k)] = true
		}
		return strings.Join(sortedKeys(set), "\n")
	}
	return keys(want) == keys(live)
}
