package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

// The tasks over images.

var imageLabelMetrics = camelWords("AUCWeighted", "Accuracy", "NormMacroRecall", "AveragePrecisionScoreWeighted", "PrecisionScoreWeighted", "IOU")

func imageClassRows(at string) []Field {
	return imageRows(at, classMetrics, "accuracy", slices.Concat(imageParams, imageClassParams))
}

func imageLabelRows(at string) []Field {
	return imageRows(at, imageLabelMetrics, "iou", slices.Concat(imageParams, imageClassParams))
}

func imageObjectRows(at string) []Field {
	return imageRows(at, camelWords("MeanAveragePrecision"), "mean_average_precision", slices.Concat(imageParams, imageObjectParams))
}

func imageRows(at string, metrics Enum, metric string, params []tuneParam) []Field {
	return slices.Concat(automlHead(at, metrics, metric), []Field{
		{YAML: "validation_data_size", REST: at + "validationDataSize", As: Num{}, Change: Once, Doc: "The part of the training data that is kept for checking, if there is no validation data."},
		{YAML: "limits", REST: at + "limitSettings", As: Obj(concurrentTrials, maxTrials, timeoutMinutes), Change: Once, Send: asset.NewMap(), Doc: "How much is tried, and how long."},
		{YAML: "sweep", REST: at + "sweepSettings", As: sweepSettings, Change: Once, Doc: "How hyperparameters are searched."},
		{YAML: "training_parameters", REST: at + "modelSettings", As: Obj(settingRows(params)...), Change: Once, Doc: "Hyperparameters that are the same for every model."},
		{YAML: "search_space", REST: at + "searchSpace", As: List{Of: Obj(spaceRowsOf(params, true)...)}, Change: Once, Doc: "Spaces of hyperparameters: in each, values, choices or distributions by name."},
	})
}

var imageParams = []tuneParam{
	{"model_name", "modelName", paramText, Enum{}, both, "The model, such as vitb16r224 or yolov5."},
	{"ams_gradient", "amsGradient", paramBool, Enum{}, both, "AMSGrad, for the optimizers adam and adamw."},
	{"advanced_settings", "advancedSettings", paramText, Enum{}, settingOnly, "Further settings, as the text of a JSON object."},
	{"beta1", "beta1", paramFloat, Enum{}, both, "beta1 of adam and adamw."},
	{"beta2", "beta2", paramFloat, Enum{}, both, "beta2 of adam and adamw."},
	{"checkpoint_frequency", "checkpointFrequency", paramInt, Enum{}, settingOnly, "Epochs between two checkpoints."},
	{"checkpoint_run_id", "checkpointRunId", paramText, Enum{}, settingOnly, "The run whose checkpoint the training goes on from."},
	{"distributed", "distributed", paramBool, Enum{}, both, "Train on several GPUs."},
	{"early_stopping", "earlyStopping", paramBool, Enum{}, both, "Stop when it does not get better."},
	{"early_stopping_delay", "earlyStoppingDelay", paramInt, Enum{}, both, "Epochs before that is looked at."},
	{"early_stopping_patience", "earlyStoppingPatience", paramInt, Enum{}, both, "Epochs that it may take to get better."},
	{"evaluation_frequency", "evaluationFrequency", paramInt, Enum{}, both, "Epochs between two evaluations."},
	{"enable_onnx_normalization", "enableOnnxNormalization", paramBool, Enum{}, both, "Normalize in the exported ONNX model."},
	{"gradient_accumulation_step", "gradientAccumulationStep", paramInt, Enum{}, both, "Batches before weights are updated."},
	{"layers_to_freeze", "layersToFreeze", paramInt, Enum{}, both, "Layers that are not trained."},
	{"learning_rate", "learningRate", paramFloat, Enum{}, both, "The learning rate at the beginning."},
	{"learning_rate_scheduler", "learningRateScheduler", paramWord, camelWords("None", "WarmupCosine", "Step"), both, "How the learning rate changes."},
	{"momentum", "momentum", paramFloat, Enum{}, both, "The momentum of sgd."},
	{"nesterov", "nesterov", paramBool, Enum{}, both, "Nesterov's momentum, for sgd."},
	{"number_of_epochs", "numberOfEpochs", paramInt, Enum{}, both, "How often the data is gone through."},
	{"number_of_workers", "numberOfWorkers", paramInt, Enum{}, both, "Processes that read data."},
	{"optimizer", "optimizer", paramWord, camelWords("None", "Sgd", "Adam", "Adamw"), both, "The optimizer."},
	{"random_seed", "randomSeed", paramInt, Enum{}, both, "The seed."},
	{"step_lr_gamma", "stepLRGamma", paramFloat, Enum{}, both, "The factor of the scheduler step."},
	{"step_lr_step_size", "stepLRStepSize", paramInt, Enum{}, both, "The epochs of the scheduler step."},
	{"training_batch_size", "trainingBatchSize", paramInt, Enum{}, both, "Images in a batch of training."},
	{"validation_batch_size", "validationBatchSize", paramInt, Enum{}, both, "Images in a batch of validation."},
	{"warmup_cosine_lr_cycles", "warmupCosineLRCycles", paramFloat, Enum{}, both, "The cycles of the scheduler warmup_cosine."},
	{"warmup_cosine_lr_warmup_epochs", "warmupCosineLRWarmupEpochs", paramInt, Enum{}, both, "The warmup of the scheduler warmup_cosine."},
	{"weight_decay", "weightDecay", paramFloat, Enum{}, both, "The decay of weights."},
}

