package kind

import "mlsync.dev/mlsync/asset"

var data = &Table{
	Kind:       "data",
	Plural:     "data",
	VersionMax: 30,
	Collection: "data",
	Versioned:  true,
	InRegistry: true,
	Names:      serviceName,
	Tags:       "properties.tags",
	Remove:     Archive,
	Promotable: true,
	Doc:        "A named version of a file, a folder or a table in storage.",
	Variants: []*Variant{
		dataVariant("uri_folder", "A folder."),
		dataVariant("uri_file", "A file."),
		dataVariant("mltable", "A table: a folder that holds a file MLTable, which says how to read it."),
	},
	Fields: dataFields,
}

var dataFields = []Field{
	{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is."},
	{YAML: "tags", REST: "properties.tags", As: Tags, Send: asset.NewMap(), Doc: "Free labels."},
	{YAML: "properties", As: Tags, ReadOnly: true, Doc: "The reference client drops them and sends an empty map."},
	{
		YAML: "path", REST: "properties.dataUri", As: storePath(false), Required: true, Change: NewVersion,
		Doc: "A file or folder of the repository, which is uploaded, or an address. The service answers with the long form of datastore URIs and a slash after folders.",
	},
	{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that local data is uploaded to; workspaceblobstore if not given."},
	{YAML: "auto_delete_setting", REST: "properties.autoDeleteSetting", As: Obj(
		Field{YAML: "condition", REST: "condition", As: Words("created_greater_than", "createdGreaterThan", "last_accessed_greater_than", "lastAccessedGreaterThan"), Doc: "What the age is counted from."},
		Field{YAML: "value", REST: "value", As: Text{}, Doc: "The age, such as 30d."},
	), Stays: true, Doc: "When the service deletes the data (preview)."},
	{YAML: "referenced_uris", As: List{Of: Str{}}, ReadOnly: true, Doc: "The paths that the file MLTable names. mlsync reads them from that file."},
	{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
}

func dataVariant(name, doc string) *Variant {
	v := &Variant{
		Name:    name,
		Schemas: []string{"data"},
		Types:   []string{name},
		Const:   []Const{{"properties.dataType", name}},
		Tell: func(doc *asset.Value) bool {
			return hasAll(doc, "name", "path") && doc.Get("type").Str() == name && onlyKeys(doc, dataFields, "$schema", "name", "version", "type")
		},
		Preview: dataPreview(name),
		ToREST:  sendAssetState,
		Doc:     doc,
	}
	if name == "mltable" {
		v.Inspect = inspectMLTable
	}
	return v
}

// tableFile is the file that makes a folder an MLTable.
const tableFile = "MLTable"

// inspectMLTable looks for the file MLTable in a local folder and takes the
// paths that it names into the body, as the reference client does.
func inspectMLTable(in *Inspection, body *asset.Value) {
	path := body.Get("path")
	files, local := in.Files("path")
	if !local {
		return
	}
	if !in.Folder("path") || !contains(files, tableFile) {
		in.Bad(path, "missing_file", "put a file called MLTable into the folder", "path: an mltable is a folder with a file MLTable")
		return
	}
	uris := asset.NewList()
	for _, p := range in.Document("path", tableFile).Get("paths").Items() {
		for _, key := range []string{"file", "folder", "pattern"} {
			if uri := p.Get(key); uri.Type() == asset.String {
				uris.Append(asset.NewString(uri.Str()))
			}
		}
	}
	if uris.Len() > 0 {
		body.Set("referenced_uris", uris)
	}
}

// sendAssetState sends what the client sends for every version of an asset,
// and the URIs that an MLTable refers to. What git wants is not archived: the
// service restores a version that is sent without the stage Archived.
func sendAssetState(_ *Encoder, v, rest *asset.Value) {
	props := rest.Get("properties")
	if props.Get("isArchived").Bool() && v.Get("stage") == nil {
		props.Delete("stage")
	}
	props.Set("isArchived", asset.NewBool(false))
	if !props.Has("isAnonymous") {
		props.Set("isAnonymous", asset.NewBool(false))
	}
	if props.Get("properties").IsNull() {
		props.Set("properties", asset.NewMap())
	}
	if uris := v.Get("referenced_uris"); uris.Len() > 0 {
		props.Set("referencedUris", uris)
	}
}

// dataPreview is given to the first variant only: the preview form does not
// tell the variants apart before it is upgraded.
func dataPreview(name string) *Preview {
	if name != "uri_folder" {
		return nil
	}
	return &Preview{Tell: tellDataset, Upgrade: upgradeDataset}
}

func tellDataset(doc *asset.Value) bool {
	if hasAny(doc, "$schema") && SchemaName(doc.Get("$schema").Str()) != "dataset" {
		return doc.Has("assetPaths")
	}
	return hasAny(doc, "assetPaths", "linked_service", "linkedServiceId") ||
		doc.Has("name") && hasAny(doc, "directory", "file", "local_path") && hasAny(doc, "datastore", "version")
}

// upgradeDataset reads assetPaths with linked_service of October 2020, file or
// directory with datastore of November, and local_path of February 2021.
func upgradeDataset(u *Upgrade) []*asset.Value {
	out := asset.NewMap().At(u.Doc.Pos())
	u.Rest(out, u.Doc, "$schema", "type", "linked_service", "linkedServiceId", "assetPaths", "directory", "file", "local_path", "datastore")
	if typ := u.Doc.Get("type"); typ != nil {
		u.Lost("type", typ, "what kind of storage it is belongs to the datastore")
	}
	store := u.Doc.Get("datastore")
	for _, key := range []string{"linked_service", "linkedServiceId"} {
		if v := u.Doc.Get(key); v != nil && store == nil {
			store = v
		}
	}
	kind, path := u.datasetPath()
	if path == nil {
		u.Problems.Hintf(u.Doc.Pos(), "missing_field", "add path:, a file, a folder or an address", "the dataset names no path")
		return []*asset.Value{out}
	}
	out.Set("type", asset.NewString(kind).At(path.Pos()))
	switch name := storeName(store); {
	case isAddress(path.Str()) || u.Doc.Has("local_path"):
		if name != "" && u.Doc.Has("local_path") {
			out.Set("datastore", asset.NewString(name).At(store.Pos()))
		}
		out.Set("path", path)
	case name == "":
		out.Set("path", path)
	default:
		uri := StoreURI{Datastore: name, Path: trimPath(path.Str())}
		out.Set("path", asset.NewString(uri.String()).At(path.Pos()))
	}
	return []*asset.Value{out}
}

// datasetPath is where the data of a preview dataset is and of which type.
func (u *Upgrade) datasetPath() (kind string, path *asset.Value) {
	for _, p := range []struct{ key, kind string }{{"file", "uri_file"}, {"directory", "uri_folder"}, {"local_path", "uri_folder"}} {
		if v := u.Doc.Get(p.key); v != nil {
			return p.kind, asset.NewString(v.Text()).At(v.Pos())
		}
	}
	paths := u.Doc.Get("assetPaths")
	if paths.Type() == asset.Map {
		paths = asset.NewList(paths)
	}
	if paths.Len() == 0 {
		return "", nil
	}
	if paths.Len() > 1 {
		u.Problems.Hintf(paths.Items()[1].Pos(), "no_equivalent", "write a folder with a file MLTable that names them, and type: mltable",
			"assetPaths: several paths cannot be one data asset")
	}
	first := paths.Items()[0]
	if first.Type() != asset.Map {
		return "uri_folder", asset.NewString(first.Text()).At(first.Pos())
	}
	kind = "uri_file"
	if is := first.Get("is_directory"); is != nil && truths[lower(is)] {
		kind = "uri_folder"
	}
	for k, v := range first.Entries() {
		if k != "path" && k != "is_directory" {
			u.Lost("assetPaths."+k, v, "remove it")
		}
	}
	if v := first.Get("path"); v != nil {
		return kind, asset.NewString(v.Text()).At(v.Pos())
	}
	return "", nil
}
