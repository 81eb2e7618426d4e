package config

import (
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Windows are when a target may be changed.
type Windows struct {
	// Allow are when it may; without any, at all times. Deny are when it may
	// not, whatever Allow says.
	Allow, Deny []Window
	// Always are kinds that may be changed at any time.
	Always []string
	// Overrun says what happens to what was begun in time when a window
	// closes: finish or stop.
	Overrun string
}

// None reports whether nothing is said.
func (w Windows) None() bool { return len(w.Allow)+len(w.Deny) == 0 }

// Consent is what is asked of approvals.
type Consent struct {
	// FourEyes leaves out approvals of who made the commits of the plan.
	FourEyes bool
}

// Previews are plans of pull requests.
type Previews struct {
	// On is set if the file has the key.
	On bool
	// Label lets pull requests of forks be planned; "" is never.
	Label string
	// Poll is how often the service is asked for pull requests.
	Poll time.Duration
	// NoComment and NoStatus leave one of the two out.
	NoComment, NoStatus bool
}

// previewLabel is the label without which pull requests of forks are left alone.
const previewLabel = "mlsync-preview"

func windowsField(t *Target) field {
	return object("windows", "When the target may be changed. Plans are made at any time, and drift is looked for.", windowsFields(&t.Windows))
}

func windowsFields(w *Windows) []field {
	return []field{
		spans("allow", "Windows within which it may be changed; at any time if there are none.", &w.Allow),
		spans("deny", "Windows within which it may not, whatever allow says.", &w.Deny),
		texts("always", "Kinds that may be changed at any time, such as environment.", &w.Always, anyText),
		word("overrun", "What happens when a window closes: finish brings what was begun to its end, stop begins no further step; finish if not given.", &w.Overrun, "finish", "stop"),
	}
}

func spans(key, doc string, to *[]Window) field {
	schema := map[string]any{"type": "array", "items": schemaOf(windowFields(&Window{}))}
	return field{key, doc, schema, func(d *decoder, v *asset.Value) {
		if v.Type() != asset.List {
			d.badf(v, "begin each window with a dash", "want a list of windows, not %s", describe(v))
			return
		}
		*to = nil
		if !d.fits(v) {
			return
		}
		for _, item := range v.Items() {
			var w Window
			d.object(item, windowFields(&w))
			d.window(item, &w)
			*to = append(*to, w)
		}
	}}
}

// window fills in defaults and checks what one key alone cannot say.
func (d *decoder) window(v *asset.Value, w *Window) {
	if w.Cron == "" && !v.Has("cron") {
		d.badf(v, "add it", "cron is missing")
	}
	if at := v.Get("cron"); at.Type() == asset.Bool || strings.HasPrefix(w.Cron, "@every") {
		d.badf(at, `write five fields such as "0 9 * * 1-5"`, "a window opens at times of the day")
	} else if strings.Contains(w.Cron, "TZ=") {
		d.badf(at, "add timezone:", "the time zone has a key of its own")
	}
	if w.Duration == 0 && !v.Has("duration") {
		d.badf(v, "add it", "duration is missing")
	}
	if w.Zone == nil {
		w.Zone = time.UTC
	}
}

func approvalsField(c *Consent) field {
	var on *bool
	b := boolean("four_eyes", "Whether approvals of who made the commits of a plan count for nothing; false if not given.", &on)
	set := b.set
	b.set = func(d *decoder, v *asset.Value) { set(d, v); c.FourEyes = on != nil && *on }
	return object("approvals", "What is asked of approvals with mlsync approve.", []field{b})
}

func previewsField(p *Previews) field {
	flip := func(key, doc string, to *bool) field {
		var on *bool
		b := boolean(key, doc, &on)
		set := b.set
		b.set = func(d *decoder, v *asset.Value) { set(d, v); *to = on != nil && !*on }
		return b
	}
	o := object("previews", "Plans of pull requests, as a comment and a commit status. The key turns them on; write {} for all defaults.", []field{
		{"label", "The label with which somebody who may write lets the pull request of a fork be planned; " + previewLabel + " if not given, off for never.", map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"const": false}}}, func(d *decoder, v *asset.Value) {
			if off(v) {
				p.Label = ""
				return
			}
			checked("label", "", &p.Label, badLabel).set(d, v)
		}},
		duration("poll", "How often the service is asked for pull requests; 60s if not given.", &p.Poll, 10*time.Second, day),
		flip("comment", "Whether the plan is a comment; true if not given.", &p.NoComment),
		flip("status", "Whether the head gets a commit status; true if not given.", &p.NoStatus),
	})
	set := o.set
	o.set = func(d *decoder, v *asset.Value) {
		p.On = true
		set(d, v)
		if p.NoComment && p.NoStatus {
			d.badf(v, "leave one of the two out", "nothing would tell of the plan")
		}
	}
	return o
}

func statusesField(c *Config) field {
	var on *bool
	b := boolean("statuses", "Whether commits get a status for each target that they were applied to; false if not given.", &on)
	set := b.set
	b.set = func(d *decoder, v *asset.Value) { set(d, v); c.Statuses = on != nil && *on }
	return b
}

func off(v *asset.Value) bool {
	return v.Type() == asset.Bool && !v.Bool() || v.Type() == asset.String && v.Str() == "off"
}

func badLabel(s string) string {
	if s == "" || len(s) > 100 || strings.ContainsAny(s, ",\r\n\x00") {
		return "it cannot be the name of a label"
	}
	return ""
}
