package kind_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

const (
	sparkSizes = "driver_cores: 1, driver_memory: 2g, executor_cores: 2, executor_memory: 2g"
	sparkHead  = "$schema: https://x/sparkJob.schema.json\ntype: spark\nentry: {file: a.py}\n"
	sparkDoc   = sparkHead + "resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\n"
	sparkFull  = sparkDoc + "conf: {" + sparkSizes + ", executor_instances: 2}\n"
)

// expectProblem reads a document in which something is wrong.
func expectProblem(t *testing.T, doc, want string) {
	t.Helper()
	_, bad := tryRead(t, readYAML(t, doc))
	if texts := bad.Errors().Error(); !strings.Contains(texts, want) {
		t.Errorf("%s\ngot  %q\nwant %q", doc, texts, want)
	}
	for _, p := range bad {
		if p.Pos == (problem.Pos{}) {
			t.Errorf("%s\nno place: %v", doc, p)
		}
	}
}

// TestSparkProblems: what the reference client refuses of a Spark job.
func TestSparkProblems(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{sparkHead + "compute: c\nresources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\nconf: {" + sparkSizes + ", executor_instances: 2}", "compute and resources exclude each other"},
		{sparkHead + "conf: {" + sparkSizes + ", executor_instances: 2}", "a Spark job needs resources or a compute"},
		{sparkHead + "compute: c", "conf: is missing"},
		{sparkHead + "compute: c\nresources: {}", "resources.instance_type: is missing"},
		{sparkDoc + "conf: {" + sparkSizes + "}", "conf: spark.executor.instances is missing"},
		{sparkDoc + "conf: {" + sparkSizes + ", executor_instances: 0}", "conf: spark.executor.instances is missing"},
		{sparkDoc + "conf: {" + sparkSizes + ", executor_instances: 2, dynamic_allocation_min_executors: 1}", "is for dynamic allocation only"},
		{sparkDoc + "conf: {" + sparkSizes + ", dynamic_allocation_enabled: true, dynamic_allocation_min_executors: 1}", "conf: spark.dynamicAllocation.maxExecutors is missing"},
		{sparkDoc + "conf: {" + sparkSizes + ", dynamic_allocation_enabled: true, dynamic_allocation_min_executors: 3, dynamic_allocation_max_executors: 2}", "minExecutors is out of range"},
		{sparkDoc + "conf: {" + sparkSizes + ", dynamic_allocation_enabled: true, dynamic_allocation_min_executors: '1', dynamic_allocation_max_executors: 2}", "want a number, not \"1\""},
		{sparkDoc + "conf: {" + sparkSizes + ", executor_instances: 4, dynamic_allocation_enabled: true, dynamic_allocation_min_executors: 1, dynamic_allocation_max_executors: 2}", "is not between"},
		{sparkDoc + "conf: {" + sparkSizes + ", executor_instances: 2, spark.x: }", "conf.spark.x: has no value"},
		{sparkDoc + "conf: 3", "conf: want a map"},
		{sparkDoc + "conf: {driver_cores: 0}", "conf: spark.driver.cores is missing"},
		{strings.Replace(sparkFull, "{file: a.py}", "{class_name: a.B}", 1), "entry: class_name: an entry by class is not supported"},
		{strings.Replace(sparkFull, "{file: a.py}", "{}", 1), "entry.file: is missing"},
		{strings.Replace(sparkFull, "standard_e4s_v3", "standard_d2", 1), "resources.instance_type: \"standard_d2\" is not a size"},
		{strings.Replace(sparkFull, "'3.4'", "v3", 1), "resources.runtime_version: \"v3\" is not a version"},
		{sparkFull + "inputs: {a: {path: p, mode: ro_mount}}", "inputs.a: Spark knows the mode direct only"},
		{sparkFull + "inputs: {a: {path: p}}", "inputs.a: Spark knows the mode direct only"},
		{sparkFull + "outputs: {a: {type: uri_file}}", "outputs.a: Spark knows the mode direct only"},
		{sparkFull + "args: ${{inputs.dta}}\ninputs: {data: 1}", "args: the job has no input \"dta\" (did you mean \"data\"?)"},
		{sparkFull + "jars: [a, a]", "jars: \"a\" stands here twice"},
		{sparkFull + "code: azureml:c:1", "code: a Spark job cannot take its code"},
		{sparkFull + "code: git+https://a.example/b", "code: a Spark job cannot take its code"},
		{sparkFull + "queue_settings: {job_tier: spot}", "unknown field \"queue_settings\""},
		{sparkFull + "limits: {timeout: 1}", "unknown field \"limits\""},
	} {
		expectProblem(t, tt.doc, tt.want)
	}
}

// TestSparkEnvironment: an inline environment without an image gets the one
// that the reference client gives it.
func TestSparkEnvironment(t *testing.T) {
	a := read(t, readYAML(t, sparkFull+"environment: {conda_file: {dependencies: [x]}}"))
	if got := a.Body.GetPath("environment", "image").Str(); got != "conda/miniconda3" {
		t.Errorf("image is %q", got)
	}
	a = read(t, readYAML(t, sparkFull+"environment: {image: i}"))
	if got := a.Body.GetPath("environment", "image").Str(); got != "i" {
		t.Errorf("image is %q", got)
	}
}

// TestSparkEntry: the entry file must be in the code folder, where that is
// local.
func TestSparkEntry(t *testing.T) {
	a := read(t, readYAML(t, sparkFull+"code: ./src"))
	for _, tt := range []struct {
		files []string
		local bool
		want  string
	}{
		{[]string{"a.py"}, true, ""},
		{[]string{"ab.py"}, true, `entry.file: "a.py" is not in the code folder (did you mean "ab.py"?)`},
		{nil, false, ""},
	} {
		var bad problem.List
		kind.VariantOf(a).Inspect(&kind.Inspection{
			Files:  func(path string) ([]string, bool) { return tt.files, tt.local && path == "code" },
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
