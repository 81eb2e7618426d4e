package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mlsync.dev/mlsync/emulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mlsync": func() { os.Exit(run(os.Args[1:], stdio())) }})
}

// TestScripts runs testdata/script/*.txtar. In them, mlsync is the program,
// emulator starts an emulator of its own and puts its address into $EMULATOR,
// and $EXAMPLES is the folder examples.
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"emulator": startEmulator},
	})
}

// startEmulator is emulator [-lro TIME] [-page-size N] [-fault TEXT] in a
// script. It runs until the script ends.
func startEmulator(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! emulator")
	}
	f := flag.NewFlagSet("emulator", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	opt := emulator.Options{JobStep: -1}
	f.DurationVar(&opt.LRO, "lro", time.Millisecond, "")
	f.IntVar(&opt.PageSize, "page-size", 100, "")
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
}
