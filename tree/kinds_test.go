package tree

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
)

const (
	endpointURL   = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\n"
	deploymentURL = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\n"
	jobURL        = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
	deployment    = deploymentURL + "name: blue\nmodel: azureml:m:1\nenvironment: azureml:e:1\ninstance_type: S\ninstance_count: 1\n"
	job           = jobURL + "command: echo hi\nenvironment: azureml:e:1\ncompute: azureml:c\n"
)

func TestEndpointsOfDeployments(t *testing.T) {
	ep := func(name string) string { return endpointURL + "name: " + name + "\nauth_mode: key\n" }
	for _, tc := range []struct {
		name  string
		files fstest.MapFS
		sets  []SetRule
		want  string
		bad   string
	}{
		{"beside", files("a/e.yml", ep("Epa"), "a/d.yml", deployment), nil, "online-deployment/epa/blue", ""},
		{"named", files("a/d.yml", deployment+"endpoint_name: Other\n", "a/e.yml", ep("epa")), nil, "online-deployment/other/blue", ""},
		{"canonical", files("online-endpoints/ep1/deployments/d.yml", deployment), nil, "online-deployment/ep1/blue", ""},
		{"canonical file", files("online-endpoints/x/endpoint.yml", ep("real"), "online-endpoints/x/deployments/d.yml", deployment), nil, "online-deployment/real/blue", ""},
		{"same file", files("x.yml", ep("epa")+"---\n"+deployment), nil, "online-deployment/epa/blue", ""},
		{"rule", files("d.yml", deployment), []SetRule{{Kind: "online-deployment", Set: asset.NewMap().Set("endpoint_name", asset.NewString("set"))}}, "online-deployment/set/blue", ""},
		{"none", files("d.yml", deployment), nil, "", "d.yml:1:1: endpoint_name is missing and cannot be told: no online-endpoint stands in the same folder (add endpoint_name: and the name of the endpoint, or a rule with set: to mlsync.yaml)"},
		{"two", files("d.yml", deployment, "e.yml", ep("ee1"), "f.yml", ep("ee2")), nil, "", "d.yml:1:1: endpoint_name is missing and cannot be told: the folder holds several: ee1, ee2 (add endpoint_name: and the name of the endpoint, or a rule with set: to mlsync.yaml)"},
	} {
		tr, bad := Read(tc.files, Options{Sets: tc.sets})
		got := ""
		for _, a := range tr.Assets {
			if a.ID.Kind == "online-deployment" {
				got = a.ID.String()
			}
		}
		if got != tc.want || bad.Error() != tc.bad {
			t.Errorf("%s: got %q, want %q\n%v", tc.name, got, tc.want, bad)
		}
	}
}

