package reconcile

import "mlsync.dev/mlsync/plan"

// EventKind is what happened.
type EventKind string

// The events of a run.
const (
	StepStarted  EventKind = "step_started"
	StepProgress EventKind = "step_progress"
	StepUpload   EventKind = "step_upload"
	StepCopy     EventKind = "step_copy"
	StepDone     EventKind = "step_done"
	StepFailed   EventKind = "step_failed"
	StepBlocked  EventKind = "step_blocked"
)

// Event tells a watcher how a run goes on.
type Event struct {
	Kind EventKind
	Step *plan.Step
	// Text is the state of a long-running operation.
	Text string
	// Done and Total are the bytes of an upload or a copy.
	Done, Total int64
	Outcome     plan.Outcome
}
