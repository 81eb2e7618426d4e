package kind

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// oldBinding is a binding as the first releases wrote it.
var oldBinding = regexp.MustCompile(`^\$\{\{(inputs|outputs|jobs)\..*\}\}$`)

// literal is a value of an input. Its normal form keeps the sort of the
// scalar, by which the reference client tells the type of an input that is
// declared nowhere; on the wire it is a text.
type literal struct{ Snake bool }

func (l literal) tag() string {
	if l.Snake {
		return "job_input_type"
	}
	return "jobInputType"
}

// Check takes what a file may hold in a map as well. Expressions of the first
// releases are refused.
func (l literal) Check(c *Checker, v *asset.Value) *asset.Value {
	if item := v.Get("value"); item != nil && v.Len() == 1 {
		v = item
	}
	if l.Snake && oldBinding.MatchString(v.Str()) {
		c.Badf(v, "old_expression", "write ${{parent."+strings.TrimPrefix(v.Str(), "${{"), "%q was the form of the first releases", v.Str())
		return nil
	}
	if !v.IsScalar() || v.Type() == asset.Time {
		c.Badf(v, "wrong_type", quoteHint(v), "want a text or a number, not a %s", v.Type())
		return nil
	}
	return plain(v)
}

func (l literal) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return asset.NewMap().Set(l.tag(), asset.NewString("literal")).Set("value", e.text(asset.NewString(v.Text())))
}

func (literal) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	if item := rest.Get("value"); !item.IsNull() {
		return asset.NewString(item.Text())
	}
	return asset.NewNull()
}

// Equal compares texts.
func (literal) Equal(want, live *asset.Value) bool { return want.Text() == live.Text() }

func (literal) Schema() map[string]any {
	scalar := map[string]any{"type": []any{"string", "number", "boolean"}}
	return map[string]any{"anyOf": []any{scalar, map[string]any{
		"type": "object", "properties": map[string]any{"value": scalar}, "required": []any{"value"}, "additionalProperties": false,
	}}}
}

func (literal) Describe() string { return "text or number" }

// bindingInput passes a binding on with a mode: a literal on the wire. Inputs of
// the pipeline itself lose the mode.
func bindingInput(tag string) Object {
	mode := "mode"
	if tag == "jobInputType" {
		mode = ""
	}
	return Object{
		Fields: []Field{
			{YAML: "path", REST: "value", As: Str{}, Required: true, Change: Once, Doc: "A binding, such as ${{parent.inputs.x}}."},
			{YAML: "mode", REST: mode, As: inputModes, Change: Once, Doc: "How it is seen."},
			{YAML: "type", As: portTypes, Change: Once, Doc: "What the path leads to; known where it comes from."},
		},
		ToREST: func(_ *Encoder, _, rest *asset.Value) {
			rest.Set(tag, asset.NewString("literal"))
		},
	}
}

// pipelineInputs are the inputs of a pipeline job.
var pipelineInputs = Map{Keys: portPath, Of: inputPick("jobInputType", [3]Type{folderInput, fileInput, modelInput})}

// stepInputs are the inputs of a step.
var stepInputs = Map{Of: inputPick("job_input_type", [3]Type{
	stepData(Local{What: Upload, Asset: "data", Remote: remoteInput, Slash: true}),
	stepData(Local{What: Upload, Asset: "data", Remote: remoteInput}),
	stepData(Local{What: Upload, Asset: "model", Remote: remoteInput}),
})}

