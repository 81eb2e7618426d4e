package acceptance_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

const scheduleSchema = "$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json\n"

// schedules fills the tree with schedules of all sorts, and what they use.
func (w *world) schedules() {
	w.t.Helper()
	w.write("env.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nversion: 1\nimage: img\n")
	w.write("cpu.yml", "type: amlcompute\nname: cpu\nsize: STANDARD_DS3_V2\n")
	w.write("jobs/first.yml", "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\nname: first\n"+
		"jobs: {a: {type: command, command: echo, environment: 'azureml:e:1', compute: azureml:cpu}}\n")
	w.write("jobs/nightly.yml", "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\ndisplay_name: nightly\n"+
		"inputs: {rate: 0.5}\nsettings: {default_compute: azureml:cpu}\n"+
		"jobs: {a: {type: command, command: 'python run.py ${{inputs.rate}}', code: ./src, environment: 'azureml:e:1', inputs: {rate: '${{parent.inputs.rate}}'}}}\n")
	w.write("jobs/src/run.py", "print()\n")
	w.write("schedules/again.yml", scheduleSchema+"name: again\ndisplay_name: Again\ntrigger: {type: recurrence, frequency: day, interval: 1, schedule: {hours: 4, minutes: [0, 30]}}\ncreate_job: azureml:first\n")
	w.write("schedules/nightly.yml", scheduleSchema+"name: nightly\ntrigger: {type: cron, expression: '0 4 * * *', start_time: '2026-07-10T10:00:00', time_zone: Pacific Standard Time}\n"+
		"create_job: ../jobs/nightly.yml\n")
	w.write("schedules/faster.yml", scheduleSchema+"name: faster\ntrigger: {type: cron, expression: '0 5 * * *'}\n"+
		"create_job: {type: pipeline, job: ../jobs/nightly.yml, inputs: {rate: 0.9}, tags: {speed: high}, settings: {continue_on_step_failure: true}}\n")
	w.write("scores/endpoint.yml", "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: scores\nauth_mode: key\n")
	w.write("scores/blue.yml", "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: scores\n"+
		"environment: azureml:e:1\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"+
		"data_collector: {collections: {model_inputs: {enabled: 'true'}, model_outputs: {enabled: 'true'}}}\n")
	w.write("schedules/watch.yml", scheduleSchema+"name: watch\ntrigger: {type: recurrence, frequency: week, interval: 1}\n"+
		"create_monitor:\n  compute: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\n  monitoring_target: {ml_task: classification, endpoint_deployment_id: 'azureml:scores:blue'}\n"+
		"  alert_notification: {emails: [a@example.com]}\n")
}

// Schedules are applied once; what they name is not run for that, and what
// the service fills in is no difference.
func TestSchedulesAreAppliedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.schedules()
	w.want(exitDone, "check")
	w.apply()
	if got := strings.Join(w.names("jobs"), " "); got != "first" {
		t.Errorf("jobs %s were run", got)
	}
	w.quiet(func() {
		w.settled()
		w.settled("--full")
		w.apply("--full")
		w.journal = filepath.Join(t.TempDir(), "another.db")
		w.settled("--full")
	})
	signals := w.dig("schedules/watch", "properties", "action", "monitorDefinition", "signals").(map[string]any)
	drift := signals["data-drift-signal"].(map[string]any)["referenceData"].(map[string]any)
	if len(signals) != 3 || drift["uri"] != workspaceID+"/data/scores-blue-model_inputs/versions/1" || drift["windowSize"] != "P14D" || drift["windowOffset"] != "P7D" {
		t.Errorf("signals %v", signals)
	}
	faster := w.dig("schedules/faster", "properties", "action", "jobDefinition").(map[string]any)
	if rate := faster["inputs"].(map[string]any)["rate"].(map[string]any)["value"]; rate != "0.9" || faster["displayName"] != "nightly" || faster["sourceJobId"] != nil {
		t.Errorf("definition %v", faster)
	}
}

