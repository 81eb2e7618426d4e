package gate

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/internal/glob"
)

// Metric is open when a number that the release says of each model that it is
// about is within bounds. A release never changes, so it opens at once or has
// failed.
type Metric struct {
	// Asset is a kind and a glob of names.
	Asset, Name string
	Min, Max    *float64
}

// Type is the word of mlsync.yaml.
func (Metric) Type() string { return "metric" }

func (m Metric) look(_ context.Context, c *Case, _ sight) finding {
	models, bad := c.models(m.Asset)
	if bad != nil {
		return *bad
	}
	evidence := map[string]string{"metric": m.Name}
	if m.Min != nil {
		evidence["min"] = number(*m.Min)
	}
	if m.Max != nil {
		evidence["max"] = number(*m.Max)
	}
	var good, wrong []string
	for _, model := range models {
		got, from, err := model.metric(m.Name)
		if err != nil {
			return failed(err.Error(), evidence)
		}
		evidence[model.ID.Short()] = number(got) + " (" + from + ")"
		text := fmt.Sprintf("%s of %s is %s", m.Name, model.ID.Short(), number(got))
		switch {
		case m.Min != nil && got < *m.Min:
			wrong = append(wrong, text+", less than "+number(*m.Min))
		case m.Max != nil && got > *m.Max:
			wrong = append(wrong, text+", more than "+number(*m.Max))
		default:
			good = append(good, text)
		}
	}
	if len(wrong) > 0 {
		return failed(strings.Join(wrong, "; "), evidence)
	}
	return open(strings.Join(good, "; "), evidence)
}

// Champion is open when a metric of each model of the release that it is about
// is better than that of the version that is live in the target, or when none
// is live.
type Champion struct {
	// Asset is a kind and a glob of names.
	Asset, Metric string
	// Lower says that less is better.
	Lower bool
	// By is the least improvement: an amount or, with Percent, a share of the
	// champion's metric.
	By      float64
	Percent bool
}

// Type is the word of mlsync.yaml.
func (Champion) Type() string { return "champion" }

func (h Champion) look(ctx context.Context, c *Case, seen sight) finding {
	models, bad := c.models(h.Asset)
	if bad != nil {
		return *bad
	}
	evidence := map[string]string{"metric": h.Metric}
	var good, wrong []string
	for _, model := range models {
		text, ok, f := h.compare(ctx, c, seen, model, evidence)
		switch {
		case f != nil:
			return *f
		case ok:
			good = append(good, text)
		default:
			wrong = append(wrong, text)
		}
	}
	if len(wrong) > 0 {
		return failed(strings.Join(wrong, "; "), evidence)
	}
	return open(strings.Join(good, "; "), evidence)
}

// compare holds one model against its champion.
func (h Champion) compare(ctx context.Context, c *Case, seen sight, model Model, evidence map[string]string) (string, bool, *finding) {
	got, from, err := model.metric(h.Metric)
	if err != nil {
		f := failed(err.Error(), evidence)
		return "", false, &f
	}
	evidence["challenger "+model.ID.Short()] = number(got) + " (" + from + ")"
	live, err := c.Champions.Champion(ctx, model.ID)
	if err != nil {
		f := shut(seen.later(), "what is live could not be read: "+err.Error(), evidence)
		return "", false, &f
	}
	if live == nil {
		return "no version of " + model.ID.Container().Short() + " is live", true, nil
	}
	best, from, err := live.metric(h.Metric)
	if err != nil {
		// Nobody knows how good it is, so nobody can say that it is beaten.
		f := failed("the champion: "+err.Error(), evidence)
		return "", false, &f
	}
	evidence["champion "+live.ID.Short()] = number(best) + " (" + from + ")"
	gain, need := got-best, h.By
	if h.Lower {
		gain = -gain
	}
	by := number(h.By)
	if h.Percent {
		need, by = math.Abs(best)*h.By/100, by+"%"
	}
	evidence["gain"] = number(gain)
	text := fmt.Sprintf("%s of %s is %s and that of %s, which is live, is %s", h.Metric, model.ID.Short(), number(got), live.ID.Short(), number(best))
	same := model.ID == live.ID // what is live already cannot beat itself
	if gain >= need && (gain > 0 || h.By == 0 && same) {
		return text, true, nil
	}
	return text + ": not better by " + by, false, nil
}

// models are those of the release that a pattern is about; it has failed if
// there are none.
func (c *Case) models(pattern string) ([]Model, *finding) {
	kind, name, _ := strings.Cut(pattern, "/")
	var out []Model
	for _, m := range c.Release.Models {
		if string(m.ID.Kind) == kind && glob.Name(name, m.ID.Name) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		f := failed(fmt.Sprintf("the release %s holds no %s", c.Release.Name, pattern), map[string]string{"asset": pattern})
		return nil, &f
	}
	return out, nil
}

// metric is a number that is known of a model, and where it is from.
func (m *Model) metric(name string) (float64, string, error) {
	for _, place := range []struct {
		from string
		has  map[string]string
	}{{"job", m.Metrics}, {"tag", m.Tags}, {"property", m.Properties}} {
		text, ok := place.has[name]
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return 0, "", fmt.Errorf("%s of %s is %q, which is no number", name, m.ID.Short(), text)
		}
		return f, place.from, nil
	}
	return 0, "", fmt.Errorf("the release says nothing of %s of %s: name it in lineage.metrics, or tag the model with it", name, m.ID.Short())
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
