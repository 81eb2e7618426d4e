package azureml

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Container is what the service says of a name whose versions are assets.
type Container struct{ Latest, Next string }

// Live is what has been read of a workspace so far. Reads are three-valued:
// an asset is known, absent, or unknown, and only a complete answer makes it
// absent. Live only grows; each thing is read once. It is safe for concurrent
// use.
type Live struct {
	w *Workspace

	mu         sync.Mutex
	set        *asset.Set
	byName     map[asset.ID][]*asset.Asset
	containers map[asset.ID]Container
	absent     map[asset.ID]bool
	archived   map[asset.ID]bool
	broken     map[asset.ID]bool
	foreign    map[asset.ID]error // there, in a form that no file can say
	lists      map[string]error   // complete lists (nil) and those that failed
	gets       map[asset.ID]error
	codes      map[string]string
}

// Read begins to read the workspace.
func (w *Workspace) Read() *Live {
	return &Live{
		w: w, set: &asset.Set{}, byName: map[asset.ID][]*asset.Asset{}, containers: map[asset.ID]Container{}, absent: map[asset.ID]bool{}, archived: map[asset.ID]bool{}, broken: map[asset.ID]bool{},
		foreign: map[asset.ID]error{}, lists: map[string]error{}, gets: map[asset.ID]error{}, codes: map[string]string{},
	}
}

// listKey names one list: a kind, the deployments of one endpoint, or the
// versions of one name.
func listKey(t *kind.Table, id asset.ID) string {
	key := string(t.Kind)
	if t.Parent != "" {
		key += " " + id.Parent
	}
	return key
}

// listKeys are the lists that must be complete for id to be absent.
func listKeys(id asset.ID) []string {
	t := kind.Of(id.Kind)
	keys := []string{listKey(t, id)}
	if t.Versioned && id.Version != "" {
		keys = append(keys, versionsKey(id))
	}
	return keys
}

func versionsKey(id asset.ID) string { return string(id.Kind) + " versions of " + id.Name }

// parallel is how many lists or assets are read at a time; the client bounds
// the requests in flight.
const parallel = 96

// List reads the collections of the kinds: all assets of kinds without
// versions, the names of kinds with versions. Contained kinds are read by
// Contained. Failures are kept, not returned: see Problem.
func (l *Live) List(ctx context.Context, kinds ...asset.Kind) {
	g := group()
	for _, k := range kinds {
		t := kind.Of(k)
		if t.Parent != "" || t.Top || !l.begin(listKey(t, asset.ID{})) {
			continue
		}
		g.Go(func() error {
			l.list(ctx, t, asset.ID{}, listKey(t, asset.ID{}))
			return nil
		})
	}
	_ = g.Wait()
}

func group() *errgroup.Group {
	g := &errgroup.Group{}
	g.SetLimit(parallel)
	return g
}

// Contained reads the assets of kind k that the parents contain.
func (l *Live) Contained(ctx context.Context, k asset.Kind, parents ...string) {
	t := kind.Of(k)
	g := group()
	for _, parent := range parents {
		id := asset.ID{Kind: k, Parent: parent}
		if !l.begin(listKey(t, id)) {
			continue
		}
		g.Go(func() error {
			l.list(ctx, t, id, listKey(t, id))
			return nil
		})
	}
	_ = g.Wait()
}

// Versions reads the versions of the names.
func (l *Live) Versions(ctx context.Context, names ...asset.ID) {
	g := group()
	for _, id := range names {
		id = id.Container()
		if !l.begin(versionsKey(id)) {
			continue
		}
		g.Go(func() error {
			l.versions(ctx, id)
			return nil
		})
	}
	_ = g.Wait()
}

// Get reads single assets.
func (l *Live) Get(ctx context.Context, ids ...asset.ID) {
	g := group()
	for _, id := range ids {
		l.mu.Lock()
		_, asked := l.gets[id]
		known := l.set.Get(id) != nil || l.absent[id]
		if !asked && !known {
			l.gets[id] = nil
		}
		l.mu.Unlock()
		if asked || known {
			continue
		}
		g.Go(func() error {
			l.get(ctx, id)
			return nil
		})
	}
	_ = g.Wait()
}

func (l *Live) get(ctx context.Context, id asset.ID) {
	var a *asset.Asset
	var rest *asset.Value
	var err error
	gone := l.w.gone && !kind.Of(id.Kind).Top || !l.w.scope.Holds(kind.Of(id.Kind))
	if !gone {
		a, rest, err = l.w.read(ctx, id)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case gone:
		l.absent[id] = true
	case absent(err):
		l.absent[id] = true
	case err != nil:
		l.gets[id] = err
	default:
		l.add(a)
		l.archived[id], l.broken[id] = archived(rest) || l.w.hidden.has(id.Container()), broken(rest)
		// A version that is there has a name, whatever an older list says.
		if c := a.ID.Container(); a.ID.Version != "" && l.containers[c] == (Container{}) {
			l.containers[c] = Container{}
		}
	}
}

