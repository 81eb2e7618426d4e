package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

// A step of automated machine learning names no component: it is the job as
// it stands in the file, with words and members spelled as there.

// automlSteps are the forms of such steps, one a task. The last takes every
// other task, which it then refuses; it is not among the alternatives.
func automlSteps() []stepForm {
	var out []stepForm
	for _, task := range automlTasks {
		out = append(out, stepForm{typ: "automl", task: task.name, named: automlStep(task)})
	}
	return append(out, stepForm{typ: "automl", named: automlStep(automlTasks[0])})
}

// automlStep is the step of a task: the rows of its job, bindable.
func automlStep(task automlTask) Object {
	rows := slices.Concat([]Field{
		{YAML: "type", REST: "type", As: sameWords("automl"), Required: true, Change: Once, Doc: "automl."},
		{YAML: "task", REST: "task", As: stepTask{taskWord{task}}, Required: true, Change: Once, Doc: "What the model is for."},
		{YAML: "outputs", REST: "outputs", As: stepOutputs, Change: Once, Doc: "What the step gives back, such as best_model of type mlflow_model."},
	}, bindable(automlStepHead), bindable(automlStepRows(task)))
	return Object{Fields: rows}
}

// stepTask is the task as it stands in the file.
type stepTask struct{ taskWord }

func (t stepTask) Encode(*Encoder, *asset.Value) *asset.Value { return asset.NewString(t.task.name) }

