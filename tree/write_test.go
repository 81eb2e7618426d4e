package tree

import (
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
)

// nasty are texts on which writers of YAML stumble.
var nasty = []string{
	"", " ", "a ", " a", "yes", "No", "y", "~", "null", "010", "0o7", "1_000", "12:30", "1e3", "1.10", ".5", "-", "- a", "-x", "--lr", "a: b", "a:", ":a", "a #b", "#a",
	"a\nb", "a\nb\n", "a\n\n", "\na", " a\nb", "a\n  b\n", "a\n#b\n", "a\r\nb", "\t", "a\tb", "\ta\nb", "'", `"`, `it's "x"`, `\n`, "{{x}}", "{a}", "[a]", "a, b", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "?", "? a",
	"=", "<<", "<x>", "...", "---", "--- a", "2023-05-01", "2022-07-10 10:00:00", "é", "\u0085", "\u2028", "\ufeff", "a\u0085\nb", "\x00", "\x7f", "😀", "${{inputs.x}}", "${{secret.K}}", "$[[--x ${{inputs.x}}]]",
	"azureml:x:1", "https://x.y/z#a", "a\n \nb", "a \nb", "a\n\n\nb\n\n\n", "NaN", ".nan", "inf", "1.", "+1", "1e+5", "0x1F", "true", strings.Repeat("k", 1500), "no\n",
}

func values() *rapid.Generator[*asset.Value] {
	text := rapid.OneOf(rapid.SampledFrom(nasty), rapid.String(), rapid.StringMatching(`[a-z0-9.:_ +-]{0,12}`))
	leaf := rapid.OneOf(
		rapid.Map(text, asset.NewString),
		rapid.Map(rapid.Int64(), asset.NewInt),
		rapid.Map(rapid.Float64(), asset.NewFloat),
		rapid.Map(rapid.Bool(), asset.NewBool),
		rapid.Just(asset.NewNull()),
		rapid.SampledFrom([]*asset.Value{asset.NewTime("2023-05-01"), asset.NewTime("2022-07-10 10:00:00.123000+02:00")}),
	)
	var tree func(depth int) *rapid.Generator[*asset.Value]
	tree = func(depth int) *rapid.Generator[*asset.Value] {
		if depth == 0 {
			return leaf
		}
		inner := tree(depth - 1)
		return rapid.OneOf(leaf,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(items []*asset.Value) *asset.Value { return asset.NewList(items...) }),
			rapid.Map(rapid.MapOfN(text, inner, 0, 4), func(m map[string]*asset.Value) *asset.Value {
				v := asset.NewMap()
				for _, k := range asset.FromAny(keysOf(m)).Items() {
					v.Set(k.Str(), m[k.Str()])
				}
				return v
			}))
	}
	return tree(4)
}

func keysOf(m map[string]*asset.Value) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// same is Equal that tells whole numbers, numbers, texts and times apart.
func same(a, b *asset.Value) bool {
	if a.Type() != b.Type() || len(a.Items()) != len(b.Items()) {
		return false
	}
	for i, item := range a.Items() {
		if a.Type() == asset.Map && !b.Has(a.Keys()[i]) || !same(item, map[bool]*asset.Value{true: b.Get(keyAt(a, i)), false: b.Items()[i]}[a.Type() == asset.Map]) {
			return false
		}
	}
	return a.Text() == b.Text()
}

func keyAt(v *asset.Value, i int) string {
	if v.Type() != asset.Map {
		return ""
	}
	return v.Keys()[i]
}

func TestEmitThenParse(t *testing.T) {
	gen := values()
	rapid.Check(t, func(t *rapid.T) {
		v := asset.NewMap().Set("k", gen.Draw(t, "value")).Set("last", asset.NewInt(1))
		out := emit(v)
		docs, bad := Parse(out, "f.yml", ParseOptions{})
		if len(bad) > 0 || len(docs) != 1 || !same(docs[0], v) {
			t.Fatalf("%s\n%v\nback: %d documents", out, bad, len(docs))
		}
		line := []byte("k: " + flowText(v.Get("k")) + "\n")
		docs, bad = Parse(line, "f.yml", ParseOptions{})
		if len(bad) > 0 || len(docs) != 1 || !same(docs[0].Get("k"), v.Get("k")) {
			t.Fatalf("flow: %s\n%v", line, bad)
		}
	})
}

func TestEmitReadsTheSameInPython(t *testing.T) {
	if err := exec.Command("python3", "-c", "import yaml").Run(); err != nil {
		t.Log("no PyYAML here; TestEmitThenParse says the same of our own reader")
	} else {
		v := asset.NewMap()
		for _, s := range nasty {
			v.Set("k"+s, asset.NewString(s))
		}
		cmd := exec.Command("python3", "-c", "import yaml,sys,json; print(json.dumps(yaml.safe_load(sys.stdin)))")
		cmd.Stdin = strings.NewReader(string(emit(v)))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		back, err := asset.ParseJSON(out)
		if err != nil || !back.Equal(v) {
			t.Errorf("%v\n%s\n%s", err, out, emit(v))
		}
	}
}

func TestWriteCanonical(t *testing.T) {
	tr, bad := Read(files("x.yml", `
name: train
tags: {z: "1", a: "yes"}
version: 3
image: mcr.microsoft.com/x:1
description: |
  two
  lines
conda_file:
  name: c
  channels: [conda-forge]
  dependencies: ["python=3.10", {pip: [numpy]}]
`), Options{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	want := `$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: train
version: "3"
description: |
  two
  lines
tags:
  a: "yes"
  z: "1"
image: mcr.microsoft.com/x:1
conda_file:
  channels:
    - conda-forge
  dependencies:
    - python=3.10
    - pip:
        - numpy
  name: c
`
	got := Write(tr.Assets[0])
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
	again, bad := Read(fstest.MapFS{Layout(tr.Assets[0]): &fstest.MapFile{Data: got}}, Options{})
	if len(bad) > 0 || string(Write(again.Assets[0])) != want {
		t.Error(bad)
	}
}

func TestLayout(t *testing.T) {
	for _, tc := range []struct {
		name, version string
		auto          bool
		want          string
	}{
		{"train", "3", false, "environments/train/3.yml"},
		{"train", "", true, "environments/train.yml"},
		{"con", "1", false, "environments/%63on/1.yml"},
		{"Aux.x", "nul", false, "environments/%41ux.x/%6Eul.yml"},
		{"../x", "..", false, "environments/%2E.%2Fx/%2E%2E.yml"},
		{"é", "1.", false, "environments/%C3%A9/1%2E.yml"},
		{"a:b", "1", false, "environments/a%3Ab/1.yml"},
		{"com1", "com10", false, "environments/%63om1/com10.yml"},
	} {
		a := &asset.Asset{ID: asset.ID{Kind: "environment", Name: tc.name, Version: tc.version}, Auto: tc.auto}
		if got := Layout(a); got != tc.want {
			t.Errorf("%s: got %s, want %s", a.ID, got, tc.want)
		}
	}
	long := &asset.Asset{ID: asset.ID{Kind: "environment", Name: strings.Repeat("x", 255)}, Auto: true}
	if got := Layout(long); len(got) > len("environments/")+204 {
		t.Error(len(got))
	}
	a, b := &asset.Asset{ID: asset.ID{Kind: "environment", Name: "Train"}}, &asset.Asset{ID: asset.ID{Kind: "environment", Name: "train"}}
	if got := Layouts([]*asset.Asset{a, b}); got[a.ID] != "environments/%54rain.yml" || got[b.ID] != "environments/train.yml" {
		t.Error(got)
	}
}
