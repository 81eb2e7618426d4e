package kind

import (
	"path"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// The addresses that say that a document is a prompt flow, or a run of one. The
// reference client takes them in this spelling only.
const (
	flowSchema = "https://azuremlschemas.azureedge.net/promptflow/latest/Flow.schema.json"
	runSchema  = "https://azuremlschemas.azureedge.net/promptflow/latest/Run.schema.json"
)

// flowFileName is the definition of a flow in a folder that is named alone.
const flowFileName = "flow.dag.yaml"

// flowTools is the file of a flow without which the reference client makes no
// component of it.
const flowTools = ".promptflow/flow.tools.json"

// isFlow reports whether a document is a prompt flow or a run of one.
func isFlow(doc *asset.Value) bool {
	url := doc.Get("$schema").Str()
	return url == flowSchema || url == runSchema
}

// flowComponent is a prompt flow that is a step: a component of parallel steps.
// It is written as the flow itself, or as a run, which names the flow and adds
// to it. Its code is the folder of the flow.
var flowComponent = func() *Variant {
	v := componentVariant("promptflow_parallel", "",
		Field{YAML: "flow", REST: spec + "flow_definition_uri", As: flowFile{}, Change: NewVersion, Doc: "The folder of the flow, or its file; the file itself if not given. The service gets its address."},
		Field{YAML: "code", REST: spec + "code", As: Local{What: Code, Asset: "code", Component: true, Includes: "additional_includes"}, Made: true, Change: NewVersion, Doc: "The folder of the flow."},
		Field{YAML: "component_name", REST: spec + "name", As: Str{}, Made: true, Change: NewVersion, Doc: "What a flow without an asset of its own is called."},
		Field{YAML: "component_version", REST: spec + "version", As: Str{}, Made: true, Change: NewVersion, Doc: "The version of a flow without an asset of its own."},
		Field{YAML: "variant", REST: spec + "variant", As: Str{}, Change: NewVersion, Doc: "The variant of a node that is run, such as ${node.variant_1}."},
		Field{YAML: "connections", REST: spec + "connections", As: Map{Of: Map{Of: Str{}}}, Change: NewVersion, Doc: "The connections of the nodes, by node."},
		Field{YAML: "environment_variables", REST: spec + "environment_variables", As: Map{Of: Str{}}, Change: NewVersion, Doc: "Variables of the process. Those of a run go before those of the flow."},
		Field{YAML: "column_mappings", As: Map{Of: Str{}}, Change: Once, Doc: "Read and not sent: the inputs of the step say it."},
		Field{YAML: "azureml", As: flowOverrides, Change: NewVersion, Send: asset.NewMap(), Doc: "What the component has and a flow has not."},
		Field{YAML: "additional_includes", As: List{Of: Str{}}, Change: Once, Doc: "Files and folders that are put into the folder of the flow before it is uploaded; those of the flow, not of a run."},
		Field{YAML: "properties", As: Any{}, Nullable: true, Change: Once, Doc: "Read and not sent."},
	)
	v.Open, v.Lax, v.Check = "", true, nil
	v.Doc = "A prompt flow that is run on each line of data, as a step of type parallel. The file of a flow, or of a run of one, is such a component where a step names it, and in the folder components."
	v.Tell = func(doc *asset.Value) bool {
		return typeIs(doc, "promptflow_parallel") && hasAll(doc, "name", "version", "flow")
	}
	v.NoFile = "it is a prompt flow, which export does not write: copy the folder of the flow into the folder components"
	v.Before, v.Whole, v.ToREST, v.FromREST, v.Inspect = prepareFlow, completeFlow, flowToREST, flowFromREST, inspectFlow
	return v
}()

var flowOverrides = Obj(
	Field{YAML: "environment", REST: spec + "environment", As: Ref{To: "environment", Inline: true, File: true, Prefix: true}, Change: NewVersion, Doc: "What the flow runs in."},
	Field{YAML: "is_deterministic", REST: spec + "is_deterministic", As: Bool{}, Change: NewVersion, Send: asset.NewBool(true), Doc: "The same inputs give the same outputs, so that a result may be used again."},
)

// Keys of a flow and of a run that mean something for the component. All
// others are of Prompt flow.
var (
	flowHeads  = []string{"$schema", "name", "version", "display_name", "description", "tags", "environment_variables", "azureml"}
	flowKeys   = append([]string{"additional_includes"}, flowHeads...)
	runKeys    = append([]string{"flow", "variant", "column_mappings", "connections"}, flowHeads...)
	yamlEnding = regexp.MustCompile(`(?i)\.ya?ml$`)
)

// prepareFlow brings a flow, and a run, to the one form that the rows are of,
// with the name and version that they have by themselves.
func prepareFlow(c *Checker, doc *asset.Value) *asset.Value {
	url := doc.Get("$schema").Str()
	out := asset.NewMap().At(doc.Pos())
	for key, item := range doc.Entries() {
		if url == flowSchema && !contains(flowKeys, key) || url == runSchema && !contains(runKeys, key) {
			continue
		}
		out.Set(key, item)
	}
	if !isFlow(doc) && c.AsClient {
		c.Badf(doc, "unknown_kind", "write $schema: "+runSchema, "Azure's own client reads a component of type promptflow_parallel from the file of a flow, or of a run, only")
	}
	if typ := doc.Get("type"); !typ.IsNull() && typ.Text() != "promptflow_parallel" {
		c.Badf(typ, "bad_value", "remove it", "a flow is no component of type %s", typ.Text())
	}
	if version := doc.Get("version"); isFlow(doc) && !version.IsNull() && version.Type() != asset.String {
		c.Badf(version, "wrong_type", quoteHint(version), "version: want a text, not a %s", version.Type())
	}
	if flow := out.Get("flow"); flow.Type() == asset.Map {
		c.Badf(flow, "wrong_type", "write the path of the folder of the flow", "flow: want a path, not a map")
		out.Delete("flow")
	}
	for _, key := range []string{"name", "version"} {
		if item := doc.Get(key); item != nil && item.IsNull() {
			c.Badf(item, "no_value", "write a value, or remove the key", "%s has no value", key)
		}
	}
	out.Set("type", asset.NewString("promptflow_parallel").At(doc.Pos()))
	return named(out, doc)
}

// named is a flow with the name and the version that it has by itself.
func named(out, doc *asset.Value) *asset.Value {
	file := flowFile{}.File(out.Get("flow"))
	if file == nil && out.Get("flow") == nil {
		file = asset.NewString(path.Base(doc.Pos().File)).At(doc.Pos())
		out.Set("flow", asset.NewMap().Set("file", file).At(doc.Pos()))
	}
	if doc.Get("name").IsNull() && isFlow(doc) {
		dir := path.Base(path.Join(path.Dir(doc.Pos().File), path.Dir(file.Str())))
		out.Set("name", asset.NewString(strings.ReplaceAll(dir, "-", "_")).At(doc.Pos()))
	}
	if doc.Get("version") == nil && isFlow(doc) {
		out.Set("version", asset.NewString("1").At(doc.Pos()))
	}
	return out
}

// completeFlow merges what the flow of a run says, and names the folder.
func completeFlow(c *Checker, v *asset.Value) {
	if flow := v.Get("flow"); flow.Type() == asset.Map {
		if flow.Has("read") { // a file of its own, that a run names
			setOrDelete(v, "environment_variables", merged(flow.Get("environment_variables"), v.Get("environment_variables")))
			v.Delete("additional_includes")
			if more := flow.Get("additional_includes"); more.Len() > 0 {
				v.Set("additional_includes", more)
			}
		}
		v.Set("code", asset.NewString(".").At(flow.Pos()))
		v.Set("flow", asset.NewString(flow.Get("file").Str()).At(flow.Pos()))
	}
	if c.Part {
		v.Set("component_name", asset.NewString(v.Get("name").Text()))
		v.Set("component_version", asset.NewString(v.Get("version").Text()))
	}
}

// flowFile is the folder or the file of a flow, relative to the run that names
// it. Once that is read it is a map of what the flow says, and the name of the
// file within the folder in the end, which is the end of an address on the wire.
type flowFile struct{}

// Check is the path of the file.
func (f flowFile) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Map && v.Get("file").Type() == asset.String && v.Len() == 1 {
		return v
	}
	file := f.File(v)
	if file == nil || file.Str() == "" || scheme.MatchString(v.Str()) {
		c.Badf(v, "wrong_type", "write the path of the folder of the flow", "want a path, not %s", sort(v))
		return nil
	}
	return file
}

