package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

var compute = &Table{
	Kind:       "compute",
	Plural:     "computes",
	Collection: "computes",
	Names:      NameRule{Pattern: `[a-zA-Z](?:[a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?`, Text: "use 2 to 32 letters, digits and dashes, the first a letter", Warn: true},
	Tags:       "tags",
	Location:   true,
	Remove:     Confirm,
	Costly:     true,
	NeedType:   true,
	Doc:        "Machines that jobs and people use, or machines of elsewhere that are attached.",
	Variants:   []*Variant{amlCompute, computeInstance, kubernetesCompute, virtualMachine, synapseSpark},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "tags", As: Tags, Doc: "Free labels."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "provisioning_errors", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "created_on", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	},
}

// deleteOwn and detach are what a DELETE must say: machines of the workspace
// are deleted, machines of elsewhere are let go.
var (
	deleteOwn = map[string]string{"underlyingResourceAction": "Delete"}
	detach    = map[string]string{"underlyingResourceAction": "Detach"}
)

// workspaceLocation is the location of computes that are always in the region
// of the workspace.
var workspaceLocation = Field{YAML: "location", As: Str{}, Change: Once, Doc: "Not used: the compute is in the region of the workspace."}

// unusedResource is the resource id of computes that are not attached.
var unusedResource = Field{YAML: "resource_id", As: Str{}, Change: Once, Doc: "Not used: the compute is the workspace's own."}

var attachedResource = Field{YAML: "resource_id", REST: "properties.resourceId", As: armID{}, Required: true, Change: Replace, Doc: "The resource id of what is attached."}

var computeIdentity = Field{YAML: "identity", REST: "identity", As: assignedIdentity, Doc: "Who the compute is to other resources."}

func warnLocation(c *Checker, v *asset.Value) {
	if l := v.Get("location"); l != nil {
		c.Problems.Warnf(l.Pos(), "ignored", "remove it", "location: a compute of this type is in the region of the workspace")
	}
}

// armID is a resource id: the service changes its case.
type armID struct{ Str }

func (armID) Equal(want, live *asset.Value) bool { return strings.EqualFold(want.Text(), live.Text()) }
func (armID) Describe() string                   { return "resource id" }

// region is a location: East US and eastus are the same.
type region struct{ Str }

func (region) Equal(want, live *asset.Value) bool { return squash(want.Text()) == squash(live.Text()) }
func (region) Describe() string                   { return "Azure region" }

// onOff is a boolean that is a word on the wire. Words that are neither of
// the two, such as NotSpecified, mean nothing.
type onOff struct{ Bool }

func (onOff) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	if v.Bool() {
		return asset.NewString("Enabled")
	}
	return asset.NewString("Disabled")
}

func (onOff) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	switch strings.ToLower(rest.Text()) {
	case "enabled":
		return asset.NewBool(true)
	case "disabled":
		return asset.NewBool(false)
	}
	return nil
}

// subnet is where a compute is in the network: a subnet and the name of its
// virtual network in the resource group of the workspace, or a resource id.
type subnet struct{ Object }

var networkSettings = subnet{Object{Fields: []Field{
	{YAML: "vnet_name", REST: "vnet", As: Str{}, Doc: "The virtual network, in the resource group of the workspace."},
	{YAML: "subnet", REST: "id", As: Str{}, Doc: "The name of the subnet, or its resource id."},
	{YAML: "public_ip_address", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "private_ip_address", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
}, After: func(c *Checker, v *asset.Value) {
	if v.Has("vnet_name") && !v.Has("subnet") {
		c.Badf(v.Get("vnet_name"), "missing_field", "add subnet:", "a virtual network needs a subnet")
	}
	if name := v.Get("subnet"); name != nil && !v.Has("vnet_name") && !strings.HasPrefix(name.Str(), "/") {
		c.Badf(name, "missing_field", "add vnet_name:, or write a resource id", "the subnet has no virtual network")
	}
}}}

const networkProvider = "/providers/Microsoft.Network/virtualNetworks/"

func (s subnet) Encode(e *Encoder, v *asset.Value) *asset.Value {
	name := v.Get("subnet").Str()
	switch {
	case name == "":
		return nil
	case !strings.HasPrefix(name, "/"):
		name = e.Scope.network() + v.Get("vnet_name").Str() + "/subnets/" + name
	}
	return asset.NewMap().Set("id", asset.NewString(name))
}

func (s Scope) network() string {
	return "/subscriptions/" + s.Subscription + "/resourceGroups/" + s.ResourceGroup + networkProvider
}

func (s subnet) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	id := rest.Get("id").Str()
	if id == "" {
		return nil
	}
	if tail, ok := cutPrefixFold(id, d.Scope.network()); ok {
		if parts := strings.Split(tail, "/"); len(parts) == 3 && strings.EqualFold(parts[1], "subnets") {
			return asset.NewMap().Set("vnet_name", asset.NewString(parts[0])).Set("subnet", asset.NewString(parts[2]))
		}
	}
	return asset.NewMap().Set("subnet", asset.NewString(id))
}

// Equal compares names with names and ids with ids. A live subnet of the own
// resource group is read as names, so an id in the file is compared with them
// by its end.
func (s subnet) Equal(want, live *asset.Value) bool {
	w, l := want.Get("subnet").Str(), live.Get("subnet").Str()
	switch wid, lid := strings.HasPrefix(w, "/"), strings.HasPrefix(l, "/"); {
	case w == "":
		return true
	case wid == lid:
		return strings.EqualFold(w, l) && (wid || strings.EqualFold(want.Get("vnet_name").Str(), live.Get("vnet_name").Str()))
	case wid:
		return strings.HasSuffix(strings.ToLower(w), strings.ToLower(networkProvider+live.Get("vnet_name").Str()+"/subnets/"+l))
	}
	return false
}

func (subnet) Describe() string { return "subnet" }

// keepSetting puts a default into a body that creates; a body that updates
// has what the service sent.
func keepSetting(rest *asset.Value, v *asset.Value, path ...string) {
	if rest.GetPath(path...).IsNull() {
		rest.SetPath(v, path...)
	}
}

// nullMeans reads members that the service leaves null for their default.
func nullMeans(v *asset.Value, defaults map[string]bool) {
	for _, key := range sortedKeys(defaults) {
		if v.Get(key).IsNull() {
			v.Set(key, asset.NewBool(defaults[key]))
		}
	}
}
