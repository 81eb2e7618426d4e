package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
)

// farAudit shows the audit of the projects of a daemon.
func (a *app) farAudit(ctx context.Context, r *remote, project string, f state.AuditFilter) error {
	q := a.farFilter()
	if project != "" {
		q.Set("project", project)
	}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("actor", f.Actor)
	set("action", f.Action)
	for name, t := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339))
		}
	}
	list, err := each[web.Entry](ctx, r, "/audit", q, f.Limit)
	if err != nil {
		return err
	}
	rows := []state.Audit{}
	for _, e := range list {
		rows = append(rows, state.Audit{
			Seq: e.Seq, At: e.At, Actor: e.Actor, Via: e.Via, From: e.From, Action: e.Action, Project: e.Project, Target: e.Target, Asset: e.Asset,
			Outcome: e.Outcome, Detail: e.Detail, Prev: e.Prev, Hash: e.Hash,
		})
	}
	return a.printAudit(rows)
}

// farProject is the project that is meant: the one that is named, or the only one.
func (*app) farProject(ctx context.Context, r *remote, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	all, err := each[web.ProjectInfo](ctx, r, "/projects", nil, 0)
	if err != nil {
		return "", err
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	if len(names) != 1 {
		return "", errors.New("--project: choose one of " + printable(strings.Join(names, ", ")))
	}
	return names[0], nil
}

func (a *app) farTokens(ctx context.Context, r *remote, project string) error {
	q := url.Values{}
	if project != "" {
		q.Set("project", project)
	}
	list, err := each[web.Token](ctx, r, "/tokens", q, 0)
	if err != nil {
		return err
	}
	rows := []tokenRow{}
	for _, t := range list {
		rows = append(rows, tokenRowOf(tokenFrom(t), time.Now()))
	}
	return a.printTokens(rows, project)
}

// tokenFrom is a token as a journal has it, without its hash.
func tokenFrom(t web.Token) state.Token {
	out := state.Token{ID: t.ID, Project: t.Project, Name: t.Name, Role: t.Role, Owner: t.Owner, By: t.Author, Created: t.Created, Expires: t.Expires}
	if t.Used != nil {
		out.LastUsed = *t.Used
	}
	if t.Revoked != nil {
		out.Revoked = *t.Revoked
	}
	return out
}

// farMakeToken makes a token for who asks.
func (a *app) farMakeToken(ctx context.Context, r *remote, name string, f tokenFlags) error {
	project, err := a.farProject(ctx, r, f.project)
	if err != nil {
		return err
	}
	if f.life == 0 {
		f.life = usualLife
	}
	var got web.NewToken
	q := web.TokenRequest{Name: name, Role: f.role, Expires: time.Now().Add(f.life)}
	if err := r.do(ctx, http.MethodPost, "/projects/"+url.PathEscape(project)+"/tokens", nil, q, &got); err != nil {
		return err
	}
	return a.showNewToken(tokenFrom(got.Token), got.Secret)
}

func (a *app) farRevokeToken(ctx context.Context, r *remote, id string) error {
	path := "/projects/" + url.PathEscape(access.ProjectOf(id)) + "/tokens/" + url.PathEscape(id)
	if err := r.do(ctx, http.MethodDelete, path, nil, nil, nil); err != nil {
		return err
	}
	a.printf("%s: revoked\n", printable(id))
	return nil
}
