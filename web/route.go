package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"mlsync.dev/mlsync/access"
)

// reach says where a principal must be allowed to do what a route does.
type reach int

const (
	// anyone has shown who it is; what is answered is its own.
	anyone reach = iota
	// listed is allowed it in one project at least, and is told of those only.
	listed
	// within is allowed it in the project of the path. A project that may not be
	// read is not there.
	within
	// ofTarget is within, with a target of the project.
	ofTarget
)

// route is one row of the table.
type route struct {
	method, path string
	// name is the operation for programs, does the sentence for people.
	name, does string
	// action is what the principal must be allowed; "" with anyone only.
	action access.Action
	reach  reach
	query  []param
	// body is a pointer to what the request holds; nil if it holds nothing.
	body any
	// optional says that the body may be left out.
	optional bool
	// answer is what is answered with status; nil for an empty answer.
	answer any
	status int
	// unnoted says that the Book does not write down by itself that it was done.
	unnoted bool
	// forms are media types beside JSON, which the query format or Accept choose.
	forms  []string
	handle func(s *Server, c *call) (any, error)
}

// param is a member of the query.
type param struct {
	name, does string
	// of is text, needed, number, glob, time or one of the words with commas between them.
	of string
}

var (
	pages     = []param{{"limit", "How many items a page has: 1 to 1000, 100 if it is left out.", "number"}, {"cursor", "Where the page begins: next of the one before.", "text"}}
	byTarget  = []param{{"project", "Only this project.", "text"}, {"target", "Only this target.", "text"}}
	byAsset   = []param{{"kind", "Only assets of this kind, such as environment.", "text"}, {"name", "Only assets with a name that the glob matches.", "glob"}}
	planForms = []param{{"format", "The form: json, text or markdown. Without it, the header Accept decides.", "json,text,markdown"}}
)

