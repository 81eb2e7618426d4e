package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

// The tasks over texts.

func textClassRows(at string) []Field {
	return textRows(at, automlHead(at, classMetrics, "accuracy"))
}

// textLabelRows and textNameRows have one metric, which is not sent.
func textLabelRows(at string) []Field { return textRows(at, onlyAccuracy(automlHead(at, Enum{}, ""))) }

func textNameRows(at string) []Field {
	head := onlyAccuracy(automlHead(at, Enum{}, ""))
	for i := range head {
		if head[i].YAML == "target_column_name" {
			head[i].Required, head[i].REST, head[i].Doc = false, "", "Taken and not sent, as the reference client does."
		}
	}
	return textRows(at, head)
}

func onlyAccuracy(head []Field) []Field {
	head[0] = Field{YAML: "primary_metric", As: sameWords("accuracy"), Change: Once, Doc: "accuracy: there is no other, and it is not sent."}
	return head
}

func textRows(at string, head []Field) []Field {
	nodes, trials := maxNodes, maxTrials
	nodes.Send, trials.Send = asset.NewInt(1), asset.NewInt(1)
	return slices.Concat(head, []Field{
		{YAML: "limits", REST: at + "limitSettings", As: Obj(concurrentTrials, trials, nodes, timeoutMinutes, trialMinutes), Change: Once, Send: asset.NewMap(), Doc: "How much is tried, and how long."},
		{YAML: "featurization", REST: at + "featurizationSettings", As: Obj(
			Field{YAML: "dataset_language", REST: "datasetLanguage", As: Str{}, Change: Once, Doc: "The language of the texts, three letters."},
		), Change: Once, Doc: "What the texts are."},
		{YAML: "sweep", REST: at + "sweepSettings", As: sweepSettings, Change: Once, Doc: "How hyperparameters are searched."},
		{YAML: "training_parameters", REST: at + "fixedParameters", As: Obj(settingRows(textParams)...), Change: Once, Doc: "Hyperparameters that are the same for every model."},
		{YAML: "search_space", REST: at + "searchSpace", As: List{Of: Obj(spaceRowsOf(textParams, false)...)}, Change: Once, Doc: "Spaces of hyperparameters: in each, values, choices or distributions by name."},
	})
}

var textParams = []tuneParam{
	{"model_name", "modelName", paramText, Enum{}, both, "The model, such as bert-base-cased."},
	{"gradient_accumulation_steps", "gradientAccumulationSteps", paramInt, Enum{}, both, "Batches before weights are updated."},
	{"learning_rate", "learningRate", paramFloat, Enum{}, both, "The learning rate at the beginning."},
	{"learning_rate_scheduler", "learningRateScheduler", paramWord, camelWords("None", "Linear", "Cosine", "CosineWithRestarts", "Polynomial", "Constant", "ConstantWithWarmup"), both, "How the learning rate changes."},
	{"number_of_epochs", "numberOfEpochs", paramInt, Enum{}, both, "How often the data is gone through."},
	{"training_batch_size", "trainingBatchSize", paramInt, Enum{}, both, "Texts in a batch of training."},
	{"validation_batch_size", "validationBatchSize", paramInt, Enum{}, both, "Texts in a batch of validation."},
	{"warmup_ratio", "warmupRatio", paramFloat, Enum{}, both, "The part of the training in which the learning rate rises."},
	{"weight_decay", "weightDecay", paramFloat, Enum{}, both, "The decay of weights."},
}
