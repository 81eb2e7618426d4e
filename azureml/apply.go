package azureml

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/kind"
)

// ErrNotEffective is returned when the service answered success and the asset
// is not as it was asked to be.
var ErrNotEffective = errors.New("the service answered success without doing it")

// Write is one asset to create or to change.
type Write struct {
	// Want is resolved.
	Want *asset.Asset
	// Live is the asset as it was read; nil creates it.
	Live *asset.Asset
	// Late sends the fields that wait for contained assets as well.
	Late bool
	// Released are paths of fields that go back to the service's own value.
	Released [][]string
	// Stamps are put on the asset, by name without the prefix; those that are
	// "" are taken off.
	Stamps map[string]string
	// Secret gives the value of a secret.
	Secret func(name string) (asset.Secret, error)
	// Uploads are the local contents that must be in storage before the write.
	Uploads []Upload
	// Moved are contents of other workspaces that must be there as well.
	Moved []Moved
	// Sent is told the bytes in storage and the total of an upload, Copied
	// the same of what comes from another workspace.
	Sent, Copied func(done, total int64)
	// Started is called with the long-running operation before it is waited
	// for; an error stops the write, which goes on in the service.
	Started func(Operation) error
	// Progress is told the status of the operation.
	Progress func(status string)
}

// Upload is local content of an asset.
type Upload struct {
	Content *content.Content
	// Code says that the content becomes a code asset, and Pending that it goes
	// to the container that a registry gives for the version; otherwise it goes
	// to Datastore.
	Code, Pending bool
	Datastore     string
	// URI is what stands for it in the body.
	URI string
}

// Put creates or changes an asset and returns it as it is afterwards. A write
// whose outcome is unknown is read back before it is tried again, so that
// nothing is created twice. What fails once the service has taken the write is
// an Accepted.
func (w *Workspace) Put(ctx context.Context, in Write) (*asset.Asset, error) {
	var err error
	if in.Live, err = w.whole(ctx, in); err != nil {
		return nil, err
	}
	path := w.scope.ARM(in.Want.ID)
	body, err := w.request(ctx, in)
	if err != nil {
		return nil, err
	}
	res, err := w.send(ctx, path, body, in)
	if in.Live != nil && errors.Is(err, ErrConflict) {
		res, err = w.afterOthers(ctx, path, in, err)
	}
	if err != nil {
		return nil, err
	}
	got, err := w.complete(ctx, path, res, in)
	if err != nil {
		return nil, &Accepted{err}
	}
	return got, nil
}

// complete waits for what the service began, and reads what came of it.
func (w *Workspace) complete(ctx context.Context, path string, res Result, in Write) (*asset.Asset, error) {
	if res.Operation != nil {
		if in.Started != nil {
			if err := in.Started(*res.Operation); err != nil {
				return nil, err
			}
		}
		var err error
		if res.Body, err = w.client.Wait(ctx, *res.Operation, in.Progress); err != nil {
			return nil, err
		}
	}
	if name := in.Want.ID.Container(); w.hidden.has(name) {
		if err := w.restoreName(ctx, name); err != nil {
			return nil, fmt.Errorf("restore the name: %w", err)
		}
		w.hidden.remove(name)
	}
	got, err := w.after(ctx, in, path, res.Body)
	if err == nil && in.Want.Anonymous && kind.Of(in.Want.ID.Kind).Renames && got.ARM != path {
		w.Renamed(in.Want.ID, got.ARM)
	}
	if err == nil {
		w.made(in.Want.ID, got)
	}
	return got, err
}

