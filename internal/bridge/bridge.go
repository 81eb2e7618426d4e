// Package bridge lets reconcile, which knows no service, work on a workspace of
// azureml.
package bridge

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

// Workspace lets reconcile use a workspace of azureml.
type Workspace struct {
	client *azureml.Client
	ws     *azureml.Workspace
	source Source
	writer Writer // nil if who reads writes as well
}

// Writer makes the client of who may write. It is asked before each write, and
// not for plans.
type Writer func() (*azureml.Client, error)

// Source opens the storage of another workspace or registry, or refuses it:
// who names it is the author of a file.
type Source func(ctx context.Context, scope kind.Scope) (*azureml.Storage, error)

var _ reconcile.Workspace = (*Workspace)(nil)

// New joins the two; client is the one that ws is of.
func New(client *azureml.Client, ws *azureml.Workspace) *Workspace {
	return &Workspace{client: client, ws: ws}
}

// From lets content come from other workspaces.
func (w *Workspace) From(source Source) *Workspace {
	w.source = source
	return w
}

// WrittenBy lets somebody else write than reads; nil changes nothing.
func (w *Workspace) WrittenBy(writer Writer) *Workspace {
	w.writer = writer
	return w
}

// writing is the workspace for who may write to it.
func (w *Workspace) writing() (*azureml.Workspace, error) {
	if w.writer == nil {
		return w.ws, nil
	}
	client, err := w.writer()
	if err != nil {
		return nil, fmt.Errorf("the identity that writes: %w", err)
	}
	return w.ws.As(client), nil
}

// Scope is where the workspace is.
func (w *Workspace) Scope() kind.Scope { return w.ws.Scope() }

// Read begins a new reading.
func (w *Workspace) Read() reconcile.Live {
	return NewLive(w.client, w.ws)
}

// Current is the asset as it is now, nil if it is not there.
func (w *Workspace) Current(ctx context.Context, id asset.ID) (*asset.Asset, error) {
	a, err := w.ws.Current(ctx, id)
	if errors.Is(err, azureml.ErrNotFound) {
		return nil, nil
	}
	return a, err
}

// Put creates or changes an asset; see reconcile.ErrMayBe.
func (w *Workspace) Put(ctx context.Context, in reconcile.Write) (*asset.Asset, error) {
	out := azureml.Write{
		Want: in.Want, Live: in.Live, Late: in.Late, Released: in.Released, Stamps: in.Stamps,
		Secret: in.Secret, Progress: in.Status, Sent: in.Sent, Copied: in.Copied, Started: started(in.Started),
	}
	for _, u := range in.Uploads {
		out.Uploads = append(out.Uploads, azureml.Upload{Content: u.Content, Code: u.Code, Pending: u.Pending, Datastore: u.Datastore, URI: u.URI})
	}
	for _, c := range in.Copies {
		m, err := w.moved(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("content of %s: %w", c.Source.Name(), err)
		}
		out.Moved = append(out.Moved, m)
	}
	ws, err := w.writing()
	if err != nil {
		return nil, err
	}
	got, err := ws.Put(ctx, out)
	var unknown *azureml.Unknown
	var accepted *azureml.Accepted
	if errors.As(err, &unknown) || errors.As(err, &accepted) {
		err = fmt.Errorf("%w: %w", err, reconcile.ErrMayBe)
	}
	return got, err
}

// moved opens where content comes from.
func (w *Workspace) moved(ctx context.Context, c resolve.Copy) (azureml.Moved, error) {
	src := c.Source
	m := azureml.Moved{
		Src:  azureml.Place{Datastore: src.Datastore, Path: src.Path, URL: azureml.Unsigned(src.URL)},
		Want: azureml.Content{Object: src.Object, Code: src.Code, Listing: src.Listing, Files: src.Files, Bytes: src.Bytes},
		Code: c.Code, Pending: c.Pending, Datastore: c.Datastore, At: c.At, URI: c.URI,
	}
	if src.Scope() == w.scopeOf() {
		m.From = w.client.Storage(src.Scope().WorkspaceID())
		return m, nil
	}
	if w.source == nil {
		return m, errors.New("no other workspace can be read here")
	}
	var err error
	m.From, err = w.source(ctx, src.Scope())
	return m, err
}

// scopeOf is the scope without the region, which no reference has.
func (w *Workspace) scopeOf() kind.Scope {
	s := w.ws.Scope()
	s.Location = ""
	return s
}

// Renamed says under which resource id the service keeps an asset.
func (w *Workspace) Renamed(id asset.ID, arm string) { w.ws.Renamed(id, arm) }

// Delete deletes an asset; note is told of a long-running operation.
func (w *Workspace) Delete(ctx context.Context, a *asset.Asset, note func([]byte) error, status func(string)) error {
	ws, err := w.writing()
	if err != nil {
		return err
	}
	return ws.Delete(ctx, a, started(note), status)
}

// Archive hides an asset; see reconcile.ErrStays.
func (w *Workspace) Archive(ctx context.Context, id asset.ID, with ...asset.ID) error {
	ws, err := w.writing()
	if err != nil {
		return err
	}
	if err = ws.Archive(ctx, id, with...); errors.Is(err, azureml.ErrByName) {
		err = fmt.Errorf("%w: %w", reconcile.ErrStays, err)
	}
	return err
}

// Resume waits for an operation that note was told of.
func (w *Workspace) Resume(ctx context.Context, operation []byte, status func(string)) error {
	var op azureml.Operation
	if err := json.Unmarshal(operation, &op); err != nil {
		return err
	}
	ws, err := w.writing() // an operation is shown to who began it
	if err != nil {
		return err
	}
	return ws.Resume(ctx, op, status)
}

// Settle waits until nothing is being done to an asset.
func (w *Workspace) Settle(ctx context.Context, id asset.ID, status func(string)) error {
	return w.ws.Settle(ctx, id, status)
}

// Explain is the code of an error of the service, and the id of the request.
func (w *Workspace) Explain(err error) (code, request string) {
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

// started hands a long-running operation on in the form that Resume takes.
func started(note func([]byte) error) func(azureml.Operation) error {
	if note == nil {
		return nil
	}
	return func(op azureml.Operation) error {
		data, err := json.Marshal(op)
		if err != nil {
			return err
		}
		if err := note(data); err != nil {
			return fmt.Errorf("%w: %w", err, reconcile.ErrMayBe) // it goes on all the same
		}
		return nil
	}
}

// Live lets reconcile use what azureml read.
type Live struct {
	*azureml.Live
	client *azureml.Client
	before int64
}

// NewLive begins a reading of a workspace.
func NewLive(client *azureml.Client, ws *azureml.Workspace) *Live {
	return &Live{Live: ws.Read(), client: client, before: client.Counters().Requests()}
}

// Name is what a list said of all versions of a name.
func (l *Live) Name(id asset.ID) (reconcile.Name, bool) {
	c, ok := l.Container(id)
	return reconcile.Name(c), ok
}

// Names are the names that lists have shown.
func (l *Live) Names() []asset.ID { return l.Containers() }

// Status is what is known of an asset.
func (l *Live) Status(id asset.ID) resolve.Status {
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

// Requests is how many requests were made since the reading began.
func (l *Live) Requests() int { return int(l.client.Counters().Requests() - l.before) }
