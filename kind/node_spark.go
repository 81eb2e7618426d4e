package kind

import (
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// prepareSpark completes what a Spark step holds before a component is made of
// it: the code is the folder of the file if none is named.
func prepareSpark(node *asset.Value) {
	liftConf(node)
	fillExecutors(node)
	if node.Get("code") == nil {
		node.Set("code", asset.NewString(".").At(node.Pos()))
	}
}

// fillExecutors begins dynamic allocation with the least number of executors.
func fillExecutors(node *asset.Value) {
	conf := node.Get("conf")
	least := conf.Get("spark.dynamicAllocation.minExecutors")
	if conf.Get("spark.executor.instances").IsNull() && strings.EqualFold(conf.Get("spark.dynamicAllocation.enabled").Text(), "true") && !least.IsNull() {
		conf = conf.Clone()
		node.Set("conf", conf.Set("spark.executor.instances", least))
	}
}

// inheritConf gives a step the settings of its component: all of them, or those
// of the machines that it does not say itself.
func inheritConf(node, def *asset.Value) {
	whole := node.Get("conf") == nil
	liftConf(node)
	conf := node.Get("conf").Clone()
	if conf == nil {
		conf = asset.NewMap().At(node.Pos())
	}
	for key, item := range def.Get("conf").Entries() {
		short := slices.ContainsFunc(confKeys, func(pair [2]string) bool { return pair[1] == key })
		if (whole || short) && !item.IsNull() && !conf.Has(key) {
			conf.Set(key, item)
		}
	}
	setOrDelete(node, "conf", conf)
}

// finishSpark fills in what the reference client does of a Spark step.
func finishSpark(node *asset.Value) {
	liftConf(node)
	fillExecutors(node)
	if !node.Get("identity").IsNull() {
		return
	}
	switch {
	case !node.Get("compute").IsNull():
		node.Set("identity", asset.NewMap().Set("type", asset.NewString("managed")))
	case !node.Get("resources").IsNull():
		node.Set("identity", asset.NewMap().Set("type", asset.NewString("user_identity")))
	}
}

// checkSpark looks at what a Spark step needs: a place to run, settings for its
// machines, and data that it reads and writes directly.
func (p *pipe) checkSpark(form *stepForm, node *asset.Value) {
	compute, resources := node.Get("compute"), node.Get("resources")
	switch {
	case compute.IsNull() && resources.IsNull():
		p.Badf(node, "missing_field", "write compute: or resources: in the step", "a Spark step names its compute itself")
	case !compute.IsNull() && !resources.IsNull():
		p.Badf(resources, "conflict", "remove one of them", "compute and resources exclude each other")
	}
	def := node.Get(form.ref)
	for _, key := range []string{"inputs", "outputs"} {
		for name, v := range node.Get(key).Entries() {
			bound := v.Type() != asset.Map || parentBinding.MatchString(v.Get("path").Str())
			if mode := v.Get("mode"); !bound && mode.Str() != "direct" && def.Type() == asset.Map && def.Get(key).Get(name).Get("mode").Str() != "direct" {
				p.in(key, func() {
					p.in(name, func() { p.Badf(v, "bad_value", "write mode: direct", "Spark reads and writes directly only") })
				})
			}
		}
	}
	for _, m := range usedInput.FindAllStringSubmatch(node.Get("args").Str(), -1) {
		if !node.Get("inputs").Has(m[1]) {
			p.Badf(node.Get("args"), "missing_input", "", "args: the step has no input %q", m[1])
		}
	}
	if def.Type() == asset.Map {
		p.checkConf(node, def)
	}
}

// checkConf looks whether the size of the driver and of the executors is said.
func (p *pipe) checkConf(node, def *asset.Value) {
	of := func(key string) *asset.Value {
		if v := node.Get("conf").Get(key); !v.IsNull() {
			return v
		}
		return def.Get("conf").Get(key)
	}
	need := []string{"spark.driver.cores", "spark.driver.memory", "spark.executor.cores", "spark.executor.memory"}
	least, most := of("spark.dynamicAllocation.minExecutors"), of("spark.dynamicAllocation.maxExecutors")
	dynamic := strings.EqualFold(of("spark.dynamicAllocation.enabled").Text(), "true")
	if dynamic {
		need = append(need, "spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.maxExecutors")
	} else {
		need = append(need, "spark.executor.instances")
	}
	for _, key := range need {
		if of(key).IsNull() {
			p.Badf(node, "missing_field", "add it", "conf: %s is missing", key)
		}
	}
	low, _ := least.Int64()
	high, _ := most.Int64()
	n, given := of("spark.executor.instances").Int64()
	switch {
	case !dynamic && (!least.IsNull() || !most.IsNull()):
		p.Badf(node, "conflict", "write spark.dynamicAllocation.enabled: true, or remove them", "conf: minExecutors and maxExecutors are for dynamic allocation only")
	case dynamic && !least.IsNull() && !most.IsNull() && (low <= 0 || low > high):
		p.Badf(node, "bad_value", "write 1 or more, and at most maxExecutors", "conf: minExecutors is %d", low)
	case dynamic && given && n != 0 && (n < low || n > high):
		p.Badf(node, "bad_value", "write a number from minExecutors to maxExecutors", "conf: spark.executor.instances is %d", n)
	}
}
