package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/state"
)

// guard makes the door, if the file says whose tokens are taken.
func (p *process) guard(list *config.Projects) error {
	members := membersOf(list)
	p.members.Store(&members)
	p.file.list, p.tokenLife = list, list.Access.TokenLife
	if len(list.Access.Issuers) == 0 {
		return nil
	}
	hosts, _ := p.env(privateHosts)
	o := access.Options{
		Transport: outward{egress.New(egress.Options{Allowed: strings.Split(hosts, ","), UserAgent: "mlsync/" + version})},
		Now:       time.Now, Tokens: p, Members: func() []access.Member { return *p.members.Load() },
	}
	for _, i := range list.Access.Issuers {
		issuer := access.Issuer{Name: i.Name, URL: i.URL, Audience: i.Audience, Tenant: i.Tenant}
		if i.URL == "" {
			issuer = access.Entra(i.Name, i.Tenant, i.Audience)
		}
		o.Issuers = append(o.Issuers, issuer)
	}
	door, err := access.New(o)
	if err != nil {
		return err
	}
	p.door = door
	return nil
}

// membersOf are the members of a file.
func membersOf(list *config.Projects) []access.Member {
	var out []access.Member
	add := func(project string, members []config.Member) {
		for _, m := range members {
			out = append(out, access.Member{
				Entry: access.Entry{Sort: access.Sort(m.Sort), Issuer: m.Issuer, ID: m.ID},
				Grant: access.Grant{Role: access.Role(m.Role), Project: project},
			})
		}
	}
	add(access.All, list.Access.Members)
	for i := range list.Projects {
		add(list.Projects[i].Name, list.Projects[i].Members)
	}
	return out
}

// projectsPoll is how often the file is looked at: who is a member is taken over
// while the daemon runs.
const projectsPoll = 5 * time.Second

// follow takes over who the members are until ctx ends.
func (p *process) follow(ctx context.Context) error {
	tick := time.NewTicker(projectsPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.file.look(p)
		}
	}
}

// followed is the file of projects as it was taken over last.
type followed struct {
	list *config.Projects
	sum  [sha256.Size]byte
}

// look takes over what has changed in the file. One that cannot be read changes
// nothing, and that is said once.
func (f *followed) look(p *process) {
	sum, err := p.projectsSum()
	if sum == f.sum {
		return
	}
	f.sum = sum
	var now *config.Projects
	if err == nil {
		now, err = p.readProjects(p.flags.projects)
	}
	if err != nil {
		p.log.Error("the file of projects is not taken over: members are those of before", "file", p.flags.projects, "err", err)
		return
	}
	if members := membersOf(now); !slices.Equal(members, *p.members.Load()) {
		p.members.Store(&members)
		p.log.Info("members were changed", "file", p.flags.projects, "members", len(members))
	}
	if !reflect.DeepEqual(unmanned(*f.list), unmanned(*now)) {
		p.log.Warn("the file of projects has changed beyond its members: restart the daemon to take that over", "file", p.flags.projects)
	}
	f.list = now
}

// unmanned is a file without its members and places.
func unmanned(p config.Projects) config.Projects {
	p.Access.Members, p.Access.Issuers = nil, slices.Clone(p.Access.Issuers)
	for i := range p.Access.Issuers {
		p.Access.Issuers[i].Pos = problem.Pos{}
	}
	p.Projects = slices.Clone(p.Projects)
	for i := range p.Projects {
		q := &p.Projects[i]
		q.Pos, q.Members = problem.Pos{}, nil
		q.Targets, q.Webhooks = slices.Clone(q.Targets), slices.Clone(q.Webhooks)
		for j := range q.Targets {
			q.Targets[j].Pos = problem.Pos{}
		}
		for j := range q.Webhooks {
			q.Webhooks[j].Pos = problem.Pos{}
		}
		q.Secrets.Providers = maps.Clone(q.Secrets.Providers)
		for name, s := range q.Secrets.Providers {
			s.Pos = problem.Pos{}
			q.Secrets.Providers[name] = s
		}
	}
	return p
}

// projectsSum is the hash of the file; that of nothing if it is not there.
func (p *process) projectsSum() ([sha256.Size]byte, error) {
	data, err := readBounded(func() (fs.File, error) { return os.Open(p.path(p.flags.projects)) }, limit.FileBytes)
	return sha256.Sum256(data), err
}

// of is the project of a token, nil if it is not there or not started.
func (p *process) of(token string) *daemon {
	name := access.ProjectOf(token)
	for _, d := range p.daemons {
		if d.name == name && d.up.Load() {
			return d
		}
	}
	return nil
}

// Token is what access.Tokens asks for.
func (p *process) Token(ctx context.Context, id string) (access.Saved, error) {
	d := p.of(id)
	if d == nil {
		return access.Saved{}, access.ErrNoToken
	}
	t, err := d.store.Token(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return access.Saved{}, access.ErrNoToken
	}
	return savedToken(t), err
}

func savedToken(t state.Token) access.Saved {
	return access.Saved{
		ID: t.ID, Project: t.Project, Name: t.Name, Role: access.Role(t.Role), Hash: t.Hash, Owner: t.Owner, Has: t.Has, By: t.By,
		Created: t.Created, Expires: t.Expires, LastUsed: t.LastUsed, Revoked: t.Revoked,
	}
}

// Used is what access.Tokens asks for.
func (p *process) Used(ctx context.Context, id string, at time.Time) error {
	if d := p.of(id); d != nil {
		return d.store.UseToken(ctx, id, at)
	}
	return access.ErrNoToken
}

// Has is what access.Tokens asks for. A project that is not started yet is told
// when the owner comes again: until it is, its tokens are not taken.
func (p *process) Has(ctx context.Context, owner string, entries []string) error {
	later := false
	for _, d := range p.daemons {
		if !d.up.Load() {
			later = true
		} else if err := d.store.KeepOwner(ctx, owner, entries); err != nil {
			return err
		}
	}
	if later {
		return access.ErrLater
	}
	return nil
}
