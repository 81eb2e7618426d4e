package promote

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
)

// sample is a release that uses every field of the form.
func sample() *Release {
	spec := asset.NewMap().Set("$schema", asset.NewString("https://azuremlschemas.azureedge.net/latest/model.schema.json")).
		Set("type", asset.NewString("custom_model")).Set("name", asset.NewString("fares")).Set("version", asset.NewString("4")).
		Set("path", asset.NewString("azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.train-1/model"))
	id := asset.ID{Kind: "model", Name: "fares", Version: "4"}
	return &Release{
		Name: "2025-06",
		Source: Source{
			Target: "dev", Subscription: "s", ResourceGroup: "rg", Workspace: "mlw-dev",
			Repo: "example.org/ml", Commit: strings.Repeat("a", 40), Run: "7",
		},
		Roots: []asset.ID{id},
		Assets: []Asset{{
			ID: id, Digest: strings.Repeat("1", 64), Spec: spec,
			Content: []Content{{Field: "path", Hash: strings.Repeat("2", 64), Listing: strings.Repeat("3", 64), Files: 2, Bytes: 1000, From: Place{Datastore: "workspaceartifactstore", Path: "ExperimentRun/dcid.train-1/model"}}},
			Origin: Origin{
				Job: "train-1", Data: []string{"data/rides:3"}, Uses: []string{"environment/train:2"}, Metrics: map[string]string{"rmse": "2.5", "auc": "0.9"},
				JobCommit: "abd", Commit: "abc", Release: "2025-05",
			},
		}},
		Needs: []Need{{ID: asset.ID{Kind: "datastore", Name: "lake"}, By: []asset.ID{id}}},
	}
}

func TestReleaseComesBack(t *testing.T) {
	r := sample()
	data := WriteRelease(r)
	got, bad := ReadRelease(data, FileOf(r.Name))
	if len(bad) > 0 {
		t.Fatal(bad.Error())
	}
	if again := WriteRelease(got); string(again) != string(data) {
		t.Errorf("got\n%s\nwant\n%s", again, data)
	}
	if !got.Same(r) || got.Fingerprint() != r.Fingerprint() {
		t.Error("it is not the same release")
	}
}

func TestReleaseIsReadStrictly(t *testing.T) {
	good := string(WriteRelease(sample()))
	for _, c := range []struct{ old, new, want string }{
		{"name: fares\n    version", "nmae: fares\n    version", `did you mean "name"?`},
		{"rmse: \"2.5\"", "rmse: \"2.4\"", "the file was changed after it was made"},
		{"kind: model", "kind: compute", "no kind that can be promoted"},
		{"files: 2", "files: -2", "want a whole number above 0"},
		{`name: "2025-06"`, `name: "2025-07"`, "the release 2025-07"},
		{"id: datastore/lake", "id: lake", "is not the id of an asset"},
		{"mlsync.release/1", "mlsync.release/2", "is not mlsync.release/1"},
		{"      version: \"4\"", "      version: \"5\"", "the spec is not that of model/fares:4"},
		{"  - model/fares:4\nassets", "  - model/fares:5\nassets", "model/fares:5 is not among the assets"},
		{"  commit: a", "  commit: g", "it is not the hash of a commit"},
		{"      path: azureml", "      pth: azureml", `unknown field "pth"`},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%q is not in\n%s", c.old, good)
			continue
		}
		r, bad := ReadRelease([]byte(text), FileOf("2025-06"))
		if r != nil || !strings.Contains(bad.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.new, bad, c.want)
		}
		for _, p := range bad {
			if p.Pos.Line == 0 {
				t.Errorf("%q: no place: %v", c.new, p)
			}
		}
	}
}

// A release that was made by hand must be closed, and no circle, as well.
func TestReleaseIsClosed(t *testing.T) {
	component := func(name, step string) Asset {
		spec := asset.NewMap().Set("$schema", asset.NewString("https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json")).
			Set("type", asset.NewString("pipeline")).Set("name", asset.NewString(name)).Set("version", asset.NewString("1")).
			Set("jobs", asset.NewMap().Set("s", asset.NewMap().Set("type", asset.NewString("pipeline")).Set("component", asset.NewString("azureml:"+step+":1"))))
		return Asset{ID: asset.ID{Kind: "component", Name: name, Version: "1"}, Digest: strings.Repeat("1", 64), Spec: spec}
	}
	r := sample()
	r.Roots, r.Needs = []asset.ID{{Kind: "component", Name: "a", Version: "1"}}, nil
	for want, assets := range map[string][]Asset{
		"component/a:1 refers to component/b:1, which the release does not hold": {component("a", "b")},
		"the assets refer to each other in a cycle":                              {component("a", "b"), component("b", "a")},
	} {
		r.Assets = assets
		if got, bad := ReadRelease(WriteRelease(r), FileOf(r.Name)); got != nil || !strings.Contains(bad.Error(), want) {
			t.Errorf("got %v, want %s", bad, want)
		}
	}
}

func TestReleaseNames(t *testing.T) {
	for name, good := range map[string]bool{
		"r1": true, "2025-06-01": true, "a.b_c": true, "A": true, "": false, ".hidden": false, "a/b": false, "..": false, "a.": false, "-x": false, strings.Repeat("a", 101): false, "a b": false,
	} {
		if (BadName(name) == "") != good {
			t.Errorf("%q: %s", name, BadName(name))
		}
	}
}

// Whatever a release holds, it is read as it was written.
func TestAnyReleaseComesBack(t *testing.T) {
	text := rapid.StringMatching(`[a-zA-Z0-9:@ #'"{}\n\\é-]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		r := sample()
		r.Source.Repo, r.Source.Target = text.Draw(t, "repo"), text.Draw(t, "target")
		r.Source.Run = text.Draw(t, "run")
		a := &r.Assets[0]
		a.Origin = Origin{Job: text.Draw(t, "job"), Data: rapid.SliceOfN(text, 0, 3).Draw(t, "data"), Uses: rapid.SliceOfN(text, 0, 3).Draw(t, "uses"), Metrics: rapid.MapOfN(text, text, 0, 3).Draw(t, "metrics")}
		a.Spec.Set("description", asset.NewString(text.Draw(t, "description")))
		got, bad := ReadRelease(WriteRelease(r), FileOf(r.Name))
		if len(bad) > 0 {
			t.Fatal(bad.Error())
		}
		if string(WriteRelease(got)) != string(WriteRelease(r)) {
			t.Fatalf("got\n%s\nwant\n%s", WriteRelease(got), WriteRelease(r))
		}
	})
}

// What a file says is read without a panic, and what is read is written as it
// was meant.
func FuzzReadRelease(f *testing.F) {
	f.Add(WriteRelease(sample()))
	f.Add([]byte("schema: mlsync.release/1\nname: x\nassets: [{kind: model, spec: {name: x}}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, bad := ReadRelease(data, "")
		if r == nil {
			if len(bad.Errors()) == 0 {
				t.Fatal("neither a release nor a problem")
			}
			return
		}
		again, bad := ReadRelease(WriteRelease(r), "")
		if again == nil || again.Fingerprint() != r.Fingerprint() {
			t.Fatalf("%s\n%v", data, bad)
		}
	})
}
