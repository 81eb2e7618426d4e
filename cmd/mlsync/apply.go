package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
)

func (a *app) applyCommand() *cobra.Command {
	var f planFlags
	var o applyOptions
	c := &cobra.Command{
		Use: "apply", Short: "Make the workspace as the folder says", GroupID: "work", Args: cobra.NoArgs,
		Long: `Make the plan and carry it out, in the order of dependencies. Independent assets
go on when one fails. It can be repeated at any time: what is done already is
not done again.

A target with gates takes a new release only when all of them are open: each is
looked at, and while one is shut nothing is written (exit code 5).

The traffic of an endpoint with the rule rollout makes one step, and apply says
when the next one is due; with --wait it goes on to the last.

Outside of the change windows of the target, it refuses (exit code 5) what may
not be changed at any time; --outside-window carries it out all the same, and
notes the reason.

With --plan, it refuses (exit code 5) if the folder or the workspace moved since
the plan was saved.`,
		Example: `  mlsync apply
  mlsync apply --plan out.plan
  mlsync apply --wait
  mlsync apply --only online-endpoint/taxi
  mlsync apply --allow replace:compute/gpu --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runApply(cmd.Context(), f, o) },
	}
	f.register(c)
	c.Flags().StringVar(&o.saved, "plan", "", "carry out only if the plan is still this saved one")
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask on a terminal")
	c.Flags().StringVar(&o.outside, "outside-window", "", "carry out although the change window is shut, for this reason")
	c.Flags().BoolVar(&o.wait, "wait", false, "wait for rollouts and go on with them to their end")
	return c
}

// applyOptions say how a plan is carried out.
type applyOptions struct {
	saved     string
	yes, wait bool
	// outside is why change windows do not matter this time.
	outside string
}

// runApply carries out the plan, and goes on with its rollouts as long as that
// is possible at once or, with wait, to their end.
func (a *app) runApply(ctx context.Context, f planFlags, o applyOptions) (err error) {
	f.writes = true
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	if o.saved != "" {
		allow, err := savedOptions(a.path(o.saved), &f)
		if err != nil {
			return err
		}
		f.allow = append(f.allow, allow...)
	}
	s.searchIfLost(&f)
	for {
		due, err := s.applyOnce(ctx, f, o)
		now := time.Now()
		switch {
		case due.IsZero():
			return err
		case due.After(now) && (!o.wait || err != nil), o.saved != "":
			a.say("a rollout goes on at %s: run mlsync apply again then, or with --wait", due.Local().Format("15:04:05"))
			return err
		case err != nil:
			return err
		case due.After(now):
			a.say("a rollout goes on at %s", due.Local().Format("15:04:05"))
			if err := until(ctx, due.Sub(now)); err != nil {
				return err
			}
		}
		o.yes = true
	}
}

// until waits.
func until(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// applyOnce makes the plan and carries it out. It returns when a rollout can
// go on; zero is never.
func (s *session) applyOnce(ctx context.Context, f planFlags, o applyOptions) (due time.Time, err error) {
	a := s.app
	ctx, unlock, err := s.lock(ctx)
	if err != nil {
		return due, &codeError{exitRefused, err}
	}
	defer unlock()
	defer func() { err = because(ctx, err) }()
	bar := a.newProgress()
	p := s.pass(bar.event)
	if err := s.keepTo(ctx, p, o.outside); err != nil {
		return due, err
	}
	if n, err := p.Recover(ctx); err != nil {
		return due, err
	} else if n > 0 {
		a.say("%d writes of an interrupted run: looking what became of them", n)
	}
	prep, err := p.Prepare(ctx, s.commit(ctx), s.planOptions(f), reconcile.Trigger{Name: "manual", Unmanaged: f.unmanaged})
	if err != nil {
		return due, err
	}
	if o.saved != "" {
		if err := samePlan(a.path(o.saved), prep.Plan); err != nil {
			return due, &codeError{exitRefused, err}
		}
	}
	if !a.flags.json {
		if err := a.showPlan(prep.Plan, false); err != nil {
			return due, err
		}
	}
	if err := a.stopped(prep.Plan); err != nil {
		return due, err
	}
	used, err := s.approved(ctx, prep.Plan, f.allow, s.commit(ctx))
	if err != nil {
		return due, err
	}
	if !o.yes && prep.Plan.Pending() && a.streams.outTTY && a.streams.errTTY && !a.ask("Apply these changes?") {
		return due, exitWith(exitInterrupted)
	}
	run, err := s.carryOut(ctx, p, prep, "manual")
	bar.done()
	if err != nil {
		return due, err
	}
	if run.State == plan.Done && len(used) > 0 {
		if err := s.journal.Use(ctx, run.Generation, used...); err != nil {
			return due, err
		}
	}
	return prep.Due(run), a.showRun(prep.Plan, run)
}

// stopped is the error of a plan that problems stop, nil if none do. They were
// shown with the plan or, where that is not printed, are now.
func (a *app) stopped(p *plan.Plan) error {
	switch {
	case p.ExitCode(false) != exitProblems:
		return nil
	case a.flags.json:
		return &codeError{exitProblems, p.Problems.Err()}
	}
	return exitWith(exitProblems)
}

// ask asks the user at the terminal; only yes is yes.
func (a *app) ask(question string) bool {
	fmt.Fprintf(a.streams.err, "%s [y/N] ", question)
	var answer string
	_, _ = fmt.Fscanln(a.streams.in, &answer)
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// lock takes the target's lock for this process; see lockTarget. The run that
// follows is bound by the deadline of the target.
func (s *session) lock(ctx context.Context) (locked context.Context, unlock func(), err error) {
	ctx, line, stop := withDeadline(ctx, s.target.Deadline)
	locked, free, err := lockTarget(ctx, s.journal.Target, processHolder())
	if err != nil {
		stop()
		return nil, nil, err
	}
	s.line = line
	return locked, func() { free(); stop() }, nil
}

// carryOut applies a plan, unless its release waits before a gate, and says why it stopped, if it did.
func (s *session) carryOut(ctx context.Context, p *reconcile.Pass, prep *reconcile.Prepared, trigger string) (plan.Run, error) {
	s.line.forPlan(prep.Plan, s.target)
	k := gatekeeper{
		app: s.app, cfg: s.cfg, target: s.target, store: s.store, j: s.journal, commit: s.commit(ctx), given: s.given, fresh: true,
		log: slog.New(slog.DiscardHandler), found: s.showShut,
	}
	held, err := k.hold(ctx, prep.Plan, trigger)
	if err == nil && held == nil && s.windows != nil {
		held, err = s.windows.hold(ctx, s.journal, prep.Plan, plan.Run{Trigger: trigger})
	}
	if err != nil || held != nil {
		return *cmp.Or(held, &plan.Run{}), err
	}
	run, err := p.Apply(ctx, prep, trigger)
	return run, errors.Join(err, compared(ctx, s.journal, run, prep.Plan, err))
}

// keepTo lets a pass keep to the change windows of the target, unless somebody
// says why not this time, and to what people said of drift.
func (s *session) keepTo(ctx context.Context, p *reconcile.Pass, outside string) error {
	s.windows = newTimekeeper(time.Now, s.target.Windows)
	if outside != "" && len(s.windows.rules) > 0 {
		s.windows = newTimekeeper(time.Now)
		if err := s.journal.Note(ctx, state.Event{What: "outside_window", Author: s.author(""), Text: outside}); err != nil {
			return err
		}
	}
	return passRules{windows: s.windows}.into(ctx, p, s.journal)
}

// showShut says which gates are not open, and why.
func (a *app) showShut(d gate.Decision) {
	for _, v := range d {
		if v.State == gate.Open {
			continue
		}
		next := ""
		if !v.Next.IsZero() {
			next = ", next look " + v.Next.Local().Format(clockTime)
		}
		fmt.Fprintf(a.streams.err, "gate %s is %s: %s%s\n", v.Gate, v.State, printable(v.Why), next)
	}
}

// savedOptions takes over what a saved plan was made with.
func savedOptions(file string, f *planFlags) ([]string, error) {
	p, err := readPlan(file)
	if err != nil {
		return nil, err
	}
	f.only, f.noPrune, f.full = p.Options.Select, !p.Options.Prune, p.Options.Full
	return p.Options.Allow, nil
}

func readPlan(file string) (*plan.Saved, error) {
	data, err := readBounded(func() (fs.File, error) { return os.Open(file) }, plan.MaxSaved)
	if err != nil {
		return nil, err
	}
	p, err := plan.ParseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// samePlan refuses a saved plan that no longer is what would be done.
func samePlan(file string, now *plan.Plan) error {
	saved, err := readPlan(file)
	if err != nil {
		return err
	}
	return saved.Stale(now)
}

// showRun prints how a run ended and gives its exit code.
func (a *app) showRun(p *plan.Plan, run plan.Run) error {
	counts := map[plan.State]int{}
	for _, o := range run.Outcomes {
		counts[o.State]++
	}
	if a.flags.json {
		// The last line of a stream of events, one a line.
		if err := json.NewEncoder(a.streams.out).Encode(runJSON(p, run)); err != nil {
			return err
		}
	} else {
		for _, o := range run.Outcomes {
			if o.State != plan.Done {
				fmt.Fprintf(a.streams.err, "%-8s %s: %s%s\n", o.State, o.Key, printable(o.Err), requestNote(o))
			}
		}
		if n := p.Observed.Known; n > 0 && counts[plan.Failed] > 0 {
			a.say("%d assets were known from the journal and not read; mlsync apply --full reads them as well", n)
		}
		a.printf("%s: %d done, %d failed, %d blocked\n", p.Target.Name, counts[plan.Done], counts[plan.Failed], counts[plan.Skipped]+counts[plan.Pending])
	}
	switch {
	case run.State == plan.Waiting && (len(run.Outcomes) > 0 || run.Release.Name == ""):
		return &codeError{exitRefused, fmt.Errorf("not all was written: %s (--outside-window says why it cannot wait)", run.Err)}
	case run.State == plan.Waiting:
		return &codeError{exitRefused, fmt.Errorf("nothing was written: the release %s waits before the gates of %s (mlsync gates -v shows more)", run.Release.Name, run.Target)}
	case counts[plan.Failed]+counts[plan.Pending] > 0:
		return exitWith(exitFailed)
	case len(p.Refusals()) > 0:
		return exitWith(exitRefused)
	case counts[plan.Skipped] > 0:
		return exitWith(exitFailed)
	case !p.Complete():
		return exitWith(exitError)
	}
	return nil
}

func requestNote(o plan.Outcome) string {
	if o.Request == "" {
		return ""
	}
	return " (request " + o.Request + ")"
}

// runJSON is the result of a run for machines.
func runJSON(p *plan.Plan, run plan.Run) map[string]any {
	steps := []map[string]any{}
	for _, o := range run.Outcomes {
		step := map[string]any{"id": o.Key.String(), "action": o.Action, "state": o.State, "took_ms": o.Took.Milliseconds()}
		if o.Err != "" {
			step["error"] = map[string]any{"message": o.Err, "code": o.Code, "request_id": o.Request}
		}
		steps = append(steps, step)
	}
	return map[string]any{
		"event": "result", "run": run.ID, "target": run.Target, "commit": run.Commit, "state": run.State,
		"plan": p.Digest(), "summary": p.Summary(), "steps": steps, "release": run.Release.Name, "error": run.Err,
	}
}