func TestNamesOfJobs(t *testing.T) {
	tr, bad := Read(files(
		"train.yml", job,
		"a/job.yml", job, "b/job.yml", job,
		"named.yml", job+"name: fixed\n",
		"shown.yml", job+"display_name: My run (v2)!\n",
		"c/x/same.yml", job, "d/x/same.yml", job,
	), Options{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	var got []string
	for _, a := range tr.Assets {
		got = append(got, a.ID.Name)
		if a.Auto != (a.ID.Name != "fixed") {
			t.Errorf("%s: auto is %v", a.ID, a.Auto)
		}
	}
	if want := "a-job b-job c-x-same d-x-same fixed My-run-v2 train"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

func TestNamesOfJobsThatClash(t *testing.T) {
	tr, bad := Read(files("a/job.yml", job, "a-job.yml", job, "b/job.yml", job, "c.yml", job+"name: b-job\n"), Options{})
	if got := ids(tr); len(bad) > 0 || got != "job/a-job job/a-job-2 job/b-job-2 job/b-job" {
		t.Error(got, bad)
	}
}

func TestPartsAreNoAssets(t *testing.T) {
	part := envURL + "image: x\n"
	fsys := files("a/d.yml", strings.Replace(deployment, "azureml:e:1", "file:../envs/e.yml", 1)+"endpoint_name: epa\n", "envs/e.yml", part)
	tr, bad := Read(fsys, Options{})
	if len(bad) > 0 || ids(tr) != "online-deployment/epa/blue" || tr.Files[1].Why != "a part of a/d.yml" {
		t.Error(ids(tr), bad)
	}
	if _, bad := Read(files("envs/e.yml", part), Options{}); len(bad) != 1 || bad[0].Code != "missing_field" {
		t.Error(bad)
	}
}

// A job that a schedule runs is not run by itself, unless it has a name.
func TestScheduledJobsAreParts(t *testing.T) {
	const head = "$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json\ntrigger: {type: cron, expression: x}\n"
	tr, bad := Read(files(
		"jobs/a.yml", job, "jobs/b.yml", job, "jobs/c.yml", job+"name: c\n", "jobs/d.yml", job,
		"s/a.yml", head+"name: sa\ncreate_job: ../jobs/a.yml\n",
		"s/b.yml", head+"name: sb\ncreate_job: {job: ../jobs/b.yml, tags: {x: y}}\n",
		"s/c.yml", head+"name: sc\ncreate_job: ../jobs/c.yml\n",
		"jobs/i.yml", "name: d\npath: azureml://datastores/x/paths/y\nsource: {type: database, query: q, connection: azureml:c}\n",
		"s/d.yml", head+"name: sd\nimport_data: ../jobs/i.yml\n",
	), Options{})
	if len(bad) > 0 || ids(tr) != "job/c job/d schedule/sa schedule/sb schedule/sc schedule/sd" || tr.Files[0].Why != "a part of s/a.yml" {
		t.Error(ids(tr), bad)
	}
}

func TestOverlaysOfOtherKinds(t *testing.T) {
	tr, bad := Read(files(
		"c.yml", "type: amlcompute\nname: cpu\nsize: small\nmax_instances: 2\n",
		"train.yml", job,
		"e/endpoint.yml", endpointURL+"name: epa\nauth_mode: key\n", "e/blue.yml", deployment,
		"over/computes/cpu.yml", "name: cpu\nsize: big\n",
		"over/job.yml", jobURL+"name: train\ncompute: azureml:gpu\n",
		"over/online-endpoints/epa/deployments/blue.yml", "name: blue\ninstance_count: ${{ var.count }}\n",
	), Options{Overlays: []string{"over"}, Vars: map[string]*asset.Value{"count": asset.NewInt(7)}})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	by := map[asset.Kind]*asset.Asset{}
	for _, a := range tr.Assets {
		by[a.ID.Kind] = a
	}
	if len(tr.Assets) != 4 || by["compute"].Body.Get("size").Str() != "big" || by["compute"].Body.Get("max_instances").Text() != "2" {
		t.Error(ids(tr), string(by["compute"].Body.Canonical()))
	}
	if j := by["job"]; j.ID.Name != "train" || !j.Auto || j.Body.Get("compute").Str() != "azureml:gpu" {
		t.Error(j.ID, j.Auto, string(j.Body.Canonical()))
	}
	if d := by["online-deployment"]; d.ID.Parent != "epa" || d.Body.Get("instance_count").Text() != "7" {
		t.Error(d.ID, string(d.Body.Canonical()))
	}
}

func TestOverlaysInTheirOrder(t *testing.T) {
	fsys := files("a.yml", envURL+"name: a\nimage: x\n", "one/a.yml", envURL+"name: a\nimage: y\ndescription: one\n", "two/a.yml", envURL+"name: a\nimage: z\n")
	for _, tc := range []struct{ overlays, want string }{{"one two", "z"}, {"two one", "y"}} {
		tr, bad := Read(fsys, Options{Overlays: strings.Fields(tc.overlays)})
		if len(bad) > 0 || tr.Assets[0].Body.Get("image").Str() != tc.want || tr.Assets[0].Body.Get("description").Str() != "one" {
			t.Errorf("%s: %v %s", tc.overlays, bad, tr.Assets[0].Body.Canonical())
		}
	}
}

func TestKindRuleNamesAKind(t *testing.T) {
	fsys := files("odd/x.yml", "name: x\nimage: y\nwhatever: 1\n")
	if tr, bad := Read(fsys, Options{}); len(tr.Assets) > 0 || len(bad) > 0 {
		t.Error(bad)
	}
	_, bad := Read(fsys, Options{KindRules: []KindRule{{Path: "odd", Kind: "environment"}}})
	if len(bad) != 1 || bad[0].Code != "unknown_field" {
		t.Error(bad)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	out, in := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(out, "x.yml"), []byte(envURL+"name: outside\nimage: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link.yml": filepath.Join(out, "x.yml"), "dir": out, "loop": in} {
		if err := os.Symlink(to, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	tr, bad := Read(os.DirFS(in), Options{})
	if len(tr.Files) > 0 || len(bad) > 0 {
		t.Error(len(tr.Files), bad)
	}
}

// Read(Write(a)) is a, for any texts in any place.
func TestReadOfWrite(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(nasty), rapid.String())
	doc := values()
	rapid.Check(t, func(t *rapid.T) {
		tags := asset.NewMap()
		for _, k := range rapid.SliceOfN(text, 0, 3).Draw(t, "keys") {
			tags.Set(k, asset.NewString(text.Draw(t, "tag")))
		}
		a := &asset.Asset{
			ID:   asset.ID{Kind: "environment", Name: rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}`).Draw(t, "name"), Version: rapid.StringMatching(`[a-zA-Z0-9._-]{1,10}`).Draw(t, "version")},
			Body: asset.NewMap().Set("description", asset.NewString(text.Draw(t, "description"))).Set("tags", tags).Set("image", asset.NewString(text.Draw(t, "image"))),
		}
		if conda := doc.Draw(t, "conda"); conda.Type() == asset.Map {
			a.Body.Set("conda_file", conda)
		}
		if a.ID.Version == "auto" || strings.Contains(string(a.Body.Canonical()), "var.") {
			return
		}
		tr, bad := Read(fstest.MapFS{Layout(a): &fstest.MapFile{Data: Write(a)}}, Options{})
		if strings.Contains(bad.Error(), "${{ secret") || strings.Contains(bad.Error(), "must be the whole value") {
			return
		}
		if len(bad) > 0 || len(tr.Assets) != 1 || tr.Assets[0].ID != a.ID || !tr.Assets[0].Body.Equal(a.Body) {
			t.Fatalf("%v\n%s", bad, Write(a))
		}
		if out, err := Update(Write(a), a); err != nil || string(out) != string(Write(a)) {
			t.Fatalf("Update: %v\n%s\n%s", err, Write(a), out)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range append(nasty, envFile, previewEnv, deployment, "a: &a [*a]\n", "<<: {a: 1}\n", "{{x}}: 1\n", "? a\n: b\n", "- - - a\n") {
		f.Add([]byte(s))
	}
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, bad := Parse(data, "f.yml", ParseOptions{})
		for _, p := range bad {
			if p.Pos.File == "" || p.Text == "" {
				t.Errorf("%+v", p)
			}
		}
		out, worse := Format(data, "f.yml")
		if len(worse) == 0 && len(bad) == 0 && !sameContent(data, out) {
			t.Errorf("Format changed %q to %q", data, out)
		}
		for _, d := range docs {
			if len(bad) > 0 || d.Type() != asset.Map {
				continue
			}
			back, bad := Parse(emit(d), "g.yml", ParseOptions{})
			if len(bad) > 0 || len(back) != 1 && d.Len() > 0 {
				t.Errorf("%q: %v\n%s", data, bad, emit(d))
			}
		}
	})
}

func FuzzReadTree(f *testing.F) {
	f.Add("a.yml", []byte(envFile), "over/b.yml", []byte("name: train\nimage: z\n"))
	f.Add("online-endpoints/e/deployments/d.yml", []byte(deployment), "x.yml", []byte(previewEnv))
	f.Fuzz(func(t *testing.T, p1 string, d1 []byte, p2 string, d2 []byte) {
		if !fs.ValidPath(p1) || !fs.ValidPath(p2) || p1 == "." || p2 == "." {
			return // no file system has them
		}
		m := fstest.MapFS{p1: &fstest.MapFile{Data: d1}, p2: &fstest.MapFile{Data: d2}}
		tr, _ := Read(m, Options{Overlays: []string{"over"}})
		for _, a := range tr.Assets {
			_ = Write(a)
			_, _ = Update(d1, a)
		}
		_, _ = Upgrade(d1, "f.yml")
	})
}

// seeds adds the files of the kinds and of the broken.
func seeds(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"../kind/testdata/runs/*.yml", "../cmd/mlsync/testdata/broken/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}
