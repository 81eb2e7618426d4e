package tree

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// The golden file says what PyYAML 6.0.3 safe_load makes of each scalar.
func TestScalarsAsPyYAML(t *testing.T) {
	data, err := os.ReadFile("testdata/yaml11.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][3]string
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 150 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		docs, bad := Parse([]byte("k: "+row[0]+"\n"), "f.yml", ParseOptions{})
		if row[1] == "error" {
			if len(bad) == 0 {
				t.Errorf("%q: read as %q, PyYAML fails", row[0], docs[0].Get("k").Text())
			}
			continue
		}
		if len(bad) > 0 {
			t.Errorf("%q: %v", row[0], bad)
			continue
		}
		v := docs[0].Get("k")
		if v.Type().String() != row[1] || v.Text() != row[2] {
			t.Errorf("%q: got %s %q, want %s %q", row[0], v.Type(), v.Text(), row[1], row[2])
		}
	}
}

func TestQuotedScalarsStayTexts(t *testing.T) {
	for _, s := range []string{`"yes"`, `'010'`, `"2023-05-01"`, `'~'`, `"1.10"`, "|\n  12", ">-\n  true"} {
		docs, bad := Parse([]byte("k: "+s+"\n"), "f.yml", ParseOptions{})
		if len(bad) > 0 || docs[0].Get("k").Type() != asset.String {
			t.Errorf("%s: %v %v", s, docs[0].Get("k").Type(), bad)
		}
	}
}

func one(t *testing.T, text string) *asset.Value {
	t.Helper()
	docs, bad := Parse([]byte(text), "f.yml", ParseOptions{})
	if len(bad) > 0 || len(docs) != 1 {
		t.Fatalf("%d documents, problems %v", len(docs), bad)
	}
	return docs[0]
}

func TestPositions(t *testing.T) {
	doc := one(t, "# c\na: 1\nb:\n  c: x\n  l:\n  - 1\n  -   k: v\n      m: [p, q]\n\ne:\nf: {g: h}\nlong: >-\n  text\n")
	for _, tc := range []struct {
		v         *asset.Value
		line, col int
	}{
		{doc, 2, 1},
		{doc.Get("a"), 2, 4},
		{doc.Get("b"), 3, 1},
		{doc.GetPath("b", "c"), 4, 6},
		{doc.GetPath("b", "l"), 5, 3},
		{doc.GetPath("b", "l").Items()[0], 6, 5},
		{doc.GetPath("b", "l").Items()[1], 7, 7},
		{doc.GetPath("b", "l").Items()[1].Get("m"), 8, 10},
		{doc.GetPath("b", "l").Items()[1].Get("m").Items()[1], 8, 14},
		{doc.Get("e"), 10, 1},
		{doc.Get("f"), 11, 4},
		{doc.GetPath("f", "g"), 11, 8},
		{doc.Get("long"), 12, 7},
	} {
		if want := (problem.Pos{File: "f.yml", Line: tc.line, Col: tc.col}); tc.v.Pos() != want {
			t.Errorf("%s: got %s, want %s", tc.v.Canonical(), tc.v.Pos(), want)
		}
	}
}

func TestDocumentsAndMerges(t *testing.T) {
	docs, bad := Parse([]byte("\ufeffa: 1\n---\n---\r\nb: 2\r\n...\n# end\n"), "f.yml", ParseOptions{})
	if len(bad) > 0 || len(docs) != 2 || docs[1].Get("b").Text() != "2" {
		t.Fatalf("%d documents, %v", len(docs), bad)
	}
	for _, empty := range []string{"", "# nothing\n", "\n", "~", "---\n"} {
		if docs, bad := Parse([]byte(empty), "f.yml", ParseOptions{}); len(docs)+len(bad) > 0 {
			t.Errorf("%q: %v %v", empty, docs, bad)
		}
	}
	doc := one(t, "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  c: 3\nw:\n  d: 0\n  <<: *x\n  a: 9\nl: [*x]\n")
	if got := string(doc.Get("z").Canonical()); got != `{"a":1,"b":1,"c":3}` {
		t.Errorf("z: %s", got)
	}
	if got, _ := doc.Get("w").MarshalJSON(); string(got) != `{"a":9,"b":1,"d":0}` {
		t.Errorf("w: %s", got)
	}
	if got := string(doc.Get("l").Canonical()); got != `[{"a":1,"b":1}]` {
		t.Errorf("l: %s", got)
	}
}

