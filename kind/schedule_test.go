package kind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// TestSchedulesComeBackWhole holds what is read to mean what was sent: the
// body of what was read back is the same, empty maps and lists aside.
func TestSchedulesComeBackWhole(t *testing.T) {
	for _, v := range []*Variant{monitorSchedule, importSchedule} {
		t.Run(v.Name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				doc := generator{rt}.document(v)
				var c Checker
				a := v.Read(&c, doc)
				if c.Problems.Err() != nil {
					return
				}
				sent := encoded(rt, a)
				live, err := schedule.FromREST(&Decoder{Scope: goldenScope}, goldenScope.ARM(a.ID), sent)
				if err != nil {
					rt.Fatal(err)
				}
				if again := encoded(rt, live); !full(again).Equal(full(sent)) {
					rt.Errorf("%s\nsent  %s\nagain %s", doc.Canonical(), sent.Canonical(), again.Canonical())
				}
			})
		})
	}
}

func encoded(t interface{ Fatal(...any) }, a *asset.Asset) *asset.Value {
	rest, err := ToREST(a, &Encoder{Scope: goldenScope})
	if err != nil {
		t.Fatal(err)
	}
	return rest
}

// full is v without nulls, empty maps and empty lists.
func full(v *asset.Value) *asset.Value {
	switch v.Type() {
	case asset.Map:
		out := asset.NewMap()
		for k, item := range v.Entries() {
			if got := full(item); !got.IsNull() && (got.IsScalar() || got.Len() > 0) {
				out.Set(k, got)
			}
		}
		return out
	case asset.List:
		out := asset.NewList()
		for _, item := range v.Items() {
			out.Append(full(item))
		}
		return out
	}
	return v
}

