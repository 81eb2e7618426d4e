package azureml

import (
	"context"
	"fmt"

	"mlsync.dev/mlsync/asset"
)

// Moved is content of another workspace that an asset needs.
type Moved struct {
	// From reads what is at Src; Want says which bytes they must be.
	From *Storage
	Src  Place
	Want Content
	// Code says that the content becomes a code asset, and Pending that it goes
	// to the container that a registry gives for the version; otherwise it goes
	// to Datastore. At is the path there.
	Code, Pending bool
	Datastore, At string
	// URI is what stands for it in the body.
	URI string
}

// move brings the contents of other workspaces, and puts what the service says
// of them into the body. Nothing is written of an asset whose bytes have not
// proved to be the right ones.
func (w *Workspace) move(ctx context.Context, in Write, body *asset.Value) error {
	storage := w.client.Storage(w.scope.WorkspaceID())
	for _, m := range in.Moved {
		c := Copy{From: m.From, Src: m.Src, To: Place{Datastore: m.Datastore, Path: m.At}, Want: m.Want, Name: in.Want.ID.Name, Version: in.Want.ID.Version, Progress: in.Copied}
		if m.Code || m.Pending {
			c.To = Place{Version: w.scope.ARM(in.Want.ID), Path: m.At}
		}
		if m.Pending && in.Live != nil {
			continue // what a registry has cannot change
		}
		if m.Code {
			uri, err := w.moveCode(ctx, storage, c)
			if err != nil {
				return err
			}
			body.SetPath(asset.NewString(uri), "properties", "codeUri")
			continue
		}
		got, err := storage.Copy(ctx, c)
		if err != nil {
			return err
		}
		if m.Pending {
			uri := got.URL
			if got.Dir {
				uri += "/"
			}
			replaceText(body, m.URI, uri)
		}
	}
	return nil
}

// moveCode is where the bytes of a code asset are: of one that has them already,
// under whatever name, or where they are copied to.
func (w *Workspace) moveCode(ctx context.Context, storage *Storage, c Copy) (string, error) {
	id, err := storage.FindCode(ctx, c.Name, c.Want.Code)
	if err != nil {
		return "", fmt.Errorf("code of hash %s: %w", c.Want.Code, err)
	}
	if id != "" {
		return w.codeURI(ctx, id)
	}
	got, err := storage.Copy(ctx, c)
	return got.URL, err
}
