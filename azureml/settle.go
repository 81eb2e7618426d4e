package azureml

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"mlsync.dev/mlsync/asset"
)

// Settle waits until nothing is being done to an asset: it is for a write that
// was begun and whose operation is not known. An asset that is not there is
// settled. While the service makes a compute it shows no tags and not all of
// the body (recorded), so such an asset is not to be compared.
func (w *Workspace) Settle(ctx context.Context, id asset.ID, progress func(string)) error {
	path := w.scope.ARM(id)
	if arm := w.address(id); arm != "" {
		path = arm
	}
	op, err := w.underWay(ctx, path)
	if err != nil || op == nil {
		return err
	}
	return w.Resume(ctx, *op, progress)
}

// underWay is what is being done to the asset at path, nil if nothing is.
func (w *Workspace) underWay(ctx context.Context, path string) (*Operation, error) {
	raw, err := w.client.Get(ctx, path, mustVersion(path))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	op := &Operation{Method: http.MethodPut, ResourcePath: path, APIVersion: mustVersion(path)}
	switch state := provisioningOf(raw); {
	case !running(state):
		return nil, nil
	case state == "deleting":
		op.Method = http.MethodDelete
	}
	return op, nil
}

// whole is the live asset to patch. What the service shows of an asset while
// an operation goes on is not all there is, so it is waited for and the asset
// read again.
func (w *Workspace) whole(ctx context.Context, in Write) (*asset.Asset, error) {
	if in.Live == nil || !running(provisioningOf(in.Live.Raw)) {
		return in.Live, nil
	}
	op, err := w.underWay(ctx, w.scope.ARM(in.Live.ID))
	if err != nil {
		return nil, err
	}
	if op != nil {
		if err := w.waitOut(ctx, *op, in); err != nil {
			return nil, err
		}
	}
	now, err := w.Current(ctx, in.Live.ID)
	if err == nil && taken(now, in) {
		err = fmt.Errorf("%s belongs to %s: %w", now.ID, now.Stamps["owner"], ErrTaken)
	}
	return now, err
}

// ErrTaken is returned for an asset that somebody else owns, which could not
// be seen before an operation on it had ended.
var ErrTaken = errors.New("it is somebody else's")

// waitOut waits for what others do to an asset. How it ends is the business
// of whoever began it.
func (w *Workspace) waitOut(ctx context.Context, op Operation, in Write) error {
	if in.Started != nil {
		if err := in.Started(op); err != nil {
			return err
		}
	}
	if err := w.Resume(ctx, op, in.Progress); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// afterOthers sends the change of an asset again that the service has refused
// because another one goes on: somebody else's, or this one, of which the
// answer was lost. What goes on is waited for. If it has made the asset as it
// is to be, nothing is sent; if it has changed anything else, the refusal
// stands, as the change was meant for another asset than there is now.
func (w *Workspace) afterOthers(ctx context.Context, path string, in Write, refusal error) (Result, error) {
	for range tries {
		op, err := w.underWay(ctx, path)
		if err != nil || op == nil {
			return Result{}, refusal // the conflict is another one
		}
		if err := w.waitOut(ctx, *op, in); err != nil {
			return Result{}, err
		}
		now, rest, err := w.read(ctx, in.Want.ID)
		if err != nil {
			return Result{}, err
		}
		moved := !now.Body.Equal(in.Live.Body) || taken(now, in)
		in.Live = now
		body, err := w.request(ctx, in)
		switch {
		case err != nil:
			return Result{}, err
		case body.Equal(rest):
			return Result{Body: now.Raw}, nil
		case moved:
			return Result{}, refusal
		}
		res, err := w.send(ctx, path, body, in)
		if !errors.Is(err, ErrConflict) {
			return res, err
		}
		refusal = err
	}
	return Result{}, refusal
}

// taken reports whether an asset that was read again belongs to somebody else
// by now, or to somebody of whom the first reading did not tell.
func taken(now *asset.Asset, in Write) bool {
	owner := now.Stamps["owner"]
	return owner != "" && owner != in.Stamps["owner"] && owner != in.Live.Stamps["owner"]
}
