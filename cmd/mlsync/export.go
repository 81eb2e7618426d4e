package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/bridge"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/kind"
)

// exportFlags are the flags of mlsync export.
type exportFlags struct {
	targetFlags
	out         string
	kinds       []string
	latest      int
	all         bool
	fromJobs    bool
	withContent bool
	dryRun      bool
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use: "export", Short: "Write what is in a workspace as files", GroupID: "work", Args: cobra.NoArgs,
		Long: `Write the assets of a workspace as YAML files: one file an asset, deployments
under their endpoint, conda files beside. A plan of the result is empty. Nothing
in the workspace is changed.

Into a folder that holds such files already, only what differs is written: the
layout, the comments and the names of your files stay, and no file is removed.
Without ` + config.File + ` in the folder, one is written for this workspace.

Secrets are never read. Where an asset needs one, the file has a reference, and
the command lists what must be provided.`,
		Example: `  mlsync export --workspace mlw-dev --resource-group rg-ml --out .
  mlsync export --target dev --kinds environment,model --all-versions
  mlsync export --target dev --with-content
  mlsync export --target dev --kinds job --out runs`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runExport(cmd.Context(), f) },
	}
	f.target(c)
	c.Flags().StringVarP(&f.out, "out", "o", ".", "the folder to write to")
	c.Flags().StringSliceVar(&f.kinds, "kinds", nil, "only these kinds (default: all but jobs)")
	c.Flags().IntVar(&f.latest, "latest", 1, "how many versions of each name, beside those that are referred to")
	c.Flags().BoolVar(&f.all, "all-versions", false, "all versions of each name")
	c.Flags().BoolVar(&f.fromJobs, "from-jobs", false, "also models and data that jobs made")
	c.Flags().BoolVar(&f.withContent, "with-content", false, "also code and data that were uploaded from a folder, where equality can be proved")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "write nothing, list what would be written")
	c.MarkFlagsMutuallyExclusive("latest", "all-versions")
	return c
}

// target registers the flags that name a workspace, without the journal,
// which an export has no use for.
func (f *exportFlags) target(c *cobra.Command) {
	f.register(c)
	_ = c.Flags().MarkHidden("state")
}

func (a *app) runExport(ctx context.Context, f exportFlags) error {
	kinds, err := exportKinds(f.kinds)
	if err != nil {
		return err
	}
	if f.latest < 1 {
		return fmt.Errorf("--latest needs a number above 0")
	}
	if f.all {
		f.latest = 0
	}
	x, err := a.openExport(ctx, f)
	if err != nil {
		return err
	}
	have, err := x.readOut(kinds)
	if err != nil {
		return err
	}
	x.readLive(ctx, kinds)
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.withContent {
		x.live.List(ctx, "datastore") // says which addresses are our own
	}
	opt := x.options(kinds, f)
	assets := x.assets()
	if have, err = x.resolveOut(ctx, have); err != nil {
		return err
	}
	var contents *fetched
	if f.withContent {
		if contents, err = x.fetch(ctx, export.Contents(assets, have, opt), f.dryRun); err != nil {
			return err
		}
		defer contents.discard()
		opt.Local = contents.local
	}
	result := export.Files(assets, have, opt)
	written, err := x.write(result, contents, f.dryRun)
	if err != nil {
		return err
	}
	if err := x.report(result, written, contents, f); err != nil {
		return err
	}
	if len(x.failed) > 0 {
		return exitWith(exitError)
	}
	return nil
}

// exportKinds are the kinds that were asked for.
func exportKinds(names []string) ([]asset.Kind, error) {
	var out []asset.Kind
	for _, name := range names {
		i := slices.IndexFunc(kind.All(), func(t *kind.Table) bool {
			return t.Kind != "code" && (string(t.Kind) == name || t.Plural == name)
		})
		if i < 0 {
			known := slices.DeleteFunc(kindNames(), func(k string) bool { return k == "code" })
			return nil, fmt.Errorf("there is no kind %q: one of %s", name, strings.Join(known, ", "))
		}
		out = append(out, kind.All()[i].Kind)
	}
	return out, nil
}

// exporting is one export.
type exporting struct {
	*app
	dir    string // absolute
	shown  string // dir as the user named it
	target *config.Target
	client *azureml.Client
	ws     *azureml.Workspace
	live   *bridge.Live
	failed map[asset.Kind]string
	// cfg is the configuration of the folder; given says that it has one.
	cfg   *config.Config
	given bool
}

// openExport connects to the workspace that the flags and the configuration
// name.
func (a *app) openExport(ctx context.Context, f exportFlags) (*exporting, error) {
	cfg, bad, err := a.readConfig()
	if err != nil {
		return nil, err
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	x := &exporting{app: a, cfg: config.Default()}
	if x.target, err = a.pick(cfg, f.targetFlags); err != nil {
		return nil, err
	}
	x.shown = a.path(cmp.Or(f.out, "."))
	if x.dir, err = filepath.Abs(x.shown); err != nil {
		return nil, err
	}
	if x.client, err = a.connect(x.target, f.endpoint, f.storage); err != nil {
		return nil, err
	}
	x.ws = x.client.Workspace(scopeOf(x.target))
	if err := x.ws.Locate(ctx); err != nil {
		return nil, err
	}
	return x, x.readFolderConfig()
}

// readFolderConfig reads the configuration of the folder that is written to.
func (x *exporting) readFolderConfig() error {
	data, err := os.ReadFile(filepath.Join(x.dir, config.File))
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return err
	}
	cfg, bad := parseConfig(data, filepath.ToSlash(filepath.Join(x.dir, config.File)))
	x.cfg, x.given = cfg, true
	return bad.Err()
}

// folderTarget is the target by which the folder is read: that of its own
// configuration for this workspace, if there is one.
func (x *exporting) folderTarget() *config.Target {
	for i := range x.cfg.Targets {
		t := &x.cfg.Targets[i]
		if strings.EqualFold(scopeOf(t).WorkspaceID(), x.ws.Scope().WorkspaceID()) {
			return t
		}
	}
	if picked, _ := x.cfg.Pick(x.target.Name); picked != nil {
		return picked
	}
	t := config.DefaultTarget()
	return &t
}

// options are what the flags say, in the terms of package export.
func (x *exporting) options(kinds []asset.Kind, f exportFlags) export.Options {
	opt := export.Options{Scope: x.ws.Scope(), Kinds: kinds, Latest: f.latest, FromJobs: f.fromJobs, Newest: map[asset.ID]string{}}
	for _, id := range x.live.Names() {
		if n, ok := x.live.Name(id); ok && n.Latest != "" {
			opt.Newest[id] = n.Latest
		}
	}
	return opt
}

// isDir reports whether the folder exists.
func isDir(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}