// File implements Filer: a path that does not end like a file is a folder.
func (flowFile) File(v *asset.Value) *asset.Value {
	switch {
	case v.Type() != asset.String:
		return nil
	case yamlEnding.MatchString(v.Str()):
		return v
	}
	return asset.NewString(path.Join(v.Str(), flowFileName)).At(v.Pos())
}

// Fill implements Filer: variables may be any scalars there, and none.
func (flowFile) Fill(c *Checker, _, doc *asset.Value) *asset.Value {
	out := asset.NewMap().At(doc.Pos()).Set("read", asset.NewBool(true))
	out.Set("file", asset.NewString(path.Base(doc.Pos().File)))
	variables := asset.NewMap().At(doc.Pos())
	if item := doc.Get("environment_variables"); item != nil && item.Type() != asset.Map {
		c.Badf(item, "wrong_type", "write names and values, or remove the key", "environment_variables: want a map, not %s", sort(item))
		return nil
	}
	for key, item := range doc.Get("environment_variables").Entries() {
		if !item.IsNull() {
			variables.Set(key, asset.NewString(item.Text()).At(item.Pos()))
		}
	}
	out.Set("environment_variables", variables)
	if more := doc.Get("additional_includes"); !more.IsNull() {
		if more = (List{Of: Str{}}).Check(c, more); more == nil {
			return nil
		}
		out.Set("additional_includes", more)
	}
	return out
}

