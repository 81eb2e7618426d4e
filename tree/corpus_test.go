package tree

import (
	"cmp"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// corpus is a public set of files and what kinds they are. Tests that need it
// run where it is.
func corpus(t *testing.T) (dir string, kinds map[string]string) {
	t.Helper()
	dir = filepath.Join(cmp.Or(os.Getenv("MLSYNC_SHARED"), filepath.Join("..", "..", "shared")), "conformance")
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Skipf("no corpus in %s", dir)
	}
	var cases []struct{ Source, Kind string }
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	kinds = map[string]string{}
	for _, c := range cases {
		kinds[c.Source] = c.Kind
	}
	return filepath.Join(dir, "tree"), kinds
}

func TestCorpusKinds(t *testing.T) {
	dir, kinds := corpus(t)
	tr, bad := Read(os.DirFS(dir), Options{})
	seen := 0
	for _, f := range tr.Files {
		got := cmp.Or(f.Kind, f.Unmanaged)
		want, isCase := kinds[f.Path]
		if f.Unmanaged != "" && want == path.Dir(got) {
			got = want // a form of a kind that is not managed
		}
		if isCase {
			seen++
		}
		if strings.HasPrefix(f.Why, "a part of ") {
			continue // the file of the other case says what it is
		}
		if got != want && (isCase || len(f.Docs) > 0) {
			t.Errorf("%s: got %q, want %q (%s)", f.Path, got, want, f.Why)
		}
	}
	if seen != len(kinds) {
		t.Errorf("%d of %d cases seen", seen, len(kinds))
	}
	for _, p := range bad {
		if p.Code == "syntax" || p.Code == "bad_key" || p.Code == "duplicate_key" {
			t.Log(p)
		}
	}
}

func TestCorpusRoundTrip(t *testing.T) {
	dir, _ := corpus(t)
	tr, _ := Read(os.DirFS(dir), Options{Literals: true})
	for _, f := range tr.Files {
		for _, a := range f.Assets {
			if !f.Bad {
				roundTrip(t, a)
			}
		}
	}
	t.Log(len(tr.Assets), "assets")
}

// roundTrip checks that what Write writes reads as the asset.
func roundTrip(t *testing.T, a *asset.Asset) {
	t.Helper()
	out := Write(a)
	docs, bad := Parse(out, "w.yml", ParseOptions{})
	if len(bad) > 0 || len(docs) != 1 {
		t.Errorf("%s: %v\n%s", a.ID, bad, out)
		return
	}
	v := kind.Identify(docs[0], "")
	if v.Variant == nil || v.Variant != kind.VariantOf(a) {
		t.Errorf("%s: written as something else (%s)\n%s", a.ID, v.Why, out)
		return
	}
	before := kind.Checker{Literals: true}
	back := v.Variant.Read(&before, docs[0])
	// The kind adds a type to the data of a collector that Read leaves out.
	want := a.Body.Clone()
	for _, c := range want.GetPath("data_collector", "collections").Items() {
		if c.Get("data").Type() == asset.Map {
			c.Get("data").Delete("type")
		}
	}
	if !back.Body.Equal(want) || strings.Contains(back.ID.Name, "\n") {
		t.Errorf("%s:\nwant %s\ngot  %s\n%v", a.ID, want.Canonical(), back.Body.Canonical(), before.Problems)
	}
}
