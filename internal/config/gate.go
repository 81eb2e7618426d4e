package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Gate is one condition under which a target takes a new release. Exactly one
// of the pointers is set.
type Gate struct {
	Pos problem.Pos
	// Name is unique within the target.
	Name string
	// Deadline is how long the gate may stay shut before the release is
	// refused.
	Deadline time.Duration

	Soak     *Soak
	Metric   *Metric
	Champion *Champion
	Smoke    *Smoke
	Window   *Window
	HTTP     *HTTP
	Approval *Approvals
}

// Soak asks that another target has been well with the release for a time.
type Soak struct {
	Target string
	For    time.Duration
}

// Metric bounds a number that a release says of a model.
type Metric struct {
	Asset, Name string
	Min, Max    *float64
}

// Champion asks that a metric is better than that of what is live, by an
// amount or, with Percent, by a share.
type Champion struct {
	Asset, Metric string
	Lower         bool
	By            float64
	Percent       bool
}

// Smoke sends a request to an online endpoint of a target.
type Smoke struct {
	Target, Endpoint, Deployment string
	Body                         *asset.Value
	Status                       int
	Expect                       []Expect
	Timeout                      time.Duration
}

// Window is open for Duration after each time of the schedule.
type Window struct {
	Cron     string
	Duration time.Duration
	Zone     *time.Location
}

// HTTP asks an address.
type HTTP struct {
	URL, Method string
	Body        *asset.Value
	Status      int
	Expect      []Expect
	Timeout     time.Duration
}

// Approvals asks for the consent of people.
type Approvals struct {
	Count int
	// NotCommitter leaves out who made the commit.
	NotCommitter bool
}

// Expect is what one value of an answer must be: Is, not Not, within Min and
// Max. Path is dotted; a number is a place in a list.
type Expect struct {
	Path     string
	Is, Not  *asset.Value
	Min, Max *float64
}

// gateTypes are the conditions in the order of the docs.
var gateTypes = []string{"soak", "metric", "champion", "smoke", "window", "http", "approval"}

func gatesField(t *Target) field {
	item := schemaOf(gateFields(&Gate{}))
	var one []any
	for _, key := range gateTypes {
		one = append(one, map[string]any{"required": []any{key}})
	}
	item["oneOf"] = one
	return field{
		"gates", "What must be so before the target takes a new release; all of them, in any order.",
		map[string]any{"type": "array", "items": item},
		func(d *decoder, v *asset.Value) { gates(d, v, t) },
	}
}

func gates(d *decoder, v *asset.Value, t *Target) {
	if v.Type() != asset.List {
		d.badf(v, "begin each gate with a dash", "want a list of gates, not %s", describe(v))
		return
	}
	t.Gates = nil
	if !d.fits(v) {
		return
	}
	used := map[string]int{}
	for _, item := range v.Items() {
		g := Gate{Pos: item.Pos(), Deadline: day}
		d.object(item, gateFields(&g))
		if item.Type() != asset.Map {
			continue
		}
		said := slices.DeleteFunc(slices.Clone(gateTypes), func(key string) bool { return item.Get(key).IsNull() })
		if len(said) != 1 {
			d.badf(item, "one of "+strings.Join(gateTypes, ", "), "want exactly one condition in a gate, not %d", len(said))
			continue
		}
		if g.Name == "" {
			if g.Name = said[0]; used[g.Name] > 0 {
				g.Name += "-" + strconv.Itoa(used[said[0]]+1)
			}
		}
		if used[said[0]]++; slices.ContainsFunc(t.Gates, func(o Gate) bool { return o.Name == g.Name }) {
			d.badf(item, "give it another name:", "there are two gates %q", g.Name)
		}
		d.in(said[0], func() { d.gate(item.Get(said[0]), &g) })
		t.Gates = append(t.Gates, g)
	}
}

func gateFields(g *Gate) []field {
	// A gate holds only what is said: each map is made when its key is read.
	return []field{
		checked("name", "What it is called in verdicts and approvals; its condition if not given.", &g.Name, func(s string) string {
			if !nameOK.MatchString(s) {
				return "use letters, digits, dots, dashes and underscores"
			}
			return ""
		}),
		duration("deadline", "How long it may stay shut before the release is refused; 24h if not given.", &g.Deadline, time.Second, 90*day),
		made("soak", "Another target has been in sync and well with the release for a time.", &g.Soak, soakFields),
		made("metric", "A metric that the release holds of a model is within bounds.", &g.Metric, metricFields),
		made("champion", "A metric of the release's model is better than that of the version that is live.", &g.Champion, championFields),
		made("smoke", "An online endpoint answers a request as it should.", &g.Smoke, smokeFields),
		made("window", "The time is right.", &g.Window, windowFields),
		made("http", "An address answers as it should. No credentials are sent.", &g.HTTP, httpFields),
		made("approval", "People agree, with mlsync approve gate:NAME.", &g.Approval, approvalFields),
	}
}

