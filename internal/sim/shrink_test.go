package sim_test

import (
	"slices"
	"strings"
)

// shrinks bounds how many schedules are tried to find a shorter one.
const shrinks = 150

// shrink looks for a shorter schedule that still breaks the same promise, by
// leaving events out: half of them, then quarters, and so on down to one.
func shrink(s schedule, promise string, run func(schedule) outcome) schedule {
	tries := 0
	fails := func(c schedule) bool {
		tries++
		return promiseOf(run(c).violation) == promise
	}
	for size := len(s.Events) / 2; size > 0 && tries < shrinks; {
		found := false
		for from := 0; from < len(s.Events) && tries < shrinks; {
			c := s
			c.Events = slices.Delete(slices.Clone(s.Events), from, min(from+size, len(s.Events)))
			if fails(c) {
				s, found = c, true
				continue
			}
			from += size
		}
		if !found || size > len(s.Events) {
			size /= 2
		}
	}
	for _, simpler := range []func(*schedule){
		func(c *schedule) { c.Replicas, c.Events = 1, oneReplica(c.Events) },
		func(c *schedule) { c.Parallel = 1 },
		func(c *schedule) { c.LRO = 0 },
		func(c *schedule) { c.Page = 100 },
	} {
		c := s
		if simpler(&c); fails(c) {
			s = c
		}
	}
	return s
}

func oneReplica(events []event) []event {
	out := slices.Clone(events)
	for i := range out {
		out[i].Replica = 0
	}
	return out
}

// promiseOf is the invariant that a violation breaks: I1 to I11.
func promiseOf(violation string) string {
	word, _, _ := strings.Cut(violation, " ")
	return word
}
