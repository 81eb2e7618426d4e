package kind

import (
	"strconv"

	"mlsync.dev/mlsync/asset"
)

// dataWindow is the time that the data of a signal is from: a length that ends
// so long before the run, or two days.
var dataWindow = Field{YAML: "data_window", As: Obj(
	Field{YAML: "lookback_window_size", REST: "windowSize", As: period{Word: "default"}, Doc: "How long it is; default depends on the trigger."},
	Field{YAML: "lookback_window_offset", REST: "windowOffset", As: period{Word: "default"}, Doc: "How long before the run it ends; P0D if not given."},
	Field{YAML: "window_start", REST: "windowStart", As: day{}, Doc: "The day on which it begins, for reference data."},
	Field{YAML: "window_end", REST: "windowEnd", As: day{}, Doc: "The day on which it ends, for reference data."},
), Doc: "The time that the data is from."}

const (
	windowSize   = "lookback_window_size"
	windowOffset = "lookback_window_offset"
	noOffset     = "P0D"
)

// windows are the data windows that a file leaves to the reference client: as
// long as lies between two runs, and twice as long.
type windows struct{ data, reference string }

func windowsOf(trigger *asset.Value) windows {
	n, _ := trigger.Get("interval").Int64()
	days := func(n int64) windows {
		return windows{"P" + strconv.FormatInt(n, 10) + "D", "P" + strconv.FormatInt(2*n, 10) + "D"}
	}
	switch trigger.Get("frequency").Str() {
	case "minute", "hour":
		return days(1)
	case "day":
		return days(n)
	case "week":
		return days(7 * n)
	case "month":
		return days(30 * n)
	}
	return days(7) // a cron expression
}

// fill brings the windows of a signal to their normal form, which is what the
// reference client makes of them.
func (w windows) fill(c *Checker, signal *asset.Value) {
	each := func(key string, f func(data *asset.Value)) {
		v := signal.Get(key)
		list := []*asset.Value{v}
		if v.Type() == asset.List || signal.Get("type").Str() == "custom" && v.Type() == asset.Map {
			list = v.Items()
		}
		c.in(key, func() {
			for _, data := range list {
				if data.Type() == asset.Map {
					c.in("data_window", func() { f(data) })
				}
			}
		})
	}
	reference := func(size, offset string) func(*asset.Value) {
		return func(data *asset.Value) { fillReference(data, size, offset) }
	}
	switch signal.Get("type").Str() {
	case "data_drift", "data_quality", "prediction_drift":
		each("production_data", func(data *asset.Value) { w.fillProduction(c, data) })
		each("reference_data", reference(w.reference, w.data))
	case "model_performance":
		each("production_data", func(data *asset.Value) { w.fillProduction(c, data) })
		each("reference_data", reference(w.reference, noOffset))
	case "feature_attribution_drift":
		each("production_data", func(data *asset.Value) { w.fillTrailing(c, data, w.data) })
		each("reference_data", reference(w.reference, w.data))
	case "generation_safety_quality", "generation_token_statistics":
		each("production_data", func(data *asset.Value) { w.fillTrailing(c, data, "") })
	case "custom":
		each("input_data", reference("", noOffset))
	}
}

// fillProduction is for data that must trail the run.
func (w windows) fillProduction(c *Checker, data *asset.Value) {
	window := data.Get("data_window")
	for _, key := range []string{"window_start", "window_end"} {
		if item := window.Get(key); item != nil {
			c.Badf(item, "conflict", "write lookback_window_size: and lookback_window_offset:", "%s is for reference data only", key)
			window.Delete(key)
		}
	}
	if window.Get(windowSize).IsNull() {
		data.SetPath(asset.NewString("default"), "data_window", windowSize)
	}
	w.fillTrailing(c, data, w.data)
}

// fillTrailing is for data that trails the run; size is what default means,
// "" if the word cannot stand there.
func (w windows) fillTrailing(c *Checker, data *asset.Value, size string) {
	window := data.Get("data_window")
	if window == nil {
		window = asset.NewMap().At(data.Pos()).Set(windowSize, asset.NewString(w.data))
		data.Set("data_window", window)
	}
	for _, key := range []string{"window_start", "window_end"} {
		if window.Has(key) {
			window.Delete(key)
		}
	}
	setDefault(window, windowOffset, noOffset)
	for key, text := range map[string]string{windowSize: size, windowOffset: ""} {
		switch item := window.Get(key); {
		case item.Str() != "default":
		case text == "":
			c.Badf(item, "bad_value", "write a period such as P7D", "%s: default has no meaning here", key)
		default:
			window.Set(key, asset.NewString(text).At(item.Pos()))
		}
	}
}

// fillReference is for data that is compared with: it trails the run, is from
// certain days, or is all there is. size and offset are what default means;
// "" leaves the size to the service.
func fillReference(data *asset.Value, size, offset string) {
	window := data.Get("data_window")
	has := func(key string) bool { return !window.Get(key).IsNull() }
	var drop []string
	switch {
	case has(windowSize):
		drop = []string{"window_start", "window_end"}
		setDefault(window, windowOffset, noOffset)
		for key, text := range map[string]string{windowSize: size, windowOffset: offset} {
			if item := window.Get(key); item.Str() == "default" && text != "" {
				window.Set(key, asset.NewString(text).At(item.Pos()))
			} else if item.Str() == "default" {
				window.Delete(key)
			}
		}
	case has("window_start") && has("window_end"):
		drop = []string{windowOffset}
	default:
		for _, key := range []string{"data_window", "pre_processing_component"} {
			if data.Has(key) {
				data.Delete(key)
			}
		}
	}
	for _, key := range drop {
		if window.Has(key) {
			window.Delete(key)
		}
	}
}
