package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	git "github.com/go-git/go-git/v5"
	gitconfig "github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/examples"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/kind"
)

func (a *app) demoPromotion() *cobra.Command {
	var dir string
	var keep bool
	c := &cobra.Command{
		Use: "promotion", Short: "See a model go from dev to test to prod and back, without Azure", Args: cobra.NoArgs,
		Long: `Start an emulator with three workspaces and a daemon that follows a repository of
examples/promotion. Train a model, release it, promote it to test and prod; meet a
gate with a model that is worse, train a better one, move the traffic of prod in
steps, follow its lineage, and go back. Each step checks that what it shows is
true. It ends by itself; with --keep everything stays up until it is interrupted.`,
		Example: "  mlsync demo promotion\n  mlsync demo promotion --keep --dir /tmp/demo",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDemoPromotion(cmd.Context(), dir, keep) },
	}
	c.Flags().StringVar(&dir, "dir", "", "work in this folder and leave it there (default: a temporary one)")
	c.Flags().BoolVar(&keep, "keep", false, "stay up at the end")
	return c
}

func (a *app) runDemoPromotion(ctx context.Context, dir string, keep bool) error {
	return a.stage(ctx, dir, keep, func(d *demo) []func(context.Context) error {
		d.targets, d.poll = []string{"dev", "test", "prod"}, 300*time.Millisecond
		p := &promotionDemo{demo: d}
		return []func(context.Context) error{
			d.startEmulator, p.makeClone, p.trainFirst, p.deploy, p.release, p.toTest, p.toProd,
			p.worse, p.better, p.traffic, p.follow, p.back,
			d.end("That is all: each promotion, size, step of traffic and return was a commit"),
		}
	})
}

// promotionDemo is one run of the demonstration of promotion.
type promotionDemo struct {
	*demo
	emu studio
}

// call runs a command as a user would, shows it and checks its exit code and
// that it says some things.
func (d *promotionDemo) call(want int, args []string, says ...string) error {
	d.printf("$ mlsync %s\n", strings.Join(args, " "))
	code, out := d.ask(args...)
	d.printf("%s\n", out)
	if code != want {
		return fmt.Errorf("mlsync %s: exit code %d, want %d", strings.Join(args, " "), code, want)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			return fmt.Errorf("mlsync %s: it does not say %q", strings.Join(args, " "), text)
		}
	}
	return nil
}

// ask runs a command with the journal of the daemon.
func (d *promotionDemo) ask(args ...string) (code int, out string) {
	var b bytes.Buffer
	full := append([]string{"-C", d.path("ml-assets")}, args...)
	switch args[0] {
	case "gates", "rollout", "status", "history":
		full = append(full, "--state", d.journalFile())
	case "release":
		if args[1] != "list" {
			full = append(full, "--state", d.journalFile(), "--endpoint", d.url)
		}
	default:
		full = append(full, "--state", d.journalFile(), "--endpoint", d.url)
	}
	code = runWith(full, streams{in: strings.NewReader(""), out: &b, err: &b}, d.demoEnv)
	return code, b.String()
}

// makeClone makes the repository, a clone of it to work in, and pushes all but
// the model and what serves it.
func (d *promotionDemo) makeClone(ctx context.Context) error {
	d.title("Three workspaces, one repository: dev is worked on, test and prod take releases")
	d.emu = studio{d.url}
	if err := initBare(d.path("ml-assets.git")); err != nil {
		return err
	}
	var err error
	if d.repo, err = gitrepo.Open(gitrepo.Options{URL: d.path("ml-assets.git"), Dir: d.path("mirror")}); err != nil {
		return err
	}
	clone, err := git.PlainInitWithOptions(d.path("ml-assets"), &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: plumbing.Main}})
	if err != nil {
		return err
	}
	if _, err := clone.CreateRemote(&gitconfig.RemoteConfig{Name: "origin", URLs: []string{d.path("ml-assets.git")}}); err != nil {
		return err
	}
	if err := d.copyExample(func(name string) bool { return !later(name) }); err != nil {
		return err
	}
	// What takes minutes and hours in earnest takes seconds here.
	for from, to := range map[string]string{"for: 30m": "for: 2s", "pause: 10m": "pause: 2s"} {
		if err := d.edit("mlsync.yaml", from, to); err != nil {
			return err
		}
	}
	config, err := os.ReadFile(d.path("ml-assets", "mlsync.yaml"))
	if err != nil {
		return err
	}
	d.printf("mlsync.yaml\n  %s\n", strings.ReplaceAll(strings.TrimSpace(string(config)), "\n", "\n  "))
	return d.commit(ctx, "data, environments and a training run")
}

