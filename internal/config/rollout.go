package config

import (
	"time"

	"mlsync.dev/mlsync/asset"
)

// Rollout moves the traffic of an endpoint in steps.
type Rollout struct {
	// Off moves it at once, whatever other rules say.
	Off bool
	// Steps are percentages of the requests; they rise, and the last is 100.
	Steps []int
	// Pause is the time between two steps, Deadline how long a step waits for
	// checks that give no answer, Keep how long old deployments stay.
	Pause, Deadline, Keep time.Duration
	// Mirror is the percentage of the requests that are copied first.
	Mirror int
	// OnFailure is return or stay.
	OnFailure string
	// Checks are requests that the new deployment must answer. Their target,
	// endpoint and deployment are left out.
	Checks []Smoke
}

// defaultRollout is a rollout of which nothing is said.
func defaultRollout() Rollout {
	return Rollout{Steps: []int{10, 50, 100}, Pause: 10 * time.Minute, Deadline: time.Hour, Keep: time.Hour, OnFailure: "return"}
}

// mostMirrored is the most that the service copies.
const mostMirrored = 50

func rolloutField(r *Rule) field {
	fields := rolloutFields(&Rollout{})
	schema := map[string]any{"anyOf": []any{schemaOf(fields), map[string]any{"const": false}}}
	return field{"rollout", "Traffic of an online endpoint moves to what git wants in steps, with checks between them; off moves it at once.", schema, func(d *decoder, v *asset.Value) {
		out := defaultRollout()
		if v.Type() == asset.Bool && !v.Bool() {
			out.Off = true
		} else {
			d.object(v, rolloutFields(&out))
		}
		r.Rollout = &out
	}}
}

func rolloutFields(r *Rollout) []field {
	return []field{
		stepsField(&r.Steps),
		duration("pause", "How long each step is on before the next; 10m if not given.", &r.Pause, 0, 30*day),
		duration("deadline", "How long a step waits for checks that give no answer before it counts as failed; 1h if not given.", &r.Deadline, 0, 30*day),
		duration("keep", "How long deployments that git no longer has stay after the last step; 1h if not given.", &r.Keep, 0, 365*day),
		number("mirror", "The percentage of the requests that the new deployment gets copies of before it gets any; none if not given.", &r.Mirror, 0, mostMirrored),
		word("on_failure", "Whether traffic goes back when a check fails, or stays where it is; return if not given.", &r.OnFailure, "return", "stay"),
		checksField(&r.Checks),
	}
}

func stepsField(to *[]int) field {
	schema := map[string]any{"type": "array", "items": map[string]any{"type": "integer", "minimum": 1, "maximum": 100}, "minItems": 1}
	return field{"steps", "The percentages of the requests that the new deployment gets, one after the other; 10, 50, 100 if not given.", schema, func(d *decoder, v *asset.Value) {
		const cure = "write them like [5, 25, 100]"
		if v.Type() != asset.List || v.Len() == 0 {
			d.badf(v, cure, "want a list of percentages, not %s", describe(v))
			return
		}
		if !d.fits(v) {
			return
		}
		var out []int
		last := 0
		for _, item := range v.Items() {
			n, ok := item.Int64()
			if !ok || int(n) <= last || n > 100 {
				d.badf(item, cure, "each step is a whole number, more than the one before and at most 100, not %s", describe(item))
				return
			}
			last = int(n)
			out = append(out, last)
		}
		if last != 100 {
			d.badf(v, "end with 100", "the last step is %d and must be 100: git says where the traffic goes in the end", last)
			return
		}
		*to = out
	}}
}

func checksField(to *[]Smoke) field {
	schema := map[string]any{"type": "array", "items": schemaOf(checkFields(&Smoke{}))}
	return field{"checks", "Requests that the new deployment must answer before each step.", schema, func(d *decoder, v *asset.Value) {
		if v.Type() != asset.List {
			d.badf(v, "begin each check with a dash", "want a list of checks, not %s", describe(v))
			return
		}
		*to = nil
		if !d.fits(v) {
			return
		}
		for _, item := range v.Items() {
			var s Smoke
			d.object(item, checkFields(&s))
			answerDefaults(&s.Status, &s.Timeout)
			*to = append(*to, s)
		}
	}}
}

// checkFields are those of a smoke request that do not say where it goes.
func checkFields(s *Smoke) []field {
	var out []field
	for _, f := range smokeFields(s) {
		if f.key != "target" && f.key != "endpoint" && f.key != "deployment" {
			out = append(out, f)
		}
	}
	return out
}
