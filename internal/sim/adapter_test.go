package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
)

// workspace and live join reconcile with azureml, as the program does.
type workspace struct {
	client *azureml.Client
	ws     *azureml.Workspace
}

var _ reconcile.Workspace = (*workspace)(nil)

func (w *workspace) Scope() kind.Scope { return w.ws.Scope() }

func (w *workspace) Read() reconcile.Live {
	return &live{Live: w.ws.Read(), client: w.client, before: w.client.Counters().Requests()}
}

func (w *workspace) Current(ctx context.Context, id asset.ID) (*asset.Asset, error) {
	a, err := w.ws.Current(ctx, id)
	if errors.Is(err, azureml.ErrNotFound) {
		return nil, nil
	}
	return a, err
}

func (w *workspace) Put(ctx context.Context, in reconcile.Write) (*asset.Asset, error) {
	out := azureml.Write{
		Want: in.Want, Live: in.Live, Late: in.Late, Released: in.Released, Stamps: in.Stamps,
		Secret: in.Secret, Progress: in.Status, Sent: in.Sent, Started: started(in.Started),
	}
	for _, u := range in.Uploads {
		out.Uploads = append(out.Uploads, azureml.Upload{Content: u.Content, Code: u.Code, Datastore: u.Datastore})
	}
	got, err := w.ws.Put(ctx, out)
	var unknown *azureml.Unknown
	var failed *azureml.OperationFailed
	if errors.As(err, &unknown) || errors.As(err, &failed) {
		err = fmt.Errorf("%w: %w", err, reconcile.ErrMayBe)
	}
	return got, err
}

func (w *workspace) Renamed(id asset.ID, arm string) { w.ws.Renamed(id, arm) }

func (w *workspace) Delete(ctx context.Context, a *asset.Asset, note func([]byte) error, status func(string)) error {
	return w.ws.Delete(ctx, a, started(note), status)
}

func (w *workspace) Archive(ctx context.Context, id asset.ID, with ...asset.ID) error {
	err := w.ws.Archive(ctx, id, with...)
	if errors.Is(err, azureml.ErrByName) {
		err = fmt.Errorf("%w: %w", reconcile.ErrStays, err)
	}
	return err
}

func (w *workspace) Resume(ctx context.Context, operation []byte, status func(string)) error {
	var op azureml.Operation
	if err := json.Unmarshal(operation, &op); err != nil {
		return err
	}
	return w.ws.Resume(ctx, op, status)
}

func (w *workspace) Settle(ctx context.Context, id asset.ID, status func(string)) error {
	return w.ws.Settle(ctx, id, status)
}

func (w *workspace) Explain(err error) (code, request string) {
	var e *azureml.Error
	if errors.As(err, &e) {
		return e.Code, e.RequestID
	}
	var failed *azureml.OperationFailed
	if errors.As(err, &failed) {
		return failed.Code, ""
	}
	return "", ""
}

func started(note func([]byte) error) func(azureml.Operation) error {
	if note == nil {
		return nil
	}
	return func(op azureml.Operation) error {
		data, err := json.Marshal(op)
		if err != nil {
			return err
		}
		return note(data)
	}
}

type live struct {
	*azureml.Live
	client *azureml.Client
	before int64
}

func (l *live) Name(id asset.ID) (reconcile.Name, bool) {
	c, ok := l.Container(id)
	return reconcile.Name(c), ok
}

func (l *live) Names() []asset.ID { return l.Containers() }

func (l *live) Status(id asset.ID) resolve.Status {
	switch {
	case l.Asset(id) != nil:
		return resolve.Present
	case l.Absent(id):
		return resolve.Absent
	}
	if c, ok := l.Container(id); ok && id.Version != "" && c.Latest == id.Version {
		return resolve.Present
	}
	return resolve.Unknown
}

func (l *live) Requests() int { return int(l.client.Counters().Requests() - l.before) }
