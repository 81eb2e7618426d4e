package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// An AutoML job names a task and data, and Azure finds a model. Each task has
// rows of its own, and is a variant of its own.

// automlTask is a task and what its jobs have.
type automlTask struct {
	name, rest string
	// rows are those of the task; at is the path on the wire, with its dot.
	rows func(at string) []Field
	doc  string
}

var automlTasks = []automlTask{
	{"classification", "Classification", classificationRows, "One search for a model that puts rows of a table into classes."},
	{"regression", "Regression", regressionRows, "One search for a model that computes a number from rows of a table."},
	{"forecasting", "Forecasting", forecastingRows, "One search for a model that continues a series of numbers."},
	{"image_classification", "ImageClassification", imageClassRows, "One search for a model that puts images into classes."},
	{"image_classification_multilabel", "ImageClassificationMultilabel", imageLabelRows, "One search for a model that gives images labels."},
	{"image_object_detection", "ImageObjectDetection", imageObjectRows, "One search for a model that finds things in images."},
	{"image_instance_segmentation", "ImageInstanceSegmentation", imageObjectRows, "One search for a model that finds the outlines of things in images."},
	{"text_classification", "TextClassification", textClassRows, "One search for a model that puts texts into classes."},
	{"text_classification_multilabel", "TextClassificationMultilabel", textLabelRows, "One search for a model that gives texts labels."},
	{"text_ner", "TextNER", textNameRows, "One search for a model that finds names in texts."},
}

const taskDetails = "properties.taskDetails."

// automlJobs are the variants, one a task.
func automlJobs() []*Variant {
	var out []*Variant
	for _, task := range automlTasks {
		out = append(out, &Variant{
			Name: "automl_" + task.name, Family: "automl",
			Schemas: []string{"autoMLJob"},
			Types:   []string{"automl"},
			When:    func(doc *asset.Value) bool { return doc.Get("task").Str() == task.name },
			Const:   []Const{{REST: "properties.jobType", Text: "AutoML"}, {REST: taskDetails + "taskType", Text: task.rest}},
			Tell: func(doc *asset.Value) bool {
				return typeIs(doc, "automl") && doc.Get("task").Str() == task.name && !doc.Has("version")
			},
			Doc:      task.doc,
			Check:    finishJob,
			ToREST:   jobToREST,
			FromREST: jobFromREST,
			Fields: slices.Concat([]Field{
				jobProperties, jobCompute, jobIdentityRow, jobServicesRow, jobQueue, folderOutputRow,
				{YAML: "task", REST: taskDetails + "taskType", As: taskWord{task}, Required: true, Change: Once, Doc: "What the model is for."},
			}, task.rows(taskDetails), []Field{
				{YAML: "log_verbosity", REST: taskDetails + "logVerbosity", As: verbosities, Change: Once, Send: asset.NewString("info"), Doc: "How much is logged."},
				{YAML: "environment_id", REST: "properties.environmentId", As: Str{}, Change: Once, Doc: "What it runs in, sent as it is; AutoML's own if not given."},
				{YAML: "environment_variables", REST: "properties.environmentVariables", As: Map{Of: Str{}}, Change: Once, Doc: "Variables of the process."},
				{YAML: "resources", REST: "properties.resources", As: jobResources, Change: Once, Doc: "The machines, on serverless compute."},
			}),
		})
	}
	return out
}

// taskWord is the name of the task of a variant.
type taskWord struct{ task automlTask }

// Check refuses every other task: a document with one is of another variant.
func (t taskWord) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Str() == t.task.name {
		return asset.NewString(t.task.name)
	}
	var names []string
	for _, task := range automlTasks {
		names = append(names, task.name)
	}
	hint := problem.DidYouMean(v.Text(), names)
	if hint == "" {
		hint = "one of " + strings.Join(names, ", ")
	}
	c.Badf(v, "bad_value", hint, "%s is not a task of AutoML", sort(v))
	return nil
}

func (t taskWord) Encode(*Encoder, *asset.Value) *asset.Value { return asset.NewString(t.task.rest) }