// request is the body to send; what it refers to has been sent before.
func (w *Workspace) request(ctx context.Context, in Write) (*asset.Value, error) {
	body, err := w.body(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := w.upload(ctx, in, body); err != nil {
		return body, err
	}
	if err := w.move(ctx, in, body); err != nil || in.Live != nil {
		return body, err
	}
	return body, w.placed(ctx, in.Want.ID, body)
}

func (w *Workspace) send(ctx context.Context, path string, body *asset.Value, in Write) (Result, error) {
	data, err := body.MarshalJSON()
	if err != nil {
		return Result{}, err
	}
	opts, err := w.userToken(ctx, body)
	if err != nil {
		return Result{}, err
	}
	return w.put(ctx, path, data, in, opts)
}

// userToken is the second token that a job with the identity of its user
// carries: one for the service itself, in a header of its own (recorded
// 2022-09).
func (w *Workspace) userToken(ctx context.Context, body *asset.Value) ([]Option, error) {
	if body.GetPath("properties", "identity", "identityType").Str() != "UserIdentity" || w.client.cred == nil {
		return nil, nil
	}
	t, err := w.client.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{w.client.o.mlScope}})
	if err != nil {
		return nil, fmt.Errorf("token for the job's user identity: %w", err)
	}
	return []Option{Header("x-azureml-token", t.Token)}, nil
}

// tries bounds the attempts at a write whose outcome stays unknown.
const tries = 4

// put sends the write. When the outcome is unknown and the asset is new, it
// looks whether the asset is there before it sends the write again.
func (w *Workspace) put(ctx context.Context, path string, data []byte, in Write, opts []Option) (Result, error) {
	for k, v := range kind.Of(in.Want.ID.Kind).PutQuery {
		opts = append(opts, Query(k, v))
	}
	if in.Live != nil && kind.Of(in.Want.ID.Kind).Patches {
		return w.client.Patch(ctx, path, mustVersion(path), data, opts...)
	}
	if in.Live != nil {
		return w.client.Put(ctx, path, mustVersion(path), data, opts...)
	}
	opts = append(opts, Once())
	for n := 1; ; n++ {
		res, err := w.client.Put(ctx, path, mustVersion(path), data, opts...)
		var unknown *Unknown
		if err == nil || !errors.As(err, &unknown) {
			return res, err
		}
		raw, getErr := w.client.Get(ctx, path, mustVersion(path))
		switch {
		case getErr == nil && running(provisioningOf(raw)):
			return Result{Body: raw, Operation: &Operation{ResourcePath: path, APIVersion: mustVersion(path)}}, nil
		case getErr == nil:
			return Result{Body: raw}, nil
		case !absent(getErr) || n == tries:
			return res, err
		}
	}
}

// body is what is sent.
func (w *Workspace) body(ctx context.Context, in Write) (*asset.Value, error) {
	t := kind.Of(in.Want.ID.Kind)
	e := &kind.Encoder{Scope: w.scope, Secret: in.Secret, Late: in.Late, Address: w.address}
	e.CodeURI = func(text string) (string, error) {
		if rest, ok := strings.CutPrefix(text, "azureml://registries/"+w.scope.Registry+"/"); ok && w.scope.Registry != "" {
			text = w.scope.WorkspaceID() + "/" + rest
		}
		return w.codeURI(ctx, text)
	}
	var body *asset.Value
	var err error
	if in.Live == nil {
		body, err = kind.ToREST(in.Want, e)
	} else {
		body, err = kind.Patch(in.Want, in.Live, in.Released, e)
	}
	if err != nil {
		return nil, err
	}
	if in.Live == nil || !t.StampsFixed {
		t.Stamp(body, in.Stamps)
	}
	return body, nil
}

// upload sends the local contents and puts what the service says of them into
// the body.
func (w *Workspace) upload(ctx context.Context, in Write, body *asset.Value) error {
	storage := w.client.Storage(w.scope.WorkspaceID())
	for _, u := range in.Uploads {
		opt := UploadOptions{Datastore: u.Datastore, Name: in.Want.ID.Name, Version: in.Want.ID.Version, Progress: in.Sent}
		if u.Pending {
			if err := w.pend(ctx, in, u, body); err != nil {
				return err
			}
			continue
		}
		if !u.Code {
			if _, err := storage.Upload(ctx, u.Content, opt); err != nil {
				return err
			}
			continue
		}
		up, err := storage.UploadCode(ctx, u.Content, opt)
		if err != nil {
			return err
		}
		if up.ID != "" {
			if up.URI, err = w.codeURI(ctx, up.ID); err != nil {
				return err
			}
		}
		body.SetPath(asset.NewString(up.URI), "properties", "codeUri")
	}
	return nil
}

