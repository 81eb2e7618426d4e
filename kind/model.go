package kind

import "mlsync.dev/mlsync/asset"

var model = &Table{
	Kind:       "model",
	Plural:     "models",
	Collection: "models",
	Versioned:  true,
	InRegistry: true,
	Names:      serviceName,
	Tags:       "properties.tags",
	Remove:     Archive,
	Promotable: true,
	Carries:    true,
	Doc:        "A trained model: the files and how they are laid out.",
	Variants: []*Variant{
		modelVariant("custom_model", "Files of any layout."),
		modelVariant("mlflow_model", "A folder with a file MLmodel; it can be deployed without environment and code."),
		modelVariant("triton_model", "A model repository of the Triton server."),
	},
	Fields: modelFields,
}

var modelFields = []Field{
	{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is."},
	{YAML: "tags", REST: "properties.tags", As: Tags, Send: asset.NewMap(), Doc: "Free labels."},
	{YAML: "properties", REST: "properties.properties", As: Tags, Send: asset.NewMap(), Change: Append, Doc: "Marks for programs. The service lets them be added, not changed or removed."},
	{
		YAML: "path", REST: "properties.modelUri", As: storePath(true), Required: true, Change: NewVersion,
		Doc: "A file or folder of the repository, which is uploaded, or an address: a datastore URI, the output of a job, runs:/ID/path.",
	},
	{YAML: "stage", REST: "properties.stage", As: Str{}, Service: asset.NewString("Development"), Stays: true, Doc: "Free text; the service says Development at first and Archived of what is archived."},
	{YAML: "flavors", REST: "properties.flavors", As: Map{Of: flavor}, Change: NewVersion, Doc: "The flavors of an MLflow model; the service reads them from the file MLmodel, too."},
	{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that local files are uploaded to; workspaceblobstore if not given."},
	{YAML: "system_metadata", As: Any{}, Change: Once, Doc: "Read and not sent, as the reference client does."},
	{YAML: "job_name", As: Str{}, ReadOnly: true, Doc: "The job that made it; set by the service."},
	{YAML: "utc_time_created", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "intellectual_property", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
}

func modelVariant(name, doc string) *Variant {
	v := &Variant{
		Name:    name,
		Schemas: []string{"model"},
		Types:   []string{name},
		Const:   []Const{{"properties.modelType", name}},
		Tell: func(doc *asset.Value) bool {
			return hasAll(doc, "name", "path") && typeIs(doc, name) && onlyKeys(doc, modelFields, "$schema", "name", "version", "type")
		},
		ToREST: sendAssetState,
		Doc:    doc,
	}
	if name == "custom_model" {
		v.Preview = &Preview{Tell: tellPreviewModel, Upgrade: upgradeModel}
	}
	return v
}

// flavor is wrapped in {"data":…} on the wire; its values are texts.
var flavor = flavorType{Map{Of: pythonText{}}}

type flavorType struct{ Map }

func (f flavorType) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return asset.NewMap().Set("data", f.Map.Encode(e, v))
}

func (f flavorType) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if got := f.Map.Decode(d, rest.Get("data")); got != nil {
		return got
	}
	return asset.NewMap()
}

func (f flavorType) Equal(want, live *asset.Value) bool { return sameMap(f.Map, want, live) }

// pythonText is any value as the text that Python's str() makes of it.
type pythonText struct{}

func (pythonText) Check(_ *Checker, v *asset.Value) *asset.Value {
	if v.IsScalar() {
		return asset.NewString(v.Text())
	}
	return asset.NewString(pythonRepr(v))
}
func (pythonText) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }
func (pythonText) Decode(d *Decoder, v *asset.Value) *asset.Value { return Text{}.Decode(d, v) }
func (pythonText) Schema() map[string]any                         { return map[string]any{} }
func (pythonText) Describe() string                               { return "text" }

func tellPreviewModel(doc *asset.Value) bool {
	if doc.Has("type") || SchemaName(doc.Get("$schema").Str()) == "model" {
		return doc.Has("asset_path")
	}
	return hasAll(doc, "name") && (hasAny(doc, "asset_path") || hasAll(doc, "path", "flavors") || doc.Has("local_path") && !hasAny(doc, "datastore", "file", "directory") && doc.Has("flavors"))
}

// upgradeModel gives a model of the preview the type that its flavors mean:
// the draft had no type, and the service acts on the type now.
func upgradeModel(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos())
	u.Rest(out, u.Doc, "$schema", "asset_path", "local_path")
	for _, key := range []string{"asset_path", "local_path"} {
		u.Move(out, key, "path", nil)
	}
	if f := u.Doc.Get("flavors"); f.Has("python_function") && !out.Has("type") {
		out.Set("type", asset.NewString("mlflow_model").At(f.Pos()))
	}
	return []*asset.Value{out}
}
