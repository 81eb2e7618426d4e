package window

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Span is open for Duration after each time of a schedule, which is read by
// the clock of Zone. The duration is time that passes, also over a night on
// which clocks change.
//
// A time that the clock jumps over in spring is the moment of the jump, and
// one that comes twice in autumn is its first coming: no opening is lost, and
// none comes twice.
type Span struct {
	Cron     string
	Duration time.Duration
	Zone     *time.Location
}

// schedule reads the cron expression: five fields, no zone of its own.
func (s Span) schedule() (cron.Schedule, error) {
	c, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", s.Cron, err)
	}
	if fields, ok := c.(*cron.SpecSchedule); ok {
		fields.Location = time.UTC // in which clocks do not change
	}
	return c, nil
}

// wall is what the clock of the zone shows, as a time of UTC.
func (s Span) wall(t time.Time) time.Time {
	t = t.In(s.Zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// instant is when the clock of the zone shows w.
func (s Span) instant(w time.Time) time.Time {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, s.Zone)
	from, to := t.ZoneBounds()
	if shown := s.wall(t); !shown.Equal(w) { // the clock jumped over it
		if shown.After(w) {
			return from
		}
		return to
	}
	if from.IsZero() {
		return t
	}
	_, now := t.Zone()
	_, before := from.Add(-time.Second).Zone()
	if first := t.Add(time.Duration(now-before) * time.Second); now < before && first.Before(from) {
		return first
	}
	return t
}

// around gives the last opening that is not after t, zero if there is none
// within the duration, and the first after it, zero if there is none within
// five years.
func (s Span) around(t time.Time) (last, next time.Time, err error) {
	c, err := s.schedule()
	if err != nil {
		return last, next, err
	}
	// Clocks may have been changed since, by no more than a day.
	const change = 25 * time.Hour
	for back := time.Hour; ; back *= 8 {
		far := back >= s.Duration+change
		for w := c.Next(s.wall(t).Add(-min(back, s.Duration+change))); !w.IsZero(); w = c.Next(w) {
			at := s.instant(w)
			if at.After(t) {
				next = at
				break
			}
			last = at
		}
		if !last.IsZero() || far {
			break
		}
	}
	if !last.IsZero() && !t.Before(last.Add(s.Duration)) {
		last = time.Time{}
	}
	return last, next, nil
}

// end is when the span closes that is open at t; zero if none is.
func (s Span) end(t time.Time) (time.Time, error) {
	last, _, err := s.around(t)
	if err != nil || last.IsZero() {
		return time.Time{}, err
	}
	return last.Add(s.Duration), nil
}
