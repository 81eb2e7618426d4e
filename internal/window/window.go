package window

import (
	"fmt"
	"slices"
	"time"
)

// Rules are when a target may be changed: while one of Allow is open, or at
// any time if there are none, and none of Deny is.
type Rules struct {
	Allow, Deny []Span
	// Always are kinds that may be changed at any time.
	Always []string
	// Stop says that what was begun within a window is not gone on with when
	// it closes; otherwise it is brought to its end.
	Stop bool
}

// None reports whether the rules say nothing.
func (r Rules) None() bool { return len(r.Allow)+len(r.Deny) == 0 }

// Free reports whether assets of the kind may be changed at any time.
func (r Rules) Free(kind string) bool { return slices.Contains(r.Always, kind) }

// Verdict is what rules say of a moment.
type Verdict struct {
	Open bool
	// Turns is when that changes; zero if it does not for years.
	Turns time.Time
	// Why says it for people, with the time at which it changes.
	Why string
}

// most bounds how many openings and closings are looked at for the one at
// which the verdict changes.
const most = 2_000

// At is the verdict on a moment. The error is for schedules that cannot be
// read.
func (r Rules) At(now time.Time) (Verdict, error) {
	open, err := r.open(now)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Open: open}
	for at, n := now, 0; n < most; n++ {
		if at, err = r.boundary(at); err != nil || at.IsZero() {
			break
		}
		if turned, err := r.open(at); err != nil || turned != open {
			v.Turns = at
			break
		}
	}
	v.Why = r.why(v)
	return v, err
}

func (r Rules) open(t time.Time) (bool, error) {
	allowed := len(r.Allow) == 0
	for _, s := range r.Allow {
		end, err := s.end(t)
		if err != nil {
			return false, err
		}
		allowed = allowed || !end.IsZero()
	}
	for _, s := range r.Deny {
		end, err := s.end(t)
		if err != nil || !end.IsZero() {
			return false, err
		}
	}
	return allowed, nil
}

// boundary is the first time after t at which a span may open or close.
func (r Rules) boundary(t time.Time) (time.Time, error) {
	var first time.Time
	for _, s := range slices.Concat(r.Allow, r.Deny) {
		last, next, err := s.around(t)
		if err != nil {
			return first, err
		}
		at := next
		if !last.IsZero() {
			at = last.Add(s.Duration)
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, nil
}

func (r Rules) why(v Verdict) string {
	switch {
	case v.Open && v.Turns.IsZero():
		return "changes are allowed"
	case v.Open:
		return "the change window is open until " + r.clock(v.Turns)
	case v.Turns.IsZero():
		return "the change window is shut, and does not open for years"
	}
	return "the change window is shut until " + r.clock(v.Turns)
}

// clock is a time for people, where the first window is.
func (r Rules) clock(t time.Time) string {
	spans := slices.Concat(r.Allow, r.Deny)
	return t.In(spans[0].Zone).Format("2006-01-02 15:04 MST")
}

// Both is the stricter of two verdicts: what is open only if both are.
func Both(a, b Verdict) Verdict {
	switch {
	case a.Open && b.Open:
		if a.Turns.IsZero() || !b.Turns.IsZero() && b.Turns.Before(a.Turns) {
			return b
		}
		return a
	case a.Open:
		return b
	case b.Open:
		return a
	case b.Turns.IsZero() || !a.Turns.IsZero() && b.Turns.After(a.Turns):
		return b
	}
	return a
}

// String says the span as it is written.
func (s Span) String() string {
	return fmt.Sprintf("%s for %s (%s)", s.Cron, s.Duration, s.Zone)
}
