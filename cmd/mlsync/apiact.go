package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
)

// authorOf is how the journal names who does something.
func authorOf(p access.Principal) string { return p.Subject }

// known is the journal of a target of the API.
func (b *book) known(ctx context.Context, name string) (*state.Target, error) {
	t, err := b.store.Known(ctx, name)
	if err == nil && t == nil {
		err = web.Refuse(http.StatusConflict, "not_yet", fmt.Sprintf("the journal does not know the target %s yet: its first pass has not begun", name))
	}
	return t, err
}

// Hold puts a target on hold.
func (b *book) Hold(ctx context.Context, by access.Principal, name string, r web.HoldRequest) (web.Hold, error) {
	ctx = b.acting(ctx, by)
	t, err := b.known(ctx, name)
	if err != nil {
		return web.Hold{}, err
	}
	var until time.Time
	if r.Until != nil {
		until = *r.Until
	}
	if err := t.HoldUntil(ctx, authorOf(by), r.Why, until); err != nil {
		return web.Hold{}, err
	}
	info, err := t.Info(ctx)
	return holdOf(info.Hold), err
}

// IgnoreDrift puts the drift of an asset off.
func (b *book) IgnoreDrift(ctx context.Context, by access.Principal, name string, r web.IgnoreRequest) (web.Found, error) {
	ctx = b.acting(ctx, by)
	id, err := asset.ParseID(r.Asset)
	if err != nil {
		return web.Found{}, web.Refuse(http.StatusBadRequest, "bad_request", "the body has mistakes", web.FieldError{Field: "asset", Detail: err.Error()})
	}
	t, err := b.known(ctx, name)
	if err != nil {
		return web.Found{}, err
	}
	var until time.Time
	if r.Until != nil {
		until = *r.Until
	}
	ok, err := t.Ignore(ctx, id, until, authorOf(by), r.Why)
	if err == nil && !ok {
		err = web.Refuse(http.StatusNotFound, "no_drift", "no drift of "+id.String()+" is known")
	}
	if err != nil {
		return web.Found{}, err
	}
	all, err := t.Inbox(ctx, state.FoundOpen, state.FoundAccepted)
	for _, f := range all {
		if f.ID == id {
			return foundOf(b.name, name, f), err
		}
	}
	return web.Found{}, err
}

// Unhold ends a hold.
func (b *book) Unhold(ctx context.Context, by access.Principal, name string) error {
	ctx = b.acting(ctx, by)
	t, err := b.known(ctx, name)
	if err != nil {
		return err
	}
	return t.Release(ctx, authorOf(by))
}

// Abort stops the run that is under way, also if another replica does it.
func (b *book) Abort(ctx context.Context, by access.Principal, name string, r web.AbortRequest) (web.Stopped, error) {
	ctx = b.acting(ctx, by)
	t, err := b.known(ctx, name)
	if err != nil {
		return web.Stopped{}, err
	}
	if r.Hold {
		why := "aborted"
		if r.Why != "" {
			why = r.Why
		}
		if _, err := b.Hold(ctx, by, name, web.HoldRequest{Why: why}); err != nil {
			return web.Stopped{}, err
		}
	}
	holder, err := t.Abort(ctx, authorOf(by))
	return web.Stopped{Stopped: holder}, err
}

// Sync puts a pass into the queue.
func (b *book) Sync(ctx context.Context, _ access.Principal, name string) error {
	return b.queue.Enqueue(ctx, taskSync, name, []byte(name), time.Time{})
}

// Approve approves steps of the plan that was made last, or gates of the
// release that waits, if it is still the one that was looked at.
func (b *book) Approve(ctx context.Context, by access.Principal, name string, r web.ApproveRequest) (web.Approval, error) {
	ctx = b.acting(ctx, by)
	t, err := b.known(ctx, name)
	if err != nil {
		return web.Approval{}, err
	}
	given := state.Approval{Allow: r.Allow, Author: authorOf(by), Names: []string{by.Name, by.For}, Expires: *r.Expires}
	if r.Release != "" {
		given.Digest, err = b.gatesToApprove(ctx, t, r)
	} else {
		given.Digest, err = b.planToApprove(ctx, name, r)
	}
	if err != nil {
		return web.Approval{}, err
	}
	if given.ID, err = t.Approve(ctx, given); err != nil {
		return web.Approval{}, err
	}
	given.At = time.Now()
	if r.Plan != "" { // gates are looked at by themselves
		err = b.Sync(ctx, by, name)
	}
	return approvalOf(b.name, name, given), err
}

func (b *book) planToApprove(ctx context.Context, name string, r web.ApproveRequest) (string, error) {
	p, err := b.store.Planned(ctx, name)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return "", web.Refuse(http.StatusConflict, "no_plan", fmt.Sprintf("the target %s has made no plan yet", name))
	case err != nil:
		return "", err
	case p.Digest != r.Plan:
		return "", web.Refuse(http.StatusConflict, "plan_changed", "the target has another plan now: look at it, and approve that one")
	}
	return p.Consent, asked(r.Allow, p.Needs)
}

// gatesToApprove is what approvals of the release that waits are bound to.
func (b *book) gatesToApprove(ctx context.Context, t *state.Target, r web.ApproveRequest) (string, error) {
	waits, err := t.Waiting(ctx)
	switch {
	case err != nil:
		return "", err
	case waits == (plan.Release{}):
		return "", web.Refuse(http.StatusConflict, "no_release", "no release waits in the target")
	case waits.Fingerprint != r.Release:
		return "", web.Refuse(http.StatusConflict, "release_changed", "another release waits in the target now: look at it, and approve that one")
	}
	cfg := targetOf(b.cfg, t.Name())
	if cfg == nil {
		return "", web.ErrNotFound
	}
	return consentOf(waits), asked(r.Allow, gateNames(cfg))
}

// asked refuses approvals that nothing asks for.
func asked(allow, needs []string) error {
	var bad []web.FieldError
	for i, name := range allow {
		if !slices.Contains(needs, name) {
			why := strings.TrimSuffix("nothing asks for it; "+problem.DidYouMean(name, needs), "; ")
			bad = append(bad, web.FieldError{Field: fmt.Sprintf("allow[%d]", i), Detail: why})
		}
	}
	if len(bad) > 0 {
		return web.Refuse(http.StatusUnprocessableEntity, "not_asked", "it cannot be approved", bad...)
	}
	return nil
}

// Withdraw takes an approval back that was not used.
func (b *book) Withdraw(ctx context.Context, by access.Principal, name string, id int64) error {
	ctx = b.acting(ctx, by)
	t, err := b.known(ctx, name)
	if err != nil {
		return err
	}
	err = t.Revoke(ctx, id, authorOf(by))
	if errors.Is(err, state.ErrNotFound) {
		return web.ErrNotFound
	}
	return err
}
