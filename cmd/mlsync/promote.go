package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/state"
)

// promoteFlags are the flags of mlsync promote.
type promoteFlags struct {
	targetFlags
	publishFlags
	from, to, name, through string
	again                   bool
}

func (a *app) promoteCommand() *cobra.Command {
	var f promoteFlags
	c := &cobra.Command{
		Use: "promote [RELEASE|ASSET...]", Short: "Bring a release, or assets, of one target to the next", GroupID: "move",
		Long: `Pin a release into the overlay of a target: complete files with explicit versions,
and a record of what the target is at. Nothing is written to a workspace: when the
files are applied, the target becomes what they say, bytes included.

It shows what moves, what stays the target's own (sizes, counts, identities,
traffic, computes), and what is blocked and why. With something blocked, nothing
is written (exit code 5). With assets in place of a release, a release is made of
them first. To promote what is there already changes nothing.

Without --branch or --pr the files are written into the folder, as export does:
look at them and commit them. --branch pushes one commit to a branch of the
remote, and --pr opens a pull request as well; both begin at what the remote has
and leave the folder alone.`,
		Example: `  mlsync promote 2025-06-01 --to prod
  mlsync promote online-endpoint/fares --from dev --to test --name fares-7
  mlsync promote 2025-06-01 --to prod --pr
  mlsync promote 2025-06-01 --to prod --through shared-registry
  mlsync promote 2025-06-01 --to prod --dry-run --json`,
		ValidArgsFunction: a.completeReleases,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runPromote(cmd.Context(), f, args) },
	}
	f.reach(c)
	f.publishFlags.register(c)
	c.Flags().StringVar(&f.from, "from", "", "the target that assets are released from (default: from: of the other one)")
	c.Flags().StringVar(&f.to, "to", "", "the target that they go to (default: --target)")
	c.Flags().StringVar(&f.name, "name", "", "the name of the release that is made of assets (default: the day and a part of the digest)")
	c.Flags().StringVar(&f.through, "through", "", "a target that is a registry: models, environments, components and data go there, and are used from there")
	c.Flags().BoolVar(&f.again, "again", false, "take a release that was rolled back")
	for _, flag := range []string{"from", "to", "through"} {
		_ = c.RegisterFlagCompletionFunc(flag, a.completeTargets) // the flags are there
	}
	return c
}

// promotion is one call of promote or rollback.
type promotion struct {
	*app
	cfg *config.Config
	// to is the target's name; through that of a registry, or "".
	to, through string
	// verb is what is done, for the audit.
	verb  string
	flags targetFlags
	out   publishFlags
	// remote is where the change goes; nil for the folder. fsys is what it
	// begins at.
	remote *remoteRepo
	folder *gitrepo.WorkTree
	forge  *forge.Forge // of the pull request; nil for none
	fsys   fs.FS
	// made is the release that is made of assets, which is written as well.
	made *promote.Release
	// plans are what is done, the registry first.
	plans []*promote.Promotion
	files []promote.File
}

func (a *app) runPromote(ctx context.Context, f promoteFlags, args []string) error {
	p, t, err := a.newPromotion(ctx, f.targetFlags, f.publishFlags, cmp.Or(f.to, a.flags.target), f.through)
	if err != nil {
		return err
	}
	defer p.close()
	for try := 1; ; try++ {
		r, err := p.wanted(ctx, args, cmp.Or(f.from, t.From), f.name)
		if err != nil {
			return err
		}
		err = p.run(ctx, r, func(t *promote.Target, through string) (*promote.Promotion, error) {
			got, bad, err := promote.Plan(r, t, promote.Options{Again: f.again, Through: through})
			if err == nil {
				err = problemsOf(bad)
			}
			return got, err
		}, "promote "+r.Name+" to "+p.to)
		if again, aerr := p.moved(ctx, err, try); !again {
			return aerr
		}
	}
}

