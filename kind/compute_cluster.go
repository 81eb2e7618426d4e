package kind

import "mlsync.dev/mlsync/asset"

var amlCompute = &Variant{
	Name:    "amlcompute",
	Schemas: []string{"amlCompute"},
	Types:   []string{"amlcompute"},
	Const:   []Const{{"properties.computeType", "AmlCompute"}},
	Tell:    func(doc *asset.Value) bool { return typeIs(doc, "amlcompute") && doc.Has("name") },
	Preview: &Preview{
		Tell: func(doc *asset.Value) bool {
			return typeIs(doc, "AmlCompute") && hasAny(doc, previewSizes...) || exactType(doc, "AzureMLCompute")
		},
		Upgrade: upgradeCluster,
	},
	DeleteQuery: deleteOwn,
	Fields: []Field{
		{YAML: "location", REST: "location", As: region{}, Change: Replace, Doc: "The region; that of the workspace if not given."},
		unusedResource,
		{YAML: "size", REST: "properties.properties.vmSize", As: Fold{}, Send: asset.NewString("STANDARD_DS3_V2"), Change: Replace, Doc: "The size of the machines. The service answers in capitals while it creates them."},
		{YAML: "tier", REST: "properties.properties.vmPriority", As: Words("dedicated", "Dedicated", "low_priority", "LowPriority"), Change: Replace, Service: asset.NewString("dedicated"), Doc: "Low-priority machines are cheaper and can be taken away."},
		{YAML: "min_instances", REST: "properties.properties.scaleSettings.minNodeCount", As: Int{}, Send: asset.NewInt(0), Service: asset.NewInt(0), Doc: "Machines that always run, and cost."},
		{YAML: "max_instances", REST: "properties.properties.scaleSettings.maxNodeCount", As: Int{}, Send: asset.NewInt(1), Doc: "The most machines at a time. The reference client takes 0 for 1."},
		{YAML: "idle_time_before_scale_down", REST: "properties.properties.scaleSettings.nodeIdleTimeBeforeScaleDown", As: Duration{}, Service: asset.NewInt(120), Doc: "Seconds before an idle machine is let go."},
		{YAML: "ssh_public_access_enabled", REST: "properties.properties.remoteLoginPortPublicAccess", As: onOff{}, Change: Replace, Doc: "Opens the SSH port to the internet."},
		{YAML: "ssh_settings", REST: "properties.properties.userAccountCredentials", Change: Once, As: Obj(
			Field{YAML: "admin_username", REST: "adminUserName", As: Str{}, Required: true, Change: Once, Doc: "The name of the administrator."},
			Field{YAML: "admin_password", REST: "adminUserPassword", As: Str{}, Secret: true, Change: Once, Doc: "The administrator's password; write-only."},
			Field{YAML: "ssh_key_value", REST: "adminUserSshPublicKey", As: Str{}, Change: Once, Doc: "The administrator's public key."},
		), Doc: "The administrator of the machines, set at creation. The service does not give it back reliably."},
		{YAML: "network_settings", REST: "properties.properties.subnet", As: networkSettings, Change: Replace, Doc: "The subnet of the machines."},
		computeIdentity,
		{YAML: "enable_node_public_ip", REST: "properties.properties.enableNodePublicIp", As: Bool{}, Send: asset.NewBool(true), Service: asset.NewBool(true), Change: Replace, Doc: "Gives the machines public addresses."},
	},
	Check: func(c *Checker, v *asset.Value) {
		low, _ := v.Get("min_instances").Int64()
		high, said := v.Get("max_instances").Int64()
		if high == 0 {
			high = 1
			if said {
				v.Set("max_instances", asset.NewInt(1).At(v.Get("max_instances").Pos()))
			}
		}
		if low > high {
			c.Problems.Warnf(v.Get("min_instances").Pos(), "conflict", "raise max_instances", "min_instances is %d, but max_instances only %d", low, high)
		}
	},
	ToREST: func(_ *Encoder, v, rest *asset.Value) {
		keepSetting(rest, asset.NewString("Linux"), "properties", "properties", "osType")
		keepSetting(rest, asset.NewString("NotSpecified"), "properties", "properties", "remoteLoginPortPublicAccess")
		keepSetting(rest, asset.NewBool(v.Get("ssh_settings") == nil), "properties", "disableLocalAuth")
	},
	FromREST: func(_ *Decoder, _, v *asset.Value) {
		nullMeans(v, map[string]bool{"enable_node_public_ip": true})
	},
	Doc: "A cluster of machines that grows and shrinks with the jobs.",
}

// previewSizes are keys that only the preview had.
var previewSizes = []string{"min_nodes", "max_nodes", "sku"}

func exactType(doc *asset.Value, name string) bool { return doc.Get("type").Str() == name }

// upgradeCluster reads min_nodes, max_nodes and sku of AzureMLCompute.
func upgradeCluster(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos())
	out.Set("type", asset.NewString("amlcompute").At(u.Doc.Get("type").Pos()))
	u.Rest(out, u.Doc, append([]string{"$schema", "type"}, previewSizes...)...)
	u.Move(out, "min_nodes", "min_instances", nil)
	u.Move(out, "max_nodes", "max_instances", nil)
	u.Move(out, "sku", "size", nil)
	return []*asset.Value{out}
}
