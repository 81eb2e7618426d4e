package kind

import "mlsync.dev/mlsync/asset"

// sparkConf is the configuration of a Spark program: a map of texts under
// Spark's dotted names. Some have short names, which the reference client
// takes in their place.
type sparkConf struct{}

var sparkShort = [][2]string{
	{"driver_cores", "spark.driver.cores"},
	{"driver_memory", "spark.driver.memory"},
	{"executor_cores", "spark.executor.cores"},
	{"executor_memory", "spark.executor.memory"},
	{"executor_instances", "spark.executor.instances"},
	{"dynamic_allocation_enabled", "spark.dynamicAllocation.enabled"},
	{"dynamic_allocation_min_executors", "spark.dynamicAllocation.minExecutors"},
	{"dynamic_allocation_max_executors", "spark.dynamicAllocation.maxExecutors"},
}

const (
	executorInstances = "spark.executor.instances"
	dynamicEnabled    = "spark.dynamicAllocation.enabled"
	dynamicMin        = "spark.dynamicAllocation.minExecutors"
	dynamicMax        = "spark.dynamicAllocation.maxExecutors"
)

// Check gives every key its dotted name and every value its text. A dotted
// name wins over the short one, and of those that have short names a zero or
// an empty text is the same as none.
func (t sparkConf) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		c.Badf(v, "wrong_type", mapHint, "want a map, not %s", sort(v))
		return nil
	}
	set := asset.NewMap()
	for _, names := range sparkShort {
		for _, key := range []string{names[1], names[0]} {
			if item := v.Get(key); !item.IsNull() {
				if !isFalsy(item) {
					set.Set(names[1], item)
				}
				break
			}
		}
	}
	t.need(c, v, set)
	out := asset.NewMap()
	for key, item := range v.Entries() {
		name := sparkName(key)
		switch {
		case item.IsNull():
			c.in(key, func() { c.Badf(item, "wrong_type", "write a value, or remove it", "has no value") })
		case name == "":
			out.Set(key, pythonText{}.Check(c, item).At(item.Pos()))
		case set.Has(name) && !out.Has(name):
			out.Set(name, sparkValue(name, pythonText{}.Check(c, set.Get(name))).At(item.Pos()))
		}
	}
	if set.Has(executorInstances) && !out.Has(executorInstances) {
		out.Set(executorInstances, sparkValue(executorInstances, set.Get(executorInstances)).At(v.Pos()))
	}
	return out
}

// sparkValue is the normal form of a value: a text, save for the counts, which
// the reference client compares as numbers.
func sparkValue(name string, v *asset.Value) *asset.Value {
	switch name {
	case executorInstances, dynamicMin, dynamicMax:
		return plain(decodeNumber(v))
	}
	return plain(v)
}

// sparkName is the dotted name of a key that has a short one, or "".
func sparkName(key string) string {
	for _, names := range sparkShort {
		if key == names[0] || key == names[1] {
			return names[1]
		}
	}
	return ""
}

// isFalsy reports what Python takes for false.
func isFalsy(v *asset.Value) bool {
	if f, ok := v.Float64(); ok {
		return f == 0
	}
	return v.Type() == asset.Bool && !v.Bool() || v.Type() == asset.String && v.Str() == "" || (v.Type() == asset.Map || v.Type() == asset.List) && v.Len() == 0
}

// need looks whether the sizes are complete, and settles what dynamic
// allocation means: without it, its keys are not sent; with it, the least
// number of executors is what a run begins with.
func (t sparkConf) need(c *Checker, v, set *asset.Value) {
	enabled := set.Get(dynamicEnabled)
	dynamic := enabled.Text() == "True" || enabled.Text() == "true" || isNumber(enabled, 1)
	missing := func(keys ...string) {
		for _, key := range keys {
			if set.Get(key).IsNull() {
				c.Badf(v, "missing_field", "add "+key+":", "%s is missing", key)
			}
		}
	}
	missing("spark.driver.cores", "spark.driver.memory", "spark.executor.cores", "spark.executor.memory")
	if !dynamic {
		missing(executorInstances)
		for _, key := range []string{dynamicMin, dynamicMax} {
			if item := set.Get(key); !item.IsNull() {
				c.Badf(item, "conflict", "add "+dynamicEnabled+": true, or remove it", "%s is for dynamic allocation only", key)
			}
		}
		set.Delete(dynamicEnabled)
		return
	}
	set.Set(dynamicEnabled, asset.NewBool(true).At(enabled.Pos()))
	missing(dynamicMin, dynamicMax)
	least, most := t.number(c, set.Get(dynamicMin), dynamicMin), t.number(c, set.Get(dynamicMax), dynamicMax)
	if least == 0 || most == 0 {
		return
	}
	if least < 0 || least > most {
		c.Badf(set.Get(dynamicMin), "bad_value", "write at least 1, and at most "+dynamicMax, "%s is out of range", dynamicMin)
	}
	if item := set.Get(executorInstances); item.IsNull() {
		set.Set(executorInstances, plain(set.Get(dynamicMin)))
	} else if n := t.number(c, item, executorInstances); n != 0 && (n < least || n > most) {
		c.Badf(item, "bad_value", "write a number between the two", "%s is not between %s and %s", executorInstances, dynamicMin, dynamicMax)
	}
}

// number is a count of executors; 0 if there is none. The reference client
// takes no texts where it compares.
func (sparkConf) number(c *Checker, v *asset.Value, key string) float64 {
	f, ok := v.Float64()
	if !ok && !v.IsNull() {
		c.Badf(v, "wrong_type", "write it in digits, without quotes", "%s: want a number, not %s", key, sort(v))
	}
	return f
}

func isNumber(v *asset.Value, n float64) bool {
	f, ok := v.Float64()
	return ok && f == n
}

// Encode sends texts.
func (sparkConf) Encode(e *Encoder, v *asset.Value) *asset.Value {
	rest := asset.NewMap()
	for key, item := range v.Entries() {
		rest.Set(key, e.text(asset.NewString(item.Text())))
	}
	return rest
}

// Decode reads texts.
func (sparkConf) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	v := Map{Of: pythonText{}}.Decode(d, rest)
	if v == nil {
		return nil
	}
	for key, item := range v.Entries() {
		v.Set(key, sparkValue(key, item))
	}
	return v
}

// Schema allows every key, with a value.
func (sparkConf) Schema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": map[string]any{"not": map[string]any{"type": "null"}}}
}

// Describe is that of a map of texts.
func (sparkConf) Describe() string { return "map of text" }
