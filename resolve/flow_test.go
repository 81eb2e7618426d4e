package resolve_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/resolve"
)

const (
	flowFile  = "$schema: https://azuremlschemas.azureedge.net/promptflow/latest/Flow.schema.json\nnodes: []\n"
	runFile   = "$schema: https://azuremlschemas.azureedge.net/promptflow/latest/Run.schema.json\n"
	flowTools = ".promptflow/flow.tools.json"
	flowStep  = pipelineFile + "  a: {type: parallel, component: "
	flowData  = ", inputs: {data: 'azureml://datastores/d/paths/x/'"
)

// flowOf is the one component that is made of a flow.
func flowOf(t *testing.T, want *resolve.Want) *asset.Asset {
	t.Helper()
	for _, a := range ofKind(want, "component") {
		if a.Variant == "promptflow_parallel" {
			return a
		}
	}
	t.Fatal("no component is made of a flow")
	return nil
}

// A run adds to what its flow says: its variables go before those of the flow,
// which may be any scalars there, and what is put beside the code is relative
// to the flow.
func TestRunOfFlow(t *testing.T) {
	for _, name := range []string{"../flows/ask-me", "../flows/ask-me/", "../flows/ask-me/flow.dag.yaml"} {
		f := files{
			"jobs/p.yml":                   flowStep + "../runs/r.in" + flowData + "}}\n",
			"runs/r.in":                    runFile + "flow: " + name + "\nvariant: v\nadditional_includes: [nowhere]\nenvironment_variables: {B: mine, C: c}\nazureml: {environment: 'azureml:e:1', is_deterministic: false}\n",
			"flows/ask-me/flow.dag.yaml":   flowFile + "name: NoName\nenvironment_variables: {A: true, B: 1.50, D: }\nadditional_includes: [../more]\n",
			"flows/ask-me/" + flowTools:    "{}",
			"flows/more/words.py":          "x",
			"flows/more/.promptflow/other": "x",
		}
		want := good(t, f, lab())
		a := flowOf(t, want)
		if got, text := a.Body.Get("environment_variables").Canonical(), `{"A":"True","B":"mine","C":"c"}`; string(got) != text {
			t.Errorf("%s: variables are %s, want %s", name, got, text)
		}
		for key, text := range map[string]string{"flow": "flow.dag.yaml", "component_name": "ask_me", "component_version": "1", "variant": "v"} {
			if got := a.Body.Get(key).Str(); got != text {
				t.Errorf("%s: %s is %q, want %q", name, key, got, text)
			}
		}
		code := ofKind(want, "code")
		if len(code) != 1 || a.Body.Get("code").Str() != "azureml:"+code[0].ID.Name+":1" {
			t.Fatalf("%s: the code is %s", name, a.Body.Get("code").Str())
		}
		var got []string
		for _, file := range want.Uploads[code[0].ID][0].Content.Files {
			got = append(got, file.Rel)
		}
		slices.Sort(got)
		if text := ".promptflow/flow.tools.json flow.dag.yaml more/.promptflow/other more/words.py"; strings.Join(got, " ") != text {
			t.Errorf("%s: the code is %s, want %s", name, got, text)
		}
	}
}

// A flow is a component of the ports that every flow has, and of those that
// the step gives it. A run without a flow is one in the folder of the flow.
func TestStepOfFlow(t *testing.T) {
	want := good(t, files{
		"p.yml": flowStep + "f/go.yaml" + flowData + ", question: 3, connections.a.b: c}, outputs: {debug_info: {mode: mount}, other: {mode: mount}}}\n" +
			"  b: {command: 'ls ${{inputs.x}}', environment: 'azureml:e:1', inputs: {x: '${{parent.jobs.a.outputs.flow_outputs}}'}}\n",
		"f/go.yaml":      runFile + "name: own\nversion: '7'\nadditional_includes: [nowhere]\n",
		"f/" + flowTools: "{}", "f/.amlignore": ".promptflow\n",
	}, lab())
	a := flowOf(t, want)
	if got := a.Body.Get("flow").Str() + " " + a.Body.Get("component_name").Str() + " " + a.Body.Get("component_version").Str(); got != "go.yaml own 7" {
		t.Errorf("the flow is %q", got)
	}
	step := ofKind(want, "job")[0].Body.GetPath("jobs", "a")
	inputs := slices.Sorted(slices.Values(step.Get("inputs").Keys()))
	if got := strings.Join(inputs, " "); got != "connections.a.b data question" {
		t.Errorf("inputs are %s", got)
	}
	if got := strings.Join(step.Get("outputs").Keys(), " "); got != "debug_info" {
		t.Errorf("outputs are %s", got)
	}
	if step.Has("mini_batch_size") {
		t.Error("the step has a size of mini batches, which nobody wrote")
	}
}

