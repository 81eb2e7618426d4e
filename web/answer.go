package web

import (
	"encoding/json"
	"time"
)

// The answers. They are what the OpenAPI document shows; doc is what it says of
// a member. Members may be added, never changed or removed within /api/v1.

// Page is one page of a list, in an order that does not change.
type Page[T any] struct {
	Items []T `json:"items"`
	// Next is empty on the last page.
	Next string `json:"next,omitempty" doc:"Cursor of the next page; left out on the last."`
}

// ProjectInfo is a project that the principal may read.
type ProjectInfo struct {
	Name    string   `json:"name"`
	Targets int      `json:"targets" doc:"How many targets it has."`
	Roles   []string `json:"roles" doc:"What you are in it."`
}

// Target is the state of one target.
type Target struct {
	Project   string     `json:"project"`
	Name      string     `json:"name"`
	Workspace string     `json:"workspace,omitempty" doc:"Resource id of the workspace or registry, once a pass has looked at it."`
	Health    string     `json:"health" enum:"in_sync,working,pending,waiting,held,failed,unknown" doc:"The worst that is to be said: failed, held, waiting (before a gate), pending (for an approval, a rollout or what is left), working, in_sync, or unknown before the first pass."`
	InSync    bool       `json:"in_sync" doc:"The last pass compared everything and left nothing undone."`
	Commit    string     `json:"commit,omitempty" doc:"The commit that was applied last."`
	Applied   *time.Time `json:"applied,omitempty"`
	Managed   int        `json:"managed" doc:"How many assets are managed."`
	Drifted   int        `json:"drifted" doc:"How many of them had drifted at the last look."`
	Failed    int        `json:"failed" doc:"How many steps of the last run failed."`
	Hold      *Hold      `json:"hold,omitempty"`
	Window    *Window    `json:"window,omitempty" doc:"What its change windows say now, if it has any."`
	Busy      string     `json:"busy,omitempty" doc:"Who works on it now."`
	LastRun   *Run       `json:"last_run,omitempty"`
	Pending   *Pending   `json:"pending,omitempty" doc:"What waits for an approval."`
	Waiting   string     `json:"waiting,omitempty" doc:"The release that waits before the gates."`
	Gates     []Gate     `json:"gates,omitempty" doc:"The verdicts on the gates before which it waits."`
	Rollouts  []Rollout  `json:"rollouts,omitempty" doc:"Rollouts that have not come to their end."`
	Wrong     []Wrong    `json:"wrong,omitempty" doc:"What is wrong with it, by a stable word."`
}

// Window is what the change windows of a target say.
type Window struct {
	Open  bool       `json:"open"`
	Turns *time.Time `json:"turns,omitempty" doc:"When that changes."`
	Why   string     `json:"why"`
}

// Details are what is said of one target alone.
type Details struct {
	Target
	FailedSteps []string `json:"failed_steps,omitempty" doc:"Assets whose steps failed in the last run, and why."`
	DriftedIDs  []string `json:"drifted_assets,omitempty"`
	Left        []string `json:"left,omitempty" doc:"Drift that is left although it is to be corrected, and why."`
}

// Hold says who holds a target, why and until when.
type Hold struct {
	Author string     `json:"author"`
	Why    string     `json:"why"`
	At     time.Time  `json:"at"`
	Until  *time.Time `json:"until,omitempty" doc:"When it ends by itself; left out if it does not."`
}

// Pending is what a plan asks to be approved.
type Pending struct {
	Plan    string   `json:"plan,omitempty" doc:"Digest of the plan."`
	Release string   `json:"release,omitempty" doc:"Fingerprint of the release whose gates wait."`
	Needs   []string `json:"needs" doc:"The approvals that are asked for."`
}

// Wrong is one thing that is wrong with a target.
type Wrong struct {
	What     string    `json:"what"`
	Asset    string    `json:"asset,omitempty"`
	Code     string    `json:"code,omitempty"`
	Severity string    `json:"severity"`
	Text     string    `json:"text"`
	Since    time.Time `json:"since"`
}

// Rollout is traffic that moves in steps.
type Rollout struct {
	Asset  string         `json:"asset"`
	State  string         `json:"state"`
	Before map[string]int `json:"before,omitempty"`
	Shares map[string]int `json:"shares,omitempty"`
	Mirror map[string]int `json:"mirror,omitempty"`
	Since  time.Time      `json:"since"`
	Why    string         `json:"why,omitempty"`
}

// Run is one pass over a target.
type Run struct {
	ID      string         `json:"id"`
	Project string         `json:"project"`
	Target  string         `json:"target"`
	Commit  string         `json:"commit,omitempty"`
	Trigger string         `json:"trigger"`
	State   string         `json:"state,omitempty" doc:"How it ended; left out while it runs."`
	Plan    string         `json:"plan,omitempty" doc:"Digest of the plan."`
	Release string         `json:"release,omitempty"`
	Started time.Time      `json:"started"`
	Ended   *time.Time     `json:"ended,omitempty"`
	Summary map[string]int `json:"summary,omitempty" doc:"How many steps of each action."`
	Error   string         `json:"error,omitempty"`
}

