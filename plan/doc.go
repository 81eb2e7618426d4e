// Package plan says what mlsync shall do, in what order, and whether it may:
// from the differences, the journal and the rules to a plan, which is a value
// that people read, machines check and a later run can be held to. It knows
// not how a step is carried out and no storage.
package plan

import (
	"cmp"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
)

// Action is what a step does.
type Action string

// The actions. NewVersion creates the next version of an asset that has
// others. Replace deletes and creates. Adopt takes over an asset that exists:
// it leaves the stamp, and writes what differs only where the drift mode is
// Correct. Blocked does nothing and says why. Unknown does nothing because the
// live side could not be read.
const (
	Create     Action = "create"
	NewVersion Action = "new_version"
	Update     Action = "update"
	Replace    Action = "replace"
	Archive    Action = "archive"
	Delete     Action = "delete"
	Orphan     Action = "orphan"
	Adopt      Action = "adopt"
	NoOp       Action = "noop"
	Blocked    Action = "blocked"
	Unknown    Action = "unknown"
)

// Destructive reports whether the action can lose something.
func (a Action) Destructive() bool { return a == Replace || a == Delete || a == Archive }

// Writes reports whether the action sends a request that writes.
func (a Action) Writes() bool {
	switch a {
	case Create, NewVersion, Update, Replace, Archive, Delete, Adopt:
		return true
	default:
		return false
	}
}

// Key names a step: an asset, and which part of the work on it. Part is ""
// for the asset itself, "late" for the fields that wait for contained assets
// (traffic), "clear" for releasing them before contained assets are removed,
// "rollout" for traffic that was returned: it does nothing and says why.
type Key struct {
	ID   asset.ID
	Part string
}

// Compare orders keys by id and part.
func (k Key) Compare(other Key) int {
	return cmp.Or(k.ID.Compare(other.ID), cmp.Compare(k.Part, other.Part))
}

// String is the id, with #part for parts.
func (k Key) String() string {
	if k.Part == "" {
		return k.ID.String()
	}
	return k.ID.String() + "#" + k.Part
}

// Step is one thing to do.
type Step struct {
	Key     Key
	Action  Action
	Changes []diff.Change
	// Code is a stable word for why the step is as it is; "" where the action
	// says all.
	Code Code
	// Why is the cause of the whole step in words, such as "removed in 4f1c2ab".
	Why string
	// Requires are the steps that must be done before.
	Requires []Key
	// Supersedes is the version that a new version follows.
	Supersedes asset.ID
	Source     problem.Pos
	ARM        string
	// Upload says what content goes up before the write.
	Upload Upload
	// Copy says what content comes from another workspace before the write.
	Copy Copy
	// Blocked says why a step of the action Blocked or Unknown cannot be done.
	Blocked string
	// Needs names the approval without which the step is refused, such as
	// "replace:compute/gpu"; "" if none is needed.
	Needs string
	// Want is the resolved asset to write; nil for removals.
	Want *asset.Asset
	// Body is what to write: the body of Want, in which every difference that
	// is not acted on is left as it is live. nil for removals.
	Body *asset.Value
	// Live is the asset as read; nil if there is none.
	Live *asset.Asset
}

// Code is a stable word for why a step does not do what its asset would ask for.
type Code string

// The codes. Of blocked steps: NotRead, OtherOwner, OtherType, VersionExists, Protected,
// Contains, LiveTraffic, BadRule, MissingParent, Cycle, TreeIncomplete, Busy and
// WaitsFor. HandedOver assets go from one target of a repository to another. Of steps that leave an asset alone which git no longer has:
// PruneOff, FirstSeen and Referenced. Gone assets are forgotten only.
const (
	NotRead        Code = "not_read"
	OtherOwner     Code = "other_owner"
	OtherType      Code = "other_type"
	VersionExists  Code = "version_exists"
	Protected      Code = "protected"
	Contains       Code = "contains"
	LiveTraffic    Code = "live_traffic"
	BadRule        Code = "bad_rule"
	MissingParent  Code = "missing_parent"
	Cycle          Code = "cycle"
	TreeIncomplete Code = "tree_incomplete"
	WaitsFor       Code = "waits_for"
	Busy           Code = "busy"
	HandedOver     Code = "handed_over"
	PruneOff       Code = "prune_off"
	FirstSeen      Code = "first_seen"
	Referenced     Code = "referenced"
	Gone           Code = "gone"
	// RolledBack is traffic that was returned, RollingOut what is kept until a
	// rollout is over and for the time of its rule.
	RolledBack Code = "rollout_returned"
	RollingOut Code = "rollout"
)

