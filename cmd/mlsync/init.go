package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
)

// initFlags are the flags of mlsync init.
type initFlags struct {
	subscription, group, workspace string
	force                          bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use: "init", Short: "Begin: write mlsync.yaml, and say what the folder holds", GroupID: "files", Args: cobra.NoArgs,
		Long: `Write mlsync.yaml, with comments, and nothing else, and list which files of the
folder are assets of which kind and which are left alone, and why. A folder of
files for az ml works as it is.

The workspace comes from the flags, else from config.json or
.azureml/config.json of the folder, else it is left for you to fill in.`,
		Example: `  mlsync init --workspace mlw-dev --resource-group rg-ml --subscription 00000000-0000-0000-0000-000000000000
  mlsync init --workspace /subscriptions/…/workspaces/mlw-dev --target dev`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runInit(cmd.Context(), f) },
	}
	c.Flags().StringVarP(&f.workspace, "workspace", "w", "", "workspace: its name or its whole resource id")
	c.Flags().StringVarP(&f.group, "resource-group", "g", "", "resource group of the workspace")
	c.Flags().StringVarP(&f.subscription, "subscription", "s", "", "subscription id of the workspace")
	c.Flags().BoolVar(&f.force, "force", false, "overwrite mlsync.yaml")
	return c
}

// begun is what init did and found.
type begun struct {
	Format   string        `json:"format"`
	Wrote    string        `json:"wrote"`
	Target   string        `json:"target,omitempty"`
	Files    []checkedFile `json:"files"`
	Problems int           `json:"problems"`
}

func (a *app) runInit(ctx context.Context, f initFlags) error {
	file := a.path(a.flags.config)
	there, err := fileExists(file)
	if err != nil {
		return err
	}
	if there && !f.force {
		return fmt.Errorf("%s exists: edit it, or overwrite it with --force", a.flags.config)
	}
	files, err := gitrepo.OpenWorkTree(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // it was only read
	t, err := a.firstTarget(f)
	if err != nil {
		return err
	}
	text := configText(t)
	if _, bad := parseConfig([]byte(text), a.flags.config); len(bad) > 0 {
		return bad
	}
	if err := writeFile(file, []byte(text)); err != nil {
		return err
	}
	out := &begun{Format: "mlsync.init/1", Wrote: a.flags.config, Target: t.Name}
	found := checkTargets(ctx, files.FS(), config.Default(), []config.Target{config.DefaultTarget()})
	out.Files, out.Problems = found.Files, len(found.bad.Errors())
	if a.flags.json {
		return a.printJSON(out)
	}
	a.showBegun(out)
	return nil
}

// firstTarget is the target of the flags or of the configuration file of the
// Azure ML client; without a name if there is neither.
func (a *app) firstTarget(f initFlags) (*config.Target, error) {
	t := config.DefaultTarget()
	t.Subscription, t.ResourceGroup, t.Workspace = f.subscription, f.group, f.workspace
	if f.workspace == "" {
		for _, name := range []string{"config.json", ".azureml/config.json"} {
			data, err := os.ReadFile(a.path(name))
			if err != nil {
				continue
			}
			var c struct {
				Subscription  string `json:"subscription_id"`
				ResourceGroup string `json:"resource_group"`
				Workspace     string `json:"workspace_name"`
			}
			if json.Unmarshal(data, &c) == nil && c.Workspace != "" {
				t.Subscription, t.ResourceGroup, t.Workspace = cmp.Or(f.subscription, c.Subscription), cmp.Or(f.group, c.ResourceGroup), c.Workspace
				break
			}
		}
	}
	if strings.HasPrefix(t.Workspace, "/") {
		parts := strings.Split(t.Workspace, "/")
		if len(parts) != 9 {
			return nil, fmt.Errorf("%q is not the resource id of a workspace", t.Workspace)
		}
		t.Subscription, t.ResourceGroup, t.Workspace = parts[2], parts[4], parts[8]
	}
	t.Name = cmp.Or(a.flags.target, t.Workspace)
	return &t, nil
}

const configHead = `# mlsync keeps the Azure ML workspaces below as this repository says.
# All keys: docs/reference/mlsync-yaml.md, or "mlsync schema config".

`

const configTargets = `# Workspaces, by a name of your choice.
targets:
  %s:
    subscription: %s
    resource_group: %s
    workspace: %s
    # What happens when somebody changes a managed asset by hand: off, report
    # or correct. Without it, assets that mlsync made are corrected and adopted
    # ones are reported.
    # drift: {mode: report}
    # What happens to assets that are removed from git: off, guarded or on.
    # prune: {mode: guarded, max: 5, percent: 10}
    # Merge patches for this workspace only, by kind and name.
    # overlay: overlays/%[1]s
    # Values of ${{ var.NAME }} in asset files.
    # vars: {instance_type: STANDARD_DS3_V2}
`

const configTail = `
# Where the values of ${{ secret.NAME }} come from. Without it, from environment
# variables: MLSYNC_SECRET_NAME.
# secrets:
#   providers:
#     keyvault: {vault: "https://my-vault.vault.azure.net"}

# How some assets are treated; the last rule that speaks of a thing wins.
# rules:
#   - kind: compute
#     protect: true
#   - path: "scratch/**"
#     asset: false
`

// configText is a fresh mlsync.yaml.
func configText(t *config.Target) string {
	fill := func(s, placeholder string) string {
		if s == "" {
			return placeholder
		}
		return s
	}
	name := t.Name
	if name == "" || !strings.ContainsAny(name[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") {
		name = "dev"
	}
	targets := fmt.Sprintf(configTargets, name, fill(t.Subscription, "00000000-0000-0000-0000-000000000000"),
		fill(t.ResourceGroup, "my-resource-group"), fill(t.Workspace, "my-workspace"))
	if t.Workspace == "" {
		var b strings.Builder
		for line := range strings.Lines(targets) {
			b.WriteString("# " + strings.TrimPrefix(line, "# "))
		}
		targets = b.String()
	}
	return configHead + targets + configTail
}

// showBegun prints what init did: assets by kind, then what is left alone.
func (a *app) showBegun(b *begun) {
	a.printf("wrote %s\n", b.Wrote)
	byKind := map[string][]checkedFile{}
	var alone []checkedFile
	for _, f := range b.Files {
		if f.Kind == "" {
			alone = append(alone, f)
			continue
		}
		byKind[f.Kind] = append(byKind[f.Kind], f)
	}
	var kinds []string
	for k := range byKind {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	a.printf("\n%s of assets:\n", count(len(b.Files)-len(alone), "file"))
	for _, k := range kinds {
		a.printf("  %s\n", k)
		for _, f := range byKind[k] {
			a.printf("    %s\n", printable(f.Path))
		}
	}
	a.printf("\n%s left alone:\n", count(len(alone), "file"))
	for _, f := range alone {
		why := f.Why
		switch {
		case f.Action:
			why = f.Unmanaged + " is a request and no state"
		case f.Unmanaged != "":
			why = f.Unmanaged + " is not managed by this version"
		}
		a.printf("  %s\n", printable(f.Path+": "+why))
	}
	a.printf("\nNext:\n")
	if b.Target == "" {
		a.printf("  fill in targets: in %s\n", b.Wrote)
	}
	if n := b.Problems; n > 0 {
		a.printf("  mlsync check   # %s to look at\n", count(n, "problem"))
	}
	a.printf("  mlsync plan    # what would change; nothing is written\n")
}
