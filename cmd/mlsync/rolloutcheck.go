package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/gate"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/reconcile"
)

// checkOf sends the requests of the rule of an endpoint to a deployment, which
// answers them whatever its share of the traffic is.
func checkOf(cfg *config.Config, ws *azureml.Workspace) reconcile.Check {
	return func(ctx context.Context, endpoint *asset.Asset, deployment asset.ID) (bool, string, error) {
		r := cfg.Match(string(endpoint.ID.Kind), endpoint.ID.Name, endpoint.Pos.File)
		if r.Rollout == nil {
			return true, "", nil
		}
		for i, c := range r.Rollout.Checks {
			bad, err := ask(ctx, ws, azureml.Call{Endpoint: endpoint.ID.Name, Deployment: deployment.Name}, c)
			if err != nil {
				return false, "", fmt.Errorf("check %d: %w", i+1, err)
			}
			if bad != "" {
				return false, fmt.Sprintf("check %d: %s", i+1, bad), nil
			}
		}
		return true, fmt.Sprintf("%d checks passed", len(r.Rollout.Checks)), nil
	}
}

// undecided are the statuses that say nothing of a deployment: it is asked too
// much, or its key was changed just now.
var undecided = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests}

// ask sends one request and says what is wrong with the answer; "" if it is
// good. The error is for what gives no answer.
func ask(ctx context.Context, ws *azureml.Workspace, call azureml.Call, c config.Smoke) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	call.Body = []byte("{}")
	if c.Body != nil {
		var err error
		if call.Body, err = c.Body.MarshalJSON(); err != nil {
			return "", err
		}
	}
	got, err := ws.Invoke(ctx, call)
	if err != nil {
		return "", err
	}
	if slices.Contains(undecided, got.Status) && got.Status != c.Status {
		return "", fmt.Errorf("it answers with status %d", got.Status)
	}
	good := gate.Good{Status: c.Status}
	for _, e := range c.Expect {
		good.Expect = append(good.Expect, gate.Expect(e))
	}
	return good.Wrong(gate.Answer{Status: got.Status, Body: got.Body}), nil
}
