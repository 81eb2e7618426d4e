package kind

import (
	"errors"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// modelPackage makes an environment of a model and what serves it.
var modelPackage = &Variant{
	Name:    "model-package",
	Schemas: []string{"modelVersionPackage"},
	Tell:    func(doc *asset.Value) bool { return hasAll(doc, "target_environment", "inferencing_server") },
	Doc:     "Makes an environment of a model and its server.",
	Command: &Command{
		Name:    "az ml model package",
		Instead: "write the environment, and a deployment that names it and the model",
		Send: func(e *Encoder, _ *asset.Asset) (method, path string) {
			return "POST", "models/" + e.Around.Model.Name + "/versions/" + e.Around.Model.Version + "/package"
		},
	},
	Fields: []Field{
		{YAML: "target_environment", As: packageTarget{}, Required: true, Doc: "The environment that is made: its name, azureml:NAME:VERSION, or a map with name."},
		{YAML: "base_environment_source", REST: "baseEnvironmentSource", NoNull: true, Doc: "What the environment begins with.", As: Obj(
			Field{YAML: "type", As: Str{}, Required: true, Doc: "environment_asset; nothing else is known."},
			Field{YAML: "resource_id", REST: "resourceId", As: Ref{To: "environment", Bare: true}, Required: true, Doc: "The environment."},
		)},
		{YAML: "inferencing_server", REST: "inferencingServer", As: packageServer, Required: true, Doc: "What serves the model."},
		{YAML: "model_configuration", REST: "modelConfiguration", NoNull: true, Doc: "How the model gets in.", As: Obj(
			Field{YAML: "mode", REST: "mode", As: Words("copy", "copy", "download", "download"), NoNull: true, Doc: "Whether the model is a part of the image."},
			Field{YAML: "mount_path", REST: "mountPath", As: Str{}, NoNull: true, Doc: "Where it is."},
		)},
		{YAML: "inputs", REST: "inputs", As: List{Of: packageInput}, NoNull: true, Doc: "Other files."},
		{YAML: "tags", As: Map{Of: Any{}, Nulls: true}, NoNull: true, Doc: "Read and not sent, as the reference client does."},
		{YAML: "environment_variables", REST: "environmentVariables", As: Map{Of: pythonText{}, Nulls: true}, NoNull: true, Doc: "Variables of the process."},
	},
	Check:  checkPackage,
	ToREST: packageToREST,
}

// packageServer: routes cannot be read by the reference client, and what it
// reads of the configuration of a server of one's own it cannot send.
var packageServer = Object{
	Fields: []Field{
		{YAML: "type", REST: "serverType", As: Words("azureml_online", "AzureMLOnline", "azureml_batch", "AzureMLBatch", "custom", "Custom", "triton", "Custom"), Required: true, Doc: "The server."},
		{YAML: "code_configuration", REST: "codeConfiguration", NoNull: true, Doc: "The code that answers requests.", As: Obj(
			Field{YAML: "code", REST: "codeId", As: Local{What: Code, Asset: "code"}, Required: true, Doc: "The folder of the code, or a code asset."},
			Field{YAML: "scoring_script", REST: "scoringScript", As: Str{}, Required: true, Doc: "The script, relative to code."},
		)},
		{YAML: "inference_configuration", As: unsent{Obj(
			Field{YAML: "entry_script", As: Str{}, NoNull: true, Doc: "The script."},
			Field{YAML: "configuration", As: Map{Of: Any{}, Nulls: true}, NoNull: true, Doc: "Settings of the server."},
		)}, NoNull: true, Doc: "Read and not sent, for the servers of Azure; the others cannot be sent with it."},
	},
	After: func(c *Checker, v *asset.Value) {
		switch typ := v.Get("type").Str(); typ {
		case "custom", "triton":
			if conf := v.Get("inference_configuration"); conf != nil {
				c.in("inference_configuration", func() {
					c.Badf(conf, "unsendable", "remove it", "the reference client cannot send it for a server of type %s", typ)
				})
			}
			v.Delete("code_configuration")
		}
	},
}

var packageInput = Obj(
	Field{YAML: "type", REST: "inputType", As: Words("uri_file", "UriFile", "uri_folder", "UriFolder"), NoNull: true, Doc: "A file or a folder."},
	Field{YAML: "mode", REST: "mode", As: Words("read_only_mount", "ReadOnlyMount", "download", "Download"), NoNull: true, Doc: "How it gets in."},
	Field{YAML: "mount_path", REST: "mountPath", As: Str{}, NoNull: true, Doc: "Where it is."},
	Field{YAML: "path", REST: "path", NoNull: true, Doc: "What it is.", As: Pick{
		Name: "an asset, an address, or a name and a version",
		Of: func(v *asset.Value) Type {
			switch {
			case v.Type() != asset.Map:
				return nil
			case v.Has("url"):
				return packagePath("Url", "url")
			case hasAny(v, "resource_name", "resource_version"):
				return packagePath("PathVersion", "resource_name", "resource_version")
			}
			return packagePath("PathId", "resource_id")
		},
		All: []Type{packagePath("PathId", "resource_id"), packagePath("Url", "url"), packagePath("PathVersion", "resource_name", "resource_version")},
	}},
)

// packagePath is a path of the sort; the keys tell it, whatever
// input_path_type says.
func packagePath(sort string, keys ...string) Object {
	o := Obj(Field{YAML: "input_path_type", As: Words("path_id", "PathId", "url", "Url", "path_version", "PathVersion"), NoNull: true, Doc: "The sort of path; the other keys tell it."})
	for _, key := range keys {
		o.Fields = append(o.Fields, Field{YAML: key, REST: camelCase(key), As: Str{}, NoNull: true, Doc: "What the path names."})
	}
	o.ToREST = func(_ *Encoder, _, rest *asset.Value) { rest.Set("inputPathType", asset.NewString(sort)) }
	return o
}

// packageTarget is the environment that is made; its normal form is a map with
// name and version.
type packageTarget struct{ Str }

var packagedName = regexp.MustCompile(`\Aazureml:(\w+):(\d+)\z`)

// Check takes a text or a map with the name.
func (t packageTarget) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Map {
		return Obj(Field{YAML: "name", As: Str{}, Required: true, Doc: "The name."}).Check(c, v)
	}
	text := t.Str.Check(c, v)
	if text == nil {
		return nil
	}
	if m := packagedName.FindStringSubmatch(text.Str()); m != nil {
		return asset.NewMap().Set("name", asset.NewString(m[1])).Set("version", asset.NewString(m[2]))
	}
	return asset.NewMap().Set("name", text)
}

