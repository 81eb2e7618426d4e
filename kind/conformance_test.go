package kind

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// conformance is the folder of golden cases, recorded with the reference
// client. It is not a part of the repository; without it, the tests over it
// have the vectors of testdata to go by.
const conformance = "../../shared/conformance"

type goldenCase struct {
	ID, Source, Kind, Outcome string
	Writes                    []struct {
		Method, Path string
		Body         *asset.Value
	}
	Uploads []struct {
		Local string
		Hash  struct{ Kind, Sha256 string }
	}
}

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	files, err := filepath.Glob(conformance + "/cases/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no golden cases beside the repository")
	}
	var out []goldenCase
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var c goldenCase
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, c)
	}
	return out
}

// goldenScope is the workspace of facts.json.
var goldenScope = Scope{Subscription: "00000000-0000-0000-0000-000000000001", ResourceGroup: "rg", Workspace: "ws", Location: "eastus"}

// readSource reads a document of the tree of cases; nil if it is no YAML.
func readSource(t *testing.T, source string) *asset.Value {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(conformance, "tree", filepath.FromSlash(source)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s: the tree lacks the file", source)
	}
	if err != nil {
		t.Fatal(err)
	}
	doc := ParseDocument(string(data))
	if doc.Type() != asset.Map {
		return nil
	}
	return doc
}

// bindLocals puts what the golden write says in place of local paths, and the
// content of documents: package resolve does that from the tree.
func bindLocals(t *testing.T, a *asset.Asset, source string, body *asset.Value) *asset.Value {
	return Rewrite(a, func(s Site) *asset.Value {
		l, ok := s.Type.(Local)
		if !ok || s.Value.Type() != asset.String || l.IsRemote(s.Value.Str()) {
			return s.Value
		}
		if l.What == Document {
			return readSource(t, filepath.ToSlash(filepath.Join(filepath.Dir(source), s.Value.Str())))
		}
		return l.Decode(&Decoder{Scope: goldenScope}, body.GetPath(splitPath(s.Field.REST)...))
	})
}

var plainKinds = []string{"environment", "data", "model", "datastore", "compute"}

func TestGoldenBodies(t *testing.T) {
	checked := 0
	for _, c := range goldenCases(t) {
		if c.Outcome != "ok" || !slices.Contains(plainKinds, c.Kind) {
			continue
		}
		doc := readSource(t, c.Source)
		v := Identify(doc, "")
		if v.Variant == nil || string(v.Variant.Table().Kind) != c.Kind {
			t.Errorf("%s: identified as %+v, want %s", c.Source, v, c.Kind)
			continue
		}
		k := &Checker{Literals: true}
		a := v.Variant.Read(k, doc)
		if err := k.Problems.Err(); err != nil {
			t.Errorf("%s: %v", c.Source, err)
			continue
		}
		write := c.Writes[len(c.Writes)-1].Body
		if b := write.GetPath("properties", "build"); b != nil {
			// The path of a nested row is relative to its own object.
			a.Body.Get("build").Set("path", b.Get("contextUri"))
		}
		if !a.Body.Has("build") {
			a.Body = bindLocals(t, a, c.Source, write)
		}
		got, err := ToREST(a, &Encoder{Scope: goldenScope})
		if err != nil {
			t.Errorf("%s: %v", c.Source, err)
			continue
		}
		if g, w := settled(got), settled(write); !g.Equal(w) {
			t.Errorf("%s:\n got %s\nwant %s", c.Source, g.Canonical(), w.Canonical())
		}
		checked++
	}
	t.Logf("%d golden bodies", checked)
	if checked < 35 {
		t.Errorf("only %d cases were compared", checked)
	}
}

// filler are members that count as absent when they are empty.
var filler = []string{"tags", "properties", "hours", "minutes"}

// settled leaves out what the rules of comparison leave out: nulls, empty
// fillers, flags that are false; documents are read.
func settled(v *asset.Value) *asset.Value {
	switch v.Type() {
	case asset.List:
		out := asset.NewList()
		for _, item := range v.Items() {
			out.Append(settled(item))
		}
		return out
	case asset.Map:
		out := asset.NewMap()
		for k, item := range v.Entries() {
			got := settled(item)
			switch {
			case item.IsNull():
			case got.Len() == 0 && !got.IsScalar() && slices.Contains(filler, k):
			case (k == "isArchived" || k == "isAnonymous") && !item.Bool():
			case k == "condaFile":
				out.Set(k, ParseDocument(item.Text()))
			default:
				out.Set(k, got)
			}
		}
		return out
	}
	return v
}

// TestAnonymousEnvironmentsOfTheCorpus names every anonymous environment of
// the golden cases again, from its body.
func TestAnonymousEnvironmentsOfTheCorpus(t *testing.T) {
	checked := 0
	for _, c := range goldenCases(t) {
		for _, w := range c.Writes {
			name, version, ok := strings.Cut(w.Path[strings.LastIndex(w.Path, "/environments/")+1:], "/versions/")
			if !ok || !strings.HasSuffix(name, "/"+environment.Anonymous) {
				continue
			}
			a, err := environment.FromREST(&Decoder{Scope: goldenScope}, w.Path, w.Body)
			if err != nil {
				t.Fatal(err)
			}
			hash := ""
			if uri := a.Body.GetPath("build", "path").Text(); uri != "" {
				hash = strings.Split(strings.SplitAfter(uri, "LocalUpload/")[1], "/")[0]
			}
			if got := AnonymousID(a, hash); got.Version != version || got != a.ID {
				t.Errorf("%s: got %s, want %s", c.ID, got, a.ID)
			}
			checked++
		}
	}
	t.Logf("%d anonymous environments", checked)
	if checked < 60 {
		t.Errorf("only %d environments were named", checked)
	}
}

// TestSeedsOfPlainKinds: a sample of the first draft means what its released
// form means.
func TestSeedsOfPlainKinds(t *testing.T) {
	for name, kind := range map[string]string{"compute": "compute", "dataset": "data", "environment": "environment", "model": "model"} {
		draft, err := os.ReadFile(filepath.Join(conformance, "seed", name+".yml"))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("no seed samples beside the repository")
		}
		if err != nil {
			t.Fatal(err)
		}
		released, err := os.ReadFile(filepath.Join(conformance, "seed", name+".released.yml"))
		if err != nil {
			t.Fatal(err)
		}
		v := Identify(ParseDocument(string(draft)), "")
		if v.Variant == nil || !v.Preview {
			t.Errorf("%s: identified as %+v", name, v)
			continue
		}
		out, problems := v.Variant.Preview.Run(ParseDocument(string(draft)))
		got, bad := readNormal(kind, out[0])
		want, worse := readNormal(kind, ParseDocument(string(released)))
		if bad != nil || worse != nil || problems.Err() != nil {
			t.Errorf("%s: %v, %v, %v", name, bad, worse, problems)
			continue
		}
		if got.ID != want.ID || got.Variant != want.Variant || !got.Body.Equal(want.Body) {
			t.Errorf("%s:\n got %s %q %s\nwant %s %q %s", name, got.ID, got.Variant, got.Body.Canonical(), want.ID, want.Variant, want.Body.Canonical())
		}
	}
}
