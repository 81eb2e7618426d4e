package kind

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// stepSamples are the samples of components and pipelines, by file.
func stepSamples(t *testing.T) map[string]*asset.Value {
	return samples(t, "component-*.yml", "job-pipeline*.yml")
}

func samples(t *testing.T, patterns ...string) map[string]*asset.Value {
	t.Helper()
	out := map[string]*asset.Value{}
	for _, pattern := range patterns {
		files, err := filepath.Glob("testdata/runs/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no samples %s: %v", pattern, err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(f)] = ParseDocument(string(data))
		}
	}
	return out
}

// TestEveryRowOfStepsIsUsed fails for rows of components and pipelines that no
// sample uses. Components of all types share their rows, steps share those of
// components, and those of automated machine learning those of its jobs.
func TestEveryRowOfStepsIsUsed(t *testing.T) {
	used := map[string]bool{}
	for name, doc := range samples(t, "component-*.yml", "job-pipeline*.yml", "job-automl-*.yml") {
		v := Identify(doc, "").Variant
		if v == nil {
			t.Fatalf("%s is not recognised", name)
		}
		var c Checker
		a := v.Read(&c, doc)
		if err := c.Problems.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		markRows(used, "", Object{Fields: v.all}, a.Body)
	}
	for path := range used {
		used[shortPath(path)] = true
	}
	for _, v := range append(slices.Clone(component.Variants), pipelineJob) {
		eachRow(v, func(path string, f *Field) {
			if short := shortPath(path); f.REST != "" && !f.ReadOnly && !used[short] && !laterWritten[short] {
				t.Errorf("%s: no sample uses %s", v.FullName(), path)
			}
		})
	}
}

// shortPath is the path of a row without the place that it stands in: rows
// that are shared have one.
func shortPath(path string) string {
	return strings.NewReplacer("jobs.", "", "sink.", "", "source.", "", "inputs.", "").Replace(path)
}

// laterWritten rows are written by one that makes the asset, or cannot be sent
// by the reference client.
var laterWritten = map[string]bool{"source_job_id": true, "identity.msi_resource_id": true, "path_on_compute": true, "component_name": true, "component_version": true}