// Schema allows both forms.
func (t packageTarget) Schema() map[string]any {
	return map[string]any{"anyOf": []any{t.Str.Schema(), map[string]any{
		"type": "object", "properties": map[string]any{"name": t.Str.Schema()}, "required": []any{"name"}, "additionalProperties": false,
	}}}
}

func checkPackage(c *Checker, v *asset.Value) {
	if c.id.Name != "" {
		c.Problems.Hintf(v.Pos(), "unknown_field", "the model is given to the command, the environment by target_environment", "unknown field %q", "name")
	}
}

func packageToREST(e *Encoder, v, rest *asset.Value) {
	if e.Around.Model.Name == "" || e.Around.WorkspaceGUID == "" || e.Scope.Location == "" {
		e.Err = errors.New("the model, the id of the workspace and its region must be known: give them in the facts as packaged_model, workspace_guid and location")
		return
	}
	for _, at := range [][]string{{"baseEnvironmentSource", "resourceId"}, {"inferencingServer", "codeConfiguration", "codeId"}} {
		// Resource ids stand as azureml:/ID here.
		if id := rest.GetPath(at...).Str(); strings.HasPrefix(id, "/") {
			rest.SetPath(asset.NewString("azureml:/"+id), at...)
		}
	}
	if rest.Has("baseEnvironmentSource") {
		rest.SetPath(asset.NewString("EnvironmentAsset"), "baseEnvironmentSource", "baseEnvironmentSourceType")
	}
	if rest.Get("inputs").Len() == 0 {
		rest.Delete("inputs")
	}
	to := v.Get("target_environment")
	id := "azureml://locations/" + e.Scope.Location + "/workspaces/" + e.Around.WorkspaceGUID + "/environments/" + to.Get("name").Str()
	if version := to.Get("version").Str(); version != "" {
		id += "/versions/" + version
	}
	rest.Set("targetEnvironmentId", asset.NewString(id))
}
