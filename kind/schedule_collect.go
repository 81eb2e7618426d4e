package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Completion lets a kind look at other assets before references are bound: a
// monitor watches what a deployment collects.
type Completion struct {
	// ID is the asset of this workspace that a reference names; false if it
	// names another thing, or none.
	ID func(r Ref, text string) (asset.ID, bool)
	// Asset is an asset of the tree, or else of the workspace; nil if it is
	// neither there nor here, or could not be read, which then is remembered.
	Asset func(id asset.ID) *asset.Asset
	// Bad reports a problem of the value v.
	Bad func(v *asset.Value, code, hint, format string, args ...any)
}

// collection is one of the things that a deployment collects.
type collection struct {
	path, typ string
	enabled   bool
}

// collections are the things that a deployment collects, by name.
type collections map[string]collection

func (c collections) enabled(name string) bool { return c[name].enabled }

// collectedBy reads the data collector of a deployment or, without one, the
// tags that deployments had before there was one.
func collectedBy(in *Completion, deployment *asset.Asset) collections {
	out := collections{}
	collector := deployment.Body.Get("data_collector")
	for name, item := range collector.Get("collections").Entries() {
		c := collection{typ: "uri_folder", enabled: strings.EqualFold(item.Get("enabled").Text(), "true")}
		switch data := item.Get("data"); data.Type() {
		case asset.Map:
			c.path = "azureml:" + data.Get("name").Text() + ":" + data.Get("version").Text()
			if typ := data.Get("type").Str(); typ != "" {
				c.typ = typ
			}
		case asset.String:
			c.path = data.Str()
			c.typ = dataTypeOf(in, data)
		default:
			continue
		}
		out[name] = c
	}
	if !collector.IsNull() {
		return out
	}
	tags := deployment.Body.Get("tags")
	for _, name := range []string{"model_inputs", "model_outputs"} {
		at := "data_collector.collections." + name + "."
		if n, v := tags.Get(at+"data.name").Text(), tags.Get(at+"data.version").Text(); n != "" && v != "" {
			path := asset.NewString("azureml:" + n + ":" + v)
			out[name] = collection{path: path.Str(), typ: dataTypeOf(in, path), enabled: strings.EqualFold(tags.Get(at+"enabled").Text(), "true")}
		}
	}
	return out
}

// dataTypeOf is the type of a data asset; folders are what deployments make.
func dataTypeOf(in *Completion, path *asset.Value) string {
	if id, ok := in.ID(Ref{To: "data"}, path.Str()); ok {
		if a := in.Asset(id); a != nil {
			return a.Variant
		}
	}
	return "uri_folder"
}

// data is a collection as the data of a signal.
func (c collections) data(name string, window ...string) *asset.Value {
	v := asset.NewMap().Set("input_data", asset.NewMap().Set("type", asset.NewString(c[name].typ)).Set("path", asset.NewString(c[name].path)))
	if name != "app_traces" {
		v.Set("data_context", asset.NewString(name))
	}
	return v.Set("data_window", asset.NewMap().Set("lookback_window_size", asset.NewString(window[0])).Set("lookback_window_offset", asset.NewString(window[1])))
}

// addTo gives a signal the data that it lacks, as the reference client does;
// the text says why it cannot.
func (c collections) addTo(signal *asset.Value) string {
	lacks := func(key string) bool { return signal.Get(key).IsNull() }
	typ := signal.Get("type").Str()
	source := "model_inputs"
	switch typ {
	case "data_drift", "data_quality", "prediction_drift":
		if typ == "prediction_drift" {
			source = "model_outputs"
		}
		if !lacks("production_data") && !lacks("reference_data") {
			return ""
		}
		if !c.enabled(source) {
			return "the deployment does not collect " + source
		}
		if lacks("production_data") {
			signal.Set("production_data", c.data(source, "default", "P0D"))
		}
		if lacks("reference_data") {
			signal.Set("reference_data", c.data(source, "default", "default"))
		}
	case "feature_attribution_drift":
		if !lacks("production_data") {
			return ""
		}
		if !c.enabled("model_inputs") || c["model_outputs"].path == "" {
			return "the deployment does not collect model_inputs and model_outputs"
		}
		signal.Set("production_data", asset.NewList(c.data("model_inputs", "default", "P0D"), c.data("model_outputs", "default", "P0D")))
	case "generation_token_statistics":
		if !lacks("production_data") {
			return ""
		}
		if c["app_traces"].path == "" {
			return "the deployment does not collect app_traces"
		}
		signal.Set("production_data", c.data("app_traces", "P7D", "P0D"))
	}
	return ""
}
