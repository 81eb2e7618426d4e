package azureml

import (
	"context"
	"errors"
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

// waits are who is told of what is waited for.
type waits struct {
	started  func(Operation) error
	progress func(string)
}

// patiently sends a write to an asset that exists. The service refuses it while
// an earlier write goes on, be it somebody else's or this one, of which the
// answer was lost; so what goes on is waited for, and the write is sent again.
func (w *Workspace) patiently(ctx context.Context, path string, tell waits, send func() (Result, error)) (Result, error) {
	for n := 1; ; n++ {
		res, err := send()
		if n == tries || !errors.Is(err, ErrConflict) {
			return res, err
		}
		op, look := w.underWay(ctx, path)
		if look != nil || op == nil {
			return res, err // the conflict is another one
		}
		if tell.started != nil {
			if err := tell.started(*op); err != nil {
				return res, err
			}
		}
		// How it ends is the business of whoever began it.
		if waited := w.Resume(ctx, *op, tell.progress); waited != nil && ctx.Err() != nil {
			return res, waited
		}
	}
}
