package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/kind"
)

// estate is a folder with three targets in one emulator, all applied.
type estate struct {
	t   *testing.T
	emu *emulator.Server
	dir string
	env map[string]string
}

const estateSub = "00000000-0000-0000-0000-000000000001"

// newEstate applies the files to all targets. %s in them is the name of the
// target.
func newEstate(t *testing.T, files map[string]string) *estate {
	t.Helper()
	e := &estate{t: t, emu: startTestEmulator(t), dir: t.TempDir(), env: map[string]string{"XDG_STATE_HOME": t.TempDir()}}
	config := "owner: team\ntargets:\n"
	for _, name := range []string{"dev", "test", "prod"} {
		config += fmt.Sprintf("  %s: {subscription: %s, resource_group: rg, workspace: ws-%s, endpoint: %q}\n", name, estateSub, name, e.emu.URL())
	}
	e.write("mlsync.yaml", config)
	for name, text := range files {
		e.write(name, text)
	}
	for _, name := range []string{"dev", "test", "prod"} {
		if code, out, errs := e.run("apply", "-t", name, "--quiet"); code != 0 {
			t.Fatalf("apply %s: exit code %d\n%s%s", name, code, out, errs)
		}
	}
	return e
}

func startTestEmulator(t *testing.T) *emulator.Server {
	t.Helper()
	emu, err := emulator.New(emulator.Options{LRO: time.Millisecond, JobStep: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := emu.Start("127.0.0.1:0", false, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := emu.Close(); err != nil {
			t.Error(err)
		}
	})
	return emu
}

func (e *estate) write(name, text string) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *estate) run(args ...string) (code int, stdout, stderr string) {
	e.t.Helper()
	return exportRun(e.t, e.env, append(args, "-C", e.dir)...)
}

func (e *estate) fault(text string) {
	e.t.Helper()
	f, err := emulator.ParseFault(text)
	if err != nil {
		e.t.Fatal(err)
	}
	e.emu.AddFault(f)
}

// once looks into the log for what was asked twice since start, when n requests
// were made. An answer can be here before the emulator has noted it.
func (e *estate) once(start time.Time, n int) {
	e.t.Helper()
	var log []emulator.Request
	for deadline := time.Now().Add(10 * time.Second); len(log) < n && time.Now().Before(deadline); runtime.Gosched() {
		log = slices.DeleteFunc(e.emu.Requests(), func(r emulator.Request) bool { return r.Time.Before(start) })
	}
	seen := map[string]bool{}
	for _, r := range log {
		key := r.Method + " " + r.Path + "?" + r.Query
		if seen[key] {
			e.t.Errorf("asked twice: %s", key)
		}
		seen[key] = true
	}
	if len(log) != n {
		e.t.Errorf("%d requests in the log, and the program says %d", len(log), n)
	}
}

func dataFile(name, version string) string {
	return fmt.Sprintf("$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\nname: %s\nversion: %q\ntype: uri_file\npath: https://example.com/%s.csv\n", name, version, name)
}

func environmentFile(name string) string {
	return fmt.Sprintf("$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: %s\nversion: \"1\"\nimage: example.azurecr.io/%s:1\ntags: {team: rides}\n", name, name)
}

func computeFile(name string) string {
	return fmt.Sprintf("$schema: https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json\nname: %s\ntype: amlcompute\nsize: Standard_DS3_v2\n", name)
}

// In three targets: the lists once, and a request a name for the age of its
// newest version. Computes come with their list.
func TestDiscoveryAsksLittle(t *testing.T) {
	const tenth = 4
	files := map[string]string{}
	for i := range 5 * tenth {
		files[fmt.Sprintf("data%d.yml", i)] = dataFile(fmt.Sprintf("data%d", i), "1")
	}
	for i := range 4 * tenth {
		files[fmt.Sprintf("env%d.yml", i)] = environmentFile(fmt.Sprintf("env%d", i))
	}
	for i := range tenth {
		files[fmt.Sprintf("cpu%d.yml", i)] = computeFile(fmt.Sprintf("cpu%d", i))
	}
	e := newEstate(t, files)
	const names, lists = 3 * 9 * tenth, 3 * 15
	for _, tt := range []struct {
		args string
		most int
	}{
		{"inventory --no-age", lists},
		{"inventory", names + lists},
		{"inventory --kind compute", lists},
		{"search env1", names + lists},
		{"search env1 --name-only", lists},
		{"search env1 --kind environment --name-only", 3},
		{"search --tag team=rides --kind environment", 3 + 3*4*tenth},
	} {
		start := time.Now()
		code, out, errs := e.run(append(strings.Fields(tt.args), "--json")...)
		var got struct {
			Requests int
			Assets   []any
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
			t.Fatalf("%s: %v, exit code %d\n%s%s", tt.args, err, code, out, errs)
		}
		t.Logf("%s: %d requests, %d assets", tt.args, got.Requests, len(got.Assets))
		if got.Requests > tt.most {
			t.Errorf("%s: %d requests, want at most %d", tt.args, got.Requests, tt.most)
		}
		e.once(start, got.Requests)
	}
}

