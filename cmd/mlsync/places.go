package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/inventory"
	"mlsync.dev/mlsync/kind"
)

// place is a workspace or registry to look into.
type place struct {
	// name is what it is called in output: the targets that are in it or, if
	// there are none, its own name with as much before it as tells it apart.
	name    string
	targets []string
	scope   kind.Scope
	client  *azureml.Client
}

// placesAtOnce is how many places are read at a time; the client of each
// connection bounds the requests.
const placesAtOnce = 8

// link is how a target is reached. Targets of one link share a client, its
// tokens and its patience.
type link struct {
	cloud, endpoint, storage, authority, caFile string
	identity                                    config.Identity
}

func linkOf(t *config.Target) link {
	return link{t.Cloud, t.Endpoint, t.StorageEndpoint, t.Authority, t.CAFile, readerOf(t)}
}

// links are the clients made so far.
type links struct {
	app     *app
	flags   targetFlags
	clients map[link]*azureml.Client
	order   []*azureml.Client
}

func (l *links) client(t *config.Target) (*azureml.Client, error) {
	if c := l.clients[linkOf(t)]; c != nil {
		return c, nil
	}
	c, err := l.app.connect(t, l.flags.endpoint, l.flags.storage)
	if err != nil {
		return nil, err
	}
	l.clients[linkOf(t)] = c
	l.order = append(l.order, c)
	return c, nil
}

// requests is how many were made over all links.
func (l *links) requests() int64 {
	var n int64
	for _, c := range l.order {
		n += c.Counters().Requests()
	}
	return n
}

// chosen are the targets that the flags mean: the one workspace or registry
// they name, the targets of --target with commas between them, or all of the
// configuration.
func (a *app) chosen(cfg *config.Config, f targetFlags) ([]*config.Target, error) {
	names := strings.Split(a.flags.target, ",")
	if f.workspace != "" || f.registry != "" {
		t, err := a.pick(cfg, f)
		return []*config.Target{t}, err
	}
	if a.flags.target == "" {
		names = nil
		for i := range cfg.Targets {
			names = append(names, cfg.Targets[i].Name)
		}
	}
	var out []*config.Target
	for _, name := range names {
		t, err := a.pickNamed(cfg, f, strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out, func(o *config.Target) bool { return o.Name == t.Name }) {
			out = append(out, t)
		}
	}
	return out, nil
}

// places are where to search. With everything, or without targets, that is
// whatever the identity can list; what could not be listed is returned.
func (a *app) places(ctx context.Context, cfg *config.Config, f targetFlags, everything bool) (*links, []*place, []inventory.Unread, error) {
	l := &links{app: a, flags: f, clients: map[link]*azureml.Client{}}
	named := f.workspace != "" || f.registry != "" || a.flags.target != ""
	if everything && named {
		return nil, nil, nil, errors.New("--all goes with no --target, --workspace or --registry")
	}
	narrow := kind.Scope{Subscription: f.subscription, ResourceGroup: f.group}
	if everything { // they say where to look, and change no target
		f.subscription, f.group = "", ""
	}
	targets, err := a.chosen(cfg, f)
	if err != nil {
		return nil, nil, nil, err
	}
	var out []*place
	for _, t := range targets {
		c, err := l.client(t)
		if err != nil {
			return nil, nil, nil, err
		}
		if s := scopeOf(t); !everything || inside(s, narrow) {
			out = join(out, &place{targets: []string{t.Name}, scope: s, client: c})
		}
	}
	var unread []inventory.Unread
	if everything || len(targets) == 0 {
		if len(targets) == 0 {
			t := config.DefaultTarget()
			a.lay(&t, f)
			if _, err := l.client(&t); err != nil {
				return nil, nil, nil, err
			}
		}
		for _, c := range l.order {
			found, bad := listed(ctx, c, narrow)
			unread = append(unread, bad...)
			for _, s := range found {
				out = join(out, &place{scope: s, client: c})
			}
		}
	}
	label(out)
	return l, out, unread, ctx.Err()
}

// inside reports whether a place is in the subscription and resource group of
// narrow, if that names some.
func inside(s, narrow kind.Scope) bool {
	return (narrow.Subscription == "" || strings.EqualFold(s.Subscription, narrow.Subscription)) &&
		(narrow.ResourceGroup == "" || strings.EqualFold(s.ResourceGroup, narrow.ResourceGroup))
}

// join adds a place, or its target to the place that is the same.
func join(list []*place, p *place) []*place {
	for _, old := range list {
		if old.client == p.client && strings.EqualFold(old.scope.WorkspaceID(), p.scope.WorkspaceID()) {
			old.targets = append(old.targets, p.targets...)
			return list
		}
	}
	return append(list, p)
}

// label names the places, those that are alike with their resource group, and
// if need be their subscription, in front.
func label(list []*place) {
	shorts := []func(kind.Scope) string{
		kind.Scope.Name,
		func(s kind.Scope) string { return s.ResourceGroup + "/" + s.Name() },
		func(s kind.Scope) string { return s.Subscription + "/" + s.ResourceGroup + "/" + s.Name() },
		kind.Scope.WorkspaceID,
	}
	for level, short := range shorts {
		seen := map[string]int{}
		for _, p := range list {
			if p.name == "" {
				seen[labelOf(p, short)]++
			} else {
				seen[p.name]++
			}
		}
		for _, p := range list {
			if n := labelOf(p, short); p.name == "" && (seen[n] == 1 || level == len(shorts)-1) {
				p.name = n
			}
		}
	}
}

func labelOf(p *place, short func(kind.Scope) string) string {
	if len(p.targets) > 0 {
		return strings.Join(p.targets, ",")
	}
	return short(p.scope)
}

// listed are the workspaces and registries that the identity of a client can
// list, in the order of their ids: those of the subscription and the resource
// group of narrow, if it names some.
func listed(ctx context.Context, c *azureml.Client, narrow kind.Scope) ([]kind.Scope, []inventory.Unread) {
	subs := []string{narrow.Subscription}
	if narrow.Subscription == "" {
		var err error
		if subs, err = c.Subscriptions(ctx); err != nil {
			return nil, []inventory.Unread{{Place: "the list of subscriptions", Why: err.Error()}}
		}
	}
	var mu sync.Mutex
	var out []kind.Scope
	var unread []inventory.Unread
	var g errgroup.Group
	g.SetLimit(placesAtOnce)
	for _, sub := range subs {
		for _, what := range []string{azureml.Workspaces, azureml.Registries} {
			g.Go(func() error {
				found, err := c.Scopes(ctx, what, sub, narrow.ResourceGroup)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case narrow.ResourceGroup != "" && narrow.Subscription == "" && errors.Is(err, azureml.ErrNoScope):
					// Not every subscription has a resource group of the name.
				case err != nil:
					unread = append(unread, inventory.Unread{Place: fmt.Sprintf("the list of %s of subscription %s", what, sub), Why: err.Error()})
				default:
					out = append(out, found...)
				}
				return nil
			})
		}
	}
	_ = g.Wait() // failures are in unread
	slices.SortFunc(out, func(x, y kind.Scope) int { return cmp.Compare(x.WorkspaceID(), y.WorkspaceID()) })
	slices.SortFunc(unread, func(x, y inventory.Unread) int { return cmp.Compare(x.Place, y.Place) })
	return out, unread
}
