package acceptance_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// leaks fails for every canary that is in a text.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	for name, value := range canaries {
		if strings.Contains(text, value) {
			t.Errorf("the value of %s is in %s", name, where)
		}
	}
}

// The values of secrets are in the request that needs them and nowhere else.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	saved := filepath.Join(t.TempDir(), "out.plan")
	export := t.TempDir()
	all := [][]string{
		{"check", "-v", "-v"},
		{"plan", "-v", "-v"},
		{"plan", "--json"},
		{"plan", "--markdown"},
		{"plan", "--out", saved},
		{"apply", "-v", "-v", "--json"},
		{"apply", "-v", "-v", "--full"},
		{"drift", "-v", "-v"},
		{"drift", "--json"},
		{"status", "--json"},
		{"history", "--json"},
		{"history", "datastore/blob1"},
		{"why", "datastore/blob1"},
		{"why", "compute/vm", "--json"},
		{"export", "--target", "dev", "--out", export, "-v", "-v"},
		{"export", "--target", "dev", "--out", export, "--json"},
	}
	for _, args := range all {
		r := w.want(exitDone, args...)
		leaks(t, "what mlsync "+r.args+" prints", r.out+r.err)
	}
	// What fails, and what the service says of it, tells no more.
	w.remove("datastores/gen1.yml")
	w.write("datastores/again.yml", strings.Replace(readFile(t, "testdata/every/datastores/gen1.yml"), "lake1", "lake3", 1))
	w.env["MLSYNC_SECRET_BLOB_KEY"] = "Y2FuYXJ5LXRoZS1vdGhlci1ibG9iLTVmMWM="
	w.fault("status=400,message=the key " + canaries["LAKE_SECRET"] + " is wrong,method=PUT,path=*/datastores/*")
	r := w.want(exitFailed, "apply", "-v", "-v")
	for _, value := range []string{w.env["MLSYNC_SECRET_BLOB_KEY"], canaries["BLOB_KEY"], canaries["LAKE_SECRET"]} {
		if strings.Contains(r.out+r.err, value) {
			t.Errorf("a failing apply prints the secret: %s", r)
		}
	}
	w.em.ClearFaults()
	for _, dir := range []string{filepath.Dir(w.journal), filepath.Dir(saved), export} {
		err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			for key, value := range canaries {
				if bytes.Contains(data, []byte(value)) {
					t.Errorf("the value of %s is in %s", key, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(w.sent("datastores/blob1"), "datastores/blob1") {
		t.Error("the datastore was not written at all")
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sent are the paths of the writes that end in the path.
func (w *world) sent(path string) string {
	var out []string
	for _, r := range w.writes() {
		if strings.HasSuffix(r.Path, path) {
			out = append(out, r.Path)
		}
	}
	return strings.Join(out, "\n")
}

// The logs and the metrics of the daemon hold no secret either.
func TestSecretsAreNotInTheDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	repo := w.repository()
	repo.push("everything")
	data := t.TempDir()
	d := w.daemon("-v", "-v", "--repository", "file://"+repo.bare, "--data", data)
	d.synced()
	_, metrics := d.get("/metrics")
	leaks(t, "the metrics", metrics)
	if code := d.stop(); code != exitDone {
		t.Errorf("ended with %d", code)
	}
	leaks(t, "the log", d.text())
	for _, name := range []string{"mlsync.db", "mlsync.db-wal"} {
		if text, err := os.ReadFile(filepath.Join(data, name)); err == nil {
			leaks(t, name, string(text))
		}
	}
}

// A secret whose value is another is a change that says so, and is applied;
// the same value is none.
func TestRotatedSecretIsAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	w.apply()
	w.settled()
	w.env["MLSYNC_SECRET_LAKE_SECRET"] = "canary-the-other-lake"
	r := w.want(exitPending, "plan", "--exit-code")
	if !strings.Contains(r.out, "secret") || !strings.Contains(r.out, "changed") || strings.Contains(r.out, "canary") {
		t.Errorf("the plan says: %s", r)
	}
	p, _ := w.plan()
	for id, want := range map[string]string{"datastore/lake1": "update", "datastore/lake2": "update", "datastore/blob1": "noop", "compute/vm": "noop"} {
		if got := p.step(id).Action; got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	from := len(w.writes())
	w.apply()
	if n := len(w.writes()) - from; n != 2 {
		t.Errorf("%d writes for a secret of two datastores", n)
	}
	w.settled()
	w.quiet(func() { w.apply("--full") })
}

// A secret that nobody gives is a problem with its place before anything is
// written.
func TestMissingSecretIsAProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.every()
	delete(w.env, "MLSYNC_SECRET_SHARE_SAS")
	w.quiet(func() {
		r := w.want(exitProblems, "apply")
		if text := r.out + r.err; !strings.Contains(text, "datastores/file.yml:") || !strings.Contains(text, "SHARE_SAS") {
			t.Errorf("the problem is told as: %s", r)
		}
	})
}

// A secret that stands in a file is a problem, and is not repeated.
func TestLiteralSecretIsAProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("blob.yml", "name: b\ntype: azure_blob\naccount_name: a\ncontainer_name: c\ncredentials: {account_key: "+canaries["BLOB_KEY"]+"}\n")
	w.quiet(func() {
		for _, args := range [][]string{{"check"}, {"plan"}, {"apply"}, {"plan", "--json"}} {
			r := w.want(exitProblems, args...)
			leaks(t, "what mlsync "+r.args+" prints", r.out+r.err)
			if !strings.Contains(r.out+r.err, "blob.yml") {
				t.Errorf("no place: %s", r)
			}
		}
	})
}
