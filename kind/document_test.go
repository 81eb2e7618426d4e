package kind

import (
	"encoding/json"
	"os"
	"testing"

	"mlsync.dev/mlsync/asset"
)

type yamlVector struct {
	Value *asset.Value
	YAML  string
}

func vectors(t *testing.T, file string) []yamlVector {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []yamlVector
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// testdata/pyyaml.json was written by PyYAML 6.0.3.
func TestDumpYAMLIsPyYAML(t *testing.T) {
	all := vectors(t, "testdata/pyyaml.json")
	if len(all) < 500 {
		t.Fatalf("got %d vectors, want at least 500", len(all))
	}
	for _, v := range all {
		if got := DumpYAML(v.Value); got != v.YAML {
			t.Errorf("DumpYAML(%s)\n got %q\nwant %q", v.Value.Canonical(), got, v.YAML)
		}
		if got := ParseDocument(v.YAML); !got.Equal(v.Value) {
			t.Errorf("ParseDocument(%q) = %s, want %s", v.YAML, got.Canonical(), v.Value.Canonical())
		}
	}
}

// testdata/safeload.json was written by PyYAML 6.0.3; times are texts.
func TestParseDocumentIsSafeLoad(t *testing.T) {
	for _, v := range vectors(t, "testdata/safeload.json") {
		got := ParseDocument(v.YAML)
		if string(got.Canonical()) != string(v.Value.Canonical()) {
			t.Errorf("ParseDocument(%q) = %s, want %s", v.YAML, got.Canonical(), v.Value.Canonical())
		}
	}
}

func TestParseDocumentOfNoDocument(t *testing.T) {
	for _, text := range []string{"", "a: [", "{"} {
		if got := ParseDocument(text); got.Str() != text || got.Type() != asset.String {
			t.Errorf("ParseDocument(%q) = %s, want the text", text, got.Canonical())
		}
	}
}

func FuzzDumpYAML(f *testing.F) {
	f.Add("it's", "a: b")
	f.Fuzz(func(t *testing.T, key, text string) {
		for _, r := range key + text {
			if r == 0xFFFD || r == 0xFEFF || r < ' ' && r != '\n' || r >= 0x7f {
				t.Skip("the reader refuses or folds these")
			}
		}
		v := asset.NewMap().Set("k"+key, asset.NewList(asset.NewString(text), asset.NewMap().Set("x", asset.NewString(key))))
		if got := ParseDocument(DumpYAML(v)); !got.Equal(v) {
			t.Errorf("%s is read back as %s of %q", v.Canonical(), got.Canonical(), DumpYAML(v))
		}
	})
}
