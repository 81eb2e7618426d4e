package kind_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

const (
	commandDoc  = "$schema: https://x/commandJob.schema.json\n"
	sweepDoc    = "$schema: https://x/sweepJob.schema.json\ntrial: {command: c, environment: 'azureml:e:1'}\nobjective: {goal: minimize, primary_metric: m}\nlimits: {max_total_trials: 1}\n"
	endpointDoc = "$schema: https://x/managedOnlineEndpoint.schema.json\nname: endpoint\n"
	clusterDoc  = "$schema: https://x/kubernetesOnlineEndpoint.schema.json\nname: endpoint\n"
	managedDoc  = "$schema: https://x/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: endpoint\ninstance_type: s\n"
	batchDoc    = "$schema: https://x/batchDeployment.schema.json\nname: blue\nendpoint_name: endpoint\n"
)

// TestRunsProblems: what is wrong is said, with the field that it is wrong in.
func TestRunsProblems(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{commandDoc + "command: c", "environment: is missing"},
		{commandDoc + "environment: azureml:e:1", "command: is missing"},
		{commandDoc + "command: c\nenvironment: azureml:e", "environment: \"azureml:e\" does not refer to an environment: a version is missing"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nname: a b", "\"a b\" cannot be the name of a job"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninstances: 3", "unknown field \"instances\""},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ndistribution: {type: horovod}", "distribution: want a distribution"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ndistribution: {type: mpi, worker_count: 1}", "distribution: unknown field \"worker_count\""},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nidentity: {type: someone}", "identity.type: \"someone\" is not a value"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nlimits: {timeout: soon}", "limits.timeout: want a whole number"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nlimits: {timeout: -1}", "limits.timeout: a duration cannot be negative"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {1x: a}", "inputs.1x: \"1x\" cannot be a name here"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {x: [a]}", "inputs.x: want a literal, or a map with a path, not a list"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {x: {type: uri_file}}", "inputs.x.path: is missing"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {x: {path: 'azureml:d'}}", "inputs.x: path: \"azureml:d\" does not refer to an asset"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {x: {path: p, mode: eval_mount}}", "inputs.x: mode eval_mount is for mltable only"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nservices: {x: {type: vs_code, log_dir: a}}", "services.x: log_dir is for type tensor_board only"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nservices: {x: {nodes: all}}", "services.x: type is missing"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {x: }", "inputs.x has no value"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\ninputs: {x: {path: p, mode: mount}}", "inputs.x.mode: \"mount\" is not a value"},
		{commandDoc + "command: c ${{inputs.dta}}\nenvironment: azureml:e:1\ninputs: {data: 1}", "command: the job has no input \"dta\" (did you mean \"data\"?)"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\nidentity: {type: aml_token, client_id: c}", "identity: client_id is for type managed only"},
		{commandDoc + "command: c\nenvironment: azureml:e:1\noutputs: {x: {path_on_compute: p}}", "outputs.x: unknown field \"path_on_compute\""},
		{sweepDoc, "search_space: is missing"},
		{sweepDoc + "search_space: {x: {type: gauss}}", "search_space.x.type: there is no such distribution"},
		{sweepDoc + "search_space: {x: {type: uniform, min_value: 1}}", "search_space.x.max_value: is missing"},
		{sweepDoc + "search_space: {x: {type: randint, upper: a}}", "search_space.x.upper: want a whole number"},
		{sweepDoc + "search_space: {x: {type: choice, values: [true]}}", "search_space.x.values.0: want a text, a number or a map, not a bool"},
		{sweepDoc + "search_space: {x: 3}", "search_space.x: want a map"},
		{sweepDoc + "search_space: {x: {type: randint, upper: 2}}\nearly_termination: {type: luck}", "early_termination: want a policy"},
		{sweepDoc + "search_space: {x: {type: randint, upper: 2}}\nsampling_algorithm: luck", "sampling_algorithm.type: \"luck\" is not a value"},
		{endpointDoc + "auth_mode: none", "auth_mode: \"none\" is not a value"},
		{"$schema: https://x/managedOnlineEndpoint.schema.json\nname: my_endpoint", "\"my_endpoint\" cannot be the name"},
		{"$schema: https://x/managedOnlineEndpoint.schema.json\nname: me", "\"me\" cannot be the name"},
		{endpointDoc + "traffic: {blue: 60, green: 30}", "traffic: the percentages are 90 in all"},
		{endpointDoc + "traffic: {blue: 110, green: -10}", "traffic.green: a percentage cannot be negative"},
		{endpointDoc + "mirror_traffic: {blue: 10, green: 10}", "only one deployment can get copies"},
		{endpointDoc + "mirror_traffic: {blue: 60}", "mirror_traffic.blue: 60 per cent is too much"},
		{endpointDoc + "traffic: {blue: 100}\nmirror_traffic: {blue: 10}", "mirror_traffic.blue: the deployment has traffic of its own"},
		{clusterDoc + "compute: azureml:k\nmirror_traffic: {blue: 10}", "mirror_traffic: Kubernetes endpoints cannot mirror"},
		{clusterDoc, "compute: is missing"},
		{managedDoc + "code_configuration: {code: a}", "code_configuration.scoring_script: is missing"},
		{managedDoc + "scale_settings: {type: target_utilization}", "scale_settings: want scale settings: default"},
		{managedDoc + "resources: {limits: {cpu: 1}}", "unknown field \"resources\""},
		{managedDoc + "data_collector: {collections: {a: {enabled: maybe}}}", "data_collector.collections.a.enabled: \"maybe\" is not a value"},
		{managedDoc + "data_collector: {collections: {a: {enabled: true}}}", "data_collector.collections.a.enabled: want a text, not a bool (put it in quotes: \"True\")"},
		{clusterDoc + "compute: k", "compute: \"k\" does not refer to a compute"},
		{managedDoc + "data_collector: {rolling_rate: hour}", "data_collector.collections: is missing"},
		{"$schema: https://x/managedOnlineDeployment.schema.json\nname: blue\ninstance_type: s", "endpoint_name is missing"},
		{"$schema: https://x/managedOnlineDeployment.schema.json\nname: my_blue\nendpoint_name: e\ninstance_type: s", "\"my_blue\" cannot be the name"},
		{"$schema: https://x/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: e", "instance_type: is missing"},
		{batchDoc + "type: model", "compute: is missing"},
		{batchDoc + "compute: c\nsettings: {mini_batch_size: 1}", "settings: is for deployments of type model"},
		{batchDoc + "compute: c\ntype: model\nmini_batch_size: 1", "unknown field \"mini_batch_size\": deployments of type model have it in settings"},
		{batchDoc + "compute: c\noutput_action: drop", "output_action: \"drop\" is not a value"},
	} {
		_, bad := tryRead(t, readYAML(t, tt.doc))
		if texts := bad.Errors().Error(); !strings.Contains(texts, tt.want) {
			t.Errorf("%s\ngot  %q\nwant %q", tt.doc, texts, tt.want)
		}
		for _, p := range bad {
			if p.Pos == (problem.Pos{}) {
				t.Errorf("%s\nno place: %v", tt.doc, p)
			}
		}
	}
}

