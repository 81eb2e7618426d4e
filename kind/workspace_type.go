package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// strictARM is a resource id of the form that the reference client checks.
// none allows the word None, which stands for nothing and is an empty text in
// the normal form.
type strictARM struct {
	Fold
	none bool
}

const strictARMPattern = `/subscriptions/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/resourcegroups/.*/providers/[a-z.]*/[a-z]*/.*`

// Check holds the text to the form.
func (s strictARM) Check(c *Checker, v *asset.Value) *asset.Value {
	switch {
	case v.Type() == asset.String && s.none && (v.Str() == "None" || v.Str() == ""):
		return asset.NewString("")
	case v.Type() == asset.String && matches(`(?i)`+strictARMPattern, v.Str()):
		return asset.NewString(v.Str())
	}
	c.Badf(v, "bad_value", "write it as /subscriptions/ID/resourceGroups/NAME/providers/PROVIDER/TYPE/NAME", "%s is not a resource id", sort(v))
	return nil
}

// Encode sends a null for None.
func (s strictARM) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if s.none && v.Str() == "" {
		return asset.NewNull()
	}
	return e.text(v)
}

// Schema says the form.
func (s strictARM) Schema() map[string]any {
	pattern := `^(?i:` + strictARMPattern + `)$`
	if s.none {
		pattern = `^(|None|(?i:` + strictARMPattern + `))$`
	}
	return map[string]any{"type": "string", "pattern": pattern}
}

// Describe names the form.
func (strictARM) Describe() string { return "resource id" }

// webAddress is an address as the reference client's library checks it.
type webAddress struct{ Str }

const webAddressPattern = `(?:https?|ftps?)://(?:[^\s:@/]+:[^\s:@/]*@)?(?:(?:[A-Z0-9](?:[A-Z0-9-]{0,61}[A-Z0-9])?\.)+(?:[A-Z]{2,6}\.?|[A-Z0-9-]{2,}\.?)|localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[A-F0-9:.]*:[A-F0-9:.]*\])(?::\d+)?(?:/?|[/?]\S+)`

// Check holds the text to the form.
func (w webAddress) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.String && matches(`(?i)`+webAddressPattern, v.Str()) {
		return asset.NewString(v.Str())
	}
	c.Badf(v, "bad_value", "write it as https://HOST/PATH", "%s is not an address", sort(v))
	return nil
}

