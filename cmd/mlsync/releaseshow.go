package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/promote"
)

func (a *app) releaseShow() *cobra.Command {
	var f targetFlags
	var verify bool
	c := &cobra.Command{
		Use: "show NAME", Short: "Show what a release holds and where it came from", Args: cobra.ExactArgs(1),
		Example: "  mlsync release show 2025-06-01\n  mlsync release show 2025-06-01 --json\n  mlsync release show 2025-06-01 --verify --target prod", ValidArgsFunction: a.completeReleases,
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, done, err := a.folder()
			if err != nil {
				return err
			}
			defer done()
			r, err := releases{fsys}.find(args[0])
			if err != nil {
				return err
			}
			if err := a.showRelease(r); err != nil || !verify {
				return err
			}
			return a.runReleaseVerify(cmd.Context(), f, r.Name, "")
		},
	}
	f.reach(c)
	c.Flags().BoolVar(&verify, "verify", false, "compare it with what is live in --target as well")
	return c
}

// releaseJSON is a release for machines.
type releaseJSON struct {
	Format      string        `json:"format"`
	Name        string        `json:"name"`
	Source      sourceJSON    `json:"source"`
	Roots       []string      `json:"roots"`
	Assets      []releasedRow `json:"assets"`
	Needs       []needRow     `json:"needs"`
	Fingerprint string        `json:"fingerprint"`
}

type sourceJSON struct {
	Target        string `json:"target"`
	Subscription  string `json:"subscription"`
	ResourceGroup string `json:"resource_group"`
	Workspace     string `json:"workspace"`
	Repo          string `json:"repo,omitempty"`
	Commit        string `json:"commit,omitempty"`
	Run           string `json:"run,omitempty"`
}

type releasedRow struct {
	ID      asset.ID          `json:"id"`
	Digest  string            `json:"digest"`
	Content []contentRow      `json:"content"`
	Job     string            `json:"job,omitempty"`
	Data    []string          `json:"data,omitempty"`
	Uses    []string          `json:"uses,omitempty"`
	Metrics map[string]string `json:"metrics,omitempty"`
	// JobCommit is that of the job, Commit that of the asset.
	JobCommit string `json:"job_commit,omitempty"`
	Commit    string `json:"commit,omitempty"`
	// Release brought the asset to the source.
	Release string `json:"release,omitempty"`
}

type contentRow struct {
	Field string `json:"field"`
	Code  bool   `json:"code,omitempty"`
	Hash  string `json:"hash"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

type needRow struct {
	ID asset.ID `json:"id"`
	By []string `json:"by"`
}

func releaseOf(r *promote.Release) releaseJSON {
	s := r.Source
	out := releaseJSON{
		Format: "mlsync.release/1", Name: r.Name, Roots: idTexts(r.Roots), Assets: []releasedRow{}, Needs: []needRow{}, Fingerprint: r.Fingerprint(),
		Source: sourceJSON{s.Target, s.Subscription, s.ResourceGroup, s.Workspace, s.Repo, s.Commit, s.Run},
	}
	for _, a := range r.Assets {
		o := a.Origin
		row := releasedRow{
			ID: a.ID, Digest: a.Digest, Content: []contentRow{}, Job: o.Job, Data: o.Data, Uses: o.Uses, Metrics: o.Metrics,
			JobCommit: o.JobCommit, Commit: o.Commit, Release: o.Release,
		}
		for _, c := range a.Content {
			row.Content = append(row.Content, contentRow{c.Field, c.Code, c.Hash, c.Files, c.Bytes})
		}
		out.Assets = append(out.Assets, row)
	}
	for _, n := range r.Needs {
		out.Needs = append(out.Needs, needRow{n.ID, idTexts(n.By)})
	}
	return out
}

// showRelease prints a release.
func (a *app) showRelease(r *promote.Release) error {
	if a.flags.json {
		return a.printJSON(releaseOf(r))
	}
	at := ""
	if r.Source.Commit != "" {
		at = " at commit " + r.Source.Commit[:12]
	}
	a.printf("release %s from target %s (workspace %s)%s\n", r.Name, printable(r.Source.Target), printable(r.Source.Workspace), at)
	a.printf("fingerprint %s\n\n", r.Fingerprint())
	for i := range r.Assets {
		x := &r.Assets[i]
		mark := " "
		if slices.Contains(r.Roots, x.ID) {
			mark = "*"
		}
		a.printf(" %s %-44s %s\n", mark, printable(x.ID.String()), x.Digest[:12])
		for _, c := range x.Content {
			a.printf("     %s: %s, %s, hash %s\n", printable(c.Field), count(c.Files, "file"), size(c.Bytes), c.Hash[:12])
		}
		a.showOrigin(x.Origin)
	}
	if len(r.Needs) > 0 {
		a.printf("\nit needs, of the target's own:\n")
		for _, n := range r.Needs {
			a.printf("   %-44s for %s\n", printable(n.ID.String()), printable(strings.Join(idTexts(n.By), ", ")))
		}
	}
	return nil
}

func (a *app) showOrigin(o promote.Origin) {
	if o.Release != "" {
		a.printf("     came by release %s\n", o.Release)
	}
	if o.Job == "" {
		return
	}
	a.printf("     made by job/%s", printable(o.Job))
	if len(o.Data) > 0 {
		a.printf(" of %s", printable(strings.Join(o.Data, ", ")))
	}
	var metrics []string
	for _, k := range slices.Sorted(maps.Keys(o.Metrics)) {
		metrics = append(metrics, k+" "+o.Metrics[k])
	}
	if len(metrics) > 0 {
		a.printf(" (%s)", printable(strings.Join(metrics, ", ")))
	}
	a.printf("\n")
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