// TestSchemasTakeSteps: what Check takes, an editor must not mark.
func TestSchemasTakeSteps(t *testing.T) {
	for name, doc := range stepSamples(t) {
		v := Identify(doc, "").Variant
		if err := validate(compileSchema(t, v.table), doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const (
	commandHead  = "$schema: https://x/commandComponent.schema.json\ntype: command\nname: c\nversion: 1\n"
	commandRest  = commandHead + "command: c\nenvironment: azureml:e:1\n"
	parallelHead = "$schema: https://x/parallelComponent.schema.json\ntype: parallel\nname: p\nversion: 1\n"
	pipelineHead = "$schema: https://x/pipelineJob.schema.json\ntype: pipeline\n"
)

// TestStepProblems: what is wrong with a component or a step is said, with the
// field that it is wrong in.
func TestStepProblems(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{commandRest + "inputs:\n", "inputs: has no value"},
		{commandRest + "inputs: {x: }\n", "inputs.x: has no value"},
		{commandRest + "inputs: {x: {type: String}}\n", `inputs.x.type: "String" is not a value`},
		{commandRest + "inputs: {x: {type: uri_folder, mode: MOUNT}}\n", `inputs.x.mode: "MOUNT" is not a value`},
		{commandRest + "inputs: {x: {type: integer, default: abc}}\n", `inputs.x.default: "abc" is no integer`},
		{commandRest + "inputs: {x: {type: string, min: 1}}\n", "inputs.x.min: it is for numbers"},
		{commandRest + "inputs: {x: {type: number, min: true}}\n", "inputs.x.min: want a number"},
		{commandRest + "inputs: {a: {type: string}, A: {type: string}}\n", "differ by case only"},
		{commandRest + "inputs: {a: {type: string}, a.b: {type: string}}\n", `"a" is an input and a group`},
		{commandRest + "inputs: {1a: {type: string}}\n", `inputs.1a: "1a" cannot be a name`},
		{commandRest + "outputs: {x: {type: uri_file, optional: true}}\n", `outputs.x: unknown field "optional"`},
		{commandRest + "code: https://github.com/a/b\n", "code: \"https://github.com/a/b\" is no code"},
		{commandRest + "code: git+https://github.com/a/b\n", "is no code that a component can have"},
		{commandRest + "tags: {a: 1}\n", "tags.a: want a text"},
		{strings.Replace(commandRest, "type: command", "type: Command", 1), "is not a type of component"},
		{strings.Replace(commandRest, "command: c", "command: c ${{inputs.x}}", 1), "command: the component has no inputs.x"},
		{strings.Replace(commandRest, "command: c", "command: c ${{search_space.x}}", 1), "command: the component has no search_space.x"},
		{strings.Replace(commandRest, "azureml:e:1", "azureml:e", 1), "environment: \"azureml:e\" does not refer"},
		{parallelHead + "logging_level: info\n", `logging_level: "info" is not a value`},
		{parallelHead + "mini_batch_size: 10\n", "\"10\" is no size of a mini batch"},
		{parallelHead + "mini_batch_size: 10 kb\n", `mini_batch_size: "10 kb" is no size`},
		{"type: data_transfer\nname: d\nversion: 1\ntask: copy_data\ninputs: {a: {type: uri_file}}\noutputs: {o: {type: uri_folder}}\n", "the input is a uri_file and the output a uri_folder"},
		{"type: data_transfer\nname: d\nversion: 1\ntask: copy_data\ninputs: {a: {type: uri_file}}\n", "there are 0 outputs"},
		{"type: data_transfer\nname: d\nversion: 1\ntask: import_data\nsource: {type: database}\ninputs: {a: {type: uri_file}}\n", "import_data has no inputs"},
		{pipelineHead + "jobs: {s: {component: 'azureml:c:1'}}\n", "jobs.s: the step has no compute"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {component: 'azureml:c'}}\n", "a version is missing"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {type: sweep, trial: 'azureml://registries/r/components/c/versions/1', search_space: {a: {type: randint, upper: 2}}, objective: {goal: minimize, primary_metric: m}, limits: {max_total_trials: 1}}}\n", "is of a registry"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {component: 'azureml:c:1', inputs: {x: }}}\n", "jobs.s.inputs.x: has no value"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {component: 'azureml:c:1', inputs: {x: '${{inputs.y}}'}}}\n", "was the form of the first releases"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {component: 'azureml:c:1', outputs: {x: abc}}}\n", `"abc" is no binding`},
		{pipelineHead + "compute: azureml:x\njobs: {s: {type: spark, component: 'azureml:c:1'}}\n", "a Spark step names its compute itself"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {command: c, environment: 'azureml:e:1', own: 1}}\n", `jobs.s: unknown field "own"`},
		{pipelineHead + "compute: azureml:x\njobs: {s: {command: 'c ${{inputs.x}}', environment: 'azureml:e:1'}}\n", "the component has no inputs.x"},
		{pipelineHead + "compute: azureml:x\njobs: {s: {command: c, environment: 'azureml:e:1', inputs: {x: '${{parent.inputs.x}}'}}}\n", `the pipeline has no "x" to bind to`},
		{pipelineHead + "compute: azureml:x\njobs: {s: {command: c, environment: 'azureml:e:1', inputs: {x: '${{parent.jobs.t.outputs.x}}'}}}\n", `the pipeline has no step "t"`},
		{pipelineHead + "compute: azureml:x\njobs: {s: {command: c, environment: 'azureml:e:1', inputs: {x: '${{parent.jobs.s.inputs.x}}'}}}\n", "s.inputs.x is bound to itself"},
		{pipelineHead + "compute: azureml:x\nqueue_settings: {job_tier: spot}\njobs: {s: {component: 'azureml:c:1'}}\n", `unknown field "queue_settings"`},
		{pipelineHead + "compute: azureml:x\noutputs: {o: {version: 1}}\njobs: {s: {component: 'azureml:c:1'}}\n", "outputs.o: a version needs a name"},
		{pipelineHead + "compute: azureml:x\njobs: {A: {component: 'azureml:c:1'}}\n", `"A" cannot be a name here`},
	} {
		doc := ParseDocument(tt.doc)
		v := Identify(doc, "").Variant
		if v == nil {
			t.Fatalf("%s is not recognised", tt.doc)
		}
		var c Checker
		a := v.Read(&c, doc)
		if len(c.Problems.Errors()) == 0 && v.Whole != nil {
			v.Whole(&c, a.Body)
		}
		got := ""
		for _, p := range c.Problems.Errors() {
			got += p.String() + "\n"
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s\ngot  %q\nwant %q", tt.doc, got, tt.want)
		}
	}
}