var automlStepHead = []Field{
	{YAML: "display_name", REST: "display_name", As: Str{}, Change: Once, Doc: "The name that is shown."},
	{YAML: "description", REST: "description", As: Str{}, Change: Once, Doc: "What the step does."},
	{YAML: "experiment_name", REST: "experiment_name", As: Str{}, Change: Once, Doc: "Sent, and not used: the pipeline has one."},
	{YAML: "tags", REST: "tags", As: Map{Of: Str{}, Nulls: true}, Change: Once, Doc: "Tags of the step."},
	{YAML: "properties", REST: "properties", As: Map{Of: Str{}, Nulls: true}, Change: Once, Doc: "Properties of the step."},
	{YAML: "name", As: Str{}, Change: Once, Doc: "The step is called as its key says."},
	{YAML: "compute", REST: "compute", As: Ref{To: "compute", Bare: true, Prefix: true}, Change: Once, Stays: true, Doc: "Where it runs; the default of the pipeline if not given."},
	{YAML: "identity", REST: "identity", As: automlStepIdentity, Change: Once, Stays: true, Doc: "Who the step acts as."},
	{YAML: "services", REST: "services", As: spelled(jobServices), Change: Once, Stays: true, Doc: "Ways into the running step."},
	{YAML: "queue_settings", REST: "queue_settings", As: automlStepQueue, Change: Once, Stays: true, Doc: "How the step is queued on serverless compute."},
	{YAML: "resources", REST: "resources", As: automlStepResources, Change: Once, Doc: "The machines."},
	{YAML: "environment_id", REST: "environment_id", As: Str{}, Change: Once, Doc: "What it runs in; AutoML's own if not given."},
	{YAML: "environment_variables", REST: "environment_variables", As: Map{Of: Str{}}, Change: Once, Doc: "Variables of the process."},
	{YAML: "id", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	{YAML: "status", As: Str{}, ReadOnly: true, Doc: "Set by Azure."},
	{YAML: "log_files", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
	{YAML: "creation_context", As: Any{}, ReadOnly: true, Doc: "Set by Azure."},
}

// automlStepIdentity: a managed identity has the long word here.
var automlStepIdentity = func() Object {
	o := spelled(jobIdentity).(Object)
	o.Fields = slices.Clone(o.Fields)
	o.Fields[0].As = Words("managed", "managed_identity", "managed_identity", "managed_identity", "aml_token", "aml_token", "user_identity", "user_identity")
	return o
}()

// automlStepQueue has the words of the file, and the priority among them.
var automlStepQueue = Obj(
	Field{YAML: "job_tier", REST: "job_tier", As: sameWords("spot", "basic", "standard", "premium", "null"), Change: Once, Doc: "What is paid for waiting less."},
	Field{YAML: "priority", REST: "priority", As: sameWords("low", "medium", "high"), Change: Once, Doc: "The order within the tier."},
)

// automlStepResources sends a list of Docker arguments as the text that
// Python makes of it.
var automlStepResources = func() Object {
	o := spelled(jobResources).(Object)
	o.Fields = slices.Clone(o.Fields)
	for i := range o.Fields {
		if o.Fields[i].YAML == "docker_args" {
			o.Fields[i].As = pythonText{}
		}
	}
	return o
}()

// automlStepRows are the rows of the task, as the reference client dumps them.
// What it fills in is not the same as in a job of its own.
func automlStepRows(task automlTask) []Field {
	rows := slices.Concat(task.rows(""), []Field{
		{YAML: "log_verbosity", REST: "log_verbosity", As: verbosities, Change: Once, Send: asset.NewString("info"), Doc: "How much is logged."},
	})
	text := slices.ContainsFunc(rows, func(f Field) bool { return f.REST == "fixedParameters" })
	image := slices.ContainsFunc(rows, func(f Field) bool { return f.REST == "modelSettings" })
	if image {
		rows = append(rows, Field{YAML: "test_data", REST: "test_data", As: tableData, Change: Once, Doc: "What the best model is tested with."})
	}
	out := make([]Field, len(rows))
	for i, f := range rows {
		f.REST = f.YAML
		switch f.YAML {
		case "training_data", "validation_data", "test_data":
			f.As = stepTable
		case "primary_metric":
			if f.Send == nil || task.name == "classification" {
				f.Send = asset.NewString("accuracy")
			}
			f.As = spelled(f.As)
		case "log_verbosity":
			if text {
				f.Send = nil
			}
			f.As = spelled(f.As)
		case "training":
			f.Send = asset.NewMap()
			f.As = spelled(f.As)
		case "featurization":
			o := spelled(f.As).(Object)
			for j := range o.Fields {
				o.Fields[j].Send = nil
			}
			f.As = o
		case "training_parameters":
			f.As = stepSettings(f.As)
		case "forecasting":
			f.As = stepForecasting
		default:
			f.As = spelled(f.As)
		}
		out[i] = f
	}
	return out
}

// stepSettings are hyperparameters, of which two are sent as Python prints
// them.
func stepSettings(t Type) Type {
	o := spelled(t).(Object)
	for i, f := range o.Fields {
		switch f.YAML {
		case "log_training_metrics":
			o.Fields[i].As = Words("enable", "LogTrainingMetrics.ENABLE", "disable", "LogTrainingMetrics.DISABLE")
		case "log_validation_loss":
			o.Fields[i].As = Words("enable", "LogValidationLoss.ENABLE", "disable", "LogValidationLoss.DISABLE")
		}
	}
	return o
}

// stepForecasting sends lists of columns as the texts that Python makes of
// them.
var stepForecasting = func() Object {
	o := spelled(forecastingSettings).(Object)
	for i := range o.Fields {
		if _, ok := o.Fields[i].As.(List); ok {
			o.Fields[i].As = columnNames{}
		}
	}
	return o
}()

// columnNames is one name or a list of names, which becomes one text.
type columnNames struct{}

func (columnNames) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.List {
		return List{Of: Str{}}.Check(c, v)
	}
	return Str{}.Check(c, v)
}

func (columnNames) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if v.Type() == asset.List {
		return asset.NewString(pythonRepr(v))
	}
	return e.text(v)
}

func (columnNames) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	return pythonValue(rest, asset.List)
}
func (columnNames) Schema() map[string]any { return List{Of: Str{}, Single: true}.Schema() }
func (columnNames) Describe() string       { return "text, or list of text" }

// pythonValue reads the text that Python made of a list or map; another text
// is what it is. Such a text is YAML, too.
func pythonValue(rest *asset.Value, typ asset.Type) *asset.Value {
	if v := ParseDocument(rest.Str()); v.Type() == typ && pythonRepr(v) == rest.Str() {
		return v
	}
	return present(rest)
}

