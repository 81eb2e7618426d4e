package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/promote"
)

func (a *app) releaseList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the releases of the repository, and which targets are at them", Args: cobra.NoArgs,
		Example: "  mlsync release list\n  mlsync release list --json",
		RunE:    func(*cobra.Command, []string) error { return a.runReleaseList() },
	}
}

type releaseRow struct {
	Name        string   `json:"name"`
	From        string   `json:"from"`
	Commit      string   `json:"commit,omitempty"`
	Assets      int      `json:"assets"`
	Roots       []string `json:"roots"`
	Fingerprint string   `json:"fingerprint"`
	Targets     []string `json:"targets"`
	Skipped     []string `json:"skipped"`
}

func (a *app) runReleaseList() error {
	fsys, done, err := a.folder()
	if err != nil {
		return err
	}
	defer done()
	all, bad, err := releases{fsys}.all()
	if err != nil {
		return err
	}
	cfg, _, err := a.readConfig()
	if err != nil {
		return err
	}
	rows := []releaseRow{}
	for _, r := range all {
		row := releaseRow{Name: r.Name, From: r.Source.Target, Commit: r.Source.Commit, Assets: len(r.Assets), Roots: idTexts(r.Roots), Fingerprint: r.Fingerprint(), Targets: []string{}, Skipped: []string{}}
		for i := range cfg.Targets {
			t := &cfg.Targets[i]
			if len(t.Overlays) == 0 {
				continue
			}
			pins, err := readPins(fsys, t.Overlays[len(t.Overlays)-1])
			if err != nil {
				return err
			}
			if pins.Release == r.Name {
				row.Targets = append(row.Targets, t.Name)
			}
			if pins.SkippedRelease(r.Name, r.SetDigest()) != nil {
				row.Skipped = append(row.Skipped, t.Name)
			}
		}
		rows = append(rows, row)
	}
	if a.flags.json {
		if err := a.printJSON(map[string]any{"format": "mlsync.releases/1", "releases": rows, "problems": problemsJSON(bad)}); err != nil {
			return err
		}
	} else {
		for _, r := range rows {
			note := ""
			if len(r.Targets) > 0 {
				note += "  at " + strings.Join(r.Targets, ", ")
			}
			if len(r.Skipped) > 0 {
				note += "  rolled back in " + strings.Join(r.Skipped, ", ")
			}
			a.printf("%-24s %s from %s%s\n", r.Name, count(r.Assets, "asset"), printable(r.From), note)
		}
		if len(rows) == 0 && len(bad) == 0 {
			a.printf("no releases yet: mlsync release create NAME --from TARGET makes one\n")
		}
		a.printProblems(bad)
	}
	if len(bad.Errors()) > 0 {
		return exitWith(exitProblems)
	}
	return nil
}

func idTexts(ids []asset.ID) []string {
	out := []string{}
	for _, id := range ids {
		out = append(out, id.String())
	}
	return out
}

func (a *app) releaseDiff() *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Show what release B brings that A does not", Args: cobra.ExactArgs(2),
		Example: "  mlsync release diff 2025-05-01 2025-06-01", ValidArgsFunction: a.completeReleases,
		RunE: func(_ *cobra.Command, args []string) error {
			fsys, done, err := a.folder()
			if err != nil {
				return err
			}
			defer done()
			store := releases{fsys}
			from, err := store.find(args[0])
			if err != nil {
				return err
			}
			to, err := store.find(args[1])
			if err != nil {
				return err
			}
			changes := promote.Diff(from, to)
			if a.flags.json {
				return a.printJSON(diffJSON(from, to, changes))
			}
			if len(changes) == 0 {
				a.printf("%s and %s hold the same\n", from.Name, to.Name)
				return nil
			}
			a.printf("%s", diffText(changes))
			return nil
		},
	}
}

func diffText(changes []promote.Change) string {
	var b bytes.Buffer
	for _, c := range changes {
		switch {
		case c.From == nil:
			fmt.Fprintf(&b, " + %s\n", printable(c.To.ID.String()))
		case c.To == nil:
			fmt.Fprintf(&b, " - %s\n", printable(c.From.ID.String()))
		default:
			was := ""
			if c.From.ID != c.To.ID {
				was = " was " + c.From.ID.Version
			}
			fmt.Fprintf(&b, " ~ %s%s: %s\n", printable(c.To.ID.String()), printable(was), cmp.Or(strings.Join(c.Fields, ", "), "the same content"))
		}
	}
	return b.String()
}

func diffJSON(from, to *promote.Release, changes []promote.Change) map[string]any {
	list := []map[string]any{}
	for _, c := range changes {
		one := map[string]any{"what": c.What}
		if c.From != nil {
			one["from"] = map[string]any{"id": c.From.ID, "digest": c.From.Digest}
		}
		if c.To != nil {
			one["to"] = map[string]any{"id": c.To.ID, "digest": c.To.Digest}
		}
		if c.From != nil && c.To != nil {
			one["fields"] = append([]string{}, c.Fields...)
		}
		list = append(list, one)
	}
	return map[string]any{"format": "mlsync.release-diff/1", "from": from.Name, "to": to.Name, "changes": list}
}
