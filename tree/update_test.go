package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

const envFile = `# who looks after it: team a
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json  # editor help
name: train
version: 3   # bump me

# why this image
image: 'mcr.microsoft.com/x:1'   # pinned
tags: {team: a, cost: "12"}
conda_file:
  channels:
  - conda-forge
  # what we need
  dependencies:
  - python=3.10   # old
  - numpy
  # the rest comes from pip
  - pip:
    - torch

# end of packages
description: >-
  Folded text
  of two lines.
# the end
`

func readOne(t *testing.T, text string) *asset.Asset {
	t.Helper()
	tr, bad := Read(files("f.yml", text), Options{})
	if err := bad.Err(); err != nil || len(tr.Assets) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	return tr.Assets[0]
}

// changed is the lines that differ, as -old and +new.
func changed(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	var out []string
	for _, l := range x {
		out = append(out, "-"+l)
	}
	for _, l := range y {
		out = append(out, "+"+l)
	}
	return strings.Join(out, "\n")
}

func TestUpdateTouchesOnlyWhatDiffers(t *testing.T) {
	str := asset.NewString
	for _, tc := range []struct {
		name string
		do   func(a *asset.Asset)
		want string
	}{
		{"nothing", func(*asset.Asset) {}, ""},
		{
			"quoted scalar", func(a *asset.Asset) { a.Body.Set("image", str("mcr.microsoft.com/x:2")) },
			"-image: 'mcr.microsoft.com/x:1'   # pinned\n+image: 'mcr.microsoft.com/x:2'   # pinned",
		},
		{"version", func(a *asset.Asset) { a.ID.Version = "4" }, "-version: 3   # bump me\n+version: 4   # bump me"},
		{"version text", func(a *asset.Asset) { a.ID.Version = "1.10" }, "-version: 3   # bump me\n+version: \"1.10\"   # bump me"},
		{
			"flow map", func(a *asset.Asset) { a.Body.Get("tags").Set("new", str("x")) },
			"-tags: {team: a, cost: \"12\"}\n+tags: {cost: \"12\", new: x, team: a}",
		},
		{
			"list item", func(a *asset.Asset) { a.Body.GetPath("conda_file", "dependencies").Items()[0] = str("python=3.11") },
			"-  - python=3.10   # old\n+  - python=3.11   # old",
		},
		{"list append", func(a *asset.Asset) { a.Body.GetPath("conda_file", "channels").Append(str("defaults")) }, "+  - defaults"},
		{"deep", func(a *asset.Asset) {
			a.Body.GetPath("conda_file", "dependencies").Items()[2].Get("pip").Append(str("scipy"))
		}, "+    - scipy"},
		{"list remove", func(a *asset.Asset) {
			d := a.Body.GetPath("conda_file", "dependencies")
			a.Body.Get("conda_file").Set("dependencies", asset.NewList(d.Items()[0], d.Items()[2]))
		}, "-  - numpy"},
		{"new field", func(a *asset.Asset) { a.Body.Set("os_type", str("windows")) }, "+os_type: windows"},
		{"remove field", func(a *asset.Asset) {
			a.Body.Delete("image")
			a.Body.Set("build", asset.NewMap().Set("path", str("x")))
			a.Body.Delete("conda_file")
		}, "*"},
		{
			"folded", func(a *asset.Asset) { a.Body.Set("description", str("one line")) },
			"-description: >-\n-  Folded text\n-  of two lines.\n+description: one line",
		},
		{
			"block", func(a *asset.Asset) { a.Body.Set("description", str("a\nb\n")) },
			"-description: >-\n-  Folded text\n-  of two lines.\n+description: |\n+  a\n+  b",
		},
		{"drop", func(a *asset.Asset) { a.Body.Delete("tags") }, "-tags: {team: a, cost: \"12\"}"},
	} {
		a := readOne(t, envFile)
		tc.do(a)
		for _, eol := range []string{"\n", "\r\n"} {
			in := strings.ReplaceAll(envFile, "\n", eol)
			out, err := Update([]byte(in), a)
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				continue
			}
			got := changed(envFile, strings.ReplaceAll(string(out), eol, "\n"))
			if tc.want != "*" && got != tc.want {
				t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
			}
			if strings.Count(string(out), "\r\n") != strings.Count(string(out), "\n")*(len(eol)-1) {
				t.Errorf("%s: line ends are mixed", tc.name)
			}
			back := readOne(t, string(out))
			if !back.Body.Equal(a.Body) || back.ID != a.ID {
				t.Errorf("%s: says something else:\n%s", tc.name, out)
			}
			if tc.want == "*" && !strings.Contains(string(out), "# who looks after it") {
				t.Errorf("%s: comments are gone:\n%s", tc.name, out)
			}
		}
	}
}

func TestUpdateKeepsOtherDocuments(t *testing.T) {
	two := "# first\nname: a\nimage: x\n--- # second\nname: b\nimage: y # keep\n"
	tr, bad := Read(files("f.yml", two), Options{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	tr.Assets[0].Body.Set("description", asset.NewString("new"))
	out, err := Update([]byte(two), tr.Assets[0])
	if err != nil || changed(two, string(out)) != "+description: new" {
		t.Errorf("%v\n%s", err, out)
	}
	tr.Assets[1].Body.Set("image", asset.NewString("z"))
	out, err = Update([]byte(two), tr.Assets[1])
	if err != nil || changed(two, string(out)) != "-image: y # keep\n+image: z # keep" {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := Update([]byte("name: q\nimage: x\n---\nname: r\nimage: x\n"), tr.Assets[0]); err == nil {
		t.Error("an asset that is not there was updated")
	}
}

func TestUpdateKeepsVariables(t *testing.T) {
	file := "name: a\nimage: r/${{ var.x }}:1\ndescription: old\n"
	vars := map[string]*asset.Value{"x": asset.NewString("west")}
	a := readOne(t, "name: a\nimage: r/west:1\ndescription: new\n")
	out, err := UpdateWith([]byte(file), a, vars)
	if err != nil || string(out) != strings.Replace(file, "old", "new", 1) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUpdateCorpus(t *testing.T) {
	dir, _ := corpus(t)
	tr, _ := Read(os.DirFS(dir), Options{Literals: true})
	n, whole := 0, 0
	for _, f := range tr.Files {
		if f.Bad || len(f.Assets) != 1 {
			continue
		}
		n++
		data, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		a := f.Assets[0]
		out, err := Update(data, a)
		if err != nil || string(out) != string(data) {
			t.Errorf("%s: %v\n%s", f.Path, err, changed(string(data), string(out)))
			continue
		}
		if f := kind.VariantOf(a).Field("tags"); f == nil || f.REST == "" {
			continue // no tags, or only as another name of something else
		}
		tags := asset.NewMap()
		for k, v := range a.Body.Get("tags").Entries() {
			tags.Set(k, v)
		}
		a.Body = a.Body.Clone().Set("tags", tags.Set("mlsync_test", asset.NewString("010")))
		out, err = Update(data, a)
		if err != nil {
			t.Errorf("%s: %v", f.Path, err)
			continue
		}
		if lines := strings.Count(changed(string(data), string(out)), "\n") + 1; lines > 6 {
			whole++
			t.Errorf("%s: %d lines\n%s", f.Path, lines, changed(string(data), string(out)))
		}
	}
	t.Logf("%d files, %d written anew", n, whole)
}
