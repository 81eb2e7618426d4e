package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// do makes the write of a step. It returns what the journal is to know of the
// asset from now on, or that it is to forget it.
func (x *execution) do(ctx context.Context, s *plan.Step, w *writing) (owned *plan.Owned, forget bool, err error) {
	switch s.Action {
	case plan.Create, plan.NewVersion:
		return x.put(ctx, s, w, nil, plan.Created)
	case plan.Update:
		live, err := x.fresh(ctx, s)
		if err != nil {
			return nil, false, err
		}
		return x.put(ctx, s, w, live, plan.Created)
	case plan.Adopt:
		live, err := x.fresh(ctx, s)
		if err != nil {
			return nil, false, err
		}
		if t := kind.Of(s.Key.ID.Kind); len(acted(s)) == 0 && (t.Tags == "" || t.StampsFixed || x.lacks(s.Want)) {
			return x.owned(s, s.ARM, taken(s)), false, nil
		}
		return x.put(ctx, s, w, live, taken(s))
	case plan.Replace:
		if err := x.remove(ctx, s, w); err != nil {
			return nil, false, err
		}
		return x.put(ctx, s, w, nil, plan.Created)
	case plan.Delete:
		return nil, true, x.remove(ctx, s, w)
	case plan.Archive:
		forget, err := x.archive(ctx, s)
		return nil, forget, err
	case plan.Orphan:
		return nil, true, nil
	default:
	}
	return nil, false, fmt.Errorf("internal error: no way to do %s", s.Action)
}

// taken is how an asset comes to be managed that is taken over: mlsync made it
// if another target of the repository hands it over.
func taken(s *plan.Step) plan.Origin {
	if s.Code == plan.HandedOver {
		return plan.Created
	}
	return plan.Adopted
}

// lacks reports whether a secret of the asset is not at hand: then it cannot
// be written, not even its stamp.
func (x *execution) lacks(a *asset.Asset) bool {
	for _, name := range secretsOf(a) {
		if _, ok := x.secrets[name]; !ok {
			return true
		}
	}
	return false
}

// acted are the changes of a step that are acted on.
func acted(s *plan.Step) (released [][]string) {
	for _, c := range s.Changes {
		if c.Ignored == "" {
			released = append(released, c.Path)
		}
	}
	return released
}

// ErrStays is returned by Archive for an asset that the service cannot archive
// by itself: it stays active, and mlsync no longer manages it.
var ErrStays = errors.New("it stays in the workspace")

// errMoved is returned when the live asset is not what the plan was made for.
var errMoved = errors.New("the workspace changed since the plan was made")

// fresh reads the asset again if its body is not at hand or an earlier step of
// this run changed it.
func (x *execution) fresh(ctx context.Context, s *plan.Step) (*asset.Asset, error) {
	if s.Key.Part == "" && s.Live != nil && len(s.Live.Raw) > 0 {
		return s.Live, nil
	}
	live, err := x.Workspace.Current(ctx, s.Key.ID)
	if err != nil {
		return nil, err
	}
	if live == nil {
		return nil, fmt.Errorf("%s is gone: %w", s.Key.ID, errMoved)
	}
	if err := x.unmoved(s, live); err != nil {
		return nil, err
	}
	return live, x.onTheWay(s, live)
}

// look reads an asset once more before it is taken away: whoever took it over
// since the plan was made keeps it. It returns nil if the asset is gone.
func (x *execution) look(ctx context.Context, s *plan.Step) (*asset.Asset, error) {
	if t := kind.Of(s.Key.ID.Kind); t.Tags == "" {
		return s.Live, nil
	}
	now, err := x.Workspace.Current(ctx, s.Key.ID)
	if err != nil || now == nil {
		return nil, err
	}
	return now, x.unmoved(s, now)
}

// unmoved is an error if somebody has taken an asset over since the plan was made.
func (x *execution) unmoved(s *plan.Step, now *asset.Asset) error {
	was := ""
	if s.Live != nil {
		was = s.Live.Stamps["owner"]
	}
	switch owner := now.Stamps["owner"]; {
	case owner == was, owner == x.Owner:
		return nil
	case owner == "":
		return fmt.Errorf("nobody owns %s by now: %w", s.Key.ID, errMoved)
	default:
		return fmt.Errorf("%s belongs to %s by now: %w", s.Key.ID, owner, errMoved)
	}
}

// remove deletes an asset, after a last look at who owns it.
func (x *execution) remove(ctx context.Context, s *plan.Step, w *writing) error {
	live, err := x.look(ctx, s)
	if err != nil || live == nil {
		return err
	}
	return x.Workspace.Delete(ctx, live, x.started(ctx, w), x.status(s))
}

