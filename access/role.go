package access

import "slices"

// Role is what somebody is in a project. The roles are fixed.
type Role string

// The roles. A Viewer sees everything but the audit; an Operator also makes
// things go on, stop and change hands; an Approver sees the audit and approves,
// and need not be an Operator; an Admin may do everything.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
	Approver Role = "approver"
	Admin    Role = "admin"
)

// Roles are all roles, from the least to the most.
func Roles() []Role { return []Role{Viewer, Operator, Approver, Admin} }

// Action is what is asked for, one word an endpoint.
type Action string

// The actions.
const (
	Read         Action = "read"          // targets, runs, plans, drift, events: all that is no secret and no audit
	ReadAudit    Action = "read-audit"    // who did what
	Sync         Action = "sync"          // let a pass begin now
	Hold         Action = "hold"          // hold a target, and resume it
	Abort        Action = "abort"         // stop the pass that runs
	PutOff       Action = "put-off"       // put drift off until a time
	Adopt        Action = "adopt"         // take assets over
	Disown       Action = "disown"        // let assets go
	Promote      Action = "promote"       // bring a release to a target
	Approve      Action = "approve"       // approve a plan, a gate or a rollout
	OwnTokens    Action = "own-tokens"    // create, list and revoke tokens of one's own
	ManageTokens Action = "manage-tokens" // list and revoke those of everybody
)

// Actions are all actions.
func Actions() []Action {
	return []Action{Read, ReadAudit, Sync, Hold, Abort, PutOff, Adopt, Disown, Promote, Approve, OwnTokens, ManageTokens}
}

// mayDo is the table. What does not stand in it is refused.
var mayDo = map[Action][]Role{
	Read:         {Viewer, Operator, Approver, Admin},
	ReadAudit:    {Approver, Admin},
	Sync:         {Operator, Admin},
	Hold:         {Operator, Admin},
	Abort:        {Operator, Admin},
	PutOff:       {Operator, Admin},
	Adopt:        {Operator, Admin},
	Disown:       {Operator, Admin},
	Promote:      {Operator, Admin},
	Approve:      {Approver, Admin},
	OwnTokens:    {Viewer, Operator, Approver, Admin},
	ManageTokens: {Admin},
}

// Does reports whether the role may do it.
func (r Role) Does(a Action) bool { return slices.Contains(mayDo[a], r) }

// Covers reports whether r may do all that other may, so that who has r may
// give other away.
func (r Role) Covers(other Role) bool {
	if !slices.Contains(Roles(), other) {
		return false
	}
	for _, a := range Actions() {
		if other.Does(a) && !r.Does(a) {
			return false
		}
	}
	return true
}
