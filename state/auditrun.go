package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"mlsync.dev/mlsync/plan"
)

// always are the causes of runs that are in the audit whatever they did, as
// they change more than the workspace.
var always = []string{"adopt", "disown"}

// auditRun appends a run that has written something, or tried to. A run that
// found nothing to do is in the list of runs alone.
func (t *Target) auditRun(ctx context.Context, x *tx, id, outcome, why string) error {
	var cause, commit string
	if _, err := x.get(ctx, `SELECT cause, commit_id FROM runs WHERE id = ?`, []any{id}, &cause, &commit); err != nil {
		return err
	}
	var counts []string
	wrote := slices.Contains(always, cause)
	err := x.query(ctx, `SELECT action, state, count(*) FROM steps WHERE run_id = ? GROUP BY action, state ORDER BY action, state`, []any{id}, func(r row) error {
		var action, state string
		var n int
		if err := r.Scan(&action, &state, &n); err != nil {
			return err
		}
		if !plan.Action(action).Writes() || state == string(plan.Pending) || state == string(plan.Skipped) {
			return nil
		}
		if state == "" {
			state = "unknown"
		}
		wrote = true
		counts = append(counts, fmt.Sprintf("%s %s %d", action, state, n))
		return nil
	})
	if err != nil || !wrote {
		return err
	}
	detail := []string{"run " + id, cause}
	if commit != "" {
		detail = append(detail, "commit "+commit)
	}
	if detail = append(detail, counts...); why != "" {
		detail = append(detail, why)
	}
	return t.s.audit(ctx, x, Audit{Action: "run", Actor: cmp.Or(actorOf(ctx).Name, "mlsync"), Target: t.name, Outcome: outcome, Detail: strings.Join(detail, ", ")})
}

// auditInterrupted appends the runs whose process ended before they did. Who
// began them is not who finds it out.
func (t *Target) auditInterrupted(ctx context.Context, x *tx) error {
	var ids []string
	err := x.query(ctx, `SELECT id FROM runs WHERE target_id = ? AND ended = 0`, []any{t.id}, func(r row) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	ctx = Acting(ctx, Actor{Via: actorOf(ctx).Via, Project: actorOf(ctx).Project})
	for _, id := range ids {
		if err := t.auditRun(ctx, x, id, "interrupted", ""); err != nil {
			return err
		}
	}
	return nil
}
