package kind_test

import (
	"path/filepath"
	"slices"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// upgrade reads a preview document and returns the released ones.
func upgrade(t *testing.T, doc *asset.Value, wantKind string, warnings ...string) []*asset.Value {
	t.Helper()
	v := kind.Identify(doc, "")
	if v.Variant == nil || !v.Preview || v.Variant.FullName() != wantKind {
		t.Fatalf("identified as %+v", v)
	}
	docs, bad := v.Variant.Preview.Run(doc)
	var said []string
	for _, p := range bad {
		said = append(said, p.Code)
	}
	if !slices.Equal(said, warnings) || len(bad.Errors()) > 0 {
		t.Errorf("upgrade says:\n%v", bad)
	}
	return docs
}

// TestSeeds: a draft means what its released form means.
func TestSeeds(t *testing.T) {
	for _, tt := range []struct {
		draft, kind string
		released    []string
		warnings    []string
	}{
		{"command-job", "job/command", []string{"command-job.released"}, nil},
		{"sweep-job", "job/sweep", []string{"sweep-job.released"}, nil},
		{"online-endpoint", "online-endpoint", []string{"online-endpoint.released", "online-endpoint.deployment-blue.released"}, nil},
		// The draft names no script, and one is required.
		{"batch-deployment", "batch-deployment", []string{"batch-deployment.released"}, []string{"assumed_script"}},
	} {
		t.Run(tt.draft, func(t *testing.T) {
			dir := shared(t, "seed")
			docs := upgrade(t, readYAML(t, mustRead(t, filepath.Join(dir, tt.draft+".yml"))), tt.kind, tt.warnings...)
			if len(docs) != len(tt.released) {
				t.Fatalf("%d documents, want %d", len(docs), len(tt.released))
			}
			for i, name := range tt.released {
				want := read(t, readYAML(t, mustRead(t, filepath.Join(dir, name+".yml"))))
				got, bad := tryRead(t, docs[i])
				if len(bad) > 0 {
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
