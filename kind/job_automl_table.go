package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

// The tasks over tables.

var (
	classMetrics  = camelWords("AUCWeighted", "Accuracy", "NormMacroRecall", "AveragePrecisionScoreWeighted", "PrecisionScoreWeighted")
	numberMetrics = camelWords("SpearmanCorrelation", "NormalizedRootMeanSquaredError", "R2Score", "NormalizedMeanAbsoluteError")

	classModels = camelWords("LogisticRegression", "SGD", "MultinomialNaiveBayes", "BernoulliNaiveBayes", "SVM", "LinearSVM", "KNN", "DecisionTree", "RandomForest",
		"ExtremeRandomTrees", "LightGBM", "GradientBoosting", "XGBoostClassifier")
	numberModelNames = []string{
		"ElasticNet", "GradientBoosting", "DecisionTree", "KNN", "LassoLars", "SGD", "RandomForest", "ExtremeRandomTrees", "LightGBM", "XGBoostRegressor",
	}
	numberModels = camelWords(numberModelNames...)
	seriesModels = camelWords(append([]string{
		"AutoArima", "Prophet", "Naive", "SeasonalNaive", "Average", "SeasonalAverage", "ExponentialSmoothing", "Arimax", "TCNForecaster",
	}, numberModelNames...)...)
)

func classificationRows(at string) []Field {
	return slices.Concat(tableRows(at, classMetrics, "auc_weighted", classModels), []Field{
		{YAML: "positive_label", REST: at + "positiveLabel", As: Str{}, Change: Once, Doc: "The class that metrics of two classes take for the positive one."},
	})
}

func regressionRows(at string) []Field {
	return tableRows(at, numberMetrics, "normalized_root_mean_squared_error", numberModels)
}

func forecastingRows(at string) []Field {
	return slices.Concat(tableRows(at, numberMetrics, "normalized_root_mean_squared_error", seriesModels), []Field{
		{YAML: "forecasting", REST: at + "forecastingSettings", As: forecastingSettings, Change: Once, Doc: "What the series are."},
	})
}

func tableRows(at string, metrics Enum, metric string, models Enum) []Field {
	return slices.Concat(automlHead(at, metrics, metric), []Field{
		{YAML: "validation_data_size", REST: at + "validationDataSize", As: Num{}, Change: Once, Doc: "The part of the training data that is kept for checking, if there is no validation data."},
		{YAML: "test_data", REST: at + "testData", As: tableData, Change: Once, Doc: "What the best model is tested with."},
		{YAML: "test_data_size", REST: at + "testDataSize", As: Num{}, Change: Once, Doc: "The part of the training data that is kept for the test, if there is no test data."},
		{YAML: "n_cross_validations", REST: at + "nCrossValidations", As: autoOr{small: true}, Change: Once, Doc: "In how many parts the data is cut for cross-validation, or auto."},
		{YAML: "cv_split_column_names", REST: at + "cvSplitColumnNames", As: List{Of: Str{}}, Change: Once, Doc: "Columns that say how it is cut."},
		{YAML: "weight_column_name", REST: at + "weightColumnName", As: Str{}, Change: Once, Doc: "The column that says how much a row counts."},
		{YAML: "limits", REST: at + "limitSettings", As: tableLimits, Change: Once, Doc: "How much is tried, and how long."},
		{YAML: "featurization", REST: at + "featurizationSettings", As: tableFeatures, Change: Once, Doc: "How columns become features."},
		{YAML: "training", REST: at + "trainingSettings", As: tableTraining(models), Change: Once, Doc: "Which models are trained, and how."},
	})
}

// tableLimits: the reference client sends two counts of sweeps that a file
// cannot give.
var tableLimits = Object{
	Fields: []Field{
		limit("enable_early_termination", "enableEarlyTermination", Bool{}, "Stop when the score does not get better."),
		limit("exit_score", "exitScore", Num{}, "Stop at this score."),
		concurrentTrials,
		limit("max_cores_per_trial", "maxCoresPerTrial", Int{}, "Cores for one model; -1 for all."),
		maxNodes, maxTrials, timeoutMinutes, trialMinutes,
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("sweepConcurrentTrials", asset.NewInt(0)).Set("sweepTrials", asset.NewInt(0))
	},
}

var tableFeatures = Obj(
	Field{YAML: "mode", REST: "mode", As: sameWords("auto", "off", "custom"), Change: Once, Send: asset.NewString("auto"), Doc: "Whether columns are changed; \"off\" must be in quotes."},
	Field{YAML: "dataset_language", REST: "datasetLanguage", As: Str{}, Change: Once, Doc: "The language of texts, three letters."},
	Field{YAML: "blocked_transformers", REST: "blockedTransformers", As: List{Of: camelWords("TextTargetEncoder", "OneHotEncoder", "CatTargetEncoder", "TfIdf", "WoETargetEncoder", "LabelEncoder",
		"WordEmbedding", "NaiveBayes", "CountVectorizer", "HashOneHotEncoder")}, Change: Once, Doc: "What is not used."},
	Field{YAML: "column_name_and_types", REST: "columnNameAndTypes", As: Map{Of: Str{}}, Change: Once, Doc: "Types of columns, by name."},
	Field{YAML: "transformer_params", REST: "transformerParams", As: transformerParams{}, Change: Once, Doc: "Parameters of imputer, tf_idf and hash_one_hot_encoder, by columns."},
	Field{YAML: "enable_dnn_featurization", REST: "enableDnnFeaturization", As: Bool{}, Change: Once, Doc: "Let neural networks make features."},
)

