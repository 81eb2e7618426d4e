package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

func (a *app) statusCommand() *cobra.Command {
	var where string
	c := &cobra.Command{
		Use: "status", Short: "Show the last runs and what is managed", GroupID: "work", Args: cobra.NoArgs,
		Long: `Show for each target what the journal knows: the commit that was applied last,
when, how many assets are managed, what failed, and what drifted. Nothing is
asked of the workspace.`,
		Example: "  mlsync status\n  mlsync status --state /var/lib/mlsync/mlsync.db --json\n  mlsync status --server https://mlsync.example.com",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runStatus(cmd.Context(), where) },
	}
	c.Flags().StringVar(&where, "state", "", "the journal (default: that of this folder)")
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error { return a.farStatus(ctx, r) })
}

// openStore opens the journal of the folder, or the one that is named.
func (a *app) openStore(ctx context.Context, where string) (*state.Store, error) {
	if where == "" {
		var err error
		if where, err = a.statePath(); err != nil {
			return nil, err
		}
	}
	o := journalOptions(where, "")
	o.Existing = true
	store, err := state.Open(ctx, where, o)
	if errors.Is(err, fs.ErrNotExist) {
		return state.Open(ctx, ":memory:", state.Options{}) // nothing was done yet
	}
	return store, err
}

// targetStatus is the state of one target for people and machines.
type targetStatus struct {
	Target    string     `json:"target"`
	Workspace string     `json:"workspace"`
	Managed   int        `json:"managed"`
	Commit    string     `json:"commit,omitempty"`
	Applied   *time.Time `json:"applied,omitempty"`
	// Same is a newer commit that brings the target nothing new: it is as that
	// says, as everything was compared with Compared at ComparedAt.
	Same       string        `json:"same,omitempty"`
	SameSince  *time.Time    `json:"same_since,omitempty"`
	Compared   string        `json:"compared,omitempty"`
	ComparedAt *time.Time    `json:"compared_at,omitempty"`
	LastRun    string        `json:"last_run,omitempty"`
	State      plan.State    `json:"state,omitempty"`
	Error      string        `json:"error,omitempty"`
	Failed     []string      `json:"failed,omitempty"`
	Drifted    []string      `json:"drifted,omitempty"`
	Left       []string      `json:"left,omitempty"`
	Rollouts   []rolloutJSON `json:"rollouts,omitempty"`
	Held       string        `json:"held,omitempty"`
	HeldBy     string        `json:"held_by,omitempty"`
	HeldUntil  *time.Time    `json:"held_until,omitempty"`
	HoldEnded  *time.Time    `json:"hold_ended,omitempty"`
	Window     *windowState  `json:"window,omitempty"`
	Busy       string        `json:"busy,omitempty"`
	// Waiting is the release that waits before the gates.
	Waiting string         `json:"waiting,omitempty"`
	Gates   []gateState    `json:"gates,omitempty"`
	Summary map[string]int `json:"summary,omitempty"`
}

func (a *app) runStatus(ctx context.Context, where string) error {
	store, err := a.openStore(ctx, where)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	targets, err := store.Targets(ctx)
	if err != nil {
		return err
	}
	cfg, _, err := a.readConfig()
	if err != nil { // the journal alone says enough
		cfg = config.Default()
	}
	list := []targetStatus{}
	for _, t := range targets {
		if a.flags.target != "" && t.Name != a.flags.target {
			continue
		}
		s, err := statusOf(ctx, store, t)
		if err != nil {
			return err
		}
		s.Window = windowOf(targetOf(cfg, t.Name), time.Now())
		list = append(list, s)
	}
	if a.flags.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.printf("nothing was applied yet\n")
	}
	for _, s := range list {
		a.showStatus(s)
	}
	return nil
}