func with(lists ...[]param) []param {
	var out []param
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// The paths of one project, target and run.
const (
	base       = "/api/v1"
	projectURL = base + "/projects/{project}"
	targetURL  = projectURL + "/targets/{target}"
)

const (
	textPlain = "text/plain"
	markdown  = "text/markdown"
	stream    = "text/event-stream"
	// founds are the states of drift that was found.
	founds = "open,accepted,corrected,gone"
	// healths are those of a target.
	healths = "in_sync,working,pending,waiting,held,failed,unknown"
)

// table is all that the API has, in the order of the reference.
func table() []route {
	return append(append(readRoutes(), actRoutes()...), adminRoutes()...)
}

func readRoutes() []route {
	return []route{
		{method: "GET", path: base + "/openapi.json", name: "openapi", does: "This API as an OpenAPI 3.1 document", reach: anyone, answer: map[string]any{}, handle: (*Server).document},
		{method: "GET", path: base + "/version", name: "version", does: "Which mlsync answers", reach: anyone, answer: Version{}, handle: (*Server).version},
		{method: "GET", path: base + "/whoami", name: "whoami", does: "Who asks, and with which roles", reach: anyone, answer: Identity{}, handle: (*Server).whoami},
		{method: "GET", path: base + "/projects", name: "listProjects", does: "The projects that you may read", action: access.Read, reach: listed, query: pages, answer: Page[ProjectInfo]{}, handle: (*Server).projects},
		{
			method: "GET", path: base + "/targets", name: "listTargets", does: "The state of targets, by project and name", action: access.Read, reach: listed,
			query: with([]param{byTarget[0], {"name", "Only targets with a name that the glob matches.", "glob"}, {"health", "Only targets of this health.", healths}}, pages), answer: Page[Target]{}, handle: (*Server).targets,
		},
		{method: "GET", path: targetURL, name: "getTarget", does: "The state of one target", action: access.Read, reach: ofTarget, answer: Details{}, handle: (*Server).target},
		{
			method: "GET", path: targetURL + "/plan", name: "getPlan", does: "The plan that the target made last: the one that waits, if something waits", action: access.Read, reach: ofTarget,
			query: planForms, answer: anyJSON{"mlsync.plan/1: docs/reference/plan-json.md"}, forms: []string{textPlain, markdown}, handle: (*Server).plan,
		},
		{
			method: "GET", path: targetURL + "/drift", name: "getDrift", does: "What the last plan saw changed outside git, field by field", action: access.Read, reach: ofTarget,
			query: []param{{"format", "The form: json or text. Without it, the header Accept decides.", "json,text"}}, answer: anyJSON{"mlsync.drift/1: as mlsync drift --json prints it"}, forms: []string{textPlain}, handle: (*Server).targetDrift,
		},
		{method: "GET", path: targetURL + "/gates", name: "getGates", does: "The gates of a target and what they say", action: access.Read, reach: ofTarget, answer: Gates{}, handle: (*Server).gates},
		{method: "GET", path: targetURL + "/releases", name: "listReleases", does: "The releases that a target took, newest first", action: access.Read, reach: ofTarget, answer: Page[Release]{}, handle: (*Server).releases},
		{
			method: "GET", path: targetURL + "/history", name: "listHistory", does: "What was done to an asset, newest first", action: access.Read, reach: ofTarget,
			query: with([]param{{"asset", "The asset, such as environment/train; without a version, all of them.", "needed"}}, pages), answer: Page[Past]{}, handle: (*Server).history,
		},
		{
			method: "GET", path: base + "/runs", name: "listRuns", does: "Runs, by project, newest first", action: access.Read, reach: listed,
			query: with(byTarget, []param{{"state", "Only runs that ended so.", "done,failed,waiting"}, {"trigger", "Only runs of this cause, such as sync or drift.", "text"}, {"commit", "Only runs of this commit.", "text"}}, pages), answer: Page[Run]{}, handle: (*Server).runs,
		},
		{method: "GET", path: projectURL + "/runs/{run}", name: "getRun", does: "A run with its outcomes", action: access.Read, reach: within, answer: RunDetails{}, handle: (*Server).run},
		{
			method: "GET", path: base + "/drift", name: "listDrift", does: "Assets that were changed outside git, as the last run of each target saw them", action: access.Read, reach: listed,
			query: with(byTarget, byAsset, pages), answer: Page[Drift]{}, handle: (*Server).drift,
		},
		{
			method: "GET", path: base + "/inbox", name: "listInbox", does: "Drift that runs have found, as people deal with it: what waits for somebody, and what became of the rest", action: access.Read, reach: listed,
			query: with(byTarget, byAsset, []param{{"state", "Only drift in this state; open and accepted if it is left out.", founds + ",all"}}, pages), answer: Page[Found]{}, handle: (*Server).inbox,
		},
		{
			method: "GET", path: base + "/assets", name: "listAssets", does: "Assets that mlsync manages, by project, target and id", action: access.Read, reach: listed,
			query: with(byTarget, byAsset, pages), answer: Page[Asset]{}, handle: (*Server).assets,
		},
		{
			method: "GET", path: base + "/events", name: "listEvents", does: "What happened, by project, newest first; with Accept: text/event-stream, what happens from now on, or after the header Last-Event-ID", action: access.Read, reach: listed,
			query: with(byTarget, pages), answer: Page[Event]{}, forms: []string{stream}, handle: (*Server).events,
		},
		{
			method: "GET", path: base + "/approvals", name: "listApprovals", does: "Approvals that hold, by project, oldest first", action: access.Read, reach: listed,
			query: with(byTarget, pages), answer: Page[Approval]{}, handle: (*Server).approvals,
		},
	}
}

func actRoutes() []route {
	return []route{
		{method: "POST", path: targetURL + "/sync", name: "sync", does: "Let a pass over the target begin now", action: access.Sync, reach: ofTarget, answer: Queued{}, status: http.StatusAccepted, unnoted: true, handle: (*Server).sync},
		{method: "POST", path: targetURL + "/abort", name: "abort", does: "Stop the run that is under way", action: access.Abort, reach: ofTarget, body: &AbortRequest{}, optional: true, answer: Stopped{}, handle: (*Server).abort},
		{method: "PUT", path: targetURL + "/hold", name: "hold", does: "Put the target on hold: no write begins", action: access.Hold, reach: ofTarget, body: &HoldRequest{}, answer: Hold{}, handle: (*Server).hold},
		{method: "POST", path: targetURL + "/drift/ignore", name: "ignoreDrift", does: "Put the drift of an asset off until a time, or no longer", action: access.PutOff, reach: ofTarget, body: &IgnoreRequest{}, answer: Found{}, handle: (*Server).ignoreDrift},
		{method: "DELETE", path: targetURL + "/hold", name: "unhold", does: "End the hold", action: access.Hold, reach: ofTarget, status: http.StatusNoContent, handle: (*Server).unhold},
		{
			method: "POST", path: targetURL + "/approvals", name: "approve", does: "Approve what a plan, or a release before its gates, asks for", action: access.Approve, reach: ofTarget,
			body: &ApproveRequest{}, answer: Approval{}, status: http.StatusCreated, handle: (*Server).approve,
		},
		{method: "DELETE", path: targetURL + "/approvals/{approval}", name: "withdrawApproval", does: "Take an approval back that was not used", action: access.Approve, reach: ofTarget, status: http.StatusNoContent, handle: (*Server).withdraw},
	}
}

func adminRoutes() []route {
	return []route{
		{
			method: "GET", path: base + "/audit", name: "listAudit", does: "Who did what, by project, newest first", action: access.ReadAudit, reach: listed,
			query: with(byTarget, []param{
				{"actor", "Only what this subject did.", "text"},
				{"action", "Only this action, such as hold.", "text"},
				{"since", "Only from this time on.", "time"},
				{"until", "Only before this time.", "time"},
			}, pages), answer: Page[Entry]{}, handle: (*Server).audit,
		},
		{
			method: "GET", path: base + "/tokens", name: "listTokens", does: "Your API tokens, and in projects in which you manage them those of all, without their secrets", action: access.OwnTokens, reach: listed,
			query: with(byTarget[:1], pages), answer: Page[Token]{}, handle: (*Server).tokens,
		},
		{
			method: "POST", path: projectURL + "/tokens", name: "createToken", does: "Make an API token for the project; its secret is shown this once", action: access.OwnTokens, reach: within,
			body: &TokenRequest{}, answer: NewToken{}, status: http.StatusCreated, handle: (*Server).makeToken,
		},
		{method: "DELETE", path: projectURL + "/tokens/{token}", name: "revokeToken", does: "Revoke an API token: your own, or any in a project in which you manage them", action: access.OwnTokens, reach: within, status: http.StatusNoContent, handle: (*Server).revokeToken},
	}
}

// writes reports whether the route changes something.
func (r *route) writes() bool { return r.method != http.MethodGet }

// ok is the status of a good answer.
func (r *route) ok() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// segments are the names in braces of the path.
func (r *route) segments() []string {
	var out []string
	for part := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			out = append(out, strings.TrimSuffix(name, "}"))
		}
	}
	return out
}

// call is one request that may be answered.
type call struct {
	ctx     context.Context //nolint:containedctx // a call is one request
	w       http.ResponseWriter
	r       *http.Request
	route   *route
	who     access.Principal
	request string
	// projects are those in which the principal may do what the route does.
	projects []Project
	// project and target are those of the path.
	project Project
	target  string
	query   map[string]string
	body    any
	now     time.Time
}

// form is an answer that is not made of JSON here.
type form struct {
	media string
	body  []byte
	etag  string
	exits string
	run   string
}

// anyJSON stands for JSON that is described elsewhere.
type anyJSON struct{ what string }
