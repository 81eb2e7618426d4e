package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// ErrMayBe is returned by Put when the write failed and the asset may be there
// all the same: nobody knows whether the service did it, or what it made does
// not work.
var ErrMayBe = errors.New("it may be there")

// doubts are the assets that earlier runs may have made without noting it:
// those of open intents that the journal does not own. Git may have lost them
// since, so that nothing else would look for them.
type doubts struct {
	// unread could not be read: their intents stay open.
	unread map[asset.ID]bool
	// late are not there and may come: the process that wanted to make them may
	// have been stopped before it sent the request, and go on. Their intents stay
	// open: git may lose them before the run that makes them has come so far.
	late map[asset.ID]bool
	// made are there without any stamp although the service took our request to
	// make them: it shows no tags of a compute that it makes (recorded), nor of
	// one that it failed to make.
	made map[asset.ID]bool
	// ours are those that git wants and that are there, with our stamp or made:
	// they are noted with the ends of their intents, as the run that finds them
	// may come no further.
	ours []plan.Owned
}

// lateWrite is how long after its intent a write is waited for that nobody has
// seen. Who holds a lock no more learns it before the next write.
const lateWrite = time.Hour

// doubts reads them.
func (p *Pass) doubts(ctx context.Context, live Live, owned map[asset.ID]plan.Owned) (doubts, error) {
	open, err := p.Journal.Unfinished(ctx)
	if err != nil {
		return doubts{}, err
	}
	d := doubts{unread: map[asset.ID]bool{}, late: map[asset.ID]bool{}, made: map[asset.ID]bool{}}
	var ids []asset.ID
	for _, in := range open {
		id := in.Key.ID
		t := kind.Of(id.Kind)
		if _, ok := owned[id]; ok || t == nil || t.Tags == "" || t.Renames && id.Name == t.Anonymous {
			continue // known, or without a stamp to know it by
		}
		ids = append(ids, id)
		makes := in.Action == plan.Create || in.Action == plan.NewVersion
		d.made[id] = d.made[id] || in.Action == plan.Create && len(in.Operation) > 0
		d.late[id] = d.late[id] || makes && len(in.Operation) == 0 && p.Now().Sub(in.Started) < lateWrite
	}
	live.Get(ctx, ids...)
	for _, id := range ids {
		a := live.Asset(id)
		d.unread[id] = a == nil && live.Status(id) != resolve.Absent
		d.made[id] = d.made[id] && a != nil && a.Stamps["owner"] == ""
		d.late[id] = d.late[id] && a == nil
	}
	return d, nil
}

// open reports whether the intent of an asset stays open.
func (d doubts) open(id asset.ID) bool { return d.unread[id] || d.late[id] }

// settleOld ends the intents that earlier runs left open: the plan of this
// run was made from what became of them. What they made is owned from then on.
func (x *execution) settleOld(ctx context.Context) error {
	open, err := x.Journal.Unfinished(ctx)
	if err != nil {
		return err
	}
	found := map[asset.ID]*plan.Owned{}
	for _, o := range slices.Concat(x.prep.rebuilt, x.prep.doubt.ours) {
		found[o.ID] = &o
	}
	var ends []End
	for _, in := range open {
		if x.prep.doubt.open(in.Key.ID) || x.prep.Busy[in.Key.ID] != "" {
			continue
		}
		ends = append(ends, End{Intent: in.ID, Own: found[in.Key.ID], Outcome: plan.Outcome{
			Key: in.Key, State: plan.Failed,
			Err: "interrupted; run " + x.run.ID + " looked what became of it",
		}})
	}
	return x.Journal.Finish(ctx, x.run.Generation, ends...)
}
