package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Gate is one condition under which a target takes a release.
type Gate struct {
	// Name is unique within the target.
	Name string
	// Deadline is how long it may stay shut before it has failed.
	Deadline time.Duration
	Rule     Rule
}

// Digest is the hash over all that the gate asks: a gate that is changed is
// another gate, and begins anew.
func (g *Gate) Digest() string {
	rule, err := json.Marshal(g.Rule)
	if err != nil {
		panic(err) // rules are plain values
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", g.Rule.Type(), g.Deadline, rule))
	return hex.EncodeToString(sum[:8])
}

// Rule is what a gate asks.
type Rule interface {
	// Type is the word of mlsync.yaml for it, such as soak.
	Type() string
	look(ctx context.Context, c *Case, seen sight) finding
}

// State is how a gate stands.
type State string

// A gate that has failed stays so until somebody approves the release all the
// same.
const (
	Open   State = "open"
	Shut   State = "shut"
	Failed State = "failed"
)

// Verdict is what was found of a gate.
type Verdict struct {
	Gate, Type string
	// Rule is the digest of the gate that was looked at.
	Rule  string
	State State
	// Why is one sentence for people.
	Why string
	// Evidence is what the verdict rests on.
	Evidence map[string]string
	// Since is the first look, At the last one.
	Since, At time.Time
	// Next is when it is looked at again, zero for never.
	Next time.Time
	// Deadline is when it fails.
	Deadline time.Time
}

// Release is what the target is to take.
type Release struct {
	Name, Fingerprint string
	// Source is the target that it was made in, at Commit.
	Source, Commit string
	Models         []Model
}

// Model is a model with what is known of how good it is.
type Model struct {
	ID asset.ID
	// Metrics are those of the job that made it.
	Metrics          map[string]string
	Tags, Properties map[string]string
}

// Run is one pass over a target, as the journal has it.
type Run struct {
	ID string
	// Ended is when it ended.
	Ended           time.Time
	Commit, Release string
	// Ill says what was wrong after it: steps that failed, drift; "" for
	// nothing.
	Ill string
}

// History is what passes over targets have found.
type History interface {
	// Runs are the passes over a target that have ended, newest first, as far
	// back as the journal goes or until done says that it is enough.
	Runs(ctx context.Context, target string, done func(Run) bool) error
	// Ask asks for a look at the target soon.
	Ask(ctx context.Context, target string) error
}

// Champions says what is live in the target.
type Champions interface {
	// Champion is the version of a model that is live; nil if there is none.
	Champion(ctx context.Context, model asset.ID) (*Model, error)
}

// Call is a request to an online endpoint of a target.
type Call struct {
	Target, Endpoint, Deployment string
	Body                         []byte
	Timeout                      time.Duration
}

// Request is one to an address.
type Request struct {
	URL, Method string
	Body        []byte
	Timeout     time.Duration
}

// Answer is what came back.
type Answer struct {
	Status int
	Body   []byte
	// By is the deployment that answered, "" if that is not known.
	By string
}

// Probe asks from outside.
type Probe interface {
	Invoke(ctx context.Context, c Call) (Answer, error)
	Fetch(ctx context.Context, r Request) (Answer, error)
}

// Approval is the consent of one person.
type Approval struct {
	Author string
	At     time.Time
}

// Consent is who approved what.
type Consent interface {
	// Approvals are those that hold for a gate and the release, oldest first.
	Approvals(ctx context.Context, gate string) ([]Approval, error)
}

// Case is one release before the gates of one target.
type Case struct {
	Target  string
	Release Release
	// Committers are names and addresses of who made the commit.
	Committers []string
	History    History
	Champions  Champions
	Probe      Probe
	Consent    Consent
}

// sight is when a gate is looked at, since when it has been, and its name.
type sight struct {
	now, since time.Time
	gate       string
}

// finding is what one look found. Failed is what no waiting changes.
type finding struct {
	state    State
	why      string
	evidence map[string]string
	next     time.Time
}

func open(why string, evidence map[string]string) finding {
	return finding{state: Open, why: why, evidence: evidence}
}

func shut(next time.Time, why string, evidence map[string]string) finding {
	return finding{state: Shut, why: why, evidence: evidence, next: next}
}

func failed(why string, evidence map[string]string) finding {
	return finding{state: Failed, why: why, evidence: evidence}
}

// The waits between two looks at what may change at any time: a quarter of how
// long it has been shut, within bounds.
const (
	shortest = 5 * time.Second
	longest  = 5 * time.Minute
)

// later is when to look again at what may change at any time.
func (s sight) later() time.Time {
	return s.now.Add(min(longest, max(shortest, s.now.Sub(s.since)/4)))
}