func tableTraining(models Enum) Object {
	return Obj(
		Field{YAML: "enable_dnn_training", REST: "enableDnnTraining", As: Bool{}, Change: Once, Doc: "Train neural networks too."},
		Field{YAML: "enable_model_explainability", REST: "enableModelExplainability", As: Bool{}, Change: Once, Doc: "Explain the best model."},
		Field{YAML: "enable_onnx_compatible_models", REST: "enableOnnxCompatibleModels", As: Bool{}, Change: Once, Doc: "Only models that ONNX can hold."},
		Field{YAML: "enable_stack_ensemble", REST: "enableStackEnsemble", As: Bool{}, Change: Once, Doc: "Train a model over the models."},
		Field{YAML: "enable_vote_ensemble", REST: "enableVoteEnsemble", As: Bool{}, Change: Once, Doc: "Let the models vote."},
		Field{YAML: "ensemble_model_download_timeout_minutes", REST: "ensembleModelDownloadTimeout", As: Minutes{}, Change: Once, Doc: "Minutes for fetching the models of an ensemble."},
		Field{YAML: "stack_ensemble_settings", REST: "stackEnsembleSettings", As: Obj(
			Field{YAML: "stack_meta_learner_type", REST: "stackMetaLearnerType", As: camelWords("None", "LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier", "ElasticNet", "ElasticNetCV",
				"LightGBMRegressor", "LinearRegression"), Required: true, Change: Once, Doc: "The model over the models."},
			Field{YAML: "stack_meta_learner_train_percentage", REST: "stackMetaLearnerTrainPercentage", As: Num{}, Change: Once, Send: asset.NewFloat(0.2), Doc: "The part of the data that it is trained with."},
			Field{YAML: "stack_meta_learner_kwargs", REST: "stackMetaLearnerKWargs", As: Map{Of: Any{}}, Change: Once, Doc: "Its parameters."},
		), Change: Once, Doc: "How the model over the models is trained."},
		Field{YAML: "training_mode", REST: "trainingMode", As: camelWords("Auto", "Distributed", "NonDistributed"), Change: Once, Doc: "Whether one model is trained on several machines."},
		Field{YAML: "allowed_training_algorithms", REST: "allowedTrainingAlgorithms", As: List{Of: models}, Change: Once, Doc: "Only these."},
		Field{YAML: "blocked_training_algorithms", REST: "blockedTrainingAlgorithms", As: List{Of: models}, Change: Once, Doc: "Not these."},
	)
}

var forecastingSettings = Obj(
	Field{YAML: "time_column_name", REST: "timeColumnName", As: Str{}, Change: Once, Doc: "The column of the time."},
	Field{YAML: "time_series_id_column_names", REST: "timeSeriesIdColumnNames", As: List{Of: Str{}, Single: true}, Change: Once, Doc: "Columns that tell series apart: one, or a list."},
	Field{YAML: "forecast_horizon", REST: "forecastHorizon", As: autoOr{}, Change: Once, Doc: "How many steps ahead, or auto."},
	Field{YAML: "frequency", REST: "frequency", As: Str{}, Change: Once, Doc: "The length of a step, such as D or H."},
	Field{YAML: "target_lags", REST: "targetLags", As: autoOr{list: true}, Change: Once, Doc: "How many steps back the model sees: a number, a list, or auto."},
	Field{YAML: "target_rolling_window_size", REST: "targetRollingWindowSize", As: autoOr{}, Change: Once, Doc: "Over how many steps averages are made, or auto."},
	Field{YAML: "seasonality", REST: "seasonality", As: autoOr{}, Change: Once, Doc: "After how many steps the series repeats itself, or auto."},
	Field{YAML: "feature_lags", REST: "featureLags", As: lowerWord{"none", "auto"}, Change: Once, Doc: "Whether features are shifted in time."},
	Field{YAML: "short_series_handling_config", REST: "shortSeriesHandlingConfig", As: lowerWord{"none", "auto", "pad", "drop"}, Change: Once, Doc: "What becomes of series that are too short."},
	Field{YAML: "use_stl", REST: "useStl", As: lowerWord{"none", "season", "seasontrend"}, Change: Once, Doc: "Split off the season, or season and trend."},
	Field{YAML: "target_aggregate_function", REST: "targetAggregateFunction", As: lowerWord{"none", "sum", "max", "min", "mean"}, Change: Once, Doc: "What is made of several values of one step."},
	Field{YAML: "cv_step_size", REST: "cvStepSize", As: Int{}, Change: Once, Doc: "Steps between two parts of a cross-validation."},
	Field{YAML: "country_or_region_for_holidays", REST: "countryOrRegionForHolidays", As: Str{}, Change: Once, Doc: "Whose holidays are features, such as US."},
	Field{YAML: "features_unknown_at_forecast_time", REST: "featuresUnknownAtForecastTime", As: List{Of: Str{}, Single: true}, Change: Once, Doc: "Columns that are not known ahead: one, or a list."},
)