// RunDetails is a run with its outcomes.
type RunDetails struct {
	Run
	Outcomes []Outcome `json:"outcomes" doc:"In the order in which the steps began."`
}

// Outcome is what became of one step.
type Outcome struct {
	Asset     string    `json:"asset"`
	Part      string    `json:"part,omitempty"`
	Action    string    `json:"action"`
	State     string    `json:"state"`
	Error     string    `json:"error,omitempty"`
	Code      string    `json:"code,omitempty" doc:"The error code of the service."`
	Request   string    `json:"request_id,omitempty" doc:"The request id of the service."`
	BlockedBy string    `json:"blocked_by,omitempty"`
	Started   time.Time `json:"started"`
	TookMS    int64     `json:"took_ms"`
}

// Past is one step in the life of an asset.
type Past struct {
	Outcome
	ID      int64  `json:"id"`
	Run     string `json:"run"`
	Project string `json:"project"`
	Target  string `json:"target"`
	Commit  string `json:"commit,omitempty"`
	Trigger string `json:"trigger"`
}

// Drift is one asset that was changed outside git, as the last run saw it.
type Drift struct {
	Project   string    `json:"project"`
	Target    string    `json:"target"`
	Asset     string    `json:"asset"`
	Paths     []string  `json:"paths" doc:"The fields; none if the asset was deleted."`
	ChangedBy string    `json:"changed_by,omitempty"`
	ChangedAt string    `json:"changed_at,omitempty"`
	Seen      time.Time `json:"seen"`
	Run       string    `json:"run"`
	Revert    bool      `json:"revert" doc:"The run set out to change it back."`
	Held      string    `json:"held,omitempty" doc:"Why it is left although it is to be corrected."`
}

// Found is drift of one asset, as people deal with it.
type Found struct {
	Project   string     `json:"project"`
	Target    string     `json:"target"`
	Asset     string     `json:"asset"`
	State     string     `json:"state" doc:"open waits for somebody; accepted is to stay; corrected was changed back; gone was not there any more."`
	Paths     []string   `json:"paths" doc:"The fields that differ; none if the asset was deleted."`
	ChangedBy string     `json:"changed_by,omitempty" doc:"What the service says of the last change."`
	ChangedAt string     `json:"changed_at,omitempty"`
	Run       string     `json:"run" doc:"The run that saw it last."`
	First     time.Time  `json:"first" doc:"When it was seen first."`
	Last      time.Time  `json:"last"`
	Turned    time.Time  `json:"turned" doc:"Since when the state is what it is."`
	Author    string     `json:"author,omitempty" doc:"Who made the state what it is; a run has no author."`
	Why       string     `json:"why,omitempty"`
	Until     *time.Time `json:"until,omitempty" doc:"Until when it is put off."`
}

// Asset is an asset that mlsync manages.
type Asset struct {
	Project string    `json:"project"`
	Target  string    `json:"target"`
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Origin  string    `json:"origin" doc:"created or adopted."`
	ARM     string    `json:"arm_id,omitempty"`
	File    string    `json:"file,omitempty"`
	Commit  string    `json:"commit,omitempty"`
	At      time.Time `json:"at"`
}

// Event is one thing that happened.
type Event struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Project string    `json:"project,omitempty"`
	Target  string    `json:"target,omitempty"`
	What    string    `json:"what" doc:"A stable word, such as hold or run_done."`
	Author  string    `json:"author,omitempty"`
	Asset   string    `json:"asset,omitempty"`
	Text    string    `json:"text,omitempty"`
}

// Approval is somebody's leave to do once what a guard would refuse.
type Approval struct {
	ID      int64      `json:"id"`
	Project string     `json:"project"`
	Target  string     `json:"target"`
	For     string     `json:"for" doc:"Digest of what it is bound to: a plan's consent, or a release."`
	Allow   []string   `json:"allow"`
	Author  string     `json:"author"`
	At      time.Time  `json:"at"`
	Expires *time.Time `json:"expires,omitempty"`
}

// Gates are the gates of a target and what is known of them.
type Gates struct {
	Target      string `json:"target"`
	Release     string `json:"release,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Commit      string `json:"commit,omitempty"`
	State       string `json:"state" doc:"waiting, refused, taken, left (git has another release now) or none."`
	Gates       []Gate `json:"gates"`
}

// Gate is the verdict on one gate.
type Gate struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	State    string            `json:"state"`
	Why      string            `json:"why"`
	Evidence map[string]string `json:"evidence,omitempty"`
	Since    *time.Time        `json:"since,omitempty"`
	At       *time.Time        `json:"at,omitempty"`
	Next     *time.Time        `json:"next,omitempty"`
	Deadline *time.Time        `json:"deadline,omitempty"`
}

// Release is a release that a target took.
type Release struct {
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"`
	Commit      string    `json:"commit"`
	Run         string    `json:"run"`
	At          time.Time `json:"at"`
}

