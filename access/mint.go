package access

import (
	"errors"
	"fmt"
	"time"
)

// Wanted is a token that somebody asks for.
type Wanted struct {
	Project, Name string
	Role          Role
	Life          time.Duration
}

// ErrNotMinted is wrapped by the errors of Mint; their text may be told to who
// asked.
var ErrNotMinted = errors.New("no token is made")

// Mint makes a token for a principal, and its text, which is shown once. It has
// no more than the principal has, and lives no longer than most.
func Mint(p Principal, w Wanted, most time.Duration, now time.Time) (Saved, string, error) {
	covered := false
	for _, r := range p.Roles(w.Project) {
		covered = covered || r.Covers(w.Role)
	}
	switch {
	case !p.Allows(OwnTokens, w.Project):
		return Saved{}, "", fmt.Errorf("%w: %s may make none in the project %s", ErrNotMinted, p.Subject, w.Project)
	case !covered:
		return Saved{}, "", fmt.Errorf("%w: %s has not the role %s in the project %s", ErrNotMinted, p.Subject, w.Role, w.Project)
	case w.Life <= 0 || w.Life > most:
		return Saved{}, "", fmt.Errorf("%w: its life is from a moment to %s, as the operator says", ErrNotMinted, most)
	case w.Name == "" || len(w.Name) > 100:
		return Saved{}, "", fmt.Errorf("%w: it needs a name of at most 100 bytes", ErrNotMinted)
	}
	id, text, hash := NewToken(w.Project)
	return Saved{
		ID: id, Project: w.Project, Name: w.Name, Role: w.Role, Hash: hash, Owner: p.Subject, Has: p.Has, By: p.Name, Created: now, Expires: now.Add(w.Life),
	}, text, nil
}