// inputPick picks the form of an input: a literal, a binding with a mode, or
// data. tag is the member that says so on the wire; data are the types of
// folders, files and models.
func inputPick(tag string, data [3]Type) Pick {
	lit, bind := literal{Snake: tag == "job_input_type"}, bindingInput(tag)
	of := func(typ string) Type {
		switch squash(typ) {
		case "", "urifolder":
			return data[0]
		case "mlflowmodel", "custommodel":
			return data[2]
		}
		return data[1]
	}
	return Pick{
		Name: "a literal, or a map with a path",
		Of: func(v *asset.Value) Type {
			switch {
			case v.Type() == asset.Time || v.Type() == asset.List:
				return nil
			case v.IsScalar() || v.Has("value") && !v.Has("path"):
				return lit
			case isBinding(v.Get("path")):
				return bind
			}
			return of(v.Get("type").Text())
		},
		OfREST: func(rest *asset.Value) Type {
			typ := rest.Get(tag).Text()
			switch {
			case !strings.EqualFold(typ, "literal"):
				return of(typ)
			case !rest.Get("mode").IsNull():
				return bind
			}
			return lit
		},
		All: []Type{lit, bind, data[0], data[1], data[2]},
	}
}

func stepData(path Local) Object {
	return Object{After: finishInput, Fields: []Field{
		{YAML: "type", REST: "job_input_type", As: portTypes, Change: Once, Doc: "What the path leads to; uri_folder if not given."},
		{YAML: "path", REST: "uri", As: path, Required: true, Change: Once, Doc: "An address, a data or model asset, or a path of the repository, which is uploaded."},
		{YAML: "mode", REST: "mode", As: inputModes, Change: Once, Doc: "How the step sees it; eval_mount and eval_download are for mltable only."},
		{YAML: "path_on_compute", As: Str{}, Change: Once, Doc: "Read and not sent."},
		{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that a path of the repository is uploaded to; workspaceblobstore if not given."},
	}}
}

// stepOutputs are the outputs of a step. One without content is only there so
// that others can bind to it.
var stepOutputs = Map{Keys: portName, Nulls: true, Of: outputPick(outputBinding)}

// inlineOutputs are those of a step that holds what runs: a text that is no
// binding is a path.
var inlineOutputs = Map{Keys: portName, Nulls: true, Of: outputPick(outputText)}

func outputPick(text Type) Pick {
	return Pick{
		Name: "an output, or a binding such as ${{parent.outputs.x}}",
		Of: func(v *asset.Value) Type {
			switch {
			case v.Type() == asset.String:
				return text
			case v.Type() != asset.Map:
				return nil
			case toOutput(v.Get("path").Str()):
				return boundOutput
			}
			return stepOutput
		},
		OfREST: func(rest *asset.Value) Type {
			switch {
			case !strings.EqualFold(rest.Get("type").Text(), "literal"):
				return stepOutput
			case rest.Len() > 2:
				return boundOutput
			}
			return text
		},
		All: []Type{text, boundOutput, stepOutput},
	}
}

// toOutput reports whether a text binds to an output of the pipeline.
func toOutput(text string) bool {
	m := parentBinding.FindStringSubmatch(text)
	return m != nil && m[1] == "outputs"
}

// outputAddress is the text of an output: a binding. Other expressions are
// paths, and so is any text if Path is set.
type outputAddress struct {
	Wrap
	Path bool
}

// Check refuses what cannot be bound to.
func (o outputAddress) Check(c *Checker, v *asset.Value) *asset.Value {
	switch text := v.Str(); {
	case oldBinding.MatchString(text):
		c.Badf(v, "old_expression", "write ${{parent."+strings.TrimPrefix(text, "${{"), "%q was the form of the first releases", text)
		return nil
	case !o.Path && !isBinding(v):
		c.Badf(v, "bad_reference", "write ${{parent.outputs.x}}, or a map with a path", "%q is no binding to an output of the pipeline", text)
		return nil
	}
	return asset.NewString(v.Str())
}

// outputBinding is a binding alone.
var (
	outputBinding = outputAddress{Wrap: Wrap{Of: Str{}, REST: "value", Const: []Const{{REST: "type", Text: "literal"}}}}
	outputText    = outputAddress{Wrap: outputBinding.Wrap, Path: true}
)

var (
	outputName    = Field{YAML: "name", REST: "name", As: Str{}, Change: Once, Doc: "The data or model asset that the step makes of it."}
	outputVersion = Field{YAML: "version", REST: "version", As: Text{}, Change: Once, Doc: "The version of that asset."}
	outputMode    = Field{YAML: "mode", REST: "mode", As: outputModes, Change: Once, Doc: "How the step writes it."}

	boundOutput = Object{
		Fields: []Field{
			{YAML: "path", REST: "value", As: Str{}, Required: true, Change: Once, Doc: "A binding, such as ${{parent.outputs.x}}."},
			{YAML: "type", As: portTypes, Change: Once, Doc: "What the step writes."},
			outputMode, outputName, outputVersion,
		},
		After:  checkOutputName,
		ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("type", asset.NewString("literal")) },
	}
	stepOutput = Object{
		Fields: []Field{
			{YAML: "type", REST: "job_output_type", As: portTypes, Change: Once, Doc: "What the step writes; uri_folder if not given."},
			{YAML: "path", REST: "uri", As: Str{}, Change: Once, Doc: "Where it is kept, an azureml://datastores/… address."},
			outputMode, outputName, outputVersion,
		},
		After: func(c *Checker, v *asset.Value) {
			setDefault(v, "type", "uri_folder")
			checkOutputName(c, v)
		},
	}
)

