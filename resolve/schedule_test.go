package resolve_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

const scheduleHead = "$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json\nname: s\ntrigger: {type: recurrence, frequency: day, interval: 2}\n"

const collecting = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: end\ninstance_type: s\n" +
	"data_collector: {collections: {model_inputs: {enabled: 'true', data: {name: got, version: 4}}, model_outputs: {enabled: 'OUT'}}}\n"

const endpointFile = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: end\nauth_mode: key\n"

func monitor(rest string) string {
	return scheduleHead + "create_monitor:\n  compute: {instance_type: i, runtime_version: '3.4'}\n  monitoring_target: {endpoint_deployment_id: 'azureml:end:blue'}\n" + rest
}

// The job of a schedule is read from its file: its paths are relative to
// that, and what stands inline is lifted out.
func TestScheduledJob(t *testing.T) {
	f := files{
		"s/s.yml":       scheduleHead + "create_job: {job: ../jobs/j.yml, tags: {a: b}}\n",
		"jobs/j.yml":    "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\nsettings: {default_compute: serverless}\njobs: {a: {type: command, command: c, code: ./src, environment: {image: base}}}\ninputs: {d: {type: uri_file, path: ./d.csv}}\n",
		"jobs/src/a.py": "print()\n",
		"jobs/d.csv":    "1\n",
	}
	want := good(t, f, &world{})
	for _, k := range []asset.Kind{"code", "environment", "component"} {
		only(t, want, k)
	}
	if got := field(t, want, "schedule/s", "create_job.inputs.d.path"); !strings.HasPrefix(got, "azureml://datastores/workspaceblobstore/paths/LocalUpload/") || !strings.HasSuffix(got, "/d.csv") {
		t.Errorf("input %s", got)
	}
	if n := len(want.Uploads[id("schedule/s")]); n != 1 {
		t.Errorf("%d uploads of the schedule", n)
	}
	step := want.Set.Get(id("schedule/s")).Body.GetPath("create_job", "jobs", "a", "component").Text()
	if c := only(t, want, "component"); step != "azureml:"+c.ID.Name+":"+c.ID.Version {
		t.Errorf("the step is %s, the component %s", step, c.ID)
	}
	bad(t, files{"s.yml": scheduleHead + "create_job: ./j.yml\n"}, &world{}, `s.yml:4:13: "j.yml" does not exist`)
	bad(t, files{"s.yml": scheduleHead + "create_job: ../j.yml\n"}, &world{}, `s.yml:4:13: "../j.yml" is outside`)
	bad(t, files{"s.yml": scheduleHead + "create_job: azureml:j\n"}, &world{}, `s.yml:4:13: create_job: job "j" is neither in this tree nor in the workspace`)
}

func TestScheduledImport(t *testing.T) {
	f := files{
		"s/s.yml": scheduleHead + "import_data: ./i.txt\n",
		"s/i.txt": "$schema: http://azureml/sdk-2-0/DataImport.json\ntype: mltable\nname: n\npath: azureml://datastores/x/paths/y\nsource: {type: database, query: q, connection: azureml:c}\n",
	}
	w := (&world{}).add(&asset.Asset{ID: id("connection/c"), Body: asset.NewMap()})
	if got := field(t, good(t, f, w), "schedule/s", "import_data.source.query"); got != "q" {
		t.Errorf("query %q", got)
	}
	bad(t, f.with(files{"s/i.txt": "name: n\npath: p\nsource: {type: database, query: q}\n"}), w, "s/i.txt:3:9: source.connection: is missing")
	bad(t, f, &world{}, `s/i.txt:5:48: import_data.source.connection: connection "c" is neither`)
}

// A monitor without signals watches what the deployment collects, of the tree
// or live.
func TestMonitorOfADeployment(t *testing.T) {
	tree := files{"s.yml": monitor(""), "end/blue.yml": strings.Replace(collecting, "OUT", "true", 1), "end/end.yml": endpointFile}
	want := good(t, tree, &world{})
	for path, text := range map[string]string{
		"data-drift-signal.production_data.input_data.path":                             "azureml:got:4",
		"data-drift-signal.production_data.data_window.lookback_window_size":            "P2D",
		"data-quality-signal.reference_data.data_window.lookback_window_size":           "P4D",
		"data-quality-signal.reference_data.data_window.lookback_window_offset":         "P2D",
		"prediction-drift-signal.production_data.input_data.path":                       "azureml:end-blue-model_outputs:1",
		"prediction-drift-signal.production_data.data_context":                          "model_outputs",
		"prediction-drift-signal.metric_thresholds.categorical.jensen_shannon_distance": "0.1",
	} {
		if got := field(t, want, "schedule/s", "create_monitor.monitoring_signals."+path); got != text {
			t.Errorf("%s: got %q, want %q", path, got, text)
		}
	}
	live := &world{}
	for _, a := range want.Set.All() {
		if a.ID.Kind != "schedule" {
			live.add(a)
		}
	}
	again := good(t, files{"s.yml": tree["s.yml"]}, live)
	if a, b := want.Set.Get(id("schedule/s")).Body, again.Set.Get(id("schedule/s")).Body; !a.Equal(b) {
		t.Errorf("of the tree %s\nlive        %s", a.Canonical(), b.Canonical())
	}
	const off = `s.yml:6:47: create_monitor: there are no signals, and the deployment does not collect what it gets and answers`
	bad(t, tree.with(files{"end/blue.yml": strings.Replace(collecting, "OUT", "false", 1)}), &world{}, off)
	bad(t, files{"s.yml": tree["s.yml"]}, &world{}, `s.yml:6:47: create_monitor.monitoring_target.endpoint_deployment_id: online-deployment "end/blue" is neither`)
	lost, problems := resolveAll(t, files{"s.yml": tree["s.yml"]}, &world{unknown: map[string]bool{"online-deployment/end/blue": true}})
	if len(problems) > 0 || lost.Unresolved[id("schedule/s")] == "" {
		t.Errorf("a deployment that cannot be read: %v, %v", problems, lost.Unresolved)
	}
}

// Signals get the data that they lack.
func TestSignalsOfADeployment(t *testing.T) {
	tree := files{"end/blue.yml": strings.Replace(collecting, "OUT", "false", 1), "end/end.yml": endpointFile}
	signals := func(text string) files {
		return tree.with(files{"s.yml": monitor("  monitoring_signals: {x: {" + text + "}}\n")})
	}
	w := (&world{}).add(&asset.Asset{ID: id("data/r:1"), Variant: "mltable", Body: asset.NewMap()})
	const reference = "reference_data: {input_data: {path: 'azureml:r:1', type: mltable}}"
	want := good(t, signals("type: data_drift, "+reference), w)
	if got := field(t, want, "schedule/s", "create_monitor.monitoring_signals.x.production_data.input_data.path"); got != "azureml:got:4" {
		t.Errorf("production data %s", got)
	}
	want = good(t, signals("type: feature_attribution_drift, metric_thresholds: {}, "+reference), w)
	if n := want.Set.Get(id("schedule/s")).Body.GetPath("create_monitor", "monitoring_signals", "x", "production_data").Len(); n != 2 {
		t.Errorf("%d sets of production data, want 2", n)
	}
	bad(t, signals("type: prediction_drift, metric_thresholds: {}"), w, "s.yml:6:47: create_monitor.monitoring_signals.x: the deployment does not collect model_outputs")
	bad(t, signals("type: generation_token_statistics"), w, "s.yml:6:47: create_monitor.monitoring_signals.x: the deployment does not collect app_traces")
}
