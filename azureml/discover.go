package azureml

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// subscriptionVersion is the version of the API of subscriptions.
const subscriptionVersion = "2022-12-01"

// Subscriptions are the ids of all subscriptions that the identity can see, in
// the order of the service. Those that are deleted already are left out.
func (c *Client) Subscriptions(ctx context.Context) ([]string, error) {
	const path = "/subscriptions"
	var out []string
	for it, err := range c.items(ctx, path, subscriptionVersion) {
		if err != nil {
			return nil, fmt.Errorf("subscriptions: %w", err)
		}
		id := it.rest.Get("subscriptionId").Str()
		if id == "" || strings.Contains(id, "/") {
			return nil, &Unknown{Path: path, Method: "GET", Err: errors.New("a subscription without an id")}
		}
		if !strings.EqualFold(it.rest.Get("state").Str(), "Deleted") {
			out = append(out, id)
		}
	}
	return out, nil
}

// The collections of scopes.
const (
	Workspaces = "workspaces"
	Registries = "registries"
)

// Scopes are the workspaces or the registries of a subscription, or of one
// resource group of it if group is not empty: those that the identity may read,
// as Resource Manager leaves out the others. A subscription that never
// registered the provider has none.
func (c *Client) Scopes(ctx context.Context, collection, subscription, group string) ([]kind.Scope, error) {
	path := "/subscriptions/" + subscription
	if group != "" {
		path += "/resourceGroups/" + group
	}
	path += "/providers/Microsoft.MachineLearningServices/" + collection
	var out []kind.Scope
	for it, err := range c.items(ctx, path, mustVersion(path)) {
		if unregistered(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s of subscription %s: %w", collection, subscription, err)
		}
		s, ok := scopeAt(it.rest, collection)
		if !ok {
			return nil, &Unknown{Path: path, Method: "GET", Err: fmt.Errorf("%q is not the resource id of one of the %s", it.rest.Get("id").Text(), collection)}
		}
		out = append(out, s)
	}
	return out, nil
}

// unregistered reports whether the service refuses because nothing of the
// provider was ever made in the subscription: one that has something of it
// cannot be unregistered.
func unregistered(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == "MissingSubscriptionRegistration"
}

// scopeAt reads the resource id of a workspace or registry.
func scopeAt(rest *asset.Value, collection string) (kind.Scope, bool) {
	parts := strings.Split(rest.Get("id").Str(), "/")
	if len(parts) != 9 || !strings.EqualFold(parts[1], "subscriptions") || !strings.EqualFold(parts[3], "resourceGroups") || !strings.EqualFold(parts[7], collection) {
		return kind.Scope{}, false
	}
	for _, name := range []string{parts[2], parts[4], parts[8]} {
		if name == "" {
			return kind.Scope{}, false
		}
	}
	s := kind.Scope{Subscription: parts[2], ResourceGroup: parts[4], Location: rest.Get("location").Str()}
	if collection == Registries {
		s.Registry = parts[8]
	} else {
		s.Workspace = parts[8]
	}
	return s, true
}
