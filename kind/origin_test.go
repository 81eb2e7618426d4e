package kind_test

import (
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

func TestStampsAreTakenOff(t *testing.T) {
	rest, err := asset.ParseJSON([]byte(`{"properties":{"tags":{"team":"x","mlsync-release":"r1","mlsync-owner":"o"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	kind.Of("model").Stamp(rest, map[string]string{"owner": "o2", "release": "", "source": ""})
	if got, want := string(rest.Canonical()), `{"properties":{"tags":{"mlsync-owner":"o2","team":"x"}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	bare, err := asset.ParseJSON([]byte(`{"properties":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	kind.Of("model").Stamp(bare, map[string]string{"release": ""})
	if got := string(bare.Canonical()); got != `{"properties":{}}` {
		t.Errorf("got %s", got)
	}
}

func TestWhereAnAssetIsFrom(t *testing.T) {
	for path, want := range map[string]string{
		"azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.train-1/model": "train-1",
		"azureml://jobs/train-2/outputs/artifacts/paths/model":                               "train-2",
		"runs:/train-3/model": "train-3",
		"azureml://datastores/workspaceblobstore/paths/azureml/train-4/out/":  "train-4",
		"azureml://datastores/workspaceblobstore/paths/LocalUpload/abc/model": "",
	} {
		if got := kind.JobOf(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	job := &asset.Asset{ID: asset.ID{Kind: "job", Name: "x"}, Body: asset.NewMap(), Raw: []byte(`{"properties":{"properties":{"mlflow.source.git.commit":"c1"}}}`)}
	if got := kind.CommitOf(job); got != "c1" {
		t.Errorf("got %q", got)
	}
	job.Stamps = map[string]string{"commit": "c2"}
	if got := kind.CommitOf(job); got != "c2" {
		t.Errorf("got %q", got)
	}
}
