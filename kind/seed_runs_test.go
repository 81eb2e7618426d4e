package kind_test

import (
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// upgrade reads a preview document and returns the released ones.
func upgrade(t *testing.T, doc *asset.Value, wantKind string) []*asset.Value {
	t.Helper()
	v := kind.Identify(doc, "")
	if v.Variant == nil || !v.Preview || v.Variant.FullName() != wantKind {
		t.Fatalf("identified as %+v", v)
	}
	docs, bad := v.Variant.Preview.Run(doc)
	if len(bad) > 0 {
		t.Errorf("upgrade says:\n%v", bad)
	}
	return docs
}

// TestSeeds: a draft means what its released form means.
func TestSeeds(t *testing.T) {
	for _, tt := range []struct {
		draft, kind string
		released    []string
	}{
		{"command-job", "job/command", []string{"command-job.released"}},
		{"sweep-job", "job/sweep", []string{"sweep-job.released"}},
		{"online-endpoint", "online-endpoint", []string{"online-endpoint.released", "online-endpoint.deployment-blue.released"}},
		{"batch-deployment", "batch-deployment", []string{"batch-deployment.released"}},
	} {
		t.Run(tt.draft, func(t *testing.T) {
			dir := shared(t, "seed")
			docs := upgrade(t, readYAML(t, mustRead(t, filepath.Join(dir, tt.draft+".yml"))), tt.kind)
			if len(docs) != len(tt.released) {
				t.Fatalf("%d documents, want %d", len(docs), len(tt.released))
			}
			for i, name := range tt.released {
				want := read(t, readYAML(t, mustRead(t, filepath.Join(dir, name+".yml"))))
				got, bad := tryRead(t, docs[i])
				if tt.draft == "batch-deployment" {
					// The draft names no script, and one is required.
					want.Body.Get("code_configuration").Delete("scoring_script")
					if len(bad) != 1 || !strings.Contains(bad[0].Text, "code_configuration.scoring_script: is missing") {
						t.Errorf("problems: %v, want that the script is missing", bad)
					}
				} else if len(bad) > 0 {
					t.Errorf("problems: %v", bad)
				}
				if got.ID != want.ID || got.Variant != want.Variant {
					t.Errorf("got %s %q, want %s %q", got.ID, got.Variant, want.ID, want.Variant)
				}
				if !got.Body.Equal(want.Body) {
					t.Errorf("%s\ngot  %s\nwant %s", want.ID, got.Body.Canonical(), want.Body.Canonical())
				}
			}
		})
	}
}
