package kind_test

import (
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

const (
	automlData = "target_column_name: y\ntraining_data: {type: mltable, path: p}\n"
	automlDoc  = "type: automl\ntask: "
	tableDoc   = automlDoc + "classification\n" + automlData
	seriesDoc  = automlDoc + "forecasting\n" + automlData
	imageDoc   = automlDoc + "image_classification\n" + automlData
	textDoc    = automlDoc + "text_classification\n" + automlData
	autoSchema = "$schema: https://x/autoMLJob.schema.json\n"
)

// TestAutoMLProblems: what the reference client refuses of AutoML jobs.
func TestAutoMLProblems(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{autoSchema + automlDoc + "clasification\n" + automlData, "task: \"clasification\" is not a task of AutoML (did you mean \"classification\"?)"},
		{autoSchema + automlDoc + "Classification\n" + automlData, "task: \"Classification\" is not a task"},
		{autoSchema + "type: automl\n" + automlData, "task: is missing"},
		{automlDoc + "regression\ntraining_data: {type: mltable, path: p}", "target_column_name: is missing"},
		{automlDoc + "regression\ntarget_column_name: y", "training_data: is missing"},
		{automlDoc + "text_classification_multilabel\ntraining_data: {type: mltable, path: p}", "target_column_name: is missing"},
		{automlDoc + "regression\ntarget_column_name: y\ntraining_data: azureml:d:1", "training_data: want a map with type: mltable and a path"},
		{automlDoc + "regression\ntarget_column_name: y\ntraining_data: {type: uri_folder, path: p}", "training_data.type: \"uri_folder\" is not a value"},
		{automlDoc + "regression\ntarget_column_name: y\ntraining_data: {type: mltable}", "training_data.path: is missing"},
		{tableDoc + "primary_metric: r2_score", "primary_metric: \"r2_score\" is not a value"},
		{tableDoc + "positive_label: 1", "positive_label: want a text"},
		{tableDoc + "n_cross_validations: some", "n_cross_validations: want a whole number"},
		{tableDoc + "cv_split_column_names: a", "cv_split_column_names: want a list"},
		{tableDoc + "limits: {timeout: 3}", "limits: unknown field \"timeout\""},
		{tableDoc + "featurization: {mode: false}", "featurization.mode: \"False\" is not a value"},
		{tableDoc + "featurization: {blocked_transformers: [magic]}", "featurization.blocked_transformers.0: \"magic\" is not a value"},
		{tableDoc + "featurization: {transformer_params: {magic: []}}", "featurization.transformer_params.magic: \"magic\" is not a value"},
		{tableDoc + "training: {allowed_training_algorithms: [prophet]}", "training.allowed_training_algorithms.0: \"prophet\" is not a value"},
		{tableDoc + "forecasting: {}", "unknown field \"forecasting\""},
		{tableDoc + "sweep: {}", "unknown field \"sweep\""},
		{tableDoc + "inputs: {}", "unknown field \"inputs\""},
		{tableDoc + "environment: azureml:e:1", "unknown field \"environment\""},
		{tableDoc + "environment_variables: {A: 1}", "environment_variables.A: want a text"},
		{seriesDoc + "forecasting: {use_stl: season_trend}", "forecasting.use_stl: \"season_trend\" is not a value of this field (did you mean \"seasontrend\"?)"},
		{seriesDoc + "forecasting: {forecast_horizon: far}", "forecasting.forecast_horizon: want a whole number"},
		{seriesDoc + "positive_label: x", "unknown field \"positive_label\""},
		{imageDoc + "primary_metric: iou", "primary_metric: \"iou\" is not a value"},
		{imageDoc + "limits: {trial_timeout_minutes: 3}", "limits: unknown field \"trial_timeout_minutes\""},
		{imageDoc + "test_data: {type: mltable, path: p}", "unknown field \"test_data\""},
		{imageDoc + "sweep: {}", "sweep.sampling_algorithm: is missing"},
		{imageDoc + "sweep: {sampling_algorithm: {type: random}}", "sweep.sampling_algorithm: a map is not a value"},
		{imageDoc + "training_parameters: {box_score_threshold: 1}", "training_parameters: unknown field \"box_score_threshold\""},
		{imageDoc + "search_space: {}", "search_space: want a list"},
		{imageDoc + "search_space: [{learning_rate: 'uniform(0.1,1)'}]", "search_space.0.learning_rate: want a number"},
		{imageDoc + "search_space: [{number_of_epochs: 1.5}]", "search_space.0.number_of_epochs: want a whole number"},
		{imageDoc + "search_space: [{number_of_epochs: '15'}]", "search_space.0.number_of_epochs: want a whole number"},
		{imageDoc + "search_space: [{number_of_epochs: {type: uniform, min_value: 1, max_value: 2}}]", "search_space.0.number_of_epochs.type: there is no such distribution"},
		{imageDoc + "search_space: [{number_of_epochs: {type: quniform, min_value: 1.5, max_value: 2, q: 1}}]", "search_space.0.number_of_epochs.min_value: want a whole number"},
		{imageDoc + "search_space: [{model_name: {type: choice, values: [1]}}]", "search_space.0.model_name.values.0: want a text"},
		{imageDoc + "search_space: [{optimizer: {type: choice, values: [magic]}}]", "search_space.0.optimizer.values.0: \"magic\" is not a value"},
		{textDoc + "validation_data_size: 0.1", "unknown field \"validation_data_size\""},
		{textDoc + "featurization: {mode: auto}", "featurization: unknown field \"mode\""},
		{textDoc + "search_space: [{number_of_epochs: {type: quniform, min_value: 1, max_value: 2, q: 1}}]", "search_space.0.number_of_epochs.type: there is no such distribution"},
		{automlDoc + "text_ner\ntraining_data: {type: mltable, path: p}\nprimary_metric: auc_weighted", "primary_metric: \"auc_weighted\" is not a value"},
	} {
		expectProblem(t, tt.doc, tt.want)
	}
}

