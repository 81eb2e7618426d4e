package tree

import (
	"strings"
	"testing"
	"testing/fstest"
)

// A file that asks for something to be done once is told with its place, and
// is no asset, whatever is wrong with it.
func TestActionsAreLeftAlone(t *testing.T) {
	fsys := fstest.MapFS{
		"import.yml":  {Data: []byte("# a comment\n$schema: http://azureml/sdk-2-0/DataImport.json\nname: a\npath: azureml://datastores/d/paths/x\nsource: {type: database, query: q, connection: azureml:c}\n")},
		"package.yml": {Data: []byte("target_environment: e\ninferencing_server: {type: azureml_online}\n")},
		"index.yml":   {Data: []byte("$schema: http://azureml/sdk-2-0/DataIndex.json\nname: a\nembedding: {model: x}\n")},
		"broken.yml":  {Data: []byte("$schema: http://azureml/sdk-2-0/DataImport.json\nname: [a\n")},
	}
	got, bad := Read(fsys, Options{})
	if len(got.Assets) > 0 || len(bad.Errors()) > 0 {
		t.Errorf("%d assets, problems %v", len(got.Assets), bad)
	}
	for _, f := range got.Files {
		if !f.Action || f.IsAsset() || f.Kind != "" || !strings.HasPrefix(f.Unmanaged, "action/") {
			t.Errorf("%s: %+v", f.Path, f)
		}
	}
	text := ""
	for _, p := range bad {
		text += p.String() + "\n"
	}
	for _, want := range []string{
		"import.yml:2:1: warning: this is a request that az ml data import makes once", "a schedule with import_data:",
		"package.yml:1:1: warning: this is a request that az ml model package makes once", "index.yml:1:1: warning: this is a request that az ml data index makes once",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	got, bad = Read(fsys, Options{Actions: true, Exclude: []string{"index.yml", "broken.yml"}})
	if len(got.Assets) != 2 || len(bad) > 0 {
		t.Errorf("%d assets, problems %v", len(got.Assets), bad)
	}
}