var imageClassParams = []tuneParam{
	{"training_crop_size", "trainingCropSize", paramInt, Enum{}, both, "The size that images are cut to for training."},
	{"validation_crop_size", "validationCropSize", paramInt, Enum{}, both, "The size that images are cut to for validation."},
	{"validation_resize_size", "validationResizeSize", paramInt, Enum{}, both, "The size that images are brought to before."},
	{"weighted_loss", "weightedLoss", paramInt, Enum{}, both, "0 for no weights, 1 for the square root of the class weights, 2 for the class weights."},
}

var imageObjectParams = []tuneParam{
	{"box_detections_per_image", "boxDetectionsPerImage", paramInt, Enum{}, both, "Things in an image at most."},
	{"box_score_threshold", "boxScoreThreshold", paramFloat, Enum{}, both, "Things with a lower score are left out."},
	{"image_size", "imageSize", paramInt, Enum{}, both, "The size of images, for yolov5."},
	{"max_size", "maxSize", paramInt, Enum{}, both, "The size of images at most."},
	{"min_size", "minSize", paramInt, Enum{}, both, "The size of images at least."},
	{"model_size", "modelSize", paramWord, camelWords("None", "Small", "Medium", "Large", "ExtraLarge"), both, "The size of the model, for yolov5."},
	{"multi_scale", "multiScale", paramBool, Enum{}, both, "Vary the size of images, for yolov5."},
	{"nms_iou_threshold", "nmsIouThreshold", paramFloat, Enum{}, both, "The overlap at which two boxes are one."},
	{"tile_grid_size", "tileGridSize", paramText, Enum{}, both, "The grid that images are cut into, such as 3x2."},
	{"tile_overlap_ratio", "tileOverlapRatio", paramFloat, Enum{}, both, "How far tiles overlap."},
	{"tile_predictions_nms_threshold", "tilePredictionsNmsThreshold", paramFloat, Enum{}, both, "The overlap at which two boxes of tiles are one."},
	{"validation_iou_threshold", "validationIouThreshold", paramFloat, Enum{}, both, "The overlap at which a box is right."},
	{"validation_metric_type", "validationMetricType", paramWord, camelWords("None", "Coco", "Voc", "CocoVoc"), both, "How validation is measured."},
	{"log_training_metrics", "logTrainingMetrics", paramWord, camelWords("Enable", "Disable"), settingOnly, "Log metrics of training."},
	{"log_validation_loss", "logValidationLoss", paramWord, camelWords("Enable", "Disable"), settingOnly, "Log the loss of validation."},
}