// later reports whether a file of the example comes once there is a model.
func later(name string) bool {
	return strings.HasPrefix(name, "assets/models/") || strings.HasPrefix(name, "assets/online-endpoints/")
}

// copyExample writes files of the example into the clone.
func (d *promotionDemo) copyExample(want func(name string) bool) error {
	files, err := fs.Sub(examples.Files, "promotion")
	if err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !want(name) {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return d.write(name, data)
	})
}

func (d *promotionDemo) write(name string, data []byte) error {
	file := d.path("ml-assets", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// edit replaces the one place where from stands in a file of the clone.
func (d *promotionDemo) edit(name, from, to string) error {
	old, err := os.ReadFile(d.path("ml-assets", filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	data, err := replaceOnce(old, from, to)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return d.write(name, data)
}

// commit pushes what was changed in the clone.
func (d *promotionDemo) commit(ctx context.Context, message string) error {
	clone, err := git.PlainOpen(d.path("ml-assets"))
	if err != nil {
		return err
	}
	tree, err := clone.Worktree()
	if err != nil {
		return err
	}
	status, err := tree.Status()
	if err != nil {
		return err
	}
	change := gitrepo.Change{
		Branch: "main", Base: d.head.Hash, Files: map[string][]byte{}, Message: message,
		Author: gitrepo.Signature{Name: "Ana", Email: "ana@contoso.com", When: time.Now()},
	}
	for name := range status {
		data, err := os.ReadFile(d.path("ml-assets", filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		change.Files[path.Clean(name)] = data // nil takes it away
	}
	if _, err := d.repo.Push(ctx, change); err != nil {
		return err
	}
	if err := d.pull(ctx); err != nil {
		return err
	}
	d.printf("pushed %.7s %q\n\n", d.head.Hash, message)
	return nil
}

// pull brings the clone to what the repository has.
func (d *promotionDemo) pull(ctx context.Context) error {
	ref, err := gitrepo.ParseRef("refs/heads/main")
	if err != nil {
		return err
	}
	if d.head, err = d.repo.Fetch(ctx, ref); err != nil {
		return err
	}
	bare, err := git.PlainOpen(d.path("ml-assets.git"))
	if err != nil {
		return err
	}
	clone, err := git.PlainOpen(d.path("ml-assets"))
	if err != nil {
		return err
	}
	objects, err := bare.Storer.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		return err
	}
	err = objects.ForEach(func(o plumbing.EncodedObject) error {
		if clone.Storer.HasEncodedObject(o.Hash()) == nil {
			return nil
		}
		_, err := clone.Storer.SetEncodedObject(o)
		return err
	})
	if err != nil {
		return err
	}
	tree, err := clone.Worktree()
	if err != nil {
		return err
	}
	head := plumbing.NewHash(string(d.head.Hash))
	if err := clone.Storer.SetReference(plumbing.NewHashReference(plumbing.Main, head)); err != nil {
		return err
	}
	return tree.Reset(&git.ResetOptions{Mode: git.HardReset, Commit: head})
}

// scope is where a target is.
func (d *promotionDemo) scope(target string) (kind.Scope, error) {
	cfg, bad, err := (&app{env: d.env, flags: globalFlags{dir: d.path("ml-assets"), config: "mlsync.yaml"}}).readConfig()
	if err = errors.Join(err, bad.Err()); err != nil {
		return kind.Scope{}, err
	}
	t := targetOf(cfg, target)
	if t == nil {
		return kind.Scope{}, fmt.Errorf("the example has no target %s", target)
	}
	return scopeOf(t), nil
}

// live is an asset of a target as the service says; nil if it is not there.
func (d *promotionDemo) live(ctx context.Context, target, id string) (*asset.Value, error) {
	scope, err := d.scope(target)
	if err != nil {
		return nil, err
	}
	parsed, err := asset.ParseID(id)
	if err != nil {
		return nil, err
	}
	body, err := d.emu.get(ctx, scope.ARM(parsed))
	var refused *refusal
	if errors.As(err, &refused) && refused.status == 404 {
		return nil, nil
	}
	return body, err
}
