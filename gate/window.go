package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Window is open for a time after each time of a schedule.
type Window struct {
	Cron     string
	Duration time.Duration
	Zone     *time.Location
}

// Type is the word of mlsync.yaml.
func (Window) Type() string { return "window" }

// MarshalJSON names the zone, which has no fields to show.
func (w Window) MarshalJSON() ([]byte, error) {
	return json.Marshal([]string{w.Cron, w.Duration.String(), w.Zone.String()})
}

func (w Window) look(_ context.Context, _ *Case, seen sight) finding {
	evidence := map[string]string{"cron": w.Cron, "duration": w.Duration.String(), "timezone": w.Zone.String()}
	schedule, err := cron.ParseStandard(w.Cron)
	if err != nil {
		return failed("the schedule cannot be read: "+err.Error(), evidence)
	}
	now := seen.now.In(w.Zone)
	// The last opening that could still last; of several, the newest.
	at := schedule.Next(now.Add(-w.Duration))
	for !at.IsZero() && !at.After(now) {
		next := schedule.Next(at)
		if next.IsZero() || next.After(now) {
			ends := at.Add(w.Duration)
			evidence["opened"], evidence["closes"] = stamp(at), stamp(ends)
			return open(fmt.Sprintf("the window is open until %s", clock(ends)), evidence)
		}
		if !next.After(at) {
			break
		}
		at = next
	}
	if at.IsZero() {
		return failed("the schedule never comes round again", evidence)
	}
	evidence["opens"] = stamp(at)
	return shut(at, fmt.Sprintf("the window opens at %s", clock(at)), evidence)
}

// clock is a time in its zone, for people.
func clock(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }
