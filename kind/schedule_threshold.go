package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// metrics is a map of groups of metrics in the file, with the value that each
// must not pass, and a list of metrics on the wire.
type metrics struct {
	Object
	send func(v *asset.Value) *asset.Value
	read func(rest *asset.Value) *asset.Value
}

// Encode makes the list.
func (m metrics) Encode(_ *Encoder, v *asset.Value) *asset.Value { return m.send(v) }

// Decode reads the list.
func (m metrics) Decode(_ *Decoder, rest *asset.Value) *asset.Value { return m.read(rest) }

// Equal compares group by group; a group without a value is left to the
// service.
func (m metrics) Equal(want, live *asset.Value) bool {
	for _, f := range m.Fields {
		w, l := want.Get(f.YAML), live.Get(f.YAML)
		if w.Type() == asset.Map && w.Len() == 0 || w.IsNull() && l.Len() == 0 {
			continue
		}
		if !w.Equal(l) {
			return false
		}
	}
	return true
}

func number(key, doc string) Field { return Field{YAML: key, As: Num{}, Doc: doc} }

// unsentThreshold are fields that the reference client takes and does not send.
var unsentThreshold = []Field{
	{YAML: "threshold", As: Num{}, ReadOnly: true, Doc: "It is not sent."},
	{YAML: "data_type", As: wordOf("numerical", "categorical"), ReadOnly: true, Doc: "It is not sent."},
}

// driftThresholds: of each group, only the first metric that is not 0 is sent.
var driftThresholds = metrics{
	Object: Object{
		After: func(_ *Checker, v *asset.Value) {
			for _, group := range []string{"numerical", "categorical"} {
				if item := v.Get(group); item != nil {
					v.Set(group, firstMetric(fieldOf(driftGroups, group).As.(Object).Fields, item))
				}
			}
		},
		Fields: append(driftGroups[:len(driftGroups):len(driftGroups)], unsentThreshold...),
	},
	send: func(v *asset.Value) *asset.Value { return sendGroups(driftGroups, v, true) },
	read: func(rest *asset.Value) *asset.Value { return readGroups(driftGroups, rest) },
}

var driftGroups = []Field{
	{YAML: "numerical", As: Obj(
		number("jensen_shannon_distance", "The Jensen-Shannon distance."), number("normalized_wasserstein_distance", "The normalized Wasserstein distance."),
		number("population_stability_index", "The population stability index."), number("two_sample_kolmogorov_smirnov_test", "The two-sample Kolmogorov-Smirnov test."),
	), Doc: "Features that are numbers: one metric."},
	{YAML: "categorical", As: Obj(
		number("jensen_shannon_distance", "The Jensen-Shannon distance."), number("population_stability_index", "The population stability index."),
		number("pearsons_chi_squared_test", "Pearson's chi-squared test."),
	), Doc: "Features that are categories: one metric."},
}

func firstMetric(rows []Field, group *asset.Value) *asset.Value {
	out := asset.NewMap().At(group.Pos())
	for _, f := range rows {
		if n, ok := group.Get(f.YAML).Float64(); ok && n != 0 {
			return out.Set(f.YAML, group.Get(f.YAML))
		}
	}
	return out
}

// qualityThresholds: every metric is sent.
var qualityThresholds = metrics{
	Object: Object{
		After: func(_ *Checker, v *asset.Value) {
			for _, group := range []string{"numerical", "categorical"} {
				if item := v.Get(group); item != nil && item.Len() == 0 {
					v.Delete(group)
				}
			}
		},
		Fields: append(qualityGroups[:len(qualityGroups):len(qualityGroups)], unsentThreshold...),
	},
	send: func(v *asset.Value) *asset.Value { return sendGroups(qualityGroups, v, false) },
	read: func(rest *asset.Value) *asset.Value { return readGroups(qualityGroups, rest) },
}

var (
	qualityRates = Obj(
		number("null_value_rate", "The part of the values that is missing."), number("data_type_error_rate", "The part of the values that is of another type."),
		number("out_of_bounds_rate", "The part of the values that is out of bounds."),
	)
	qualityGroups = []Field{
		{YAML: "numerical", As: qualityRates, Doc: "Features that are numbers."},
		{YAML: "categorical", As: qualityRates, Doc: "Features that are categories."},
	}
)

