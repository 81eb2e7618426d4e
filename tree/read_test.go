package tree

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
)

// files makes a file system of pairs of path and content.
func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func ids(t *Tree) string {
	var out []string
	for _, a := range t.Assets {
		out = append(out, a.ID.String())
	}
	return strings.Join(out, " ")
}

const envURL = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"

func TestReadPlainFiles(t *testing.T) {
	tr, bad := Read(files(
		"a/env.YAML", envURL+"name: train\nversion: 010\nimage: x:1\n",
		"a/conda.yml", "name: c\ndependencies: [python]\n",
		"a/broken-data.yml", "x: [1\ny: {{z}}\n",
		"b.yml", "name: noschema\nimage: y\n---\nname: second\nimage: y\nversion: 1.10\n",
		".github/workflows/x.yml", "on: push\n",
		"mlsync.yaml", "targets: {}\n",
		"README.md", "# hi\n",
		"environments/gpu.yml", "name: gpu\nbuild: {path: .}\n",
		"flow.yml", "$schema: https://azuremlschemas.azureedge.net/promptflow/latest/Flow.schema.json\nname: x\n",
		"c.yml", "# yaml-language-server: $schema=https://x/latest/environment.schema.json\nname: hinted\nimage: z\n",
	), Options{})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if got, want := ids(tr), "environment/train:8 environment/noschema environment/second:1.1 environment/hinted environment/gpu"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, f := range tr.Files {
		if f.Why == "" {
			t.Errorf("%s: no reason", f.Path)
		}
		if strings.HasPrefix(f.Path, ".") || f.Path == "mlsync.yaml" || f.Path == "README.md" {
			t.Errorf("%s was looked at", f.Path)
		}
	}
	if a := tr.Assets[1]; !a.Auto || a.Pos.String() != "b.yml:1:1" {
		t.Errorf("%v %s", a.Auto, a.Pos)
	}
}

func TestOneBadFileHidesNothing(t *testing.T) {
	_, bad := Read(files(
		"1.yml", envURL+"name: a\n\timage: x\n",
		"2.yml", envURL+"name: b\nimmage: x\n",
		"3.yml", envURL+"name: {{NAME}}\nimage: x\n",
		"4.yml", envURL+"name: d\nimage: x\nversion: 2023-05-01\n",
		"5.yml", envURL+"name: d\nimage: x\nimage: y\n",
		"6.yml", "name: e\nimage: 'x\n",
		"7.yml", envURL+"version: 1\nimage: x\n",
	), Options{})
	seen := map[string]bool{}
	for _, p := range bad {
		seen[p.Pos.File] = true
		if p.Pos.Line == 0 || p.Pos.Col == 0 {
			t.Errorf("%s has no place", p)
		}
	}
	for i := 1; i <= 7; i++ {
		if !seen[fmt.Sprintf("%d.yml", i)] {
			t.Errorf("nothing about %d.yml in:\n%v", i, bad)
		}
	}
}

func TestDuplicateIdentity(t *testing.T) {
	tr, bad := Read(files("a.yml", envURL+"name: a\nimage: x\nversion: 1\n", "b.yml", envURL+"name: a\nimage: y\nversion: '1'\n"), Options{})
	if len(bad) != 1 || bad[0].String() != "b.yml:1:1: environment/a:1 is there twice: first at a.yml:1:1 (rename or remove one of them)" {
		t.Error(bad)
	}
	if len(tr.Assets) != 1 {
		t.Error(ids(tr))
	}
}

func TestIncludeExcludeRulesAndLimits(t *testing.T) {
	env := func(name string) string { return envURL + "name: " + name + "\nimage: x\n" }
	fsys := files("a/x.yml", env("x"), "a/deep/er/y.yml", env("y"), "b/z.yml", env("z"), "b/w.yml", env("w"), "over/prod/p.yml", env("p"))
	for _, tc := range []struct {
		opts Options
		want string
	}{
		{Options{}, "y x w z p"},
		{Options{Include: []string{"a"}}, "y x"},
		{Options{Include: []string{"a/*.yml", "b/**"}, Exclude: []string{"**/w.yml"}}, "x z"},
		{Options{Exclude: []string{"a/**", "over"}}, "w z"},
		{Options{Apart: []string{"over/prod"}}, "y x w z"},
		{Options{KindRules: []KindRule{{Path: "b/**", Ignore: true}}}, "y x p"},
	} {
		tr, bad := Read(fsys, tc.opts)
		var names []string
		for _, a := range tr.Assets {
			names = append(names, a.ID.Name)
		}
		if got := strings.Join(names, " "); got != tc.want || len(bad) > 0 {
			t.Errorf("%+v: got %q, want %q; %v", tc.opts, got, tc.want, bad)
		}
	}
	_, bad := Read(fsys, Options{Parse: ParseOptions{Limits: Limits{Files: 2}}})
	if len(bad) != 1 || bad[0].Code != "too_large" {
		t.Error(bad)
	}
}