func TestFlowProblems(t *testing.T) {
	flow := files{"f/flow.dag.yaml": flowFile, "f/" + flowTools: "{}"}
	for _, tt := range []struct {
		name, step string
		f          files
		want       []string
	}{
		{"no tools", "f/flow.dag.yaml" + flowData + "}}", files{"f/" + flowTools: ""}, []string{"f/flow.dag.yaml:1", "has no .promptflow/flow.tools.json"}},
		{"tools that are not merged", "f/flow.dag.yaml" + flowData + "}}", files{"f/flow.dag.yaml": flowFile + "additional_includes: [../x]\n", "f/.amlignore": ".promptflow\n", "x": "x"}, []string{"has no .promptflow/flow.tools.json"}},
		{"no data", "f/flow.dag.yaml, inputs: {a: b}}", nil, []string{"p.yml:5", "data is required"}},
		{"connections", "f/flow.dag.yaml" + flowData + ", connections.a: b}}", nil, []string{"connections.a: an input of connections says the node"}},
		{"a folder that is not there", "r.in" + flowData + "}}", files{"r.in": runFile + "flow: g\n"}, []string{"r.in:2", `"g/flow.dag.yaml" does not exist`}},
		{"a bad name", "f/flow.dag.yaml" + flowData + "}}", files{"f/flow.dag.yaml": flowFile + "name: My-Flow\n"}, []string{"f/flow.dag.yaml:3", `"My-Flow" cannot be the name`}},
		{"a number", "f/flow.dag.yaml" + flowData + "}}", files{"f/flow.dag.yaml": flowFile + "version: 3\n"}, []string{"f/flow.dag.yaml:3", "version: want a text"}},
		{"another type", "f/flow.dag.yaml" + flowData + "}}", files{"f/flow.dag.yaml": flowFile + "type: chat\n"}, []string{"f/flow.dag.yaml:3", "a flow is no component of type chat"}},
		{"an unknown setting", "f/flow.dag.yaml" + flowData + "}}", files{"f/flow.dag.yaml": flowFile + "azureml: {compute: x}\n"}, []string{"f/flow.dag.yaml:3", `azureml: unknown field "compute"`}},
		{"variables of the flow", "r.in" + flowData + "}}", files{"r.in": runFile + "flow: f\n", "f/flow.dag.yaml": flowFile + "environment_variables: x\n"}, []string{"environment_variables: want a map"}},
		{"an address", "r.in" + flowData + "}}", files{"r.in": runFile + "flow: https://x.example/f\n"}, []string{"r.in:2", "flow: want a path"}},
	} {
		f := maps.Clone(flow)
		maps.Copy(f, tt.f)
		if f["f/"+flowTools] == "" {
			delete(f, "f/"+flowTools)
		}
		f["p.yml"] = flowStep + tt.step + "\n"
		_, bad := resolveAll(t, f, lab())
		for _, part := range tt.want {
			if !strings.Contains(bad.Error(), part) {
				t.Errorf("%s: got %q, want %q", tt.name, bad.Error(), part)
			}
		}
	}
	flow["p.yml"] = pipelineFile + "  a: {type: command, component: f/flow.dag.yaml}\n"
	if _, bad := resolveAll(t, flow, lab()); !strings.Contains(bad.Error(), "a prompt flow is a component of parallel steps") {
		t.Errorf("a command step: got %q", bad.Error())
	}
}