func TestMoments(t *testing.T) {
	for in, want := range map[string]string{
		"2022-07-10T10:00:00": "2022-07-10 10:00:00", "2022-07-10 10:00:00": "2022-07-10 10:00:00", "2022-07-10T10:00": "2022-07-10 10:00:00",
		"2022-07-10T10:00:00.5": "2022-07-10 10:00:00.500000", "2022-07-10T10:00:00.0000000": "2022-07-10 10:00:00",
		"2022-07-10T10:00:00Z": "2022-07-10 10:00:00+00:00", "2022-07-10T10:00:00+02:00": "2022-07-10 10:00:00+02:00", "2022-7-1 1:2:3-0330": "2022-07-01 01:02:03-03:30",
		"2022-07-10": "", "tomorrow": "", "2022-02-30T10:00:00": "", "2022-07-10T25:00:00": "", "${{x}}": "",
	} {
		if got, ok := normalMoment(in); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestPeriods: the texts are those that Python's isodate makes.
func TestPeriods(t *testing.T) {
	for in, want := range map[string]string{
		"P7D": "P7D", "P1W": "P7D", "PT24H": "P1D", "P1W2D": "P9D", "P1.5D": "P1DT12H", "PT90M": "PT1H30M", "PT36H": "P1DT12H", "PT0.5S": "PT0.5S", "PT61S": "PT1M1S",
		"P1M": "P1M", "P1Y2M": "P1Y2M", "P1Y2M3DT4H": "P1Y2M3DT4H", "P1,5Y": "P1.5Y", "P0.5M": "P0.5M", "P01Y": "P1Y", "P1Y0D": "P1Y",
		"P0D": "P0D", "PT0S": "P0D", "PT": "P0D", "-P1D": "-P1D", "+P1D": "P1D", "-P0D": "P0D", "-PT1H": "-PT1H",
		"P": "", "-P": "", "7": "", "7d": "", "p7d": "", "": "", "P2M1Y": "",
	} {
		if got, ok := normalPeriod(in); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestWindows: what a file leaves open depends on the trigger.
func TestWindows(t *testing.T) {
	for trigger, want := range map[string]windows{
		"{type: cron, expression: '0 0 * * *'}":               {"P7D", "P14D"},
		"{type: recurrence, frequency: minute, interval: 10}": {"P1D", "P2D"},
		"{type: recurrence, frequency: hour, interval: 5}":    {"P1D", "P2D"},
		"{type: recurrence, frequency: day, interval: 3}":     {"P3D", "P6D"},
		"{type: recurrence, frequency: week, interval: 2}":    {"P14D", "P28D"},
		"{type: recurrence, frequency: month, interval: 1}":   {"P30D", "P60D"},
	} {
		if got := windowsOf(ParseDocument(trigger)); got != want {
			t.Errorf("%s: got %v, want %v", trigger, got, want)
		}
	}
}

// TestScheduleRowsAreUsed fails for rows that no sample uses.
func TestScheduleRowsAreUsed(t *testing.T) {
	files, err := filepath.Glob("testdata/runs/schedule-*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	used := map[string]bool{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc := ParseDocument(string(data))
		v := PickVariant("schedule", doc)
		markRows(used, v.Name, Object{Fields: v.all}, doc)
		markRows(used, v.Name, Object{Fields: v.all}, v.Read(&Checker{}, doc).Body)
	}
	for _, v := range schedule.Variants {
		eachRow(v, func(path string, f *Field) {
			_, shared, _ := strings.Cut(v.Name+"."+path, ".")
			for _, other := range schedule.Variants {
				if fieldOf(schedule.Fields, strings.SplitN(path, ".", 2)[0]) != nil && used[other.Name+"."+shared] {
					return
				}
			}
			// A datastore is said of uploads only, days of reference data only.
			unwritten := strings.HasSuffix(path, ".datastore") || strings.Contains(path, "production_data.data_window.window_")
			if !f.ReadOnly && !used[v.Name+"."+path] && !unwritten {
				t.Errorf("no sample uses %s of %s", path, v.Name)
			}
		})
	}
}

func TestScheduleRefusals(t *testing.T) {
	const head = "name: s\ntrigger: {type: cron, expression: '0 * * * *'}\n"
	const monitor = head + "create_monitor:\n  compute: {instance_type: a, runtime_version: '3.4'}\n"
	const data = "production_data: {input_data: {path: 'azureml:p:1'}}, reference_data: {input_data: {path: 'azureml:r:1'}}"
	signal := func(text string) string { return monitor + "  monitoring_signals: {x: {" + text + "}}\n" }
	for _, c := range []struct{ text, want string }{
		{"name: s\ncreate_job: azureml:j\n", "trigger: is missing"},
		{head, "create_job: is missing"},
		{head + "create_job: azureml:j\nimport_data: ./x.yml\n", `unknown field "create_job"`},
		{head + "create_job: azureml:j\ncreate_monitor: {}\n", `unknown field "create_job"`},
		{head + "create_job: azureml:j\nproperties: {a: 1}\n", "properties.a: want a text, not a int"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: cron}\n", "trigger.expression: is missing"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {expression: x}\n", "trigger.type: is missing"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: cron, expression: x, interval: 1}\n", "trigger.interval: is for type recurrence only"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: recurrence, frequency: day}\n", "trigger.interval: is missing"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: recurrence, frequency: year, interval: 1}\n", `trigger.frequency: "year" is not a value`},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: recurrence, frequency: day, interval: 1, schedule: {minutes: 3}}\n", "trigger.schedule.hours: is missing"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: recurrence, frequency: week, interval: 1, schedule: {hours: 1, minutes: 3, week_days: mon}}\n", `trigger.schedule.week_days: "mon" is not a value`},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: cron, expression: x, start_time: 2022-07-10T10:00:00}\n", "trigger.start_time: want a date with a time as a text"},
		{"name: s\ncreate_job: azureml:j\ntrigger: {type: cron, expression: x, start_time: tomorrow}\n", `trigger.start_time: "tomorrow" is no date with a time`},
		{head + "create_job: file:./j.yml\n", "create_job: a file is named without file:"},
		{head + "create_job: /subscriptions/x\n", "create_job: a resource id begins with azureml:"},
		{head + "create_job: 5\n", "create_job: want a job"},
		{head + "create_job: {job: ./j.yml, jobs: {}}\n", `create_job: unknown field "jobs": it cannot be different from the job that is named`},
		{head + "create_job: {job: ./j.yml, type: command, command: x}\n", `create_job: unknown field "command"`},
		{head + "create_job: {job: ./j.yml, type: sweep}\n", `create_job: type: "sweep" is not a type of job here`},
		{head + "create_job: {job: azureml:j, tags: {a: b}}\n", "create_job: type is missing"},
		{head + "create_job: {type: magic}\n", `create_job: "magic" is no type of job`},
		{head + "import_data: {path: x, source: {type: database, connection: c}}\n", "import_data.name: is missing"},
		{head + "import_data: {name: n, path: x, source: {type: database, query: q}}\n", "import_data.source.connection: is missing"},
		{head + "import_data: {name: n, path: x, type: model, source: {connection: c}}\n", `import_data.type: "model" is not a value`},
		{head + "import_data: {name: n, path: x, source: {type: queue, connection: c}}\n", `import_data.source.type: "queue" is not a value`},
		{monitor, "create_monitor: there are no signals"},
		{head + "create_monitor: {monitoring_target: {endpoint_deployment_id: 'a:b'}}\n", "create_monitor.compute: is missing"},
		{head + "create_monitor: {compute: {instance_type: a, runtime_version: 3.4}}\n", "create_monitor.compute.runtime_version: want a text"},
		{head + "create_monitor: {compute: {instance_type: a, runtime_version: '3.3'}}\n", `create_monitor.compute.runtime_version: "3.3" is not a value`},
		{monitor + "  monitoring_target: {endpoint_deployment_id: 'azureml:e'}\n", "endpoint_deployment_id: \"azureml:e\" does not refer to an online-deployment: write azureml:online-endpoint:online-deployment"},
		{monitor + "  monitoring_target: {ml_task: question_answering, endpoint_deployment_id: 'a:b'}\n", `ml_task: "question_answering" is not a value`},
		{monitor + "  monitoring_target: {model_id: 'azureml:m'}\n", "model_id: \"azureml:m\" does not refer to a model: a version is missing"},
		{monitor + "  alert_notification: somebody\n", `alert_notification: "somebody" is not a value`},
		{signal("type: data_drift"), "monitoring_signals.x.production_data: is missing"},
		{signal("type: magic"), "monitoring_signals.x: want a signal, with its type"},
		{signal("type: prediction_drift, " + data), "monitoring_signals.x.metric_thresholds: is missing"},
		{signal("type: data_drift, model_type: x, " + data), `monitoring_signals.x: unknown field "model_type"`},
		{signal("type: data_drift, features: some, " + data), `monitoring_signals.x.features: "some" is not a value`},
		{signal("type: data_drift, metric_thresholds: {numerical: {pearsons_chi_squared_test: 1}}, " + data), `metric_thresholds.numerical: unknown field "pearsons_chi_squared_test"`},
		{signal("type: data_drift, production_data: {input_data: {path: 'azureml:p:1'}, data_window: {window_start: '2026-01-01'}}, reference_data: {input_data: {path: 'azureml:r:1'}}"), "data_window: window_start is for reference data only"},
		{signal("type: data_drift, production_data: {input_data: {path: 'azureml:p:1'}, data_window: {lookback_window_size: 7d}}, reference_data: {input_data: {path: 'azureml:r:1'}}"), `lookback_window_size: "7d" is no period`},
		{signal("type: data_drift, production_data: {input_data: {path: 'azureml:p:1'}, data_window: {lookback_window_offset: default}}, reference_data: {input_data: {path: 'azureml:r:1'}}"), "lookback_window_offset: default has no meaning here"},
		{signal("type: data_drift, production_data: {input_data: {path: 'azureml:p:1', type: custom_model}}, reference_data: {input_data: {path: 'azureml:r:1'}}"), `production_data.input_data.type: "custom_model" is not a value`},
		{signal("type: model_performance, metric_thresholds: {classification: {accuracy: 0}}, " + data), "metric_thresholds.classification: there is no metric"},
		{signal("type: model_performance, metric_thresholds: {regression: {mae: 1}}, " + data), `metric_thresholds: unknown field "regression"`},
		{signal("type: feature_attribution_drift, production_data: [{input_data: {path: 'azureml:p:1'}, data_column_names: {row: a}}], metric_thresholds: {}, reference_data: {input_data: {path: 'azureml:r:1'}}"), `data_column_names.row: "row" cannot be a name here`},
		{signal("type: generation_safety_quality, production_data: [], metric_thresholds: {fluency: {acceptable_fluency_score_per_instance: 3}}"), "aggregated_fluency_pass_rate is missing"},
		{signal("type: generation_token_statistics, production_data: {input_data: {path: 'azureml:p:1'}}, metric_thresholds: {totaltoken: {total_token_count: 3}}"), "total_token_count_per_group is missing"},
		{signal("type: generation_token_statistics, production_data: {input_data: {path: 'azureml:p:1'}, data_window: {lookback_window_size: default}}"), "lookback_window_size: default has no meaning here"},
		{signal("type: custom, component_id: 'azureml:c', input_data: {}, metric_thresholds: []"), "component_id: \"azureml:c\" does not refer to a component"},
		{signal("type: custom, component_id: 'azureml:c:1', metric_thresholds: []"), "monitoring_signals.x.input_data: is missing"},
		{signal("type: custom, component_id: 'azureml:c:1', input_data: {}, metric_thresholds: [{threshold: 1}]"), "metric_thresholds.0.metric_name: is missing"},
	} {
		doc := ParseDocument(c.text)
		var k Checker
		PickVariant("schedule", doc).Read(&k, doc)
		if got := k.Problems.Errors().Error(); !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot  %q\nwant %q", c.text, got, c.want)
		}
	}
}

