package kind_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// TestRunsEchoes reads bodies as the service rewrites and fills them
// (recorded in 2022-09, 2022-10, 2023-12 and 2026-03): what was written is
// found in them.
func TestRunsEchoes(t *testing.T) {
	for _, tt := range []struct{ name, yaml, path, echo string }{
		{"command job", `
name: j
command: pip freeze
environment: azureml:E:33
compute: serverless
tags: {a: b}
queue_settings: {job_tier: standard}
inputs: {d: {type: uri_file, mode: ro_mount, path: azureml://datastores/workspaceblobstore/paths/python/data.csv}}`, "jobs/j", `
{"id":"{WS}/jobs/j","name":"j","properties":{"jobType":"Command","status":"Starting","command":"pip freeze","environmentId":"azureml:E:33","computeId":null,"codeId":null,"componentId":null,"displayName":"j",
 "experimentName":"Default","identity":null,"isArchived":false,"queueSettings":{"jobTier":"Standard","priority":null},"parentJobName":null,"notificationSetting":null,"distribution":null,"limits":null,"parameters":{},
 "services":{"Tracking":{"jobServiceType":"Tracking","endpoint":"azureml://x","port":null,"status":null,"errorMessage":null,"properties":null,"nodes":null},"Studio":{"jobServiceType":"Studio","endpoint":"https://ml.azure.com/runs/j"}},
 "resources":{"instanceCount":1,"instanceType":null,"properties":null,"shmSize":"2g","dockerArgs":null,"dockerArgsList":null},
 "inputs":{"d":{"jobInputType":"uri_file","mode":"ReadOnlyMount","uri":"azureml://datastores/workspaceblobstore/paths/python/data.csv","description":null}},
 "outputs":{"default":{"uri":"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.j","mode":"ReadWriteMount","jobOutputType":"uri_folder"}},
 "tags":{"a":"b","_aml_system_ComputeTargetStatus":"{}","mlsync-owner":"x"},"properties":{"_azureml.ComputeTargetType":"amlctrain","_azureml.ClusterName":null,"mlflow.source.git.commit":"c"}}}`},
		{"sweep job", `
type: sweep
name: s
trial: {command: c, environment: "azureml:E:33"}
sampling_algorithm: random
search_space: {lr: {type: uniform, min_value: 0.001, max_value: 0.1}, conv: {type: choice, values: [2, 5, 7]}}
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 1, max_concurrent_trials: 10, timeout: 60}
early_termination: {type: truncation_selection, evaluation_interval: 100, delay_evaluation: 200, truncation_percentage: 40}`, "jobs/s", `
{"properties":{"jobType":"Sweep","displayName":"shown","trial":{"command":"c","environmentId":"{ws}/environments/E/versions/33","distribution":null,"resources":{"instanceCount":1,"shmSize":"2g"}},
 "searchSpace":{"lr":["uniform",[0.001,0.1]],"conv":["choice",[[2,5,7]]]},"samplingAlgorithm":{"samplingAlgorithmType":"Random","seed":null,"logbase":null,"rule":"Random"},
 "objective":{"goal":"Maximize","primaryMetric":"accuracy"},"limits":{"jobLimitsType":"Sweep","timeout":"PT1M","maxConcurrentTrials":10,"maxTotalTrials":1,"trialTimeout":null},
 "earlyTermination":{"policyType":"TruncationSelection","evaluationInterval":100,"delayEvaluation":200,"truncationPercentage":40},"queueSettings":{"jobTier":"Null","priority":null},"componentConfiguration":null,
 "tags":{"_aml_system_x":"y"},"properties":{"runTemplate":"HyperDrive"}}}`},
		{"online endpoint", `
name: end
auth_mode: aml_token
tags: {a: b}
properties: {p: "1"}
identity: {type: system_assigned}
traffic: {Blue: 100, green: 0}`, "onlineEndpoints/end", `
{"location":"eastus2","kind":"Managed","tags":{"a":"b"},"identity":{"type":"SystemAssigned","principalId":"x","tenantId":"y"},
 "properties":{"authMode":"AMLToken","compute":null,"publicNetworkAccess":"Enabled","scoringUri":null,"swaggerUri":null,"provisioningState":"Creating","mirrorTraffic":{},"traffic":{"blue":100,"green":0,"grey":0},
 "properties":{"p":"1","azureml.onlineendpointid":"x","AzureAsyncOperationUri":"x"}}}`},
		{"kubernetes endpoint", `
name: end
auth_mode: key
compute: azureml:k1`, "onlineEndpoints/end", `
{"location":"eastus2","kind":"K8S","properties":{"authMode":"key","compute":"{ws}/computes/k1","traffic":{}}}`},
		{"managed deployment", `
name: blue
endpoint_name: end
instance_type: Standard_DS2_V2
instance_count: 1
model: azureml:m:1
environment: azureml:e:3
egress_public_network_access: enabled
scale_settings: {type: default}
request_settings: {request_timeout_ms: 5000, max_queue_wait_ms: 500}
liveness_probe: {period: 300, failure_threshold: 30}`, "onlineEndpoints/end/deployments/blue", `
{"location":"eastus2","kind":"Managed","sku":{"name":"Default","tier":"Standard","capacity":1},"tags":{},
 "properties":{"endpointComputeType":"managed","model":"{ws}/models/m/versions/1","environmentId":"{WS}/environments/e/versions/3","instanceType":"STANDARD_DS2_V2","scaleSettings":{"scaleType":"Default"},
 "requestSettings":{"maxQueueWait":"PT0.5S","requestTimeout":"PT5S","maxConcurrentRequestsPerInstance":1},"egressPublicNetworkAccess":"Enabled","modelMountPath":null,"provisioningState":"Updating",
 "livenessProbe":{"failureThreshold":"30","successThreshold":1,"timeout":"PT2S","period":"PT5M","initialDelay":"PT10S"},"readinessProbe":null,"properties":{"AzureAsyncOperationUri":"x"}}}`},
		{"batch endpoint", `
name: bend
auth_mode: aad_token
properties: {p1: v1}
defaults: {deployment_name: d}`, "batchEndpoints/bend", `
{"location":"eastus2","identity":{"type":"None","principalId":"00000000-0000-0000-0000-000000000000"},
 "properties":{"authMode":"AADToken","defaults":{"deploymentName":"d"},"scoringUri":null,"properties":{"p1":"v1","BatchEndpointCreationApiVersion":"2022-05-01","azureml.onlineendpointid":"x"}}}`},
		{"batch deployment", `
name: dep
endpoint_name: bend
type: model
compute: azureml:c
model: azureml:m:1
settings: {mini_batch_size: 10, retry_settings: {timeout: 30, max_retries: 3}, output_action: append_row, logging_level: info, error_threshold: -1}`, "batchEndpoints/bend/deployments/dep", `
{"location":"eastus2","properties":{"compute":"{ws}/computes/c","model":{"referenceType":"Id","assetId":"{ws}/models/m/versions/1"},"errorThreshold":-1,"retrySettings":{"maxRetries":3,"timeout":"PT30S"},"miniBatchSize":"10",
 "loggingLevel":"Info","maxConcurrencyPerInstance":1,"outputAction":"AppendRow","outputFileName":"predictions.csv","resources":{"instanceCount":1,"instanceType":null,"properties":{}},"deploymentConfiguration":null,"provisioningState":"Succeeded",
 "properties":{"BatchDeploymentCreationApiVersion":"x"}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := read(t, readYAML(t, tt.yaml))
			live := fromREST(t, want, echoBody(t, tt.echo))
			if live.Variant != want.Variant || scope.ARM(live.ID) != scope.WorkspaceID()+"/"+tt.path {
				t.Errorf("got %s %q", live.ID, live.Variant)
			}
			if !kind.Same(kind.VariantOf(want), want.Body, live.Body) {
				t.Errorf("want %s\nlive %s", want.Body.Canonical(), live.Body.Canonical())
			}
			for _, made := range []string{"Tracking", "AzureAsyncOperationUri", "azureml.", "CreationApiVersion", "_aml_system_", "mlsync-", "git"} {
				if strings.Contains(string(live.Body.Canonical()), made) {
					t.Errorf("%s is a part of %s", made, live.Body.Canonical())
				}
			}
		})
	}
}

// echoBody is a body in which {WS} is the id of the workspace and {ws} the
// same in the spelling that the service has for it elsewhere.
func echoBody(t *testing.T, text string) *asset.Value {
	t.Helper()
	other := strings.NewReplacer("resourceGroups", "resourcegroups", "Microsoft.MachineLearningServices", "microsoft.machinelearningservices").Replace(scope.WorkspaceID())
	v, err := asset.ParseJSON([]byte(strings.NewReplacer("{WS}", scope.WorkspaceID(), "{ws}", other).Replace(text)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestForeignForms: live forms that have no table are not taken for others.
func TestForeignForms(t *testing.T) {
	for _, tt := range []struct{ kind, path, body string }{
		{"job", "jobs/p", `{"properties":{"jobType":"Labeling"}}`},
		{"job", "jobs/p", `{"properties":{"jobType":"AutoML"}}`},
		{"batch-deployment", "batchEndpoints/e/deployments/dep", `{"properties":{"properties":{"ComponentDeployment.ComponentId":"x"}}}`},
	} {
		a, err := kind.Of(asset.Kind(tt.kind)).FromREST(&kind.Decoder{Scope: scope}, scope.WorkspaceID()+"/"+tt.path, echoBody(t, tt.body))
		if err == nil {
			t.Errorf("%s is taken for %s %q", tt.body, a.ID, a.Variant)
		}
	}
}

// TestLateFields: traffic and the default deployment wait for the deployments.
func TestLateFields(t *testing.T) {
	for file, path := range map[string]string{"online-endpoint-managed": "traffic", "batch-endpoint": "defaults"} {
		a := read(t, readYAML(t, mustRead(t, "testdata/runs/"+file+".yml")))
		early, err := kind.ToREST(a, &kind.Encoder{Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		if early.GetPath("properties", path) != nil || toREST(t, a).GetPath("properties", path) == nil {
			t.Errorf("%s: %s is not sent by the second step only", file, path)
		}
	}
}