// TestSingleBraces: the form of the preview is rewritten with a warning.
func TestSingleBraces(t *testing.T) {
	_, bad := tryRead(t, readYAML(t, commandDoc+"command: x {inputs.a}\nenvironment: azureml:e:1\ninputs: {a: 1}"))
	if len(bad) != 1 || bad[0].Severity != problem.Warning || bad[0].Code != "old_expression" || bad[0].Pos.Line != 2 {
		t.Errorf("got %v, want one warning", bad)
	}
}

// TestCollectedData: collections without data get an asset named after the
// deployment.
func TestCollectedData(t *testing.T) {
	a := read(t, readYAML(t, managedDoc+"data_collector: {collections: {in: {enabled: 'true'}, out: {enabled: 'true', data: {name: n, version: 4}}}}"))
	for name, want := range map[string][3]string{
		"in":  {"endpoint-blue-in", "1", "azureml://datastores/workspaceblobstore/paths/modelDataCollector/endpoint/blue/in"},
		"out": {"n", "4", "azureml://datastores/workspaceblobstore/paths/modelDataCollector/endpoint/blue/out"},
	} {
		data := a.Body.GetPath("data_collector", "collections", name, "data")
		if got := [3]string{data.Get("name").Str(), data.Get("version").Text(), data.Get("path").Str()}; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestScoringScript: the script must be in the code folder, where that is
// local.
func TestScoringScript(t *testing.T) {
	a := read(t, readYAML(t, managedDoc+"code_configuration: {code: ./src, scoring_script: ./inner/scor.py}"))
	for _, tt := range []struct {
		files []string
		local bool
		want  string
	}{
		{[]string{"inner/scor.py"}, true, ""},
		{[]string{"inner/score.py"}, true, `code_configuration.scoring_script: "./inner/scor.py" is not in the code folder (did you mean "inner/score.py"?)`},
		{nil, false, ""},
	} {
		var bad problem.List
		kind.VariantOf(a).Inspect(&kind.Inspection{
			Files:  func(path string) ([]string, bool) { return tt.files, tt.local && path == "code_configuration.code" },
			Folder: func(string) bool { return tt.local },
			Bad: func(_ *asset.Value, code, hint, format string, args ...any) {
				bad.Hintf(problem.Pos{}, code, hint, format, args...)
			},
		}, a.Body)
		if got := bad.Error(); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.files, got, tt.want)
		}
	}
}