// archive archives an asset, after a last look at who owns it, and reports
// whether it is ours no more.
func (x *execution) archive(ctx context.Context, s *plan.Step) (forget bool, err error) {
	live, err := x.look(ctx, s)
	if err != nil || live == nil {
		return err == nil, err
	}
	with, err := x.archivedToo(ctx, s)
	if err != nil {
		return false, err
	}
	err = x.Workspace.Archive(ctx, s.Key.ID, with...)
	switch {
	case !errors.Is(err, ErrStays):
		return err == nil, err
	case x.keptToo(s):
		return false, nil // they will be archived together
	}
	x.Log.Warn("not archived, and forgotten", "asset", s.Key.String(), "why", err)
	return true, nil
}

// keptToo reports whether another version of the name is ours, is gone from
// git, and is still kept or cannot go yet.
func (x *execution) keptToo(s *plan.Step) bool {
	return slices.ContainsFunc(x.prep.Plan.Steps, func(o plan.Step) bool {
		if o.Key.ID == s.Key.ID || o.Key.ID.Container() != s.Key.ID.Container() {
			return false
		}
		waits := o.Action == plan.Blocked || o.Action == plan.Unknown || x.prep.Plan.Refused(o)
		return o.Code.Kept() || o.Want == nil && waits
	})
}

// archivedToo are the other versions of the name that this plan archives and
// that are still ours. Some kinds are archived by name only.
func (x *execution) archivedToo(ctx context.Context, s *plan.Step) ([]asset.ID, error) {
	if !kind.Of(s.Key.ID.Kind).StampsFixed {
		return nil, nil
	}
	var out []asset.ID
	for i := range x.prep.Plan.Steps {
		o := &x.prep.Plan.Steps[i]
		if o.Action != plan.Archive || o == s || o.Key.ID.Container() != s.Key.ID.Container() || x.prep.Plan.Refused(*o) {
			continue
		}
		live, err := x.look(ctx, o)
		switch {
		case errors.Is(err, errMoved):
		case err != nil:
			return nil, err
		case live != nil:
			out = append(out, o.Key.ID)
		}
	}
	return out, nil
}

// put creates or changes the asset of a step.
func (x *execution) put(ctx context.Context, s *plan.Step, at *writing, live *asset.Asset, origin plan.Origin) (*plan.Owned, bool, error) {
	t := kind.Of(s.Key.ID.Kind)
	want := s.Want
	if s.Body != nil {
		// Drift that is only reported is not written over.
		copied := *s.Want
		copied.Body, want = s.Body, &copied
	}
	w := Write{
		Want: want, Live: live, Late: s.Key.Part != "", Secret: x.secret, Uploads: x.prep.Want.Uploads[s.Key.ID], Copies: x.prep.Want.Copies[s.Key.ID],
		Started: x.started(ctx, at), Status: x.status(s), Sent: x.sent(s, at, StepUpload), Copied: x.sent(s, at, StepCopy),
		Stamps: x.stamps(t, s.Want),
	}
	if live != nil && !x.contentChanged(s) {
		w.Uploads, w.Copies = nil, nil
	}
	for _, c := range s.Changes {
		if c.Ignored == "" && c.Want == nil && !c.Secret && c.Live != nil {
			w.Released = append(w.Released, c.Path)
		}
	}
	got, err := x.Workspace.Put(ctx, w)
	if err != nil {
		return nil, false, err
	}
	return x.owned(s, got.ARM, origin), false, nil
}

// contentChanged reports whether a change touches a field that stands for
// local content.
func (x *execution) contentChanged(s *plan.Step) bool {
	for _, c := range s.Changes {
		if c.Ignored == "" && c.Want != nil {
			return true
		}
	}
	return false
}

// stamps are the tags that say who owns the asset, what it is, and which
// release brought it. Those of a release that it is no longer of are taken off.
func (x *execution) stamps(t *kind.Table, want *asset.Asset) map[string]string {
	out := map[string]string{"owner": x.Owner, "release": "", "source": ""}
	maps.Copy(out, x.prep.stamps[want.ID])
	if x.run.Commit != "" {
		out["commit"] = x.run.Commit
	}
	if t.Versioned {
		out["content"] = resolve.ContentDigest(want)
	}
	return out
}

func (x *execution) secret(name string) (asset.Secret, error) {
	s, ok := x.secrets[name]
	if !ok {
		return asset.Secret{}, errors.New("was not asked for before the run")
	}
	return s, nil
}

// started journals a long-running operation before it is waited for.
func (x *execution) started(ctx context.Context, w *writing) func([]byte) error {
	return func(operation []byte) error {
		err := x.Journal.Operation(context.WithoutCancel(ctx), x.run.Generation, w.intent, operation)
		if err == nil {
			w.whenNewer()
		}
		return err
	}
}

func (x *execution) status(s *plan.Step) func(string) {
	return func(text string) { x.Emit(Event{Kind: StepProgress, Step: s, Text: text}) }
}

// sent tells of content on its way. It is left where it is when a newer commit is
// there: what has arrived is not sent again.
func (x *execution) sent(s *plan.Step, w *writing, kind EventKind) func(done, total int64) {
	return func(done, total int64) {
		if done < total {
			w.ifNewer()
		}
		x.Emit(Event{Kind: kind, Step: s, Done: done, Total: total})
	}
}
