package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/inventory"
	"mlsync.dev/mlsync/internal/problem"
)

// inventoryFlags are the flags of mlsync inventory.
type inventoryFlags struct {
	planFlags
	kinds          []string
	format         string
	differs, noAge bool
}

// formats are those of mlsync inventory.
var formats = []string{"table", "json", "csv", "markdown"}

func (a *app) inventoryCommand() *cobra.Command {
	var f inventoryFlags
	c := &cobra.Command{
		Use: "inventory", Short: "Show which target has which version of each asset", GroupID: "work", Args: cobra.NoArgs,
		Long: `Print a row for each asset and a column for each target of mlsync.yaml, or for
those that --target names (with commas between them): the newest version in the
target, its age, and how it stands to git, as a plan of the target says:

  in sync            the target has it as git says
  differs            git says something else
  drifted            it was changed in the target, and that is reported only
  ahead              the target has what git says, and a newer version
  missing            git has it, the target does not
  removed from git   mlsync manages it, and git no longer has it
  unmanaged          git does not have it
  other owner        another installation of mlsync manages it
  -                  neither has it
  ?                  it could not be read

(git 3) says that the newest version of git is another one. Runs of jobs are not
shown. Nothing is written. The exit code is 1 if something could not be read.

In CSV, a cell that a spreadsheet would take for a formula has a ' in front.`,
		Example: `  mlsync inventory
  mlsync inventory --kind model,environment --differs
  mlsync inventory --target dev,prod --format markdown
  mlsync inventory --format csv > assets.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runInventory(cmd.Context(), f) },
	}
	f.targetFlags.register(c)
	c.Flags().BoolVar(&f.full, "full", false, "read everything again, also what the journal knows")
	c.Flags().StringSliceVar(&f.kinds, "kind", nil, "only these kinds (default: all but jobs)")
	c.Flags().StringVar(&f.format, "format", "", "table, json, csv or markdown (default: table)")
	c.Flags().BoolVar(&f.differs, "differs", false, "only assets of which the targets have not the same version")
	c.Flags().BoolVar(&f.noAge, "no-age", false, "do not read the ages of versions, which takes a request a name")
	_ = c.RegisterFlagCompletionFunc("kind", completeKinds)
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) runInventory(ctx context.Context, f inventoryFlags) error {
	if f.format == "" && a.flags.json {
		f.format = "json"
	}
	f.format = cmp.Or(f.format, "table")
	if !slices.Contains(formats, f.format) {
		return unknownName("format", f.format, formats)
	}
	if a.flags.json && f.format != "json" {
		return errors.New("--json and --format " + f.format + " exclude each other")
	}
	kinds, err := kindTables(f.kinds)
	if err != nil {
		return err
	}
	for _, t := range kinds {
		if !inventory.Shown(t) {
			return fmt.Errorf("an inventory has no %s; mlsync search --kind %s finds them", t.Plural, t.Kind)
		}
	}
	got, err := a.takeInventory(ctx, f)
	if err != nil {
		return err
	}
	m := inventory.NewMatrix(got.columns, kinds, f.differs)
	if err := a.showInventory(got, m, f.format); err != nil {
		return err
	}
	switch {
	case len(got.unread) > 0:
		return exitWith(exitError)
	case len(got.bad.Errors()) > 0:
		return exitWith(exitProblems)
	case !m.Complete():
		return exitWith(exitError)
	}
	return nil
}

func (a *app) showInventory(got *taken, m inventory.Matrix, format string) error {
	now, out := time.Now(), a.streams.out
	if format != "json" {
		a.printProblems(got.bad)
		for _, u := range got.unread {
			fmt.Fprintf(a.streams.err, "mlsync: %s\n", u)
		}
	}
	switch format {
	case "json":
		return a.printJSON(got.json(m))
	case "csv":
		return m.Sheet(now).CSV(out)
	case "markdown":
		return m.Table(now).Markdown(out)
	}
	width := 0
	if a.streams.outTTY {
		width = a.streams.width
	}
	if len(m.Rows) > 0 {
		if err := m.Table(now).Text(out, width); err != nil {
			return err
		}
	}
	a.say("%s in %s, in %s", number(len(m.Rows), "asset"), number(len(m.Targets), "target"), number(int(got.requests), "request"))
	return nil
}

// columnJSON is a target as --json prints it.
type columnJSON struct {
	Target        string `json:"target"`
	Subscription  string `json:"subscription"`
	ResourceGroup string `json:"resource_group"`
	Workspace     string `json:"workspace,omitempty"`
	Registry      string `json:"registry,omitempty"`
	Error         string `json:"error,omitempty"`
}

func (t *taken) json(m inventory.Matrix) map[string]any {
	targets := []columnJSON{}
	for _, c := range t.columns {
		targets = append(targets, columnJSON{c.Target, c.Scope.Subscription, c.Scope.ResourceGroup, c.Scope.Workspace, c.Scope.Registry, c.Failed})
	}
	return map[string]any{
		"format": "mlsync.inventory/1", "complete": len(t.unread) == 0 && m.Complete(), "requests": t.requests, "targets": targets,
		"assets": m, "unread": append([]inventory.Unread{}, t.unread...), "problems": problemsJSON(t.bad),
	}
}

// together are the problems of several targets: what only some of them find
// wrong names them.
func together(found map[problem.Problem][]string, targets int) problem.List {
	var out problem.List
	for p, in := range found {
		if len(in) < targets {
			slices.Sort(in)
			p.Text += " (target " + strings.Join(in, ", ") + ")"
		}
		out = append(out, p)
	}
	return out.Sorted()
}
