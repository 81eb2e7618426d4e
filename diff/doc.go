// Package diff says how a wanted asset differs from the live one and why:
// three-way, between what was applied last, what git wants and what is live,
// in the normal forms of the kind's table. It knows no order, no ownership
// and not how to apply.
package diff

import (
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Reason says what made a difference.
type Reason string

// The reasons. Git: the file changed. Drift: live changed behind git's back.
// Default: a field that git no longer mentions and that mlsync had set goes
// back to the service's own value. Reference: what the field points to
// changed. Adopt: the asset is not managed yet, so nobody knows who changed it.
const (
	Git       Reason = "git"
	Drift     Reason = "drift"
	Default   Reason = "default"
	Reference Reason = "reference"
	Adopt     Reason = "adopt"
)

// Change is one difference of one field.
type Change struct {
	// Path are the keys from the body to the value.
	Path []string
	// Live is what the workspace holds, Want what git says, Last what mlsync
	// applied last; nil is absent. Of secrets, all three are nil.
	Live, Want, Last *asset.Value
	Class            kind.Change
	Reason           Reason
	// Diverged says that git and live both changed since the last apply; git
	// wins, and Live shows what is lost.
	Diverged bool
	// Late changes are made by a second step, after the contained assets.
	Late bool
	// Secret changes are known by fingerprint only; SecretWant and SecretLast
	// are the fingerprints, "" where they are not known.
	Secret                 bool
	SecretWant, SecretLast string
	// Ignored says why the difference is shown and not acted on; "" if it is
	// acted on.
	Ignored string
}

// Dotted is the path as plans print it.
func (c Change) Dotted() string { return strings.Join(c.Path, ".") }
