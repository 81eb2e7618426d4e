package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/lineage"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

func (a *app) whyCommand() *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		Use: "why ASSET", Short: "Explain one asset: where it comes from, who owns it, what would happen to it", GroupID: "work", Args: cobra.ExactArgs(1),
		Long: `Explain one asset: the file that says it, what it refers to and what refers to
it, what the journal knows, who owns the live one and who changed it last, and
what the next apply would do and why. Of what a job or a release made, it says
where that came from, as mlsync lineage does; the exit code is 1 if some of that
could not be read.`,
		Example: "  mlsync why environment/train\n  mlsync why online-deployment/taxi/blue --json",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runWhy(cmd.Context(), f, args[0]) },
	}
	f.targetFlags.register(c)
	return c
}

// explanation is what is known of one asset.
type explanation struct {
	ID       asset.ID     `json:"id"`
	File     string       `json:"file,omitempty"`
	Needs    []asset.ID   `json:"needs,omitempty"`
	NeededBy []asset.ID   `json:"needed_by,omitempty"`
	Journal  *whyJournal  `json:"journal,omitempty"`
	Live     *whyLive     `json:"live,omitempty"`
	Steps    []whyStep    `json:"next,omitempty"`
	Drift    []whyChange  `json:"drift,omitempty"`
	History  []whyHistory `json:"history,omitempty"`
	// Lineage is where it came from, if a job or a release made it.
	Lineage *lineage.Graph `json:"lineage,omitempty"`
}

type whyJournal struct {
	Origin  plan.Origin `json:"origin"`
	Commit  string      `json:"commit,omitempty"`
	Applied time.Time   `json:"applied"`
	File    string      `json:"file,omitempty"`
}

type whyLive struct {
	ARM        string `json:"arm_id"`
	Owner      string `json:"owner,omitempty"`
	Commit     string `json:"commit,omitempty"`
	ModifiedBy string `json:"modified_by,omitempty"`
	ModifiedAt string `json:"modified_at,omitempty"`
}

type whyStep struct {
	Action  plan.Action `json:"action"`
	Part    string      `json:"part,omitempty"`
	Why     string      `json:"why,omitempty"`
	Blocked string      `json:"blocked,omitempty"`
	Needs   string      `json:"approval,omitempty"`
	Changes []whyChange `json:"changes,omitempty"`
}

type whyChange struct {
	Path   string       `json:"path"`
	Live   *asset.Value `json:"live"`
	Want   *asset.Value `json:"want"`
	Reason string       `json:"reason,omitempty"`
}

type whyHistory struct {
	Run    string      `json:"run"`
	Commit string      `json:"commit,omitempty"`
	Action plan.Action `json:"action"`
	State  plan.State  `json:"state"`
	At     time.Time   `json:"at"`
}