// add puts an asset into the set; l.mu is held.
func (l *Live) add(a *asset.Asset) {
	if l.set.Add(a) == nil && a.ID.Version != "" {
		c := a.ID.Container()
		l.byName[c] = append(l.byName[c], a)
	}
}

// Of are the versions of a name read so far.
func (l *Live) Of(container asset.ID) []*asset.Asset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.byName[container])
}

// begin marks a list as asked for; false if it was before.
func (l *Live) begin(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.lists[key]; ok {
		return false
	}
	l.lists[key] = errUnread
	return true
}

var errUnread = fmt.Errorf("was not read to the end")

func (l *Live) end(key string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lists[key] = err
}

// list reads one collection.
func (l *Live) list(ctx context.Context, t *kind.Table, in asset.ID, key string) {
	if l.w.gone || !l.w.scope.Holds(t) {
		l.end(key, nil)
		return
	}
	in.Kind, in.Name = t.Kind, "x"
	path := strings.TrimSuffix(l.w.scope.ARM(in), "/x")
	for it, err := range l.w.client.items(ctx, path, mustVersion(path+"/x"), listOptions(t)...) {
		if err != nil {
			if t.Parent != "" && absent(err) {
				break // the parent is gone, and its parts with it
			}
			l.end(key, err)
			return
		}
		l.item(t, path, it)
	}
	l.end(key, nil)
}

func listOptions(t *kind.Table) []Option {
	var opts []Option
	for k, v := range t.ListQuery {
		opts = append(opts, Query(k, v))
	}
	if t.Once || t.Versioned {
		opts = append(opts, Query("listViewType", "All"))
	}
	return opts
}

// item takes one element of a list: a name or an asset.
func (l *Live) item(t *kind.Table, path string, it item) {
	rest := it.rest
	if t.Versioned {
		id, ok := l.w.scope.ParseARM(rest.Get("id").Str())
		if !ok {
			id = asset.ID{Kind: t.Kind, Name: rest.Get("name").Str()}
		}
		p := rest.Get("properties")
		if archived(rest) {
			l.w.hidden.add(id.Container())
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.containers[id.Container()] = Container{Latest: p.Get("latestVersion").Text(), Next: p.Get("nextVersion").Text()}
		return
	}
	at := path + "/" + rest.Get("name").Str()
	a, err := t.FromREST(&kind.Decoder{Scope: l.w.scope}, at, rest)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil { // a form that mlsync does not manage: it is left alone
		if id, ok := l.w.scope.ParseARM(at); ok {
			l.foreign[id] = err
		}
		return
	}
	a.Raw = it.raw
	l.add(a)
	l.broken[a.ID] = broken(rest)
}

// broken reports whether a body says that its last operation failed.
func broken(rest *asset.Value) bool {
	state := rest.GetPath("properties", "provisioningState").Str()
	return strings.EqualFold(state, "Failed") || strings.EqualFold(state, "Canceled")
}

// versions reads the active versions of one name.
func (l *Live) versions(ctx context.Context, id asset.ID) {
	if l.w.gone {
		l.end(versionsKey(id), nil)
		return
	}
	t := kind.Of(id.Kind)
	key := versionsKey(id)
	path := l.w.scope.ARM(id) + "/versions"
	for it, err := range l.w.client.items(ctx, path, mustVersion(path)) {
		if absent(err) {
			break // no such name
		}
		if err != nil {
			l.end(key, err)
			return
		}
		l.version(t, path, it)
	}
	l.end(key, nil)
}

// version takes one version of a name.
func (l *Live) version(t *kind.Table, path string, it item) {
	if archived(it.rest) {
		return
	}
	a, err := t.FromREST(&kind.Decoder{Scope: l.w.scope}, path+"/"+it.rest.Get("name").Str(), it.rest)
	if err != nil {
		return // a form that mlsync does not manage: it is left alone
	}
	a.Raw = it.raw
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(a)
}

// Code asks for the name of a code asset with content of the hash, "" if
// there is none. The service looks in the whole workspace, whatever name the
// path has.
func (l *Live) Code(ctx context.Context, hash string) (string, error) {
	if l.w.gone {
		return "", nil
	}
	l.mu.Lock()
	name, ok := l.codes[hash]
	l.mu.Unlock()
	if ok {
		return name, nil
	}
	path := l.w.scope.ARM(asset.ID{Kind: "code", Name: "any"}) + "/versions"
	for raw, err := range l.w.client.List(ctx, path, mustVersion(path), Query("hash", hash), Query("hashVersion", "202208")) {
		if err != nil {
			if absent(err) {
				break
			}
			return "", err
		}
		a, err := l.w.decode(kind.Of("code"), "", raw)
		if err != nil {
			return "", err
		}
		name = a.ID.Name
		break
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.codes[hash] = name
	return name, nil
}