// What cannot be read is said, and the rest is printed all the same.
func TestDiscoverySaysWhatIsUnread(t *testing.T) {
	e := newEstate(t, map[string]string{"data.yml": dataFile("rides", "1"), "env.yml": environmentFile("train"), "cpu.yml": computeFile("cpu")})
	refused := "status=403,code=AuthorizationFailed,message=no,method=GET,path="
	for _, tt := range []struct {
		name, fault, args string
		code              int
		out               []string
		errs              string
	}{
		{"a list", refused + "*/ws-prod/environments", "search train", 1, []string{"environment  train  1        dev    0m   team=rides", "environment  ?      ?        prod   ?    ?"}, "environments in prod could not be read: .*403 AuthorizationFailed"},
		{"a version", refused + "*/ws-test/environments/train/versions/1", "search zzz", 1, []string{"environment  train  ?        test   ?    ?"}, "environment/train in test could not be read"},
		{"a place", refused + "*/ws-test/*", "search rides", 1, []string{"data  rides  1        dev    0m", "?     ?      ?        test   ?    ?"}, "test could not be read"},
		{"another kind", refused + "*/ws-prod/environments", "search rides --kind data", 0, []string{"data  rides  1        prod   0m"}, ""},
		{"the subscriptions", refused + "/subscriptions", "search --all rides", 1, []string{"data  rides  1        dev"}, ""},
		{"the list of workspaces", refused + "/subscriptions/" + estateSub + "/providers/*/workspaces", "search --all rides", 1, []string{"data  rides  1        prod"}, "the list of workspaces of subscription " + estateSub},
		{"an inventory: a list", refused + "*/ws-prod/environments", "inventory", 1, []string{"environment/train  1, 0m, in sync  1, 0m, in sync  ?"}, "environments in prod"},
		{"an inventory: a version", refused + "*/ws-prod/environments/train/versions/1", "inventory", 1, []string{"environment/train  1, 0m, in sync  1, 0m, in sync  1, in sync"}, "environment/train in prod"},
		{"an inventory: a target", refused + "*/workspaces/ws-test", "inventory --format csv", 1, []string{"data,rides,in sync,1,1,"}, "test could not be read"},
		{"an inventory: what differs is not known", refused + "*/ws-prod/environments", "inventory --differs", 1, []string{"environment/train"}, "environments in prod"},
	} {
		e.emu.ClearFaults()
		e.fault(tt.fault)
		code, out, errs := e.run(strings.Fields(tt.args)...)
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.name, code, tt.code)
		}
		for _, want := range tt.out {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: %q is not in\n%s", tt.name, want, out)
			}
		}
		if tt.errs != "" && !contains(errs, tt.errs) {
			t.Errorf("%s: stderr\n%s", tt.name, errs)
		}
		if code, _, _ := e.run(append(strings.Fields(tt.args), "--json")...); code != tt.code && !strings.Contains(tt.args, "csv") {
			t.Errorf("%s: with --json exit code %d", tt.name, code)
		}
	}
}

