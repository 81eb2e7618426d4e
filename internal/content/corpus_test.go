package content_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/content"
)

// TestCorpus compares every upload that Microsoft's client was recorded to
// make: hash, blob name and files. It runs where the recordings are.
func TestCorpus(t *testing.T) {
	shared := cmp.Or(os.Getenv("MLSYNC_SHARED"), filepath.Join("..", "..", "..", "shared"))
	dir := filepath.Join(shared, "conformance")
	cases, err := filepath.Glob(filepath.Join(dir, "cases", "*.json"))
	if err != nil || len(cases) == 0 {
		t.Skipf("no recordings in %s", dir)
	}
	fsys := os.DirFS(filepath.Join(dir, "tree"))
	uploads := 0
	for _, name := range cases {
		var c struct {
			Kind    string
			Uploads []struct {
				Local, Blob string
				Hash        struct{ Kind, SHA256 string }
				Files       []struct {
					Path   string
					Length int64
				}
			}
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		for _, u := range c.Uploads {
			if strings.HasPrefix(u.Local, "<merged>") {
				continue
			}
			uploads++
			got, err := content.Open(t.Context(), fsys, u.Local, content.Options{Component: strings.HasPrefix(c.Kind, "component/")})
			if err != nil {
				t.Errorf("%s: %v", u.Local, err)
				continue
			}
			hash, base := got.CodeHash, u.Blob
			if u.Hash.Kind == "object" {
				hash, base = got.ObjectHash, u.Blob[strings.LastIndex(u.Blob, "/")+1:]
			}
			h, err := hash(t.Context())
			if err != nil || h != u.Hash.SHA256 || got.Base != base {
				t.Errorf("%s %s: got %s %s (%v), want %s %s", u.Local, u.Hash.Kind, h, got.Base, err, u.Hash.SHA256, base)
			}
			var have, want []string
			for _, f := range got.Files {
				have = append(have, f.Rel)
			}
			for _, f := range u.Files {
				want = append(want, f.Path)
			}
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				t.Errorf("%s: got files %q, want %q", u.Local, have, want)
			}
		}
	}
	if uploads < 200 {
		t.Errorf("only %d uploads in %s", uploads, dir)
	}
}
