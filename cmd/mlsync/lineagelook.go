package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/lineage"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/resolve"
)

// trail is what a lineage is read from: all targets of the configuration, which
// are opened when something is asked of them, and the folder.
type trail struct {
	*app
	ctx   context.Context //nolint:containedctx // lives as long as one call, whose callbacks need it
	cfg   *config.Config
	flags targetFlags
	fsys  fs.FS
	done  func()
	sides map[string]opened
	users map[string]usage
	all   []*promote.Release
	// broken are releases that could not be read.
	broken map[string]string
	pins   map[string]*promote.Pins
}

// opened is a target that was opened, or why it could not be.
type opened struct {
	*side
	err error
	// shared says that somebody else closes it.
	shared bool
}

func (a *app) newTrail(ctx context.Context, f targetFlags) (*trail, error) {
	cfg, bad, err := a.readConfig()
	if err = errors.Join(err, bad.Err()); err != nil {
		return nil, err
	}
	t := &trail{app: a, ctx: ctx, cfg: cfg, flags: f, sides: map[string]opened{}, users: map[string]usage{}, broken: map[string]string{}, pins: map[string]*promote.Pins{}}
	if t.fsys, t.done, err = a.folder(); err != nil {
		return nil, err
	}
	if err := t.read(); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// read reads the releases and the records of the folder.
func (t *trail) read() error {
	store := releases{t.fsys}
	names, err := store.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		r, err := store.read(name)
		if err != nil {
			t.broken[name] = firstProblem(err)
			continue
		}
		t.all = append(t.all, r)
	}
	for _, target := range t.cfg.Targets {
		if n := len(target.Overlays); n > 0 {
			pins, err := readPins(t.fsys, target.Overlays[n-1])
			if err != nil {
				return fmt.Errorf("the record of target %s: %w", target.Name, err)
			}
			t.pins[target.Name] = pins
		}
	}
	return nil
}

// firstProblem is an error in one line.
func firstProblem(err error) string {
	var list problem.List
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Text
	}
	return err.Error()
}

func (t *trail) close() {
	for _, s := range t.sides {
		if s.side != nil && !s.shared {
			s.close()
		}
	}
	t.done()
}

// side is a target by its name.
func (t *trail) side(name string) (*side, error) {
	s, known := t.sides[name]
	if !known {
		s.side, s.err = t.openSide(t.ctx, t.flags, name)
		t.sides[name] = s
	}
	return s.side, s.err
}

// look answers what a lineage asks.
func (t *trail) look() lineage.Look {
	return lineage.Look{
		Asset: t.asset, Contained: t.contained, Users: t.usersOf, TargetAt: t.targetAt,
		Metrics:  func(job *asset.Asset) map[string]string { return metricsOf(t.cfg, job) },
		Releases: t.all, Broken: t.broken, Pins: t.pins, Max: limit.LineageNodes,
	}
}

// targetAt is the target at a place. Registries have names, whatever group they
// are in.
func (t *trail) targetAt(scope kind.Scope) string {
	if scope.Registry != "" {
		i := slices.IndexFunc(t.cfg.Targets, func(c config.Target) bool { return strings.EqualFold(c.Registry, scope.Registry) })
		if i < 0 {
			return ""
		}
		return t.cfg.Targets[i].Name
	}
	if at := t.app.targetAt(t.cfg, scope); at != nil {
		return at.Name
	}
	return ""
}

func (t *trail) asset(target string, id asset.ID) lineage.Found {
	x, err := t.side(target)
	if err != nil {
		return lineage.Found{Unknown: err.Error()}
	}
	a, status := x.facts.Asset(id)
	if a == nil && status == resolve.Present { // a list showed it, and no more
		x.live.Get(x.ctx, id)
		a, status = x.live.Asset(id), x.live.Status(id)
	}
	if a == nil && status != resolve.Absent {
		return lineage.Found{Unknown: x.why(id)}
	}
	return lineage.Found{Asset: a}
}

