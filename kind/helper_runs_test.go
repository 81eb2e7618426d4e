package kind_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// scope is the workspace of the tests.
var scope = kind.Scope{Subscription: "00000000-0000-0000-0000-000000000001", ResourceGroup: "rg", Workspace: "ws", Location: "eastus"}

// readYAML reads one document with the order of its keys and its lines.
func readYAML(t *testing.T, text string) *asset.Value {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatalf("yaml: %v", err)
	}
	if len(n.Content) == 0 {
		t.Fatal("yaml: empty document")
	}
	return ofNode(t, n.Content[0])
}

func ofNode(t *testing.T, n *yaml.Node) *asset.Value {
	t.Helper()
	pos := problem.Pos{File: "t.yml", Line: n.Line, Col: n.Column}
	switch n.Kind {
	case yaml.MappingNode:
		m := asset.NewMap().At(pos)
		for i := 0; i < len(n.Content); i += 2 {
			m.Set(n.Content[i].Value, ofNode(t, n.Content[i+1]))
		}
		return m
	case yaml.SequenceNode:
		l := asset.NewList().At(pos)
		for _, item := range n.Content {
			l.Append(ofNode(t, item))
		}
		return l
	}
	switch n.ShortTag() {
	case "!!null":
		return asset.NewNull().At(pos)
	case "!!bool":
		b, _ := strconv.ParseBool(n.Value)
		return asset.NewBool(b).At(pos)
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 0, 64)
		if err != nil {
			t.Fatalf("line %d: %v", n.Line, err)
		}
		return asset.NewInt(i).At(pos)
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			t.Fatalf("line %d: %v", n.Line, err)
		}
		return asset.NewFloat(f).At(pos)
	}
	return asset.NewString(n.Value).At(pos)
}

// read identifies a document and reads its asset, upgraded if it is of the
// preview; it fails on problems that are errors.
func read(t *testing.T, doc *asset.Value) *asset.Asset {
	t.Helper()
	a, bad := tryRead(t, doc)
	if err := bad.Err(); err != nil {
		t.Fatalf("problems:\n%v", err)
	}
	if v := kind.VariantOf(a); v.Whole != nil {
		c := &kind.Checker{}
		v.Whole(c, a.Body)
		if err := c.Problems.Err(); err != nil {
			t.Fatalf("problems of the whole:\n%v", err)
		}
	}
	return a
}

// tryRead is read that returns the problems.
func tryRead(t *testing.T, doc *asset.Value) (*asset.Asset, problem.List) {
	t.Helper()
	v := kind.Identify(doc, "")
	if v.Variant == nil {
		t.Fatalf("not identified: %+v", v)
	}
	var bad problem.List
	if v.Preview {
		docs, lost := v.Variant.Preview.Run(doc)
		doc, bad = docs[0], lost
		v = kind.Identify(doc, "")
		if v.Variant == nil || v.Preview {
			t.Fatalf("upgraded document is not of the released form: %+v\n%s", v, doc.Canonical())
		}
	}
	c := &kind.Checker{Problems: bad}
	a := v.Variant.Read(c, doc)
	return a, c.Problems
}

// toREST is the body that creates the asset.
func toREST(t *testing.T, a *asset.Asset) *asset.Value {
	t.Helper()
	rest, err := kind.ToREST(a, &kind.Encoder{Scope: scope, Late: true})
	if err != nil {
		t.Fatal(err)
	}
	return rest
}

// shared is a folder of the conformance data beside the repository; tests
// that need it are skipped where it is not there.
func shared(t *testing.T, elem ...string) string {
	t.Helper()
	dir := filepath.Join(append([]string{"..", "..", "shared", "conformance"}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the conformance data is not beside the repository: %v", err)
	}
	return dir
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
