package acceptance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

func dataFile(name string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: " + name + "\nversion: \"1\"\ntype: uri_file\npath: https://x.blob.core.windows.net/c/" + name + "\n"
}

// archivedData reports whether the data version is archived; false if it is
// not there.
func (w *world) archivedData(name string) bool {
	w.t.Helper()
	a := w.get("data/" + name + "/versions/1")
	if a == nil {
		return false
	}
	archived, _ := a["properties"].(map[string]any)["isArchived"].(bool)
	return archived
}

// What git no longer has goes after two complete looks at the tree, and only
// if it is ours: what others made stays, also under a name that git had.
func TestPruneTakesTwoLooksAndOnlyWhatIsOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	for _, name := range []string{"a", "b", "c"} {
		w.write("data/"+name+".yml", dataFile(name))
	}
	w.apply()
	w.put("data/foreign/versions/1", map[string]any{"properties": map[string]any{"dataType": "uri_file", "dataUri": "https://x.blob.core.windows.net/c/f"}})
	w.put("environments/a/versions/1", map[string]any{"properties": map[string]any{"image": "img"}})
	// Somebody took b over: its stamp says so.
	w.change("data/b/versions/1", func(a map[string]any) {
		a["properties"].(map[string]any)["tags"].(map[string]any)["mlsync-owner"] = "somebody#else"
	})
	w.remove("data/a.yml")
	w.remove("data/b.yml")

	w.quiet(func() { w.apply("--full") }) // the first look
	if w.archivedData("a") {
		t.Fatal("removed after one look")
	}
	w.apply("--full")
	if !w.archivedData("a") {
		t.Error("not archived after two looks")
	}
	for _, name := range []string{"b", "c", "foreign"} {
		if w.archivedData(name) || w.get("data/"+name+"/versions/1") == nil {
			t.Errorf("%s was removed", name)
		}
	}
	if w.get("environments/a/versions/1") == nil {
		t.Error("another kind of the same name was removed")
	}
	w.quiet(func() { w.apply("--full") })
	w.settled("--full")
	if out := w.want(exitDone, "history", "data/a:1").out; !strings.Contains(out, "archive") {
		t.Errorf("the history does not tell of the removal: %s", out)
	}
	// It comes back when git wants it again.
	w.write("data/a.yml", dataFile("a"))
	w.apply("--full")
	if w.archivedData("a") {
		t.Error("it is wanted again and still archived")
	}
	w.settled("--full")
}

// A removal that is taken back before the second look is none.
func TestPruneForgetsTheFirstLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.apply()
	w.quiet(func() {
		for range 3 {
			w.remove("data/a.yml")
			w.apply()
			w.write("data/a.yml", dataFile("a"))
			w.apply()
		}
	})
	if w.archivedData("a") {
		t.Error("removed")
	}
}

// A tree that cannot be read completely removes nothing, and counts as no look.
func TestPruneNeedsAWholeTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.write("data/b.yml", dataFile("b"))
	w.apply()
	w.remove("data/a.yml")
	w.write("data/b.yml", "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: b\nversoin: 1\n")
	w.quiet(func() {
		for range 3 {
			w.want(exitProblems, "apply")
		}
	})
	w.write("data/b.yml", dataFile("b"))
	w.quiet(func() { w.apply() })
	w.apply()
	if !w.archivedData("a") {
		t.Error("not removed once the tree was whole")
	}
}

// More removals than the guard allows, and removals of costly kinds, need an
// approval that the refusal names; the refusal has an exit code of its own.
func TestGuardRefusesAndApprovalAllows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config("prune: {max: 2, percent: 1}")
	for _, name := range []string{"a", "b", "c", "d"} {
		w.write("data/"+name+".yml", dataFile(name))
	}
	w.write("store.yml", "name: store\ntype: azure_blob\naccount_name: a\ncontainer_name: c\n")
	w.apply()
	for _, name := range []string{"a", "b", "c"} {
		w.remove("data/" + name + ".yml")
	}
	w.apply()
	var needs string
	w.quiet(func() {
		r := w.want(exitRefused, "apply")
		_, rest, _ := strings.Cut(r.out, "prune:")
		needs = "prune:" + strings.FieldsFunc(rest, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef", c) })[0]
		w.want(exitRefused, "apply", "--allow", "prune:000000000000")
	})
	w.apply("--allow", needs)
	for _, name := range []string{"a", "b", "c"} {
		if !w.archivedData(name) {
			t.Errorf("%s is not archived", name)
		}
	}
	// The approval was for those; it is none for others.
	w.remove("store.yml")
	w.apply()
	w.quiet(func() {
		w.want(exitRefused, "apply")
		w.want(exitRefused, "apply", "--allow", needs)
	})
	w.apply("--allow", "delete:datastore/store")
	if w.get("datastores/store") != nil {
		t.Error("the datastore is still there")
	}
	w.settled()
}

