package azureml

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Current reads one asset again; ErrNotFound if it is absent.
func (w *Workspace) Current(ctx context.Context, id asset.ID) (*asset.Asset, error) {
	a, _, err := w.read(ctx, id)
	return a, err
}

// Delete removes an asset. That it is gone already is success.
func (w *Workspace) Delete(ctx context.Context, a *asset.Asset, started func(Operation) error, progress func(string)) error {
	path := w.scope.ARM(a.ID)
	if err := w.disable(ctx, a.ID, progress); err != nil {
		return fmt.Errorf("disable: %w", err)
	}
	var opts []Option
	for k, v := range kind.VariantOf(a).DeleteQuery {
		opts = append(opts, Query(k, v))
	}
	res, err := w.client.Delete(ctx, path, mustVersion(path), opts...)
	if errors.Is(err, ErrConflict) {
		if op, look := w.underWay(ctx, path); look == nil && op != nil && op.Method == http.MethodDelete {
			res, err = Result{Operation: op}, nil // it is being deleted already
		}
	}
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.finish(ctx, res, started, progress)
}

// disable switches an asset off that the service does not delete otherwise.
// The operation is not told to anybody: a deletion that dies here has deleted
// nothing, and begins anew.
func (w *Workspace) disable(ctx context.Context, id asset.ID, progress func(string)) error {
	t := kind.Of(id.Kind)
	if t.Disable == "" {
		return nil
	}
	path, flag := w.scope.ARM(id), strings.Split(t.Disable, ".")
	rest, err := w.asSent(ctx, path)
	if err != nil || rest == nil || rest.GetPath(flag...).Type() == asset.Bool && !rest.GetPath(flag...).Bool() {
		return err
	}
	t.Sendable(rest)
	rest.SetPath(asset.NewBool(false), flag...)
	data, err := rest.MarshalJSON()
	if err != nil {
		return err
	}
	res, err := w.client.Put(ctx, path, mustVersion(path), data)
	if err != nil {
		return err
	}
	return w.finish(ctx, res, nil, progress)
}

func (w *Workspace) finish(ctx context.Context, res Result, started func(Operation) error, progress func(string)) error {
	if res.Operation == nil {
		return nil
	}
	if started != nil {
		if err := started(*res.Operation); err != nil {
			return err
		}
	}
	_, err := w.client.Wait(ctx, *res.Operation, progress)
	if absent(err) {
		return nil
	}
	return err
}

// ErrByName is returned for a version of a kind that the service archives by
// name only, while other versions of the name are active.
var ErrByName = errors.New("the service archives this kind by name only, and other versions of the name are active")

// Archive archives an asset: the service has no verb for it, so the whole
// asset is sent back with isArchived. Versions of environments cannot be
// archived by themselves: the service answers success and does nothing
// (recorded 2023-10, 2023-11). So their name is archived when no version of it
// is active but this one and those that are to be archived with it, and it is
// ErrByName otherwise.
func (w *Workspace) Archive(ctx context.Context, id asset.ID, with ...asset.ID) error {
	if t := kind.Of(id.Kind); t.StampsFixed && id.Version != "" {
		path := w.scope.ARM(id.Container()) + "/versions"
		for raw, err := range w.client.List(ctx, path, mustVersion(path)) {
			if absent(err) {
				return nil
			}
			if err != nil {
				return err
			}
			var v struct{ Name string }
			err = json.Unmarshal(raw, &v)
			other := id
			other.Version = v.Name
			if err != nil || other != id && !slices.Contains(with, other) {
				return errors.Join(err, ErrByName)
			}
		}
		id = id.Container()
	}
	path := w.scope.ARM(id)
	rest, err := w.asSent(ctx, path)
	if err != nil || rest == nil || archived(rest) {
		return err
	}
	if kind.Of(id.Kind).ArchiveStage && id.Version != "" {
		rest.SetPath(asset.NewString("Archived"), "properties", "stage")
	}
	if err := w.setArchived(ctx, path, rest, true); err != nil {
		return err
	}
	raw, err := w.client.Get(ctx, path, mustVersion(path))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if rest, err = asset.ParseJSON(raw); err == nil && !archived(rest) {
		err = fmt.Errorf("%s: %w: the version stays active", id, ErrNotEffective)
	}
	return err
}

// Resume waits for an operation that an earlier process started.
func (w *Workspace) Resume(ctx context.Context, op Operation, progress func(string)) error {
	_, err := w.client.Wait(ctx, op, progress)
	if absent(err) {
		return nil
	}
	return err
}

// Unstamp removes mlsync's tags from an asset and changes nothing else of it.
// Kinds without tags, with fixed tags, and assets that are gone are left alone.
func (w *Workspace) Unstamp(ctx context.Context, id asset.ID) error {
	t := kind.Of(id.Kind)
	if t == nil || t.Tags == "" || t.StampsFixed {
		return nil
	}
	path := w.scope.ARM(id)
	rest, err := w.asSent(ctx, path)
	if err != nil || rest == nil || !t.Unstamp(rest) {
		return err
	}
	send := w.client.Put
	if t.Patchable {
		send = w.client.Patch
		rest = withoutNulls(rest)
	}
	data, err := rest.MarshalJSON()
	if err != nil {
		return err
	}
	res, err := send(ctx, path, mustVersion(path), data)
	if err != nil {
		return err
	}
	return w.finish(ctx, res, nil, nil)
}

// withoutNulls is the properties of a body without what the service hides or
// has not: a PATCH leaves that as it is.
func withoutNulls(rest *asset.Value) *asset.Value {
	properties := asset.NewMap()
	for k, item := range rest.Get("properties").Entries() {
		if !item.IsNull() {
			properties.Set(k, item)
		}
	}
	return asset.NewMap().Set("properties", properties)
}
