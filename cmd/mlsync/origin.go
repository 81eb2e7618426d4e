package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/kind"
)

// origins opens the storage of the workspaces that content comes from. Who names
// them is the author of a release; where they are and who reads them is said by
// the targets of the configuration. A workspace that is none of these is only
// read with the credential of the target t, and only in the public cloud, whose
// addresses are known.
func (a *app) origins(cfg *config.Config, t *config.Target, client *azureml.Client, f targetFlags) bridge.Source {
	return func(_ context.Context, scope kind.Scope) (*azureml.Storage, error) {
		if text := scope.Subscription + scope.ResourceGroup + scope.Name(); strings.ContainsAny(text, "/\\?#%") || scope.Name() == "" {
			return nil, fmt.Errorf("%q is no workspace", printable(text))
		}
		from := a.targetAt(cfg, scope)
		switch {
		case from == nil && !inPublicCloud(t):
			return nil, fmt.Errorf("%s in the resource group %s is no target of %s, so nobody knows where it is and who reads it: add it there",
				printable(scope.String()), printable(scope.ResourceGroup), config.File)
		case from == nil:
			return client.Storage(scope.WorkspaceID()), nil
		}
		from.Endpoint = cmp.Or(f.endpoint, from.Endpoint)
		from.StorageEndpoint = cmp.Or(f.storage, from.StorageEndpoint)
		from.CAFile = cmp.Or(f.caFile, from.CAFile)
		identified(from, f.identity)
		c, err := a.connect(from, f.endpoint, f.storage)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", from.Name, err)
		}
		return c.Storage(scope.WorkspaceID()), nil
	}
}

// targetAt is a copy of the target of the configuration at a scope, nil if there
// is none.
func (a *app) targetAt(cfg *config.Config, scope kind.Scope) *config.Target {
	subscription, _ := a.env("AZURE_SUBSCRIPTION_ID")
	for _, t := range cfg.Targets {
		if strings.EqualFold(cmp.Or(t.Subscription, subscription), scope.Subscription) && strings.EqualFold(t.ResourceGroup, scope.ResourceGroup) &&
			strings.EqualFold(t.Workspace, scope.Workspace) && strings.EqualFold(t.Registry, scope.Registry) {
			return &t
		}
	}
	return nil
}

// inPublicCloud reports whether a target is where the public cloud says.
func inPublicCloud(t *config.Target) bool {
	return cmp.Or(t.Cloud, "public") == "public" && t.Endpoint+t.StorageEndpoint+t.Authority == ""
}
