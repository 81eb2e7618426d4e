package resolve_test

import (
	"regexp"
	"testing"

	"mlsync.dev/mlsync/asset"
)

// taxi is a job with all that its name depends on.
func taxi() files {
	return files{
		"envs/e.yml":      env("e", "", "image-1"),
		"jobs/taxi.yml":   job("azureml:e@latest", "code: ../src", "inputs:", "  n: 5", "  d: {type: uri_file, path: ../data/d.csv}"),
		"src/train.py":    "print(1)",
		"src/.amlignore":  "*.log\n",
		"data/d.csv":      "1,2\n",
		"unrelated/x.txt": "x",
	}
}

// A run is made again exactly if what it is made of changed: the resolved
// body, and the content and versions that it refers to.
func TestJobName(t *testing.T) {
	first := jobID(t, good(t, taxi(), &world{}))
	if !regexp.MustCompile(`^taxi-[0-9a-f]{12}$`).MatchString(first) {
		t.Fatalf("name %q, want taxi- and 12 hexadecimal digits", first)
	}
	for _, test := range []struct {
		name    string
		change  files
		remove  string
		changed bool
	}{
		{"nothing", nil, "", false},
		{"a file that is not code", files{"unrelated/x.txt": "y"}, "", false},
		{"a file that is ignored", files{"src/out.log": "y"}, "", false},
		{"comments and order", files{"jobs/taxi.yml": "# a job\n" + job("azureml:e@latest", "inputs:", "  d: {path: ../data/d.csv, type: uri_file}", "  n: \"5\"", "code: ../src/")}, "", false},
		{"code", files{"src/train.py": "print(2)"}, "", true},
		{"one more file of code", files{"src/b.py": ""}, "", true},
		{"the version of the environment", files{"envs/f.yml": env("e", "9", "image-9")}, "", true},
		{"a literal", files{"jobs/taxi.yml": job("azureml:e@latest", "code: ../src", "inputs:", "  n: 6", "  d: {type: uri_file, path: ../data/d.csv}")}, "", true},
		{"content of an input", files{"data/d.csv": "1,3\n"}, "", true},
		{"tags, which are a part of the resolved body", files{"jobs/taxi.yml": taxi()["jobs/taxi.yml"] + "tags: {a: b}\n"}, "", true},
		{"the description", files{"jobs/taxi.yml": taxi()["jobs/taxi.yml"] + "description: words\n"}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := jobID(t, good(t, taxi().with(test.change), &world{}))
			if (got != first) != test.changed {
				t.Errorf("name %s, before %s", got, first)
			}
		})
	}
}

// The content of an environment is the run's only by its version: one that
// stands under the same version has been refused or is the same.
func TestJobNameFollowsVersionOfEnvironment(t *testing.T) {
	w := (&world{}).add(liveEnv("e", "1", "image-1"))
	first := jobID(t, good(t, taxi(), w))
	second := jobID(t, good(t, taxi().with(files{"envs/e.yml": env("e", "", "image-2")}), w))
	if first == second {
		t.Errorf("version 2 of the environment gives the same run %s", first)
	}
	if again := jobID(t, good(t, taxi(), w)); again != first {
		t.Errorf("going back gives %s, want %s", again, first)
	}
}

func TestJobNameIsThatOfItsText(t *testing.T) {
	for _, test := range []struct{ name, file, more, want string }{
		{"the file", "jobs/My Job.yml", "", `^My-Job-[0-9a-f]{12}$`},
		{"the display name", "jobs/a.yml", "display_name: Train It", `^Train-It-[0-9a-f]{12}$`},
		{"the name as written", "jobs/a.yml", "name: run-7", `^run-7$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := jobID(t, good(t, files{test.file: job("azureml:AzureML-x@latest", test.more)}, &world{}))
			if !regexp.MustCompile(test.want).MatchString(got) {
				t.Errorf("got %q, want %s", got, test.want)
			}
		})
	}
}

// A job that cannot be resolved is kept under the name that the tree gave it.
func TestJobUnresolved(t *testing.T) {
	want := good(t, files{"jobs/taxi.yml": job("azureml:e:1")}, &world{unknown: map[string]bool{"environment": true}})
	if _, ok := want.Unresolved[asset.ID{Kind: "job", Name: "taxi"}]; !ok || want.Set.Len() != 0 {
		t.Errorf("unresolved %v, wanted %v", want.Unresolved, want.Order)
	}
}
