package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [PATH...]", Short: "Look for problems in the files, without a workspace", GroupID: "files",
		Long: `Read mlsync.yaml and all asset files, for every target of the configuration or
the one that --target names, and print what is wrong with them: place, text and
cure. Nothing is asked of Azure: references that are not to assets of the tree
are not looked up, and -v lists them.

With paths, problems of these files and folders are printed; the whole tree is
read all the same, because files refer to each other.

With -v, it says of each YAML file whether it is an asset, and why.`,
		Example: `  mlsync check
  mlsync check -v environments jobs/train.yml
  mlsync check --target prod --json`,
		RunE: func(cmd *cobra.Command, paths []string) error { return a.runCheck(cmd.Context(), paths) },
	}
}

// checked is what check found.
type checked struct {
	Format string `json:"format"`
	// Targets are those whose overlays and variables were tried; none if the
	// configuration has none.
	Targets []string      `json:"targets"`
	Files   []checkedFile `json:"files"`
	// Outside are references to assets that are not in the tree.
	Outside  []string      `json:"outside"`
	Problems []problemJSON `json:"problems"`

	bad     problem.List
	outside map[string]bool
}

// checkedFile is one YAML file and what it was taken for.
type checkedFile struct {
	Path      string   `json:"path"`
	Kind      string   `json:"kind,omitempty"`
	Why       string   `json:"why"`
	Unmanaged string   `json:"unmanaged,omitempty"`
	Action    bool     `json:"action,omitempty"`
	Preview   bool     `json:"preview,omitempty"`
	Assets    []string `json:"assets,omitempty"`
}

func (a *app) runCheck(ctx context.Context, paths []string) error {
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
	targets, err := a.offlineTargets(cfg)
	if err != nil {
		return err
	}
	out := checkTargets(ctx, files.FS(), cfg, targets)
	_, unread, err := releases{files.FS()}.all()
	if err != nil {
		return err
	}
	out.bad = append(append(bad, unread...), out.bad...).Sorted()
	out.limit(scope, a.flags.config)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.showChecked(out); err != nil {
		return err
	}
	if len(out.bad.Errors()) > 0 {
		return exitWith(exitProblems)
	}
	return nil
}

// inside are the arguments as slash paths below the root of the tree.
func (a *app) inside(files *gitrepo.WorkTree, paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		rel := p
		if filepath.IsAbs(p) {
			var err error
			if rel, err = filepath.Rel(files.Dir(), p); err != nil {
				return nil, err
			}
		}
		rel = path.Clean(filepath.ToSlash(rel))
		if _, err := fs.Stat(files.FS(), rel); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s: there is no such file in %s", p, files.Dir())
			}
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		out = append(out, rel)
	}
	return out, nil
}

// checkTargets reads the tree as each target does. What only some of several
// targets find wrong names them.
func checkTargets(ctx context.Context, fsys fs.FS, cfg *config.Config, targets []config.Target) *checked {
	out := &checked{Format: "mlsync.check/1", Targets: []string{}, outside: map[string]bool{}}
	found := foundBy{}
	seen, trees := map[string]int{}, map[string]*tree.Tree{}
	rules := readPolicies(fsys, cfg)
	for i := range targets {
		t := &targets[i]
		if t.Name != "" {
			out.Targets = append(out.Targets, t.Name)
		}
		tr, _, bad := readOffline(ctx, fsys, cfg, t, out.outside)
		bad.Append(rules.bad)
		bad.Append(rules.judge(t, tr.Assets, nil).Problems)
		found.add(t.Name, bad)
		out.addFiles(tr, seen)
		trees[t.Name] = tr
	}
	out.bad = found.list(len(targets))
	for i := range targets {
		out.bad.Append(gateProblems(fsys, cfg, &targets[i], trees))
	}
	slices.SortFunc(out.Files, func(x, y checkedFile) int { return cmp.Compare(x.Path, y.Path) })
	return out
}

// foundBy are problems and the targets that have them.
type foundBy map[problem.Problem][]string

