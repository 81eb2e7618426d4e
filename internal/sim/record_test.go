package sim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
)

// A recordKind is what happened.
type recordKind string

const (
	published  recordKind = "published" // the branch shows another commit
	fetched    recordKind = "fetched"   // a process has read the branch
	prepared   recordKind = "prepared"  // a process has made a plan
	approvals  recordKind = "approvals" // a process has asked what is approved
	granted    recordKind = "granted"   // the user has approved a plan
	passEnded  recordKind = "ended"
	died       recordKind = "died"
	requested  recordKind = "request"
	journalled recordKind = "journal"
	edited     recordKind = "edited" // by the user, in the workspace
	heldUp     recordKind = "held"   // the target was put on hold, or released
	settledRec recordKind = "settled"
	swapped    recordKind = "swapped" // the journal is another one
	checkedRec recordKind = "checked" // a deployment was asked
)

// A record is one thing that happened. All that the invariants know they know
// from records, in the order in which they happened.
type record struct {
	kind recordKind
	at   time.Duration
	p    int   // the replica
	gen  int64 // its run
	err  error

	// Of requests.
	method, path, query string
	asset               string // the path below the workspace
	body, answer        []byte
	status              int
	fault               string
	effect              bool // it reached the service, or the journal
	known               bool // the client learns how it ended
	before, after       map[string]any

	// Of the journal.
	call   string
	key    plan.Key
	action plan.Action
	intent int64
	ends   []reconcile.End
	owned  []plan.Owned
	rolls  []plan.RolloutRecord

	// Of the rest.
	commit *commit
	task   string
	run    plan.Run
	plan   *plan.Plan
	allow  []string
	text   string
	name   string
	world  looker
}

// writes reports whether a request changes, or tries to change, an asset.
func (r *record) writes() bool {
	return r.kind == requested && r.asset != "" && r.method != http.MethodGet && r.method != http.MethodHead
}

// String is one line of the trace. Equal seeds give equal lines.
func (r *record) String() string {
	var b strings.Builder
	switch r.kind {
	case requested:
		fmt.Fprintf(&b, "%s %s", r.method, strings.TrimPrefix(r.path, scope.WorkspaceID()))
		if r.query != "" {
			b.WriteString("?" + r.query)
		}
		if r.status != 0 || r.fault != "" {
			fmt.Fprintf(&b, " -> %d %s", r.status, r.fault)
		}
		if len(r.body) > 0 {
			b.WriteString(" body " + digest(r.body))
		}
	case journalled:
		fmt.Fprintf(&b, "journal %s", r.call)
		if r.call == "intend" {
			fmt.Fprintf(&b, " %d %s %s", r.intent, r.action, r.key)
		}
		for _, roll := range r.rolls {
			fmt.Fprintf(&b, " %s %s (%s) pause %v", roll.ID, roll.State, roll.Shares, roll.Pause)
		}
		for _, e := range r.ends {
			fmt.Fprintf(&b, " %d %s %s %s", e.Intent, e.Outcome.Key, e.Outcome.State, e.Outcome.Code)
		}
		if r.fault != "" {
			b.WriteString(" " + r.fault)
		}
	case passEnded:
		fmt.Fprintf(&b, "ended %s %s", r.task, r.run.State)
	case published, fetched:
		b.WriteString(string(r.kind))
		if r.commit != nil {
			fmt.Fprintf(&b, " %s", r.commit.hash[:7])
		}
	case checkedRec:
		fmt.Fprintf(&b, "checked %s/deployments/%s %s", r.asset, r.name, r.text)
	case approvals, granted: // a digest of a plan holds a key of the journal's own
		fmt.Fprintf(&b, "%s %v", r.kind, r.allow)
	default:
		fmt.Fprintf(&b, "%s %s %v", r.kind, r.text, r.allow)
	}
	if r.err != nil {
		b.WriteString(" failed")
	}
	return b.String()
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:4])
}

// at looks up a value in a JSON document.
func at(doc map[string]any, path ...string) any {
	var v any = doc
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func text(doc map[string]any, path ...string) string {
	s, _ := at(doc, path...).(string)
	return s
}

// tagsOf are the tags of an asset: endpoints, deployments and computes have
// them beside the properties, all others within.
func tagsOf(doc map[string]any) map[string]any {
	if m, ok := at(doc, "properties", "tags").(map[string]any); ok {
		return m
	}
	m, _ := at(doc, "tags").(map[string]any)
	return m
}

// stamped is who is said to own an asset.
func stamped(doc map[string]any) string {
	s, _ := tagsOf(doc)["mlsync-owner"].(string)
	return s
}

func isArchived(doc map[string]any) bool {
	b, _ := at(doc, "properties", "isArchived").(bool)
	return b
}
