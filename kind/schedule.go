package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// schedule runs a job, a monitor or a data import again and again. It is made
// enabled; whether it is enabled later is not said in files: people disable a
// schedule for a while, and an update leaves that alone.
var schedule = &Table{
	Kind:       "schedule",
	Plural:     "schedules",
	Collection: "schedules",
	Names:      NameRule{Pattern: job.Names.Pattern, Text: job.Names.Text, Warn: true},
	Tags:       "properties.tags",
	Remove:     Delete,
	Promotable: true,
	Disable:    "properties.isEnabled",
	ListQuery:  map[string]string{"listViewType": "All"},
	Resend:     resendSchedule,
	Doc:        "Something that is done again and again: a job, a monitor or a data import.",
	Variants:   []*Variant{jobSchedule, monitorSchedule, importSchedule},
	Fields: []Field{
		{YAML: "display_name", REST: "properties.displayName", As: Str{}, Change: Replace, Doc: "The name that is shown. The service takes it at creation only."},
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "properties.tags", As: Tags, Send: asset.NewMap(), Doc: "Tags of the schedule."},
		{YAML: "properties", REST: "properties.properties", As: Map{Of: Str{}, Nulls: true, Owned: true, Drop: Tags.Drop}, Send: asset.NewMap(), Doc: "Properties of the schedule: texts."},
		{YAML: "trigger", REST: "properties.trigger", As: trigger, Required: true, Doc: "When it is done."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "is_enabled", As: Bool{}, ReadOnly: true, Doc: "Set by az ml schedule enable and disable."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

// resendSchedule makes a body as the service sent it one that it takes: the
// steps that a copy of a job has of that job are refused (Invalid jobs
// override for pipeline job since source job is specified).
func resendSchedule(rest *asset.Value) {
	definition := rest.GetPath("properties", "action", "jobDefinition")
	if definition.Get("sourceJobId").IsNull() {
		return
	}
	for _, key := range scheduledJob.Filled {
		if definition.Has(key) {
			definition.Delete(key)
		}
	}
}

var jobSchedule = &Variant{
	Name:    "job",
	Schemas: []string{"schedule", "jobSchedule"},
	Const:   []Const{{REST: "properties.action.actionType", Text: "CreateJob"}},
	Tell: func(doc *asset.Value) bool {
		return doc.Has("create_job") && !hasAny(doc, "create_monitor", "import_data")
	},
	// Jobs of types that mlsync does not know, and schedules without a job,
	// which the service can have, are left alone.
	Live: func(rest *asset.Value) bool {
		definition := rest.GetPath("properties", "action", "jobDefinition")
		return !definition.Get("sourceJobId").IsNull() || job.variantOfREST(asset.NewMap().Set("properties", definition)) != nil
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) { finishTrigger(rest) },
	Doc:    "Runs a job.",
	Fields: []Field{
		{YAML: "create_job", REST: "properties.action.jobDefinition", As: scheduledJob, Required: true, Doc: "The job: azureml:NAME for another run of an existing one, the path of its file, or a map with job: and what is to be different."},
	},
}

// changesOfJobs may be said of any job beside the file or the job itself.
var changesOfJobs = []string{"name", "description", "tags", "display_name", "experiment_name", "properties", "services", "compute", "identity", "id", "creation_context", "status", "log_files"}

var scheduledJob = Embedded{
	Kind:   "job",
	Key:    "job",
	Source: "sourceJobId",
	// The service runs it in the experiment of the job if this is empty.
	Copy:   asset.NewMap().Set("experimentName", asset.NewString("")).Set("isArchived", asset.NewBool(false)).Set("jobType", asset.NewString("Pipeline")),
	Filled: []string{"jobs"},
	Sent:   []string{"pipeline"},
	Changes: map[string][]string{
		"pipeline": append([]string{"inputs", "outputs", "settings"}, changesOfJobs...),
		"command": append([]string{
			"inputs", "outputs", "environment", "environment_variables", "resources", "distribution", "queue_settings", "limits", "parameters", "parent_job_name",
		}, changesOfJobs...),
		"spark": append([]string{"conf", "environment"}, changesOfJobs...),
	},
}

var monitorSchedule = &Variant{
	Name:     "monitor",
	Schemas:  []string{"schedule", "monitorSchedule"},
	Const:    []Const{{REST: "properties.action.actionType", Text: "CreateMonitor"}},
	Tell:     func(doc *asset.Value) bool { return doc.Has("create_monitor") },
	Check:    checkMonitor,
	Complete: completeMonitor,
	ToREST:   func(_ *Encoder, _, rest *asset.Value) { finishTrigger(rest) },
	Doc:      "Watches a model or a deployment.",
	Fields: []Field{
		{YAML: "create_monitor", REST: "properties.action.monitorDefinition", As: monitorDefinition, Required: true, Doc: "What is watched, and how."},
	},
}

var importSchedule = &Variant{
	Name:    "import",
	Schemas: []string{"schedule", "importDataSchedule"},
	Const:   []Const{{REST: "properties.action.actionType", Text: "ImportData"}},
	Tell:    func(doc *asset.Value) bool { return doc.Has("import_data") && !doc.Has("create_monitor") },
	ToREST:  func(_ *Encoder, _, rest *asset.Value) { finishTrigger(rest) },
	Doc:     "Imports data.",
	Fields: []Field{
		{YAML: "import_data", REST: "properties.action.dataImportDefinition", As: importDefinition, Required: true, Doc: "What is imported: the path of a file, or a map."},
	},
}

// importDefinition is sent with the data type of folders, whatever the file says,
// as by the reference client.
var importDefinition = inFile{Object{
	After: func(_ *Checker, v *asset.Value) {
		if v.Has("type") {
			v.Delete("type")
		}
	},
	Fields: []Field{
		{YAML: "$schema", As: Str{}, ReadOnly: true, Doc: "The schema, in a file of its own."},
		{YAML: "name", REST: "assetName", As: Str{}, Required: true, Doc: "The data asset that is made."},
		{YAML: "type", As: wordOf("uri_file", "uri_folder", "mltable"), Doc: "mltable for a database, uri_folder for files; it is not sent."},
		{YAML: "version", As: Text{}, ReadOnly: true, Doc: "It is not sent: every import makes a version."},
		{YAML: "description", REST: "description", As: Str{}, Doc: "What it is."},
		{YAML: "tags", REST: "tags", As: Map{Of: Text{}, Owned: true, Drop: Tags.Drop}, Send: asset.NewMap(), Doc: "Tags of the data asset."},
		{YAML: "properties", As: Any{}, ReadOnly: true, Doc: "They are not sent."},
		{YAML: "path", REST: "dataUri", As: Local{What: Upload, Remote: func(string) bool { return true }, Same: func(want, live *asset.Value) bool { return SameURI(want.Text(), live.Text()) }}, Required: true, Doc: "Where the data goes: an azureml://datastores/… address; ${{name}} is filled in."},
		{YAML: "datastore", As: Str{}, ReadOnly: true, Doc: "It is not sent."},
		{YAML: "auto_delete_setting", As: Any{}, ReadOnly: true, Doc: "It is not sent."},
		{YAML: "source", REST: "source", As: scheduledSource, Required: true, Doc: "Where the data comes from."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "latest_version", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("dataType", asset.NewString("uri_folder")).Set("isAnonymous", asset.NewBool(false)).Set("isArchived", asset.NewBool(false)).Set("properties", asset.NewMap())
	},
}}

var scheduledConnection = Field{YAML: "connection", REST: "connection", As: Ref{To: "connection", Bare: true, Verbatim: true}, Required: true, Doc: "The connection: azureml:NAME."}

var (
	scheduledDatabase = Obj(
		Field{YAML: "type", REST: "sourceType", As: wordOf("database"), Required: true, Doc: "A database."},
		Field{YAML: "query", REST: "query", As: Str{}, Doc: "The query."},
		scheduledConnection,
		Field{YAML: "table_name", As: Str{}, ReadOnly: true, Doc: "It is not sent."},
		Field{YAML: "stored_procedure", As: Str{}, ReadOnly: true, Doc: "It is not sent."},
		Field{YAML: "stored_procedure_params", As: Any{}, ReadOnly: true, Doc: "They are not sent."},
	)
	scheduledFiles = Object{
		Fields: []Field{
			{YAML: "type", REST: "sourceType", As: wordOf("file_system"), Doc: "Files; the type if none is given."},
			{YAML: "path", REST: "path", As: Str{}, Doc: "The path of the files there."},
			scheduledConnection,
		},
		After: func(_ *Checker, v *asset.Value) { setDefault(v, "type", "file_system") },
	}
	scheduledSource = Pick{
		Name: "a source: database or file_system",
		Of: func(v *asset.Value) Type {
			switch {
			case v.Type() != asset.Map:
				return nil
			case strings.EqualFold(v.Get("type").Str(), "database"):
				return scheduledDatabase
			}
			return scheduledFiles
		},
		OfREST: func(rest *asset.Value) Type {
			switch squash(rest.Get("sourceType").Str()) {
			case "database":
				return scheduledDatabase
			case "filesystem":
				return scheduledFiles
			}
			return nil
		},
		All: []Type{scheduledDatabase, scheduledFiles},
	}
)