func (a *app) runWhy(ctx context.Context, f planFlags, text string) error {
	id, err := asset.ParseID(text)
	if err != nil {
		return err
	}
	if kind.Of(id.Kind) == nil {
		return fmt.Errorf("there is no kind %q: see mlsync kinds", id.Kind)
	}
	s, err := a.open(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer s.close()
	prep, err := s.prepare(ctx, f, "manual")
	if err != nil {
		return err
	}
	ids := s.named(prep, id)
	if len(ids) == 0 {
		return fmt.Errorf("%s is neither in git nor managed", id)
	}
	t, err := a.newTrail(ctx, f.targetFlags)
	if err != nil {
		return err
	}
	defer t.close()
	t.sides[s.target.Name] = opened{side: s.side(ctx), shared: true}
	var list []explanation
	known := true
	for _, id := range ids {
		x, err := s.explain(ctx, prep, id)
		if err != nil {
			return err
		}
		if x.Live == nil {
			list = append(list, x)
			continue
		}
		if g := lineage.OfAsset(t.look(), s.target.Name, id); g.Tells() {
			x.Lineage = g
			known = known && g.Complete()
		}
		list = append(list, x)
	}
	if err := a.tellWhy(list); err != nil || known {
		return err
	}
	return exitWith(exitError)
}

func (a *app) tellWhy(list []explanation) error {
	if a.flags.json {
		return a.printJSON(list)
	}
	for _, x := range list {
		a.showWhy(x)
	}
	return nil
}

// named are the assets that an id without version, or a job without its
// digest, may mean.
func (s *session) named(prep *reconcile.Prepared, id asset.ID) []asset.ID {
	var out []asset.ID
	add := func(other asset.ID) {
		if (other == id || id.Version == "" && other.Container() == id) && !slices.Contains(out, other) {
			out = append(out, other)
		}
	}
	for _, w := range prep.Want.Set.All() {
		add(w.ID)
	}
	if len(out) == 0 {
		for other := range prep.Owned {
			add(other)
		}
	}
	slices.SortFunc(out, asset.ID.Compare)
	return out
}

func (s *session) explain(ctx context.Context, prep *reconcile.Prepared, id asset.ID) (explanation, error) {
	x := explanation{ID: id}
	if w := prep.Want.Set.Get(id); w != nil {
		x.File = w.Pos.String()
		x.Needs = plan.Needs(s.ws.Scope(), w)
	}
	for _, w := range prep.Want.Set.All() {
		if slices.Contains(plan.Needs(s.ws.Scope(), w), id) {
			x.NeededBy = append(x.NeededBy, w.ID)
		}
	}
	if o, ok := prep.Owned[id]; ok {
		x.Journal = &whyJournal{o.Origin, o.Commit, o.At, o.File}
	}
	live, err := s.pass(func(reconcile.Event) {}).Workspace.Current(ctx, id)
	if err != nil {
		return x, err
	}
	if live != nil {
		x.Live = &whyLive{live.ARM, live.Stamps["owner"], live.Stamps["commit"], live.ModifiedBy, live.ModifiedAt}
	}
	for _, st := range prep.Plan.Steps {
		if st.Key.ID == id {
			step := whyStep{Action: st.Action, Part: st.Key.Part, Why: st.Why, Blocked: st.Blocked, Needs: st.Needs}
			for _, c := range st.Changes {
				step.Changes = append(step.Changes, whyChange{dotted(c.Path), c.Live, c.Want, string(c.Reason)})
			}
			x.Steps = append(x.Steps, step)
		}
	}
	for _, d := range prep.Plan.Drift {
		if d.ID == id {
			for _, c := range d.Changes {
				x.Drift = append(x.Drift, whyChange{dotted(c.Path), c.Live, c.Want, string(c.Reason)})
			}
		}
	}
	past, err := s.journal.History(ctx, id, 5)
	for _, p := range past {
		x.History = append(x.History, whyHistory{p.Run, p.Commit, p.Outcome.Action, p.Outcome.State, p.Outcome.Started})
	}
	return x, err
}

func (a *app) showWhy(x explanation) {
	a.printf("%s\n", x.ID)
	if x.File != "" {
		a.printf("  file       %s\n", x.File)
	} else {
		a.printf("  file       none: it is not in git\n")
	}
	for _, id := range x.Needs {
		a.printf("  needs      %s\n", id)
	}
	for _, id := range x.NeededBy {
		a.printf("  needed by  %s\n", id)
	}
	if j := x.Journal; j != nil {
		a.printf("  journal    %s, applied %s at commit %.12s\n", j.Origin, j.Applied.Local().Format("2006-01-02 15:04:05"), dash(j.Commit))
	} else {
		a.printf("  journal    does not know it\n")
	}
	if l := x.Live; l != nil {
		a.printf("  live       owner %s, changed by %s at %s\n", dash(printable(l.Owner)), dash(printable(l.ModifiedBy)), dash(l.ModifiedAt))
	} else {
		a.printf("  live       absent\n")
	}
	for _, d := range x.Drift {
		a.printf("  drift      %s: git %s, live %s\n", d.Path, textOf(d.Want), textOf(d.Live))
	}
	for _, st := range x.Steps {
		why := st.Why
		if why != "" {
			why = ": " + why
		}
		a.printf("  next       %s%s%s\n", st.Action, why, note(st.Blocked))
		for _, c := range st.Changes {
			a.printf("               %s: %s -> %s (%s)\n", c.Path, textOf(c.Live), textOf(c.Want), c.Reason)
		}
	}
	for _, h := range x.History {
		a.printf("  past       %s %s %s, run %s, commit %.12s\n", h.At.Local().Format("2006-01-02 15:04:05"), h.Action, h.State, h.Run, dash(h.Commit))
	}
	if x.Lineage != nil {
		for i, line := range strings.Split(strings.TrimSuffix(x.Lineage.Below(), "\n"), "\n") {
			a.printf("  %-10s %s\n", map[bool]string{true: "lineage"}[i == 0], line)
		}
	}
}
