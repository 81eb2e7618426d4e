package azureml

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Workspace reads and writes the assets of one workspace. It is safe for
// concurrent use.
type Workspace struct {
	client *Client
	*site
}

// site is what is known of a workspace, whoever asks.
type site struct {
	hidden names
	// renamed are assets whose version the service chose, by the id that was
	// asked for.
	renamed sync.Map
	// scope and gone change once, when the workspace is made.
	scope kind.Scope
	// gone says that the workspace is still to be made.
	gone bool
	// own is what the service said of the workspace, nil if nothing was asked.
	own *asset.Value
}

// names are names that are archived: they and their versions are in no list.
type names struct {
	mu  sync.Mutex
	set map[asset.ID]bool
}

func (n *names) add(id asset.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.set == nil {
		n.set = map[asset.ID]bool{}
	}
	n.set[id] = true
}

func (n *names) has(id asset.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.set[id]
}

func (n *names) remove(id asset.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.set, id)
}

// Workspace returns the workspace of the scope. No request is sent yet.
func (c *Client) Workspace(s kind.Scope) *Workspace {
	return &Workspace{client: c, site: &site{scope: s}}
}

// As is the same workspace, which another client asks: all that is known of it is
// known to both.
func (w *Workspace) As(c *Client) *Workspace { return &Workspace{client: c, site: w.site} }

// Renamed says under which resource id the service keeps an asset whose
// version it chose. Put notes it by itself.
func (w *Workspace) Renamed(id asset.ID, arm string) { w.renamed.Store(id, arm) }

// address is the resource id of an asset whose version the service chose, ""
// for all others.
func (w *Workspace) address(id asset.ID) string {
	arm, _ := w.renamed.Load(id)
	text, _ := arm.(string)
	return text
}

// Scope is where the workspace is; the location is known after Locate.
func (w *Workspace) Scope() kind.Scope { return w.scope }

// Absent prepares for a workspace that does not exist yet and that a file of
// the tree describes: nothing is in it, and nothing is asked of it before it is
// made.
func (w *Workspace) Absent() { w.gone = true }

// Lacks reports whether the workspace does not exist yet and none of the assets
// is what it is made of.
func (w *Workspace) Lacks(assets []*asset.Asset) bool {
	return w.gone && !slices.ContainsFunc(assets, func(a *asset.Asset) bool { return w.itself(a.ID) })
}

// made notes what is known once the workspace is made, which everything else
// waits for.
func (w *Workspace) made(id asset.ID, got *asset.Asset) {
	if !w.gone || got == nil || !w.itself(id) {
		return
	}
	w.gone = false
	var ws struct{ Location string }
	if json.Unmarshal(got.Raw, &ws) == nil && ws.Location != "" {
		w.scope.Location = ws.Location
	}
}

// itself reports whether the asset is the workspace or registry of the scope.
func (w *Workspace) itself(id asset.ID) bool {
	return kind.Of(id.Kind).Top && strings.EqualFold(w.scope.ARM(id), w.scope.WorkspaceID())
}

// groupVersion is the version of the API of resource groups.
const groupVersion = "2021-04-01"

// placed gives a new workspace that names no region that of its resource group,
// as the reference client does.
func (w *Workspace) placed(ctx context.Context, id asset.ID, body *asset.Value) error {
	if !kind.Of(id.Kind).Top || !body.Get("location").IsNull() {
		return nil
	}
	group := "/subscriptions/" + w.scope.Subscription + "/resourceGroups/" + w.scope.ResourceGroup
	raw, err := w.client.Get(ctx, group, groupVersion)
	if err != nil {
		return fmt.Errorf("the region of resource group %s: %w", w.scope.ResourceGroup, err)
	}
	var rg struct{ Location string }
	if err := json.Unmarshal(raw, &rg); err != nil || rg.Location == "" {
		return &Unknown{Path: group, Err: errors.New("resource group without a location")}
	}
	body.Set("location", asset.NewString(rg.Location))
	return nil
}

// Locate reads the region of the workspace, which bodies of endpoints,
// deployments and computes carry.
func (w *Workspace) Locate(ctx context.Context) error {
	path := w.scope.WorkspaceID()
	body, err := w.client.Get(ctx, path, mustVersion(path))
	if err != nil {
		return fmt.Errorf("%s: %w", w.scope, err)
	}
	var ws struct{ Location string }
	if err := json.Unmarshal(body, &ws); err != nil {
		return fmt.Errorf("%s: %w", w.scope, err)
	}
	w.scope.Location = ws.Location
	w.own, err = asset.ParseJSON(body)
	return err
}

// Another reports whether id is the workspace or registry of the scope, and that
// is of another kind: a workspace is no feature store. It is known after
// Locate.
func (w *Workspace) Another(id asset.ID) bool {
	return w.itself(id) && w.own != nil && !kind.Of(id.Kind).HasForm(w.own)
}

// mustVersion is APIVersion for paths that the tables of kind make.
func mustVersion(path string) string {
	v, err := APIVersion(path)
	if err != nil {
		panic(err)
	}
	return v
}

// decode makes an asset of a body.
func (w *Workspace) decode(t *kind.Table, path string, raw json.RawMessage) (*asset.Asset, error) {
	rest, err := asset.ParseJSON(raw)
	if err != nil {
		return nil, err
	}
	a, err := t.FromREST(&kind.Decoder{Scope: w.scope}, path, rest)
	if err != nil {
		return nil, err
	}
	a.Raw = raw
	return a, nil
}

// read reads one asset, and its body; ErrNotFound if the service says that it
// is absent.
func (w *Workspace) read(ctx context.Context, id asset.ID) (*asset.Asset, *asset.Value, error) {
	path := w.scope.ARM(id)
	raw, err := w.client.Get(ctx, path, mustVersion(path))
	if err != nil {
		return nil, nil, err
	}
	rest, err := asset.ParseJSON(raw)
	if err != nil {
		return nil, nil, err
	}
	a, err := kind.Of(id.Kind).FromREST(&kind.Decoder{Scope: w.scope}, path, rest)
	if err != nil {
		return nil, nil, err
	}
	a.Raw = raw
	return a, rest, nil
}

// archived reports whether a body says that it is archived.
func archived(rest *asset.Value) bool { return rest.GetPath("properties", "isArchived").Bool() }

// provisioningOf is the provisioning state of a body in lower case.
func provisioningOf(raw json.RawMessage) string {
	var b struct {
		Properties struct{ ProvisioningState string }
	}
	if json.Unmarshal(raw, &b) != nil {
		return ""
	}
	return strings.ToLower(b.Properties.ProvisioningState)
}

// absent reports whether err says that the asset at path is not there.
func absent(err error) bool {
	var e *Error
	return errors.Is(err, ErrNotFound) && errors.As(err, &e) && e.Status == http.StatusNotFound
}