// checkOutputName: a version alone names nothing.
func checkOutputName(c *Checker, v *asset.Value) {
	if name := v.Get("name"); name != nil && !matches(`[A-Za-z0-9_-]{0,255}`, name.Str()) {
		c.Badf(name, "bad_name", "use letters, digits, dashes and underscores", "%q cannot be the name of an asset", name.Str())
	}
	if version := v.Get("version"); version != nil && v.Get("name").IsNull() {
		c.Badf(version, "missing_field", "add name: or remove version:", "a version needs a name")
	}
}

// externalData is a database or a file system outside of the workspace.
var externalData = Pick{
	Name:   "a database or a file system",
	Of:     func(v *asset.Value) Type { return externalType(v) },
	OfREST: func(rest *asset.Value) Type { return externalType(rest) },
	All:    []Type{database, fileSystem},
}

func externalType(v *asset.Value) Type {
	if v.Type() != asset.Map {
		return nil
	}
	if squash(v.Get("type").Str()) == "database" {
		return database
	}
	return fileSystem
}

var (
	externalConnection = Field{YAML: "connection", REST: "connection", As: Str{}, Required: true, Change: Once, Doc: "The connection that leads to it."}
	database           = Obj(
		Field{YAML: "type", REST: "type", As: specWords("database"), Required: true, Change: Once, Doc: "A database."},
		externalConnection,
		Field{YAML: "query", REST: "query", As: Str{}, Change: Once, Doc: "The query that gives the data."},
		Field{YAML: "table_name", REST: "table_name", As: Str{}, Change: Once, Doc: "The table."},
		Field{YAML: "stored_procedure", REST: "stored_procedure", As: Str{}, Change: Once, Doc: "The procedure that gives the data."},
		Field{YAML: "stored_procedure_params", REST: "stored_procedure_params", Change: Once, Doc: "The parameters of the procedure.", As: List{Of: Obj(
			Field{YAML: "name", REST: "name", As: Str{}, Change: Once, Doc: "The parameter."},
			Field{YAML: "value", REST: "value", As: Str{}, Change: Once, Doc: "Its value."},
			Field{YAML: "type", REST: "type", As: Str{}, Change: Once, Doc: "Its type."},
		)}},
	)
	fileSystem = Obj(
		Field{YAML: "type", REST: "type", As: specWords("file_system"), Change: Once, Send: asset.NewString("file_system"), Doc: "A file system."},
		externalConnection,
		Field{YAML: "path", REST: "path", As: Str{}, Change: Once, Doc: "The path in it."},
	)
)