func (f foundBy) add(target string, bad problem.List) {
	for _, p := range bad.Sorted() {
		f[p] = append(f[p], target)
	}
}

// list are the problems. What only some of the targets have names them.
func (f foundBy) list(targets int) problem.List {
	var out problem.List
	for p, in := range f {
		if len(in) < targets {
			p.Text += " (target " + strings.Join(in, ", ") + ")"
		}
		out = append(out, p)
	}
	return out.Sorted()
}

// readOffline reads the tree of a target and resolves it without a workspace.
// outside notes the references to what is not in the tree.
func readOffline(ctx context.Context, fsys fs.FS, cfg *config.Config, t *config.Target, outside map[string]bool) (*tree.Tree, *resolve.Want, problem.List) {
	tr, bad := readTree(fsys, cfg, t)
	facts := offline{outside: outside, own: map[asset.ID]bool{}}
	for _, as := range tr.Assets {
		facts.own[as.ID.Container()] = true
	}
	for _, as := range tr.Assets {
		if t := kind.Of(as.ID.Kind); t.Parent != "" && !facts.own[asset.ID{Kind: t.Parent, Name: as.ID.Parent}] {
			facts.Exists(asset.ID{Kind: t.Parent, Name: as.ID.Parent})
		}
	}
	want, more := resolve.Resolve(ctx, resolve.Input{FS: fsys, Assets: tr.Assets, Scope: kind.Scope{Registry: t.Registry}, Facts: facts, Document: parseDocument})
	bad.Append(more)
	return tr, want, bad
}

// addFiles notes what each file was taken for: an asset, if any target takes
// it for one.
func (c *checked) addFiles(tr *tree.Tree, seen map[string]int) {
	for _, f := range tr.Files {
		one := checkedFile{Path: f.Path, Kind: f.Kind, Why: f.Why, Unmanaged: f.Unmanaged, Action: f.Action, Preview: f.Preview}
		for _, as := range f.Assets {
			one.Assets = append(one.Assets, as.ID.String())
		}
		i, known := seen[f.Path]
		switch {
		case !known:
			seen[f.Path] = len(c.Files)
			c.Files = append(c.Files, one)
		case len(one.Assets) > len(c.Files[i].Assets):
			c.Files[i] = one
		}
	}
}

// readTree reads the tree of a target, with what the rules of mlsync.yaml find
// wrong in it.
func readTree(fsys fs.FS, cfg *config.Config, t *config.Target) (*tree.Tree, problem.List) {
	return readTreeWith(fsys, cfg, t, treeOptions(cfg, t))
}

// readAssets is readTree for whom the files that are no part of it do not matter.
func readAssets(fsys fs.FS, cfg *config.Config, t *config.Target) (*tree.Tree, problem.List) {
	o := treeOptions(cfg, t)
	o.Narrow = true
	return readTreeWith(fsys, cfg, t, o)
}

func readTreeWith(fsys fs.FS, cfg *config.Config, t *config.Target, o tree.Options) (*tree.Tree, problem.List) {
	tr, bad := tree.Read(fsys, o)
	bad.Append(versioningProblems(cfg, tr))
	bad.Append(pinProblems(fsys, t))
	return tr, bad
}

// pinProblems are those of the record of the target's overlay: it cannot be
// read, or it names a release that was rolled back.
func pinProblems(fsys fs.FS, t *config.Target) (bad problem.List) {
	n := len(t.Overlays)
	if n == 0 {
		return nil
	}
	pins, err := readPins(fsys, t.Overlays[n-1])
	file := promote.PinsPath(t.Overlays[n-1])
	switch {
	case errors.As(err, &bad):
		return bad
	case err != nil:
		bad.Addf(problem.Pos{File: file}, "unreadable", "cannot be read: %v", err)
		return bad
	}
	return pins.Problem(file)
}