// TestParameterTexts: the value of a parameter is the text that its type makes
// of it, as Python does.
func TestParameterTexts(t *testing.T) {
	for _, tt := range []struct{ typ, written, want string }{
		{"number", "1", "1.0"},
		{"number", "'1e3'", "1000.0"},
		{"number", "1.0e+20", "1e+20"},
		{"number", "yes", "1.0"},
		{"integer", "2.9", "2"},
		{"integer", "'1_000'", "1000"},
		{"integer", "12345678901234567890", "12345678901234567168"},
		{"integer", "true", "True"},
		{"boolean", "no", "False"},
		{"boolean", "'TRUE'", "True"},
		{"string", "3", "3.0"},
		{"string", "'3'", "3"},
		{"string", "010", "8.0"},
		{"string", "true", "True"},
	} {
		var c Checker
		got := parameterInput.Check(&c, ParseDocument("type: "+tt.typ+"\ndefault: "+tt.written+"\n"))
		if err := c.Problems.Err(); err != nil || got.Get("default").Str() != tt.want {
			t.Errorf("%s %s is %q, want %q: %v", tt.typ, tt.written, got.Get("default").Text(), tt.want, err)
		}
	}
}

// TestInlineSteps: a step that holds what runs becomes one with a component,
// whose ports are of the types of what is given.
func TestInlineSteps(t *testing.T) {
	doc := ParseDocument(pipelineHead + `
compute: azureml:x
inputs: {folder: {path: 'azureml:d:1', mode: ro_mount}, n: 3, flag: true, word: abc}
outputs: {model: {type: mlflow_model, mode: upload}}
jobs:
  a:
    command: echo ${{inputs.f}} ${{inputs.n}} ${{inputs.b}} ${{inputs.w}} ${{inputs.own}}
    environment: azureml:e:1
    description: first
    inputs: {f: '${{parent.inputs.folder}}', n: '${{parent.inputs.n}}', b: '${{parent.inputs.flag}}', w: '${{parent.inputs.word}}', own: 1.5}
    outputs: {model: '${{parent.outputs.model}}', rest: , log: {type: uri_file}}
  b:
    command: cat ${{inputs.log}}
    environment: azureml:e:1
    inputs: {log: '${{parent.jobs.a.outputs.log}}'}
`)
	v := Identify(doc, "").Variant
	var c Checker
	a := v.Read(&c, doc)
	v.Whole(&c, a.Body)
	if err := c.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	want := `{"command":"echo ${{inputs.f}} ${{inputs.n}} ${{inputs.b}} ${{inputs.w}} ${{inputs.own}}","description":"first","environment":"azureml:e:1",` +
		`"inputs":{"b":{"type":"boolean"},"f":{"mode":"ro_mount","type":"uri_folder"},"n":{"type":"integer"},"own":{"default":"1.5","type":"number"},"w":{"type":"string"}},` +
		`"outputs":{"log":{"type":"uri_file"},"model":{"mode":"upload","type":"mlflow_model"},"rest":{"type":"uri_folder"}}}`
	if got := string(a.Body.GetPath("jobs", "a", "component").Canonical()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := a.Body.GetPath("jobs", "b", "component", "inputs", "log", "type").Str(); got != "uri_file" {
		t.Errorf("log is a %q, want uri_file", got)
	}
	if got := a.Body.GetPath("inputs", "n").Str(); got != "3" {
		t.Errorf("n is %q, want the text 3", got)
	}
}

// What is no step says which steps there are.
func TestUnknownTypeOfStep(t *testing.T) {
	for typ, cure := range map[string]string{"import": "one of command, sweep, ", "comand": `did you mean "command"?`} {
		var c Checker
		pipelineJob.Read(&c, ParseDocument("type: pipeline\nsettings: {default_compute: serverless}\njobs: {a: {type: "+typ+", command: c}}\n"))
		if err := c.Problems.Err(); err == nil || !strings.Contains(err.Error(), `jobs.a.type: "`+typ+`" is no type of a step of a pipeline`) || !strings.Contains(err.Error(), cure) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