// TestTells: released documents without $schema are known by their keys, and
// jobs from components.
func TestTells(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{"command: c\nenvironment: e\ncompute: x", "job/command"},
		{"type: command\ncommand: c\nenvironment: e\nexperiment_name: x", "job/command"},
		{"command: c\nenvironment: e", "job/command"},
		{"name: j\ncommand: c\nenvironment: e\ninputs: {a: 1}", "job/command"},
		{"name: n\nversion: 1\ncommand: c\nenvironment: e\ncompute: x", "component/command"},
		{"name: n\ntype: command\ncommand: c\nenvironment: e", "component/command"},
		{"name: n\ncommand: c\nenvironment: e\nis_deterministic: true", "component/command"},
		{"type: sweep\ntrial: {}", "job/sweep"},
		{"trial: {}\nsearch_space: {}\nobjective: {}", "job/sweep"},
		{"type: pipeline\njobs: {}", "job/pipeline"},
		{"type: automl\ntask: classification", "job/automl"},
		{"type: spark\nentry: {file: a}", "job/spark"},
		{"type: import\nsource: {}", "job/import"},
		{"name: e\nauth_mode: key", "online-endpoint"},
		{"name: e\nauth_mode: aad_token\ntraffic: {a: 100}", "online-endpoint"},
		{"name: e\nauth_mode: aml_token\ncompute: k", "online-endpoint"},
		{"name: e\ndefaults: {deployment_name: d}", "batch-endpoint"},
		{"name: e\nmodel_id: m\nauth_mode: key", "serverless-endpoint"},
		{"name: e\nauth_mode: aad_token", ""},
		{"name: d\nendpoint_name: e\ninstance_type: s", "online-deployment"},
		{"name: d\nendpoint_name: e\ntype: kubernetes\nmodel: m", "online-deployment"},
		{"name: d\nendpoint_name: e\ncompute: c", "batch-deployment"},
		{"name: d\nendpoint_name: e\ncompute: c\ntype: model", "batch-deployment"},
		{"name: d\nendpoint_name: e\ntype: pipeline\ncomponent: c", "batch-deployment"},
		{"$schema: https://x/batchDeployment.schema.json\ntype: pipeline\ncomponent: c", "batch-deployment"},
		{"$schema: https://x/COMMANDJOB.schema.json\ntype: spark", "job/spark"},
		{"$schema: https://x/commandJob.schema.json\ntype: sweep", "job/sweep"},
		{"$schema: https://x/managedOnlineEndpoint.schema.json\nname: e\ncompute: k\nauth_mode: key", "online-endpoint"},
		{"run: {command: c}\ncompute: x", "preview of job/command"},
		{"command: c\ncompute: {target: x}", "preview of job/command"},
		{"command: c\ncode: {local_path: x}\nenvironment: e", "preview of job/command"},
		{"trial: {}\nalgorithm: random", "preview of job/sweep"},
		{"trial: {}\nsearch_space: {--lr: {spec: uniform}}", "preview of job/sweep"},
		{"name: e\ndeployments: {}", "preview of online-endpoint"},
		{"name: d\nendpoint: e\ntype: Batch", "preview of batch-deployment"},
		{"name: d\nruns-on: ws:/x", "preview of batch-deployment"},
		{"command: [npm, test]\nimage: x", ""},
		{"services: {web: {command: x, environment: {A: b}}}", ""},
	} {
		v := kind.Identify(readYAML(t, tt.doc), "")
		got := v.Unmanaged
		if v.Variant != nil {
			got = v.Variant.FullName()
		}
		if v.Preview {
			got = "preview of " + got
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q (%s)", tt.doc, got, tt.want, v.Why)
		}
	}
}