// versioningProblems are files without a version where a rule wants one.
func versioningProblems(cfg *config.Config, tr *tree.Tree) problem.List {
	var bad problem.List
	for _, as := range tr.Assets {
		if as.Auto && kind.Of(as.ID.Kind).Versioned && cfg.Match(string(as.ID.Kind), as.ID.Name, as.Pos.File).Versioning == "explicit" {
			bad.Hintf(as.Pos, "missing_version", "add version:, or change the rule versioning: explicit of mlsync.yaml", "%s has no version", as.ID)
		}
	}
	return bad
}

// limit keeps what is about the given files and folders, and about the
// configuration.
func (c *checked) limit(paths []string, configFile string) {
	in := func(file string) bool { return file == configFile || within(file, paths) }
	c.bad = slices.DeleteFunc(c.bad, func(p problem.Problem) bool { return !in(p.Pos.File) })
	c.Files = slices.DeleteFunc(c.Files, func(f checkedFile) bool { return !in(f.Path) })
	c.Problems = problemsJSON(c.bad)
	c.Outside = []string{}
	for id := range c.outside {
		c.Outside = append(c.Outside, id)
	}
	slices.Sort(c.Outside)
}

func (a *app) showChecked(c *checked) error {
	if a.flags.json {
		return a.printJSON(c)
	}
	if a.flags.verbose > 0 {
		a.listFiles(c)
	}
	for _, p := range c.bad {
		a.printf("%s\n", printable(p.String()))
	}
	if !a.flags.quiet {
		a.printf("%s\n", c.summary())
	}
	return nil
}

func (a *app) listFiles(c *checked) {
	for _, f := range c.Files {
		what := "not an asset"
		switch {
		case f.Unmanaged != "":
			what = f.Unmanaged + ", which mlsync leaves alone"
		case f.Kind != "":
			what = f.Kind
		}
		if f.Preview {
			what += " in the preview dialect"
		}
		a.printf("%s\n", printable(fmt.Sprintf("%s: %s (%s)", f.Path, what, f.Why)))
	}
	for _, id := range c.Outside {
		a.printf("%s\n", printable(id+": not in this tree, not looked up"))
	}
}

// summary counts, in one line.
func (c *checked) summary() string {
	assets := 0
	for _, f := range c.Files {
		assets += len(f.Assets)
	}
	s := count(len(c.Files), "YAML file") + ", " + count(assets, "asset")
	if n := len(c.bad.Warnings()); n > 0 {
		s += ", " + count(n, "warning")
	}
	if n := len(c.bad.Errors()); n > 0 {
		return s + ", " + count(n, "problem")
	}
	return s + ", no problems"
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// offline are the facts for a check: what is not in the tree is taken to be
// in the workspace, and noted.
type offline struct {
	outside map[string]bool
	own     map[asset.ID]bool // containers of the tree's assets
}

// Exists implements resolve.Facts.
func (o offline) Exists(id asset.ID) resolve.Status {
	o.outside[id.String()] = true
	return resolve.Present
}

// Asset implements resolve.Facts: nothing is known of what is not in the tree.
func (offline) Asset(asset.ID) (*asset.Asset, resolve.Status) { return nil, resolve.Absent }

// Latest implements resolve.Facts.
func (o offline) Latest(id asset.ID) (string, resolve.Status) {
	if o.own[id.Container()] {
		return "", resolve.Absent
	}
	o.outside[id.String()+"@latest"] = true
	return "1", resolve.Present
}

// Versions implements resolve.Facts.
func (offline) Versions(asset.ID) ([]*asset.Asset, resolve.Status) { return nil, resolve.Absent }

// Next implements resolve.Facts.
func (offline) Next(asset.ID) (string, resolve.Status) { return "1", resolve.Present }

// Datastore implements resolve.Facts.
func (offline) Datastore(string) (resolve.Datastore, resolve.Status) {
	return resolve.Datastore{Account: "account", Container: "container", Endpoint: "core.windows.net", Protocol: "https"}, resolve.Present
}

// Code implements resolve.Facts.
func (offline) Code(string, asset.ID) string { return "" }

// Part implements resolve.Facts.
func (offline) Part(*asset.Asset, asset.ID) string { return "" }
