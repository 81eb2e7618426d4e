package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
	"mlsync.dev/mlsync/resolve"
)

func (a *app) policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Try the rules of the folder policies", GroupID: "files",
		Long: `The folder policies holds rules over planned changes, assets and releases. They
are asked by check, plan, apply and the daemon: what a rule denies is a problem,
and nothing is written.`,
	}
	c.AddCommand(a.policyTestCommand())
	return c
}

func (a *app) policyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test [RULE...]", Short: "Ask the policies about the folder, without a workspace",
		Long: `Ask every rule, or those that are named, about the files: for every target of
mlsync.yaml or the one that --target names. Rules over changes are asked as if
the workspace were empty: every asset is created. Rules that look at what is live
are judged by mlsync plan.

Each rule is listed with how often it was asked, and what came of it. The exit
code is 3 if a rule denies, cannot be read or cannot be evaluated.`,
		Example: `  mlsync policy test
  mlsync policy test prod-has-two --target prod
  mlsync policy test --json`,
		ValidArgsFunction: a.completeRules,
		RunE:              func(cmd *cobra.Command, names []string) error { return a.testPolicies(cmd.Context(), names) },
	}
}

// completeRules are the names of the rules of the folder.
func (a *app) completeRules(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _, err := a.readConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	files, err := gitrepo.OpenWorkTree(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = files.Close() }() // it was only read
	var out []string
	for _, r := range readPolicies(files.FS(), cfg).set.Rules {
		if !slices.Contains(given, r.Name) {
			out = append(out, r.Name+"\t"+string(r.Level)+", on "+string(r.On))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// tested is what policy test found.
type tested struct {
	Format string `json:"format"`
	// Targets are those that the rules were asked for.
	Targets  []string      `json:"targets"`
	Rules    []testedRule  `json:"rules"`
	Problems []problemJSON `json:"problems"`

	bad problem.List
}

// testedRule is one rule and how it fared, over all targets.
type testedRule struct {
	Name     string `json:"name"`
	On       string `json:"on"`
	Level    string `json:"level"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Judged   int    `json:"judged"`
	Passed   int    `json:"passed"`
	Violated int    `json:"violated"`
	Failed   int    `json:"failed"`
}

func (a *app) testPolicies(ctx context.Context, names []string) error {
	cfg, bad, err := a.readConfig()
	if err != nil {
		return err
	}
	if err := bad.Err(); err != nil {
		return err
	}
	files, err := gitrepo.OpenWorkTree(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // it was only read
	targets, err := a.offlineTargets(cfg)
	if err != nil {
		return err
	}
	rules := readPolicies(files.FS(), cfg)
	if err := rules.only(names); err != nil {
		return err
	}
	out := &tested{Format: "mlsync.policy-test/1", Targets: []string{}, Rules: []testedRule{}}
	found := foundBy{}
	for i := range targets {
		t := &targets[i]
		tr, want, bad := readOffline(ctx, files.FS(), cfg, t, map[string]bool{})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report := rules.judge(t, tr.Assets, created(want))
		out.add(t.Name, report.Counts)
		found.add(t.Name, slices.Concat(rules.bad, bad.Errors(), report.Problems))
	}
	out.bad = found.list(len(targets))
	return a.showTested(out)
}

// offlineTargets are those of the configuration or the one that is named; a
// nameless one if there are none.
func (a *app) offlineTargets(cfg *config.Config) ([]config.Target, error) {
	switch {
	case a.flags.target != "":
		one, missing := cfg.Pick(a.flags.target)
		if one == nil {
			return nil, missing
		}
		return []config.Target{*one}, nil
	case len(cfg.Targets) == 0:
		return []config.Target{config.DefaultTarget()}, nil
	}
	return cfg.Targets, nil
}

// only keeps the rules of these names; all if there are none.
func (p *policies) only(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var known []string
	kept := &policy.Set{}
	for _, r := range p.set.Rules {
		known = append(known, r.Name)
		if slices.Contains(names, r.Name) {
			kept.Rules = append(kept.Rules, r)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) && len(p.bad.Errors()) == 0 {
			return unknownName("rule", n, known)
		}
	}
	p.set = kept
	return nil
}

// created are the steps that make every wanted asset.
func created(want *resolve.Want) []plan.Step {
	var out []plan.Step
	for _, as := range want.Set.All() {
		if !as.Anonymous {
			out = append(out, plan.Step{Key: plan.Key{ID: as.ID}, Action: plan.Create, Want: as, Source: as.Pos})
		}
	}
	return out
}

// add takes in how the rules fared for one target.
func (t *tested) add(target string, counts []policy.Count) {
	if target != "" {
		t.Targets = append(t.Targets, target)
	}
	for i, c := range counts {
		if i == len(t.Rules) {
			t.Rules = append(t.Rules, testedRule{Name: c.Rule.Name, On: string(c.Rule.On), Level: string(c.Rule.Level), File: c.Rule.Pos.File, Line: c.Rule.Pos.Line})
		}
		sum := &t.Rules[i]
		sum.Judged += c.Judged
		sum.Passed += c.Passed
		sum.Violated += c.Violated
		sum.Failed += c.Failed
	}
}

func (a *app) showTested(t *tested) error {
	t.Problems = problemsJSON(t.bad)
	if a.flags.json {
		if err := a.printJSON(t); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(a.streams.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RULE\tON\tLEVEL\tJUDGED\tPASSED\tVIOLATED\tFAILED")
		for _, r := range t.Rules {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", r.Name, r.On, r.Level, r.Judged, r.Passed, r.Violated, r.Failed)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		for _, p := range t.bad {
			a.printf("%s\n", printable(p.String()))
		}
		if !a.flags.quiet {
			a.printf("%s\n", t.summary())
		}
	}
	if len(t.bad.Errors()) > 0 {
		return exitWith(exitProblems)
	}
	return nil
}

// summary counts, in one line.
func (t *tested) summary() string {
	s := count(len(t.Rules), "rule")
	if len(t.Targets) > 0 {
		s += ", " + count(len(t.Targets), "target") + " (" + strings.Join(t.Targets, ", ") + ")"
	}
	if n := len(t.bad.Warnings()); n > 0 {
		s += ", " + count(n, "warning")
	}
	if n := len(t.bad.Errors()); n > 0 {
		return s + ", " + count(n, "problem")
	}
	return s + ", no problems"
}
