package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"mlsync.dev/mlsync/state"
)

// hostName is the name of this machine, for people.
func (*app) hostName() string {
	host, _ := os.Hostname()
	return host
}

// acting is ctx for what is done on the command line: nobody proves there who
// they are.
func (a *app) acting(ctx context.Context) context.Context {
	return state.Acting(ctx, state.Actor{Name: a.author(""), Via: "cli", From: a.hostName()})
}

// audited appends what was done to the audit of the journal at a place, if that
// is there: what has no journal has no audit.
func (a *app) audited(ctx context.Context, where string, row state.Audit) error {
	where, err := a.statePlace(where)
	if err != nil {
		return err
	}
	o := journalOptions(where, "")
	o.Existing = true
	store, err := state.Open(ctx, where, o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(store.Audited(ctx, row), store.Close())
}
