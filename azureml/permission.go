package azureml

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// permissionVersion is the version of the API of permissions (Permissions -
// List For Resource).
const permissionVersion = "2022-04-01"

// Permission is what one assignment of a role allows: Actions without
// NotActions. Both are patterns in which * stands for any text.
type Permission struct {
	Actions    []string `json:"actions"`
	NotActions []string `json:"notActions"`
}

// Permissions are those of an identity on one resource. They add up: what one
// of them leaves out, another may allow.
type Permissions []Permission

// Permissions are those of the client's identity on the workspace, as Resource
// Manager works them out: of all roles on the workspace and above it, of the
// identity and its groups.
func (w *Workspace) Permissions(ctx context.Context) (Permissions, error) {
	var out Permissions
	path := w.scope.WorkspaceID() + "/providers/Microsoft.Authorization/permissions"
	for raw, err := range w.client.List(ctx, path, permissionVersion) {
		var p Permission
		if err == nil {
			err = json.Unmarshal(raw, &p)
		}
		if err != nil {
			return nil, fmt.Errorf("permissions on %s: %w", w.scope, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// Allow reports whether an action, such as
// Microsoft.MachineLearningServices/workspaces/jobs/write, is allowed.
func (p Permissions) Allow(action string) bool {
	for _, one := range p {
		if matchAny(one.Actions, action) && !matchAny(one.NotActions, action) {
			return true
		}
	}
	return false
}

func matchAny(patterns []string, action string) bool {
	for _, p := range patterns {
		if matchAction(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matchAction matches a pattern in which * stands for any text, slashes
// included.
func matchAction(pattern, action string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(action, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, p)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Skew is how far the clock of this machine is ahead of the service's, give or
// take a second and the time of one request. It reads the workspace; the error
// is that of the read.
func (w *Workspace) Skew(ctx context.Context) (time.Duration, error) {
	path := w.scope.WorkspaceID()
	start := w.client.o.Clock.Now()
	resp, _, err := w.client.send(ctx, newRequest(http.MethodGet, path, mustVersion(path), nil, nil))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", w.scope, err)
	}
	took := w.client.o.Clock.Now().Sub(start)
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, &Unknown{Method: http.MethodGet, Path: path, Err: fmt.Errorf("the answer does not say when it was sent: %w", err)}
	}
	// The header has no parts of a second, and was written somewhere on the way.
	return start.Add(took / 2).Sub(at.Add(time.Second / 2)), nil
}

// ReachStorage asks the storage account of the default datastore for anything,
// and returns its host. Any answer will do: what the identity may do there is
// not asked, only whether the way is open.
func (w *Workspace) ReachStorage(ctx context.Context) (host string, err error) {
	st, err := w.client.Storage(w.scope.WorkspaceID()).store(ctx, DefaultDatastore)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, st.address, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", w.client.o.UserAgent)
	resp, err := w.client.o.Transport.Do(req)
	if err != nil {
		return req.URL.Host, fmt.Errorf("storage of %s: %w", w.scope, newSendError(err))
	}
	return req.URL.Host, resp.Body.Close()
}