// Kept reports whether the code says that an asset stays which git no longer has.
func (c Code) Kept() bool {
	return c == PruneOff || c == FirstSeen || c == Referenced || c == RollingOut
}

// Upload is content that a step sends.
type Upload struct {
	Files int
	Bytes int64
}

// Copy is content that a step gets from another workspace. From names that for
// people, or those if they are several.
type Copy struct {
	Files int
	Bytes int64
	From  string
}

// Drift is a difference that somebody made in the workspace.
type Drift struct {
	ID    asset.ID
	Paths []string
	// By and At are who changed the asset last and when, as the service
	// reports; empty if it does not.
	By, At string
	// Revert says that the plan changes it back; otherwise it is reported.
	Revert bool
	// Held says why some of it is left although it is to be corrected: it
	// comes back again and again, or too much was corrected.
	Held    string
	Changes []diff.Change
}

// Plan is what to do in one target.
type Plan struct {
	Target   Target
	Source   Source
	Observed Observed
	Options  Options
	Steps    []Step
	Drift    []Drift
	Problems problem.List
	// Unmanaged counts live assets that are not in git and not owned.
	Unmanaged []asset.ID
	// Rollouts are those under way, those that were returned, and those of
	// which something is still kept.
	Rollouts map[asset.ID]Rollout
}

// Target is the workspace.
type Target struct {
	Name, Cloud, Subscription, ResourceGroup, Workspace string
	// Registry is the name of a registry, in place of a workspace.
	Registry string
}

// Source is the commit.
type Source struct {
	Repo, Commit string
	Dirty        bool
	// Tree is the digest of the wanted assets.
	Tree string
}

// Observed is what was read of the live side.
type Observed struct {
	At time.Time
	// Assets is how many assets were read, Known how many more are known
	// from the journal, Requests how many requests that took.
	Assets, Known, Requests int
	// Partial are the kinds that could not be read, with the reason.
	Partial map[asset.Kind]string
	// Fingerprint is the digest of all that was read.
	Fingerprint string
}

// Options are what the plan was asked for.
type Options struct {
	Prune bool
	// Select are the ids or globs that the plan is restricted to.
	Select []string
	// Allow are approvals given, such as "replace:compute/gpu".
	Allow []string
	// Full reads everything again.
	Full bool
}

// Owned is what the journal knows of an asset that mlsync manages.
type Owned struct {
	ID asset.ID
	// Origin is created or adopted.
	Origin Origin
	// Body is the resolved body that was applied last, secrets as references.
	Body *asset.Value
	// Digest is the digest of Body and of the code it was applied with.
	Digest string
	// Variant is the variant of the asset.
	Variant string
	ARM     string
	File    string
	Commit  string
	At      time.Time
	// Secrets are keyed fingerprints of the secrets that were applied, by
	// the dotted path of the field.
	Secrets map[string]string
	// Done is set for write-once assets that have been submitted.
	Done bool
	// Missing counts the observations in a row in which git no longer had
	// the asset.
	Missing int
}

// Origin says how an asset came to be managed.
type Origin string

// The origins.
const (
	Created Origin = "created"
	Adopted Origin = "adopted"
)

// The parts of the work on one asset.
const (
	// Late sets the fields that wait for contained assets.
	Late = "late"
	// Clear takes them off before contained assets go.
	Clear = "clear"
	// Held is traffic that does not go where git wants it.
	Held = "rollout"
)

// State is how a step or a run ended.
type State string

// The ends of a step and of a run.
const (
	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "blocked"
	Pending State = "pending"
	// Waiting is a run that carried nothing out, because its release waits for
	// the gates of the target, or of which something waits for a change window.
	Waiting State = "waiting"
)

// Outcome is how a step ended, with the cause.
type Outcome struct {
	Key     Key
	Action  Action
	State   State
	Err     string
	Code    string // the service's error code
	Request string // the service's request id
	// By is the step whose failure blocked this one.
	By      Key
	Started time.Time
	Took    time.Duration
}

// Release names a release, and the hash over all that it says.
type Release struct{ Name, Fingerprint string }

// Run is one pass over one target.
type Run struct {
	ID         string
	Generation int64
	Target     string
	Commit     string
	Trigger    string // push, drift, resync, manual
	// Release is what the commit pins in the target; zero if it pins none, or
	// if the run is about some assets only.
	Release  Release
	Started  time.Time
	Ended    time.Time
	State    State
	Digest   string // of the plan
	Summary  map[string]int
	Outcomes []Outcome
	Err      string
}