func statusOf(ctx context.Context, store *state.Store, info state.TargetInfo) (targetStatus, error) {
	s := targetStatus{Target: info.Name, Workspace: info.Workspace, Managed: info.Owned, Held: info.Hold.Why, HeldBy: info.Hold.By, Busy: info.Holder}
	if at := info.Hold.Until; !at.IsZero() {
		s.HeldUntil = &at
	}
	if at := info.LastHold.Until; !at.IsZero() {
		s.HoldEnded = &at
	}
	t, err := store.Target(ctx, info.Name, info.Workspace)
	if err != nil {
		return s, err
	}
	switch good, err := t.LastApplied(ctx); {
	case err == nil:
		s.Commit, s.Applied = good.Commit, &good.Ended
	case !errors.Is(err, state.ErrNotFound):
		return s, err
	}
	switch in, ok, err := store.InputsOf(ctx, info.Name); {
	case err != nil:
		return s, err
	case ok && in.Same != in.Commit:
		s.Same, s.SameSince, s.Compared, s.ComparedAt = in.Same, &in.SameSince, in.Commit, &in.Compared
	}
	if s.Rollouts, err = unfinished(ctx, t); err != nil {
		return s, err
	}
	runs, err := t.Runs(ctx, 1, 0)
	if err != nil || len(runs) == 0 {
		return s, err
	}
	run, err := store.Run(ctx, runs[0].ID)
	if err != nil {
		return s, err
	}
	s.LastRun, s.State, s.Error, s.Summary = run.ID, run.State, run.Err, run.Summary
	for _, o := range run.Outcomes {
		if o.State == plan.Failed {
			s.Failed = append(s.Failed, o.Key.String()+": "+o.Err)
		}
	}
	if run.State == plan.Waiting {
		s.Waiting = run.Release.Name
		kept, err := t.Verdicts(ctx, run.Release.Fingerprint)
		if err != nil {
			return s, err
		}
		for _, v := range kept {
			s.Gates = append(s.Gates, gateStateOf(v))
		}
	}
	drift, err := t.Drift(ctx, run.Started)
	for _, d := range drift {
		s.Drifted = append(s.Drifted, d.ID.String())
		if d.Held != "" {
			s.Left = append(s.Left, leftText(d))
		}
	}
	return s, err
}

// leftText says which drift is left, and why.
func leftText(d state.Drifted) string {
	return strings.TrimSuffix(d.ID.String()+" "+strings.Join(d.Paths, ", "), " ") + ": " + d.Held
}

// lastNote says more of the last run: what it waits for is told gate by gate.
func (s targetStatus) lastNote() string {
	if s.Waiting != "" && len(s.Gates) > 0 {
		return "release " + s.Waiting
	}
	return s.Error
}

// unfinished are the rollouts that have not come to their end.
func unfinished(ctx context.Context, t *state.Target) ([]rolloutJSON, error) {
	all, err := rolloutsOf(ctx, t)
	return slices.DeleteFunc(all, func(r rolloutJSON) bool { return r.State == plan.Finished }), err
}

func (a *app) showStatus(s targetStatus) {
	a.printf("%s  %s\n", s.Target, s.Workspace)
	applied := "never"
	if s.Applied != nil {
		applied = s.Applied.Local().Format("2006-01-02 15:04:05")
	}
	commit := s.Commit
	if commit == "" {
		commit = "(no commit)"
	}
	a.printf("  applied   %s  %.12s\n", applied, commit)
	if s.Same != "" {
		a.printf("  same      %s  %.12s brings nothing new\n", s.SameSince.Local().Format("2006-01-02 15:04:05"), s.Same)
	}
	a.printf("  managed   %d assets\n", s.Managed)
	if s.LastRun != "" {
		a.printf("  last run  %s: %s%s\n", s.LastRun, s.State, note(s.lastNote()))
	}
	for _, g := range s.Gates {
		if g.State != string(gate.Open) {
			next := ""
			if g.Next != nil {
				next = ", next look " + g.Next.Local().Format(clockTime)
			}
			a.printf("  %-8s  gate %s: %s%s\n", g.State, g.Name, printable(g.Why), next)
		}
	}
	for _, f := range s.Failed {
		a.printf("  failed    %s\n", printable(f))
	}
	for _, d := range s.Drifted {
		a.printf("  drifted   %s\n", d)
	}
	for _, d := range s.Left {
		a.printf("  left      %s\n", printable(d))
	}
	for _, r := range s.Rollouts {
		a.printf("  rollout   %s\n", r)
	}
	switch {
	case s.Held != "" && s.HeldUntil != nil:
		a.printf("  held      %s%s\n", printable(s.Held), untilText(*s.HeldUntil))
	case s.Held != "":
		a.printf("  held      %s\n", printable(s.Held))
	case s.HoldEnded != nil:
		a.printf("  hold      ended by itself at %s\n", s.HoldEnded.Local().Format("2006-01-02 15:04:05"))
	}
	if s.Window != nil {
		a.printf("  window    %s\n", s.Window.Why)
	}
	if s.Busy != "" {
		a.printf("  busy      %s\n", printable(s.Busy))
	}
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", printable(text))
}
