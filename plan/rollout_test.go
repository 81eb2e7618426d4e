package plan

import (
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
)

// TestDecide: how far traffic may go, by what is live, what the journal knows
// and what the checks say.
func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC)
	blue, part, green := Shares{"blue": 100}, Shares{"blue": 90, "green": 10}, Shares{"green": 100}
	running := func(shares Shares, ago time.Duration, pause bool) *RolloutRecord {
		return &RolloutRecord{Wanted: "w", State: Running, Before: blue, Shares: shares, Since: now.Add(-ago), Pause: pause}
	}
	returned := &RolloutRecord{Wanted: "w", State: Reverted, Before: blue, Shares: part, Since: now.Add(-time.Hour), Why: "503"}
	over := func(wanted string, shares Shares, ago time.Duration) *RolloutRecord {
		return &RolloutRecord{Wanted: wanted, State: Finished, Shares: shares, Since: now.Add(-ago)}
	}
	tests := []struct {
		name   string
		record *RolloutRecord
		live   Shares
		change func(f *RolloutFacts)
		unmade string
		says   VerdictState
		stage  Stage
		next   string
		state  RolloutState
	}{
		{name: "what is new is not there", live: blue, unmade: "it is made", stage: Preparing, next: "blue 100", state: Running},
		{name: "it begins at once", live: blue, stage: Moving, next: "blue 90, green 10", state: Running},
		{name: "it fails before it has traffic", live: blue, says: Rejected, stage: Returned, next: "blue 100", state: Reverted},
		{name: "no answer", live: blue, says: Unanswered, stage: Checking, next: "blue 100", state: Running},
		{name: "in the pause", record: running(part, 9*time.Minute, true), live: part, stage: Pausing, next: "blue 90, green 10", state: Running},
		{name: "after the pause", record: running(part, 10*time.Minute, true), live: part, stage: Moving, next: "green 100", state: Running},
		{name: "no answer for too long", record: running(part, 71*time.Minute, true), live: part, says: Unanswered, stage: Returning, next: "blue 100", state: Reverted},
		{name: "a check fails in the pause", record: running(part, time.Minute, true), live: part, says: Rejected, stage: Returning, next: "blue 100", state: Reverted},
		{name: "it stays when a check fails", record: running(part, time.Minute, true), live: part, says: Rejected, change: func(f *RolloutFacts) { f.Rule.Stay = true }, stage: Returned, next: "blue 90, green 10", state: Reverted},
		{name: "the last step has a pause", record: running(green, 9*time.Minute, true), live: green, stage: Pausing, next: "green 100", state: Running},
		{name: "and a check", record: running(green, 10*time.Minute, true), live: green, says: Rejected, stage: Returning, next: "blue 100", state: Reverted},
		{name: "it is over", record: running(green, 10*time.Minute, true), live: green, stage: Kept, next: "green 100", state: Finished},
		{name: "the step was made and not noted", record: running(blue, time.Hour, false), live: part, stage: Pausing, next: "blue 90, green 10", state: Running},
		{name: "the journal is lost", live: part, stage: Pausing, next: "blue 90, green 10", state: Running},
		{name: "the journal is lost, and a check fails", live: part, says: Rejected, stage: Returning, next: "blue 100", state: Reverted},
		{name: "returned", record: returned, live: blue, stage: Returned, next: "blue 100", state: Reverted},
		{name: "returned and not sent yet", record: returned, live: part, stage: Returning, next: "blue 100", state: Reverted},
		{name: "returned, and git wants another", record: returned, live: blue, change: func(f *RolloutFacts) { f.Wanted = "x" }, stage: Moving, next: "blue 90, green 10", state: Running},
		{name: "git takes it back", record: running(part, time.Minute, true), live: part, change: func(f *RolloutFacts) { f.Wanted, f.Want = "x", blue }, stage: Kept, next: "blue 100", state: Finished},
		{name: "taken back and not done, and git wants it again", record: &RolloutRecord{Wanted: "v", State: Finished, Before: blue, Shares: part, Since: now}, live: part, stage: Pausing, next: "blue 90, green 10", state: Running},
		{name: "the next one after one that is over", record: over("v", blue, time.Hour), live: blue, stage: Moving, next: "blue 90, green 10", state: Running},
		{name: "drift", record: over("w", green, time.Hour), live: blue, stage: Kept, next: "green 100", state: Finished},
		{name: "first traffic", live: Shares{}, stage: Kept, next: "green 100", state: Finished},
		{name: "first traffic that somebody set meanwhile", record: over("w", Shares{}, time.Minute), live: blue, stage: Moving, next: "blue 90, green 10", state: Running},
		{name: "taken off", record: running(part, time.Minute, true), live: Shares{}, stage: Moving, next: "blue 100", state: Running},
		{name: "something is being done to it", live: Shares{}, change: func(f *RolloutFacts) { f.Ready = false }, stage: Preparing, next: "none", state: ""},
		{name: "what is new has failed", record: running(part, time.Minute, true), live: part, unmade: "it is sent again", change: func(f *RolloutFacts) { f.Failed = func(name string) bool { return name == "green" } }, stage: Returning, next: "blue 100", state: Reverted},
		{name: "what fails gets back nothing that an earlier rollout took from it", record: &RolloutRecord{Wanted: "v", State: Running, Before: Shares{"blue": 40, "green": 60}, Shares: green, Since: now, Pause: true}, live: green, says: Rejected, change: func(f *RolloutFacts) { f.Wanted, f.Want = "x", blue }, stage: Returned, next: "green 100", state: Reverted},
		{name: "and the others get what it lacks", record: &RolloutRecord{Wanted: "v", State: Running, Before: Shares{"blue": 30, "green": 60, "grey": 10}, Shares: part, Since: now, Pause: true}, live: part, says: Rejected, stage: Returning, next: "blue 68, green 10, grey 22", state: Reverted},
		{name: "what is old has failed", live: blue, change: func(f *RolloutFacts) { f.Sound = func(name string) bool { return name == "green" } }, stage: Moving, next: "green 100", state: Running},
	}
	for _, tt := range tests {
		f := &RolloutFacts{
			ID: asset.ID{Kind: "online-endpoint", Name: "taxi"}, Rule: RolloutRule{Steps: []int{10, 100}, Pause: 10 * time.Minute, Deadline: time.Hour, Keep: 2 * time.Hour}, Now: now,
			Record: tt.record, Wanted: "w", Live: tt.live, Want: green, Ready: true, Gone: []string{"blue"},
			Sound: func(string) bool { return true }, Failed: func(string) bool { return false },
		}
		if tt.change != nil {
			tt.change(f)
		}
		if tt.says == "" {
			tt.says = Passed
		}
		r, record := f.Decide(tt.unmade, Verdict{State: tt.says, Evidence: "503"})
		if r.Stage != tt.stage || r.Next.String() != tt.next || record.State != tt.state {
			t.Errorf("%s: %s, next %s, record %s; want %s, next %s, record %s", tt.name, r.Stage, r.Next, record.State, tt.stage, tt.next, tt.state)
		}
		if until, kept := r.Keep["blue"]; tt.stage != Kept && (!kept || !until.IsZero()) {
			t.Errorf("%s: keeps %v", tt.name, r.Keep)
		}
	}
}
