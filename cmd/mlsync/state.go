package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

func (a *app) stateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "state", Short: "Back up, move or rebuild the journal", GroupID: "work",
		Long: `The journal holds what mlsync has written and cannot read again: intents,
outcomes, who owns an asset and what was applied last. It can be lost: the
assets carry stamps by which they are found again.`,
	}
	c.AddCommand(a.stateBackupCommand(), a.stateRestoreCommand(), a.stateExportCommand(), a.stateImportCommand(), a.stateRebuildCommand())
	return c
}

// statePlace is the journal that a flag names, or that of the folder.
func (a *app) statePlace(where string) (string, error) {
	if where != "" {
		return where, nil
	}
	return a.statePath()
}

// keepDamaged sets a damaged journal aside, so that nothing is lost and the
// next run can work, and says so. Other errors are as they were.
func (a *app) keepDamaged(err error, where string) error {
	var damaged *state.DamagedError
	if !errors.As(err, &damaged) {
		return err
	}
	where, placeErr := a.statePlace(where)
	if placeErr != nil {
		return errors.Join(err, placeErr)
	}
	kept, asideErr := state.SetAside(where, time.Now())
	if asideErr != nil {
		return errors.Join(err, asideErr)
	}
	return fmt.Errorf("the journal %s is damaged: %s\n"+
		"nothing was written to the workspace; the damaged file is kept as %s\n"+
		"restore a newer backup with mlsync state import, or rebuild the journal with mlsync state rebuild; "+
		"without either, the next run finds the assets again by the stamps that they carry (%w)", damaged.Path, damaged.Detail, kept, state.ErrDamaged)
}

// lostJournal says that the journal begins anew.
func lostJournal(s *state.Store) string {
	return fmt.Sprintf("the journal %s was lost: the whole workspace is read to find the assets again by the stamps that they carry", s)
}

