package web

import (
	"context"
	"time"

	"mlsync.dev/mlsync/access"
)

// Span is which part of a list is asked for: at most Limit items behind After,
// which is the position of an item that was given before; "" is the beginning.
type Span struct {
	After string
	Limit int
}

// Project is a project of the daemon with what is known of it and done to it.
// The same Book may stand for several.
type Project struct {
	Name string
	// Targets are the names of its targets, sorted.
	Targets []string
	Book    Book
}

// Book is all of a project. Its parts are apart so that each is small.
type Book interface {
	Targets
	Lists
	Runs
	Events
	Control
	Approver
	Tokens
	Audit
}

// Targets tells of targets. Each method asks the journal a number of questions
// that does not grow with the number of names.
type Targets interface {
	// Targets are the targets of the names, in their order.
	Targets(ctx context.Context, names []string) ([]Target, error)
	Target(ctx context.Context, name string) (Details, error)
	Gates(ctx context.Context, name string) (Gates, error)
	// Releases are those that the target took, newest first.
	Releases(ctx context.Context, name string) ([]Release, error)
}

// Lists are the lists of the journal, of some targets only, each in one
// question. Each item comes with its position, which Span.After takes.
type Lists interface {
	// Runs are newest first.
	Runs(ctx context.Context, targets []string, q RunQuery, span Span) ([]Run, []string, error)
	// Assets are in the order of targets and ids.
	Assets(ctx context.Context, targets []string, q AssetQuery, span Span) ([]Asset, []string, error)
	// Drift is what the last run of each target saw, in the same order.
	Drift(ctx context.Context, targets []string, q AssetQuery, span Span) ([]Drift, []string, error)
	// Inbox is drift that runs have found, in some states, in the same order.
	Inbox(ctx context.Context, targets []string, states []string, q AssetQuery, span Span) ([]Found, []string, error)
	// Approvals are those that hold still, oldest first.
	Approvals(ctx context.Context, targets []string, span Span) ([]Approval, []string, error)
}

// RunQuery says which runs; "" is any.
type RunQuery struct{ State, Trigger, Commit string }

// AssetQuery says which assets: of a kind, and with a name that a glob matches.
type AssetQuery struct{ Kind, Name string }

// Runs tells of single runs and plans. What is not there is ErrNotFound.
type Runs interface {
	Run(ctx context.Context, id string) (RunDetails, error)
	// History is what was done to an asset, newest first. An id without a
	// version is that of all versions.
	History(ctx context.Context, target, asset string, span Span) ([]Past, []string, error)
	// Plan is the plan that the target made last.
	Plan(ctx context.Context, target string) (Kept, error)
}

// Events are what happened to targets, in the order of their numbers. Numbers
// are never used twice, and none comes late by more than limit.APISettle.
type Events interface {
	// Before are those of some targets older than the number, 0 for all, newest first.
	Before(ctx context.Context, targets []string, before int64, limit int) ([]Event, error)
	// After are those of all targets newer than the number, oldest first.
	After(ctx context.Context, after int64, limit int) ([]Event, error)
	// Last is the number of the newest event; 0 if there is none.
	Last(ctx context.Context) (int64, error)
}

// Control is what people do to targets. What is asked in vain is a *Problem.
type Control interface {
	Hold(ctx context.Context, by access.Principal, target string, r HoldRequest) (Hold, error)
	Unhold(ctx context.Context, by access.Principal, target string) error
	Abort(ctx context.Context, by access.Principal, target string, r AbortRequest) (Stopped, error)
	// IgnoreDrift puts the drift of an asset off.
	IgnoreDrift(ctx context.Context, by access.Principal, target string, r IgnoreRequest) (Found, error)
	// Sync puts a pass into the queue, where it outlives the process.
	Sync(ctx context.Context, by access.Principal, target string) error
}

// Approver gives approvals and takes them back.
type Approver interface {
	Approve(ctx context.Context, by access.Principal, target string, r ApproveRequest) (Approval, error)
	Withdraw(ctx context.Context, by access.Principal, target string, id int64) error
}

// Tokens are the API tokens of a project.
type Tokens interface {
	// Tokens are those of the principal, or all if it manages them, newest first.
	Tokens(ctx context.Context, by access.Principal, span Span) ([]Token, []string, error)
	MakeToken(ctx context.Context, by access.Principal, r TokenRequest) (NewToken, error)
	RevokeToken(ctx context.Context, by access.Principal, id string) error
}

// Audit is where it is written down who did what. Control, Approver and Tokens
// write down themselves what they did.
type Audit interface {
	// Record notes what they did not: what was denied, or failed.
	Record(ctx context.Context, by access.Principal, e Entry) error
	// Entries are newest first.
	Entries(ctx context.Context, q EntryQuery, span Span) ([]Entry, []string, error)
}

// EntryQuery says which entries; zero values are any.
type EntryQuery struct {
	Target, Actor, Action string
	Since, Until          time.Time
}

// Options are what a Server needs; all of it is needed.
type Options struct {
	Door access.Door
	// Projects are sorted by name. It is asked with each request, and asks nobody.
	Projects func() []Project
	Version  string
	Now      func() time.Time
	// Told hears of each request when it was answered.
	Told func(route string, status int, took time.Duration)
	// Failed hears of what went wrong within; the client is told the number of
	// the request only.
	Failed func(request string, err error)
}