// pend sends content to the container that a registry gives for a version that
// is new, and puts its address into the body. What a registry has cannot change.
func (w *Workspace) pend(ctx context.Context, in Write, u Upload, body *asset.Value) error {
	if in.Live != nil {
		return nil
	}
	storage := w.client.Storage(w.scope.WorkspaceID())
	opt := UploadOptions{Name: in.Want.ID.Name, Version: in.Want.ID.Version, Progress: in.Sent}
	uri, err := storage.UploadPending(ctx, u.Content, w.scope.ARM(in.Want.ID), opt)
	if err != nil {
		return err
	}
	replaceText(body, u.URI, uri)
	return nil
}

// replaceText puts a text in the place of another wherever it stands in a body.
func replaceText(v *asset.Value, old, new string) {
	for k, item := range v.Entries() {
		if item.Type() == asset.String && strings.TrimSuffix(item.Str(), "/") == old {
			v.Set(k, asset.NewString(new))
			continue
		}
		replaceText(item, old, new)
	}
	for _, item := range v.Items() {
		replaceText(item, old, new)
	}
}

// codeURI is where the content of a code asset is.
func (w *Workspace) codeURI(ctx context.Context, arm string) (string, error) {
	raw, err := w.client.Get(ctx, arm, mustVersion(arm))
	if err != nil {
		return "", err
	}
	var code struct{ Properties struct{ CodeURI string } }
	if err := json.Unmarshal(raw, &code); err != nil || code.Properties.CodeURI == "" {
		return "", &Unknown{Path: arm, Err: errors.New("code without codeUri")}
	}
	return code.Properties.CodeURI, nil
}

// after is the asset after the write. The success of some kinds may be
// untrue: what lies is the status, and the answer shows what is registered
// (recorded 2022-10, 2023-10). So the answer is compared, and read again only
// if it does not show what was asked for.
func (w *Workspace) after(ctx context.Context, in Write, path string, raw json.RawMessage) (*asset.Asset, error) {
	t := kind.Of(in.Want.ID.Kind)
	if len(raw) > 0 {
		got, err := w.decode(t, path, raw)
		if err == nil && (!t.ReadBack || effective(in.Want, got)) {
			return got, nil
		}
		if err != nil && !t.ReadBack {
			return nil, fmt.Errorf("read back: %w", err)
		}
	}
	raw, err := w.client.Get(ctx, path, mustVersion(path))
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	got, err := w.decode(t, path, raw)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	if t.ReadBack && !effective(in.Want, got) {
		return nil, fmt.Errorf("%s: %w: another content is registered under this version", in.Want.ID, ErrNotEffective)
	}
	return got, nil
}

// effective reports whether what is fixed with a version is as it is wanted.
func effective(want, got *asset.Asset) bool {
	return kind.Same(kind.VariantOf(want), kind.FixedPart(want), got.Body)
}

// asSent is the body at path as the service sends it; nil if it is absent.
func (w *Workspace) asSent(ctx context.Context, path string) (*asset.Value, error) {
	raw, err := w.client.Get(ctx, path, mustVersion(path))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return asset.ParseJSON(raw)
}

// restoreName brings back a name that is archived: a version that is created
// under it stays out of every list otherwise.
func (w *Workspace) restoreName(ctx context.Context, name asset.ID) error {
	path := w.scope.ARM(name)
	rest, err := w.asSent(ctx, path)
	if err != nil || rest == nil || !archived(rest) {
		return err
	}
	return w.setArchived(ctx, path, rest, false)
}

// setArchived sends a body back with the flag changed.
func (w *Workspace) setArchived(ctx context.Context, path string, rest *asset.Value, to bool) error {
	properties := rest.Get("properties").Clone()
	properties.Set("isArchived", asset.NewBool(to))
	data, err := asset.NewMap().Set("properties", properties).MarshalJSON()
	if err != nil {
		return err
	}
	res, err := w.client.Put(ctx, path, mustVersion(path), data)
	if err != nil {
		return err
	}
	return w.finish(ctx, res, nil, nil) // feature sets take their time
}
