package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

func componentKind(op string) *definition {
	v := &definition{
		system: sysFull, check: checkComponent, fill: fillComponent, rename: renameComponent, actions: map[string]func(*call) answer{"publish": publish},
		fields: assetFields(
			field{name: "autoDeleteSetting", since: "2023-02-01"},
			field{name: "componentSpec", object: true},
			field{name: "provisioningState", def: "Succeeded", norm: always("Succeeded")},
			field{name: "stage", since: "2022-12-01"},
		),
	}
	d := containerKind("components", "Component", op, v)
	d.system = sysNoBy // recorded 2026-03
	d.fill = func(_ *call, doc obj) { emptyDescription(doc) }
	return d
}

// renameComponent: the service chooses the version of an anonymous component (recorded 2024-02).
func renameComponent(c *call) {
	if c.names[0] != "azureml_anonymous" {
		return
	}
	c.name = guidOf("anonymous component " + c.scope.guid + strings.ToLower(c.name))
	c.names[1] = c.name
	c.prev = c.coll.get(c.name)
}

func checkComponent(c *call) *refusal {
	spec := sub(c.props, "componentSpec")
	if spec == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Property 'componentSpec' is required."})
	}
	if c.scope.registry() && c.prev == nil {
		if bad := c.wasDeleted(); bad != nil {
			return bad
		}
	}
	c.props["componentSpec"] = c.canonicalSpec(spec)
	if c.prev == nil {
		return nil
	}
	old := decodeSpec(c.oldProps()["componentSpec"])
	changed := decodeSpec(c.props["componentSpec"])
	for _, k := range []string{"display_name", "description", "tags"} {
		delete(old, k)
		delete(changed, k)
	}
	if !equalJSON(old, changed) {
		f := userError(http.StatusBadRequest, "Component "+c.names[0]+":"+c.name+" is already registered and its interface, command, code and environment cannot be changed. Create a new version.")
		f.inner = []string{"BadArgument", "ImmutableComponent"}
		return f
	}
	return nil
}

func decodeSpec(v any) obj {
	raw, ok := v.(json.RawMessage)
	if !ok {
		return obj{}
	}
	o, err := decodeObject(raw)
	if err != nil {
		return obj{}
	}
	return o
}

// canonicalSpec rewrites a spec as the service does (recorded 2026-03): every scalar a string, defaults added, required
// inputs first, _source and id dropped, the environment in its long form.
func (c *call) canonicalSpec(sent obj) json.RawMessage {
	spec := stringly(sent).(obj)
	delete(spec, "_source")
	delete(spec, "id")
	if spec["version"] == nil || spec["version"] == "" {
		spec["version"] = c.name
	}
	if spec["name"] == nil {
		spec["name"] = c.names[0]
	}
	if env, ok := spec["environment"].(string); ok {
		spec["environment"] = c.environmentRef(env)
	}
	if spec["type"] == "command" {
		if res := ensure(spec, "resources"); res["instance_count"] == nil {
			res["instance_count"] = "1"
		}
	}
	if spec["type"] != "pipeline" && spec["is_deterministic"] == nil {
		spec["is_deterministic"] = "True"
	}
	inputs := sub(spec, "inputs")
	for _, in := range inputs {
		if o, ok := in.(obj); ok {
			opt, _ := o["optional"].(string)
			o["optional"] = "False"
			if strings.EqualFold(opt, "true") {
				o["optional"] = "True"
			}
		}
	}
	if inputs != nil {
		spec["inputs"] = orderedObject(inputs, c.inputOrder(inputs))
	}
	return encode(spec)
}

// inputOrder is the order of the text, required inputs first.
func (c *call) inputOrder(inputs obj) []string {
	var text struct {
		Properties struct {
			ComponentSpec struct {
				Inputs json.RawMessage `json:"inputs"`
			} `json:"componentSpec"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(c.raw, &text); err != nil {
		return nil
	}
	var required, optional []string
	for _, k := range keyOrder(text.Properties.ComponentSpec.Inputs) {
		if o, ok := inputs[k].(obj); ok && o["optional"] == "True" {
			optional = append(optional, k)
		} else {
			required = append(required, k)
		}
	}
	return append(required, optional...)
}

// environmentRef is the long form of an environment reference in a spec.
func (c *call) environmentRef(ref string) string {
	short, ok := strings.CutPrefix(ref, "azureml:")
	if !ok || strings.HasPrefix(short, "/") {
		return ref
	}
	name, version, ok := strings.Cut(short, ":")
	if !ok {
		return ref
	}
	if strings.HasPrefix(name, "AzureML-") {
		return "azureml://registries/azureml/environments/" + name + "/versions/" + version
	}
	return "azureml:" + c.scope.id() + "/environments/" + name + "/versions/" + version
}

// stringly turns every scalar into text, booleans as True and False.
func stringly(v any) any {
	switch t := v.(type) {
	case obj:
		out := make(obj, len(t))
		for k, e := range t {
			if e != nil {
				out[k] = stringly(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			out[i] = stringly(e)
		}
		return out
	case nil:
		return nil
	default:
		return scalarText(t)
	}
}

func scalarText(v any) string {
	switch t := v.(type) {
	case nil:
		return ""
	case bool:
		if t {
			return "True"
		}
		return "False"
	case json.Number:
		return t.String()
	case string:
		return t
	default:
		return string(encode(t))
	}
}

func fillComponent(c *call, doc obj) {
	p := sub2(doc)
	p["description"] = nil // recorded: the text is in the spec only
	switch {
	case c.names[0] == "azureml_anonymous":
		p["stage"], p["isAnonymous"] = "Logged", true
	case p["stage"] == nil:
		p["stage"] = "Development"
	}
}