// What something else refers to stays, also when git no longer has it.
func TestPruneKeepsWhatIsReferredTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.config("prune: {max: 100}")
	w.every()
	w.apply()
	// A deployment of somebody else uses the model that git is about to lose.
	w.put("onlineEndpoints/taxi/deployments/theirs", map[string]any{"location": "eastus2", "sku": map[string]any{"name": "Default", "capacity": 1}, "properties": map[string]any{
		"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2", "model": workspaceID + "/models/triton/versions/1", "environmentId": workspaceID + "/environments/plain/versions/1",
	}})
	w.remove("models/triton.yml")
	w.apply("--full")
	w.apply("--full")
	if archived, _ := w.get("models/triton/versions/1")["properties"].(map[string]any)["isArchived"].(bool); archived {
		t.Error("the model is archived under a live deployment")
	}
	if p, r := w.plan("--full"); !strings.Contains(p.step("model/triton:1").Why, "online-deployment/taxi/theirs") {
		t.Errorf("the plan does not say why it stays: %s", r)
	}
}

// The identity of an asset is not its file: moved, renamed, joined and split
// files are an empty plan.
func TestMovedFilesAreAnEmptyPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	for _, name := range []string{"a", "b", "c"} {
		w.write("data/"+name+".yml", dataFile(name))
	}
	w.apply()
	w.quiet(func() {
		w.remove("data/a.yml")
		w.write("elsewhere/renamed.yml", dataFile("a"))
		w.settled()
		w.apply()
		w.remove("data")
		w.remove("elsewhere")
		w.write("all.yml", dataFile("a")+"---\n"+dataFile("b")+"---\n"+dataFile("c"))
		w.settled()
		for range 3 {
			w.apply()
		}
		w.remove("all.yml")
		for _, name := range []string{"a", "b", "c"} {
			w.write("split/"+name+".yaml", dataFile(name))
		}
		w.settled()
		for range 3 {
			w.apply("--full")
		}
	})
	w.settled("--full")
	// A whole tree that moves to another folder is the same tree.
	old := w.dir
	w.dir = filepath.Join(filepath.Dir(old), "moved")
	if err := os.Rename(old, w.dir); err != nil {
		t.Fatal(err)
	}
	w.settled("--full")
}

// The name of an environment is archived with its last version, and comes back
// with it.
func TestPrunedEnvironmentComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	const file = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nversion: \"1\"\nimage: img\n"
	w.write("e.yml", file)
	w.apply()
	w.remove("e.yml")
	w.apply()
	w.apply()
	if slices.Contains(w.names("environments"), "e") {
		t.Error("the environment is not archived")
	}
	w.write("e.yml", file)
	w.apply()
	if !slices.Contains(w.names("environments"), "e") {
		t.Error("the environment is wanted again and still archived")
	}
	w.settled("--full")
}

// Nothing is removed before a run of the target has ended well, however often
// it was looked at: what is there may not be what was meant.
func TestPruneWaitsForARunThatEndsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("data/a.yml", dataFile("a"))
	w.write("data/b.yml", dataFile("b"))
	w.fault("method=PUT,path=*/data/b/*,status=400")
	w.want(exitFailed, "apply")
	w.remove("data/a.yml")
	for range 3 {
		w.want(exitFailed, "apply", "--full")
	}
	if w.archivedData("a") {
		t.Fatal("removed before any run ended well")
	}
	w.em.ClearFaults()
	w.apply("--full")
	if w.archivedData("a") {
		t.Fatal("removed by the first run that ended well")
	}
	w.apply("--full")
	if !w.archivedData("a") {
		t.Error("not removed after it")
	}
	w.settled("--full")
}
