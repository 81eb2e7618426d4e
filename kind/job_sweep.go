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
	Preview:  &Preview{Tell: tellPreviewSweep, Upgrade: upgradeSweepJob},
	Doc:      "Runs of one command over a space of hyperparameters.",
	ToREST:   jobToREST,
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
	Fields: slices.Concat(commandJobRows, []Field{
		{YAML: "trial", REST: "properties.trial", As: Obj(commandFields("")...), Required: true, Change: Once, Doc: "What each run does."},
		{YAML: "search_space", REST: "properties.searchSpace", As: Map{Of: SearchSpace{}}, Required: true, Change: Once, Doc: "The hyperparameters, by name."},
		{YAML: "sampling_algorithm", REST: "properties.samplingAlgorithm", As: samplingAlgorithm, Change: Once, Doc: "How values are chosen: random, grid, bayesian, or a map."},
		{YAML: "objective", REST: "properties.objective", Required: true, Change: Once, As: sweepObjective, Doc: "What the sweep is after."},
		{YAML: "early_termination", REST: "properties.earlyTermination", As: earlyTermination, Change: Once, Doc: "When a run that does badly is stopped."},
		{YAML: "limits", REST: "properties.limits", As: sweepLimits, Required: true, Change: Once, Doc: "How many runs, and how long."},
		{YAML: "resources", REST: "properties.resources", As: jobResources, Change: Once, Doc: "The machines."},
	}),
}

var sweepObjective = Obj(
	Field{YAML: "goal", REST: "goal", As: Words("minimize", "minimize", "maximize", "maximize"), Required: true, Change: Once, Doc: "What is better."},
	Field{YAML: "primary_metric", REST: "primaryMetric", As: Str{}, Required: true, Change: Once, Doc: "The metric that the runs log."},
)

var samplingAlgorithm = Shorthand{Key: "type", Object: Obj(
	Field{YAML: "type", REST: "samplingAlgorithmType", As: Words("random", "Random", "grid", "Grid", "bayesian", "Bayesian"), Required: true, Change: Once, Doc: "How values are chosen."},
	Field{YAML: "seed", REST: "seed", As: Int{}, Change: Once, Doc: "The seed, for random."},
	Field{YAML: "rule", REST: "rule", As: Words("random", "random", "sobol", "sobol"), Change: Once, Doc: "The rule, for random."},
	Field{YAML: "logbase", REST: "logbase", As: Text{}, Change: Once, Doc: "The base of logarithmic distributions: a number, or e."},
)}

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
