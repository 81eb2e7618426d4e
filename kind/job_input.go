package kind

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// portName is what inputs and outputs of a job may be called.
const portName = `[a-zA-Z_]+[a-zA-Z0-9_]*`

var (
	dataTypes   = []string{"uri_file", "uri_file", "uri_folder", "uri_folder", "mltable", "mltable"}
	modelTypes  = []string{"custom_model", "custom_model", "mlflow_model", "mlflow_model", "triton_model", "triton_model"}
	portTypes   = Words(append(append([]string{}, dataTypes...), modelTypes...)...)
	inputModes  = Words("ro_mount", "ReadOnlyMount", "download", "Download", "direct", "Direct", "eval_mount", "EvalMount", "eval_download", "EvalDownload")
	outputModes = Words("rw_mount", "ReadWriteMount", "mount", "ReadWriteMount", "upload", "Upload", "direct", "Direct")
)

// jobInputs are the inputs of a job: literals, which are sent as texts, and
// data.
var jobInputs = Map{Keys: portName, Nulls: true, Of: Pick{
	Name: "a literal, or a map with a path",
	Of: func(v *asset.Value) Type {
		if v.Type() == asset.Time || v.Type() == asset.List {
			return nil
		}
		if v.IsScalar() || v.Has("value") && !v.Has("path") {
			return literalInput
		}
		return inputOf(v.Get("type").Text())
	},
	OfREST: func(rest *asset.Value) Type {
		if strings.EqualFold(rest.Get("jobInputType").Text(), "literal") {
			return literalInput
		}
		return inputOf(rest.Get("jobInputType").Text())
	},
	All: []Type{literalInput, folderInput, fileInput, modelInput},
}}

func inputOf(typ string) Type {
	switch squash(typ) {
	case "", "urifolder":
		return folderInput
	case "mlflowmodel", "custommodel":
		return modelInput
	}
	return fileInput
}

var (
	literalInput = Wrap{Of: Text{}, REST: "value", Key: "value", Const: []Const{{REST: "jobInputType", Text: "literal"}}}
	// A folder that is uploaded ends with a slash on the wire; an input that
	// is no model names a data asset, Triton models included, as for the
	// reference client.
	folderInput = inputObject(Local{What: Upload, Asset: "data", Remote: remoteInput, Slash: true})
	fileInput   = inputObject(Local{What: Upload, Asset: "data", Remote: remoteInput})
	modelInput  = inputObject(Local{What: Upload, Asset: "model", Remote: remoteInput})
)

func inputObject(path Local) Object {
	return Object{After: finishInput, Fields: []Field{
		{YAML: "type", REST: "jobInputType", As: portTypes, Change: Once, Doc: "What the path leads to; uri_folder if not given."},
		{YAML: "path", REST: "uri", As: path, Required: true, Change: Once, Doc: "An address, a data or model asset, or a path of the repository, which is uploaded."},
		{YAML: "mode", REST: "mode", As: inputModes, Change: Once, Doc: "How the job sees it; eval_mount and eval_download are for mltable only."},
		{YAML: "path_on_compute", REST: "pathOnCompute", As: Str{}, Change: Once, Doc: "Where the job sees it."},
		{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that a path of the repository is uploaded to; workspaceblobstore if not given."},
	}}
}

// remoteInput follows the reference client: what holds a colon or an @ is an
// address or an asset, everything else a path of the repository.
func remoteInput(text string) bool {
	return strings.HasPrefix(text, "${{") || strings.HasPrefix(text, "/subscriptions/") || strings.ContainsAny(text, ":@")
}

func finishInput(c *Checker, v *asset.Value) {
	setDefault(v, "type", "uri_folder")
	if mode := v.Get("mode"); strings.HasPrefix(mode.Str(), "eval_") && v.Get("type").Str() != "mltable" {
		c.Badf(mode, "bad_value", "write type: mltable, or another mode", "mode %s is for mltable only", mode.Str())
	}
	checkInputPath(c, v)
}

// checkInputPath brings the path of an input to its normal spelling.
func checkInputPath(c *Checker, v *asset.Value) {
	path := v.Get("path")
	if text := path.Str(); remoteInput(text) {
		if got, bad := assetPath(text); bad != "" {
			c.Badf(path, "bad_reference", "write azureml:NAME:VERSION or azureml:NAME@latest", "path: %q does not refer to an asset: %s", text, bad)
		} else {
			v.Set("path", asset.NewString(got).At(path.Pos()))
		}
	}
}

// assetPath is the normal spelling of an address or a reference to an asset,
// for which the prefix azureml: may be missing.
func assetPath(text string) (got, bad string) {
	text = strings.TrimPrefix(text, "azureml:azureml:")
	switch short := strings.TrimPrefix(text, "azureml:"); {
	case strings.HasPrefix(text, "${{"), strings.HasPrefix(short, "/"), strings.Contains(text, "://"), strings.HasPrefix(text, "runs:/"):
		return text, ""
	case !strings.ContainsAny(short, ":@"):
		return "", "a version is missing"
	default:
		return "azureml:" + short, ""
	}
}

// jobOutputs are the outputs of a job. One without content is a folder.
var jobOutputs = jobOutputsOf(Object{
	After:  finishOutput,
	Fields: append([]Field{{YAML: "type", REST: "jobOutputType", As: portTypes, Change: Once, Doc: "What the job writes; uri_folder if not given."}}, outputRows...),
})

// folderOutputs are sent as folders, whatever the file says: so the reference
// client does of AutoML jobs.
var folderOutputs = jobOutputsOf(Object{
	After:  finishOutput,
	Fields: append([]Field{{YAML: "type", As: portTypes, Change: Once, Doc: "Taken and not sent: the reference client sends uri_folder."}}, outputRows...),
	ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("jobOutputType", asset.NewString("uri_folder")) },
})

