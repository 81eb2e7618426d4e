package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/examples"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/state"
)

func (a *app) demoCommand() *cobra.Command {
	var dir string
	var keep bool
	c := &cobra.Command{
		Use: "demo", Short: "See everything work, without Azure", GroupID: "run", Args: cobra.NoArgs,
		Long: `Start an emulator of Azure ML, make a git repository of the example team's files,
and let a daemon follow it. Then push a change, change something behind git's
back, and export the workspace. It ends by itself; with --keep everything stays
up until it is interrupted.`,
		Example: "  mlsync demo\n  mlsync demo --keep --dir /tmp/demo",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context(), dir, keep) },
	}
	c.Flags().StringVar(&dir, "dir", "", "work in this folder and leave it there (default: a temporary one)")
	c.Flags().BoolVar(&keep, "keep", false, "stay up at the end")
	c.AddCommand(a.demoPromotion())
	return c
}

// demo is one run of the demonstration.
type demo struct {
	*app
	dir, url string
	// targets are those that the daemon follows.
	targets  []string
	poll     time.Duration
	emulator *emulator.Server
	repo     *gitrepo.Repo
	head     gitrepo.Commit
	stop     context.CancelFunc
	ended    chan error
	n        int
}

func (a *app) runDemo(ctx context.Context, dir string, keep bool) error {
	return a.stage(ctx, dir, keep, func(d *demo) []func(context.Context) error {
		d.targets, d.poll = []string{"dev"}, time.Second
		return []func(context.Context) error{
			d.startEmulator, d.makeRepository, d.firstSync, d.pushChange, d.driftAway, d.correct, d.export,
			d.end("That is all: a push reaches a workspace, and a workspace comes back as git"),
		}
	})
}

// stage does the steps of a demonstration in a folder and, with keep, stays up
// after the last.
func (a *app) stage(ctx context.Context, dir string, keep bool, play func(*demo) []func(context.Context) error) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mlsync-demo-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	d := &demo{app: a, dir: dir}
	defer func() { err = errors.Join(err, d.close()) }()
	for _, step := range play(d) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if !keep {
		return nil
	}
	a.printf("Everything stays up until you press Ctrl+C:\n  emulator    %s\n  repository  %s\n  files       %s\n  journal     %s\n",
		d.url, d.path("ml-assets.git"), d.path("ml-assets"), d.journalFile())
	<-ctx.Done()
	return nil
}

// end says what was seen.
func (d *demo) end(text string) func(context.Context) error {
	return func(context.Context) error {
		d.title("%s", text)
		return nil
	}
}

func (d *demo) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}
func (d *demo) journalFile() string { return d.path("data", "mlsync.db") }

func (d *demo) title(format string, args ...any) {
	d.n++
	d.printf("\n=== %d. %s\n\n", d.n, fmt.Sprintf(format, args...))
}

// mlsync runs a command as a user would, on the demo's files and journal, and
// checks its exit code.
func (d *demo) mlsync(want int, args ...string) error {
	d.printf("$ mlsync %s\n", strings.Join(args, " "))
	std := d.streams
	std.err = d.streams.out
	full := append([]string{"-C", d.path("ml-assets"), "-t", "dev"}, args...)
	switch args[0] {
	case "plan", "drift", "why", "export":
		full = append(full, "--endpoint", d.url, "--state", d.journalFile())
	case "status", "history":
		full = append(full, "--state", d.journalFile())
	}
	if got := runWith(full, std, d.demoEnv); got != want {
		return fmt.Errorf("mlsync %s: exit code %d, want %d", strings.Join(args, " "), got, want)
	}
	d.printf("\n")
	return nil
}

func (d *demo) startEmulator(context.Context) error {
	var err error
	if d.emulator, err = emulator.New(emulator.Options{LRO: 200 * time.Millisecond, JobStep: 100 * time.Millisecond}); err != nil {
		return err
	}
	if err := d.emulator.Start("127.0.0.1:0", false, ""); err != nil {
		return err
	}
	d.url = d.emulator.URL()
	d.title("An emulator of Azure ML at %s", d.url)
	return nil
}

// makeRepository makes a bare repository and pushes the example team's files.
func (d *demo) makeRepository(ctx context.Context) error {
	d.title("A git repository with the files of a team")
	if err := initBare(d.path("ml-assets.git")); err != nil {
		return err
	}
	var err error
	if d.repo, err = gitrepo.Open(gitrepo.Options{URL: d.path("ml-assets.git"), Dir: d.path("mirror")}); err != nil {
		return err
	}
	team, err := fs.Sub(examples.Files, "team")
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	err = fs.WalkDir(team, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(team, name)
		d.printf("  %s\n", name)
		return err
	})
	if err != nil {
		return err
	}
	return d.push(ctx, "the team's assets", files)
}

// push commits files to main and brings the local copy along.
func (d *demo) push(ctx context.Context, message string, files map[string][]byte) error {
	for name, data := range files {
		file := d.path("ml-assets", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	var err error
	d.head, err = d.repo.Push(ctx, gitrepo.Change{
		Branch: "main", Base: d.head.Hash, Files: files, Message: message,
		Author: gitrepo.Signature{Name: "Ana", Email: "ana@contoso.com", When: time.Now()},
	})
	if err != nil {
		return err
	}
	d.printf("\npushed %.7s %q\n", d.head.Hash, message)
	return nil
}

// startDaemon starts a daemon that follows the repository.
func (d *demo) startDaemon(ctx context.Context, drift string) error {
	log, err := os.OpenFile(d.path("daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	std := d.streams
	std.err = log
	other := &app{streams: std, env: d.demoEnv}
	other.flags.config, other.flags.dir = "mlsync.yaml", d.path("ml-assets")
	ctx, d.stop = context.WithCancel(ctx)
	d.ended = make(chan error, 1)
	go func() { // ends with stopDaemon
		defer func() { _ = log.Close() }()
		d.ended <- other.runDaemon(ctx, daemonFlags{
			data: d.path("data"), repository: d.path("ml-assets.git"), branch: "main",
			endpoint: d.url, poll: d.poll, only: d.targets, drift: drift,
		})
	}()
	return nil
}

func (d *demo) stopDaemon() error {
	if d.stop == nil {
		return nil
	}
	d.stop()
	d.stop = nil
	return <-d.ended
}

// patience is how long the demo waits for the daemon.
const patience = 60 * time.Second

// until asks again and again until ok, or gives up.
func (d *demo) until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(d.path("daemon.log"))
			return fmt.Errorf("waiting until %s: %w\n%s", what, ctx.Err(), log)
		case err := <-d.ended:
			return fmt.Errorf("the daemon ended: %w", err)
		case <-tick.C:
		}
	}
	return nil
}

// applied reports whether the daemon has applied the newest commit to its
// targets, or to those that are named.
func (d *demo) applied(ctx context.Context, names ...string) bool {
	if len(names) == 0 {
		names = d.targets
	}
	store, err := state.Open(ctx, d.journalFile(), state.Options{Existing: true})
	if err != nil {
		return false
	}
	defer func() { _ = store.Close() }()
	targets, err := store.Targets(ctx)
	seen := map[string]string{}
	for _, t := range targets {
		seen[t.Name] = t.Seen
	}
	return err == nil && !slices.ContainsFunc(names, func(name string) bool { return seen[name] != string(d.head.Hash) })
}

func (d *demo) close() error {
	err := d.stopDaemon()
	if d.repo != nil {
		err = errors.Join(err, d.repo.Close())
	}
	if d.emulator != nil {
		err = errors.Join(err, d.emulator.Close())
	}
	return err
}
