package reconcile

import (
	"context"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
)

// Recover looks what became of the writes that an earlier process began and
// did not finish: it waits for their operations, until a newer commit is
// there. What was done is seen by the next plan, which compares with the live
// side; nothing is written here.
func (p *Pass) Recover(ctx context.Context) (int, error) {
	open, err := p.Journal.Unfinished(ctx)
	if err != nil {
		return 0, err
	}
	soft, stop := p.untilNewer(ctx)
	defer stop()
	for _, in := range open {
		if err := p.resume(soft, in, func(string) {}); err != nil && soft.Err() != nil {
			return 0, context.Cause(soft)
		} else if err != nil {
			p.Log.Warn("write of an earlier run failed", "asset", in.Key.String(), "err", err)
		}
	}
	return len(open), nil
}

// Wait waits until nothing goes on any more on the assets of Busy: operations
// of earlier runs, and deletions by others. It ends early with ctx, or when a
// newer commit is there. It returns how many writes were taken up.
func (p *Pass) Wait(ctx context.Context, prep *Prepared) (int, error) {
	n, err := p.Recover(ctx)
	if err != nil || len(prep.leaving) == 0 {
		return n, err
	}
	soft, stop := p.untilNewer(ctx)
	defer stop()
	for _, id := range prep.leaving {
		if err := p.Workspace.Settle(soft, id, func(string) {}); err != nil && soft.Err() != nil {
			return n, context.Cause(soft)
		} else if err != nil {
			p.Log.Warn("waiting for a deletion", "asset", id.String(), "err", err)
		}
	}
	return n, nil
}

// leaving are the wanted assets that somebody deletes, in the order of git.
// They are busy: what they are comes out when that has ended.
func (p *Pass) leaving(live Live, want *resolve.Want, busy map[asset.ID]string) []asset.ID {
	var out []asset.ID
	for _, id := range want.Order {
		if busy[id] == "" && live.Leaving(id) {
			busy[id] = "it is being deleted; it is made again when that has ended"
			out = append(out, id)
		}
	}
	return out
}

// busy are the assets on which operations of earlier runs go on. Each is asked
// for once; one that cannot be asked for is as the workspace shows it.
func (p *Pass) busy(ctx context.Context) (map[asset.ID]string, error) {
	open, err := p.Journal.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	out := map[asset.ID]string{}
	for _, in := range open {
		if p.goesOn(ctx, in) {
			out[in.Key.ID] = "an operation of an earlier run goes on"
		}
	}
	return out, ctx.Err()
}

// resume waits for what a write began: its operation, or whatever is being
// done to its asset.
func (p *Pass) resume(ctx context.Context, in Intent, status func(string)) error {
	if len(in.Operation) > 0 {
		return p.Workspace.Resume(ctx, in.Operation, status)
	}
	if t := kind.Of(in.Key.ID.Kind); t == nil || in.Key.ID.IsZero() {
		return nil // a newer mlsync made it
	}
	return p.Workspace.Settle(ctx, in.Key.ID, status)
}

// goesOn asks once for the state of what a write began.
func (p *Pass) goesOn(ctx context.Context, in Intent) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	goesOn := false
	err := p.resume(ctx, in, func(status string) {
		if !ended(status) {
			goesOn = true
			cancel() // it would be waited for
		}
	})
	return err != nil && goesOn
}

// ended reports whether the state of an operation is its last.
func ended(status string) bool {
	switch strings.ToLower(status) {
	case "succeeded", "failed", "canceled", "cancelled":
		return true
	}
	return false
}
