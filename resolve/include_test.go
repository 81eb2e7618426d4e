package resolve_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/resolve"
)

const (
	pipelineFile = "$schema: https://x/pipelineJob.schema.json\ntype: pipeline\ncompute: azureml:cpu\njobs:\n"
	stepFile     = "$schema: https://x/commandComponent.schema.json\ntype: command\nname: step\ninputs: {data: {type: uri_folder, optional: true}}\noutputs: {out: {type: mltable}}\ncommand: run\ncode: ./src\nenvironment: azureml:e:1\n"
	innerFile    = "$schema: https://x/pipelineComponent.schema.json\ntype: pipeline\nname: inner\ninputs: {data: {type: uri_folder}}\noutputs: {res: {type: mltable}}\njobs:\n"
)

func lab() *world {
	w := &world{}
	return w.add(
		&asset.Asset{ID: asset.ID{Kind: "compute", Name: "cpu"}, Variant: "amlcompute", Body: asset.NewMap()},
		&asset.Asset{ID: asset.ID{Kind: "environment", Name: "e", Version: "1"}, Body: asset.NewMap()},
	)
}

// ofKind are the assets of a kind.
func ofKind(want *resolve.Want, kind string) []*asset.Asset {
	var out []*asset.Asset
	for _, a := range want.Set.All() {
		if string(a.ID.Kind) == kind {
			out = append(out, a)
		}
	}
	return out
}

// Paths are relative to the file that they stand in, and a component that is
// named twice is one asset.
func TestComponentFiles(t *testing.T) {
	f := files{
		"jobs/p.yml": pipelineFile +
			"  a: {component: ../lib/step.yml}\n" +
			"  b: {component: 'file:../lib/step.yml', inputs: {data: '${{parent.jobs.a.outputs.out}}'}}\n" +
			"  c: {type: pipeline, component: ../pipes/inner.yml, inputs: {data: {path: 'azureml://datastores/d/paths/x/'}}}\n" +
			"  d: {command: 'ls ${{inputs.x}}', environment: 'azureml:e:1', inputs: {x: '${{parent.jobs.c.outputs.res}}'}}\n",
		"lib/step.yml":    stepFile,
		"lib/src/main.py": "x",
		"pipes/inner.yml": innerFile + "  s: {component: ../lib/step.yml, inputs: {data: '${{parent.inputs.data}}'}, outputs: {out: '${{parent.outputs.res}}'}}\n",
	}
	want := good(t, f, lab())
	inline := 0
	for _, a := range ofKind(want, "component") {
		if a.Anonymous {
			inline++
		}
	}
	if inline != 3 {
		t.Errorf("%d components without a name, want those of step, inner and d", inline)
	}
	if got := len(ofKind(want, "code")); got != 1 {
		t.Errorf("%d code assets, want 1", got)
	}
	job := ofKind(want, "job")[0].Body
	if a, b := job.GetPath("jobs", "a", "component").Str(), job.GetPath("jobs", "b", "component").Str(); a == "" || a != b {
		t.Errorf("the step is %q and %q", a, b)
	}
	for _, a := range ofKind(want, "component") {
		if typ := a.Body.GetPath("inputs", "x", "type"); typ != nil && typ.Str() != "mltable" {
			t.Errorf("x is a %s, want the type of the output of the inner pipeline", typ.Str())
		}
	}
}

// A nested pipeline has its own files, and their problems have their places.
func TestComponentFileProblems(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    files
		want []string
	}{
		{"missing", files{"p.yml": pipelineFile + "  a: {component: lib/no.yml}\n"}, []string{"p.yml:5", `"lib/no.yml" does not exist`}},
		{"no map", files{"p.yml": pipelineFile + "  a: {component: a.txt}\n", "a.txt": "- 1\n"}, []string{"holds no component"}},
		{"itself", files{"p.yml": pipelineFile + "  a: {type: pipeline, component: q.yaml.in}\n", "q.yaml.in": innerFile + "  a: {type: pipeline, component: q.yaml.in}\n"}, []string{"includes itself"}},
		{"a circle", files{
			"p.yml": pipelineFile + "  a: {type: pipeline, component: q.in}\n",
			"q.in":  innerFile + "  a: {type: pipeline, component: r.in}\n",
			"r.in":  innerFile + "  a: {type: pipeline, component: q.in}\n",
		}, []string{"q.in", "includes itself"}},
		{"a bad field", files{"p.yml": pipelineFile + "  a: {component: lib/step.in}\n", "lib/step.in": strings.Replace(stepFile, "mltable", "table", 1)}, []string{"lib/step.in:5", `outputs.out.type: "table" is not a value`}},
		{"another type", files{"p.yml": pipelineFile + "  a: {type: spark, compute: 'azureml:cpu', component: lib/step.in}\n", "lib/step.in": stepFile}, []string{"lib/step.in:2", "a component of type command cannot stand here"}},
		{"a missing input", files{"p.yml": pipelineFile + "  a: {component: lib/step.in}\n", "lib/step.in": strings.Replace(stepFile, ", optional: true", "", 1), "lib/src/a.py": "x"}, []string{"p.yml:5", "jobs.a.inputs: data is required"}},
		{"code that is not there", files{"p.yml": pipelineFile + "  a: {component: lib/step.in}\n", "lib/step.in": stepFile}, []string{"lib/step.in:7", `"lib/src" does not exist`}},
		{"outside", files{"p.yml": pipelineFile + "  a: {component: ../../x.yml}\n"}, []string{"is outside of the repository"}},
	} {
		_, bad := resolveAll(t, tt.f, lab())
		text := bad.Error()
		for _, part := range tt.want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: got %q, want %q", tt.name, text, part)
			}
		}
	}
}

// What is put beside the code makes a folder of its own, with or without code.
func TestAdditionalIncludes(t *testing.T) {
	f := files{
		"c/with.yml":    strings.Replace(stepFile, "name: step", "name: with\nversion: 1", 1) + "additional_includes: [../more, ../one.txt]\n",
		"c/without.yml": strings.Replace(strings.Replace(stepFile, "name: step", "name: without\nversion: 1", 1), "code: ./src\n", "additional_includes: [../more]\n", 1),
		"c/src/main.py": "x", "more/a.txt": "a", "one.txt": "1",
	}
	want := good(t, f, lab())
	got := map[string]string{}
	for _, list := range want.Uploads {
		for _, u := range list {
			var names []string
			for _, file := range u.Content.Files {
				names = append(names, file.Rel)
			}
			got[strings.Join(names, " ")] = u.Content.Base
			if !u.Content.Merged {
				t.Errorf("%v is no folder of its own", names)
			}
		}
	}
	for _, names := range []string{"main.py more/a.txt one.txt", "more/a.txt"} {
		if got[names] != "code_with_additional_includes" {
			t.Errorf("no folder of %s: %v", names, got)
		}
	}
	for name, text := range map[string]string{
		"no.txt":  "does not exist",
		"main.py": "main.py",
	} {
		f := files{"c/with.yml": strings.Replace(stepFile, "name: step", "name: with\nversion: 1", 1) + "additional_includes: [../" + name + "]\n", "c/src/main.py": "x", "main.py": "y"}
		if _, bad := resolveAll(t, f, lab()); !strings.Contains(bad.Error(), text) {
			t.Errorf("%s: got %q, want %q", name, bad.Error(), text)
		}
	}
}
