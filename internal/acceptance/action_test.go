package acceptance_test

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// A request that is made once is no state: check explains it, and nothing of
// it is planned, applied or in the way of the rest.
func TestActionIsExplainedAndLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.write("imports/sales.yml", "$schema: http://azureml/sdk-2-0/DataImport.json\nname: sales\ntype: mltable\npath: azureml://datastores/workspaceblobstore/paths/sales\n"+
		"source: {type: database, query: select 1, connection: azureml:warehouse}\n")
	r := w.want(exitDone, "check", "-v")
	for _, want := range []string{"imports/sales.yml:1:1: warning:", "az ml data import", "import_data:", "action/data-import, which mlsync leaves alone"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q: %s", want, r)
		}
	}
	w.apply()
	if p, r := w.plan(); len(p.Steps) != 1 || p.step("data/a:1").Action != "noop" {
		t.Errorf("the plan has more: %s", r)
	}
	w.settled()
	for _, req := range w.writes() {
		if !strings.Contains(req.Path, "/data/") {
			t.Errorf("written: %s %s", req.Method, req.Path)
		}
	}
}