// TestAutoMLEchoes reads bodies that the service rewrites and fills.
func TestAutoMLEchoes(t *testing.T) {
	for _, tt := range []struct{ yaml, echo string }{
		{`
name: j
type: automl
task: forecasting
target_column_name: y
training_data: {type: mltable, path: azureml:d:1}
primary_metric: r2_score
n_cross_validations: auto
limits: {timeout_minutes: 90, max_trials: 3}
training: {allowed_training_algorithms: [xg_boost_regressor]}
forecasting: {target_lags: 4, use_stl: seasontrend, seasonality: auto, forecast_horizon: 3}`, `
{"properties":{"jobType":"AutoML","status":"Completed","taskDetails":{"taskType":"forecasting","targetColumnName":"y","logVerbosity":"INFO","primaryMetric":"r2score","trainingData":{"jobInputType":"MLTable","uri":"{ws}/data/d/versions/1","mode":null,"description":null},
 "nCrossValidations":{"mode":"auto"},"validationData":null,"limitSettings":{"timeout":"PT90M","maxTrials":"3","trialTimeout":null,"exitScore":null,"sweepTrials":0},"featurizationSettings":null,
 "trainingSettings":{"allowedTrainingAlgorithms":["XGBoostRegressor"],"enableStackEnsemble":null,"stackEnsembleSettings":null},
 "forecastingSettings":{"targetLags":{"values":["4"],"mode":"Custom"},"useStl":"SeasonTrend","seasonality":{"mode":"Auto"},"forecastHorizon":{"mode":"custom","value":"3"},"timeColumnName":null}}}}`},
		{`
name: j
type: automl
task: image_classification
target_column_name: y
training_data: {type: mltable, path: azureml:d:1}
training_parameters: {learning_rate: 0.1, optimizer: adamw}
search_space: [{learning_rate: {type: uniform, min_value: 1, max_value: 2.5}, model_name: {type: choice, values: [a, b]}, nesterov: true}]`, `
{"properties":{"jobType":"AutoML","taskDetails":{"taskType":"ImageClassification","targetColumnName":"y","logVerbosity":"Info","primaryMetric":"accuracy","trainingData":{"jobInputType":"mltable","uri":"{WS}/data/d/versions/1"},
 "limitSettings":{"maxTrials":1,"timeout":"P7D"},"sweepSettings":null,"modelSettings":{"learningRate":"0.1","optimizer":"AdamW"},
 "searchSpace":[{"learningRate":"uniform(1,2.5)","modelName":"choice('a','b')","nesterov":"True","optimizer":null}]}}}`},
	} {
		want := read(t, readYAML(t, tt.yaml))
		live := fromREST(t, want, echoBody(t, tt.echo))
		if live.Variant != want.Variant || !kind.Same(kind.VariantOf(want), want.Body, live.Body) {
			t.Errorf("want %s %s\nlive %s %s", want.Variant, want.Body.Canonical(), live.Variant, live.Body.Canonical())
		}
	}
	if _, err := kind.Of("job").FromREST(&kind.Decoder{Scope: scope}, scope.ARM(asset.ID{Kind: "job", Name: "j"}), echoBody(t, `{"properties":{"jobType":"AutoML","taskDetails":{"taskType":"Future"}}}`)); err == nil {
		t.Error("a task that nobody knows is taken for another")
	}
}

// TestAutoMLStepProblems: what the reference client refuses of such steps.
func TestAutoMLStepProblems(t *testing.T) {
	const head = "type: pipeline\nsettings: {default_compute: azureml:c}\njobs:\n  n: {type: automl, training_data: '${{parent.inputs.d}}', "
	for _, tt := range []struct{ doc, want string }{
		{head + "task: magic, target_column_name: y}", "jobs.n.task: \"magic\" is not a task of AutoML"},
		{head + "task: regression}", "jobs.n.target_column_name: is missing"},
		{head + "task: regression, target_column_name: y, inputs: {a: 1}}", "jobs.n: unknown field \"inputs\""},
		{head + "task: regression, target_column_name: y, tags: {a: 1}}", "jobs.n.tags.a: want a text"},
		{head + "task: image_classification, target_column_name: y, search_space: [{number_of_epochs: '15'}]}", "jobs.n.search_space.0.number_of_epochs: want a whole number"},
		{"type: pipeline\njobs:\n  n: {type: automl, task: regression, target_column_name: y, training_data: '${{parent.inputs.d}}'}", "jobs: n.compute: is missing"},
	} {
		expectProblem(t, tt.doc, tt.want)
	}
}