// made is a map of known keys that is there only if it is written.
func made[T any](key, doc string, to **T, fields func(*T) []field) field {
	return field{key, doc, schemaOf(fields(new(T))), func(d *decoder, v *asset.Value) {
		*to = new(T)
		d.object(v, fields(*to))
	}}
}

func soakFields(s *Soak) []field {
	return []field{
		text("target", "Which target; that of from: if not given.", &s.Target),
		duration("for", "How long, at least.", &s.For, time.Second, 30*day),
	}
}

func metricFields(m *Metric) []field {
	return []field{
		checked("asset", "The model, such as model/taxi; its name may be a glob.", &m.Asset, badModel),
		text("name", "The metric: one that the release holds of the job, else a tag or property of the model.", &m.Name),
		fraction("min", "The least that it may be.", &m.Min),
		fraction("max", "The most that it may be.", &m.Max),
	}
}

func championFields(c *Champion) []field {
	better := "higher"
	word := word("better", "Whether more or less is better; higher if not given.", &better, "higher", "lower")
	set := word.set
	word.set = func(d *decoder, v *asset.Value) { set(d, v); c.Lower = better == "lower" }
	return []field{
		checked("asset", "The model, such as model/taxi; its name may be a glob.", &c.Asset, badModel),
		text("metric", "The metric: one that a release holds of the job, else a tag or property of the model.", &c.Metric),
		word,
		{"by", "By how much at least, as a number or a share such as 2%; 0 if not given.", map[string]any{"anyOf": []any{map[string]any{"type": "number", "minimum": 0}, map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?%$`}}}, func(d *decoder, v *asset.Value) {
			s, percent := strings.CutSuffix(v.Text(), "%")
			f, err := strconv.ParseFloat(s, 64)
			if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) {
				d.badf(v, "", "want a number from 0 on or a share such as 2%%, not %s", describe(v))
				return
			}
			c.By, c.Percent = f, percent
		}},
	}
}

func smokeFields(s *Smoke) []field {
	return []field{
		text("target", "Whose endpoint; that of from: if not given.", &s.Target),
		checked("endpoint", "The online endpoint.", &s.Endpoint, badSegment),
		checked("deployment", "The deployment that is to answer; the traffic decides if not given.", &s.Deployment, badSegment),
		anything("body", "What is sent, as JSON; {} if not given.", &s.Body),
		number("status", "The status that is good; 200 if not given.", &s.Status, 100, 599),
		expects(&s.Expect),
		duration("timeout", "How long an answer may take; 30s if not given.", &s.Timeout, time.Second, 5*time.Minute),
	}
}

func windowFields(w *Window) []field {
	zone := ""
	f := checked("timezone", "The time zone of the schedule, such as Europe/Berlin; UTC if not given.", &zone, func(s string) string {
		var err error
		if w.Zone, err = time.LoadLocation(s); err != nil || s == "" || s == "Local" {
			return "it is not the name of a time zone"
		}
		return ""
	})
	return []field{
		schedule("cron", "When it opens, in cron.", &w.Cron),
		duration("duration", "How long it stays open.", &w.Duration, time.Minute, 30*day),
		f,
	}
}

func httpFields(h *HTTP) []field {
	return []field{
		checked("url", "The address. Addresses within a network are asked only if the operator allows it.", &h.URL, badURL),
		word("method", "GET if not given.", &h.Method, "GET", "POST"),
		anything("body", "What is posted, as JSON.", &h.Body),
		number("status", "The status that is good; 200 if not given.", &h.Status, 100, 599),
		expects(&h.Expect),
		duration("timeout", "How long an answer may take; 30s if not given.", &h.Timeout, time.Second, 5*time.Minute),
	}
}

func approvalFields(a *Approvals) []field {
	var not *bool
	b := boolean("not_committer", "Whether who made the commit does not count; false if not given.", &not)
	set := b.set
	b.set = func(d *decoder, v *asset.Value) { set(d, v); a.NotCommitter = not != nil && *not }
	return []field{number("count", "How many people; 1 if not given.", &a.Count, 1, 20), b}
}

// gate fills in defaults and checks what one key alone cannot say.
func (d *decoder) gate(v *asset.Value, g *Gate) {
	need := func(key string, there bool) {
		if !there && !v.Has(key) {
			d.badf(v, "add it", "%s is missing", key)
		}
	}
	switch {
	case g.Soak != nil:
		need("for", g.Soak.For > 0)
	case g.Metric != nil:
		need("asset", g.Metric.Asset != "")
		need("name", g.Metric.Name != "")
		if !v.Has("min") && !v.Has("max") {
			d.badf(v, "add min: or max:", "nothing says what the metric may be")
		}
		if g.Metric.Min != nil && g.Metric.Max != nil && *g.Metric.Min > *g.Metric.Max {
			d.badf(v.Get("min"), "", "min is more than max, so the gate can never open")
		}
	case g.Champion != nil:
		need("asset", g.Champion.Asset != "")
		need("metric", g.Champion.Metric != "")
	case g.Smoke != nil:
		need("endpoint", g.Smoke.Endpoint != "")
		answerDefaults(&g.Smoke.Status, &g.Smoke.Timeout)
	case g.Window != nil:
		need("cron", g.Window.Cron != "")
		if at := v.Get("cron"); at.Type() == asset.Bool || strings.HasPrefix(g.Window.Cron, "@every") {
			d.badf(at, `write five fields such as "0 9 * * 1-5"`, "a window opens at times of the day")
		}
		need("duration", g.Window.Duration > 0)
		if g.Window.Zone == nil {
			g.Window.Zone = time.UTC
		}
	case g.HTTP != nil:
		need("url", g.HTTP.URL != "")
		answerDefaults(&g.HTTP.Status, &g.HTTP.Timeout)
		if g.HTTP.Method == "" {
			g.HTTP.Method = "GET"
		}
		if g.HTTP.Body != nil && g.HTTP.Method == "GET" {
			d.badf(v.Get("body"), "add method: POST", "a GET has no body")
		}
	case g.Approval != nil:
		if g.Approval.Count == 0 {
			g.Approval.Count = 1
		}
	}
}

func answerDefaults(status *int, timeout *time.Duration) {
	if *status == 0 {
		*status = 200
	}
	if *timeout == 0 {
		*timeout = 30 * time.Second
	}
}

// gateTargets fills in which targets gates look at, and checks that they are.
func (d *decoder) gateTargets(c *Config, byName map[string]*Target, names []string) {
	for i := range c.Targets {
		t := &c.Targets[i]
		if len(t.Gates) > 0 && len(t.Overlays) == 0 {
			d.bad.Hintf(t.Gates[0].Pos, "config", "add overlay: with the folder that mlsync promote writes to", "targets.%s.gates: the target has no overlay, so it takes no release", t.Name)
		}
		for _, g := range t.Gates {
			key, at := "", (*string)(nil)
			switch {
			case g.Soak != nil:
				key, at = "soak", &g.Soak.Target
			case g.Smoke != nil:
				key, at = "smoke", &g.Smoke.Target
			default:
				continue
			}
			if *at == "" {
				*at = t.From
			}
			switch {
			case *at == "":
				d.bad.Hintf(g.Pos, "config", "add target:, or from: to the target", "targets.%s.gates.%s: nothing says which target it looks at", t.Name, g.Name)
			case byName[*at] == nil:
				d.bad.Hintf(g.Pos, "config", problem.DidYouMean(*at, names), "targets.%s.gates.%s: there is no target %q", t.Name, g.Name, *at)
			case *at == t.Name && key == "soak":
				d.bad.Hintf(g.Pos, "config", "name the target that has the release before", "targets.%s.gates.%s: a target cannot wait for itself", t.Name, g.Name)
			}
		}
	}
}

// badModel says what is wrong with a kind and a glob of names.
func badModel(s string) string {
	kind, name, ok := strings.Cut(s, "/")
	switch {
	case !ok || kind != "model" || name == "":
		return "write model/NAME"
	case strings.Contains(name, ":"):
		return "leave the version out: the release says which"
	}
	return badGlob(name)
}

// fraction is a number with a fraction, nil if it is not given.
func fraction(key, doc string, to **float64) field {
	return field{key, doc, map[string]any{"type": "number"}, func(d *decoder, v *asset.Value) {
		f, ok := fractionOf(v)
		if !ok {
			d.badf(v, "", "want a number, not %s", describe(v))
			return
		}
		*to = &f
	}}
}

func fractionOf(v *asset.Value) (float64, bool) {
	if v.Type() != asset.Int && v.Type() != asset.Float {
		return 0, false
	}
	f, ok := v.Float64()
	return f, ok && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// anything is a value of any form.
func anything(key, doc string, to **asset.Value) field {
	return field{key, doc, map[string]any{}, func(_ *decoder, v *asset.Value) { *to = v }}
}

// expects are the values that an answer must have.
func expects(to *[]Expect) field {
	scalar := []any{map[string]any{"type": []any{"string", "number", "boolean"}}}
	bounds := schemaOf(expectFields(&Expect{}))
	return entries("expect", "What values of the answer must be: a dotted path, and the value or min, max, not.", map[string]any{"anyOf": append(scalar, bounds)}, func(d *decoder, name string, v *asset.Value) {
		e := Expect{Path: name}
		if !fieldOK.MatchString(name) {
			d.badf(v, "", "a value is named like predictions.0.score")
			return
		}
		switch {
		case v.IsScalar():
			e.Is = v
		case v.Type() == asset.Map && v.Len() > 0:
			d.object(v, expectFields(&e))
		default:
			d.badf(v, "write the value, or min:, max:, not:", "want a value or bounds, not %s", describe(v))
		}
		*to = append(*to, e)
	})
}

func expectFields(e *Expect) []field {
	return []field{
		fraction("min", "The least that it may be.", &e.Min),
		fraction("max", "The most that it may be.", &e.Max),
		{"not", "What it must not be.", map[string]any{"type": []any{"string", "number", "boolean"}}, func(d *decoder, v *asset.Value) {
			if !v.IsScalar() {
				d.badf(v, "", "want one value, not %s", describe(v))
				return
			}
			e.Not = v
		}},
	}
}
