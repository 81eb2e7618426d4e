package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/promote"
)

func (a *app) releaseVerify() *cobra.Command {
	var f targetFlags
	var through string
	c := &cobra.Command{
		Use: "verify NAME", Short: "Compare a release with what is live in a target", Args: cobra.ExactArgs(1),
		Long: `Read every asset of the release from the workspace of a target, bytes included, and
say whether it is what the release says. The exit code is 0 if all is, 2 if
something is missing or differs, 1 if something could not be read.`,
		Example: "  mlsync release verify 2025-06-01 --target prod\n  mlsync release verify 2025-06-01 --target dev --json", ValidArgsFunction: a.completeReleases,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runReleaseVerify(cmd.Context(), f, args[0], through)
		},
	}
	f.reach(c)
	c.Flags().StringVar(&through, "through", "", "the registry that it went through (default: as the target's record says)")
	return c
}

// verified is what became of one asset of a release.
type verified struct {
	ID     asset.ID `json:"id"`
	State  string   `json:"state"` // same, differs, missing, unknown, elsewhere
	Fields []string `json:"fields,omitempty"`
	Want   string   `json:"want"`
	Have   string   `json:"have,omitempty"`
	Why    string   `json:"why,omitempty"`
}

func (a *app) runReleaseVerify(ctx context.Context, f targetFlags, name, through string) error {
	x, err := a.openSide(ctx, f, a.flags.target)
	if err != nil {
		return err
	}
	defer x.close()
	r, err := releases{x.fsys}.find(name)
	if err != nil {
		return err
	}
	if n := len(x.target.Overlays); n > 0 {
		pins, err := readPins(x.fsys, x.target.Overlays[n-1])
		if err != nil {
			return err
		}
		through = cmp.Or(through, pins.Through)
	}
	var out []verified
	counts := map[string]int{}
	for i := range r.Assets {
		v := x.verify(&r.Assets[i], through)
		counts[v.State]++
		out = append(out, v)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.flags.json {
		if err := a.printJSON(map[string]any{"format": "mlsync.verify/1", "release": r.Name, "target": x.target.Name, "assets": out}); err != nil {
			return err
		}
	} else {
		a.showVerdicts(r, x.target.Name, out, counts)
	}
	switch {
	case counts["unknown"] > 0:
		return exitWith(exitError)
	case counts["differs"]+counts["missing"] > 0:
		return exitWith(exitPending)
	}
	return nil
}

func (a *app) showVerdicts(r *promote.Release, target string, list []verified, counts map[string]int) {
	for _, v := range list {
		switch v.State {
		case "same", "elsewhere":
			if a.flags.verbose > 0 {
				a.printf(" = %s %s%s\n", printable(v.ID.String()), v.Want[:12], printable(prefixed(" ", v.Why)))
			}
		case "missing":
			a.printf(" - %s is not there\n", printable(v.ID.String()))
		case "unknown":
			a.printf(" ? %s: %s\n", printable(v.ID.String()), printable(v.Why))
		default:
			a.printf(" ~ %s differs (%s): release %s, live %s\n", printable(v.ID.String()), printable(strings.Join(v.Fields, ", ")), v.Want[:12], v.Have[:min(12, len(v.Have))])
		}
	}
	there := counts["same"] + counts["elsewhere"]
	if there == len(list) {
		a.printf("release %s: all of %s in target %s are what it says\n", r.Name, count(len(list), "asset"), printable(target))
		return
	}
	a.printf("release %s: %d of %s in target %s are what it says\n", r.Name, there, count(len(list), "asset"), printable(target))
}

func prefixed(lead, s string) string {
	if s == "" {
		return ""
	}
	return lead + s
}

// verify compares one asset of a release with the live one.
func (x *side) verify(a *promote.Asset, through string) verified {
	v := verified{ID: a.ID, Want: a.Digest}
	registries := []string{}
	if r := x.ws.Scope().Registry; r != "" {
		registries = append(registries, r)
	}
	if through != "" {
		registries = append(registries, through)
		if promote.InRegistry(a.ID) && x.ws.Scope().Registry == "" {
			v.State, v.Why = "elsewhere", "in the registry "+through
			return v
		}
	}
	if !promote.InRegistry(a.ID) && x.ws.Scope().Registry != "" {
		v.State, v.Why = "elsewhere", "no registry can hold it"
		return v
	}
	got := x.found(a.ID)
	switch {
	case got.Unknown != "":
		v.State, v.Why = "unknown", got.Unknown
		return v
	case got.Asset == nil:
		v.State = "missing"
		return v
	}
	live, bad := promote.Normal(got.Asset)
	if live == nil || len(bad) > 0 {
		v.State, v.Why = "unknown", fmt.Sprintf("it cannot be written: %v", bad)
		return v
	}
	contents, err := x.contents(got.Asset, false)
	if err != nil {
		v.State, v.Why = "unknown", err.Error()
		return v
	}
	v.Have = promote.Digest(live, contents, registries...)
	v.Fields = promote.Differs(a.Written(), a.ContentsOf(), live, contents, registries...)
	if v.State = "same"; len(v.Fields) > 0 {
		v.State = "differs"
	}
	return v
}
