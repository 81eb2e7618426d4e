package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/web"
)

// What commands do through a daemon. It knows by the token who does it.

func (a *app) farHold(ctx context.Context, r *remote, why string, until time.Time) error {
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	q := web.HoldRequest{Why: why, Until: timeOf(until)}
	if err := r.do(ctx, http.MethodPut, targetPath(t, "/hold"), nil, q, nil); err != nil {
		return err
	}
	a.printf("%s: on hold%s\n", t.Name, untilText(until))
	return nil
}

func (a *app) farIgnore(ctx context.Context, r *remote, args []string, until time.Time, why string) error {
	ids, err := assetIDs(args)
	if err != nil {
		return err
	}
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	for _, id := range ids {
		q := web.IgnoreRequest{Asset: id.String(), Until: timeOf(until), Why: why}
		if err := r.do(ctx, http.MethodPost, targetPath(t, "/drift/ignore"), nil, q, nil); err != nil {
			return err
		}
		a.sayIgnored(t.Name, id, until)
	}
	return nil
}

func (a *app) farUnhold(ctx context.Context, r *remote) error {
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	if err := r.do(ctx, http.MethodDelete, targetPath(t, "/hold"), nil, nil, nil); err != nil {
		return err
	}
	a.printf("%s: released\n", t.Name)
	return nil
}

func (a *app) farAbort(ctx context.Context, r *remote, hold bool) error {
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	var got web.Stopped
	if err := r.do(ctx, http.MethodPost, targetPath(t, "/abort"), nil, web.AbortRequest{Hold: hold}, &got); err != nil {
		return err
	}
	a.sayStopped(t.Name, got.Stopped)
	return nil
}

// farApprove approves what the target waits for. The request names the plan, or
// the release, that is shown now, so that nobody approves another.
func (a *app) farApprove(ctx context.Context, r *remote, allow []string, valid time.Duration) error {
	t, err := a.farTarget(ctx, r)
	if err != nil {
		return err
	}
	if t.Pending == nil {
		return &codeError{exitRefused, errors.New("nothing in the target " + t.Name + " waits for an approval")}
	}
	expires := time.Now().Add(valid)
	q := web.ApproveRequest{Plan: t.Pending.Plan, Release: t.Pending.Release, Allow: allow, Expires: &expires}
	var got web.Approval
	if err := r.do(ctx, http.MethodPost, targetPath(t, "/approvals"), nil, q, &got); err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(got)
	}
	if q.Release != "" {
		a.printf("%s approved %s of release %s for %s until %s\n", printable(got.Author), strings.Join(allow, ", "), printable(t.Waiting), t.Name, expires.Local().Format("2006-01-02 15:04"))
		return nil
	}
	a.printf("approved until %s for plan %s\n", expires.Local().Format("2006-01-02 15:04"), printable(q.Plan))
	return nil
}

// completeTimeout bounds what a shell waits for.
const completeTimeout = 2 * time.Second

// completeNeeds completes approvals: what the target of a daemon waits for, or
// the gates of the folder's.
func (a *app) completeNeeds(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
	r, err := a.remote(cmd, []string{"valid", "author"})
	if err != nil || r == nil {
		return a.completeGates(cmd, args, text)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	t, err := a.farTarget(ctx, r)
	if err != nil || t.Pending == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.DeleteFunc(t.Pending.Needs, func(s string) bool { return !safeWord(s) }), cobra.ShellCompDirectiveNoFileComp
}

// safeWord reports whether a shell may be handed a word of a server.
func safeWord(s string) bool { return printable(s) == s && !strings.ContainsAny(s, "\n\t ") }

func (a *app) syncCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "sync", Short: "Let a daemon look at a target now", GroupID: "work", Args: cobra.NoArgs,
		Long: `Let a pass over the target begin now, without waiting for a commit or the next
time of its schedule. It is in the queue of the daemon when the command returns,
and outlives the process of the daemon.`,
		Example: `  mlsync sync --server https://mlsync.example.com --target prod
  MLSYNC_SERVER=https://mlsync.example.com mlsync sync -t payments/prod && mlsync events --follow`,
	}
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error {
		t, err := a.farTarget(ctx, r)
		if err != nil {
			return err
		}
		var got web.Queued
		if err := r.do(ctx, http.MethodPost, targetPath(t, "/sync"), nil, nil, &got); err != nil {
			return err
		}
		if a.flags.json {
			return a.printJSON(got)
		}
		a.printf("%s: a pass is in the queue\n", t.Name)
		return nil
	})
}