// TestScheduleWarnings: what only the reference client refuses is refused
// where it is asked what that sends.
func TestScheduleWarnings(t *testing.T) {
	const command = "name: s\ntrigger: {type: cron, expression: x}\ncreate_job: {type: command, command: c, environment: 'azureml:e:1'}\n"
	for _, c := range []struct {
		text         string
		asClient     bool
		errs, warned int
	}{
		{command, false, 0, 1},
		{command, true, 2, 0},
		{"name: s\ntrigger: {type: cron, expression: x, time_zone: Europe/Berlin}\ncreate_job: azureml:j\n", false, 0, 1},
	} {
		k := Checker{AsClient: c.asClient}
		doc := ParseDocument(c.text)
		PickVariant("schedule", doc).Read(&k, doc)
		if errs, warned := len(k.Problems.Errors()), len(k.Problems.Warnings()); errs != c.errs || warned != c.warned {
			t.Errorf("%s: %v", c.text, k.Problems)
		}
	}
}

// TestEmbeddedMerges: what stands beside the path of a file is different from
// the file; in another folder its paths are those of the file.
func TestEmbeddedMerges(t *testing.T) {
	at := func(text, file string) *asset.Value { return moved(ParseDocument(text), problem.Pos{File: file}) }
	doc := at("{command: c, environment: 'azureml:e:1', compute: 'azureml:a', tags: {a: b, c: d}, inputs: {x: 1, y: {path: ./in, type: uri_file}}}", "jobs/j.yml")
	v := at("{job: ../jobs/j.yml, compute: 'azureml:b', tags: {c: x}, inputs: {y: {path: ./other}}}", "schedules/s.yml")
	var c Checker
	body := scheduledJob.Fill(&c, scheduledJob.Check(&c, v), doc)
	if err := c.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	y := body.GetPath("inputs", "y")
	if body.Get("compute").Str() != "azureml:b" || body.Get("tags").Len() != 2 || body.GetPath("tags", "c").Str() != "x" || body.GetPath("inputs", "x") == nil || y.Get("type").Str() != "uri_file" {
		t.Errorf("got %s", body.Canonical())
	}
	if path := y.Get("path"); path.Str() != "./other" || path.Pos().File != "jobs/j.yml" {
		t.Errorf("path %s of %v", path.Canonical(), path.Pos())
	}
}
