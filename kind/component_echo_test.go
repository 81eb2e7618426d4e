package kind_test

import (
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// hostile is the specification of a component as the service gives it back
// (recorded 2026-03): every scalar is a text, and what it takes for a default
// is filled in.
func hostile(v *asset.Value) *asset.Value {
	switch v.Type() {
	case asset.Map:
		out := asset.NewMap()
		for key, item := range v.Entries() {
			out.Set(key, hostile(item))
		}
		return out
	case asset.List:
		out := asset.NewList()
		for _, item := range v.Items() {
			out.Append(hostile(item))
		}
		return out
	case asset.Null:
		return v
	}
	return asset.NewString(v.Text())
}

// reordered are the inputs of a component, required ones first, each saying
// whether it is optional.
func reordered(inputs *asset.Value) *asset.Value {
	out := asset.NewMap()
	for _, optional := range []bool{false, true} {
		for name, item := range inputs.Entries() {
			if (item.Get("optional").Text() == "True") == optional {
				text := map[bool]string{false: "False", true: "True"}[optional]
				out.Set(name, item.Clone().Set("optional", asset.NewString(text)))
			}
		}
	}
	return out
}

// TestComponentEchoes: what the service makes of a component is no difference,
// for every sample.
func TestComponentEchoes(t *testing.T) {
	for _, file := range runFiles(t) {
		if !strings.HasPrefix(filepath.Base(file), "component-") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			want := read(t, readYAML(t, mustRead(t, file)))
			rest := toREST(t, want)
			props := rest.Get("properties")
			doc := hostile(props.Get("componentSpec"))
			if inputs := doc.Get("inputs"); inputs != nil {
				doc.Set("inputs", reordered(inputs))
			}
			if doc.Get("type").Str() == "command" && doc.Get("command").Str() != "import" && doc.Get("resources") == nil {
				doc.Set("resources", asset.NewMap().Set("instance_count", asset.NewString("1")))
			}
			if env := doc.Get("environment"); env.Str() == "azureml:AzureML-ray" {
				doc.Set("environment", asset.NewString("azureml://registries/azureml/environments/AzureML-ray/versions/4"))
			}
			props.Set("componentSpec", doc).Set("description", asset.NewNull()).Set("provisioningState", asset.NewString("Succeeded")).Set("autoDeleteSetting", asset.NewNull())
			rest.Set("name", asset.NewString(want.ID.Version))
			live := fromREST(t, want, rest)
			if live.Variant != want.Variant {
				t.Fatalf("taken for %q, want %q", live.Variant, want.Variant)
			}
			if !kind.Same(kind.VariantOf(want), want.Body, live.Body) {
				t.Errorf("want %s\nlive %s", want.Body.Canonical(), live.Body.Canonical())
			}
			if again := fromREST(t, live, toREST(t, live)); !again.Body.Equal(live.Body) {
				t.Errorf("live  %s\nagain %s", live.Body.Canonical(), again.Body.Canonical())
			}
		})
	}
}

// TestComponentDrift: what an echo must not hide.
func TestComponentDrift(t *testing.T) {
	want := read(t, readYAML(t, mustRead(t, "testdata/runs/component-command.yml")))
	for path, item := range map[string]*asset.Value{
		"command":                  asset.NewString("other"),
		"inputs.rate.default":      asset.NewString("2.0"),
		"inputs.more.optional":     asset.NewString("False"),
		"inputs.kind.enum":         asset.NewList(asset.NewString("a")),
		"outputs.model.type":       asset.NewString("custom_model"),
		"environment":              asset.NewString("azureml:" + scope.WorkspaceID() + "/environments/e/versions/3"),
		"distribution.type":        asset.NewString("mpi"),
		"resources.instance_count": asset.NewString("3"),
		"is_deterministic":         asset.NewString("True"),
		"display_name":             asset.NewString("Other"),
		"description":              asset.NewString("other"),
		"queue_settings.job_tier":  asset.NewString("premium"),
		"inputs.new":               asset.NewMap().Set("type", asset.NewString("string")),
		"resources.locations":      asset.NewList(asset.NewString("westus")),
		"code":                     asset.NewString("azureml:" + scope.WorkspaceID() + "/codes/d/versions/1"),
		"distribution.process_count_per_instance": asset.NewString("5"),
	} {
		rest := toREST(t, want)
		doc := hostile(rest.GetPath("properties", "componentSpec"))
		doc.SetPath(item, strings.Split(path, ".")...)
		rest.Get("properties").Set("componentSpec", doc)
		if kind.Same(kind.VariantOf(want), want.Body, fromREST(t, want, rest).Body) {
			t.Errorf("%s: %s is no difference", path, item.Canonical())
		}
	}
}
