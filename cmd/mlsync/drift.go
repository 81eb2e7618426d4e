package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/tree"
)

func (a *app) driftCommand() *cobra.Command {
	var f planFlags
	var adopt, revert, inbox, all bool
	c := &cobra.Command{
		Use: "drift", Short: "Show what was changed in the workspace behind git's back", GroupID: "work", Args: cobra.NoArgs,
		Long: `Read the whole workspace and show which managed assets differ from what mlsync
applied last, field by field, with who changed them and when. The exit code is 2
if there is drift.

--revert changes the workspace back; --adopt writes the live values into the
files, keeping their comments.

With --server, the drift, and the inbox, are what the daemon saw last.`,
		Example: `  mlsync drift
  mlsync drift --json
  mlsync drift --revert
  mlsync drift --adopt && git diff
  mlsync drift --inbox --state /var/lib/mlsync/mlsync.db
  mlsync drift --inbox --server https://mlsync.example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case adopt && revert:
				return fmt.Errorf("--adopt and --revert exclude each other")
			case (inbox || all) && (adopt || revert):
				return fmt.Errorf("--inbox only lists: use mlsync drift accept, revert or ignore")
			case inbox || all:
				return a.showInbox(cmd.Context(), f.state, all)
			}
			return a.runDrift(cmd.Context(), f, adopt, revert)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&adopt, "adopt", false, "write the live values into the files")
	c.Flags().BoolVar(&revert, "revert", false, "change the workspace back")
	c.Flags().BoolVar(&inbox, "inbox", false, "list the drift that runs have found and that waits for somebody")
	c.Flags().BoolVar(&all, "all", false, "with --inbox: also what was changed back or is gone")
	c.AddCommand(a.driftCommands()...)
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error {
		if inbox || all {
			return a.farInbox(ctx, r, all)
		}
		return a.farDrift(ctx, r)
	}, "inbox", "all")
}

func (a *app) runDrift(ctx context.Context, f planFlags, adopt, revert bool) error {
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	f.full = true
	prep, err := s.prepare(ctx, f, "drift")
	if err != nil {
		return err
	}
	switch {
	case len(prep.Plan.Drift) == 0:
	case adopt:
		return s.adoptDrift(prep)
	case revert:
		return s.revertDrift(ctx, f, prep)
	}
	if a.flags.json {
		if err := a.printJSON(driftJSON(prep.Plan)); err != nil {
			return err
		}
	} else {
		a.showDrift(prep.Plan)
	}
	switch {
	case !prep.Plan.Complete():
		return exitWith(exitError)
	case len(prep.Plan.Drift) > 0:
		return exitWith(exitPending)
	}
	return nil
}

func (a *app) showDrift(p *plan.Plan) {
	for k, why := range p.Observed.Partial {
		a.printf("? %s could not be read: %s\n", k, printable(why))
	}
	if len(p.Drift) == 0 {
		a.printf("No drift in target %s: %d assets compared in %d requests.\n", p.Target.Name, p.Observed.Assets, p.Observed.Requests)
		return
	}
	a.printf("Drift in target %s (changed outside git):\n\n", p.Target.Name)
	for _, d := range p.Drift {
		by := ""
		if d.By != "" {
			by = "  by " + d.By
		}
		if d.At != "" {
			by += "  at " + d.At
		}
		a.printf(" ~ %s%s\n", d.ID, printable(by))
		for _, c := range d.Changes {
			a.printf("     %-28s git %s, live %s\n", dotted(c.Path), textOf(c.Want), textOf(c.Live))
		}
	}
	a.printf("\n%s drifted. Change them back with mlsync drift --revert, or take the live values over with mlsync drift --adopt.\n", number(len(p.Drift), "asset"))
}

func textOf(v *asset.Value) string {
	if v == nil {
		return "(absent)"
	}
	return printable(string(v.Canonical()))
}

// driftJSON is the drift for machines.
func driftJSON(p *plan.Plan) map[string]any {
	list := []map[string]any{}
	for _, d := range p.Drift {
		fields := []map[string]any{}
		for _, c := range d.Changes {
			fields = append(fields, map[string]any{"path": dotted(c.Path), "git": c.Want, "live": c.Live})
		}
		list = append(list, map[string]any{"id": d.ID, "by": d.By, "at": d.At, "revert": d.Revert, "fields": fields})
	}
	return map[string]any{"format": "mlsync.drift/1", "target": p.Target.Name, "complete": p.Complete(), "assets": p.Observed.Assets, "drift": list}
}

// revertDrift applies the drifted assets, whatever their drift mode.
func (s *session) revertDrift(ctx context.Context, f planFlags, prep *reconcile.Prepared) (err error) {
	asked := len(f.only) > 0 // somebody said which
	for _, d := range prep.Plan.Drift {
		if !asked {
			f.only = append(f.only, d.ID.String())
		}
	}
	ctx, unlock, err := s.lock(ctx)
	if err != nil {
		return &codeError{exitRefused, err}
	}
	defer unlock()
	defer func() { err = because(ctx, err) }()
	bar := s.newProgress()
	p := s.pass(bar.event)
	if err := s.keepTo(ctx, p, ""); err != nil {
		return err
	}
	rule := p.Rule
	p.Rule = func(id asset.ID, file string) plan.Rule {
		r := rule(id, file)
		r.Drift = plan.Correct
		return r
	}
	again, err := p.Prepare(ctx, s.commit(ctx), s.planOptions(f), reconcile.Trigger{Name: "drift"})
	if err != nil {
		return err
	}
	run, err := s.carryOut(ctx, p, again, "drift")
	bar.done()
	if err != nil {
		return err
	}
	return s.showRun(again.Plan, run)
}

// adoptDrift writes the live values into the files of the drifted assets.
func (s *session) adoptDrift(prep *reconcile.Prepared) error {
	for _, d := range prep.Plan.Drift {
		a := assetOf(prep.Tree, prep.Want.Set.Get(d.ID))
		if a == nil {
			s.say("%s: made by mlsync of another file; change it there", d.ID)
			continue
		}
		changed := *a
		changed.Body = a.Body.Clone()
		for _, c := range d.Changes {
			if c.Secret {
				continue
			}
			if c.Live == nil {
				kind.RemovePath(changed.Body, c.Path)
			} else {
				changed.Body.SetPath(c.Live, c.Path...)
			}
		}
		if err := s.rewrite(a.Pos.File, &changed); err != nil {
			return err
		}
		s.printf("%s: %s\n", a.Pos.File, d.ID)
	}
	return nil
}

// assetOf is the asset of the tree that a wanted one was made of.
func assetOf(t *tree.Tree, want *asset.Asset) *asset.Asset {
	if want == nil {
		return nil
	}
	for _, a := range t.Assets {
		if a.Pos == want.Pos && a.ID.Kind == want.ID.Kind {
			return a
		}
	}
	return nil
}

// rewrite changes one asset in its file, whole or not at all.
func (s *session) rewrite(file string, a *asset.Asset) error {
	old, err := fs.ReadFile(s.files.FS(), file)
	if err != nil {
		return err
	}
	data, err := tree.UpdateWith(old, a, s.target.Vars)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return writeFile(filepath.Join(s.dir, filepath.FromSlash(file)), data)
}

// dotted is the path of a field as plans print it.
func dotted(path []string) string { return strings.Join(path, ".") }

// number is a count with its word: 1 asset, 2 assets.
func number(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}