func TestVariables(t *testing.T) {
	vars := map[string]*asset.Value{"region": asset.NewString("west"), "port": asset.NewInt(5001), "tags": asset.NewMap().Set("a", asset.NewString("b"))}
	tr, bad := Read(files("a.yml", envURL+`name: e-${{ var.region }}
image: r/${{ var.region }}:${{var.port}}
tags: ${{ var.tags }}
description: ${{inputs.x}} stays
inference_config:
  liveness_route: {port: "${{ var.port }}", path: /}
  readiness_route: {port: 1, path: /}
  scoring_route: {port: 1, path: /}
`), Options{Vars: vars})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	a := tr.Assets[0]
	if got := string(a.Body.Get("image").Canonical()) + string(a.Body.Get("tags").Canonical()) + a.ID.Name + a.Body.Get("description").Str(); got != `"r/west:5001"{"a":"b"}e-west${{inputs.x}} stays` {
		t.Error(got)
	}
	if v := a.Body.GetPath("inference_config", "liveness_route", "port"); v.Type() != asset.Int || v.Pos().Line != 7 {
		t.Error(v.Type(), v.Pos())
	}
	_, bad = Read(files("a.yml", envURL+"name: x\nimage: ${{ var.regoin }}\ndescription: a ${{ secret.K }}\ntags: {a: 'x${{ var.tags }}', b: '${{ var.1 }}'}\n"), Options{Vars: vars})
	want := `a.yml:3:8: there is no variable "regoin" (did you mean "region"?)
a.yml:4:14: ${{ secret.K }} must be the whole value, not a part of it (make the whole value one secret)
a.yml:5:11: the variable tags is a map and cannot stand within a text
a.yml:5:34: "1" cannot be the name of a variable or secret (use letters, digits, dots, dashes and underscores)`
	if bad.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", bad.Error(), want)
	}
}

func TestOverlays(t *testing.T) {
	base := files(
		"envs/a.yml", envURL+"name: a\nversion: 1\nimage: x\ntags: {k: v, l: w}\n",
		"envs/b.yml", envURL+"name: b\nimage: x\n",
		"prod/environments/a.yml", "name: a\nimage: y\ntags: {k: null, m: n}\n",
		"prod/b.yml", envURL+"name: b\nversion: 7\n",
		"prod/c.yml", envURL+"name: c\nimage: new\n",
	)
	tr, bad := Read(base, Options{Overlays: []string{"prod"}})
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if got, want := ids(tr), "environment/a:1 environment/b:7 environment/c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	a := tr.Assets[0].Body
	if got := string(a.Canonical()); got != `{"image":"y","tags":{"l":"w","m":"n"}}` {
		t.Error(got)
	}
	if p := a.Get("image").Pos().String(); p != "prod/environments/a.yml:2:8" {
		t.Error(p)
	}
	base["prod/d.yml"] = files("x", envURL+"name: aa\ntags: {x: y}\n")["x"]
	_, bad = Read(base, Options{Overlays: []string{"prod"}})
	if len(bad) != 1 || bad[0].Code != "bad_overlay" || bad[0].Hint != `did you mean "a"?` {
		t.Error(bad)
	}
}

func TestSetRules(t *testing.T) {
	tr, bad := Read(files("x/a.yml", envURL+"name: a\nimage: x\n", "y/b.yml", envURL+"name: b\nimage: x\n"), Options{Sets: []SetRule{
		{Kind: "environment", Path: "x/**", Set: asset.NewMap().Set("description", asset.NewString("set"))},
		{Kind: "model", Set: asset.NewMap().Set("description", asset.NewString("wrong"))},
	}})
	if len(bad) > 0 || tr.Assets[0].Body.Get("description").Str() != "set" || tr.Assets[1].Body.Has("description") {
		t.Error(bad, string(tr.Assets[0].Body.Canonical()))
	}
}

// TestUTF16 wants a problem of an asset that was saved as UTF-16, in either
// order, and none of a file that is no asset.
func TestUTF16(t *testing.T) {
	save := func(text string, big bool) *fstest.MapFile {
		out := []byte{0xff, 0xfe}
		if big {
			out = []byte{0xfe, 0xff}
		}
		for _, r := range text {
			if big {
				out = append(out, 0, byte(r))
			} else {
				out = append(out, byte(r), 0)
			}
		}
		return &fstest.MapFile{Data: out}
	}
	const env = "$schema: https://x/environment.schema.json\nname: e\nimage: x:1\n"
	tr, bad := Read(fstest.MapFS{"a.yml": save(env, false), "b.yml": save(env, true), "c.yml": save("hello: world\n", false)}, Options{})
	want := "a.yml:1:1: the file is UTF-16 (save it as UTF-8)\nb.yml:1:1: the file is UTF-16 (save it as UTF-8)"
	if bad.Error() != want || len(tr.Files) != 3 || !tr.Files[0].Bad || tr.Files[2].Bad {
		t.Errorf("got\n%v", bad)
	}
}
