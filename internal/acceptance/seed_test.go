package acceptance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// The samples of the seed document: checked, applied, and exported twice with
// the same bytes; a plan of the export is empty.
func TestSeedSamplesGoRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.copyIn(os.DirFS("../../examples/seed"))
	w.config("")
	// An environment that Azure provides, and no sample holds.
	w.put("environments/AzureML-LightGBM/versions/1", map[string]any{"properties": map[string]any{"image": "img"}})
	w.want(exitDone, "check")
	w.apply()
	w.settled()
	w.settled("--full")
	w.roundTrip()
}

// Every kind goes round as well.
func TestEveryKindGoesRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	w.apply()
	w.roundTrip()
}

// roundTrip exports twice and plans the export.
func (w *world) roundTrip() {
	w.t.Helper()
	one, two := filepath.Join(w.t.TempDir(), "out"), filepath.Join(w.t.TempDir(), "out")
	w.want(exitDone, "export", "--target", "dev", "--out", one)
	w.want(exitDone, "export", "--target", "dev", "--out", two)
	a, b := files(w.t, one), files(w.t, two)
	if len(a) < 2 {
		w.t.Fatalf("the export has %d files", len(a))
	}
	for name, text := range a {
		if b[name] != text {
			w.t.Errorf("two exports differ in %s", name)
		}
	}
	if len(a) != len(b) {
		w.t.Errorf("one export has %d files, the other %d", len(a), len(b))
	}
	// The export is planned as the owner of the tree, and with a journal that
	// knows nothing, as after a fresh clone.
	out := &world{t: w.t, em: w.em, dir: one, journal: filepath.Join(w.t.TempDir(), "journal.db"), env: map[string]string{}}
	for k, v := range w.env {
		out.env[k] = v
	}
	for _, name := range []string{"BLOB1_ACCOUNT_KEY", "SHARE1_SAS_TOKEN", "LAKE1_CLIENT_SECRET", "LAKE2_CLIENT_SECRET", "VM_ADMIN_PASSWORD"} {
		out.env["MLSYNC_SECRET_"+name] = "given"
	}
	out.write("mlsync.yaml", w.configText(""))
	out.settled()
	out.quiet(func() { out.apply("--no-prune") })
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
