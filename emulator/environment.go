package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func environmentKind(op string) *definition {
	route := []field{{name: "path"}, {name: "port"}}
	v := &definition{
		created: 201, updated: 201, system: sysFull, check: checkEnvironment, fill: fillEnvironment, stored: moveLabel, view: viewEnvironment, viewOld: true,
		newest: "2023-02-01", actions: map[string]func(*call) answer{"startpendingupload": startPendingUpload, "publish": publish},
		fields: assetFields(
			field{name: "autoDeleteSetting", since: "2023-02-01"},
			field{name: "environmentType", def: "UserCreated", norm: always("UserCreated")},
			field{name: "image", def: omit},
			field{name: "condaFile", def: omit},
			field{name: "build", def: omit, fields: []field{{name: "contextUri"}, {name: "dockerfilePath", def: "Dockerfile"}}},
			field{name: "inferenceConfig", object: true, def: omit, fields: []field{
				{name: "livenessRoute", fields: route},
				{name: "readinessRoute", fields: route},
				{name: "scoringRoute", fields: route},
				{name: "startupRoute", def: omit, fields: route, since: "2025-01-01"},
			}},
			field{name: "osType", def: "Linux", norm: oneOf("Linux", "Windows")},
			field{name: "autoRebuild", def: "Disabled", since: "2022-10-01", norm: oneOf("Disabled", "OnBaseImageUpdate")},
			field{name: "provisioningState", def: "Succeeded", norm: always("Succeeded")},
			field{name: "stage", since: "2023-02-01"},
			field{name: "intellectualProperty", since: "2023-02-01", norm: always(nil)},
		),
	}
	d := containerKind("environments", "Environment", op, v)
	d.fill = func(_ *call, doc obj) { emptyDescription(doc) }
	d.updated = 201
	return d
}

// emptyDescription shows "" for a container's description that is not set (recorded).
func emptyDescription(doc obj) {
	if p := sub2(doc); p["description"] == nil {
		p["description"] = ""
	}
}

func checkEnvironment(c *call) *refusal {
	if text, ok := c.props["condaFile"].(string); ok {
		out, err := condaJSON(text)
		if err != nil {
			return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidCondaFile", "condaFile is not valid YAML: " + err.Error()})
		}
		c.props["condaFile"] = out
	}
	hasImage, hasBuild := str(c.props, "image") != "", c.props["build"] != nil
	if hasImage == hasBuild && c.prev == nil {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidInput", "Exactly one of 'image' and 'build' must be given."})
	}
	if c.scope.registry() && c.prev == nil {
		if bad := c.wasDeleted(); bad != nil {
			return bad
		}
	}
	if c.prev == nil {
		return nil
	}
	doc, _ := c.compose()
	if c.srv.opt.EnvChange == EnvRefuse && !sameEnvironment(sub(doc, "properties"), c.oldProps()) {
		return userError(http.StatusConflict, "Environment "+c.names[0]+" with version "+c.name+" is already registered and cannot be changed.")
	}
	// Recorded 2022-10 and 2023-10: whatever is sent, the answer is 201 and the old object.
	return &refusal{status: http.StatusCreated}
}

func sameEnvironment(a, b obj) bool {
	for _, k := range []string{"image", "condaFile", "build", "inferenceConfig", "osType", "description", "tags", "isArchived", "autoRebuild"} {
		if !equalJSON(a[k], b[k]) {
			return false
		}
	}
	return true
}

// wasDeleted refuses the name of a registry asset that existed before.
func (c *call) wasDeleted() *refusal {
	r := &resource{name: c.name, coll: c.coll}
	when, gone := c.scope.deleted[strings.ToLower(r.path())]
	if !gone {
		return nil
	}
	return userError(http.StatusBadRequest, "Asset azureml://registries/"+c.scope.name+"/"+r.path()+" was deleted at "+when+
		", it cannot be recreated. Please try again with a different version.")
}

func fillEnvironment(c *call, doc obj) {
	p := sub2(doc)
	if p["stage"] == nil {
		p["stage"] = "Development"
	}
	label := "latest"
	if isTrue(p, "isAnonymous") || c.names[0] == "CliV2AnonymousEnvironment" {
		p["isAnonymous"], p["stage"], label = true, "Logged", ""
	}
	if strings.HasPrefix(c.names[0], "AzureML-") {
		label = ""
	}
	ensure(p, "properties")["azureml.labels"] = label
}

// moveLabel takes "latest" from the version before (recorded: the properties of an old version change).
func moveLabel(c *call, r *resource, created bool) {
	if !created {
		return
	}
	prev := r.coll.all.before(r.seq)
	if prev == nil {
		return
	}
	doc := c.srv.document(prev)
	labels := ensure(sub2(doc), "properties")
	if labels["azureml.labels"] == "" {
		return
	}
	labels["azureml.labels"] = ""
	prev.doc = encode(doc)
	c.srv.store.log.put(prev)
}

// viewEnvironment: 2022 api-versions do not show labels (recorded 2022-10).
func viewEnvironment(_ *call, _ *resource, doc obj, api string) obj {
	if before(api, "2023-02-01") {
		delete(sub(sub(doc, "properties"), "properties"), "azureml.labels")
	}
	return doc
}

// before is the newest resource created before seq, or nil.
func (x *index) before(seq uint64) *resource {
	for i := x.find(seq) - 1; i >= 0; i-- {
		if !x.items[i].gone {
			return x.items[i]
		}
	}
	return nil
}

// condaJSON rewrites a conda file as the service does: JSON with two spaces of indent, keys in the order of the text
// (recorded 2023-10, 2026-03).
func condaJSON(text string) (string, error) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		return "", err
	}
	var compact bytes.Buffer
	if node.Kind == 0 {
		return "null", nil
	}
	if err := writeNode(&compact, &node); err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return "", err
	}
	return out.String(), nil
}

func writeNode(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.DocumentNode:
		return writeNode(b, n.Content[0])
	case yaml.AliasNode:
		return writeNode(b, n.Alias)
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(encode(n.Content[i].Value))
			b.WriteByte(':')
			if err := writeNode(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeNode(b, e); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case yaml.ScalarNode:
		return writeScalar(b, n)
	}
	return nil
}

func writeScalar(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Tag {
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		b.WriteString(strings.ToLower(n.Value))
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			b.WriteString(n.Value)
			return nil
		}
		var v float64
		if err := n.Decode(&v); err != nil {
			return err
		}
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	default:
		b.Write(encode(n.Value))
	}
	return nil
}
