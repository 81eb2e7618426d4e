package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Token is a token of mlsync as it is kept. Of its secret there is the hash.
type Token struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Hash    []byte `json:"hash"`
	// Owner is the subject of who made it, Has what it has at its issuer.
	Owner string   `json:"owner"`
	Has   []string `json:"has,omitempty"`
	By    string   `json:"by"` // who made it, for people

	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"`
}

const tokenColumns = `SELECT id, project, name, role, hash, owner, has, made_by, created, expires, last_used, revoked FROM tokens `

func scanToken(r row) (Token, error) {
	var t Token
	var has string
	var created, expires, used, revoked int64
	if err := r.Scan(&t.ID, &t.Project, &t.Name, &t.Role, &t.Hash, &t.Owner, &has, &t.By, &created, &expires, &used, &revoked); err != nil {
		return t, err
	}
	t.Created, t.Expires, t.LastUsed, t.Revoked = fromNanos(created), fromNanos(expires), fromNanos(used), fromNanos(revoked)
	return t, fromJSON(has, &t.Has)
}

// AddToken keeps a token; Created is filled in.
func (s *Store) AddToken(ctx context.Context, t Token) error {
	t.Created = s.clock()
	return s.write(ctx, func(x *tx) error {
		if err := putToken(ctx, x, t); err != nil {
			return err
		}
		return s.audit(ctx, x, Audit{
			Action: "token_create", Actor: t.By, Project: t.Project,
			Detail: fmt.Sprintf("%s %q with the role %s for %s until %s", t.ID, t.Name, t.Role, t.Owner, t.Expires.UTC().Format(time.RFC3339)),
		})
	})
}

func putToken(ctx context.Context, x *tx, t Token) error {
	has, err := toJSON(t.Has)
	if err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO tokens (id, project, name, role, hash, owner, has, made_by, created, expires, last_used, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.Project, t.Name, t.Role, t.Hash, t.Owner, has, t.By, nanos(t.Created), nanos(t.Expires), nanos(t.LastUsed), nanos(t.Revoked))
	return err
}

func (s *Store) tokens(ctx context.Context, where string, args ...any) ([]Token, error) {
	var out []Token
	err := s.read(ctx, tokenColumns+where, args, func(r row) error {
		t, err := scanToken(r)
		out = append(out, t)
		return err
	})
	return out, err
}

// Token is the token with the id; ErrNotFound if there is none.
func (s *Store) Token(ctx context.Context, id string) (Token, error) {
	got, err := s.tokens(ctx, `WHERE id = ?`, id)
	if err == nil && len(got) == 0 {
		err = fmt.Errorf("token %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return Token{}, err
	}
	return got[0], nil
}

// Tokens are all tokens, also those that have ended, the newest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	return s.tokens(ctx, `ORDER BY created DESC, id`)
}

// UseToken notes when a token was used last.
func (s *Store) UseToken(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `UPDATE tokens SET last_used = ? WHERE id = ? AND last_used < ?`, nanos(at), id, nanos(at))
		return err
	})
}

// KeepOwner notes what the owner of tokens has at its issuer now.
func (s *Store) KeepOwner(ctx context.Context, owner string, has []string) error {
	text, err := toJSON(has)
	if err != nil {
		return err
	}
	n := 0
	err = s.read(ctx, `SELECT count(*) FROM tokens WHERE owner = ? AND has <> ?`, []any{owner, text}, func(r row) error { return r.Scan(&n) })
	if err != nil || n == 0 {
		return err // most who come have no tokens
	}
	return s.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, `UPDATE tokens SET has = ? WHERE owner = ?`, text, owner)
		return err
	})
}

// ErrRevoked says that a token was revoked before.
var ErrRevoked = errors.New("the token is revoked already")

// RevokeToken ends a token. The error wraps ErrNotFound or ErrRevoked.
func (s *Store) RevokeToken(ctx context.Context, id, by string) error {
	return s.write(ctx, func(x *tx) error {
		var project string
		var revoked int64
		ok, err := x.get(ctx, `SELECT project, revoked FROM tokens WHERE id = ?`+s.dialect.update, []any{id}, &project, &revoked)
		switch {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("token %q: %w", id, ErrNotFound)
		case revoked != 0:
			return fmt.Errorf("token %q: %w", id, ErrRevoked)
		}
		if _, err := x.exec(ctx, `UPDATE tokens SET revoked = ? WHERE id = ?`, nanos(s.clock()), id); err != nil {
			return err
		}
		return s.audit(ctx, x, Audit{Action: "token_revoke", Actor: by, Project: project, Detail: id})
	})
}
