package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/tree"
)

func target(field string) string {
	return "targets:\n  a:\n    id: /subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w\n    " + field + "\n"
}

// Schedules and times that never come, come all the time or kill the parser.
func TestAttackL15Schedules(t *testing.T) {
	for _, s := range []string{"TZ=0", "CRON_TZ=UTC", "TZ=", "TZ=../../etc/passwd * * * * *", "@every 99999999h", "@every -1h", "0 0 30 2 *", "1-99999999999999999999 * * * *", "0-59/0 * * * *", "* * * *", "@every NaN", strings.Repeat("1,", 1000), "@never"} {
		if _, bad := read(t, target("resync: '"+s+"'")); len(bad) == 0 {
			t.Errorf("resync: %q was taken", s)
		}
	}
	for _, s := range []string{"@hourly", "0 0 29 2 *", "TZ=Europe/Berlin 0 3 * * *", "*/15 * * * *", "@every 20m"} {
		if _, bad := read(t, target("resync: '"+s+"'")); len(bad) > 0 {
			t.Errorf("resync: %q: %v", s, bad)
		}
	}
	for _, s := range []string{"99999999h", "0s", "-1m", "NaN", ".nan", ".inf", "1e9", "9223372036854775807ns", "''"} {
		for _, key := range []string{"deadline", "poll"} {
			if _, bad := read(t, target(key+": "+s)); len(bad) == 0 {
				t.Errorf("%s: %s was taken", key, s)
			}
		}
	}
	for _, s := range []string{"0", "65", "-1", "1e9", ".nan", "99999999999999999999", "0x7fffffffffffffff"} {
		if _, bad := read(t, target("concurrency: "+s)); len(bad) == 0 {
			t.Errorf("concurrency: %s was taken", s)
		}
	}
}

// Lists and globs, at the limit and one beyond.
func TestAttackL16ListsAndGlobs(t *testing.T) {
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("a,", n), ",") + "]" }
	for name, f := range map[string]func(more int) string{
		"include": func(more int) string { return target("include: " + list(limit.ConfigList+more)) },
		"overlay": func(more int) string { return target("overlay: " + list(limit.ConfigList+more)) },
		"rules": func(more int) string {
			return "rules:\n" + strings.Repeat("  - {kind: environment}\n", limit.ConfigList+more)
		},
		"ignore": func(more int) string { return "rules: [{ignore: " + list(limit.ConfigList+more) + "}]\n" },
		"glob":   func(more int) string { return target("exclude: '" + strings.Repeat("*", limit.Pattern+more) + "'") },
	} {
		if _, bad := read(t, f(0)); len(bad) > 0 {
			t.Errorf("%s, at the limit: %v", name, bad)
		}
		if _, bad := read(t, f(1)); len(bad) != 1 || bad[0].Pos.Line == 0 {
			t.Errorf("%s, beyond the limit: %v", name, bad)
		}
	}
	// A pattern that takes other matchers for ever.
	c, bad := read(t, "rules: [{path: '"+strings.Repeat("**/", 300)+"*c', protect: true}, {name: '"+strings.Repeat("*a", 400)+"b', protect: true}]\n")
	if len(bad) > 0 || c.Match("environment", strings.Repeat("a", 4000), strings.Repeat("a/", 400)+"b").Protect != nil {
		t.Errorf("%v", bad)
	}
}

// Folders and globs of mlsync.yaml stay within the repository.
func TestAttackP3PathsOfTheConfiguration(t *testing.T) {
	for _, p := range []string{"../x", "/etc", "a/../../x", `..\x`, "..", "a\\..\\..\\x"} {
		for _, text := range []string{target("overlay: '" + p + "'"), "repository: {path: '" + p + "'}\n"} {
			if _, bad := read(t, text); len(bad) == 0 {
				t.Errorf("%s was taken", text)
			}
		}
	}
	for _, p := range []string{"../x", "/etc", "a/../../x", "../**"} {
		for _, text := range []string{target("include: '" + p + "'"), "rules: [{path: '" + p + "', asset: false}]\n"} {
			if _, bad := read(t, text); len(bad) == 0 {
				t.Errorf("%s was taken", text)
			}
		}
	}
}

// Nothing that stands in mlsync.yaml becomes an option or another resource.
func TestAttackG1RefsAndNamesOfTheConfiguration(t *testing.T) {
	for _, ref := range []string{"-x", "--upload-pack=touch /tmp/x", "a b", "a..b", "a\\nb", "a~1", "a^", "a:b"} {
		for _, key := range []string{"branch", "tag"} {
			if _, bad := read(t, target(key+`: "`+ref+`"`)); len(bad) == 0 {
				t.Errorf("%s: %q was taken", key, ref)
			}
		}
	}
	for _, name := range []string{"a/b", "../w", "..", "a?b", "a#b", "a%2fb", "a b", ""} {
		if _, bad := read(t, "targets: {a: {subscription: s, resource_group: g, workspace: '"+name+"'}}\n"); len(bad) == 0 {
			t.Errorf("workspace %q was taken", name)
		}
	}
}

// A token or password in the file is refused where an address can hold one, and
// not repeated.
func TestAttackK1PasswordsInTheConfiguration(t *testing.T) {
	const canary = "canary-5f1c"
	for _, text := range []string{
		target("endpoint: https://user:" + canary + "@management.azure.com"),
		target("authority: https://user:" + canary + "@login.example"),
		"repository: {auth: {token_env: 'ghp " + canary + "'}}\n",
		"repository: {forge: {token_env: 'ghp " + canary + "'}}\n",
		"repository: {forge: {api: 'https://user:" + canary + "@git.example'}}\n",
	} {
		_, bad := read(t, text)
		if len(bad) == 0 {
			t.Errorf("taken: %s", text)
		}
	}
}

// FuzzSchedule: any text is a schedule or a problem.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"@hourly", "TZ=0", "0 0 30 2 *", "CRON_TZ=Europe/Berlin 0 3 * * *", "@every 1h", "*/5 1-3,7 ? JAN MON#1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		doc := asset.NewMap().Set("defaults", asset.NewMap().Set("resync", asset.NewString(s)))
		_, bad := config.Read(doc)
		for _, p := range bad {
			if p.Text == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

// The files of the examples are seeds of FuzzRead as well.
func examples(f *testing.F) {
	f.Helper()
	for _, name := range []string{"minimal", "seed", "team"} {
		data, err := os.ReadFile("../../examples/" + name + "/mlsync.yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
}

// mlsync.yaml itself is bounded like any YAML file.
func TestAttackL17LargeConfiguration(t *testing.T) {
	for more, want := range map[int]bool{0: false, 1: true} {
		text := "owner: x\n#" + strings.Repeat("x", limit.FileBytes-11+more) + "\n"
		_, bad := tree.Parse([]byte(text), config.File, tree.ParseOptions{})
		if (len(bad) > 0) != want {
			t.Errorf("%d bytes: %v", len(text), fmt.Sprint(bad))
		}
	}
}
