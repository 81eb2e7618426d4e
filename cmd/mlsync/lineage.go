package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/lineage"
)

// lineageFlags are the flags of mlsync lineage.
type lineageFlags struct {
	targetFlags
	down   bool
	format string
}

// drawings are the formats of mlsync lineage.
var drawings = []string{"text", "json", "dot", "mermaid"}

func (a *app) lineageCommand() *cobra.Command {
	var f lineageFlags
	c := &cobra.Command{
		Use: "lineage ASSET|RELEASE", Short: "Follow where an asset or release came from, across workspaces, or where it went", GroupID: "move", Args: cobra.ExactArgs(1),
		Long: `Follow an asset of a target to where it came from: the release that brought it,
the asset of the source, the job that made that, the data, code and environment
the job took, and the commits of all of them. With --down, to where it went: the
deployments and other assets that refer to it, the jobs that took it, the releases
that hold it and the targets that these were promoted to. Without a version, the
one that was made last is meant.

It reads the stamps on live assets, the releases in this folder and the records
of the targets, and every workspace on the way that is a target of mlsync.yaml.
Where a workspace does not say it, what a release noted counts.

  -   the answer was that it is not there
  ?   it could not be read, so nobody knows; the exit code is 1`,
		Example: `  mlsync lineage online-deployment/fares/blue --target prod
  mlsync lineage model/fares:7 --target dev --down
  mlsync lineage fares-7 --format mermaid
  mlsync lineage model/fares:7 --target prod --format dot | dot -Tsvg > fares.svg`,
		ValidArgsFunction: a.completeReleases,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runLineage(cmd.Context(), f, args[0]) },
	}
	f.reach(c)
	c.Flags().BoolVar(&f.down, "down", false, "where it went, in place of where it came from")
	c.Flags().StringVar(&f.format, "format", "", "text, json, dot (Graphviz) or mermaid (default: text)")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(drawings, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

func (a *app) runLineage(ctx context.Context, f lineageFlags, text string) error {
	if f.format == "" && a.flags.json {
		f.format = "json"
	}
	f.format = cmp.Or(f.format, "text")
	if !slices.Contains(drawings, f.format) {
		return unknownName("format", f.format, drawings)
	}
	if a.flags.json && f.format != "json" {
		return errors.New("--json and --format " + f.format + " exclude each other")
	}
	t, err := a.newTrail(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer t.close()
	g, err := t.graph(text, f.down)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.drawLineage(g, f.format); err != nil {
		return err
	}
	if !g.Complete() {
		return exitWith(exitError)
	}
	return nil
}

// graph is the lineage of what the command line names.
func (t *trail) graph(text string, down bool) (*lineage.Graph, error) {
	if !strings.Contains(text, "/") {
		r, err := releases{t.fsys}.find(text)
		switch {
		case err != nil:
			return nil, err
		case down:
			return lineage.UsesOfRelease(t.look(), r.Name), nil
		}
		return lineage.OfRelease(t.look(), r.Name), nil
	}
	picked, missing := t.cfg.Pick(t.app.flags.target)
	if picked == nil {
		return nil, missing
	}
	x, err := t.side(picked.Name)
	if err != nil {
		return nil, err
	}
	id, err := x.assetID(text)
	switch {
	case err != nil:
		return nil, err
	case down:
		return lineage.UsesOfAsset(t.look(), picked.Name, id), nil
	}
	return lineage.OfAsset(t.look(), picked.Name, id), nil
}

// lineageJSON is a lineage for machines.
type lineageJSON struct {
	Format string `json:"format"`
	*lineage.Graph
	// Complete says that all was read.
	Complete bool `json:"complete"`
}

func lineageOf(g *lineage.Graph) lineageJSON {
	return lineageJSON{"mlsync.lineage/1", g, g.Complete()}
}

func (a *app) drawLineage(g *lineage.Graph, format string) error {
	switch format {
	case "json":
		return a.printJSON(lineageOf(g))
	case "dot":
		_, err := fmt.Fprint(a.streams.out, g.Dot())
		return err
	case "mermaid":
		_, err := fmt.Fprint(a.streams.out, g.Mermaid())
		return err
	}
	a.printf("%s", g.Text())
	return nil
}