// dig is a part of a live asset.
func (w *world) dig(path string, keys ...string) any {
	w.t.Helper()
	var v any = w.get(path)
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// A schedule is changed in place, with the job as it was given: what the
// service has made of that it does not take back. Whether the schedule is
// enabled stays as it is.
func TestScheduleIsChangedInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.schedules()
	w.apply()
	w.change("schedules/again", func(a map[string]any) { a["properties"].(map[string]any)["isEnabled"] = false })
	w.settled("--full")
	w.edit("schedules/again.yml", "interval: 1", "interval: 2")
	w.edit("jobs/nightly.yml", "rate: 0.5", "rate: 0.7")
	p, r := w.plan()
	for id, action := range map[string]string{"schedule/again": "update", "schedule/nightly": "update", "schedule/faster": "noop"} {
		if got := p.step(id).Action; got != action {
			t.Errorf("%s: %s, want %s: %s", id, got, action, r)
		}
	}
	w.apply()
	w.settled("--full")
	again := w.dig("schedules/again", "properties").(map[string]any)
	if again["isEnabled"] != false || w.dig("schedules/again", "properties", "trigger", "interval") != 2.0 || w.dig("schedules/again", "properties", "trigger", "startTime") == nil {
		t.Errorf("schedule %v", again)
	}
	if got := w.dig("schedules/nightly", "properties", "action", "jobDefinition", "inputs", "rate", "value"); got != "0.7" {
		t.Errorf("rate %v", got)
	}
}

// The display name is said at creation only: another one needs an approval,
// and the schedule is disabled before it is deleted and made anew.
func TestScheduleIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.schedules()
	w.apply()
	w.edit("schedules/again.yml", "display_name: Again", "display_name: Once more")
	w.quiet(func() { w.want(exitRefused, "apply") })
	from := len(w.writes())
	w.apply("--allow", "replace:schedule/again")
	w.settled("--full")
	if got := w.dig("schedules/again", "properties", "displayName"); got != "Once more" {
		t.Errorf("the display name is %v", got)
	}
	w.disabledFirst(from, "again")
}

// disabledFirst fails unless the schedule was disabled, and then deleted at
// the first try.
func (w *world) disabledFirst(from int, name string) {
	w.t.Helper()
	var methods []string
	for _, r := range w.writes()[from:] {
		if strings.HasSuffix(r.Path, "/schedules/"+name) {
			methods = append(methods, r.Method)
			if r.Status >= 300 {
				w.t.Errorf("%s %s: %d", r.Method, r.Path, r.Status)
			}
		}
	}
	if len(methods) < 2 || methods[0] != http.MethodPut || methods[1] != http.MethodDelete {
		w.t.Errorf("requests %v", methods)
	}
}

// What git no longer has is disabled and deleted, before what it uses.
func TestScheduleIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config("prune: {max: 100}")
	w.schedules()
	w.apply()
	from := len(w.writes())
	for _, name := range []string{"schedules/watch.yml", "schedules/again.yml", "scores"} {
		w.remove(name)
	}
	w.apply("--full")
	p, _ := w.plan("--full")
	if p.step("schedule/watch").Action != "delete" {
		t.Errorf("the plan is %+v", p)
	}
	w.apply("--full", "--allow", "delete:online-deployment/scores/blue", "--allow", "delete:online-endpoint/scores")
	w.settled("--full")
	for _, path := range []string{"schedules/watch", "schedules/again", "onlineEndpoints/scores"} {
		if w.get(path) != nil {
			t.Errorf("%s is still there", path)
		}
	}
	w.disabledFirst(from, "watch")
	w.disabledFirst(from, "again")
}

// What is exported means what is live.
func TestSchedulesRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.schedules()
	w.apply()
	if err := os.RemoveAll(filepath.Join(w.dir, "jobs")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"schedules", "scores", "env.yml", "cpu.yml"} {
		w.remove(name)
	}
	w.want(exitDone, "export")
	w.journal = filepath.Join(t.TempDir(), "another.db")
	w.settled("--full")
}
