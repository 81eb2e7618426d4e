// Command bench measures the product as its users run it: the real binary, as
// a child process, against the emulator, as another. It prints times, memory,
// requests and allocations beside the numbers that are promised, and it knows
// nothing of how the product is made, save in the part that counts
// allocations.
//
// Times depend on the machine and never fail a run. Counts do not, so a
// missed count ends it with exit code 1.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options say what is measured.
type options struct {
	Binary string
	// Small and Large are the assets of the two trees.
	Small, Large int
	// Delays are what the server adds to every answer.
	Delays []time.Duration
	// Repeat is how often what changes nothing is measured; the best counts.
	Repeat int
	// CodeBytes is the size of the code folder.
	CodeBytes int64
	// Populated also fills a workspace with the large tree.
	Populated bool
	// Allocations counts those of the hot paths, in this process.
	Allocations bool
	// Targets is how many targets one daemon has, with Small assets each; then
	// nothing else is measured. Database is where its journal is, "" for a file;
	// Settle how long it is left alone before its memory is looked at.
	Targets  int
	Database string
	Settle   time.Duration
}

func modes() map[string]options {
	return map[string]options{
		"short": {Small: 500, Large: 10_000, Delays: []time.Duration{0}, Repeat: 3, CodeBytes: 20 << 20},
		"full": {
			Small: 500, Large: 10_000, Delays: []time.Duration{0, 150 * time.Millisecond}, Repeat: 3, CodeBytes: 200 << 20,
			Populated: true, Allocations: true,
		},
		"scale": {Targets: 1000, Small: 100, Settle: settle},
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(errs)
	mode := fs.String("mode", "full", "short (no delay, a small code folder), full, or scale (one daemon for many targets)")
	binary := fs.String("binary", filepath.Join("bin", "mlsync"), "the binary to measure")
	asJSON := fs.Bool("json", false, "print JSON")
	targets := fs.Int("targets", 0, "with scale: how many targets, in place of 1000")
	assets := fs.Int("assets", 0, "with scale: how many assets a target has, in place of 100")
	database := fs.String("database", "", "with scale: postgres://… for the journal")
	tree := fs.String("tree", "", "only write the small tree to this folder, for a look at it")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	opt, ok := modes()[*mode]
	if !ok {
		fmt.Fprintf(errs, "mode %q: want short, full or scale\n", *mode)
		return 2
	}
	opt.Binary, opt.Database = *binary, *database
	if *targets > 0 && opt.Targets > 0 {
		opt.Targets = *targets
	}
	if *assets > 0 && opt.Targets > 0 {
		opt.Small = *assets
	}
	if *tree != "" {
		if err := writeTree(*tree, opt.Small, false); err != nil {
			fmt.Fprintln(errs, err)
			return 1
		}
		return 0
	}
	rows, err := measure(ctx, opt, errs)
	if perr := show(out, rows, *asJSON); err == nil {
		err = perr
	}
	if err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	for _, r := range rows {
		if r.Count && r.missed() {
			fmt.Fprintf(errs, "missed: %s: %s %s, promised %s\n", r.Scenario, r.What, r.value(), r.promise())
			return 1
		}
	}
	return 0
}

// show prints the rows.
func show(out io.Writer, rows []Row, asJSON bool) error {
	if !asJSON {
		return table(out, rows)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{
		"schema": "mlsync.bench/1", "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		"cpus": runtime.NumCPU(), "rows": rows,
	})
}

// measure runs all scenarios. What was measured before an error is returned
// with it.
func measure(ctx context.Context, opt options, progress io.Writer) ([]Row, error) {
	dir, err := os.MkdirTemp("", "mlsync-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if opt.Binary, err = filepath.Abs(opt.Binary); err != nil {
		return nil, err
	}
	b := &bench{options: opt, ctx: ctx, dir: dir, progress: progress}
	steps := []func() error{b.start, b.small, b.large, b.code, b.allocations}
	if opt.Targets > 0 {
		steps = []func() error{b.scale}
	}
	for _, step := range steps {
		if err := cmp.Or(ctx.Err(), step()); err != nil {
			return b.rows, err
		}
	}
	return b.rows, nil
}