func (t taskWord) Decode(*Decoder, *asset.Value) *asset.Value { return asset.NewString(t.task.name) }

func (t taskWord) Schema() map[string]any { return map[string]any{"const": t.task.name} }
func (t taskWord) Describe() string       { return t.task.name }

var verbosities = camelWords("NotSet", "Debug", "Info", "Warning", "Error", "Critical")

// tableData is data of an AutoML job: always an MLTable, whatever the file
// says of its type and mode.
var tableData = Pick{
	Name: "a map with type: mltable and a path",
	Of: func(v *asset.Value) Type {
		switch {
		case v.Type() != asset.Map:
			return nil
		case v.Get("type").IsNull():
			return untypedTable
		}
		return typedTable
	},
	OfREST: func(*asset.Value) Type { return typedTable },
	All:    []Type{typedTable, untypedTable},
}

var (
	typedTable = tableInput(Local{What: Upload, Asset: "data", Remote: remoteInput})
	// The reference client takes data without a type for a folder, whose
	// address ends with a slash.
	untypedTable = tableInput(Local{What: Upload, Asset: "data", Remote: remoteInput, Slash: true})
	tableModes   = Words("ro_mount", "ReadOnlyMount", "download", "Download", "direct", "Direct", "eval_mount", "EvalMount", "eval_download", "EvalDownload")
)

func tableInput(path Local) Object {
	return Object{
		After: checkInputPath,
		Fields: []Field{
			{YAML: "type", As: sameWords("mltable"), Change: Once, Doc: "mltable."},
			{YAML: "path", REST: "uri", As: path, Required: true, Change: Once, Doc: "An address, a data asset, or a folder of the repository with a file MLTable, which is uploaded."},
			{YAML: "mode", As: tableModes, Change: Once, Doc: "Taken and not sent, as the reference client does."},
			{YAML: "datastore", As: Ref{To: "datastore", Bare: true}, Change: Once, Stays: true, Doc: "The datastore that a path of the repository is uploaded to; workspaceblobstore if not given."},
		},
		ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("jobInputType", asset.NewString("mltable")) },
		FromREST: func(_ *Decoder, _, v *asset.Value) {
			if v.Has("path") {
				setDefault(v, "type", "mltable")
			}
		},
	}
}

// automlHead are the rows that every task has.
func automlHead(at string, metrics Enum, metric string) []Field {
	return []Field{
		{YAML: "primary_metric", REST: at + "primaryMetric", As: metrics, Change: Once, Send: asset.NewString(metric), Doc: "What makes one model better than another."},
		{YAML: "target_column_name", REST: at + "targetColumnName", As: Str{}, Required: true, Change: Once, Doc: "The column that the model is to predict."},
		{YAML: "training_data", REST: at + "trainingData", As: tableData, Required: true, Change: Once, Doc: "What the models are trained with."},
		{YAML: "validation_data", REST: at + "validationData", As: tableData, Change: Once, Doc: "What they are checked with."},
	}
}

// sweepSettings are how hyperparameters of images and texts are searched.
var sweepSettings = Obj(
	Field{YAML: "sampling_algorithm", REST: "samplingAlgorithm", As: sameWords("random", "grid", "bayesian"), Required: true, Change: Once, Doc: "How values are chosen."},
	Field{YAML: "early_termination", REST: "earlyTermination", As: earlyTermination, Change: Once, Doc: "When a run that does badly is stopped."},
)

func limit(yaml, rest string, as Type, doc string) Field {
	return Field{YAML: yaml, REST: rest, As: as, Change: Once, Doc: doc}
}

// limits on any task.
var (
	concurrentTrials = limit("max_concurrent_trials", "maxConcurrentTrials", Int{}, "Models at a time.")
	maxTrials        = limit("max_trials", "maxTrials", Int{}, "Models in all.")
	maxNodes         = limit("max_nodes", "maxNodes", Int{}, "Machines in all.")
	timeoutMinutes   = limit("timeout_minutes", "timeout", Minutes{}, "Minutes for the job.")
	trialMinutes     = limit("trial_timeout_minutes", "trialTimeout", Minutes{}, "Minutes for one model.")
)