// Kept is the plan that a target made last, in its forms.
type Kept struct {
	Digest   string
	JSON     json.RawMessage // mlsync.plan/1
	Text     string
	Markdown string
	Drift    json.RawMessage // mlsync.drift/1
	DriftFor string          // the drift as a text
	// Exits are the exit codes of mlsync plan, without and with --exit-code.
	Exits [2]int
	// Run is the one that made it, and how it ended: "dev-7 done".
	Run string
}

// Token is an API token without its secret.
type Token struct {
	ID      string     `json:"id"`
	Project string     `json:"project"`
	Name    string     `json:"name"`
	Role    string     `json:"role" enum:"viewer,operator,approver,admin"`
	Owner   string     `json:"owner" doc:"The subject that it acts for."`
	Author  string     `json:"author,omitempty" doc:"Who made it, for people."`
	Created time.Time  `json:"created"`
	Expires time.Time  `json:"expires"`
	Used    *time.Time `json:"used,omitempty" doc:"When it was used last, give or take a minute."`
	Revoked *time.Time `json:"revoked,omitempty"`
}

// NewToken is a token that was just made; nobody sees its secret again.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"Shown this once."`
}

// Grant is a role in a project.
type Grant struct {
	Role    string `json:"role" enum:"viewer,operator,approver,admin"`
	Project string `json:"project" doc:"A project, or * for all."`
}

// Entry is one line of the audit.
type Entry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Via     string    `json:"via,omitempty" doc:"cli, api, webhook or daemon."`
	From    string    `json:"from,omitempty" doc:"An address or a machine."`
	Action  string    `json:"action"`
	Project string    `json:"project,omitempty"`
	Target  string    `json:"target,omitempty"`
	Asset   string    `json:"asset,omitempty"`
	Outcome string    `json:"outcome"`
	Detail  string    `json:"detail,omitempty"`
	Prev    string    `json:"prev" doc:"The hash of the line before."`
	Hash    string    `json:"hash" doc:"The hash of this line, so that nobody changes one without a trace."`
}

// Identity is who asks.
type Identity struct {
	Subject string     `json:"subject"`
	Name    string     `json:"name,omitempty"`
	Kind    string     `json:"kind"`
	Grants  []Grant    `json:"grants"`
	Expires *time.Time `json:"expires,omitempty"`
}

// Version is what answers.
type Version struct {
	Version string `json:"version"`
	API     string `json:"api"`
}

// Stopped says what an abort stopped.
type Stopped struct {
	Stopped string `json:"stopped" doc:"Who worked on the target; empty if nobody did."`
}

// Queued says that a pass is in the queue, where it lasts.
type Queued struct {
	Target string `json:"target"`
	Queued bool   `json:"queued"`
}

// The requests.

// HoldRequest puts a target on hold.
type HoldRequest struct {
	Why   string     `json:"why" need:"true" doc:"Shown to whoever is refused."`
	Until *time.Time `json:"until,omitempty" doc:"When the hold ends by itself."`
}

// IgnoreRequest puts the drift of an asset off.
type IgnoreRequest struct {
	Asset string     `json:"asset" need:"true" doc:"Its id, such as online-endpoint/taxi."`
	Until *time.Time `json:"until,omitempty" doc:"Until when: it is neither changed back nor waits for somebody, unless it becomes another. Left out, it waits again."`
	Why   string     `json:"why,omitempty"`
}

// AbortRequest stops the run that is under way.
type AbortRequest struct {
	Hold bool   `json:"hold,omitempty" doc:"Keep the target on hold."`
	Why  string `json:"why,omitempty"`
}

// ApproveRequest approves what a plan or a release asks for.
type ApproveRequest struct {
	Plan    string     `json:"plan,omitempty" doc:"Digest of the plan that is approved: pending.plan of the target."`
	Release string     `json:"release,omitempty" doc:"Fingerprint of the release whose gates are approved: pending.release of the target."`
	Allow   []string   `json:"allow" need:"true" doc:"Some of pending.needs."`
	Expires *time.Time `json:"expires,omitempty" doc:"When it ends by itself; a day from now if it is left out, 30 days at most."`
}

// TokenRequest makes a token.
type TokenRequest struct {
	Name    string    `json:"name" need:"true"`
	Role    string    `json:"role" need:"true" enum:"viewer,operator,approver,admin" doc:"It may do no more than one that you have in the project."`
	Expires time.Time `json:"expires" need:"true"`
}