// Encode leaves the address to flowToREST, which knows the code.
func (flowFile) Encode(*Encoder, *asset.Value) *asset.Value { return nil }

// Decode is the name of the file.
func (flowFile) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	if rest.Str() == "" {
		return nil
	}
	return asset.NewString(path.Base(rest.Str()))
}

// Equal compares the names.
func (flowFile) Equal(want, live *asset.Value) bool {
	return path.Base(want.Text()) == path.Base(live.Text())
}

func (flowFile) Schema() map[string]any { return map[string]any{"type": "string", "minLength": 1} }

func (flowFile) Describe() string { return "path of a folder or of a file" }

// portNumber is the port in an address.
var portNumber = regexp.MustCompile(`:[0-9]+/`)

// flowToREST says where the file of the flow is: in its code, whose address has
// no port here.
func flowToREST(e *Encoder, v, rest *asset.Value) {
	componentToREST(e, v, rest)
	doc := rest.GetPath("properties", "componentSpec")
	for _, key := range []string{"connections", "environment_variables"} {
		if doc.Get(key).Len() == 0 {
			doc.Delete(key)
		}
	}
	doc.Delete("additional_includes") // they are in the code
	if !doc.Has("flow_definition_uri") {
		doc.Set("flow_definition_uri", asset.NewString(e.codeURI(doc.Get("code").Str())+"/"+path.Base(v.Get("flow").Str())))
	}
}

// codeURI is the address of the content of a code asset as it is on the wire.
func (e *Encoder) codeURI(text string) string {
	if e.CodeURI == nil {
		return strings.TrimSuffix(PendingURI, "/")
	}
	uri, err := e.CodeURI(text)
	if err != nil && e.Err == nil {
		e.Err = err
	}
	return portNumber.ReplaceAllString(uri, "/")
}

// flowFromREST leaves out the name and version of an asset of its own, which
// are those of the asset.
func flowFromREST(d *Decoder, rest, v *asset.Value) {
	componentFromREST(d, rest, v)
	if !rest.GetPath("properties", "isAnonymous").Bool() {
		v.Delete("component_name")
		v.Delete("component_version")
	}
}

// inspectFlow refuses what the reference client refuses: a flow that nobody has
// validated.
func inspectFlow(in *Inspection, body *asset.Value) {
	if has, known := in.Has("code", flowTools); known && !has {
		in.Bad(body.Get("code"), "missing_file", "make it with: pf flow validate --source FOLDER", "the folder of the flow has no %s", flowTools)
	}
}

// flowInputs and flowOutputs are the ports of every flow. It has an input for
// each value that a step gives it as well.
var (
	flowInputs = asset.NewMap().Set("data", portOf("uri_folder", "")).Set("flow_outputs", portOf("uri_folder", "").Set("optional", asset.NewBool(true)))

	flowOutputs = asset.NewMap().Set("flow_outputs", portOf("uri_folder", "")).Set("debug_info", portOf("uri_folder", ""))
)

// isFlowComponent reports whether a component in place is made of a flow.
func isFlowComponent(def *asset.Value) bool { return typeIs(def, "promptflow_parallel") }

// portsOf are the inputs or the outputs that a component in place declares.
func portsOf(def *asset.Value, key string) *asset.Value {
	switch {
	case !isFlowComponent(def):
		return def.Get(key)
	case key == "inputs":
		return flowInputs
	}
	return flowOutputs
}

// flowValues are the inputs that a step gives to a flow beyond those that every
// flow has.
func (p *pipe) flowValues(given, inputs *asset.Value) {
	for name, v := range given.Entries() {
		if flowInputs.Has(name) || v.IsNull() {
			continue
		}
		if name == "connections" || strings.HasPrefix(name, "connections.") && strings.Count(name, ".") != 2 {
			p.in("inputs", func() {
				p.in(name, func() {
					p.Badf(v, "bad_name", "write connections.NODE.INPUT: and the value", "an input of connections says the node and its input")
				})
			})
			continue
		}
		inputs.Set(name, v)
	}
}
