// Package policy judges what is planned and what stands in git by rules that a
// team keeps in the folder policies of its repository: over each planned
// change, each asset of the tree and each release. A rule is a condition in the
// Common Expression Language; what does not hold is a problem at the place in
// the asset's file, with the rule's own words.
//
// It fails closed: a file that cannot be read, a rule that does not compile, an
// expression that cannot be evaluated or costs too much deny.
//
// The package must not know YAML syntax, the live side, git, the disk, the
// network or the clock: what is judged is handed in, and an expression sees
// nothing else. Secrets are hidden from expressions as they are from people.
package policy

import (
	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/plan"
)

// Folder is where the policies of a repository are. Nothing in it is an asset.
const Folder = "policies"

// On says what a rule is about.
type On string

// What rules are about: a step of a plan that changes something, an asset of
// the tree, a release of the tree.
const (
	OnChange  On = "change"
	OnAsset   On = "asset"
	OnRelease On = "release"
)

// Level says what a violation does.
type Level string

// The levels: Deny stops everything before the first write, Warn is shown.
const (
	Deny Level = "deny"
	Warn Level = "warn"
)

// Match says what a rule is about. An empty list matches everything, else one
// of its entries must match.
type Match struct {
	Kinds []string
	// Names and Targets are globs.
	Names, Targets []string
	Actions        []string
}

// Rule is one rule.
type Rule struct {
	Name  string
	On    On
	Level Level
	Match Match
	// Except are what the rule is not about although Match says so.
	Except []Match
	// At is the dotted path of the field that a violation is shown at.
	At []string
	// Pos is where the rule begins.
	Pos problem.Pos

	when, assert *expression
	message      []segment
}

// Set is all rules of a tree, in the order of files. A nil Set has none.
type Set struct {
	Rules []*Rule
	// releases says that a rule asks for releases.
	releases bool
}

// Input is what a Set judges. Nothing in it is changed.
type Input struct {
	// Target is the name of the target in mlsync.yaml.
	Target string
	// Assets are those of the tree.
	Assets []*asset.Asset
	// Steps are those of a plan.
	Steps []plan.Step
	// Releases are those of the tree.
	Releases []*Release
	// Pinned is the release that the target is at, as its pins say; "" if it
	// is at none.
	Pinned string
}

// The codes of problems: of the files of policies, of violations, and of
// expressions that could not be evaluated.
const (
	CodeFile  = "policy_file"
	Code      = "policy"
	CodeError = "policy_error"
)

// Report is what a Set says of an Input.
type Report struct {
	// Counts are of the rules, in their order.
	Counts []Count
	// Problems are the violations and what could not be evaluated.
	Problems problem.List
}

// Count says how often a rule was asked and what came of it. Failed is how
// often it could not be evaluated.
type Count struct {
	Rule                             *Rule
	Judged, Passed, Violated, Failed int
}