// contains reports whether the parts of want, between .*, are in the text in
// their order.
func contains(text, want string) bool {
	for part := range strings.SplitSeq(want, ".*") {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// A file that cannot be read makes it unknown whether git has what is live.
func TestInventoryOfBrokenFiles(t *testing.T) {
	e := newEstate(t, map[string]string{"data.yml": dataFile("rides", "1"), "env.yml": environmentFile("train")})
	e.write("env.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: other\nimage: [\n")
	code, out, errs := e.run("inventory")
	if code != 3 || !strings.Contains(out, "data/rides") || !strings.Contains(errs, "env.yml:") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if strings.Contains(out, "unmanaged") || !strings.Contains(out, "1, 0m, ?") {
		t.Errorf("says more than it knows\n%s", out)
	}
	if strings.Count(errs, "env.yml:") > 1 {
		t.Errorf("a problem of all targets is said more than once\n%s", errs)
	}
}

// Text of the service stays in its cell, whatever it holds.
func TestAttackUDiscovery(t *testing.T) {
	const evil = "\x1b[31mred\u202e=cmd|'/C calc'!A0`<b>\n@all"
	e := newEstate(t, map[string]string{"data.yml": dataFile("rides", "1")})
	s := &seeded{t: t, url: e.emu.URL(), emu: e.emu}
	body, err := json.Marshal(map[string]any{"properties": map[string]any{"dataType": "uri_file", "dataUri": "https://x/y", "description": evil, "tags": map[string]string{evil: evil}}})
	if err != nil {
		t.Fatal(err)
	}
	ws := "/subscriptions/" + estateSub + "/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"
	s.request("PUT", ws+"/data/odd/versions/=1+1%7C2", string(body))
	s.request("PUT", ws+"/data/odd2/versions/@SUM(1)", string(body))
	for _, args := range []string{"search odd", "search odd --json", "inventory", "inventory --json", "inventory --format csv", "inventory --format markdown"} {
		code, out, errs := e.run(strings.Fields(args)...)
		if code != 0 || !strings.Contains(out, "odd2") {
			t.Errorf("%s: exit code %d\n%s%s", args, code, out, errs)
		}
		if strings.ContainsAny(out+errs, "\x1b\u202e") && !strings.Contains(args, "json") || strings.Contains(out, "\x1b") {
			t.Errorf("%s lets control characters through: %q", args, out)
		}
		for line := range strings.Lines(out) {
			cells := strings.Split(strings.TrimSpace(line), ",")
			if strings.Contains(args, "csv") && slices.ContainsFunc(cells, func(c string) bool { return c != "" && strings.ContainsAny(c[:1], "=+-@") }) {
				t.Errorf("a formula in %s", line)
			}
			if strings.Contains(args, "markdown") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
				t.Errorf("a row with other columns: %s", line)
			}
		}
	}
}

// Two targets in one workspace are read once, and each has its own state.
func TestInventoryOfOneWorkspaceTwice(t *testing.T) {
	e := newEstate(t, map[string]string{"data.yml": dataFile("rides", "1")})
	config := fmt.Sprintf("owner: team\ntargets:\n  a: {subscription: %s, resource_group: rg, workspace: one, endpoint: %q, include: [data.yml]}\n  b: {subscription: %s, resource_group: rg, workspace: one, endpoint: %q, include: [env.yml]}\n", estateSub, e.emu.URL(), estateSub, e.emu.URL())
	e.write("mlsync.yaml", config)
	e.write("env.yml", environmentFile("train"))
	for _, name := range []string{"a", "b"} {
		if code, out, errs := e.run("apply", "-t", name, "--quiet"); code != 0 {
			t.Fatalf("%d\n%s%s", code, out, errs)
		}
	}
	code, out, errs := e.run("inventory")
	want := "ASSET              a                   b\ndata/rides         1, 0m, in sync      1, 0m, other owner\nenvironment/train  1, 0m, other owner  1, 0m, in sync\n"
	if code != 0 || out != want {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if !strings.Contains(errs, "in 18 requests") { // the workspace for each target, and the rest once
		t.Errorf("%s", errs)
	}
	_, out, _ = e.run("search", "rides", "--quiet")
	if !strings.Contains(out, "a,b") {
		t.Errorf("the workspace has not the names of both targets\n%s", out)
	}
}

func TestLabel(t *testing.T) {
	at := func(sub, rg, ws string, targets ...string) *place {
		return &place{targets: targets, scope: kind.Scope{Subscription: sub, ResourceGroup: rg, Workspace: ws}}
	}
	list := []*place{at("s1", "rg", "a"), at("s1", "rg", "b"), at("s1", "rg2", "b"), at("s1", "rg", "c"), at("s2", "rg", "c"), at("s1", "rg", "x", "dev", "two"), at("s1", "rg", "d", "e"), at("s1", "rg", "e")}
	label(list)
	var got []string
	for _, p := range list {
		got = append(got, p.name)
	}
	if want := "a rg/b rg2/b s1/rg/c s2/rg/c dev,two e rg/e"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
