package kind

import (
	"slices"

	"mlsync.dev/mlsync/asset"
)

var sweepJob = &Variant{
	Name:    "sweep",
	Schemas: []string{"sweepJob"},
	Types:   []string{"sweep"},
	Const:   []Const{{REST: "properties.jobType", Text: "Sweep"}},
	Tell: func(doc *asset.Value) bool {
		return typeIs(doc, "sweep") && doc.Has("trial") || hasAll(doc, "trial", "search_space", "objective")
	},
	Preview: &Preview{Tell: tellPreviewSweep, Upgrade: upgradeSweepJob},
	Doc:     "Runs of one command over a space of hyperparameters.",
	ToREST: func(e *Encoder, v, rest *asset.Value) {
		jobToREST(e, v, rest)
		// The reference client sends the machines of the trial for the sweep,
		// too, if that has none.
		if machines := rest.GetPath("properties", "trial", "resources"); machines != nil && v.Get("resources").IsNull() {
			rest.SetPath(machines, "properties", "resources")
		}
	},
	FromREST: jobFromREST,
	Check: func(c *Checker, v *asset.Value) {
		finishJob(c, v)
		if trial := v.Get("trial"); trial != nil {
			c.in("trial", func() {
				c.in("command", func() {
					doubleBraces(c, trial)
					checkInputsOf(c, trial.Get("command"), v.Get("inputs"))
				})
			})
		}
	},
	Fields: slices.Concat([]Field{jobProperties, jobCompute, jobIdentityRow, unsentServices, jobQueue, jobInputsRow, jobOutputsRow}, []Field{
		{YAML: "trial", REST: "properties.trial", As: sweepTrial, Required: true, Change: Once, Doc: "What each run does."},
		{YAML: "search_space", REST: "properties.searchSpace", As: Map{Of: SearchSpace{}}, Required: true, Change: Once, Doc: "The hyperparameters, by name."},
		{YAML: "sampling_algorithm", REST: "properties.samplingAlgorithm", As: samplingAlgorithm, Change: Once, Doc: "How values are chosen: random, grid, bayesian, or a map."},
		{YAML: "objective", REST: "properties.objective", Required: true, Change: Once, As: sweepObjective, Doc: "What the sweep is after."},
		{YAML: "early_termination", REST: "properties.earlyTermination", As: earlyTermination, Change: Once, Doc: "When a run that does badly is stopped."},
		{YAML: "limits", REST: "properties.limits", As: sweepLimits, Required: true, Change: Once, Doc: "How many runs, and how long."},
		{YAML: "resources", REST: "properties.resources", As: jobResources, Change: Once, Doc: "The machines."},
	}),
}

// sweepTrial is what each run does. The sweep is queued, not the trial.
var sweepTrial = Obj(append(commandFields(""), Field{YAML: "queue_settings", As: Any{}, ReadOnly: true, Doc: "Taken and not sent, as the reference client does."})...)

var sweepObjective = Obj(
	Field{YAML: "goal", REST: "goal", As: Words("minimize", "minimize", "maximize", "maximize"), Required: true, Change: Once, Doc: "What is better."},
	Field{YAML: "primary_metric", REST: "primaryMetric", As: Str{}, Required: true, Change: Once, Doc: "The metric that the runs log."},
)

// samplingAlgorithm is a word, or a map with it. The seed, the rule and the
// base are of random sampling.
var samplingAlgorithm = Shorthand{Key: "type", Object: Object{
	After: func(c *Checker, v *asset.Value) {
		for _, key := range []string{"seed", "rule", "logbase"} {
			if item := v.Get(key); item != nil && v.Get("type").Str() != "random" {
				c.Badf(item, "conflict", "remove it", "%s is for type random only", key)
			}
		}
	},
	Fields: []Field{
		{YAML: "type", REST: "samplingAlgorithmType", As: Words("random", "Random", "grid", "Grid", "bayesian", "Bayesian"), Required: true, Change: Once, Doc: "How values are chosen."},
		{YAML: "seed", REST: "seed", As: Int{}, Change: Once, Doc: "The seed, for random."},
		{YAML: "rule", REST: "rule", As: Words("random", "random", "sobol", "sobol"), Change: Once, Doc: "The rule, for random."},
		{YAML: "logbase", REST: "logbase", As: logBase{}, Change: Once, Doc: "The base of logarithmic distributions: a number, or e."},
	},
}}

// logBase is a number, which is sent as the text of one with a fraction, or a
// word.
type logBase struct{ Text }

func (logBase) Check(c *Checker, v *asset.Value) *asset.Value {
	got := floatOrText{}.Check(c, v)
	if got == nil {
		return nil
	}
	return asset.NewString(got.Text())
}

var (
	evaluationDelay = Field{YAML: "delay_evaluation", REST: "delayEvaluation", As: Int{}, Nullable: true, Change: Once, Send: asset.NewInt(0), Doc: "Intervals before the first look."}
	banditPolicy    = Obj(policyType("bandit", "Bandit"), evaluationInterval(0), evaluationDelay,
		Field{YAML: "slack_factor", REST: "slackFactor", As: Num{}, Nullable: true, Change: Once, Send: asset.NewInt(0), Doc: "How far behind the best, as a ratio."},
		Field{YAML: "slack_amount", REST: "slackAmount", As: Num{}, Nullable: true, Change: Once, Send: asset.NewInt(0), Doc: "How far behind the best, as a difference."})
	medianPolicy     = Obj(policyType("median_stopping", "MedianStopping"), evaluationInterval(1), evaluationDelay)
	truncationPolicy = Obj(policyType("truncation_selection", "TruncationSelection"), evaluationInterval(0), evaluationDelay,
		Field{YAML: "truncation_percentage", REST: "truncationPercentage", As: Int{}, Required: true, Change: Once, Doc: "The part of the runs that is stopped at each look."})
	earlyTermination = byType("a policy: bandit, median_stopping or truncation_selection", "policyType", map[string]Type{
		"bandit": banditPolicy, "medianstopping": medianPolicy, "truncationselection": truncationPolicy,
	})
)

func policyType(yaml, rest string) Field {
	return Field{YAML: "type", REST: "policyType", As: Words(yaml, rest), Required: true, Change: Once, Doc: "What counts as doing badly."}
}

func evaluationInterval(send int64) Field {
	return Field{YAML: "evaluation_interval", REST: "evaluationInterval", As: Int{}, Nullable: true, Change: Once, Send: asset.NewInt(send), Doc: "How often the runs are looked at."}
}

// sweepLimits: the service takes less than a minute for 60 days, so the
// reference client sends a minute.
var sweepLimits = Object{
	After: func(_ *Checker, v *asset.Value) {
		for _, key := range []string{"timeout", "trial_timeout"} {
			if n, ok := v.Get(key).Int64(); ok && n < 60 {
				v.Set(key, asset.NewInt(60).At(v.Get(key).Pos()))
			}
		}
	},
	Fields: []Field{
		{YAML: "max_total_trials", REST: "maxTotalTrials", As: Int{}, Required: true, Change: Once, Doc: "Runs in all."},
		{YAML: "max_concurrent_trials", REST: "maxConcurrentTrials", As: Int{}, Change: Once, Doc: "Runs at a time."},
		{YAML: "timeout", REST: "timeout", As: Duration{}, Change: Once, Doc: "Seconds for the sweep."},
		{YAML: "trial_timeout", REST: "trialTimeout", As: Duration{}, Change: Once, Doc: "Seconds for one run."},
	},
	ToREST: func(_ *Encoder, _, rest *asset.Value) { rest.Set("jobLimitsType", asset.NewString("Sweep")) },
}
