package plan

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// Input is all that a plan is made of.
type Input struct {
	Target   Target
	Source   Source
	Observed Observed
	Options  Options
	// Owner is what this target stamps on its assets.
	Owner string
	// Want are the resolved assets that git says should be. Complete says
	// that the whole tree was read: without it nothing is removed.
	Want     *asset.Set
	Complete bool
	// Retire says that the target was taken out of the configuration: its
	// assets are forgotten and stay as they are.
	Retire bool
	// Problems are those of the tree; the plan's own are added.
	Problems problem.List
	Live     Live
	// Owned is what the journal knows.
	Owned map[asset.ID]Owned
	// Rule gives the rules for an asset; nil for none at all.
	Rule  func(id asset.ID, file string) Rule
	Guard Guard
	// Siblings are the other targets of the repository in the same workspace,
	// by what they stamp on their assets: the names that git has for them. An
	// asset whose file moves from one to the other is handed over.
	Siblings map[string]map[asset.ID]bool
	// Corrections bound what is changed back.
	Corrections Corrections
	// Uploads is the content that each asset sends.
	Uploads map[asset.ID]Upload
	// Copies is the content that each asset gets from another workspace.
	Copies map[asset.ID]Copy
	// Secrets are fingerprints of the wanted secrets by asset and dotted
	// path; Fingerprint makes one of a text that the service gives back. Both
	// may be nil.
	Secrets     map[asset.ID]map[string]string
	Fingerprint func(text string) string
	// Rollouts say how far the traffic of assets may go now. Assets that are
	// not among them go to what git wants at once.
	Rollouts map[asset.ID]Rollout
	// Content is the digest that the stamp "content" of an asset holds; nil
	// for diff.Digest.
	Content func(*asset.Asset) string
}

// Live is what was read of the workspace.
type Live struct {
	Assets *asset.Set
	// Listed are the kinds of which the whole list was read. Of other kinds
	// an asset that is not in Assets is unknown, not absent.
	Listed map[asset.Kind]bool
	// Unknown are assets that could not be read, with the reason.
	Unknown map[asset.ID]string
	// Absent are assets that were asked for one by one and do not exist.
	Absent map[asset.ID]bool
	// Known are assets that exist and were not read again because the journal
	// knows them; they are taken to be as the journal says.
	Known map[asset.ID]bool
	// Archived are assets of Assets that are archived.
	Archived map[asset.ID]bool
	// Broken are assets of Assets whose last operation failed: they are there
	// and do not work.
	Broken map[asset.ID]bool
	// Busy are assets on which something goes on, with what it is.
	Busy map[asset.ID]string
	// Versions are all versions in use, archived ones too, by the id without
	// version. Versions of Assets need not be repeated.
	Versions map[asset.ID][]string
}

// DriftMode says what is done about drift.
type DriftMode string

// The modes. The zero mode is Correct for assets that mlsync created and
// Report for adopted ones.
const (
	DriftOff DriftMode = "off"
	Report   DriftMode = "report"
	Correct  DriftMode = "correct"
)

// JobMode says when a job file is run.
type JobMode string

// The modes. The zero mode is OnChange.
const (
	JobsOff  JobMode = "off"
	Manual   JobMode = "manual"
	OnChange JobMode = "on-change"
)

// Rule is what mlsync.yaml says of one asset.
type Rule struct {
	// OnRemove is what removal from git means; "" for the kind's own.
	OnRemove kind.Removal
	Drift    DriftMode
	// Ignore are patterns of fields, as diff.Options takes them.
	Ignore       []string
	AllowReplace bool
	Jobs         JobMode
	// Protect forbids every replacement and removal.
	Protect bool
	// Rollout moves traffic in steps; nil moves it at once.
	Rollout *RolloutRule
}

// Guard bounds what a plan may remove without an approval.
type Guard struct {
	// Max and Percent: more removals than both need an approval. 0 means 5
	// assets and 10 percent of the assets of the target; a negative number
	// none.
	Max, Percent int
	// Observations is how often in a row git must have been seen without an
	// asset before it is removed; 0 means 2.
	Observations int
}

func (g Guard) limit(owned int) int {
	most, percent := g.Max, g.Percent
	if most == 0 {
		most = 5
	}
	if percent == 0 {
		percent = 10
	}
	return max(most, percent*owned/100, 0)
}

func (g Guard) observations() int {
	if g.Observations == 0 {
		return 2
	}
	return g.Observations
}

func (in *Input) rule(id asset.ID, file string) Rule {
	if in.Rule == nil {
		return Rule{}
	}
	return in.Rule(id, file)
}

func (in *Input) content(a *asset.Asset) string {
	if in.Content == nil {
		return diff.Digest(a)
	}
	return in.Content(a)
}

func (in *Input) scope() kind.Scope { return in.Target.scope() }

func (t Target) scope() kind.Scope {
	return kind.Scope{Subscription: t.Subscription, ResourceGroup: t.ResourceGroup, Workspace: t.Workspace, Registry: t.Registry}
}
