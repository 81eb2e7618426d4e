package export_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

var scope = kind.Scope{Subscription: "s1", ResourceGroup: "rg", Workspace: "ws", Location: "westeurope"}

// read is the asset of a YAML document in normal form.
func read(t fataler, text string) *asset.Asset {
	t.Helper()
	got, bad := tree.Read(fstest.MapFS{"a.yml": {Data: []byte(text)}}, tree.Options{})
	if err := bad.Errors().Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(got.Assets) != 1 {
		t.Fatalf("%d assets in\n%s", len(got.Assets), text)
	}
	return got.Assets[0]
}

// live is what a workspace answers to the creation of the asset of a YAML
// document that holds no local paths.
func live(t fataler, text string) *asset.Asset {
	t.Helper()
	return echo(t, read(t, text))
}

// echo sends an asset and reads it back.
func echo(t fataler, a *asset.Asset) *asset.Asset {
	t.Helper()
	rest, err := kind.ToREST(a, &kind.Encoder{Scope: scope, Late: true})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := rest.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := kind.Of(a.ID.Kind).FromREST(&kind.Decoder{Scope: scope}, scope.ARM(a.ID), rest)
	if err != nil {
		t.Fatal(err)
	}
	got.Raw = raw
	return got
}

// facts knows the assets of a workspace that has been read completely. With
// all, everything else is there as well.
type facts struct {
	set *asset.Set
	all bool
}

func (f facts) Exists(id asset.ID) resolve.Status {
	if f.all || f.set.Get(id) != nil {
		return resolve.Present
	}
	return resolve.Absent
}

func (f facts) Asset(id asset.ID) (*asset.Asset, resolve.Status) { return f.set.Get(id), f.Exists(id) }

func (f facts) Versions(c asset.ID) ([]*asset.Asset, resolve.Status) {
	var out []*asset.Asset
	for _, a := range f.set.All() {
		if a.ID.Container() == c {
			out = append(out, a)
		}
	}
	return out, resolve.Present
}

func (f facts) Latest(c asset.ID) (string, resolve.Status) {
	all, _ := f.Versions(c)
	switch {
	case len(all) == 0 && f.all:
		return "3", resolve.Present
	case len(all) == 0:
		return "", resolve.Absent
	}
	return all[len(all)-1].ID.Version, resolve.Present
}

// Next implements resolve.Facts.
func (f facts) Next(asset.ID) (string, resolve.Status) { return "99", resolve.Present }

func (f facts) Datastore(string) (resolve.Datastore, resolve.Status) {
	return resolve.Datastore{Account: "acct", Container: "cont", Endpoint: "core.windows.net", Protocol: "https"}, resolve.Present
}

func (facts) Part(*asset.Asset, asset.ID) string { return "" }

func (f facts) Code(hash string, _ asset.ID) string {
	for _, a := range f.set.All() {
		if a.ID.Kind == "code" && a.Body.Get("hash_sha256").Str() == hash {
			return a.ID.Name
		}
	}
	return ""
}

func document(data []byte, file string) (*asset.Value, problem.List) {
	docs, bad := tree.Parse(data, file, tree.ParseOptions{})
	if len(docs) == 0 {
		return nil, bad
	}
	return docs[0], bad
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// meaning is what files mean in the workspace of the live assets, in which
// everything that they refer to is there.
func meaning(t fataler, files fs.FS, assets []*asset.Asset) (*tree.Tree, *asset.Set) {
	t.Helper()
	got, bad := tree.Read(files, tree.Options{Literals: true, Manage: kind.OptIns()})
	if err := bad.Errors().Err(); err != nil {
		t.Fatal(err)
	}
	want, bad := resolve.Resolve(context.Background(), resolve.Input{
		FS: files, Assets: got.Assets, Scope: scope,
		Facts: facts{asset.NewSet(assets...), true}, Document: document, Literals: true,
	})
	if err := bad.Errors().Err(); err != nil {
		t.Fatal(err)
	}
	for id, why := range want.Unresolved {
		t.Fatalf("%s: %s", id, why)
	}
	return got, want.Set
}

func fsOf(r export.Result) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range r.Files {
		out[f.Path] = &fstest.MapFile{Data: f.Bytes}
	}
	return out
}

func have(t fataler, files fstest.MapFS, assets []*asset.Asset) *export.Have {
	t.Helper()
	got, want := meaning(t, files, assets)
	return &export.Have{Tree: got, Want: want, FS: files}
}

// sampleTexts are documents of every form, with every field.
func sampleTexts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range []string{"rest", "runs"} {
		files, err := filepath.Glob("../kind/testdata/" + dir + "/*.yml")
		if err != nil || len(files) < 10 {
			t.Fatal(len(files), err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimSuffix(filepath.Base(f), ".yml")] = string(data)
		}
	}
	return out
}

// readSample is the asset of a sample, which may hold secrets in clear and
// leave its kind to its folder.
func readSample(t fataler, name, text string) *asset.Asset {
	t.Helper()
	folder := "any"
	for _, table := range kind.All() {
		if strings.HasPrefix(name, string(table.Kind)+"-") {
			folder = table.Plural
		}
	}
	got, bad := tree.Read(fstest.MapFS{folder + "/a.yml": {Data: []byte(text)}}, tree.Options{Literals: true, Manage: kind.OptIns()})
	if err := bad.Errors().Err(); err != nil || len(got.Assets) != 1 {
		t.Fatalf("%d assets, %v in\n%s", len(got.Assets), err, text)
	}
	return got.Assets[0]
}

// resolved is what an asset means, with those that are lifted out of it
// behind it.
func resolved(t fataler, a *asset.Asset) []*asset.Asset {
	t.Helper()
	want, bad := resolve.Resolve(context.Background(), resolve.Input{
		FS: fstest.MapFS{}, Assets: []*asset.Asset{a}, Scope: scope,
		Facts: facts{&asset.Set{}, true}, Document: document, Literals: true,
	})
	if err := bad.Errors().Err(); err != nil {
		t.Fatal(err)
	}
	var out []*asset.Asset
	for _, got := range want.Set.All() {
		if got.Pos == a.Pos && !got.Anonymous {
			out = append([]*asset.Asset{got}, out...)
			continue
		}
		out = append(out, got)
	}
	return out
}
