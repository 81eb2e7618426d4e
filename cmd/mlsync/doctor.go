package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/redact"
	"mlsync.dev/mlsync/reconcile"
)

// The results of a check.
const (
	wellDone = "ok"
	doubtful = "warning"
	broken   = "failed"
)

// finding is what one check found. Cure is set unless the result is ok.
type finding struct {
	Check  string `json:"check"`
	Target string `json:"target,omitempty"`
	Result string `json:"result"`
	Detail string `json:"detail"`
	Cure   string `json:"cure,omitempty"`
}

// checkup is one call of mlsync doctor.
type checkup struct {
	*app
	flags      targetFlags
	data       string
	repository string
	outside    string // where services reach the daemon
	cfg        *config.Config
	commits    map[string]reconcile.Commit // by ref, of the remote repository
	mirror     *mirror
	temp       string // of the mirror
	found      []finding
}

func (a *app) doctorCommand() *cobra.Command {
	d := &checkup{app: a, commits: map[string]reconcile.Commit{}}
	c := &cobra.Command{
		Use: "doctor", Short: "Check what mlsync needs: git, Azure, permissions, clock, journal, secrets, webhooks, pull requests, disk", GroupID: "run", Args: cobra.NoArgs,
		Long: `Check everything that a run or the daemon needs, and say what to do about what is
wrong: the configuration, access to the repository, the journal, the room on the
disk, and for each target that Azure and the storage of the workspace are
reached, that the clock is right, that the identity may do what the files of the
target need, and that each secret is found. Nothing is written to a workspace or
to git, and no secret is shown. With --webhook-url, an empty delivery without a
proof is sent to each webhook that is configured: it must be refused, by mlsync
and by nothing in front of it.

Run it where mlsync runs, as the same user and with the same flags as the daemon.

Exit codes: 0 if nothing failed, 1 otherwise. Warnings do not count.`,
		Example: `  mlsync doctor
  mlsync doctor --target prod --json
  mlsync doctor --repository https://github.com/contoso/ml-assets --data /var/lib/mlsync
  mlsync doctor --webhook-url https://mlsync.contoso.com`,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	d.flags.reach(c)
	c.Flags().StringVar(&d.data, "data", "", "folder of the daemon, with its journal")
	c.Flags().StringVar(&d.outside, "webhook-url", "", "address of the daemon for the services that tell of pushes, without /webhook")
	c.Flags().StringVar(&d.repository, "repository", "", "git repository of the daemon (over the configuration)")
	return c
}

func (d *checkup) run(ctx context.Context) error {
	defer d.close()
	if d.configuration(ctx) {
		d.journal(ctx)
		d.disk()
		d.webhooks(ctx)
		d.pulls(ctx)
		for i := range d.cfg.Targets {
			if t := d.cfg.Targets[i]; d.app.flags.target == "" || t.Name == d.app.flags.target {
				d.lay(&t, d.flags)
				d.target(ctx, &t)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.show()
}

func (d *checkup) close() {
	if d.mirror != nil {
		_ = d.mirror.close()
	}
	if d.temp != "" {
		_ = os.RemoveAll(d.temp)
	}
}

// note adds what a check found. An error makes it failed, with its text.
func (d *checkup) note(check, target, detail string, err error, cure string) bool {
	f := finding{Check: check, Target: target, Result: wellDone, Detail: detail}
	if err != nil {
		f.Result, f.Detail, f.Cure = broken, err.Error(), cure
	}
	d.found = append(d.found, f)
	return err == nil
}

// doubt adds what is no failure and should be looked at.
func (d *checkup) doubt(check, target, detail, cure string) {
	d.found = append(d.found, finding{Check: check, Target: target, Result: doubtful, Detail: detail, Cure: cure})
}

// configuration reads mlsync.yaml, of the folder or of the repository, and
// looks at the repository on the way.
func (d *checkup) configuration(ctx context.Context) bool {
	cfg, bad, err := d.readConfig()
	if err = errors.Join(err, bad.Err()); err != nil {
		return d.note("configuration", "", "", err, "mlsync check shows all problems")
	}
	if d.repository != "" {
		cfg.Repository.URL = d.repository
	}
	d.cfg = cfg
	if cfg.Repository.URL != "" && !d.openGit() {
		return false
	}
	if len(cfg.Targets) == 0 && d.mirror != nil {
		commit, ok := d.fetch(ctx, nil)
		if !ok {
			return false
		}
		own := &daemon{app: d.app, cfg: cfg, flags: daemonFlags{repository: cfg.Repository.URL}}
		if d.cfg, err = own.configAt(commit); err != nil {
			return d.note("configuration", "", "", err, "mlsync check, in a clone of the repository, shows all problems")
		}
	}
	if len(d.cfg.Targets) == 0 {
		return d.note("configuration", "", "", fmt.Errorf("%s names no targets", config.File), "run it in the folder of the repository, or give --repository; mlsync init writes a configuration")
	}
	if name := d.app.flags.target; name != "" && targetOf(d.cfg, name) == nil {
		return d.note("configuration", "", "", fmt.Errorf("there is no target %s", name), "give one of "+strings.Join(targetNames(d.cfg), ", "))
	}
	return d.note("configuration", "", number(len(d.cfg.Targets), "target"), nil, "")
}

func targetNames(cfg *config.Config) []string {
	var out []string
	for _, t := range cfg.Targets {
		out = append(out, t.Name)
	}
	return out
}

// openGit makes a mirror of the repository for the time of the checks.
func (d *checkup) openGit() bool {
	dir, err := os.MkdirTemp("", "mlsync-doctor-")
	if err != nil {
		return d.note("git", "", "", err, "let the user write to the folder for temporary files, or set TMPDIR")
	}
	d.temp = dir
	repo, err := d.openMirror(d.cfg.Repository.URL, filepath.Join(dir, "mirror"), d.cfg.Repository.Auth)
	if err != nil {
		return d.note("git", "", "", err, "look at repository in "+config.File)
	}
	d.mirror = &mirror{repo: repo, path: d.cfg.Repository.Path}
	return true
}

// show prints what was found and sets the exit code.
func (d *checkup) show() error {
	failed := 0
	for i := range d.found {
		f := &d.found[i]
		f.Detail = redact.Text(f.Detail)
		if f.Result == broken {
			failed++
		}
	}
	code := exitDone
	if failed > 0 {
		code = exitError
	}
	if d.app.flags.json {
		return errors.Join(d.printJSON(map[string]any{"format": "mlsync.doctor/1", "failed": failed, "checks": d.found}), exitWith(code))
	}
	for _, f := range d.found {
		if d.app.flags.quiet && f.Result == wellDone {
			continue
		}
		d.printf("%-8s %-14s %-12s %s\n", f.Result, f.Check, printable(f.Target), strings.ReplaceAll(printable(f.Detail), "\n", "\n"+strings.Repeat(" ", 37)))
		if f.Cure != "" {
			d.printf("%-36s cure: %s\n", "", printable(f.Cure))
		}
	}
	if failed > 0 {
		d.printf("%s failed\n", number(failed, "check"))
	}
	return exitWith(code)
}
