package resolve_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/resolve"
)

// everything is a tree with each way in which assets depend on each other.
func everything() files {
	return files{
		"envs/e.yml":        env("e", "", "image-1") + "conda_file: ../conda.yml\n",
		"envs/f.yml":        env("f", "3", "image-1"),
		"envs/g.yml":        envSchema + "name: g\nbuild: {path: ../docker}\n",
		"conda.yml":         "dependencies: [python=3.11]\n",
		"docker/Dockerfile": "FROM x",
		"data/d.yml":        data("uri_folder", "./local"),
		"data/local/a":      "1",
		"jobs/a.yml":        job("azureml:e@latest", "code: ../src", "inputs: {d: {type: uri_folder, path: 'azureml:d@latest'}}"),
		"jobs/b.yml":        job("{image: base}", "code: ../twin"),
		"jobs/c.yml":        job("file:../shared.yml", "code: ../src", "inputs: {d: {type: uri_folder, path: ../data/local}}"),
		"jobs/d.yml":        job("{image: base, description: the same}"),
		"shared.yml":        "image: base\n",
		"src/train.py":      "print(1)",
		"twin/train.py":     "print(1)",
		"ep/endpoint.yml":   endpoint + "traffic: {blue: 100}\n",
		"ep/blue.yml":       deployment("model: {name: m, path: ../model}", "environment: azureml:g@latest", "code_configuration: {code: ../src, scoring_script: train.py}"),
		"model/a":           "x",
	}
}

// stocked is a workspace in which everything finds what it needs.
func stocked() *world {
	w := &world{stores: map[string]resolve.Datastore{"workspaceblobstore": {Account: "acc", Container: "box", Endpoint: "core.windows.net", Protocol: "https"}}}
	return w.add(liveEnv("e", "1", "other"), liveEnv("f", "2", "other"))
}

// What a tree means does not depend on the order in which it was read.
func TestOrderOfAssetsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := input(t, everything(), stocked())
		sorted := resolveInput(t, in)
		in.Assets = rapid.Permutation(in.Assets).Draw(t, "order")
		if got, want := show(resolveInput(t, in)), show(sorted); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// Names of files mean nothing to the versions of what they hold.
func TestVersionsDoNotDependOnFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		explicit := rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 4, rapid.ID[int]).Draw(t, "explicit")
		live := rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 4, rapid.ID[int]).Draw(t, "live")
		w := &world{}
		for _, v := range live {
			w.add(liveEnv("e", fmt.Sprint(v), fmt.Sprintf("image-%d", v)))
		}
		names := rapid.Permutation([]string{"a.yml", "b.yml", "c.yml", "d.yml", "z/e.yml"}).Draw(t, "names")
		f := files{names[0]: env("e", "", "new")}
		for i, v := range explicit {
			f[names[i+1]] = env("e", fmt.Sprint(v), fmt.Sprintf("image-%d", v))
		}
		want := good(t, f, w)
		var got string
		for _, a := range want.Set.All() {
			if a.Body.Get("image").Text() == "new" {
				got = a.ID.Version
			}
		}
		next := 1
		for _, v := range live {
			next = max(next, v+1)
		}
		for slices.Contains(explicit, next) {
			next++
		}
		if got != fmt.Sprint(next) {
			t.Errorf("version %s, want %d", got, next)
		}
	})
}

// Whatever cannot be read, nothing becomes a problem by it: an asset is
// resolved as if all had been read, or it is unresolved. (What stands in several
// places is described by the first that is resolved.)
func TestUnknownIsNeverAbsent(t *testing.T) {
	full := good(t, everything(), stocked())
	rapid.Check(t, func(t *rapid.T) {
		w := stocked()
		w.unknown = map[string]bool{}
		for _, what := range rapid.SliceOf(rapid.SampledFrom([]string{"environment", "environment/e", "environment/f", "environment/e:1", "datastore", "model", "model/m", "data", "data/d", "data/d:1"})).Draw(t, "unknown") {
			w.unknown[what] = true
		}
		want, bad := resolveAll(t, everything(), w)
		if len(bad) > 0 {
			t.Fatalf("problems: %v", bad)
		}
		for _, a := range want.Set.All() {
			if other := full.Set.Get(a.ID); other == nil || !a.Anonymous && !other.Body.Equal(a.Body) {
				t.Errorf("%s is wanted only because something could not be read", a.ID)
			}
		}
	})
}
