package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/promote"
)

func (a *app) releaseCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "release", Short: "Make, list, compare and verify releases", GroupID: "move",
		Long: `A release is a named set of versions of one workspace, closed over what they refer
to, with a digest of each asset and a hash of all bytes. It is a file
releases/NAME.yml in the repository and never changes. mlsync promote brings it
to another target.`,
	}
	c.AddCommand(a.releaseCreate(), a.releaseList(), a.releaseShow(), a.releaseDiff(), a.releaseVerify())
	return c
}

func (a *app) releaseCreate() *cobra.Command {
	var f targetFlags
	var from string
	var dryRun bool
	c := &cobra.Command{
		Use: "create NAME [ASSET...]", Short: "Make a release of what is live in a target", Args: cobra.MinimumNArgs(1),
		Long: `Read the assets from the workspace, with all that they refer to, hash their bytes
and write releases/NAME.yml. Without assets, it is all of the target's tree that
can be promoted, jobs aside. The workspace must be as git says: otherwise nothing
is written (exit code 5).

What every target has of its own (computes, datastores, connections) ends the
search and is listed. To make a release again that is there already, with the
same content, changes nothing; with other content it is refused.`,
		Example: `  mlsync release create 2025-06-01 --from dev
  mlsync release create fares-4 online-endpoint/fares --from dev
  mlsync release create fares-4 model/fares:4 environment/score:7 --from dev --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runReleaseCreate(cmd.Context(), f, cmp.Or(from, a.flags.target), args[0], args[1:], dryRun)
		},
	}
	f.reach(c)
	c.Flags().StringVar(&from, "from", "", "the target that it is made of (default: --target)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "write nothing, show the release")
	_ = c.RegisterFlagCompletionFunc("from", a.completeTargets) // the flag is there
	return c
}

func (a *app) runReleaseCreate(ctx context.Context, f targetFlags, from, name string, roots []string, dryRun bool) error {
	if bad := promote.BadName(name); bad != "" {
		return fmt.Errorf("%q cannot be the name of a release: %s", name, bad)
	}
	src, err := a.openSide(ctx, f, from)
	if err != nil {
		return err
	}
	defer src.close()
	if err := src.plan(); err != nil {
		return err
	}
	r, err := src.release(name, roots)
	if err != nil {
		return err
	}
	old, err := releases{src.fsys}.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !old.Same(r):
		return &codeError{exitRefused, fmt.Errorf("the release %s is there already with other content, and a release never changes: give the new one another name\n%s", name, diffText(promote.Diff(old, r)))}
	default:
		a.printf("the release %s is there already, with the same content\n", name)
		return nil
	}
	if err := a.showRelease(r); err != nil {
		return err
	}
	if dryRun {
		return nil
	}
	if err := a.putFiles([]promote.File{{Path: promote.FileOf(name), Bytes: promote.WriteRelease(r)}}); err != nil {
		return err
	}
	a.say("wrote %s: commit it", promote.FileOf(name))
	return nil
}

// release makes a release of the source. Without roots it is of all of its tree.
func (x *side) release(name string, roots []string) (*promote.Release, error) {
	if x.ws.Scope().Registry != "" {
		return nil, errors.New("a release is made of a workspace: what is in a registry can be used from everywhere")
	}
	ids, err := x.roots(roots)
	if err != nil {
		return nil, err
	}
	draft, bad, err := promote.Collect(ids, x.look())
	switch {
	case err != nil:
		return nil, err
	case len(bad) > 0:
		return nil, bad
	}
	if err := x.applied(draft); err != nil {
		return nil, err
	}
	for _, d := range draft.Assets {
		for _, p := range d.Places {
			if _, err := x.digest(p.At); err != nil {
				return nil, fmt.Errorf("%s: the content of %s: %w", d.Asset.ID, p.Field, err)
			}
		}
	}
	scope := x.ws.Scope()
	source := promote.Source{Target: x.target.Name, Subscription: scope.Subscription, ResourceGroup: scope.ResourceGroup, Workspace: scope.Workspace}
	c := x.commit(x.ctx)
	source.Repo, source.Commit = c.Repo, c.Hash
	if c.Dirty && c.Hash != "" {
		x.say("mlsync: the folder has changes that are in no commit; the release names the commit %s all the same", c.Hash[:12])
	}
	if run, err := x.journal.LastApplied(x.ctx); err == nil {
		source.Run = run.ID
	}
	if err := x.ctx.Err(); err != nil {
		return nil, err
	}
	r, bad := promote.Make(name, source, draft, func(p promote.Place) promote.Digested { return x.bytes[p].Digested }, x.origin)
	return r, bad.Err()
}

// roots are the assets that a release is of.
func (x *side) roots(texts []string) ([]asset.ID, error) {
	var out []asset.ID
	for _, text := range texts {
		id, err := x.assetID(text)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	if len(texts) > 0 {
		return out, nil
	}
	for _, a := range x.prep.Want.Set.All() {
		if t := kind.Of(a.ID.Kind); t.Promotable && !t.Once && !a.Anonymous && !t.IsSystem(a.ID) {
			out = append(out, a.ID)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the tree of target %s has nothing that can be promoted", x.target.Name)
	}
	return out, nil
}

// applied refuses a source that is not as git says.
func (x *side) applied(d *promote.Draft) error {
	in := map[asset.ID]bool{}
	for _, one := range d.Assets {
		in[one.Asset.ID] = true
	}
	var why []string
	for i := range x.prep.Plan.Steps {
		s := &x.prep.Plan.Steps[i]
		if in[s.Key.ID] && s.Action != plan.NoOp {
			why = append(why, fmt.Sprintf("%s: %s is to be done", s.Key.ID, s.Action))
		}
	}
	for _, drift := range x.prep.Plan.Drift {
		if in[drift.ID] {
			why = append(why, fmt.Sprintf("%s: it was changed outside git (%s)", drift.ID, strings.Join(drift.Paths, ", ")))
		}
	}
	if len(why) == 0 {
		return nil
	}
	slices.Sort(why)
	why = slices.Compact(why)
	return &codeError{exitRefused, fmt.Errorf("the workspace of target %s is not as git says, so nobody could say what was released; apply it first\n  %s", x.target.Name, strings.Join(why, "\n  "))}
}

// folder is the tree of the folder, without a workspace.
func (a *app) folder() (fs.FS, func(), error) {
	w, err := openFolder(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return nil, nil, err
	}
	return w.FS(), func() { _ = w.Close() }, nil
}

// completeReleases are the releases of the folder.
func (a *app) completeReleases(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	fsys, done, err := a.folder()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer done()
	names, _ := releases{fsys}.names()
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(args, n) }), cobra.ShellCompDirectiveNoFileComp
}

// problemsOf are problems as an error that prints all of them.
func problemsOf(bad problem.List) error {
	if len(bad) == 0 {
		return nil
	}
	return bad
}
