package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/state"
)

// The names of backups: their order is that of their times.
const (
	backupPrefix = "mlsync-journal-"
	backupSuffix = ".jsonl"
	backupTime   = "20060102T150405.000Z"
)

// backupFlags are the flags of state backup.
type backupFlags struct {
	where string
	keep  int
	opts  state.ExportOptions
}

func (a *app) stateBackupCommand() *cobra.Command {
	var f backupFlags
	c := &cobra.Command{
		Use: "backup FOLDER", Short: "Write a backup of the journal into a folder", Args: cobra.ExactArgs(1),
		Long: `Write all of the journal into a new file of the folder, as mlsync state export does,
and with --keep remove the oldest backups. It may run while the daemon runs: the
backup is one consistent view, of SQLite and of PostgreSQL. The file appears
under its name once it is whole and on the disk.

Tasks in the queue are not in it: the daemon finds again what is to be done.`,
		Example: `  mlsync state backup /backup/mlsync --keep 14 --state /var/lib/mlsync/mlsync.db
  mlsync state backup /backup/mlsync --state postgres://db/mlsync`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.backup(cmd.Context(), a.path(args[0]), f)
		},
	}
	c.Flags().StringVar(&f.where, "state", "", "the journal (default: that of this folder)")
	c.Flags().IntVar(&f.keep, "keep", 0, "how many backups stay in the folder; 0 for all")
	c.Flags().BoolVar(&f.opts.Fingerprints, "fingerprints", false, "with the fingerprints of secrets and their key: whoever has both can try out guesses of a secret")
	return c
}

func (a *app) backup(ctx context.Context, dir string, f backupFlags) (err error) {
	if f.keep < 0 {
		return errors.New("--keep is a number of backups, 0 for all")
	}
	where, err := a.statePlace(f.where)
	if err != nil {
		return err
	}
	o := journalOptions(where, "")
	o.Existing = true
	store, err := state.Open(ctx, where, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name, err := writeBackup(ctx, store, dir, f.opts)
	if err != nil {
		return err
	}
	gone, err := trimBackups(dir, f.keep)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"file": name, "bytes": info.Size(), "removed": gone})
	}
	a.printf("%s: %s of the journal %s\n", name, bytesText(info.Size()), store)
	for _, g := range gone {
		a.printf("removed %s\n", g)
	}
	return nil
}

// writeBackup exports into a file without a name of a backup, and gives it one
// when it is whole.
func writeBackup(ctx context.Context, store *state.Store, dir string, opts state.ExportOptions) (string, error) {
	f, err := os.CreateTemp(dir, ".mlsync-backup-*") // for the owner only
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, backupPrefix+time.Now().UTC().Format(backupTime)+backupSuffix)
	err = errors.Join(store.Export(ctx, f, opts), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	_ = d.Sync() // the name; not every system can
	return name, d.Close()
}

// backups are those in a folder, the oldest first.
func backups(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range all {
		stamp, ok := strings.CutPrefix(e.Name(), backupPrefix)
		stamp, whole := strings.CutSuffix(stamp, backupSuffix)
		if _, err := time.Parse(backupTime, stamp); ok && whole && err == nil && e.Type().IsRegular() {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}

// trimBackups removes the oldest backups but for the given number.
func trimBackups(dir string, keep int) ([]string, error) {
	have, err := backups(dir)
	if err != nil || keep == 0 || len(have) <= keep {
		return []string{}, err
	}
	gone := have[:len(have)-keep]
	for _, name := range gone {
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

func (a *app) stateRestoreCommand() *cobra.Command {
	var where string
	var replace bool
	var opts state.ImportOptions
	c := &cobra.Command{
		Use: "restore FILE|FOLDER", Short: "Take a backup of the journal back", Args: cobra.ExactArgs(1),
		Long: `Fill the journal from a backup, or from the newest one in a folder, all or nothing.
Stop the daemon first. A journal that has something in it is refused; --replace
sets an SQLite one aside. A PostgreSQL database must be a new one.

What mlsync wrote after the backup is found again: assets carry stamps, and the
generation of the journal moves on, so that a process that still uses the old
one is fenced off.`,
		Example: `  mlsync state restore /backup/mlsync --replace --state /var/lib/mlsync/mlsync.db
  mlsync state restore /backup/mlsync --state postgres://db/mlsync2`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.restore(cmd.Context(), where, a.path(args[0]), replace, opts)
		},
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	c.Flags().BoolVar(&replace, "replace", false, "set the present journal aside")
	c.Flags().BoolVar(&opts.TakeOver, "take-over", false, "go on in place of another installation")
	return c
}

func (a *app) restore(ctx context.Context, where, from string, replace bool, opts state.ImportOptions) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		have, err := backups(from)
		if err != nil {
			return err
		}
		if len(have) == 0 {
			return fmt.Errorf("there is no backup in %s: %s…%s", from, backupPrefix, backupSuffix)
		}
		from = have[len(have)-1]
		a.say("taking %s back", from)
	}
	where, err = a.statePlace(where)
	if err != nil {
		return err
	}
	if replace {
		if err := a.replaceState(ctx, where); err != nil {
			return err
		}
	}
	err = a.importState(ctx, where, from, opts)
	if errors.Is(err, state.ErrNotEmpty) {
		cure := "--replace sets it aside"
		if state.IsPostgres(where) {
			cure = "make a new database and give it to --state"
		}
		return &codeError{exitRefused, fmt.Errorf("%w: %s", err, cure)}
	}
	return err
}

// replaceState sets the journal aside, unless somebody works with it.
func (a *app) replaceState(ctx context.Context, where string) error {
	if state.IsPostgres(where) {
		return errors.New("--replace sets files aside; make a new PostgreSQL database and give it to --state")
	}
	o := journalOptions(where, "")
	o.Existing, o.AsIs = true, true
	store, err := state.Open(ctx, where, o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		targets, err := store.Targets(ctx)
		if err = errors.Join(err, store.Close()); err != nil {
			return err
		}
		for _, t := range targets {
			if t.Holder != "" && t.Expires.After(time.Now()) {
				return &codeError{exitRefused, fmt.Errorf("%s is working on %s: stop it first", cmp.Or(t.Holder, "somebody"), t.Name)}
			}
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