// Schema says the form.
func (webAddress) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^(?i:` + webAddressPattern + `)$`}
}

// Describe names the form.
func (webAddress) Describe() string { return "address" }

var managedNetwork = Object{
	Lax: true,
	Fields: []Field{
		{YAML: "isolation_mode", REST: "isolationMode", As: Words("disabled", "Disabled", "allow_internet_outbound", "AllowInternetOutbound", "allow_only_approved_outbound", "AllowOnlyApprovedOutbound"), Required: true, Doc: "What may be reached from inside."},
		{YAML: "outbound_rules", REST: "outboundRules", As: outboundRules{}, Send: asset.NewList(), Doc: "What may be reached beside what Azure itself needs. Names are those of the rules."},
		{YAML: "firewall_sku", REST: "firewallSku", As: Words("standard", "Standard", "basic", "Basic"), Send: asset.NewString("standard"), Service: asset.NewString("standard"), Doc: "The size of the firewall that rules for hosts need."},
		{YAML: "status", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "network_id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
	// The service refuses its own rules in an update.
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Delete("status")
		rest.Delete("networkId")
		rules := rest.Get("outboundRules")
		for _, name := range slices.Clone(rules.Keys()) {
			if !userDefined(rules.Get(name)) {
				rules.Delete(name)
			}
		}
	},
}

func userDefined(rule *asset.Value) bool {
	category := rule.Get("category").Str()
	return category == "" || squash(category) == "userdefined"
}

// outboundRules are a list in the file and a map by name on the wire. The form
// of the destination says what a rule is; the type in the file is not looked
// at, as in the reference client.
type outboundRules struct{}

// outboundRule is a sort of rule; tell is a key of its destination.
type outboundRule struct {
	name, rest, tell string
	obj              Object
}

var outboundSorts = []outboundRule{
	{"private_endpoint", "PrivateEndpoint", "service_resource_id", Object{Lax: true, Fields: []Field{
		{YAML: "destination", REST: "destination", Required: true, As: Obj(
			Field{YAML: "service_resource_id", REST: "serviceResourceId", As: Fold{}, Required: true, Doc: "The resource id of the service."},
			Field{YAML: "subresource_target", REST: "subresourceTarget", As: Str{}, Required: true, Doc: "The part of the service, such as blob."},
			Field{YAML: "spark_enabled", REST: "sparkEnabled", As: Bool{}, Required: true, Doc: "Whether Spark jobs may use it."},
		), Doc: "What is reached: a service, a service tag or a host."},
		{YAML: "fqdns", REST: "fqdns", As: List{Of: Str{}}, Doc: "Host names of the endpoint."},
	}}},
	{"service_tag", "ServiceTag", "service_tag", Object{Lax: true, Fields: []Field{
		{YAML: "destination", REST: "destination", Required: true, As: Obj(
			Field{YAML: "service_tag", REST: "serviceTag", As: Str{}, Required: true, Doc: "The tag."},
			Field{YAML: "protocol", REST: "protocol", As: Str{}, Required: true, Doc: "TCP, UDP, ICMP or *."},
			Field{YAML: "port_ranges", REST: "portRanges", As: Str{}, Required: true, Doc: "The ports, as one text."},
			Field{YAML: "address_prefixes", REST: "addressPrefixes", As: List{Of: Str{}}, Doc: "Ranges in place of the tag's."},
		), Doc: "What is reached: a service, a service tag or a host."},
	}}},
	{"fqdn", "FQDN", "", Object{Lax: true, Fields: []Field{
		{YAML: "destination", REST: "destination", As: Str{}, Required: true, Doc: "What is reached: a service, a service tag or a host."},
	}}},
}

// alternatives are the sorts.
func (outboundRules) alternatives() []Type {
	var out []Type
	for _, s := range outboundSorts {
		out = append(out, s.obj)
	}
	return out
}

// sortOf is the sort of a written or normal rule.
func (outboundRules) sortOf(v *asset.Value) *outboundRule {
	dest := v.Get("destination")
	for i, s := range outboundSorts {
		if s.tell == "" && dest.Type() == asset.String || s.tell != "" && dest.Has(s.tell) {
			return &outboundSorts[i]
		}
	}
	return nil
}

// Check makes each rule of its sort.
func (r outboundRules) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.List {
		return List{Of: Any{}}.Check(c, v)
	}
	return List{Of: outboundItem{r}}.Check(c, v)
}

// outboundItem checks one rule.
type outboundItem struct{ outboundRules }

// Check makes the rule of its sort.
func (r outboundItem) Check(c *Checker, v *asset.Value) *asset.Value {
	s := r.sortOf(v)
	name := v.Get("name")
	switch {
	case v.Type() != asset.Map:
		c.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	case name.Type() != asset.String:
		c.Badf(v, "missing_field", "add name: and a text", "name: is missing")
		return nil
	case s == nil:
		c.Badf(v, "missing_field", "write a host, or a map with service_tag or with service_resource_id", "destination: it is none of a rule")
		return nil
	}
	out := asset.NewMap().At(v.Pos()).Set("name", asset.NewString(name.Str()).At(name.Pos())).Set("type", asset.NewString(s.name))
	for k, item := range s.obj.Check(c, v).Entries() {
		out.Set(k, item)
	}
	return out
}

// Encode makes the map.
func (r outboundRules) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for _, item := range v.Items() {
		s := r.sortOf(item)
		if s == nil {
			continue
		}
		one := asset.NewMap().Set("category", asset.NewString("UserDefined")).Set("type", asset.NewString(s.rest))
		s.obj.encodeInto(e, item, one)
		rest.Set(item.Get("name").Str(), one)
	}
	return rest
}

// Decode makes the list of the rules that users made, in the order of names.
func (r outboundRules) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	v := asset.NewList()
	for _, name := range slices.Sorted(slices.Values(rest.Keys())) {
		rule := rest.Get(name)
		if !userDefined(rule) {
			continue
		}
		for _, s := range outboundSorts {
			if squash(s.rest) != squash(rule.Get("type").Str()) {
				continue
			}
			item := asset.NewMap().Set("name", asset.NewString(name)).Set("type", asset.NewString(s.name))
			for k, part := range s.obj.Decode(d, rule).Entries() {
				item.Set(k, part)
			}
			v.Append(item)
		}
	}
	if v.Len() == 0 {
		return nil
	}
	return v
}

// Equal compares the rules by name.
func (r outboundRules) Equal(want, live *asset.Value) bool {
	byName := map[string]*asset.Value{}
	for _, item := range live.Items() {
		byName[item.Get("name").Str()] = item
	}
	names := map[string]bool{}
	for _, item := range want.Items() {
		name := item.Get("name").Str()
		other, s := byName[name], r.sortOf(item)
		if other == nil || s == nil || r.sortOf(other) != s || !SameValue(s.obj, item, other) {
			return false
		}
		names[name] = true
	}
	return len(names) == len(byName)
}

// Schema allows the three sorts.
func (r outboundRules) Schema() map[string]any {
	var alts []any
	for _, s := range outboundSorts {
		one := objectSchema(s.obj.Fields, true)
		props, required := one["properties"].(map[string]any), one["required"].([]any)
		props["name"] = map[string]any{"type": "string"}
		one["required"] = append(required, "name")
		alts = append(alts, one)
	}
	return map[string]any{"type": "array", "items": map[string]any{"anyOf": alts}}
}

// Describe names the sorts.
func (outboundRules) Describe() string {
	var names []string
	for _, s := range outboundSorts {
		names = append(names, s.name)
	}
	return "list of rules: " + strings.Join(names, ", ")
}
