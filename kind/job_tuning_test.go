package kind_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

const (
	tuningHead   = "type: finetuning\nmodel: {path: 'azureml:m:1', type: mlflow_model}\n"
	tuningDoc    = tuningHead + "task: chat_completion\nmodel_provider: custom\n"
	openAIDoc    = tuningHead + "task: chat_completion\nmodel_provider: azure_open_ai\n"
	teacherLine  = "teacher_model_endpoint_connection: {type: serverless, name: T, endpoint: 'https://e', api_key: '${{ secret.KEY }}'}\n"
	distillHead  = "type: distillation\ndata_generation_task_type: math\nstudent_model: azureml:m:1\n"
	distillDoc   = distillHead + teacherLine + "data_generation_type: data_generation\n"
	distillOther = distillHead + "data_generation_type: data_generation\nteacher_model_endpoint_connection: "
)

// TestTuningProblems: what the reference client refuses of jobs that tune.
func TestTuningProblems(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{tuningHead + "task: chat_completion", "model_provider: is missing"},
		{tuningHead + "task: chat_completion\nmodel_provider: Custom", "model_provider: \"Custom\" is not a value"},
		{tuningHead + "task: chatting\nmodel_provider: custom", "task: \"chatting\" is not a value"},
		{"type: finetuning\ntask: chat_completion\nmodel_provider: custom", "model: is missing"},
		{"type: finetuning\ntask: chat_completion\nmodel_provider: custom\nmodel: azureml:m:1", "model: want a map"},
		{tuningDoc + "hyperparameters: {a: 1}", "hyperparameters.a: want a text, not a integer (put it in quotes: \"1\")"},
		{tuningDoc + "hyperparameters: 3", "hyperparameters: want hyperparameters"},
		{openAIDoc + "hyperparameters: {a: 1}", "hyperparameters: unknown field \"a\""},
		{openAIDoc + "hyperparameters: {n_epochs: few}", "hyperparameters.n_epochs: want a whole number"},
		{tuningDoc + "resources: {}", "resources.instance_types: is missing"},
		{tuningDoc + "training_data: {path: p, type: mltable}", "training_data.type: \"mltable\" is not a value"},
		{tuningDoc + "training_data: {type: uri_file}", "training_data.path: is missing"},
		{tuningDoc + "training_data: azureml:d", "training_data: path: \"azureml:d\" does not refer to an asset"},
		{tuningDoc + "training_data: 3", "training_data: want a path"},
		{tuningDoc + "identity: {type: managed}", "unknown field \"identity\""},
		{tuningDoc + "inputs: {a: 1}", "unknown field \"inputs\""},
		{distillDoc + "queue_settings: {job_tier: spot}", "unknown field \"queue_settings\""},
		{distillHead + teacherLine + "data_generation_type: label_generation\ntraining_data: a", "validation_data: is missing: label_generation needs it"},
		{distillHead + "data_generation_type: data_generation", "teacher_model_endpoint_connection: is missing"},
		{distillOther + "{type: serverless, name: T, endpoint: e, api_key: secret}", "teacher_model_endpoint_connection.api_key: a secret must not stand in a file"},
		{distillOther + "{type: serverless, name: T, endpoint: e}", "teacher_model_endpoint_connection.api_key: is missing"},
		{distillOther + "{type: azure_open_ai, name: T}", "teacher_model_endpoint_connection: want a connection"},
		{distillOther + "{type: custom, name: T}", "teacher_model_endpoint_connection.target: is missing"},
		{distillOther + "{type: custom, name: T, target: t, credentials: {type: sas, sas_token: x}}", "credentials.sas_token: a secret must not stand"},
		{distillOther + "{type: custom, name: T, target: t, credentials: {type: luck}}", "credentials: want credentials with a type"},
		{distillOther + "azureml:T", "teacher_model_endpoint_connection: want a connection"},
		{strings.Replace(distillDoc, "azureml:m:1", "m:1", 1), "student_model: \"m:1\" does not refer to a model"},
		{distillDoc + "prompt_settings: {custom_prompt: x}", "prompt_settings: unknown field \"custom_prompt\""},
		{distillDoc + "hyperparameters: {a: 1}", "hyperparameters.a: want a text"},
		{distillDoc + "resources: {shm_size: 2g}", "resources: unknown field \"shm_size\""},
	} {
		expectProblem(t, tt.doc, tt.want)
	}
}

// TestOpenAITuning: what means nothing with a model of Azure OpenAI is said.
func TestOpenAITuning(t *testing.T) {
	a, bad := tryRead(t, readYAML(t, openAIDoc+"compute: c\nqueue_settings: {job_tier: spot}\ntraining_data: train.jsonl"))
	var codes []string
	for _, p := range bad {
		if p.Severity == problem.Warning {
			codes = append(codes, p.Code)
		}
	}
	if got := strings.Join(codes, " "); len(bad.Errors()) > 0 || got != "not_sent not_sent not_uploaded" {
		t.Errorf("got %q: %v", got, bad)
	}
	if a.Body.Has("compute") || a.Body.Get("training_data").Str() != "train.jsonl" {
		t.Errorf("body is %s", a.Body.Canonical())
	}
}

// TestTeacherKey: the key of the teacher goes out in a property of the job,
// and does not come in with it.
func TestTeacherKey(t *testing.T) {
	a := read(t, readYAML(t, "name: d\n"+distillDoc))
	rest, err := kind.ToREST(a, &kind.Encoder{Scope: scope, Secret: func(string) (asset.Secret, error) { return asset.NewSecret("canary"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(rest.Canonical()), "canary") {
		t.Errorf("the key is not sent: %s", rest.Canonical())
	}
	live := fromREST(t, a, rest)
	if text := string(live.Body.Canonical()); strings.Contains(text, "canary") || strings.Contains(text, "azureml.") {
		t.Errorf("live is %s", text)
	}
	for _, key := range []string{"data_generation_type", "data_generation_task_type", "student_model"} {
		if !live.Body.Get(key).Equal(a.Body.Get(key)) {
			t.Errorf("%s is %s", key, live.Body.Get(key).Canonical())
		}
	}
	if live.Variant != "distillation" {
		t.Errorf("live is a %s", live.Variant)
	}
}
