package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/promote"
)

func (a *app) rollbackCommand() *cobra.Command {
	var f targetFlags
	var out publishFlags
	var to, why string
	c := &cobra.Command{
		Use: "rollback --to RELEASE", Short: "Bring a target back to an earlier release", GroupID: "move", Args: cobra.NoArgs,
		Long: `Make the pins of a target those of an earlier release. It is a commit as well: when
it is applied, traffic goes to what the release has first, then specs change, and
then what newer releases brought is removed. Bytes stay.

What only newer releases brought leaves the overlay; files that promotion did not
write are left alone. The newer releases are remembered as skipped, in git: they
are not applied again, neither by a merge of an old branch nor by mlsync promote,
unless with --again.`,
		Example: `  mlsync rollback --to 2025-05-01 --target prod --why "errors in scoring"
  mlsync rollback --to 2025-05-01 --target prod --branch main
  mlsync rollback --to 2025-05-01 --target prod --dry-run`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runRollback(cmd.Context(), f, out, to, why) },
	}
	f.reach(c)
	out.register(c)
	c.Flags().StringVar(&to, "to", "", "the release")
	c.Flags().StringVar(&why, "why", "", "the reason, which is kept")
	_ = c.MarkFlagRequired("to") // the flag is there
	_ = c.RegisterFlagCompletionFunc("to", a.completeReleases)
	return c
}

func (a *app) runRollback(ctx context.Context, f targetFlags, out publishFlags, to, why string) error {
	p, t, err := a.newPromotion(ctx, f, out, a.flags.target, "")
	if err != nil {
		return err
	}
	defer p.close()
	p.verb = "rollback"
	if len(t.Overlays) == 0 {
		var bad problem.List
		bad.Hintf(t.Pos, "no_overlay", "nothing was promoted to it", "targets.%s: the target has no overlay", t.Name)
		return bad
	}
	for try := 1; ; try++ {
		r, err := p.wanted(ctx, []string{to}, "", "")
		if err != nil {
			return err
		}
		commit := p.rolledBack()
		err = p.run(ctx, r, func(t *promote.Target, _ string) (*promote.Promotion, error) {
			if t.Pins == nil || t.Pins.Release == "" {
				return nil, fmt.Errorf("nothing was promoted to target %s yet, so there is nothing to go back from", t.Name)
			}
			got, bad, err := promote.Rollback(r, t, promote.Back{
				Release: func(name string) *promote.Release {
					r, err := releases{p.fsys}.read(name)
					if err != nil && !errors.Is(err, fs.ErrNotExist) {
						p.say("mlsync: %v", err)
					}
					return r
				},
				Through: p.registry(t),
				Skip:    promote.Skip{Commit: commit, By: a.author(p.signature(out.author).Name), At: time.Now().UTC().Format(time.RFC3339), Why: why},
			})
			if err == nil {
				err = problemsOf(bad)
			}
			return got, err
		}, "roll "+p.to+" back to "+r.Name)
		if again, aerr := p.moved(ctx, err, try); !again {
			return aerr
		}
	}
}

// registry is the registry that the releases of a target went through.
func (*promotion) registry(t *promote.Target) string {
	if t.Pins == nil {
		return ""
	}
	return t.Pins.Through
}

// rolledBack is the commit that is rolled back: the one that the change begins
// at.
func (p *promotion) rolledBack() string {
	if p.remote != nil {
		return string(p.remote.head.Hash)
	}
	head, err := p.folder.Head()
	if err != nil {
		return ""
	}
	return string(head.Hash)
}
