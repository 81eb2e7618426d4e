// Package reconcile is the order of a pass: read the tree, read what must be
// known of the workspace, resolve, compare, plan, apply, record; and the loop
// around it. Small interfaces say what it needs of git, the workspace and the
// journal. It knows no REST, SQL, HTML or flags.
package reconcile

import (
	"context"
	"io/fs"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// Commit is one state of the tree.
type Commit struct {
	FS fs.FS
	// Hash is the commit, "" for a folder that is in no repository. Dirty
	// says that the folder holds changes that are in no commit.
	Hash, Repo string
	Dirty      bool
	// Release is what the commit pins in the target; zero if it pins none.
	Release plan.Release
	// By are names and addresses of who made the commit.
	By []string
}

// Live is what has been read of a workspace so far; it only grows. Failed
// reads are kept: an asset that could not be read is neither present nor absent.
type Live interface {
	// List reads the collections of kinds that are in no other asset.
	List(ctx context.Context, kinds ...asset.Kind)
	// Contained reads the assets of a kind that the parents contain.
	Contained(ctx context.Context, k asset.Kind, parents ...string)
	// Versions reads the active versions of names.
	Versions(ctx context.Context, names ...asset.ID)
	// Get reads single assets.
	Get(ctx context.Context, ids ...asset.ID)
	// Asset is an asset read so far, or nil.
	Asset(id asset.ID) *asset.Asset
	// Archived reports whether an asset read so far is archived.
	Archived(id asset.ID) bool
	// Broken reports whether the last operation on an asset read so far failed.
	Broken(id asset.ID) bool
	// Ready reports whether an asset read so far works and nothing is being
	// done to it.
	Ready(id asset.ID) bool
	// Leaving reports whether an asset read so far is being deleted.
	Leaving(id asset.ID) bool
	// Of are the versions of a name read so far.
	Of(container asset.ID) []*asset.Asset
	// Set is a copy of all assets read so far.
	Set() *asset.Set
	// Name is what is known of a name whose versions are assets.
	Name(id asset.ID) (Name, bool)
	// Names are the names read so far.
	Names() []asset.ID
	// Status says whether an asset is there, as far as was read.
	Status(id asset.ID) resolve.Status
	// Complete reports whether the lists that would hold id were read to the end.
	Complete(id asset.ID) bool
	// Problem is why an asset is not known, nil if nothing failed.
	Problem(id asset.ID) error
	// Failures are the reads that failed, by kind.
	Failures() map[asset.Kind]string
	// Code is the name of a code asset of the hash, "" if there is none.
	Code(ctx context.Context, hash string) (string, error)
	// Requests is how many requests the reading took.
	Requests() int
}

// Name is what the service says of a name whose versions are assets.
type Name struct{ Latest, Next string }

// Write is one asset to create or change.
type Write struct {
	Want, Live *asset.Asset
	Late       bool
	Released   [][]string
	Stamps     map[string]string
	Secret     func(name string) (asset.Secret, error)
	Uploads    []resolve.Upload
	Copies     []resolve.Copy
	// Started is told the long-running operation, in a form that Resume
	// takes, before it is waited for.
	Started func(operation []byte) error
	// Status is told the state of the operation; Sent the bytes sent of
	// how many, and Copied the same of what comes from another workspace.
	Status       func(text string)
	Sent, Copied func(done, total int64)
}

// Workspace is what is done to the live side.
type Workspace interface {
	Scope() kind.Scope
	Read() Live
	// Current reads one asset again; nil if it is absent.
	Current(ctx context.Context, id asset.ID) (*asset.Asset, error)
	Put(ctx context.Context, w Write) (*asset.Asset, error)
	// Renamed says under which resource id the service keeps an asset whose
	// version it chose, so that later writes can refer to it.
	Renamed(id asset.ID, arm string)
	Delete(ctx context.Context, a *asset.Asset, started func([]byte) error, status func(string)) error
	// Archive archives an asset; with are the other versions of its name that
	// are to be archived as well. ErrStays if the service cannot do it.
	Archive(ctx context.Context, id asset.ID, with ...asset.ID) error
	// Resume waits for an operation that an earlier process started.
	Resume(ctx context.Context, operation []byte, status func(string)) error
	// Settle waits until nothing is being done to an asset: it is for a write
	// that an earlier process began and whose operation is not known.
	Settle(ctx context.Context, id asset.ID, status func(string)) error
	// Explain reads the service's code and request id out of an error.
	Explain(err error) (code, request string)
}

// Intent is a write that was journalled and has no outcome.
type Intent struct {
	ID     int64
	Key    plan.Key
	Action plan.Action
	// Started is when the write was to begin.
	Started time.Time
	// Operation is what the service began, in a form that Resume takes; nil if
	// nobody noted it.
	Operation []byte
}

// End is how an intent ended.
type End struct {
	Intent  int64
	Outcome plan.Outcome
	// Own is the new ownership; nil leaves it. Forget ends it.
	Own    *plan.Owned
	Forget bool
}

// Journal remembers what was written. Every method that takes a generation
// fails if a newer run has begun; those that note what has happened do so
// even if ctx is cancelled.
type Journal interface {
	Owned(ctx context.Context) (map[asset.ID]plan.Owned, error)
	// Begin returns the run with its id, generation and start.
	Begin(ctx context.Context, run plan.Run) (plan.Run, error)
	Intend(ctx context.Context, generation int64, key plan.Key, action plan.Action, digest string) (intent int64, err error)
	Operation(ctx context.Context, generation, intent int64, operation []byte) error
	Finish(ctx context.Context, generation int64, ends ...End) error
	// Own stores ownership of assets that are as they should be already.
	Own(ctx context.Context, generation int64, owned ...plan.Owned) error
	// Record notes outcomes of steps that had no intent.
	Record(ctx context.Context, generation int64, outcomes ...plan.Outcome) error
	// Observe counts a complete look at the tree: which owned assets git no
	// longer has.
	Observe(ctx context.Context, generation int64, missing []asset.ID) error
	// Saw notes the drift that a plan found.
	Saw(ctx context.Context, generation int64, drift []plan.Drift) error
	// Rollouts are what is known of rollouts by the asset whose traffic moves.
	Rollouts(ctx context.Context) (map[asset.ID]plan.RolloutRecord, error)
	// Roll stores records of rollouts.
	Roll(ctx context.Context, generation int64, records ...plan.RolloutRecord) error
	End(ctx context.Context, run plan.Run) error
	Unfinished(ctx context.Context) ([]Intent, error)
	// Fingerprint is a keyed digest of a secret.
	Fingerprint(s asset.Secret) string
}
