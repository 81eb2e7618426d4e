package kind_test

import (
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// TestPreviewForms: what the forms of 2020 and 2021 mean in the released one.
// want holds one document an entry; lost are the fields without equivalent.
func TestPreviewForms(t *testing.T) {
	for _, tt := range []struct {
		name, preview string
		want          []string
		lost          []string
	}{
		{"interim command job", `
name: j
command: python a.py --in {inputs.train} --out {outputs.model}
code: {local_path: ./src, mode: mount}
environment: {name: e, docker: {image: img:1}, conda: {inline: {dependencies: [numpy]}, interpreter_path: /py}}
compute: {target: "azureml:cpu", node_count: 4, location: westus}
inputs: {train: {data: "azureml:d:1", mode: ro_mount}, n: 3}
outputs: {model: {mode: rw_mount}}`, []string{`
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
name: j
command: python a.py --in ${{inputs.train}} --out ${{outputs.model}}
code: ./src
environment: {name: e, image: "img:1", conda_file: {dependencies: [numpy]}}
compute: azureml:cpu
resources: {instance_count: 4}
inputs: {train: {path: "azureml:d:1", mode: ro_mount}, n: 3}
outputs: {model: {mode: rw_mount}}`}, []string{"code.mode", "conda.interpreter_path", "compute.location"}},
		{"on_compute", `
run: {command: echo, environment: pets.yml, retries: 3}
on_compute: {target: cpu, instance_count: 2}`, []string{`
type: command
command: echo
environment: file:./pets.yml
compute: cpu
resources: {instance_count: 2}`}, []string{"run.retries"}},
		{"named environment", `
run: {command: echo, environment: "azureml:Environments/AzureML-Minimal"}
compute: azureml:Compute/test-cluster`, []string{`
type: command
command: echo
environment: azureml:AzureML-Minimal@latest
compute: azureml:test-cluster`}, nil},
		{"interim sweep job", `
type: sweep_job
name: s
algorithm: grid
search_space: {--learning-rate: {spec: choice, values: [1]}, depth: {type: randint, upper: 3}}
objective: {primary_metric: m, goal: maximize}
trial: {command: "train {search_space.depth}", code: {directory: src}, environment: "ws:/e:2"}
max_total_trials: 5
max_concurrent_trials: 2
timeout_minutes: 3
compute: {target: ws:/cpu, instance_count: 2}
early_termination: {spec: median_stopping, evaluation_interval: 2}`, []string{`
type: sweep
name: s
sampling_algorithm: grid
search_space: {learning_rate: {type: choice, values: [1]}, depth: {type: randint, upper: 3}}
objective: {primary_metric: m, goal: maximize}
trial: {command: "train ${{search_space.depth}} --learning-rate ${{search_space.learning_rate}}", code: src, environment: "azureml:e:2", resources: {instance_count: 2}}
limits: {max_total_trials: 5, max_concurrent_trials: 2, timeout: 180}
compute: azureml:cpu
early_termination: {type: median_stopping, evaluation_interval: 2}`}, nil},
		{"managed endpoint with a list of deployments", `
name: end
auth_mode: key
tags: {a: b}
deployments:
  - name: blue
    model: {name: m, version: 1, local_path: ./m}
    code: {local_path: ./src, scoring_script: score.py}
    environment: azureml:e/versions/3
    sku: Standard_F2s_v2
    scale_settings: {scale_type: auto, instance_count: 1, max_instances: 4}
  - name: green
    model: azureml:m:2
    sku: s
    scale_settings: {scale_type: manual, instance_count: 2}`, []string{`
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: end
auth_mode: key
tags: {a: b}`, `
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: end
model: {name: m, version: 1, path: ./m}
code_configuration: {code: ./src, scoring_script: score.py}
environment: azureml:e:3
instance_type: Standard_F2s_v2
instance_count: 1
scale_settings: {type: default}`, `
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: green
endpoint_name: end
model: azureml:m:2
instance_type: s
instance_count: 2`}, []string{"deployments.0.scale_settings.max_instances"}},
		{"kubernetes endpoint by another name", `
name: end
infrastructure: aks
deployments: {blue: {model: "azureml:m:1", resource_requirements: {cpu: "1"}, type: aks}}`, []string{`
$schema: https://azuremlschemas.azureedge.net/latest/kubernetesOnlineEndpoint.schema.json
name: end
compute: azureml:aks`, `
$schema: https://azuremlschemas.azureedge.net/latest/kubernetesOnlineDeployment.schema.json
type: kubernetes
name: blue
endpoint_name: end
model: azureml:m:1
resources: {requests: {cpu: "1"}, limits: {cpu: "1"}}`}, []string{"deployments.blue.type"}},
		{
			"batch deployment with a script", `
name: dep
endpoint: end
type: Batch
code: ./src
entry_script: ./src/inner/score.py
model: ws:/m:1
runs-on: cpu
batch_settings:
  partitioning_scheme: {mini_batch_size: 2, shuffle: true}
  output_configuration: {append: column, file_name: p.csv}
  retry_settings: {timeout_in_seconds: 5, max_retries: 1}
  logging_level: debug`,
			[]string{`
$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
type: model
name: dep
endpoint_name: end
code_configuration: {code: ./src, scoring_script: inner/score.py}
model: azureml:m:1
compute: cpu
settings: {mini_batch_size: 2, output_file_name: p.csv, retry_settings: {timeout: 5, max_retries: 1}, logging_level: debug}`},
			[]string{"batch_settings.partitioning_scheme.shuffle", "batch_settings.output_configuration.append"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := readYAML(t, tt.preview)
			v := kind.Identify(doc, "")
			if !v.Preview {
				t.Fatalf("identified as %+v", v)
			}
			docs, bad := v.Variant.Preview.Run(doc)
			if len(docs) != len(tt.want) {
				t.Fatalf("%d documents, want %d", len(docs), len(tt.want))
			}
			for i, text := range tt.want {
				got, want := read(t, docs[i]), read(t, readYAML(t, text))
				if got.ID != want.ID || got.Variant != want.Variant || !got.Body.Equal(want.Body) {
					t.Errorf("got  %s %q %s\nwant %s %q %s", got.ID, got.Variant, got.Body.Canonical(), want.ID, want.Variant, want.Body.Canonical())
				}
			}
			checkLost(t, bad, tt.lost)
		})
	}
}

func checkLost(t *testing.T, bad problem.List, want []string) {
	t.Helper()
	var got []string
	for _, p := range bad {
		path, _, _ := strings.Cut(p.Text, " ")
		got = append(got, path)
		if p.Severity != problem.Warning || p.Code != "no_equivalent" || p.Pos.IsZero() {
			t.Errorf("%v is no warning with a place", p)
		}
	}
	for _, path := range want {
		if !slices.Contains(got, path) {
			t.Errorf("no warning of %s: %v", path, bad)
		}
	}
	if len(got) != len(want) {
		t.Errorf("warnings of %v, want of %v", got, want)
	}
}
