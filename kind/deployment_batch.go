package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// batchDeployment is what runs behind a batch endpoint: a model or a pipeline.
var batchDeployment = &Table{
	Kind:       "batch-deployment",
	Plural:     "batch-deployments",
	Collection: "deployments",
	Parent:     "batch-endpoint",
	ParentKey:  "endpoint_name",
	LowerName:  true,
	Names:      NameRule{Pattern: job.Names.Pattern, Text: job.Names.Text},
	Tags:       "tags",
	Location:   true,
	Remove:     Delete,
	Costly:     true,
	Promotable: true,
	Doc:        "A model that is run over files, or a pipeline, behind a batch endpoint.",
	Variants:   []*Variant{modelDeployment, pipelineDeployment},
	Fields: []Field{
		{YAML: "description", REST: "properties.description", As: Str{}, Doc: "What it is for."},
		{YAML: "tags", REST: "tags", As: Tags, Doc: "Tags of the deployment."},
		{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "provisioning_state", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
		{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	},
}

var modelDeployment = &Variant{
	Schemas: []string{"modelBatchDeployment", "batchDeployment"},
	Types:   []string{"model"},
	Live:    isModelDeployment,
	Tell: func(doc *asset.Value) bool {
		return doc.Has("endpoint_name") && doc.Has("compute") && !hasAny(doc, "instance_type", "component", "job_definition") &&
			(!doc.Has("type") || typeIs(doc, "model"))
	},
	Preview: &Preview{Tell: tellPreviewBatch, Upgrade: upgradeBatchDeployment},
	Check:   checkBatchDeployment,
	Inspect: inspectScript,
	Doc:     "A model that is run over files.",
	Fields: append([]Field{
		{YAML: "type", As: Words("model", "model"), Doc: "model has the tuning in settings; without it, it stands in the deployment itself."},
		{YAML: "properties", REST: "properties.properties", As: Tags, Change: Append, Doc: "Properties may be added, not changed or removed."},
		{YAML: "model", REST: "properties.model", As: Ref{To: "model", Inline: true, Named: true, Object: true}, Doc: "The model."},
		{YAML: "code_configuration", REST: "properties.codeConfiguration", As: codeConfiguration, Doc: "The code that reads the files; MLflow models need none."},
		{YAML: "environment", REST: "properties.environmentId", As: Ref{To: "environment", Inline: true, File: true, Named: true}, Doc: "What the code runs in."},
		{YAML: "environment_variables", REST: "properties.environmentVariables", As: Map{Of: Text{}}, Doc: "Variables of the process, sent as texts."},
		{YAML: "compute", REST: "properties.compute", As: Ref{To: "compute", Bare: true}, Stays: true, Doc: "Where it runs; deployments of type model must say it."},
		{YAML: "resources", REST: "properties.resources", As: jobResources, Doc: "The machines."},
		{YAML: "settings", As: Object{Fields: append(batchSettings("properties."),
			Field{YAML: "instance_count", As: Int{}, Stays: true, Doc: "The same as resources.instance_count."},
			Field{YAML: "environment_variables", As: Map{Of: Text{}}, Doc: "The same as environment_variables of the deployment."},
		)}, Doc: "How the files are handed to the model."},
	}, legacySettings()...),
}

const deploymentConfiguration = "properties.deploymentConfiguration."

// pipelineDeployment is a pipeline behind a batch endpoint.
var pipelineDeployment = &Variant{
	Name:    "pipeline",
	Schemas: []string{"pipelineComponentBatchDeployment"},
	Types:   []string{"pipeline"},
	Const:   []Const{{REST: deploymentConfiguration + "deploymentConfigurationType", Text: "PipelineComponent"}},
	Tell: func(doc *asset.Value) bool {
		return typeIs(doc, "pipeline") && hasAny(doc, "component", "job_definition") && hasAny(doc, "endpoint_name", "job_definition")
	},
	Doc: "A pipeline that is run for every call of the endpoint.",
	Fields: []Field{
		{YAML: "component", REST: deploymentConfiguration + "componentId", As: Ref{To: "component", Inline: true, File: true, Path: true, Default: true, Object: true}, Doc: "The pipeline component: a reference, or the path of a file."},
		{YAML: "job_definition", As: Ref{To: "job"}, Change: Once, Doc: "A pipeline job that is run again, in place of a component."},
		{YAML: "settings", REST: deploymentConfiguration + "settings", As: Map{Of: Text{}, Nulls: true}, Stays: true, Doc: "Settings of the runs, such as default_compute; sent as texts."},
		{YAML: "component_description", REST: deploymentConfiguration + "description", As: Str{}, Made: true, Doc: "The description of a component that stands in a file."},
		{YAML: "component_tags", REST: deploymentConfiguration + "tags", As: Map{Of: Text{}}, Made: true, Doc: "The tags of a component that stands in a file."},
	},
	Check: func(c *Checker, v *asset.Value) {
		if v.Get("component").IsNull() && v.Get("job_definition").IsNull() {
			c.Problems.Hintf(v.Pos(), "missing_field", "add component: or job_definition:", "a deployment of a pipeline needs one")
		}
	},
	Whole: func(_ *Checker, v *asset.Value) {
		ref := v.Get("component")
		if name, ok := strings.CutPrefix(v.Get("job_definition").Str(), "azureml:"); ok && ref.IsNull() {
			// A run is deployed as a component that names it.
			v.Set("component", asset.NewMap().At(v.Get("job_definition").Pos()).Set("type", asset.NewString("pipeline")).Set("source_job_id", asset.NewString(name)))
			return
		}
		if ref.Type() != asset.Map {
			return
		}
		if text := ref.Get("description"); text != nil {
			v.Set("component_description", text)
		}
		if tags := ref.Get("tags"); tags.Len() > 0 {
			v.Set("component_tags", tags)
		}
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		// The reference client sends the defaults of model deployments too.
		props := rest.Get("properties")
		for key, item := range map[string]*asset.Value{
			"errorThreshold": asset.NewInt(-1), "maxConcurrencyPerInstance": asset.NewInt(1), "miniBatchSize": asset.NewInt(10), "outputFileName": asset.NewString("predictions.csv"),
		} {
			if !props.Has(key) {
				props.Set(key, item)
			}
		}
	},
}

// batchSettings are the rows of the tuning; at is their path on the wire.
func batchSettings(at string) []Field {
	return []Field{
		{YAML: "mini_batch_size", REST: at + "miniBatchSize", As: Int{}, Service: asset.NewInt(10), Doc: "Files in one call of the script."},
		{YAML: "max_concurrency_per_instance", REST: at + "maxConcurrencyPerInstance", As: Int{}, Service: asset.NewInt(1), Doc: "Processes on one machine."},
		{YAML: "output_action", REST: at + "outputAction", As: Words("append_row", "AppendRow", "summary_only", "SummaryOnly"), Service: asset.NewString("append_row"), Doc: "Whether the results are put into one file."},
		{YAML: "output_file_name", REST: at + "outputFileName", As: Str{}, Service: asset.NewString("predictions.csv"), Doc: "The name of that file."},
		{YAML: "error_threshold", REST: at + "errorThreshold", As: Int{}, Service: asset.NewInt(-1), Doc: "Files that may fail; -1 for all."},
		{YAML: "retry_settings", REST: at + "retrySettings", As: Obj(
			Field{YAML: "max_retries", REST: "maxRetries", As: Int{}, Service: asset.NewInt(3), Doc: "Tries of one call."},
			Field{YAML: "timeout", REST: "timeout", As: Duration{}, Service: asset.NewInt(30), Doc: "Seconds for one call."},
		), Doc: "What happens to calls that fail."},
		{YAML: "logging_level", REST: at + "loggingLevel", As: Words("info", "Info", "warning", "Warning", "debug", "Debug"), Service: asset.NewString("info"), Doc: "How much is logged."},
	}
}

// legacySettings are the same rows in the deployment itself, the form without
// type. They send nothing: the normal form has them in settings.
func legacySettings() []Field {
	rows := batchSettings("")
	for i := range rows {
		rows[i].REST, rows[i].Service = "", nil
		rows[i].Doc = "The form without type has settings." + rows[i].YAML + " here."
		if o, ok := rows[i].As.(Object); ok {
			rows[i].As = unsent{o}
		}
	}
	return rows
}

// unsent is an Object without place on the wire: REST "" of a plain Object
// would put its fields into the enclosing body.
type unsent struct{ Object }

func isModelDeployment(rest *asset.Value) bool {
	if typ := rest.GetPath("properties", "deploymentConfiguration", "deploymentConfigurationType").Str(); typ != "" && !strings.EqualFold(typ, "Model") {
		return false
	}
	for key := range rest.GetPath("properties", "properties").Entries() {
		if strings.HasPrefix(key, "ComponentDeployment.") {
			return false
		}
	}
	return true
}

// checkBatchDeployment brings both forms to the one with settings. As for the
// reference client, each form knows its own place only.
func checkBatchDeployment(c *Checker, v *asset.Value) {
	typed := v.Get("type") != nil
	v.Delete("type")
	if settings := v.Get("settings"); settings != nil && !typed {
		c.Problems.Hintf(settings.Pos(), "unknown_field", "add type: model", "settings: is for deployments of type model")
	}
	if typed && v.Get("compute").IsNull() {
		c.Problems.Hintf(v.Pos(), "missing_field", "add compute: and the name of a cluster", "compute: is missing")
	}
	moved := asset.NewMap().At(v.Pos())
	for _, row := range batchSettings("") {
		item := v.Get(row.YAML)
		if item == nil {
			continue
		}
		if typed && row.YAML != "error_threshold" {
			c.Problems.Hintf(item.Pos(), "unknown_field", "move it into settings", "unknown field %q: deployments of type model have it in settings", row.YAML)
		}
		moved.Set(row.YAML, item)
		v.Delete(row.YAML)
	}
	settings := v.Get("settings")
	if settings == nil {
		settings = moved
		v.Set("settings", settings)
	} else if item := moved.Get("error_threshold"); item != nil && !settings.Has("error_threshold") {
		settings.Set("error_threshold", item)
	}
	if n := settings.Get("instance_count"); n != nil {
		if v.GetPath("resources", "instance_count").IsNull() {
			v.SetPath(n, "resources", "instance_count")
		}
		settings.Delete("instance_count")
	}
	for key, item := range settings.Get("environment_variables").Entries() {
		v.SetPath(item, "environment_variables", key)
	}
	dropEntry(settings, "environment_variables")
	if settings.Len() == 0 {
		v.Delete("settings")
	}
}