func (t *trail) contained(target string, id asset.ID) ([]asset.ID, string) {
	x, err := t.side(target)
	if err != nil {
		return nil, err.Error()
	}
	return x.contained(id)
}

// usage says what refers to what in a target.
type usage struct {
	by      map[lineage.Need][]asset.ID
	unknown string
}

// usersOf are the assets that refer to one: those of its workspace or, for one
// of a registry, those of all targets.
func (t *trail) usersOf(target string, id asset.ID) (out []lineage.User, unknown []string) {
	need, among := lineage.Need{ID: id}, []string{target}
	if found := targetOf(t.cfg, target); found != nil && found.Registry != "" {
		need.Registry, among = found.Registry, nil
		for _, other := range t.cfg.Targets {
			among = append(among, other.Name)
		}
	}
	for _, name := range among {
		u := t.usage(name)
		for _, by := range u.by[need] {
			out = append(out, lineage.User{Target: name, ID: by})
		}
		if u.unknown != "" {
			unknown = append(unknown, u.unknown)
		}
	}
	return out, unknown
}

// usage reads what is deployed and scheduled in a target, and what that refers
// to, once.
func (t *trail) usage(target string) usage {
	if u, known := t.users[target]; known {
		return u
	}
	u := usage{by: map[lineage.Need][]asset.ID{}}
	x, err := t.side(target)
	if err != nil {
		u.unknown = "what target " + target + " has: " + err.Error()
	} else if unread := x.referring(u.by); len(unread) > 0 {
		u.unknown = "in target " + target + ", " + strings.Join(unread, "; ")
	}
	t.users[target] = u
	return u
}

// referring fills in who refers to what, beginning at what is in use: endpoints,
// deployments, schedules and the like. It returns what could not be read.
func (x *side) referring(by map[lineage.Need][]asset.ID) (unread []string) {
	var lists []asset.Kind
	var within []*kind.Table
	for _, t := range kind.All() {
		switch {
		case !t.Promotable || t.Versioned || t.Once || !x.ws.Scope().Holds(t):
		case t.Parent != "":
			within = append(within, t)
		default:
			lists = append(lists, t.Kind)
		}
	}
	x.live.List(x.ctx, lists...)
	for _, k := range lists {
		if why := x.live.Failures()[k]; why != "" {
			unread = append(unread, kind.Of(k).Plural+": "+why)
		}
	}
	for _, t := range within {
		for _, name := range x.names(t.Parent) {
			x.live.Contained(x.ctx, t.Kind, name)
			if any := (asset.ID{Kind: t.Kind, Parent: name, Name: "?"}); !x.live.Complete(any) {
				unread = append(unread, t.Plural+" of "+name+": "+x.why(any))
			}
		}
		lists = append(lists, t.Kind)
	}
	var queue []asset.ID
	for _, a := range x.live.Set().All() {
		if slices.Contains(lists, a.ID.Kind) {
			queue = append(queue, a.ID)
		}
	}
	return append(unread, x.follow(queue, by)...)
}

// names are those of the assets of a kind that were read.
func (x *side) names(k asset.Kind) []string {
	var out []string
	for _, a := range x.live.Set().All() {
		if a.ID.Kind == k {
			out = append(out, a.ID.Name)
		}
	}
	return out
}

// follow notes what assets refer to, and what that refers to.
func (x *side) follow(queue []asset.ID, by map[lineage.Need][]asset.ID) (unread []string) {
	seen := map[asset.ID]bool{}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		a, status := x.facts.Asset(id)
		if a == nil {
			if status != resolve.Absent {
				unread = append(unread, id.String()+": "+x.why(id))
			}
			continue
		}
		t := lineage.Read(a)
		for _, n := range slices.Concat(t.Inputs, t.Needs) {
			by[n] = append(by[n], id)
			if to := kind.Of(n.ID.Kind); n.Registry == "" && to.Versioned && to.Promotable && !to.IsSystem(n.ID) {
				queue = append(queue, n.ID)
			}
		}
	}
	return unread
}