// stepTable is data of a step: a binding or another text, which is sent as it
// is, or a map, which is sent as the text that Python makes of it.
var stepTable = Pick{
	Name: "a binding, or a map with a path",
	Of: func(v *asset.Value) Type {
		switch {
		case v.Type() == asset.String:
			return Str{}
		case v.Type() != asset.Map:
			return nil
		case v.Get("type").IsNull():
			return stepTableOf(untypedTable)
		}
		return stepTableOf(typedTable)
	},
	OfREST: func(rest *asset.Value) Type {
		v := pythonValue(rest, asset.Map)
		switch {
		case v.Type() != asset.Map:
			return Str{}
		case v.Get("type").Str() == "mltable":
			return stepTableOf(typedTable)
		}
		return stepTableOf(untypedTable)
	},
	All: []Type{Str{}, stepTableOf(typedTable), stepTableOf(untypedTable)},
}

// reprMap is an object that is sent as a text.
type reprMap struct{ Object }

func stepTableOf(o Object) reprMap {
	rows := slices.Clone(o.Fields)
	for i := range rows {
		rows[i].REST = rows[i].YAML
		switch rows[i].YAML {
		case "mode", "type":
			rows[i].As = spelled(rows[i].As)
		case "datastore":
			rows[i].As = Ref{To: "datastore", Bare: true, NameOnly: true}
		}
	}
	order := slices.Clone(rows)
	for i, key := range []string{"type", "path", "mode", "datastore"} {
		order[i] = *fieldOf(rows, key)
	}
	return reprMap{Object{Fields: order, After: o.After}}
}

// Encode sends the map as Python prints it; one without a type is a folder.
func (m reprMap) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := m.Object.Encode(e, v)
	out := asset.NewMap().Set("type", asset.NewString("uri_folder"))
	for key, item := range rest.Entries() {
		out.Set(key, item)
	}
	return asset.NewString(pythonRepr(out))
}

// Decode reads what Python printed.
func (m reprMap) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	v := pythonValue(rest, asset.Map)
	if v.Type() != asset.Map {
		return present(rest)
	}
	got := m.Object.Decode(d, v)
	if got.Get("type").Str() == "uri_folder" {
		got.Delete("type")
	}
	return got
}

// Equal compares what want mentions.
func (m reprMap) Equal(want, live *asset.Value) bool {
	return want.Equal(live) || live.Type() == asset.Map && SameValue(m.Object, want, live)
}

// speller is a type whose form in a step is not that of its job.
type speller interface{ spelled() Type }

func (Minutes) spelled() Type             { return Int{} }
func (t autoOr) spelled() Type            { return autoText{t.list} }
func (t transformerParams) spelled() Type { return snakeParams{t} }
func (t floatValue) spelled() Type        { return t }

// spelled: a step over texts sends spaces as they are written, one over images
// the texts of a job.
func (t spaceParam) spelled() Type {
	if t.wide {
		return t
	}
	return plainParam{t}
}

// autoText is the word auto or numbers, as they stand in the file; 0 is the
// same as nothing.
type autoText struct{ list bool }

func (t autoText) Check(c *Checker, v *asset.Value) *asset.Value {
	got := autoOr{list: t.list && v.Type() == asset.List, small: true}.Check(c, v)
	if isNumber(got, 0) {
		return nil
	}
	return got
}
func (autoText) Encode(_ *Encoder, v *asset.Value) *asset.Value    { return v }
func (autoText) Decode(_ *Decoder, rest *asset.Value) *asset.Value { return decodeNumber(rest) }
func (t autoText) Schema() map[string]any                          { return autoOr{list: t.list}.Schema() }

func (t autoText) Describe() string { return autoOr{list: t.list}.Describe() }

// snakeParams are parameters of transformers under the names of the file.
type snakeParams struct{ transformerParams }

func (snakeParams) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return Map{Of: columnTransformers}.Encode(e, v)
}

func (snakeParams) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	return Map{Of: columnTransformers}.Decode(d, rest)
}

// plainParam is a hyperparameter that is sent as it is written.
type plainParam struct{ spaceParam }

func (plainParam) Encode(_ *Encoder, v *asset.Value) *asset.Value    { return v }
func (plainParam) Decode(_ *Decoder, rest *asset.Value) *asset.Value { return present(rest) }
