package plan

import (
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
)

// Corrections bound how much a plan changes back: a field that comes back
// again and again has another master, and a workspace that differs everywhere
// was not changed by mistake. What is beyond is left as it is and said.
type Corrections struct {
	// Done counts, by asset and dotted path, how often a field was changed
	// back within the last hour; the path "" is an asset that was made again.
	Done map[asset.ID]map[string]int
	// PerField is how often a field is changed back within an hour, PerRun how
	// many assets are in one run, PerHour within an hour. 0 is no bound.
	PerField, PerRun, PerHour int
}

// hour is how many assets were changed back within the last hour.
func (c Corrections) hour() int {
	n := 0
	for _, paths := range c.Done {
		most := 0
		for _, times := range paths {
			most = max(most, times)
		}
		n += most
	}
	return n
}

// flaps are the fields among the changes that came back too often; a field
// that changes as a whole or not at all does so here too.
func (m *maker) flaps(id asset.ID, changes []diff.Change) map[string]bool {
	out := map[string]bool{}
	for _, ch := range changes {
		if ch.Reason == diff.Drift && m.tired(id, ch.Dotted()) {
			out[correctedAs(ch)] = true
		}
	}
	return out
}

// correctedAs is what is changed back together with the change.
func correctedAs(ch diff.Change) string {
	if ch.Late {
		return ch.Path[0]
	}
	return ch.Dotted()
}

// tired reports whether a field was changed back as often as it may be.
func (m *maker) tired(id asset.ID, path string) bool {
	return m.Corrections.PerField > 0 && m.Corrections.Done[id][path] >= m.Corrections.PerField
}

func (m *maker) flapping() string {
	return fmt.Sprintf("it was changed back %d times within the hour and is changed again", m.Corrections.PerField)
}

// spent says why no further asset is changed back; "" if it is.
func (m *maker) spent() string {
	c := m.Corrections
	switch {
	case c.PerRun > 0 && m.corrected >= c.PerRun:
		return fmt.Sprintf("a run changes back %d assets at most", c.PerRun)
	case c.PerHour > 0 && m.corrected+c.hour() >= c.PerHour:
		return fmt.Sprintf("%d assets at most are changed back within an hour", c.PerHour)
	}
	return ""
}
