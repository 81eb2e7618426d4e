package export_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// TestExportMeansTheSame draws assets of all forms with any of their fields,
// and holds four laws: what is exported reads back; it means what is live; a
// new asset of it is as the live one; and exporting that gives the same bytes.
func TestExportMeansTheSame(t *testing.T) {
	texts := sampleTexts(t)
	delete(texts, "model-upload")                                                                          // names a folder that is not there
	maps.DeleteFunc(texts, func(name, _ string) bool { return strings.HasPrefix(name, "component-flow") }) // are not exported
	names := slices.Sorted(maps.Keys(texts))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "sample")
		assets := workspaceOf(t, name, texts[name])
		opt := export.Options{Scope: scope, FromJobs: true, Kinds: []asset.Kind{assets[0].ID.Kind}}
		r := export.Files(assets, nil, opt)
		if len(r.Assets) != 1 {
			t.Fatalf("%s: left %v, want it exported", name, r.Left)
		}
		_, want := meaning(t, fsOf(r), assets)
		got := want.Get(assets[0].ID)
		if got == nil {
			t.Fatalf("%s: %s is not in\n%s", name, assets[0].ID, text(r))
		}
		v := kind.VariantOf(got)
		if got.Variant != assets[0].Variant || !kind.Same(v, got.Body, assets[0].Body) {
			t.Fatalf("%s: means\n%s\nlive is\n%s\nin\n%s", name, canon(got.Body), canon(assets[0].Body), text(r))
		}
		fresh := echo(t, got)
		if served := served(kind.Object{Fields: v.AllFields()}, fresh.Body); !kind.Same(v, assets[0].Body, served) {
			t.Fatalf("%s: a new one is\n%s\nlive is\n%s\nin\n%s", name, canon(served), canon(assets[0].Body), text(r))
		}
		again := slices.Clone(assets)
		again[0] = fresh
		if b := text(export.Files(again, nil, opt)); b != text(r) {
			t.Fatalf("%s: second export is\n%s\nwant\n%s", name, b, text(r))
		}
	})
}

// workspaceOf is the live asset of a sample with some of its fields, and those
// that were lifted out of it.
func workspaceOf(t *rapid.T, name, sample string) []*asset.Asset {
	a := readSample(t, name, sample)
	body := asset.NewMap()
	for _, f := range kind.VariantOf(a).AllFields() {
		if item := a.Body.Get(f.YAML); item != nil && (f.Required || rapid.IntRange(0, 3).Draw(t, f.YAML) > 0) {
			body.Set(f.YAML, item)
		}
	}
	if part := *a; valid(&part, body) {
		a.Body = body
	}
	want := resolved(t, a)
	out := []*asset.Asset{echo(t, want[0])}
	for _, lifted := range want[1:] {
		out = append(out, echo(t, lifted))
	}
	return out
}

// served is a body with what the service fills in by itself.
func served(t kind.Type, v *asset.Value) *asset.Value {
	parent, ok := t.(kind.Parent)
	if !ok {
		return v
	}
	out := v
	parent.Children(v, func(c kind.Child) {
		if got := served(c.Type, c.Value); c.Key == "" {
			out = got
		} else if got != c.Value {
			out = parent.With(out, c.Key, got)
		}
	})
	o, ok := t.(kind.Object)
	if !ok {
		return out
	}
	out = out.Clone()
	for _, f := range o.Fields {
		item := f.Service
		if inner, ok := f.As.(kind.Object); ok && item == nil {
			item = served(inner, asset.NewMap())
		}
		if !out.Has(f.YAML) && item != nil && !(item.Type() == asset.Map && item.Len() == 0) {
			out.Set(f.YAML, item)
		}
	}
	return out
}

// valid reports whether a file may hold the body: some fields need others, and
// some mean something where they are not (the code of a Spark program).
func valid(a *asset.Asset, body *asset.Value) bool {
	a.Body = body
	c := &kind.Checker{Literals: true}
	got := kind.VariantOf(a).Read(c, tree.Document(a))
	for key := range got.Body.Entries() {
		if !body.Has(key) {
			return false
		}
	}
	return len(c.Problems.Errors()) == 0
}

func canon(v *asset.Value) string { return string(v.Canonical()) }

func text(r export.Result) string {
	out := ""
	for _, f := range r.Files {
		out += fmt.Sprintf("--- %s\n%s", f.Path, f.Bytes)
	}
	return out
}
