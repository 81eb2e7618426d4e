package reconcile

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// ErrMayBe is returned by Put when the write failed and the asset may be there
// all the same: nobody knows whether the service did it, or what it made does
// not work.
var ErrMayBe = errors.New("it may be there")

// doubts reads the assets that earlier runs may have made without noting it:
// those of open intents that the journal does not own. Git may have lost them
// since, so that nothing else would look for them. It returns those that could
// not be read, whose intents stay open, and those that are there without any
// stamp although the service took our request to make them: it shows no tags
// of a compute that it makes (recorded), nor of one that it failed to make.
func (p *Pass) doubts(ctx context.Context, live Live, owned map[asset.ID]plan.Owned) (doubt, made map[asset.ID]bool, err error) {
	open, err := p.Journal.Unfinished(ctx)
	if err != nil {
		return nil, nil, err
	}
	doubt, made = map[asset.ID]bool{}, map[asset.ID]bool{}
	var ids []asset.ID
	for _, in := range open {
		id := in.Key.ID
		t := kind.Of(id.Kind)
		if _, ok := owned[id]; ok || t == nil || t.Tags == "" || t.Renames && id.Name == t.Anonymous {
			continue // known, or without a stamp to know it by
		}
		ids = append(ids, id)
		made[id] = made[id] || in.Action == plan.Create && len(in.Operation) > 0
	}
	live.Get(ctx, ids...)
	for _, id := range ids {
		a := live.Asset(id)
		if a == nil && live.Status(id) != resolve.Absent {
			doubt[id] = true
		}
		if a == nil || a.Stamps["owner"] != "" {
			delete(made, id)
		}
	}
	return doubt, made, nil
}

// settleOld ends the intents that earlier runs left open: the plan of this
// run was made from what became of them. What they made is owned from then on.
func (x *execution) settleOld(ctx context.Context) error {
	open, err := x.Journal.Unfinished(ctx)
	if err != nil {
		return err
	}
	found := map[asset.ID]*plan.Owned{}
	for i := range x.prep.rebuilt {
		found[x.prep.rebuilt[i].ID] = &x.prep.rebuilt[i]
	}
	var ends []End
	for _, in := range open {
		if x.prep.doubt[in.Key.ID] || x.prep.Busy[in.Key.ID] != "" {
			continue
		}
		ends = append(ends, End{Intent: in.ID, Own: found[in.Key.ID], Outcome: plan.Outcome{
			Key: in.Key, State: plan.Failed,
			Err: "interrupted; run " + x.run.ID + " looked what became of it",
		}})
	}
	return x.Journal.Finish(ctx, x.run.Generation, ends...)
}
