package kind_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// What stays is taken out of every asset of the test data, and put back it is
// the same asset.
func TestStaysGoAndComeBack(t *testing.T) {
	got, _ := tree.Read(os.DirFS("testdata"), tree.Options{Manage: kind.OptIns(), Literals: true})
	count := 0
	for _, a := range got.Assets {
		v := kind.VariantOf(a)
		stays := kind.Stays(v, a.Body)
		cut := kind.WithoutStays(v, a.Body)
		if left := kind.Stays(v, cut); len(left) > 0 && !inList(left, a.Body) {
			t.Errorf("%s: %s is left", a.ID, strings.Join(left[0].Path, "."))
		}
		back := cut
		for _, s := range stays {
			count++
			next, ok := s.Put(back)
			back = next
			if !ok && a.Body.GetPath(s.Path...) != nil && cut.GetPath(s.Of()...) != nil {
				t.Errorf("%s: %s cannot be put back", a.ID, strings.Join(s.Path, "."))
			}
			if ok && !back.GetPath(s.Path...).Equal(s.Value) {
				t.Errorf("%s: %s is %s", a.ID, strings.Join(s.Path, "."), back.GetPath(s.Path...).Canonical())
			}
		}
	}
	if count < 50 {
		t.Errorf("the test data has only %d such fields", count)
	}
}

func inList(stays []kind.Stay, body *asset.Value) bool {
	return body.GetPath(stays[0].Path...) == nil
}

func TestStays(t *testing.T) {
	doc := "$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json\ntype: pipeline\nname: p\nversion: '1'\njobs:\n" +
		"  a: {type: command, component: azureml:c:1, compute: azureml:cpu, resources: {instance_count: 2, shm_size: 4g}}\n  b: {type: command, component: azureml:c:1, resources: {instance_count: 2}}\n"
	got, bad := tree.Read(fstest.MapFS{"p.yml": {Data: []byte(doc)}}, tree.Options{})
	if len(bad.Errors()) > 0 || len(got.Assets) != 1 {
		t.Fatal(bad)
	}
	a := got.Assets[0]
	v := kind.VariantOf(a)
	var paths []string
	for _, s := range kind.Stays(v, a.Body) {
		paths = append(paths, strings.Join(s.Path, ".")+" of "+strings.Join(s.Of(), "."))
	}
	want := "jobs.a.compute of jobs.a, jobs.a.resources.instance_count of jobs.a, jobs.b.resources.instance_count of jobs.b"
	if got := strings.Join(paths, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	cut := kind.WithoutStays(v, a.Body)
	if cut.GetPath("jobs", "a", "resources", "shm_size") == nil || cut.GetPath("jobs", "b").Has("resources") {
		t.Errorf("got %s", cut.Canonical())
	}
	// A step that is not there gets nothing; a map that is not there is made.
	cut.Get("jobs").Delete("a")
	for _, s := range kind.Stays(v, a.Body) {
		next, ok := s.Put(cut)
		if ok != (s.Of()[1] == "b") {
			t.Errorf("%v: %v", s.Path, ok)
		}
		cut = next
	}
	if n, _ := cut.GetPath("jobs", "b", "resources", "instance_count").Int64(); n != 2 || cut.Get("jobs").Has("a") {
		t.Errorf("got %s", cut.Canonical())
	}
}

func TestMadeBy(t *testing.T) {
	for uri, want := range map[string]string{
		"azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.train-1/model": "train-1",
		"azureml://jobs/train-2/outputs/artifacts/paths/model":                                                                             "train-2",
		"runs:/train-3/model": "train-3",
		"azureml://datastores/workspaceblobstore/paths/azureml/train-4/out/":   "train-4",
		"azureml://datastores/workspaceblobstore/paths/LocalUpload/0123/model": "",
		"https://example.org/paths/model":                                      "",
	} {
		if got := kind.MadeBy(&asset.Asset{Body: asset.NewMap().Set("path", asset.NewString(uri))}); got != want {
			t.Errorf("%s: got %q, want %q", uri, got, want)
		}
	}
	said := &asset.Asset{Body: asset.NewMap(), Raw: []byte(`{"properties":{"jobName":"train-5"}}`)}
	if got := kind.MadeBy(said); got != "train-5" {
		t.Errorf("got %q", got)
	}
}
