package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/tree"
)

// fmtFlags are the flags of mlsync fmt.
type fmtFlags struct{ check, upgrade, diff bool }

func (a *app) fmtCommand() *cobra.Command {
	var f fmtFlags
	c := &cobra.Command{
		Use: "fmt [PATH...]", Short: "Format asset files, and bring preview files to released form", GroupID: "files",
		Long: `Lay asset files out anew without changing what they say: indentation, blank
lines and line ends; order, comments and quotes stay. Without paths, all asset
files of the folder; files that are no assets are left alone.

With --upgrade, files of the 2020 preview dialect are rewritten in released
form. An endpoint with inline deployments becomes one file for each. What has
no equivalent is a warning and a comment in the file.

With --check, nothing is written, and the exit code is 2 if files would change.`,
		Example: `  mlsync fmt
  mlsync fmt --check --diff
  mlsync fmt --upgrade endpoints/online.yml`,
		RunE: func(cmd *cobra.Command, paths []string) error { return a.runFmt(cmd.Context(), f, paths) },
	}
	c.Flags().BoolVar(&f.check, "check", false, "write nothing; exit with 2 if files would change")
	c.Flags().BoolVar(&f.upgrade, "upgrade", false, "rewrite files of the 2020 preview dialect in released form")
	c.Flags().BoolVar(&f.diff, "diff", false, "print what would change, and write nothing")
	return c
}

// formatted is a file that fmt changed or would change.
type formatted struct {
	Path string `json:"path"`
	// What is formatted, upgraded or created.
	What string `json:"what"`

	old, new []byte
}

// formatting is one run of fmt.
type formatting struct {
	fsys    fs.FS
	upgrade bool
	changed []formatted
	bad     problem.List
}

func (a *app) runFmt(ctx context.Context, f fmtFlags, paths []string) error {
	cfg, bad, err := a.readConfig()
	if err != nil {
		return err
	}
	files, err := gitrepo.OpenWorkTree(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // it was only read
	scope, err := a.inside(files, paths)
	if err != nil {
		return err
	}
	run := &formatting{fsys: files.FS(), upgrade: f.upgrade, bad: bad}
	for _, name := range assetFiles(files.FS(), cfg) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if within(name, scope) {
			if err := run.file(name); err != nil {
				return err
			}
		}
	}
	for _, c := range run.changed {
		if f.check || f.diff {
			continue
		}
		if err := writeFile(filepath.Join(files.Dir(), filepath.FromSlash(c.Path)), c.new); err != nil {
			return err
		}
	}
	if err := a.showFormatted(run, f); err != nil {
		return err
	}
	switch {
	case len(run.bad.Errors()) > 0:
		return exitWith(exitProblems)
	case f.check && len(run.changed) > 0:
		return exitWith(exitPending)
	}
	return nil
}

// within reports whether a file is one of the paths or below one; all files
// are if there are none.
func within(file string, paths []string) bool {
	return len(paths) == 0 || slices.ContainsFunc(paths, func(p string) bool {
		return p == "." || p == file || strings.HasPrefix(file, p+"/")
	})
}

// assetFiles are the files that any target takes for assets or overlays.
func assetFiles(fsys fs.FS, cfg *config.Config) []string {
	targets := cfg.Targets
	if len(targets) == 0 {
		targets = []config.Target{config.DefaultTarget()}
	}
	found := map[string]bool{}
	for i := range targets {
		tr, _ := tree.Read(fsys, treeOptions(cfg, &targets[i]))
		for _, f := range tr.Files {
			if f.IsAsset() || f.Overlay && len(f.Docs) > 0 {
				found[f.Path] = true
			}
		}
	}
	var out []string
	for name := range found {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// file formats one file; what it may not write is a problem.
func (r *formatting) file(name string) error {
	data, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		return err
	}
	if r.upgrade {
		out, bad := tree.Upgrade(data, name)
		r.bad.Append(bad)
		if len(bad.Errors()) > 0 {
			return nil
		}
		if len(out) > 0 {
			return r.upgraded(out, data)
		}
	}
	out, bad := tree.Format(data, name)
	r.bad.Append(bad)
	if !bytes.Equal(out, data) {
		r.changed = append(r.changed, formatted{name, "formatted", data, out})
	}
	return nil
}

// upgraded takes the files that one preview file becomes, unless that would
// overwrite another file.
func (r *formatting) upgraded(out []tree.Output, data []byte) error {
	var made []formatted
	for i, o := range out {
		if i == 0 {
			made = append(made, formatted{o.Path, "upgraded", data, o.Data})
			continue
		}
		switch _, err := fs.Stat(r.fsys, o.Path); {
		case err == nil:
			r.bad.Hintf(problem.Pos{File: out[0].Path}, "file_exists", "rename or remove "+o.Path, "it would become %s as well, which exists", o.Path)
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		made = append(made, formatted{o.Path, "created", nil, o.Data})
	}
	r.changed = append(r.changed, made...)
	return nil
}

func (a *app) showFormatted(r *formatting, f fmtFlags) error {
	if a.flags.json {
		changed := r.changed
		if changed == nil {
			changed = []formatted{}
		}
		return a.printJSON(map[string]any{"format": "mlsync.fmt/1", "written": !f.check && !f.diff, "files": changed, "problems": problemsJSON(r.bad)})
	}
	for _, c := range r.changed {
		switch {
		case f.diff:
			a.printf("%s", printable(unifiedDiff(c.Path, c.old, c.new)))
		case f.check:
			a.printf("%s would be %s\n", c.Path, c.What)
		default:
			a.printf("%s: %s\n", c.Path, c.What)
		}
	}
	a.printProblems(r.bad)
	if len(r.changed) == 0 && len(r.bad.Errors()) == 0 {
		a.say("nothing to do")
	}
	return nil
}

// fileExists reports whether there is something at the path.
func fileExists(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}
