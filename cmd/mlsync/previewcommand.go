package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/limit"
)

// previewFlags are the flags of mlsync preview.
type previewFlags struct {
	targetFlags
	dry  bool
	fork string
}

func (a *app) previewCommand() *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use: "preview NUMBER", Short: "Plan what merging a pull request would do", GroupID: "work", Args: cobra.ExactArgs(1),
		Long: `Merge the pull request in memory, plan the result for every target that follows
its base and that it touches, and keep the plans as one comment and a commit
status, as the daemon does for each pull request if previews: is in mlsync.yaml.
The workspaces are only read, as read_identity.

--dry-run prints the comment and tells the service nothing. The pull request of a
fork is planned only with --fork and the commit that you have looked at.

The exit code is 1 if something could not be read, and 3 if the tree has problems
or the merge has conflicts.`,
		Example: `  mlsync preview 12 --dry-run
  mlsync preview 12 --target dev --state /var/lib/mlsync/mlsync.db
  mlsync preview 34 --fork 59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5`,
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(strings.TrimLeft(args[0], "#!"), 10, 64)
			if err != nil || number <= 0 {
				return fmt.Errorf("%q is not the number of a pull request", printable(args[0]))
			}
			return a.runPreview(cmd.Context(), f, number)
		},
	}
	f.reach(c)
	c.Flags().BoolVar(&f.dry, "dry-run", false, "print the comment, and tell the service nothing")
	c.Flags().StringVar(&f.fork, "fork", "", "the head of a fork that you have looked at")
	return c
}

func (a *app) runPreview(ctx context.Context, f previewFlags, number int64) error {
	ctx, cancel := context.WithTimeout(ctx, limit.PreviewTime)
	defer cancel()
	p, done, err := a.openPreviewer(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	pr, err := p.forge.Get(ctx, number)
	if err != nil {
		return err
	}
	switch {
	case !pr.Open && !f.dry:
		return fmt.Errorf("pull request %d is not open", number)
	case pr.Fork && f.fork != pr.Commit:
		return &codeError{exitRefused, fmt.Errorf("the head of pull request %d is in a fork, at %s: look at it, and say --fork %s", number, printable(pr.Commit), printable(pr.Commit))}
	}
	made, err := p.make(ctx, pr)
	if err != nil {
		return err
	}
	if err := a.showPreview(ctx, p, made, f.dry); err != nil {
		return err
	}
	switch state, line := made.verdict(); state {
	case forge.Failure:
		return exitWith(exitProblems)
	case forge.Broken:
		return &codeError{exitError, errors.New(line)}
	case forge.Success, forge.Pending:
	}
	return nil
}

// openPreviewer makes a previewer for one look: its mirror is forgotten after.
func (a *app) openPreviewer(ctx context.Context, f previewFlags) (*previewer, func(), error) {
	cfg, err := a.ownConfig()
	if err != nil {
		return nil, nil, err
	}
	files, err := a.openFiles(cfg)
	if err != nil {
		return nil, nil, err
	}
	origin := files.Origin()
	if err := files.Close(); err != nil {
		return nil, nil, err
	}
	service, err := a.forge(ctx, cfg.Repository, origin)
	if err != nil {
		return nil, nil, err
	}
	store, err := a.openStore(ctx, f.state)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "mlsync-preview-")
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	done := func() { _ = errors.Join(store.Close(), os.RemoveAll(dir)) }
	repo, err := a.openWholeMirror(cfg.Repository.URL, dir, cfg.Repository.Auth)
	if err != nil {
		done()
		return nil, nil, err
	}
	p := &previewer{app: a, cfg: cfg, forge: service, repo: repo, store: store, override: func(*config.Config) error { return nil }, given: f.targetFlags, log: a.logger()}
	if a.flags.target != "" {
		p.only = []string{a.flags.target}
	}
	return p, func() { _ = repo.Close(); done() }, nil
}

// showPreview prints a preview, or tells the service of it.
func (a *app) showPreview(ctx context.Context, p *previewer, made *preview, dry bool) error {
	state, line := made.verdict()
	text := made.text(min(limit.PreviewBytes, p.forge.Limits().Comment))
	if !dry {
		if !p.cfg.Previews.NoComment {
			if err := p.forge.Comment(ctx, made.pr.Number, previewMarker(p.cfg), text); err != nil {
				return err
			}
		}
		if !p.cfg.Previews.NoStatus {
			s := forge.CommitStatus{Commit: made.pr.Commit, Context: statusContext(p.cfg, "preview"), State: state, Description: short(line, p.forge.Limits().Description)}
			if err := p.forge.Status(ctx, s); err != nil {
				return err
			}
		}
	}
	if a.flags.json {
		return a.printJSON(previewJSON(made, time.Now()))
	}
	if dry {
		a.printf("%s", text)
		return nil
	}
	a.printf("pull request %d: %s: %s\n", made.pr.Number, state, printable(line))
	return nil
}

// previewJSON is a preview for machines.
func previewJSON(v *preview, at time.Time) map[string]any {
	state, line := v.verdict()
	targets := []map[string]any{}
	for _, t := range v.targets {
		one := map[string]any{"target": t.name, "window": t.window}
		if t.err != nil {
			one["error"] = printable(t.err.Error())
		} else {
			one["plan"], one["summary"] = t.plan.Digest(), t.plan.Summary()
		}
		targets = append(targets, one)
	}
	conflicts := []map[string]any{}
	for _, c := range v.conflicts {
		conflicts = append(conflicts, map[string]any{"path": c.Path, "why": c.Why})
	}
	return map[string]any{
		"format": "mlsync.preview/1", "pull_request": v.pr.Number, "base": v.pr.Base, "base_commit": v.base, "head": v.head, "at": at.UTC(),
		"state": state, "text": line, "config_changed": v.config, "conflicts": conflicts, "unmerged": v.unmerged, "targets": targets, "left_out": v.left,
	}
}
