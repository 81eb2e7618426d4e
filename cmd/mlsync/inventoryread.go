package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/inventory"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
)

// taken is what is known of all targets.
type taken struct {
	columns  []*inventory.Column
	unread   []inventory.Unread
	bad      problem.List
	requests int64
}

// taking is an inventory in the making.
type taking struct {
	*app
	flags  inventoryFlags
	cfg    *config.Config
	commit reconcile.Commit
	kinds  []*kind.Table

	mu    sync.Mutex
	lives map[liveKey]*reading
	found map[problem.Problem][]string
	out   *taken
}

// liveKey tells workspaces apart: two targets in one are read once.
type liveKey struct {
	client *azureml.Client
	id     string
}

// reading is what has been read of a workspace: what a plan asked for is not read
// again for the inventory, nor for the plan of another target in the same
// workspace. Who uses it holds mu, as it tells nobody to wait for what another
// has asked for.
type reading struct {
	mu   sync.Mutex
	live *bridge.Live
}

// onward is a workspace as a pass sees it that goes on with a reading.
type onward struct {
	reconcile.Workspace
	live *bridge.Live
}

// Read is the reading, in place of a new one.
func (w onward) Read() reconcile.Live { return w.live }

// takeInventory makes a plan of each target, some at a time.
func (a *app) takeInventory(ctx context.Context, f inventoryFlags) (*taken, error) {
	cfg, bad, err := a.readConfig()
	if err != nil {
		return nil, err
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	targets, err := a.chosen(cfg, f.targetFlags)
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 {
		_, err := a.pick(cfg, f.targetFlags) // says what is missing
		return nil, err
	}
	files, err := a.openFiles(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = files.Close() }() // it was only read
	t := &taking{
		app: a, flags: f, cfg: cfg, commit: commitOf(ctx, cfg, files), lives: map[liveKey]*reading{}, found: map[problem.Problem][]string{},
		out: &taken{columns: make([]*inventory.Column, len(targets))},
	}
	if t.kinds, err = kindTables(f.kinds); err != nil {
		return nil, err
	}
	l := &links{app: a, flags: f.targetFlags, clients: map[link]*azureml.Client{}}
	clients := make([]*azureml.Client, len(targets))
	for i, target := range targets {
		if clients[i], err = l.client(target); err != nil {
			return nil, err
		}
	}
	var g errgroup.Group
	g.SetLimit(placesAtOnce)
	bar := a.counter("targets", len(targets))
	for i, target := range targets {
		g.Go(func() error {
			c, unread := t.column(ctx, target, clients[i])
			t.mu.Lock()
			defer t.mu.Unlock()
			t.out.columns[i] = c
			t.out.unread = append(t.out.unread, unread...)
			bar.step()
			return nil
		})
	}
	_ = g.Wait() // failures are in unread
	bar.done()
	inventory.SortUnread(t.out.unread)
	t.out.bad, t.out.requests = together(t.found, len(targets)), l.requests()
	return t.out, ctx.Err()
}

// column is what is known of one target.
func (t *taking) column(ctx context.Context, target *config.Target, client *azureml.Client) (*inventory.Column, []inventory.Unread) {
	c := &inventory.Column{Target: target.Name, Scope: scopeOf(target), Owner: t.cfg.OwnerOf(target.Name)}
	s := &session{app: t.app, cfg: t.cfg, target: target, client: client}
	fail := func(err error) (*inventory.Column, []inventory.Unread) {
		c.Failed = err.Error()
		return c, []inventory.Unread{{Place: target.Name, Why: c.Failed}}
	}
	if err := s.begin(ctx, t.flags.targetFlags); err != nil {
		return fail(err)
	}
	defer s.closeJournal()
	f := t.flags.planFlags
	s.searchIfLost(&f)
	p := s.pass(func(reconcile.Event) {})
	p.Review = nil // nothing is to be written
	r := t.reading(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Workspace = onward{p.Workspace, r.live}
	prep, err := p.Prepare(ctx, t.commit, s.planOptions(f), reconcile.Trigger{Name: "inventory", Unmanaged: true})
	if err != nil {
		return fail(err)
	}
	c.Plan, c.Want, c.Whole = prep.Plan, prep.Want.Set.All(), prep.TreeComplete
	l := look{live: r.live, scope: c.Scope, foreign: r.live.Foreign}
	unread := l.failed(target.Name, t.kinds)
	unread = append(unread, t.fill(ctx, c, l)...)
	unread = append(unread, t.undecided(c, unread)...)
	t.note(target.Name, prep.Plan.Problems)
	return c, unread
}

// reading is that of the workspace of a session.
func (t *taking) reading(s *session) *reading {
	key := liveKey{s.client, strings.ToLower(s.ws.Scope().WorkspaceID())}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lives[key] == nil {
		t.lives[key] = &reading{live: bridge.NewLive(s.client, s.ws)}
	}
	return t.lives[key]
}

// note keeps the problems of a target.
func (t *taking) note(target string, bad problem.List) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range bad {
		if !slices.Contains(t.found[p], target) {
			t.found[p] = append(t.found[p], target)
		}
	}
}

// fill says what the target has, and what of that could not be read.
func (t *taking) fill(ctx context.Context, c *inventory.Column, l look) (unread []inventory.Unread) {
	c.Live = map[asset.ID]inventory.Live{}
	for _, v := range l.single(t.kinds) {
		c.Live[v.ID] = v
	}
	names := l.names(t.kinds)
	if t.flags.noAge {
		for _, name := range names {
			id := l.latest(name)
			c.Live[name] = inventory.Live{ID: id, Asset: l.live.Asset(id)}
		}
	} else {
		l.newest(ctx, names)
		for _, name := range names {
			v, there, why := l.version(name)
			if why != "" {
				unread = append(unread, inventory.Unread{Place: c.Target, Kind: name.Kind, Name: name.Name, Why: why})
			}
			if there {
				c.Live[name] = v
			}
		}
	}
	c.Absent = func(id asset.ID) (bool, string) {
		switch {
		case t.archived(names, id), l.live.Status(id) == resolve.Absent:
			return true, ""
		case l.live.Problem(id) != nil:
			return false, l.live.Problem(id).Error()
		}
		return false, "it was not read"
	}
	return unread
}

// undecided are the assets of which the plan could not say anything, those
// aside that are told of already.
func (t *taking) undecided(c *inventory.Column, told []inventory.Unread) (out []inventory.Unread) {
	for _, s := range c.Plan.Unknown() {
		id := s.Key.ID.Container()
		known := slices.ContainsFunc(slices.Concat(told, out), func(u inventory.Unread) bool {
			return u.Kind == "" || u.Kind == id.Kind && (u.Name == "" || u.Name == id.Parent || u.Name == id.Short()) || u.Kind == kind.Of(id.Kind).Parent && u.Name == ""
		})
		if !known && slices.Contains(t.kinds, kind.Of(id.Kind)) {
			out = append(out, inventory.Unread{Place: c.Target, Kind: id.Kind, Name: id.Short(), Why: s.Blocked})
		}
	}
	return out
}

// archived reports whether the lists have a name of which no version is active.
func (t *taking) archived(names []asset.ID, id asset.ID) bool {
	_, found := slices.BinarySearchFunc(names, id, asset.ID.Compare)
	return found
}