func jobOutputsOf(of Object) Map { return Map{Keys: portName, Nulls: true, Of: of} }

func finishOutput(_ *Checker, v *asset.Value) {
	setDefault(v, "type", "uri_folder")
	if v.Get("mode").Str() == "mount" {
		v.Set("mode", asset.NewString("rw_mount").At(v.Get("mode").Pos()))
	}
}

var outputRows = []Field{
	{YAML: "path", REST: "uri", As: Str{}, Change: Once, Doc: "Where it is kept, an azureml://datastores/… address; a folder of the run if not given."},
	{YAML: "mode", REST: "mode", As: outputModes, Change: Once, Doc: "How the job writes it."},
	{YAML: "name", REST: "assetName", As: Str{}, Change: Once, Doc: "The data or model asset that the job makes of it."},
	{YAML: "version", REST: "assetVersion", As: Text{}, Change: Once, Doc: "The version of that asset."},
}

// fillPorts gives outputs without content their normal form. Inputs must have
// some.
func fillPorts(c *Checker, v *asset.Value) {
	needInputs(c, v)
	outputs := v.Get("outputs")
	for key, item := range outputs.Entries() {
		if item.IsNull() {
			outputs.Set(key, asset.NewMap().At(item.Pos()).Set("type", asset.NewString("uri_folder")))
		}
	}
}

// needInputs refuses inputs without content.
func needInputs(c *Checker, v *asset.Value) {
	for key, item := range v.Get("inputs").Entries() {
		if item.IsNull() {
			c.Problems.Hintf(item.Pos(), "wrong_type", "write a value, or remove it", "inputs.%s has no value", key)
		}
	}
}

// nullInputs sends inputs without content as literals without a value.
func nullInputs(props *asset.Value) {
	inputs := props.Get("inputs")
	for key, item := range inputs.Entries() {
		if item.IsNull() {
			inputs.Set(key, asset.NewMap().Set("jobInputType", asset.NewString("literal")))
		}
	}
}

var (
	usedInput     = regexp.MustCompile(`\$\{\{inputs\.([\w.-]+)\}\}`)
	optionalInput = regexp.MustCompile(`\[[\w.\s-]*\$\{\{inputs\.([\w.-]+)\}\}\]`)
)

// checkInputsOf looks whether the job has the inputs that a command names,
// save those in [ ], which are optional.
func checkInputsOf(c *Checker, command, inputs *asset.Value) {
	optional := map[string]bool{}
	for _, m := range optionalInput.FindAllStringSubmatch(command.Str(), -1) {
		optional[m[1]] = true
	}
	for _, m := range usedInput.FindAllStringSubmatch(command.Str(), -1) {
		if !optional[m[1]] && !inputs.Has(m[1]) {
			c.Badf(command, "missing_input", problem.DidYouMean(m[1], inputs.Keys()), "the job has no input %q", m[1])
		}
	}
}

// setDefault gives the key of a normal form a text if it has none.
func setDefault(v *asset.Value, key, text string) {
	if v.Get(key).IsNull() {
		v.Set(key, asset.NewString(text).At(v.Pos()))
	}
}