// sendGroups makes the list of metrics; empty sends groups without a metric.
func sendGroups(groups []Field, v *asset.Value, empty bool) *asset.Value {
	out := asset.NewList()
	for _, g := range groups {
		group := v.Get(g.YAML)
		if group == nil {
			continue
		}
		typ := asset.NewString(strings.ToUpper(g.YAML[:1]) + g.YAML[1:])
		if group.Len() == 0 && empty {
			out.Append(asset.NewMap().Set("dataType", typ))
		}
		for _, f := range g.As.(Object).Fields {
			if n := group.Get(f.YAML); n != nil {
				out.Append(metric(camel(f.YAML), n).Set("dataType", typ))
			}
		}
	}
	return out
}

// metric is an element of a list of metrics.
func metric(name string, value *asset.Value) *asset.Value {
	return asset.NewMap().Set("metric", asset.NewString(name)).Set("threshold", asset.NewMap().Set("value", plain(value)))
}

// camel spells a key as the reference client does on the wire.
func camel(key string) string {
	parts := strings.Split(key, "_")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

func readGroups(groups []Field, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.List {
		return nil
	}
	v := asset.NewMap()
	for _, item := range rest.Items() {
		for _, g := range groups {
			if squash(g.YAML) != squash(item.Get("dataType").Str()) {
				continue
			}
			if v.Get(g.YAML) == nil {
				v.Set(g.YAML, asset.NewMap())
			}
			for _, f := range g.As.(Object).Fields {
				if n := thresholdOf(item, f.YAML); n != nil {
					v.Get(g.YAML).Set(f.YAML, n)
				}
			}
		}
	}
	return v
}

// thresholdOf is the value of an element of a list, if it is the metric.
func thresholdOf(item *asset.Value, name string) *asset.Value {
	if squash(item.Get("metric").Str()) != squash(name) {
		return nil
	}
	return decodeNumber(item.GetPath("threshold", "value"))
}

// attributionThreshold: 0 is not sent.
var attributionThreshold = Object{
	After: func(_ *Checker, v *asset.Value) {
		const key = "normalized_discounted_cumulative_gain"
		if n, ok := v.Get(key).Float64(); ok && n == 0 {
			v.Delete(key)
		}
	},
	Fields: []Field{
		{YAML: "normalized_discounted_cumulative_gain", REST: "threshold.value", As: Num{}, Doc: "The normalized discounted cumulative gain."},
		unsentThreshold[0],
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) {
		rest.Set("metric", asset.NewString("normalizedDiscountedCumulativeGain"))
	},
}

var customThreshold = Obj(
	Field{YAML: "metric_name", REST: "metric", As: Str{}, Required: true, Doc: "The metric, as the component calls it."},
	Field{YAML: "threshold", REST: "threshold.value", As: Num{}, Doc: "The value that it must not pass."},
)

// performanceThresholds: the service knows one metric; the reference client
// sends that one always, and all of them as a text among the properties.
var performanceThresholds = metrics{
	Object: Object{
		After: func(c *Checker, v *asset.Value) {
			group := v.Get("classification")
			if group == nil {
				return
			}
			kept := asset.NewMap().At(group.Pos())
			for _, name := range performanceMetrics {
				if n, ok := group.Get(name).Float64(); ok && n != 0 {
					kept.Set(name, group.Get(name))
				}
			}
			if kept.Len() == 0 {
				c.in("classification", func() {
					c.Badf(group, "missing_field", "add accuracy:, precision: or recall:, above 0", "there is no metric")
				})
			}
			v.Set("classification", kept)
		},
		Fields: []Field{
			{YAML: "classification", As: Obj(
				number("accuracy", "The part of the predictions that is right."), number("precision", "The part of the positive predictions that is right."),
				number("recall", "The part of the positive cases that is found."),
			), Doc: "Metrics of a classification."},
		},
	},
	send: func(*asset.Value) *asset.Value {
		return metric("Accuracy", asset.NewFloat(0.9)).Set("modelType", asset.NewString("Classification"))
	},
	read: func(*asset.Value) *asset.Value { return nil },
}

var performanceMetrics = []string{"accuracy", "precision", "recall"}

// performanceProperty holds the thresholds of a model performance signal.
const performanceProperty = "azureml.modelmonitor.model_performance_thresholds"

func performanceToREST(_ *Encoder, v, rest *asset.Value) {
	var parts []string
	group := v.GetPath("metric_thresholds", "classification")
	for _, name := range performanceMetrics {
		if n, ok := group.Get(name).Float64(); ok {
			title := strings.ToUpper(name[:1]) + name[1:]
			parts = append(parts, `{"modelType":"classification","metric":"`+title+`","threshold":{"value":`+asset.NewFloat(n).Text()+`}}`)
		}
	}
	text := asset.NewNull()
	if len(parts) > 0 {
		text = asset.NewString("[" + strings.Join(parts, ", ") + "]")
	}
	if rest.Get("properties").IsNull() {
		rest.Set("properties", asset.NewMap())
	}
	rest.Get("properties").Set(performanceProperty, text)
}

func performanceFromREST(_ *Decoder, rest, v *asset.Value) {
	dropEntry(v, performanceProperty, "properties")
	v.Set("metric_thresholds", asset.NewMap())
	group := asset.NewMap()
	list, err := asset.ParseJSON([]byte(rest.GetPath("properties", performanceProperty).Str()))
	if err != nil || list.Type() != asset.List {
		// A signal that another client made has the one metric only.
		list = asset.NewList()
		if one := rest.Get("metricThreshold"); !rest.Get("properties").Has(performanceProperty) {
			list.Append(one)
		}
	}
	for _, item := range list.Items() {
		for _, name := range performanceMetrics {
			if n := thresholdOf(item, name); n != nil {
				group.Set(name, n)
			}
		}
	}
	if group.Len() > 0 {
		v.Set("metric_thresholds", asset.NewMap().Set("classification", group))
	}
}

// generated are metrics of generated texts: of each group, a score that an
// answer must reach, and the part of the answers that must reach it.
func generated(names ...string) metrics {
	var rows []Field
	for _, name := range names {
		rows = append(rows, Field{YAML: name, As: Object{AnyCase: true, Fields: []Field{
			number("acceptable_"+name+"_score_per_instance", "The score that is good enough, 1 to 5; 3 if not given."),
			number("aggregated_"+name+"_pass_rate", "The part of the answers that must be good enough."),
		}}, Doc: "The " + name + " of the answers."})
	}
	return pairs(rows)
}

var (
	safetyThresholds = generated("groundedness", "relevance", "coherence", "fluency", "similarity")
	tokenThresholds  = pairs([]Field{{YAML: "totaltoken", As: Object{AnyCase: true, Fields: []Field{
		number("total_token_count", "The number of tokens; 3 if not given."), number("total_token_count_per_group", "The number of tokens of a group."),
	}}, Doc: "The tokens that are used."}})
)

// noTokens are the thresholds of a token signal that names none.
func noTokens() *asset.Value {
	return asset.NewMap().Set("totaltoken", asset.NewMap().Set("total_token_count", asset.NewFloat(0)).Set("total_token_count_per_group", asset.NewFloat(0)))
}

// pairs are groups of two metrics, of which the first is 3 and the second must
// be given.
func pairs(rows []Field) metrics {
	two := func(f Field) (first, second string) {
		in := f.As.(Object).Fields
		return in[0].YAML, in[1].YAML
	}
	each := func(v *asset.Value, do func(group *asset.Value, first, second string)) {
		for _, f := range rows {
			if group := v.Get(f.YAML); group != nil {
				first, second := two(f)
				do(group, first, second)
			}
		}
	}
	return metrics{
		Object: Object{Fields: rows, After: func(c *Checker, v *asset.Value) {
			for _, f := range rows {
				if group := v.Get(f.YAML); group != nil && group.Len() == 0 {
					v.Delete(f.YAML)
				}
			}
			each(v, func(group *asset.Value, first, second string) {
				if group.Get(second).IsNull() {
					c.Badf(group, "missing_field", "add "+second+":", "%s is missing", second)
				}
				if group.Get(first).IsNull() {
					group.Set(first, asset.NewInt(3).At(group.Pos()))
				}
			})
		}},
		send: func(v *asset.Value) *asset.Value {
			out := asset.NewList()
			each(v, func(group *asset.Value, first, second string) {
				for _, key := range []string{first, second} {
					name := camel(key)
					out.Append(metric(strings.ToUpper(name[:1])+name[1:], group.Get(key)))
				}
			})
			return out
		},
		read: func(rest *asset.Value) *asset.Value {
			if rest.Type() != asset.List {
				return nil
			}
			v := asset.NewMap()
			for _, item := range rest.Items() {
				for _, f := range rows {
					first, second := two(f)
					for _, key := range []string{first, second} {
						if n := thresholdOf(item, key); n != nil {
							v.SetPath(n, f.YAML, key)
						}
					}
				}
			}
			return v
		},
	}
}