func (a *app) stateExportCommand() *cobra.Command {
	var where string
	var opts state.ExportOptions
	c := &cobra.Command{
		Use: "export [FILE]", Short: "Write the journal as JSON lines, for a backup or a move", Args: cobra.MaximumNArgs(1),
		Long: `Write all of the journal as JSON lines to a file, or to stdout. Secrets are not in
it, and their fingerprints only with --fingerprints: without them every secret
is written once more after an import. A journal that was rolled back can be
exported as well.`,
		Example: "  mlsync state export backup.jsonl\n  mlsync state export --state postgres://db/mlsync > backup.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.exportState(cmd.Context(), where, args, opts)
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().BoolVar(&opts.Fingerprints, "fingerprints", false, "with the fingerprints of secrets and their key: whoever has both can try out guesses of a secret")
	return c
}

func (a *app) exportState(ctx context.Context, where string, args []string, opts state.ExportOptions) (err error) {
	if where, err = a.statePlace(where); err != nil {
		return err
	}
	o := journalOptions(where, "")
	o.Existing, o.AsIs = true, true
	store, err := state.Open(ctx, where, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var out io.Writer = a.streams.out
	if len(args) > 0 && args[0] != "-" {
		f, err := os.OpenFile(a.path(args[0]), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(store.Export(ctx, f, opts), f.Sync(), f.Close())
	}
	return store.Export(ctx, out, opts)
}

func (a *app) stateImportCommand() *cobra.Command {
	var where string
	var opts state.ImportOptions
	c := &cobra.Command{
		Use: "import FILE", Short: "Fill an empty journal from an export", Args: cobra.ExactArgs(1),
		Long: `Fill a journal from an export, all or nothing. The journal must be empty; a
damaged one is set aside first. The export of another installation is refused,
unless --take-over says that this one is to go on in its place.`,
		Example: "  mlsync state import backup.jsonl\n  mlsync state import backup.jsonl --state postgres://db/mlsync",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importState(cmd.Context(), where, args[0], opts)
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().BoolVar(&opts.TakeOver, "take-over", false, "go on in place of another installation")
	return c
}

func (a *app) importState(ctx context.Context, where, file string, opts state.ImportOptions) (err error) {
	if where, err = a.statePlace(where); err != nil {
		return err
	}
	installation := ""
	if cfg, err := a.ownConfig(); err == nil && len(cfg.Targets) > 0 {
		installation = cfg.Installation()
	}
	f, err := os.Open(a.path(file))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	store, err := a.openFresh(ctx, where, installation)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Import(ctx, f, opts); err != nil {
		if errors.Is(err, state.ErrOtherInstallation) {
			err = fmt.Errorf("%w; --take-over lets this one go on in its place", err)
		}
		return err
	}
	a.printf("imported into %s\n", store)
	return store.Audited(ctx, state.Audit{Action: "import", Detail: filepath.Base(file)})
}

// openFresh opens a journal that is to be filled; a damaged one is set aside.
func (a *app) openFresh(ctx context.Context, where, installation string) (*state.Store, error) {
	store, err := state.Open(ctx, where, journalOptions(where, installation))
	if !errors.Is(err, state.ErrDamaged) {
		return store, err
	}
	kept, err := state.SetAside(where, time.Now())
	if err != nil {
		return nil, err
	}
	a.say("the damaged journal is kept as %s", kept)
	return state.Open(ctx, where, journalOptions(where, installation))
}

func (a *app) stateRebuildCommand() *cobra.Command {
	var f targetFlags
	var force bool
	c := &cobra.Command{
		Use: "rebuild", Short: "Make the journal anew from git and the stamps on the assets", Args: cobra.NoArgs,
		Long: `Read the whole workspace and note as managed what carries the stamp of the target.
Nothing is written to the workspace. A journal that is damaged or was rolled
back is kept beside the new one; one that is sound is rebuilt only with --force.

Some kinds carry no stamps: those that git has are listed, and the next apply
takes them over.`,
		Example: "  mlsync state rebuild\n  mlsync state rebuild --target prod --state /var/lib/mlsync/mlsync.db",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.rebuild(cmd.Context(), f, force) },
	}
	f.register(c)
	c.Flags().BoolVar(&force, "force", false, "also if the journal is sound")
	return c
}

func (a *app) rebuild(ctx context.Context, f targetFlags, force bool) (err error) {
	where, err := a.statePlace(f.state)
	if err != nil {
		return err
	}
	if err := a.clearState(ctx, where, force); err != nil {
		return err
	}
	s, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, unlock, err := s.lock(ctx)
	if err != nil {
		return &codeError{exitRefused, err}
	}
	defer unlock()
	defer func() { err = because(ctx, err) }()
	p := s.pass(func(reconcile.Event) {})
	p.Review = nil // the journal is written, not the workspace
	p.Check = reconcile.AssumeChecks
	prep, err := p.Prepare(ctx, s.commit(ctx), plan.Options{Full: true}, reconcile.Trigger{Name: "rebuild", Unmanaged: true})
	if err != nil {
		return err
	}
	found, err := p.Rebuild(ctx, prep)
	if err != nil {
		return err
	}
	if err := s.store.Audited(ctx, state.Audit{Action: "rebuild", Target: s.target.Name, Detail: number(len(found), "asset") + " found by their stamps"}); err != nil {
		return err
	}
	a.showRebuilt(prep, found)
	if !prep.Plan.Complete() {
		return exitWith(exitError)
	}
	return nil
}

// clearState sets the journal aside that is to be rebuilt.
func (a *app) clearState(ctx context.Context, where string, force bool) error {
	o := journalOptions(where, "")
	o.Existing = true
	store, err := state.Open(ctx, where, o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		targets, err := store.Targets(ctx)
		if err = errors.Join(err, store.Close()); err != nil || len(targets) == 0 {
			return err
		}
		if !force {
			return &codeError{exitRefused, fmt.Errorf("the journal %s is sound: --force sets it aside and makes another", where)}
		}
	case !errors.Is(err, state.ErrDamaged):
		return err
	}
	kept, err := state.SetAside(where, time.Now())
	if err != nil {
		return err
	}
	a.say("the old journal is kept as %s", kept)
	return nil
}

func (a *app) showRebuilt(prep *reconcile.Prepared, found []plan.Owned) {
	gone := 0
	for _, o := range found {
		if prep.Want.Set.Get(o.ID) == nil {
			gone++
		}
	}
	a.printf("%s: %s found by their stamps, %d of them no longer in git\n", prep.Plan.Target.Name, number(len(found), "asset"), gone)
	for k, why := range prep.Plan.Observed.Partial {
		a.printf("? %s could not be read: %s\n", k, printable(why))
	}
	for _, s := range prep.Plan.Steps {
		switch s.Action {
		case plan.Adopt:
			a.printf("  no stamp  %s: the next apply takes it over\n", s.Key)
		case plan.Unknown:
			a.printf("? %s: %s\n", s.Key, printable(s.Blocked))
		default:
		}
	}
}

// ownConfig is the configuration of the folder, with where it was cloned from.
func (a *app) ownConfig() (*config.Config, error) {
	cfg, bad, err := a.readConfig()
	if err = errors.Join(err, bad.Err()); err != nil || cfg.Repository.URL != "" {
		return cfg, err
	}
	files, err := a.openFiles(cfg)
	if err != nil {
		return nil, err
	}
	return cfg, files.Close()
}