func TestParseProblems(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'h'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+p+", ", 10), ", ") + "]\n"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"tab", "a:\n\tb: 1\n", "f.yml:2:1: not YAML: a tab cannot indent in YAML (indent with spaces)"},
		{"duplicate", "a: 1\nb: 2\na: 3\n", `f.yml:3:1: "a" is there twice: first in line 1 (keep one of them)`},
		{"number key", "a:\n  1: x\n", `f.yml:2:3: the key 1 is a whole number in YAML 1.1, not a text (put it in quotes: "1")`},
		{"boolean key", "on: x\n", `f.yml:1:1: the key on is a boolean in YAML 1.1, not a text (put it in quotes: "on")`},
		{"map key", "{a: 1}: x\n", "f.yml:1:1: a key must be a text, not a map or list"},
		{"tag", "a: !env X\n", "f.yml:1:4: the tag !env is not known (remove the tag)"},
		{"map tag", "a: !x {b: 1}\n", "f.yml:1:4: the tag !x is not known (remove the tag)"},
		{"binary", "a: !!binary eA==\n", "f.yml:1:4: the tag !!binary is not known (remove the tag)"},
		{"date", "a: 2023-13-01\n", `f.yml:1:4: "2023-13-01" looks like a date and is none (put it in quotes)`},
		{"template", "name: x\nimage: {{ACR}}.azurecr.io/x\n", "f.yml:2:8: the file is a template: {{…}} must be filled in before it is YAML (render the template, or write ${{ var.NAME }} and give NAME under vars in mlsync.yaml)"},
		{"template key", "endpoint_name: {{ENDPOINT_NAME}}\nname: x\n", "f.yml:1:16: the file is a template: {{…}} must be filled in before it is YAML (render the template, or write ${{ var.NAME }} and give NAME under vars in mlsync.yaml)"},
		{"utf-8", "a: 1\nb: x\xff\n", "f.yml:2:5: the byte 0xff is not UTF-8 (save it as UTF-8)"},
		{"control", "a: é\x01\n", "f.yml:1:5: the control character U+0001 cannot stand in YAML (remove it, or write it as an escape in double quotes)"},
		{"utf-16", "\xff\xfea\x00", "f.yml:1:1: the file is UTF-16 (save it as UTF-8)"},
		{"colon", "a: b: c\n", "f.yml:1:1: not YAML: mapping values are not allowed in this context (check indentation, quotes and brackets of this line and the one before)"},
		{"indent", "a:\n  b: 1\n c: 2\n", "f.yml:3:2: not YAML: did not find expected key (check indentation, quotes and brackets of this line and the one before)"},
		{"self", "a: &a [*a]\n", "f.yml:1:8: *a contains itself"},
		{"unknown alias", "a: *b\n", "f.yml:1:1: not YAML: unknown anchor 'b' referenced (check indentation, quotes and brackets of this line and the one before)"},
		{"bomb", bomb, "f.yml:1:26: aliases of this file stand for more than 10000 values (write the values out, or split the file)"},
		{"deep", strings.Repeat("[", 70) + strings.Repeat("]", 70), "f.yml:1:65: maps and lists are nested more than 64 deep"},
		{"merge", "a: {<<: 1}\n", "f.yml:1:9: <<: wants a map or a list of maps, not a whole number"},
	} {
		_, bad := Parse([]byte(tc.text), "f.yml", ParseOptions{})
		if len(bad) == 0 || bad[0].String() != tc.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tc.name, bad, tc.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	_, bad := Parse(make([]byte, 2<<20), "f.yml", ParseOptions{})
	if len(bad) != 1 || bad[0].Code != "too_large" {
		t.Error(bad)
	}
	many := strings.Repeat("--- a\n", 1500)
	if docs, bad := Parse([]byte(many), "f.yml", ParseOptions{}); len(docs) != 1000 || len(bad) != 1 {
		t.Error(len(docs), bad)
	}
	var wide strings.Builder
	for i := range 100_000 {
		wide.WriteString("k" + string(rune('a'+i%26)) + strings.Repeat("x", i%3) + ":\n")
	}
	if _, bad := Parse([]byte(wide.String()), "f.yml", ParseOptions{}); len(bad) != 1 || bad[0].Code != "too_large" {
		t.Error(len(bad))
	}
}

func TestLastWins(t *testing.T) {
	docs, bad := Parse([]byte("a: 1\na: 2\n1: x\ntrue: y\n~: z\n"), "f.yml", ParseOptions{LastWins: true})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if got, _ := docs[0].MarshalJSON(); string(got) != `{"a":2,"1":"x","True":"y","None":"z"}` {
		t.Errorf("%s", got)
	}
}
