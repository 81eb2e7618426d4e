package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

var registryKind = &Table{
	Kind:       "registry",
	Plural:     "registries",
	Collection: "registries",
	Top:        true,
	OptIn:      true,
	InRegistry: true,
	Names:      NameRule{Pattern: `[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}`, Text: "use 3 to 33 letters, digits, dashes and underscores", Warn: true},
	Tags:       "tags",
	Remove:     Orphan,
	Doc:        "A registry, from which many workspaces take environments, models, data and components. It is managed only where mlsync.yaml says manage: [registry], and never deleted.",
	Variants: []*Variant{{
		Schemas:  []string{"registry"},
		Tell:     func(doc *asset.Value) bool { return hasAll(doc, "name", "location", "replication_locations") },
		ToREST:   sendRegistry,
		FromREST: readRegistry,
	}},
	Fields: []Field{
		{YAML: "description", As: Str{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
		{YAML: "tags", REST: "tags", As: Tags, Send: asset.NewMap(), Doc: "Tags of the registry and, at its creation, of the resource group that Azure makes for it."},
		{YAML: "location", REST: "location", As: region{}, Required: true, Change: Replace, Doc: "The first region."},
		{YAML: "public_network_access", REST: "properties.publicNetworkAccess", As: Words("enabled", "Enabled", "disabled", "Disabled"), Service: asset.NewString("enabled"), Doc: "Whether it can be reached from the internet."},
		{YAML: "replication_locations", REST: "properties.regionDetails", As: List{Of: Obj(
			Field{YAML: "location", REST: "location", As: region{}, Doc: "The region."},
			Field{YAML: "storage_config", REST: "storageAccountDetails", As: registryStorage{}, Send: asset.NewMap(), Doc: "Storage accounts that Azure makes, or a list of resource ids of one's own."},
		)}, Required: true, Doc: "The regions; the first must be that of the registry."},
		{YAML: "container_registry", As: registryImages{}, Change: Replace, Service: systemPremium, Doc: "Where images are kept, in each region: a sku, of which premium is the only one, or the resource id of a registry of one's own."},
		{YAML: "intellectual_property", As: Obj(
			Field{YAML: "publisher", REST: "properties.intellectualPropertyPublisher", As: Str{}, Doc: "Whose property the assets are."},
		), Change: Replace, Doc: "Whose property the assets are."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "identity", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "kind", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "sku", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "managed_resource_group", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "mlflow_registry_uri", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "discovery_url", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// sendRegistry puts the registry of images into each region, and what the
// reference client always sends. What Azure has made stays in the body.
func sendRegistry(e *Encoder, v, rest *asset.Value) {
	if rest.Get("identity").IsNull() {
		rest.SetPath(asset.NewString("SystemAssigned"), "identity", "type")
	}
	props := rest.Get("properties")
	if props.Get("managedResourceGroupTags").IsNull() {
		props.Set("managedResourceGroupTags", rest.Get("tags").Clone())
	}
	images := v.Get("container_registry")
	if images == nil {
		images = systemPremium
	}
	for _, region := range props.Get("regionDetails").Items() {
		if region.Get("acrDetails").IsNull() {
			region.Set("acrDetails", asset.NewList(registryImages{}.Encode(e, images)))
		}
	}
}

// readRegistry finds the registry of images in the first region.
func readRegistry(d *Decoder, rest, v *asset.Value) {
	for _, region := range rest.GetPath("properties", "regionDetails").Items() {
		if all := region.Get("acrDetails").Items(); len(all) > 0 {
			if got := (registryImages{}).Decode(d, all[0]); got != nil {
				v.Set("container_registry", got)
			}
			return
		}
	}
}

// systemPremium is what a registry has whose file is silent.
var systemPremium = asset.NewMap().Set("acr_account_sku", asset.NewString("premium"))

// registryImages is a registry of images: one that Azure makes, or a resource id.
type registryImages struct{}

var (
	systemImages = Obj(
		Field{YAML: "acr_account_sku", REST: "acrAccountSku", As: Enum{Words: [][2]string{{"premium", "Premium"}}, Caseless: true}, Required: true, Doc: "premium is the only one."},
		Field{YAML: "arm_resource_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	)
	userImages  = resourceOf{"Microsoft.ContainerRegistry/registries"}
	userStorage = resourceOf{"Microsoft.Storage/storageAccounts"}
)

// alternatives are the forms.
func (registryImages) alternatives() []Type { return []Type{systemImages, userImages} }

func (registryImages) of(v *asset.Value) Type {
	if v.Type() == asset.Map {
		return systemImages
	}
	return userImages
}

// Check is that of the form.
func (t registryImages) Check(c *Checker, v *asset.Value) *asset.Value { return t.of(v).Check(c, v) }

// Encode makes one entry of acrDetails.
func (t registryImages) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	if v.Type() == asset.Map {
		return rest.Set("systemCreatedAcrAccount", systemImages.Encode(e, v))
	}
	rest.SetPath(e.text(v), "userCreatedAcrAccount", "armResourceId", "resourceId")
	return rest
}

// Decode reads one entry of acrDetails.
func (t registryImages) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if own := rest.GetPath("userCreatedAcrAccount", "armResourceId", "resourceId"); !own.IsNull() {
		return own
	}
	return systemImages.Decode(d, rest.Get("systemCreatedAcrAccount"))
}

// Equal compares the form and what it says.
func (t registryImages) Equal(want, live *asset.Value) bool {
	return (want.Type() == asset.Map) == (live.Type() == asset.Map) && SameValue(t.of(want), want, live)
}

// Schema allows both forms.
func (registryImages) Schema() map[string]any {
	return map[string]any{"anyOf": []any{userImages.Schema(), systemImages.Schema()}}
}

// Describe names both forms.
func (registryImages) Describe() string { return "map with acr_account_sku, or resource id" }

// resourceOf is a resource id of one provider and type.
type resourceOf struct{ what string }

func (r resourceOf) pattern() string {
	return `/subscriptions/.*/resourceGroups/.*/providers/` + strings.ReplaceAll(r.what, ".", "[.]") + `/.*`
}

// Check holds the text to the form.
func (r resourceOf) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.String && matches(r.pattern(), v.Str()) {
		return asset.NewString(v.Str())
	}
	c.Badf(v, "bad_value", "write it as /subscriptions/ID/resourceGroups/NAME/providers/"+r.what+"/NAME", "%s is not a resource id of %s", sort(v), r.what)
	return nil
}

// Encode sends it.
func (r resourceOf) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }

// Decode reads it.
func (r resourceOf) Decode(_ *Decoder, v *asset.Value) *asset.Value { return present(v) }

// Equal compares without case.
func (r resourceOf) Equal(a, b *asset.Value) bool { return strings.EqualFold(a.Text(), b.Text()) }

// Schema says the form.
func (r resourceOf) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^" + r.pattern() + "$"}
}

// Describe names the form.
func (r resourceOf) Describe() string { return "resource id of " + r.what }

// registryStorage is the storage of one region: as many accounts of one sort
// as the map says, or a list of resource ids. On the wire it is a list.
type registryStorage struct{}

var systemStorage = Object{
	Fields: []Field{
		{YAML: "storage_account_hns", REST: "storageAccountHnsEnabled", As: Bool{}, Send: asset.NewBool(false), Doc: "A hierarchical namespace."},
		{YAML: "storage_account_type", REST: "storageAccountType", As: storageSku, Send: asset.NewString("standard_lrs"), Doc: "How it is replicated."},
		{YAML: "replication_count", As: Int{}, Doc: "How many accounts; 1 if not given."},
		{YAML: "arm_resource_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "replicated_ids", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	},
	After: func(c *Checker, v *asset.Value) {
		if n := v.Get("replication_count"); n != nil {
			if i, _ := n.Int64(); i < 1 {
				c.Badf(n, "bad_value", "write 1 or more", "replication_count: there must be an account")
			}
		}
	},
}

var storageSku = func() Enum {
	e := Enum{Caseless: true}
	for _, w := range []string{"standard_lrs", "standard_grs", "standard_ragrs", "standard_zrs", "standard_gzrs", "standard_ragzrs", "premium_lrs", "premium_zrs"} {
		e.Words = append(e.Words, [2]string{w, w})
	}
	return e
}()

// alternatives are the forms.
func (registryStorage) alternatives() []Type { return []Type{systemStorage, List{Of: userStorage}} }

func (registryStorage) of(v *asset.Value) Type {
	if v.Type() == asset.Map {
		return systemStorage
	}
	return List{Of: userStorage}
}

// Check is that of the form.
func (t registryStorage) Check(c *Checker, v *asset.Value) *asset.Value { return t.of(v).Check(c, v) }

// Encode makes one entry an account.
func (t registryStorage) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewList()
	if v.Type() == asset.Map {
		for range max(count(v.Get("replication_count")), 1) {
			rest.Append(asset.NewMap().Set("systemCreatedStorageAccount", systemStorage.Encode(e, v)))
		}
		return rest
	}
	for _, id := range v.Items() {
		one := asset.NewMap()
		one.SetPath(e.text(id), "userCreatedStorageAccount", "armResourceId", "resourceId")
		rest.Append(one)
	}
	return rest
}

func count(v *asset.Value) int {
	n, _ := v.Int64()
	return int(min(n, 100))
}

// Decode reads the accounts.
func (t registryStorage) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	own := asset.NewList()
	for _, item := range rest.Items() {
		if id := item.GetPath("userCreatedStorageAccount", "armResourceId", "resourceId"); !id.IsNull() {
			own.Append(id)
			continue
		}
		made := systemStorage.Decode(d, item.Get("systemCreatedStorageAccount"))
		if made == nil {
			made = asset.NewMap()
		}
		if rest.Len() > 1 {
			made.Set("replication_count", asset.NewInt(int64(rest.Len())))
		}
		return made
	}
	return own
}

// Equal compares what is sent: the defaults are filled in.
func (t registryStorage) Equal(want, live *asset.Value) bool {
	if want.Type() != asset.Map || live.Type() != asset.Map {
		return want.Type() == live.Type() && SameValue(t.of(want), want, live)
	}
	fill := func(v *asset.Value) *asset.Value {
		out := asset.NewMap()
		for _, f := range systemStorage.Fields {
			if item := v.Get(f.YAML); item != nil && !f.ReadOnly {
				out.Set(f.YAML, item)
			} else if f.Send != nil {
				out.Set(f.YAML, f.Send)
			}
		}
		return out.Set("replication_count", asset.NewInt(int64(max(count(v.Get("replication_count")), 1))))
	}
	return SameValue(systemStorage, fill(want), fill(live))
}

// Schema allows both forms.
func (registryStorage) Schema() map[string]any {
	return map[string]any{"anyOf": []any{systemStorage.Schema(), map[string]any{"type": "array", "items": userStorage.Schema()}}}
}

// Describe names both forms.
func (registryStorage) Describe() string { return "map, or list of resource ids" }
