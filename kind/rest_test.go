package kind

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
)

const restData = "testdata/rest"

// restAssets reads every document of testdata/rest.
func restAssets(t *testing.T) map[string]*asset.Asset {
	t.Helper()
	files, err := filepath.Glob(restData + "/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	out := map[string]*asset.Asset{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		kind, _, _ := strings.Cut(name, "-")
		doc := ParseDocument(string(data))
		v := Identify(doc, kind)
		if v.Variant == nil || string(v.Variant.Table().Kind) != kind {
			t.Fatalf("%s: identified as %+v", f, v)
		}
		c := &Checker{Literals: true}
		a := v.Variant.Read(c, doc)
		if err := c.Problems.Err(); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		out[name] = a
	}
	return out
}

// testdata/rest/client.json holds what azure-ai-ml 1.28.0 sends for the files
// that it can send.
func TestBodiesAreTheClients(t *testing.T) {
	data, err := os.ReadFile(restData + "/client.json")
	if err != nil {
		t.Fatal(err)
	}
	var client map[string]struct {
		Name, Version string
		Body          *asset.Value
	}
	if err := json.Unmarshal(data, &client); err != nil {
		t.Fatal(err)
	}
	assets := restAssets(t)
	for name, want := range client {
		a := assets[name]
		if a == nil {
			t.Errorf("%s: no such file", name)
			continue
		}
		if a.ID.Name != want.Name || a.ID.Version != want.Version {
			t.Errorf("%s: got %s, want %s:%s", name, a.ID, want.Name, want.Version)
		}
		got, err := ToREST(a, &Encoder{Scope: goldenScope})
		if err != nil {
			t.Fatal(err)
		}
		if g, w := settled(got), settled(want.Body); !g.Equal(w) {
			t.Errorf("%s:\n got %s\nwant %s", name, g.Canonical(), w.Canonical())
		}
	}
}

// TestRestRoundTrip reads back what was sent: nothing that the file says may
// be lost or look different.
func TestRestRoundTrip(t *testing.T) {
	for name, a := range restAssets(t) {
		roundTrip(t, name, a)
	}
}

func roundTrip(t interface {
	Helper()
	Errorf(string, ...any)
}, name string, a *asset.Asset,
) {
	t.Helper()
	rest, err := ToREST(a, &Encoder{Scope: goldenScope, Late: true})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	v := VariantOf(a)
	live, err := v.Table().FromREST(&Decoder{Scope: goldenScope}, goldenScope.ARM(a.ID), rest)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if live.Variant != a.Variant || live.ID != a.ID {
		t.Errorf("%s: %s %q is read back as %s %q", name, a.ID, a.Variant, live.ID, live.Variant)
		return
	}
	if want := readable(v.AllFields(), a.Body); !Same(v, want, live.Body) {
		t.Errorf("%s is read back as something else:\nwant %s\nlive %s\nrest %s", name, want.Canonical(), live.Body.Canonical(), rest.Canonical())
	}
}

// readable is the part of a body that the service can give back: fields that
// are sent.
func readable(rows []Field, body *asset.Value) *asset.Value {
	out := asset.NewMap()
	for k, item := range body.Entries() {
		f := fieldOf(rows, k)
		if f == nil {
			continue
		}
		if _, nested := f.As.(Object); f.REST != "" || nested {
			out.Set(k, item)
		}
	}
	return out
}
