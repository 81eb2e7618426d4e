package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
)

// acting is ctx for what a principal does through the API.
func (b *book) acting(ctx context.Context, by access.Principal) context.Context {
	return state.Acting(ctx, state.Actor{Subject: by.Subject, Via: "api", From: web.From(ctx), Project: b.name})
}

// Tokens are those of the principal, or all if it manages them.
func (b *book) Tokens(ctx context.Context, by access.Principal, span web.Span) ([]web.Token, []string, error) {
	all, err := b.store.Tokens(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []web.Token
	var marks []string
	behind := span.After == ""
	for _, t := range all { // newest first, and then by id
		mark := strconv.FormatInt(t.Created.UnixNano(), 10) + "\n" + t.ID
		if !behind {
			behind = older(mark, span.After)
		}
		if !behind || t.Project != b.name || t.Owner != by.Subject && !by.Allows(access.ManageTokens, b.name) {
			continue
		}
		if out, marks = append(out, webToken(t)), append(marks, mark); len(out) == span.Limit {
			break
		}
	}
	return out, marks, nil
}

// older reports whether a position stands behind another in the list of tokens.
func older(mark, after string) bool {
	at, id, _ := strings.Cut(mark, "\n")
	last, lastID, _ := strings.Cut(after, "\n")
	x, _ := strconv.ParseInt(at, 10, 64)
	y, _ := strconv.ParseInt(last, 10, 64) // both were written above
	return x < y || x == y && id > lastID
}

func webToken(t state.Token) web.Token {
	return web.Token{
		ID: t.ID, Project: t.Project, Name: t.Name, Role: t.Role, Owner: t.Owner, Author: t.By, Created: t.Created, Expires: t.Expires,
		Used: timeOf(t.LastUsed), Revoked: timeOf(t.Revoked),
	}
}

// MakeToken makes a token that acts for the principal.
func (b *book) MakeToken(ctx context.Context, by access.Principal, r web.TokenRequest) (web.NewToken, error) {
	now := time.Now()
	saved, text, err := access.Mint(by, access.Wanted{Project: b.name, Name: r.Name, Role: access.Role(r.Role), Life: r.Expires.Sub(now)}, b.life, now)
	if errors.Is(err, access.ErrNotMinted) {
		return web.NewToken{}, web.Refuse(http.StatusUnprocessableEntity, "not_made", err.Error())
	}
	if err != nil {
		return web.NewToken{}, err
	}
	t := keptToken(saved)
	if err := b.store.AddToken(b.acting(ctx, by), t); err != nil {
		return web.NewToken{}, err
	}
	return web.NewToken{Token: webToken(t), Secret: text}, nil
}

// RevokeToken ends a token of the principal, or any if it manages them.
func (b *book) RevokeToken(ctx context.Context, by access.Principal, id string) error {
	t, err := b.store.Token(ctx, id)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return web.ErrNotFound
	case err != nil:
		return err
	case t.Project != b.name || t.Owner != by.Subject && !by.Allows(access.ManageTokens, b.name):
		return web.ErrNotFound
	}
	err = b.store.RevokeToken(b.acting(ctx, by), id, by.Subject)
	if errors.Is(err, state.ErrRevoked) {
		return web.Refuse(http.StatusConflict, "revoked", "the token is revoked already")
	}
	return err
}

// Record notes what the journal does not note by itself.
func (b *book) Record(ctx context.Context, by access.Principal, e web.Entry) error {
	return b.store.Audited(b.acting(ctx, by), state.Audit{Action: e.Action, Target: e.Target, Outcome: e.Outcome, Detail: e.Detail})
}

// Entries are those of the project, and those of which nobody said the project.
func (b *book) Entries(ctx context.Context, q web.EntryQuery, span web.Span) ([]web.Entry, []string, error) {
	before, _ := strconv.ParseInt(span.After, 10, 64) // "" is 0
	f := state.AuditFilter{Since: q.Since, Until: q.Until, Target: q.Target, Actor: q.Actor, Action: q.Action, Before: before, Limit: span.Limit}
	var out []web.Entry
	var marks []string
	for {
		rows, err := b.store.Audit(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		for _, a := range rows {
			f.Before = a.Seq
			if !slices.Contains([]string{"", b.name}, a.Project) {
				continue // a journal that others share
			}
			out = append(out, web.Entry{
				Seq: a.Seq, At: a.At, Actor: a.Actor, Via: a.Via, From: a.From, Action: a.Action, Project: b.name, Target: a.Target, Asset: a.Asset,
				Outcome: a.Outcome, Detail: a.Detail, Prev: a.Prev, Hash: a.Hash,
			})
			if marks = append(marks, strconv.FormatInt(a.Seq, 10)); len(out) == span.Limit {
				return out, marks, nil
			}
		}
		if len(rows) < f.Limit {
			return out, marks, nil
		}
	}
}
