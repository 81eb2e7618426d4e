package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// endpointName is the rule for names of endpoints and deployments.
var endpointName = NameRule{
	Pattern: `[a-zA-Z]([-a-zA-Z0-9]{1,30}[a-zA-Z0-9])`,
	Text:    "use 3 to 32 letters, digits and dashes, the first a letter, the last no dash",
}

var onlineEndpoint = &Table{
	Kind:       "online-endpoint",
	Plural:     "online-endpoints",
	Collection: "onlineEndpoints",
	LowerName:  true,
	Names:      endpointName,
	Tags:       "tags",
	Location:   true,
	Remove:     Delete,
	Costly:     true,
	Promotable: true,
	Routes:     Routes{Shares: "traffic", Mirror: "mirror_traffic", MirrorMax: 50, Unmirrored: []string{"kubernetes"}},
	Doc:        "An address that answers requests at once, by the deployments behind it.",
	Variants: []*Variant{
		{
			Name:    "managed",
			Schemas: []string{"managedOnlineEndpoint", "onlineEndpoint"},
			Live:    func(rest *asset.Value) bool { return !isKubernetesEndpoint(rest) },
			Tell: func(doc *asset.Value) bool {
				return !doc.Has("compute") && tellOnlineEndpoint(doc)
			},
			Preview:  &Preview{Tell: tellPreviewEndpoint, Upgrade: upgradeOnlineEndpoint},
			Doc:      "An endpoint on machines of Azure.",
			Check:    checkOnlineEndpoint,
			FromREST: onlineEndpointFromREST,
			Fields: []Field{
				{YAML: "public_network_access", REST: "properties.publicNetworkAccess", As: Words("enabled", "Enabled", "disabled", "Disabled"), Service: asset.NewString("enabled"), Stays: true, Doc: "Whether the address can be reached from the internet."},
			},
		},
		{
			Name:     "kubernetes",
			Schemas:  []string{"kubernetesOnlineEndpoint"},
			Live:     isKubernetesEndpoint,
			Tell:     func(doc *asset.Value) bool { return doc.Has("compute") && tellOnlineEndpoint(doc) },
			Doc:      "An endpoint on an attached Kubernetes cluster.",
			Check:    checkOnlineEndpoint,
			FromREST: onlineEndpointFromREST,
			Fields: []Field{
				{YAML: "compute", REST: "properties.compute", As: Ref{To: "compute"}, Required: true, Change: Replace, Stays: true, Doc: "The cluster."},
			},
		},
	},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "tags", As: Tags, Doc: "Tags of the endpoint."},
		{YAML: "properties", REST: "properties.properties", As: Tags, Change: Append, Doc: "Properties may be added, not changed or removed."},
		{YAML: "auth_mode", REST: "properties.authMode", As: Words("key", "Key", "aml_token", "AMLToken", "aad_token", "AADToken"), Send: asset.NewString("key"), Stays: true, Doc: "How callers show who they are."},
		{YAML: "identity", REST: "identity", As: assignedIdentity, Send: asset.NewMap().Set("type", asset.NewString("system_assigned")), Stays: true, Doc: "Who the endpoint acts as."},
		{YAML: "location", As: Str{}, ReadOnly: true, Doc: "That of the workspace; the reference client sends no other."},
		{YAML: "traffic", REST: "properties.traffic", As: Map{Of: Int{}}, Late: true, Stays: true, Doc: "The percentage of the requests that each deployment answers: 100 in all, or 0. A deployment that is not named gets none."},
		{YAML: "mirror_traffic", REST: "properties.mirrorTraffic", As: Map{Of: Int{}}, Late: true, Stays: true, Doc: "The percentage of the requests, at most 50, that one deployment without traffic gets copies of."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "kind", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "scoring_uri", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "openapi_uri", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// tellOnlineEndpoint needs more than name and auth_mode: aad_token, or none,
// is a batch endpoint as well.
func tellOnlineEndpoint(doc *asset.Value) bool {
	if !doc.Has("name") || hasAny(doc, "endpoint_name", "type", "defaults", "model_id", "deployments") {
		return false
	}
	if typeOfAuth := squash(doc.Get("auth_mode").Str()); typeOfAuth == "key" || typeOfAuth == "amltoken" {
		return onlyKeys(doc, nil, onlineEndpointKeys...)
	}
	return hasAny(doc, "traffic", "mirror_traffic") && onlyKeys(doc, nil, onlineEndpointKeys...)
}

var onlineEndpointKeys = []string{
	"$schema", "name", "description", "tags", "properties", "auth_mode", "identity", "location", "traffic", "mirror_traffic",
	"public_network_access", "compute", "id", "kind", "provisioning_state", "scoring_uri", "openapi_uri",
}

func isKubernetesEndpoint(rest *asset.Value) bool {
	return rest.GetPath("properties", "compute").Str() != ""
}

// checkOnlineEndpoint leaves out entries of 0, which mean the same as none,
// and looks at the sums.
func checkOnlineEndpoint(c *Checker, v *asset.Value) {
	live, mirror := v.Get("traffic"), v.Get("mirror_traffic")
	for key, m := range map[string]*asset.Value{"traffic": live, "mirror_traffic": mirror} {
		if m != nil {
			v.Set(key, percentages(m).At(m.Pos()))
		}
	}
	sum := int64(0)
	for name, item := range v.Get("traffic").Entries() {
		n, _ := item.Int64()
		sum += n
		if n < 0 {
			c.Problems.Hintf(item.Pos(), "bad_value", "", "traffic.%s: a percentage cannot be negative", name)
		}
	}
	if sum != 0 && sum != 100 {
		c.Problems.Hintf(live.Pos(), "bad_value", "the percentages are 100 in all, or 0", "traffic: the percentages are %d in all", sum)
	}
	checkMirror(c, v.Get("traffic"), v.Get("mirror_traffic"))
	if mirror.Len() > 0 && c.variant.Name == "kubernetes" {
		c.Problems.Hintf(mirror.Pos(), "conflict", "remove it", "mirror_traffic: Kubernetes endpoints cannot mirror")
	}
}

func checkMirror(c *Checker, live, mirror *asset.Value) {
	if mirror.Len() > 1 {
		c.Problems.Hintf(mirror.Pos(), "bad_value", "name one deployment", "mirror_traffic: only one deployment can get copies")
	}
	for name, item := range mirror.Entries() {
		if n, _ := item.Int64(); n < 0 || n > 50 {
			c.Problems.Hintf(item.Pos(), "bad_value", "write at most 50", "mirror_traffic.%s: %d per cent is too much", name, n)
		}
		if live.Has(name) {
			c.Problems.Hintf(item.Pos(), "conflict", "remove it from one of them", "mirror_traffic.%s: the deployment has traffic of its own", name)
		}
	}
}

// percentages are the entries that are not 0, by names in lower case.
func percentages(m *asset.Value) *asset.Value {
	out := asset.NewMap()
	for name, item := range m.Entries() {
		if n, ok := item.Int64(); !ok || n != 0 {
			out.Set(strings.ToLower(name), item)
		}
	}
	return out
}

// onlineEndpointFromREST: the service lists deployments without traffic with
// a 0. An endpoint without any traffic keeps the empty map, so that it can be
// told from one that was not read.
func onlineEndpointFromREST(_ *Decoder, rest, v *asset.Value) {
	for key, name := range map[string]string{"traffic": "traffic", "mirror_traffic": "mirrorTraffic"} {
		if m := rest.GetPath("properties", name); m.Len() > 0 {
			v.Set(key, percentages(v.Get(key)))
		}
	}
}
