package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

var finetuningJob = &Variant{
	Name:     "finetuning",
	Types:    []string{"finetuning"},
	Schemas:  []string{"finetuningJob"},
	Const:    []Const{{REST: "properties.jobType", Text: "FineTuning"}},
	Live:     func(rest *asset.Value) bool { return !isDistillation(rest) },
	Tell:     func(doc *asset.Value) bool { return typeIs(doc, "finetuning") && doc.Has("task") },
	Doc:      "One fine-tuning of a model.",
	Check:    checkFinetuning,
	ToREST:   jobToREST,
	FromREST: jobFromREST,
	Fields: []Field{
		jobProperties,
		{YAML: "compute", REST: "properties.computeId", As: Ref{To: "compute", Bare: true, NameOnly: true}, Change: Once, Stays: true, Doc: "Where it runs, for models of your own."},
		unsentServices,
		jobOutputsRow, jobQueue,
		{YAML: "task", REST: tuningDetails + "taskType", As: tuningTasks, Required: true, Change: Once, Doc: "What the model is tuned for."},
		{YAML: "model_provider", REST: tuningDetails + "modelProvider", As: modelProviders, Required: true, Change: Once, Doc: "Whose model it is."},
		{YAML: "model", REST: tuningDetails + "model", As: tuningModel, Required: true, Change: Once, Doc: "The model that is tuned."},
		{YAML: "training_data", REST: tuningDetails + "trainingData", As: tuningData, Change: Once, Doc: "What it is tuned with."},
		{YAML: "validation_data", REST: tuningDetails + "validationData", As: tuningData, Change: Once, Doc: "What it is checked with."},
		{YAML: "hyperparameters", REST: tuningDetails + "hyperParameters", As: hyperparameters, Change: Once, Doc: "Texts by name; for azure_open_ai the numbers n_epochs, learning_rate_multiplier and batch_size."},
		{YAML: "resources", REST: "properties.resources", As: Obj(
			Field{YAML: "instance_types", REST: "instanceTypes", As: List{Of: Str{}}, Required: true, Change: Once, Stays: true, Doc: "Sizes of machines, of which the service takes one."},
		), Change: Once, Doc: "The machines, for models of your own."},
	},
}

const (
	azureOpenAI   = "azure_open_ai"
	tuningDetails = "properties.fineTuningDetails."
)

var modelProviders = Enum{Exact: true, Words: [][2]string{{"custom", "Custom"}, {azureOpenAI, "AzureOpenAI"}}}

var tuningTasks = Words("chat_completion", "chatCompletion", "text_completion", "textCompletion", "text_classification", "textClassification",
	"question_answering", "questionAnswering", "text_summarization", "textSummarization", "token_classification", "tokenClassification",
	"text_translation", "textTranslation", "image_classification", "imageClassification", "image_instance_segmentation", "imageInstanceSegmentation",
	"image_object_detection", "imageObjectDetection", "video_multi_object_tracking", "videoMultiObjectTracking")

// hyperparameters are numbers under known names for a model of Azure OpenAI,
// and texts for every other: which of them is checked with the provider.
var hyperparameters = Pick{
	Name: "hyperparameters",
	Of: func(v *asset.Value) Type {
		for _, item := range v.Entries() {
			if _, number := item.Float64(); number {
				return openAINumbers
			}
		}
		if v.Type() != asset.Map {
			return nil
		}
		return tuningTexts
	},
	OfREST: func(rest *asset.Value) Type {
		if hasAny(rest, "nEpochs", "learningRateMultiplier", "batchSize") {
			return openAINumbers
		}
		return tuningTexts
	},
	All: []Type{openAINumbers, tuningTexts},
}

var openAINumbers = Object{Open: true, Fields: []Field{
	{YAML: "n_epochs", REST: "nEpochs", As: Int{}, Change: Once, Doc: "How often the data is gone through, for azure_open_ai."},
	{YAML: "learning_rate_multiplier", REST: "learningRateMultiplier", As: Num{}, Change: Once, Doc: "A factor of the learning rate, for azure_open_ai."},
	{YAML: "batch_size", REST: "batchSize", As: Int{}, Change: Once, Doc: "The size of a batch, for azure_open_ai."},
}}

func checkFinetuning(c *Checker, v *asset.Value) {
	fillPorts(c, v)
	provider := v.Get("model_provider").Str()
	if params := v.Get("hyperparameters"); params != nil && provider != "" {
		c.in("hyperparameters", func() { checkHyperparameters(c, v, params, provider) })
	}
	if provider != azureOpenAI {
		fileData(c, v, "training_data", "validation_data")
		return
	}
	// The service chooses the machines. The reference client takes what says
	// them and does not send it.
	for _, key := range []string{"compute", "resources", "queue_settings"} {
		if item := v.Get(key); item != nil {
			c.in(key, func() {
				c.warn(item.Pos(), "not_sent", "remove it", "means nothing with azure_open_ai and is not sent")
			})
			v.Delete(key)
		}
	}
	// Data that is written as a text is sent as it is, and not uploaded.
	for _, key := range []string{"training_data", "validation_data"} {
		if data := v.Get(key); data.Type() == asset.String {
			v.Set(key, bareID(data))
			if !strings.Contains(data.Str(), ":") {
				c.in(key, func() {
					c.warn(data.Pos(), "not_uploaded", "write type: uri_file and path:, one a line, below the key", "with azure_open_ai the path is sent as it is, and the file is not uploaded")
				})
			}
		}
	}
}

func checkHyperparameters(c *Checker, v, params *asset.Value, provider string) {
	if provider == azureOpenAI {
		closed := Obj(openAINumbers.Fields...)
		if got := closed.Check(c, params); got.Len() > 0 {
			v.Set("hyperparameters", got.At(params.Pos()))
		} else {
			v.Delete("hyperparameters")
		}
		return
	}
	if got := tuningTexts.Check(c, params); got != nil {
		v.Set("hyperparameters", got.At(params.Pos()))
	}
}
