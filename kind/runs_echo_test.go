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
		{"job", "jobs/p", `{"properties":{"jobType":"Quantum"}}`},
		{"batch-deployment", "batchEndpoints/e/deployments/dep", `{"properties":{"deploymentConfiguration":{"deploymentConfigurationType":"Quantum"}}}`},
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

// TestScheduleEchoes: how the service rewrites and fills schedules (recorded
// 2023-10 and 2024-02; monitors inferred from its specification).
func TestScheduleEchoes(t *testing.T) {
	for _, tt := range []struct{ name, yaml, echo string }{
		{"a copy of a job, without id and type", `
name: s
display_name: S
trigger: {type: recurrence, frequency: week, interval: 1, schedule: {hours: 4, minutes: 0, week_days: [monday]}, start_time: "2022-05-10T10:15:00"}
create_job: azureml:test_1`, `
{"name":"s","properties":{"displayName":"S","description":null,"properties":{},"tags":{"mlsync-owner":"x"},"isEnabled":false,"provisioningState":"Succeeded",
 "trigger":{"triggerType":"recurrence","frequency":"Week","interval":"1","schedule":{"hours":[4],"minutes":[0],"weekDays":["Monday"],"monthDays":null},"startTime":"2022-05-10 10:15:00","endTime":null,"timeZone":"UTC"},
 "action":{"actionType":"createJob","jobDefinition":{"jobType":"Pipeline","sourceJobId":"{ws}/jobs/test_1","status":"NotStarted","experimentName":"Default","displayName":null,"description":null,"computeId":null,"componentId":null,
  "identity":null,"services":null,"notificationSetting":null,"isArchived":false,"tags":{},"properties":{},"inputs":{},"outputs":{},"settings":null,"jobs":{"a":{"type":"command","componentId":"x"}}}}},"systemData":{}}`},
		{"a time with T, and one that is filled in", `
name: s
trigger: {type: cron, expression: "15 10 * * 1", end_time: "2027-05-10 10:15:00"}
create_job: {type: command, command: c, environment: "azureml:e:1", inputs: {n: 1}}`, `
{"name":"s","properties":{"tags":null,"isEnabled":true,"trigger":{"triggerType":"Cron","expression":"15 10 * * 1","startTime":"2023-10-27T16:25:00","endTime":"2027-05-10T10:15:00","timeZone":"UTC"},
 "action":{"actionType":"CreateJob","jobDefinition":{"jobType":"Command","status":"NotStarted","command":"c","environmentId":"{ws}/environments/e/versions/1","inputs":{"n":{"jobInputType":"literal","value":"1","description":null}},
  "resources":{"instanceCount":1,"shmSize":"2g"},"outputs":{"default":{"jobOutputType":"uri_folder"}},"experimentName":"Default","tags":{},"limits":null}}}}`},
		{"an import", `
name: s
trigger: {type: cron, expression: x}
import_data: {name: d, path: azureml://datastores/store/paths/x, source: {type: database, query: q, connection: azureml:c}}`, `
{"name":"s","properties":{"trigger":{"triggerType":"Cron","expression":"x","timeZone":"UTC"},"action":{"actionType":"ImportData","dataImportDefinition":{"assetName":"d","dataType":"uri_folder",
 "dataUri":"azureml://subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/RG/workspaces/ws/datastores/store/paths/x","source":{"sourceType":"Database","query":"q","connection":"c"},"tags":{},"properties":{},"isArchived":false}}}}`},
		{"a monitor", `
name: s
trigger: {type: cron, expression: x}
create_monitor:
  compute: {instance_type: standard_e4s_v3, runtime_version: "3.4"}
  monitoring_target: {ml_task: classification, endpoint_deployment_id: "azureml:end:blue"}
  alert_notification: azmonitoring
  monitoring_signals:
    d:
      type: data_drift
      production_data: {input_data: {path: "azureml:p:1", type: uri_folder}, data_context: model_inputs}
      reference_data: {input_data: {path: "azureml:r:1", type: mltable}, data_window: {window_start: "2026-01-01", window_end: "2026-02-01"}}
      features: all_features
      metric_thresholds: {numerical: {jensen_shannon_distance: 0.1}, categorical: {}}`, `
{"name":"s","properties":{"trigger":{"triggerType":"Cron","expression":"x","timeZone":"UTC"},"action":{"actionType":"CreateMonitor","monitorDefinition":{
 "computeConfiguration":{"computeType":"ServerlessSpark","instanceType":"Standard_E4s_v3","runtimeVersion":"3.4","computeIdentity":{"computeIdentityType":"AmlToken"}},
 "monitoringTarget":{"taskType":"Classification","deploymentId":"{ws}/onlineEndpoints/end/deployments/blue","modelId":null},"alertNotificationSetting":{"alertNotificationType":"AzureMonitor"},
 "signals":{"d":{"signalType":"DataDrift","mode":"disabled","properties":{"x":"made by the service"},"dataSegment":null,"features":{"filterType":"allFeatures"},
  "productionData":{"inputDataType":"Trailing","jobInputType":"UriFolder","uri":"{ws}/data/p/versions/1","dataContext":"ModelInputs","windowSize":"P1W","windowOffset":"PT0S","columns":null,"preprocessingComponentId":null},
  "referenceData":{"inputDataType":"Static","jobInputType":"mltable","uri":"{ws}/data/r/versions/1","windowStart":"2026-01-01T00:00:00+00:00","windowEnd":"2026-02-01T00:00:00Z"},
  "metricThresholds":[{"dataType":"Categorical","metric":"PearsonsChiSquaredTest","threshold":{"value":0.5}},{"dataType":"Numerical","metric":"JensenShannonDistance","threshold":{"value":"0.1"}}]}}}}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := read(t, readYAML(t, tt.yaml))
			live, err := kind.Of("schedule").FromREST(&kind.Decoder{Scope: scope}, scope.WorkspaceID()+"/schedules/s", echoBody(t, tt.echo))
			if err != nil {
				t.Fatal(err)
			}
			if live.ID != want.ID || live.Variant != want.Variant || !kind.Same(kind.VariantOf(want), want.Body, live.Body) {
				t.Errorf("want %s %s\nlive %s %s", want.Variant, want.Body.Canonical(), live.Variant, live.Body.Canonical())
			}
		})
	}
}

// TestForeignSchedules: schedules without a job, or of a job that mlsync does
// not know, are left alone.
func TestForeignSchedules(t *testing.T) {
	for _, body := range []string{
		`{"properties":{"action":{"actionType":"CreateJob","jobDefinition":null}}}`,
		`{"properties":{"action":{"actionType":"CreateJob","jobDefinition":{"jobType":"Labeling"}}}}`,
		`{"properties":{"action":{"actionType":"InvokeBatchEndpoint"}}}`,
	} {
		if a, err := kind.Of("schedule").FromREST(&kind.Decoder{Scope: scope}, scope.WorkspaceID()+"/schedules/s", echoBody(t, body)); err == nil {
			t.Errorf("%s is taken for %s %q", body, a.ID, a.Variant)
		}
	}
}

// TestPatchOfASchedule: the job is sent as it was given, the trigger keeps
// what the service filled in, and one that becomes another sort loses what
// belongs to the old one.
func TestPatchOfASchedule(t *testing.T) {
	const raw = `{"id":"x","name":"s","systemData":{},"properties":{"displayName":"S","isEnabled":false,"tags":{"by":"hand"},
 "trigger":{"triggerType":"Recurrence","frequency":"Day","interval":1,"schedule":{"hours":[1],"minutes":[2]},"startTime":"2023-10-27T16:25:00","timeZone":"UTC"},
 "action":{"actionType":"CreateJob","jobDefinition":{"jobType":"Pipeline","sourceJobId":"/x/jobs/j","experimentName":"Default","status":"NotStarted","jobs":{"a":{}}}}}}`
	want := read(t, readYAML(t, "name: s\ntags: {a: b}\ntrigger: {type: cron, expression: x}\ncreate_job: azureml:j\n"))
	live := *want
	live.Raw = []byte(raw)
	got, err := kind.Patch(want, &live, [][]string{{"trigger", "schedule"}, {"create_job", "description"}}, &kind.Encoder{Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	const patched = `{"properties":{"action":{"actionType":"CreateJob","jobDefinition":{"experimentName":"","isArchived":false,"jobType":"Pipeline","sourceJobId":"j"}},"displayName":"S","isEnabled":false,"tags":{"a":"b","by":"hand"},` +
		`"trigger":{"expression":"x","startTime":"2023-10-27T16:25:00","timeZone":"UTC","triggerType":"Cron"}}}`
	if string(got.Canonical()) != patched {
		t.Errorf("got  %s\nwant %s", got.Canonical(), patched)
	}
}
