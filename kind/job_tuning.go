package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// What the jobs that tune a model have in common: fine-tuning and
// distillation. On the wire they are one type of job.

// tuningData is data that a model is tuned with: an address or path, or a map.
// The service is told that it is a file, whatever its type.
var tuningData = Pick{
	Name: "a path, an address, or a map with a path",
	Of: func(v *asset.Value) Type {
		switch {
		case v.Type() == asset.String:
			return Str{}
		case squash(v.Get("type").Text()) == "urifile":
			return tuningFile
		case v.Type() == asset.Map:
			return tuningFolder
		}
		return nil
	},
	OfREST: func(rest *asset.Value) Type {
		if rest.Type() == asset.Map {
			return tuningFile
		}
		return Str{}
	},
	All: []Type{Str{}, tuningFile, tuningFolder},
}

var (
	tuningTypes  = Words("uri_file", "uri_file", "uri_folder", "uri_folder")
	tuningModes  = Words("ro_mount", "ReadOnlyMount", "download", "Download", "direct", "Direct")
	tuningFile   = tuningInput(Local{What: Upload, Asset: "data", Remote: remoteInput})
	tuningFolder = tuningInput(Local{What: Upload, Asset: "data", Remote: remoteInput, Slash: true})
)

func tuningInput(path Local) Object {
	return Object{
		After: finishInput,
		Fields: []Field{
			{YAML: "type", As: tuningTypes, Change: Once, Doc: "uri_folder if not given; not sent."},
			{YAML: "path", REST: "uri", As: path, Required: true, Change: Once, Doc: "An address, a data asset, or a path of the repository, which is uploaded."},
			{YAML: "mode", As: tuningModes, Change: Once, Doc: "Taken and not sent, as the reference client does."},
			{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that a path of the repository is uploaded to; workspaceblobstore if not given."},
		},
		ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("jobInputType", asset.NewString("uri_file")) },
		FromREST: func(_ *Decoder, _, v *asset.Value) {
			if v.Has("path") {
				setDefault(v, "type", "uri_file")
			}
		},
	}
}

// tuningModel is the model that is tuned. The reference client neither
// resolves its path nor uploads it: it sends the text, without azureml:.
var tuningModel = Object{
	After: func(_ *Checker, v *asset.Value) {
		if path := v.Get("path"); path != nil {
			v.Set("path", bareID(path))
		}
	},
	Fields: []Field{
		{YAML: "type", As: Words(modelTypes...), Change: Once, Doc: "What the model is; not sent."},
		{YAML: "path", REST: "uri", As: Str{}, Change: Once, Doc: "The address of the model, most often in a registry."},
		{YAML: "mode", As: tuningModes, Change: Once, Doc: "Taken and not sent, as the reference client does."},
		{YAML: "datastore", As: Str{}, Change: Once, Stays: true, Doc: "Taken and not sent, as the reference client does."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("jobInputType", asset.NewString("mlflow_model")) },
}

// bareID is a reference without azureml:, which addresses keep.
func bareID(v *asset.Value) *asset.Value {
	text := strings.TrimPrefix(v.Str(), "azureml:azureml:")
	if id, ok := strings.CutPrefix(text, "azureml:"); ok && !strings.HasPrefix(id, "//") {
		text = id
	}
	return asset.NewString(text).At(v.Pos())
}

// fileData brings data that is written as a text to the form of a map.
func fileData(c *Checker, v *asset.Value, keys ...string) {
	for _, key := range keys {
		if text := v.Get(key); text.Type() == asset.String {
			c.in(key, func() {
				m := asset.NewMap().At(text.Pos()).Set("type", asset.NewString("uri_file").At(text.Pos())).Set("path", text)
				if got := tuningFile.Check(c, m); got != nil {
					v.Set(key, got)
				}
			})
		}
	}
}

// tuningTexts are hyperparameters: texts, which YAML takes for numbers if they
// are not in quotes.
var tuningTexts = Map{Of: Str{}, Nulls: true}

// isDistillation tells the two apart by a property that the reference client
// sends.
func isDistillation(rest *asset.Value) bool {
	return strings.EqualFold(rest.GetPath("properties", "properties", enableDistillation).Text(), "true")
}