// newPromotion reads the configuration and, if the change goes to the remote,
// what is there.
func (a *app) newPromotion(ctx context.Context, f targetFlags, out publishFlags, to, through string) (*promotion, *config.Target, error) {
	cfg, bad, err := a.readConfig()
	if err == nil {
		err = bad.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	t, missing := cfg.Pick(to)
	if t == nil {
		return nil, nil, missing
	}
	p := &promotion{app: a, cfg: cfg, to: t.Name, through: through, verb: "promote", flags: f, out: out}
	if through != "" {
		r, missing := cfg.Pick(through)
		if r == nil {
			return nil, nil, missing
		}
		if r.Registry == "" {
			return nil, nil, fmt.Errorf("--through: target %s is a workspace, not a registry", through)
		}
	}
	if out.remote() {
		if p.remote, err = a.openRemote(ctx, cfg, t, out.branch); err != nil {
			return nil, nil, err
		}
		p.fsys, err = p.remote.fs()
		if err == nil && out.pr {
			p.forge, err = a.forge(ctx, cfg.Repository, p.remote.origin)
		}
		if err != nil {
			p.close()
			return nil, nil, err
		}
		return p, t, nil
	}
	if p.folder, err = openFolder(cmp.Or(a.flags.dir, ".")); err != nil {
		return nil, nil, err
	}
	p.fsys = p.folder.FS()
	return p, t, nil
}

func (p *promotion) close() {
	if p.remote != nil {
		p.remote.close()
	}
	if p.folder != nil {
		_ = p.folder.Close() // it was only read
	}
}

// open opens a target on the files that the change begins at.
func (p *promotion) open(ctx context.Context, name string) (*side, error) {
	x, err := p.openSide(ctx, p.flags, name)
	if err != nil {
		return nil, err
	}
	x.fsys = p.fsys
	return x, nil
}

// wanted is the release that is named, or one that is made of assets.
func (p *promotion) wanted(ctx context.Context, args []string, from, name string) (*promote.Release, error) {
	if len(args) == 1 && !strings.Contains(args[0], "/") {
		return releases{p.fsys}.find(args[0])
	}
	if from == "" {
		return nil, fmt.Errorf("which target it comes from is not known: give --from, or from: of target %s in %s", p.to, config.File)
	}
	if from == p.to {
		return nil, fmt.Errorf("%s cannot be promoted to itself", from)
	}
	if name != "" {
		if bad := promote.BadName(name); bad != "" {
			return nil, fmt.Errorf("%q cannot be the name of a release: %s", name, bad)
		}
	}
	src, err := p.open(ctx, from)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if err := src.plan(); err != nil {
		return nil, err
	}
	return p.release(src, args, name)
}

// release makes a release of assets, or finds the one that holds the same.
func (p *promotion) release(src *side, args []string, name string) (*promote.Release, error) {
	r, err := src.release(cmp.Or(name, "unnamed"), args)
	if err != nil {
		return nil, err
	}
	all, _, err := releases{src.fsys}.all()
	if err != nil {
		return nil, err
	}
	for _, old := range all {
		switch {
		case name == "" && old.Same(r):
			return old, nil
		case name == old.Name && old.Same(r):
			return old, nil
		case name == old.Name:
			return nil, &codeError{exitRefused, fmt.Errorf("the release %s is there already with other content, and a release never changes: give the new one another name", name)}
		}
	}
	if name == "" {
		r.Name = time.Now().UTC().Format(time.DateOnly) + "-" + r.SetDigest()[:8]
	}
	p.made = r
	return r, nil
}

// run makes the plans, shows them and does them.
func (p *promotion) run(ctx context.Context, r *promote.Release, plan func(*promote.Target, string) (*promote.Promotion, error), title string) error {
	p.plans, p.files = nil, nil
	registry := ""
	if p.through != "" {
		t, _ := p.cfg.Pick(p.through)
		registry = t.Registry
		if err := p.plan(ctx, p.through, "", plan); err != nil {
			return err
		}
	}
	if err := p.plan(ctx, p.to, registry, plan); err != nil {
		return err
	}
	if p.made != nil && len(p.files) > 0 {
		p.files = append(p.files, promote.File{Path: promote.FileOf(p.made.Name), Bytes: promote.WriteRelease(p.made)})
	}
	blocked := 0
	for _, one := range p.plans {
		blocked += len(one.Blocked)
	}
	result := promotionJSON{Format: "mlsync.promotion/1", Release: r.Name, Files: []string{}, Targets: p.rows()}
	for _, f := range p.files {
		result.Files = append(result.Files, f.Path)
	}
	slices.Sort(result.Files)
	if !p.app.flags.json {
		p.show(r, title)
	}
	var err error
	switch {
	case blocked > 0:
		err = exitWith(exitRefused)
	case len(p.files) == 0:
		result.Done = "nothing"
		p.tell("target %s is at it already: nothing to do\n", p.to)
	case p.out.dryRun:
		result.Done = "shown"
		p.tell("nothing was written: that is what would be\n")
	default:
		if err = p.publish(ctx, r, title, &result); err == nil {
			detail := strings.Join([]string{title, result.Done, result.Branch, result.Commit, result.URL}, " ")
			err = p.audited(ctx, p.flags.state, state.Audit{Action: p.verb, Target: p.to, Detail: strings.Join(strings.Fields(detail), " ")})
		}
	}
	var moved *gitrepo.MovedError
	if p.app.flags.json && !errors.As(err, &moved) {
		if jerr := p.printJSON(result); jerr != nil {
			return jerr
		}
	}
	return err
}

func (p *promotion) tell(format string, args ...any) {
	if !p.app.flags.json {
		p.printf(format, args...)
	}
}

// plan makes the plan of one target and checks that its tree would say so.
func (p *promotion) plan(ctx context.Context, name, registry string, plan func(*promote.Target, string) (*promote.Promotion, error)) error {
	x, err := p.open(ctx, name)
	if err != nil {
		return err
	}
	defer x.close()
	if err := x.plan(); err != nil {
		return err
	}
	t, err := x.asTarget()
	if err != nil {
		return err
	}
	got, err := plan(t, registry)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.plans = append(p.plans, got)
	if len(got.Blocked) > 0 || !got.Changes() {
		return nil
	}
	tr, bad := readTree(layered(x.fsys, got.Files), x.cfg, x.target)
	bad = bad.Errors()
	bad.Append(got.Check(tr))
	if err := bad.Err(); err != nil {
		return err
	}
	p.files = append(p.files, got.Files...)
	return nil
}

// publish writes the files, pushes them or proposes them.
func (p *promotion) publish(ctx context.Context, r *promote.Release, title string, result *promotionJSON) error {
	if p.remote == nil {
		if err := p.putFiles(p.files); err != nil {
			return err
		}
		result.Done = "written"
		p.tell("wrote %s: look at them and commit them; %s, or the daemon, does the rest\n", count(len(p.files), "file"), p.applies())
		return nil
	}
	branch := p.out.branch
	if branch == "" {
		branch = "mlsync/" + p.to + "/" + r.Name
	}
	message := cmp.Or(p.out.message, p.message(r, title))
	commit, err := p.remote.push(ctx, branch, message, p.signature(p.out.author), p.files)
	if err != nil {
		return err
	}
	result.Done, result.Branch, result.Commit = "pushed", branch, string(commit.Hash)
	p.tell("pushed %s to branch %s\n", commit.Hash[:12], branch)
	if !p.out.pr {
		return nil
	}
	pr, err := p.forge.Open(ctx, forge.PullRequest{Head: branch, Base: p.remote.base, Title: title, Body: p.markdown(r)})
	if err != nil {
		return fmt.Errorf("the branch %s is pushed, and the pull request is not open yet: %w", branch, err)
	}
	result.Done, result.URL = "proposed", pr.URL
	p.tell("opened %s\n", printable(result.URL))
	return nil
}

// applies are the commands that apply what was written.
func (p *promotion) applies() string {
	text := "mlsync apply --target " + p.to
	if p.through != "" {
		text = "mlsync apply --target " + p.through + ", then " + text
	}
	return text
}

// tries is how often a promotion begins anew because the branch moved: others
// that push more often than that would keep it from ever ending.
const tries = 20

// moved reports whether the promotion has to begin anew, on what the branch is
// now.
func (p *promotion) moved(ctx context.Context, err error, try int) (bool, error) {
	var moved *gitrepo.MovedError
	if !errors.As(err, &moved) || moved.Head.Hash == "" || try == tries {
		return false, err
	}
	p.say("mlsync: %s has moved to %s: beginning anew", moved.Branch, moved.Head.Hash[:12])
	p.remote.head, p.made = moved.Head, nil
	fsys, err := p.remote.fs()
	if err != nil {
		return false, err
	}
	p.fsys = fsys
	return ctx.Err() == nil, ctx.Err()
}

// message is the message of the commit: what is done, and with which assets.
func (p *promotion) message(r *promote.Release, title string) string {
	var b strings.Builder
	b.WriteString(title + "\n\n")
	fmt.Fprintf(&b, "Release %s of target %s", r.Name, r.Source.Target)
	if r.Source.Commit != "" {
		fmt.Fprintf(&b, " at commit %s", r.Source.Commit)
	}
	b.WriteString("\n\n")
	for _, one := range p.plans {
		for _, m := range one.Moves {
			if m.What != "unchanged" {
				fmt.Fprintf(&b, "%s: %s %s\n", one.Target, m.What, m.ID)
			}
		}
	}
	return b.String()
}
