package plan

import (
	"maps"
	"slices"
	"time"
)

// rollouts prints how far traffic is.
func (h *human) rollouts() {
	for _, id := range sortedIDs(h.p.Rollouts) {
		r := h.p.Rollouts[id]
		color := "33"
		if r.failed() {
			color = "31;1"
		}
		h.printf("Rollout of %s: %s\n", clean(id.String()), h.paint(color, clean(r.Stands())))
	}
	if len(h.p.Rollouts) > 0 {
		h.printf("\n")
	}
}

func (m *markdown) rollouts() {
	if len(m.p.Rollouts) == 0 {
		return
	}
	m.printf("**Rollouts**:\n\n")
	for i, id := range sortedIDs(m.p.Rollouts) {
		if i < m.rows {
			m.printf("- %s: %s\n", code(id.String()), code(elide(m.p.Rollouts[id].Stands(), 400)))
		}
	}
	m.more(len(m.p.Rollouts))
}

// jsonRollout is a rollout in the JSON form. At is not covered by the digest.
type jsonRollout struct {
	ID     string            `json:"id"`
	Stage  Stage             `json:"stage"`
	Step   int               `json:"step"`
	Of     int               `json:"of"`
	Before Shares            `json:"before,omitempty"`
	Live   Shares            `json:"live"`
	Next   Shares            `json:"next"`
	Mirror Shares            `json:"mirror,omitempty"`
	Want   Shares            `json:"want"`
	At     string            `json:"at,omitempty"`
	Why    string            `json:"why,omitempty"`
	Keep   map[string]string `json:"keep,omitempty"`
}

func (p *Plan) rolloutsJSON() []jsonRollout {
	var out []jsonRollout
	for _, id := range sortedIDs(p.Rollouts) {
		r := p.Rollouts[id]
		j := jsonRollout{ID: id.String(), Stage: r.Stage, Step: r.Step, Of: r.Of, Before: r.Before, Live: r.Live, Next: r.Next, Mirror: r.Mirror, Want: r.Want, At: rfc(r.At), Why: r.Why}
		for _, name := range slices.Sorted(maps.Keys(r.Keep)) {
			if j.Keep == nil {
				j.Keep = map[string]string{}
			}
			j.Keep[name] = rfc(r.Keep[name])
		}
		out = append(out, j)
	}
	return out
}

// rfc is a time for machines; "" is none.
func rfc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func rolloutSchema() map[string]any {
	shares := map[string]any{"type": "object", "additionalProperties": number(), "description": "Percentages of the requests by the name of a deployment."}
	return object(map[string]any{
		"id": text(""), "stage": enum(Preparing, Pausing, Checking, Moving, Returning, Returned, Kept),
		"step": number(), "of": number(), "before": shares, "live": shares, "next": shares, "mirror": shares, "want": shares,
		"at": text("When there is something to do again; not covered by the digest."), "why": text("What it waits for, or why it was returned."),
		"keep": map[string]any{"type": "object", "additionalProperties": text("Until when; empty is until the rollout is over.")},
	}, "id", "stage", "step", "of", "live", "next", "want")
}
