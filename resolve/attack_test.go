package resolve_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

// pipelines are files that each name the next one n times.
func pipelines(deep, n int) files {
	f := files{"p.yml": pipelineFile + "  a: {type: pipeline, component: c0.in}\n"}
	for i := range deep {
		text := strings.Replace(innerFile, "inputs: {data: {type: uri_folder}}\noutputs: {res: {type: mltable}}\n", "", 1)
		for j := range n {
			text += fmt.Sprintf("  s%d: {type: pipeline, component: c%d.in}\n", j, i+1)
		}
		f[fmt.Sprintf("c%d.in", i)] = text
	}
	f[fmt.Sprintf("c%d.in", deep)] = strings.Replace(innerFile, "inputs: {data: {type: uri_folder}}\noutputs: {res: {type: mltable}}\n", "", 1) + "  s: {type: command, command: ls, environment: 'azureml:e:1'}\n"
	return f
}

// Files that name files that name files are ten to the twelfth in a few
// kilobytes; the number is bounded, as is the depth.
func TestAttackL6FilesThatNameFiles(t *testing.T) {
	for more, want := range map[int]int{0: 0, 1: 1, 5000: 1} {
		deep := 3 // 1 + 4 + 16 + 64 files
		if more > 1 {
			deep = 12
		}
		in := input(t, pipelines(deep, 4), lab())
		if in.Included = 85 - more; more > 1 {
			in.Included = 500
		}
		_, bad := resolve.Resolve(t.Context(), in)
		said := 0
		for _, p := range bad {
			if p.Code == "too_large" && strings.Contains(p.Text, fmt.Sprintf("more than %d files", in.Included)) {
				said++
			}
		}
		if said != want || want == 0 && len(bad) > 0 {
			t.Errorf("%d files beyond: said %d times among %d problems", more, said, len(bad))
		}
	}
	if _, bad := resolveAll(t, pipelines(limit.Nested-1, 1), lab()); len(bad.Errors()) > 0 {
		t.Errorf("at the limit of depth: %v", bad)
	}
	if _, bad := resolveAll(t, pipelines(limit.Nested, 1), lab()); !strings.Contains(bad.Error(), "includes itself through other files") {
		t.Errorf("beyond the limit of depth: %v", bad)
	}
}

// Nothing outside of the repository is read or uploaded, whatever the field that
// names it and however it is spelled, straight or through links.
func TestAttackP2PathsOutOfTheRepository(t *testing.T) {
	root := t.TempDir()
	writeAll(t, root, map[string]string{"x": "canary", "secret/x": "canary", "repo/c/src/a.py": "x"})
	repo := filepath.Join(root, "repo")
	for link, to := range map[string]string{"out": "../x", "abs": filepath.Join(root, "x"), "folder": "../secret", "chain": "chain2", "chain2": "out", "loop": "loop", "c/up": "../.."} {
		if err := os.Symlink(to, filepath.Join(repo, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{
		"../../x", filepath.Join(root, "x"), `..\..\x`, `C:\x`, `\\host\share`, "../../../../../../../../../../etc/passwd", "a/../../../x", "./../../x", "file://" + filepath.Join(root, "x"), "file:../../x",
		"../out", "../abs", "../folder", "../chain", "../loop", "../c/up/x", "../c/up/../../x", "%2e%2e/%2e%2e/x", "../../repo/../x",
	} {
		for field, text := range map[string]string{
			"path":       data("uri_folder", "'"+p+"'"),
			"code":       strings.Replace(strings.Replace(stepFile, "./src", "'"+p+"'", 1), "name: step", "name: step\nversion: 1", 1),
			"includes":   strings.Replace(strings.Replace(stepFile, "./src", "../c/src", 1), "name: step", "name: step\nversion: 1\nadditional_includes: ['"+p+"']", 1),
			"component":  pipelineFile + "  a: {component: '" + p + "'}\n",
			"conda_file": "$schema: https://x/environment.schema.json\nname: e2\nversion: 1\nimage: x\nconda_file: '" + p + "'\n",
			"build.path": "$schema: https://x/environment.schema.json\nname: e2\nversion: 1\nbuild: {path: '" + p + "'}\n",
		} {
			writeAll(t, repo, map[string]string{"f/f.yml": text})
			fsys := os.DirFS(repo) // follows links, other than those that mlsync reads
			got, bad := tree.Read(fsys, tree.Options{})
			want, more := resolve.Resolve(t.Context(), resolve.Input{FS: fsys, Assets: got.Assets, Scope: scope, Facts: lab(), Document: document})
			bad.Append(more)
			if strings.Contains(sentOf(t, want), "canary") {
				t.Errorf("%s: %q is read", field, p)
			}
			if len(bad.Errors()) == 0 && len(want.Uploads) > 0 {
				t.Errorf("%s: %q is uploaded and nothing is said", field, p)
			}
			if strings.Contains(bad.Error(), "canary") {
				t.Errorf("%s: %q is quoted: %v", field, p, bad)
			}
		}
	}
}

// sentOf is what would be sent: the bodies and the bytes of the uploads.
func sentOf(t *testing.T, want *resolve.Want) string {
	t.Helper()
	var out strings.Builder
	for _, a := range want.Set.All() {
		out.Write(a.Body.Canonical())
		for _, u := range want.Uploads[a.ID] {
			for _, f := range u.Content.Files {
				r, err := f.Open()
				if err != nil {
					continue
				}
				_, _ = io.Copy(&out, r)
				_ = r.Close()
			}
		}
	}
	return out.String()
}

func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
