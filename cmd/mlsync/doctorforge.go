package main

import (
	"context"
	"errors"

	"mlsync.dev/mlsync/internal/forge"
)

// pulls looks whether the service with the pull requests lets us in, if
// previews or statuses are wanted.
func (d *checkup) pulls(ctx context.Context) {
	if !d.cfg.Previews.On && !d.cfg.Statuses {
		return
	}
	const check = "pull requests"
	f, err := d.app.forge(ctx, d.cfg.Repository, d.cfg.Repository.URL)
	if err != nil {
		d.note(check, "", "", err, "docs/how-to/pull-requests.md says which token each service wants")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, webhookWait)
	defer cancel()
	_, err = f.Pulls(ctx, "", 1)
	cure := "see that " + f.Host() + " is reached from here"
	if errors.Is(err, forge.ErrAuth) {
		cure = "give the token what docs/how-to/pull-requests.md says"
	}
	d.note(check, "", "those of "+f.Repo().String()+" can be read", err, cure)
}
