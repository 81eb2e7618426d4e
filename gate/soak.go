package gate

import (
	"context"
	"fmt"
	"time"
)

// Soak is open when a target has been in sync and well with the release for a
// time: from the end of the first pass that found it so to that of the last,
// with nothing wrong between them.
type Soak struct {
	Target string
	For    time.Duration
}

// Type is the word of mlsync.yaml.
func (Soak) Type() string { return "soak" }

func (s Soak) look(ctx context.Context, c *Case, seen sight) finding {
	first, last, stopped, err := s.well(ctx, c)
	evidence := map[string]string{"target": s.Target, "for": s.For.String()}
	switch {
	case err != nil:
		return shut(seen.later(), "the history of "+s.Target+" could not be read: "+err.Error(), evidence)
	case last == nil:
		return shut(seen.later(), "the journal knows no pass over "+s.Target, evidence)
	case first == nil:
		return shut(seen.later(), s.Target+" is not well with the release: "+stopped, evidence)
	}
	evidence["first_run"], evidence["last_run"] = first.ID, last.ID
	evidence["since"], evidence["until"] = stamp(first.Ended), stamp(last.Ended)
	been := last.Ended.Sub(first.Ended)
	if been >= s.For {
		return open(fmt.Sprintf("%s has been well with the release for %s", s.Target, been.Round(time.Second)), evidence)
	}
	ready := first.Ended.Add(s.For)
	why := fmt.Sprintf("%s has been well with the release for %s of %s", s.Target, been.Round(time.Second), s.For)
	if ready.After(seen.now) {
		return shut(ready, why, evidence)
	}
	// The time is over, and nobody has looked since.
	if err := c.History.Ask(ctx, s.Target); err != nil {
		why += "; a look at it could not be asked for: " + err.Error()
	}
	return shut(seen.now.Add(shortest), why+", and is looked at now", evidence)
}

func short(commit string) string { return commit[:min(12, len(commit))] }

// well is the first and the last pass of the time for which the target has
// been well with the release, up to now; nil and why if it is not.
func (s Soak) well(ctx context.Context, c *Case) (first, last *Run, stopped string, err error) {
	source := s.Target == c.Release.Source
	if source {
		// Where the release was made nothing pins it: it counts from the commit
		// that it was made of.
		stopped = fmt.Sprintf("no pass that went well brought it to %s, of which the release was made", short(c.Release.Commit))
	}
	var since *Run
	err = c.History.Runs(ctx, s.Target, func(r Run) bool {
		if last == nil {
			last = &r
		}
		switch {
		case r.Ill != "":
			stopped = fmt.Sprintf("run %s: %s", r.ID, r.Ill)
			return true
		case source && r.Commit == c.Release.Commit, !source && r.Release == c.Release.Fingerprint:
			since = &r
		case source && since != nil, !source && (r.Release != "" || since == nil):
			if !source {
				stopped = fmt.Sprintf("run %s was of another release", r.ID)
			}
			return true
		}
		return false
	})
	return since, last, stopped, err
}
