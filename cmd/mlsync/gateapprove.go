package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// approveGates approves gates of the release that waits, or of the one that the
// folder pins. Nothing is asked of the workspace.
func (a *app) approveGates(ctx context.Context, f targetFlags, given state.Approval) error {
	cfg, err := a.ownConfig()
	if err != nil {
		return err
	}
	t, err := a.pick(cfg, f)
	if err != nil {
		return err
	}
	if err := knownGates(t, given.Allow); err != nil {
		return err
	}
	where, err := a.statePlace(f.state)
	if err != nil {
		return err
	}
	store, err := state.Open(ctx, where, journalOptions(where, cfg.Installation()))
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	j, err := store.Target(ctx, t.Name, scopeOf(t).WorkspaceID())
	if err != nil {
		return err
	}
	r, err := a.releaseToApprove(ctx, cfg, t, j)
	if err != nil {
		return err
	}
	given.Author, given.Digest = a.author(given.Author), consentOf(r)
	if files, err := a.openFiles(cfg); err == nil && cfg.Approvals.FourEyes {
		c := commitOf(ctx, cfg, files)
		if err := errors.Join(notAuthor(given.Author, c.By, c.Hash), files.Close()); err != nil {
			return err
		}
	}
	if _, err := j.Approve(ctx, given); err != nil {
		return err
	}
	a.printf("%s approved %s of release %s for %s until %s\n", printable(given.Author), strings.Join(given.Allow, ", "), r.Name, t.Name, given.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

// releaseToApprove is the release that the target waits with, else the one that
// the folder pins. If both are known they must be the same: nobody approves
// what he does not see.
func (a *app) releaseToApprove(ctx context.Context, cfg *config.Config, t *config.Target, j *state.Target) (plan.Release, error) {
	files, err := a.openFiles(cfg)
	if err != nil {
		return plan.Release{}, err
	}
	defer func() { _ = files.Close() }() // it was only read
	here, err := pinnedName(files.FS(), t)
	if err != nil {
		return here, err
	}
	waits, err := j.Waiting(ctx)
	none := plan.Release{}
	switch {
	case err != nil:
		return none, err
	case here == none && waits == none:
		return none, fmt.Errorf("target %s is at no release, and none waits", t.Name)
	case here != none && waits != none && here.Fingerprint != waits.Fingerprint:
		return none, fmt.Errorf("target %s waits with the release %s, and this folder has %s: check out the commit that you approve", t.Name, printable(waits.Name), here.Name)
	case waits != none:
		return waits, nil
	}
	return here, nil
}

// completeGates completes approvals of the gates of the target.
func (a *app) completeGates(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	if cfg, _, err := a.readConfig(); err == nil {
		if t, _ := cfg.Pick(a.flags.target); t != nil {
			out = gateNames(t)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// knownGates refuses approvals of gates that the target does not have.
func knownGates(t *config.Target, names []string) error {
	known := gateNames(t)
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		hint := problem.DidYouMean(name, known)
		if hint == "" && len(known) > 0 {
			hint = "one of " + strings.Join(known, ", ")
		}
		if hint != "" {
			hint = " (" + hint + ")"
		}
		return fmt.Errorf("target %s has no gate for the approval %q%s", t.Name, name, hint)
	}
	return nil
}
