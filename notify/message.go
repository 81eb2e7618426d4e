package notify

import (
	"fmt"
	"slices"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// Notice is a condition of a target that began, or one that is over.
type Notice struct {
	ID     int64
	Target string
	Over   bool
	At     time.Time
	Condition
}

// Message is what one channel is sent at a time. Title and Lines are spelled
// out already, not yet escaped for a channel.
type Message struct {
	// Key is the same each time that the message is sent.
	Key      string
	Severity string
	Title    string
	Lines    []string
	Notices  []Notice
	// Dropped is how many changes were dropped before it.
	Dropped int
}

// cause is what notices of one message have in common.
type cause struct {
	what, code string
	over       bool
}

// Collapse puts notices with the same cause together, however many targets and
// assets they are of. Of more than most causes the last share one group.
func Collapse(all []Notice, most int) [][]Notice {
	var order []cause
	groups := map[cause][]Notice{}
	for _, n := range all {
		c := cause{n.What, n.Code, n.Over}
		if groups[c] == nil {
			order = append(order, c)
		}
		groups[c] = append(groups[c], n)
	}
	var out [][]Notice
	for i, c := range order {
		if i < most {
			out = append(out, groups[c])
		} else if most > 0 {
			out[most-1] = append(out[most-1], groups[c]...)
		}
	}
	return out
}

// Write is the message of some notices, of which there is at least one.
func Write(key string, notices []Notice, dropped int) Message {
	m := Message{Key: key, Notices: notices, Dropped: dropped, Severity: Info}
	for _, n := range notices {
		if slices.Index(Severities(), n.Severity) > slices.Index(Severities(), m.Severity) {
			m.Severity = n.Severity
		}
	}
	m.Title = title(notices)
	for i, n := range notices {
		if i == limit.NotifyLines {
			m.Lines = append(m.Lines, fmt.Sprintf("and %d more", len(notices)-i))
			break
		}
		m.Lines = append(m.Lines, n.line(mixed(notices)))
	}
	if dropped > 0 {
		m.Lines = append(m.Lines, fmt.Sprintf("%d earlier changes were dropped, because this channel was not reached or had too much to say; mlsync status shows how things stand", dropped))
	}
	return m
}

// mixed reports whether notices have more than one cause.
func mixed(notices []Notice) bool {
	return slices.ContainsFunc(notices, func(n Notice) bool {
		return n.What != notices[0].What || n.Code != notices[0].Code || n.Over != notices[0].Over
	})
}

// words are what is said of a condition, and of its end.
var words = map[string][2]string{
	Failing:    {"Failing", "Well again"},
	Drift:      {"Drift", "Drift is gone"},
	Approval:   {"An approval is needed", "No approval is needed any more"},
	Waiting:    {"A release waits", "A release waits no more"},
	Refused:    {"A release is refused", "A release is refused no more"},
	Blocked:    {"Blocked", "Blocked no more"},
	Returned:   {"Traffic was returned", "The returned rollout is settled"},
	RolledBack: {"A release was rolled back", "A release that was rolled back is taken again"},
}

// say is what is said of a notice.
func (n Notice) say() string {
	w := words[n.What]
	switch {
	case n.Over:
		return w[1]
	case n.What == Drift && n.Code == driftCorrected:
		return "Drift was corrected"
	case n.What == Drift && n.Code == driftLeft:
		return "Drift is left"
	}
	return w[0]
}

// title says what happened and where.
func title(notices []Notice) string {
	first := notices[0]
	targets := map[string]bool{}
	assets := map[string]bool{}
	for _, n := range notices {
		targets[n.Target] = true
		if n.Asset != (asset.ID{}) {
			assets[n.Target+" "+n.Asset.String()] = true
		}
	}
	text := first.say()
	if mixed(notices) {
		text = fmt.Sprintf("%d changes", len(notices))
	}
	if len(targets) == 1 {
		text += " in " + first.Target
	} else {
		text += fmt.Sprintf(" in %d targets", len(targets))
	}
	switch {
	case len(notices) == 1 && len(assets) == 1:
		text += ": " + first.Asset.String()
	case len(assets) > 0 && !mixed(notices):
		text += fmt.Sprintf(": %d assets", len(assets))
	}
	return Plain(text)
}

// line tells of one notice; whole repeats what the title says.
func (n Notice) line(whole bool) string {
	text := n.Target
	if n.Asset != (asset.ID{}) {
		text += " " + n.Asset.String()
	}
	if whole {
		text += ": " + n.say()
	}
	if n.Text != "" && !n.Over {
		text += ": " + n.Text
	}
	if n.Code != "" && n.What == Failing {
		text += " (" + n.Code + ")"
	}
	if n.Over && !n.Since.IsZero() {
		text += " (since " + n.Since.UTC().Format("2006-01-02 15:04:05") + " UTC)"
	}
	return Plain(text)
}

// Sample is a notice of a sort, to look at and to try a channel with.
func Sample(what string, now time.Time) Notice {
	n := Notice{Target: "example", At: now, Condition: Condition{
		What: what, Severity: Warning, Since: now, Commit: "0000000000000000000000000000000000000000",
		Text: "this is a test of mlsync notify test; nothing has happened",
	}}
	switch what {
	case Failing, Blocked, Drift, Approval, Returned:
		n.Asset = asset.ID{Kind: "environment", Name: "train", Version: "1"}
	}
	switch what {
	case Failing:
		n.Code, n.Severity = "Example", Error
	case Refused, Returned:
		n.Code, n.Severity = "example", Error
	case Waiting:
		n.Code, n.Severity = "example", Info
	}
	return n
}
