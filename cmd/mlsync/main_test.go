package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/emulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mlsync": func() { os.Exit(run(os.Args[1:], stdio())) }})
}

// TestScripts runs testdata/script/*.txtar. In them, mlsync is the program,
// emulator starts an emulator of its own and puts its address into $EMULATOR,
// writes FILE lists what was written to workspaces since the last time, left
// WORKSPACE JOB NAME TEXT lets a job leave a file, stamps WORKSPACE ASSET FILE
// lists the tags of mlsync on an asset, edit WORKSPACE RESOURCE FIELD TEXT changes
// a property as somebody does in the studio, fault TEXT spoils requests, and
// $EXAMPLES is the folder examples.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: os.Getenv("MLSYNC_GOLDEN") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("EXAMPLES", examples)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"emulator": startEmulator, "writes": listWrites, "scoring": setScoring, "left": leaveFile, "stamps": showStamps, "edit": editAsset, "fault": addFault, "permissions": setPermissions},
	})
}

// listWrites is writes FILE in a script: method, workspace and resource of each
// request that changed something, in their order.
func listWrites(ts *testscript.TestScript, _ bool, args []string) {
	log := ts.Getenv("EMULATOR") + "/__requests"
	res, err := http.Get(log)
	ts.Check(err)
	var got struct{ Requests []emulator.Request }
	ts.Check(json.NewDecoder(res.Body).Decode(&got))
	ts.Check(res.Body.Close())
	var b strings.Builder
	for _, r := range got.Requests {
		_, resource, ok := strings.Cut(r.Path, "/workspaces/")
		if ok && (r.Method == http.MethodPut || r.Method == http.MethodPatch || r.Method == http.MethodDelete) {
			b.WriteString(r.Method + " " + resource + "\n")
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
	req, err := http.NewRequest(http.MethodDelete, log, nil)
	ts.Check(err)
	res, err = http.DefaultClient.Do(req)
	ts.Check(err)
	ts.Check(res.Body.Close())
}

func scriptWorkspace(name string) string {
	return "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/" + name
}

func leaveFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(studio{ts.Getenv("EMULATOR")}.leave(context.Background(), scriptWorkspace(args[0]), args[1], args[2], []byte(args[3])))
}

func editAsset(ts *testscript.TestScript, _ bool, args []string) {
	s, id := studio{ts.Getenv("EMULATOR")}, scriptWorkspace(args[0])+"/"+args[1]
	body, err := s.get(context.Background(), id)
	ts.Check(err)
	body.SetPath(asset.NewString(args[3]), append([]string{"properties"}, strings.Split(args[2], ".")...)...)
	ts.Check(s.put(context.Background(), id, body))
}

func showStamps(ts *testscript.TestScript, _ bool, args []string) {
	body, err := studio{ts.Getenv("EMULATOR")}.get(context.Background(), scriptWorkspace(args[0])+"/"+args[1])
	ts.Check(err)
	var b strings.Builder
	for _, tags := range []*asset.Value{body.Get("tags"), body.GetPath("properties", "tags")} {
		for k, v := range tags.Entries() {
			if name, ok := strings.CutPrefix(k, "mlsync-"); ok {
				b.WriteString(name + "=" + v.Text() + "\n")
			}
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(b.String()), 0o600))
}

func addFault(ts *testscript.TestScript, _ bool, args []string) {
	_, err := studio{ts.Getenv("EMULATOR")}.call(context.Background(), http.MethodPost, "/__faults", []byte(args[0]))
	ts.Check(err)
}

// setScoring is scoring JSON in a script: what a deployment answers from now on.
func setScoring(ts *testscript.TestScript, _ bool, args []string) {
	res, err := http.Post(ts.Getenv("EMULATOR")+"/__scoring", "application/json", strings.NewReader(args[0]))
	ts.Check(err)
	ts.Check(res.Body.Close())
	if res.StatusCode != http.StatusNoContent {
		ts.Fatalf("scoring %s: %s", args[0], res.Status)
	}
}

// setPermissions is permissions JSON in a script: what identities may do from
// now on.
func setPermissions(ts *testscript.TestScript, _ bool, args []string) {
	res, err := http.Post(ts.Getenv("EMULATOR")+"/__permissions", "application/json", strings.NewReader(args[0]))
	ts.Check(err)
	ts.Check(res.Body.Close())
	if res.StatusCode != http.StatusNoContent {
		ts.Fatalf("permissions %s: %s", args[0], res.Status)
	}
}

func putGroup(url string) error {
	req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(`{"location":"northeurope"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer emulator")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// startEmulator is emulator [-lro TIME] [-page-size N] [-fault TEXT] [-bare] in
// a script. It runs until the script ends. With -bare it has the resource group
// rg and nothing in it; otherwise, what is asked for is there.
func startEmulator(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! emulator")
	}
	f := flag.NewFlagSet("emulator", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	opt := emulator.Options{JobStep: -1}
	f.DurationVar(&opt.LRO, "lro", time.Millisecond, "")
	f.IntVar(&opt.PageSize, "page-size", 100, "")
	f.BoolVar(&opt.NoAutoCreate, "bare", false, "")
	f.Func("fault", "", func(s string) error {
		fault, err := emulator.ParseFault(s)
		opt.Faults = append(opt.Faults, fault)
		return err
	})
	ts.Check(f.Parse(args))
	s, err := emulator.New(opt)
	ts.Check(err)
	ts.Check(s.Start("127.0.0.1:0", false, ""))
	ts.Defer(func() { _ = s.Close() })
	ts.Setenv("EMULATOR", s.URL())
	if opt.NoAutoCreate {
		ts.Check(putGroup(s.URL() + "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg?api-version=2021-04-01"))
	}
}
