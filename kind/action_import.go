package kind

import (
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// dataImport runs a job that copies from a database or a bucket into storage
// and registers what comes as data.
var dataImport = &Variant{
	Name:    "data-import",
	Schemas: []string{"dataImport"},
	Tell: func(doc *asset.Value) bool {
		return hasAll(doc, "name", "path", "source") && doc.Get("source").Has("connection") && !hasAny(doc, "command", "jobs", "task")
	},
	Doc: "Copies from a database or a bucket into a data asset.",
	Command: &Command{
		Name:    "az ml data import",
		Instead: "write a schedule with import_data:, which repeats it",
		Send: func(_ *Encoder, a *asset.Asset) (method, path string) {
			return "PUT", "jobs/" + a.ID.Name + "-" + sha256Hex(string(a.Body.Canonical()))[:12]
		},
	},
	Fields: []Field{
		{YAML: "version", As: Text{}, NoNull: true, Doc: "The version of the data asset; the next one if not given."},
		{YAML: "type", As: Str{}, NoNull: true, Doc: "Read and not sent: a database makes an mltable, a bucket a uri_folder."},
		{YAML: "description", As: Str{}, NoNull: true, Doc: "What it is."},
		{YAML: "tags", As: Map{Of: pythonText{}, Nulls: true}, NoNull: true, Doc: "Free labels of the job."},
		{YAML: "path", As: Str{}, Required: true, Doc: "Where the data goes, a datastore URI; ${{name}} stands for the name of the job."},
		{YAML: "source", As: importSource, Required: true, Doc: "Where the data comes from."},
		{YAML: "auto_delete_setting", As: Any{}, NoNull: true, Doc: "The service does not take it here."},
		{YAML: "datastore", As: Str{}, NoNull: true, Doc: "Read and not sent."},
		{YAML: "properties", As: Any{}, ReadOnly: true, Doc: "The reference client drops them."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
		{YAML: "latest_version", As: Any{}, ReadOnly: true, Doc: "Set by the service."},
	},
	Check:  checkImport,
	ToREST: importToREST,
}

func importText(key, doc string) Field {
	return Field{YAML: key, REST: key, As: Str{}, NoNull: true, Doc: doc}
}

var (
	importConnection = Field{YAML: "connection", REST: "connection", As: Str{}, Required: true, Doc: "The connection that knows how to get in."}
	databaseSource   = Obj(
		Field{YAML: "type", REST: "type", As: Words("database", "database"), Required: true, Doc: "database, or file_system for a bucket."},
		importText("query", "The SQL that selects the rows."),
		importText("table_name", "The table."),
		importText("stored_procedure", "The stored procedure that gives the rows."),
		Field{YAML: "stored_procedure_params", REST: "stored_procedure_params", NoNull: true, Doc: "Its parameters.", As: List{Of: Obj(
			Field{YAML: "name", REST: "name", As: Str{}, Required: true, Doc: "The name."},
			Field{YAML: "value", REST: "value", As: Str{}, Required: true, Doc: "The value."},
			Field{YAML: "type", REST: "type", As: Str{}, Required: true, Doc: "The type."},
		)}},
		importConnection)
	fileSource = Obj(
		Field{YAML: "type", REST: "type", As: Words("file_system", "file_system"), NoNull: true, Send: asset.NewString("file_system"), Doc: "database, or file_system for a bucket."},
		importText("path", "The path in the bucket."),
		importConnection)
	importSource = byTypeOf("a source of type database or file_system", map[string]Object{"database": databaseSource, "filesystem": fileSource, "": fileSource})
)

// byTypeOf chooses an object by the text of its member type.
func byTypeOf(name string, of map[string]Object) Pick {
	choose := func(v *asset.Value) Type {
		if o, ok := of[squash(v.Get("type").Str())]; ok && v.Type() == asset.Map {
			return o
		}
		return nil
	}
	p := Pick{Name: name, Of: choose, OfREST: choose}
	for _, key := range sortedKeys(of) {
		if key != "" {
			p.All = append(p.All, of[key])
		}
	}
	return p
}

// managedStore is the datastore of the service itself, in which the service
// chooses the path.
const managedStore = "azureml://datastores/workspacemanageddatastore"

var (
	importTarget = regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9+.-]*://[^/]`)
	importName   = regexp.MustCompile(`\A[A-Za-z0-9_-]{1,255}\z`)
)

func checkImport(c *Checker, v *asset.Value) {
	switch name := c.id.Name; {
	case name == "":
		c.Problems.Hintf(v.Pos(), "missing_field", "add name: and the name of the data", "name is missing")
	case !importName.MatchString(name):
		c.Problems.Hintf(v.Pos(), "bad_name", "use letters, digits, dashes and underscores", "%q cannot be the name of an output", name)
	}
	if typ := v.Get("type"); typ != nil && !slices.Contains([]string{"uri_file", "uri_folder", "mltable"}, typ.Str()) {
		c.in("type", func() {
			c.Badf(typ, "bad_value", "one of uri_file, uri_folder, mltable", "%s is not a type of data", sort(typ))
		})
	}
	if set := v.Get("auto_delete_setting"); set != nil {
		c.in("auto_delete_setting", func() { c.Badf(set, "unknown_field", "remove it", "an import cannot set it") })
	}
	c.in("path", func() {
		path := v.Get("path")
		switch {
		case path == nil:
		case !importTarget.MatchString(path.Str()):
			c.Badf(path, "bad_value", "write azureml://datastores/NAME/paths/PATH/${{name}}", "want the address of a place in a datastore")
		case strings.HasPrefix(path.Str(), managedStore+"/") && strings.TrimRight(path.Str(), "/") != managedStore:
			c.Badf(path, "bad_value", "write "+managedStore, "the managed datastore has no paths")
		}
	})
}

// importToREST makes the job of one step that the client makes of an import.
func importToREST(e *Encoder, v, rest *asset.Value) {
	name := e.id.Name
	title := asset.NewString("data_import_" + name)
	about := title
	if d := v.Get("description"); d.Str() != "" {
		about = d
	}
	source := importSource.Encode(e, v.Get("source"))
	sort, typ := "file_system", "uri_folder"
	if source.Get("type").Str() == "database" {
		sort, typ = "database", "mltable"
	}
	path := v.Get("path").Str()
	if strings.TrimRight(path, "/") == managedStore {
		path = managedStore + "/paths"
	}
	if !strings.Contains(path, "${{name}}") {
		path = strings.TrimRight(path, "/") + "/${{name}}"
	}
	sink := asset.NewMap().Set("uri", asset.NewString(path)).Set("job_output_type", asset.NewString(typ)).Set("name", asset.NewString(name))
	if version := v.Get("version"); version != nil {
		sink.Set("version", version)
	}
	step := asset.NewMap().Set("type", asset.NewString("data_transfer")).Set("task", asset.NewString("import_data")).
		Set("source", source).Set("display_name", title).Set("_source", asset.NewString("BUILTIN")).
		Set("computeId", asset.NewString(e.Scope.WorkspaceID()+"/computes/serverless")).
		Set("componentId", asset.NewString("azureml://registries/azureml/components/import_data_"+sort+"/versions/0.0.1")).
		Set("outputs", asset.NewMap().Set("sink", sink))
	tags := v.Get("tags")
	if tags == nil {
		tags = asset.NewMap()
	}
	rest.Set("properties", asset.NewMap().Set("jobType", asset.NewString("Pipeline")).Set("isArchived", asset.NewBool(false)).
		Set("description", about).Set("displayName", title).Set("experimentName", title).Set("tags", tags).
		Set("inputs", asset.NewMap()).Set("outputs", asset.NewMap()).
		Set("properties", asset.NewMap().Set("azureml.materializationAssetName", asset.NewString(name))).
		Set("settings", asset.NewMap().Set("force_rerun", asset.NewBool(true)).Set("_source", asset.NewString("CLASS"))).
		Set("jobs", asset.NewMap().Set(title.Str(), step)))
}
