package kind

import (
	"math"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// portPath is what inputs and outputs of a component may be called.
const portPath = `[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*`

var (
	// parameterTypes are the types of values that stand in the file itself.
	parameterTypes = []string{"number", "integer", "boolean", "string"}
	specDataTypes  = specWords("uri_folder", "uri_file", "mltable", "mlflow_model", "custom_model", "triton_model", "path")
	specModes      = specWords("ro_mount", "rw_mount", "mount", "download", "upload", "direct", "eval_mount", "eval_download", "link")
)

// specWords are words that are sent as they are written.
func specWords(list ...string) Enum {
	var e Enum
	for _, w := range list {
		e.Words = append(e.Words, [2]string{w, w})
	}
	return e
}

// flag is true or false, and false is the same as nothing: the service fills
// it in.
type flag struct{ Bool }

// Decode leaves out what means nothing.
func (f flag) Decode(d *Decoder, v *asset.Value) *asset.Value {
	if got := f.Bool.Decode(d, v); got.Bool() {
		return got
	}
	return nil
}

// Equal takes nothing for false.
func (flag) Equal(want, live *asset.Value) bool { return want.Bool() == live.Bool() }

// componentInputs are the declared inputs of a component: parameters, and data
// that is passed by address.
var componentInputs = Map{Keys: portPath, Of: Pick{
	Name:   "an input: a map with a type",
	Of:     func(v *asset.Value) Type { return inputType(v) },
	OfREST: func(rest *asset.Value) Type { return inputType(rest) },
	All:    []Type{parameterInput, dataInput},
}}

func inputType(v *asset.Value) Type {
	if v.Type() != asset.Map {
		return nil
	}
	if isParameter(v) {
		return parameterInput
	}
	return dataInput
}

// isParameter reports whether a declared port is a parameter.
func isParameter(v *asset.Value) bool {
	for _, t := range parameterTypes {
		if strings.EqualFold(v.Get("type").Str(), t) {
			return true
		}
	}
	return false
}

var (
	portText = Field{YAML: "description", REST: "description", As: Str{}, Change: NewVersion, Doc: "What it is for."}
	portMode = Field{YAML: "mode", REST: "mode", As: specModes, Change: NewVersion, Doc: "How the component sees it."}

	parameterInput = Object{After: finishParameter, Fields: []Field{
		{YAML: "type", REST: "type", As: specWords(parameterTypes...), Required: true, Change: NewVersion, Doc: "number, integer, boolean or string."},
		{YAML: "optional", REST: "optional", As: flag{}, Change: NewVersion, Doc: "It may be left out."},
		{YAML: "default", REST: "default", As: Text{}, Change: NewVersion, Doc: "Its value if none is given; sent as a text."},
		portText,
		{YAML: "min", REST: "min", As: Text{}, Change: NewVersion, Doc: "The least value, of numbers."},
		{YAML: "max", REST: "max", As: Text{}, Change: NewVersion, Doc: "The greatest value, of numbers."},
		{YAML: "enum", REST: "enum", As: List{Of: Str{}}, Change: NewVersion, Doc: "The only values that are allowed, of strings."},
	}}
	dataInput = Object{Fields: []Field{
		{YAML: "type", REST: "type", As: specDataTypes, Required: true, Change: NewVersion, Doc: "What is passed."},
		{YAML: "optional", REST: "optional", As: flag{}, Change: NewVersion, Doc: "It may be left out."},
		portMode, portText,
	}, After: func(c *Checker, v *asset.Value) { fold(v, "type", "mode") }}
)

// fold is there for words that are sent in lower case.
func fold(v *asset.Value, keys ...string) {
	for _, key := range keys {
		if item := v.Get(key); item != nil {
			v.Set(key, asset.NewString(strings.ToLower(item.Str())).At(item.Pos()))
		}
	}
}

// finishParameter gives default, min and max the text that the type makes of
// them: 1 as a number is 1.0.
func finishParameter(c *Checker, v *asset.Value) {
	fold(v, "type")
	typ := v.Get("type").Str()
	for _, key := range []string{"default", "min", "max"} {
		item := v.Get(key)
		if item == nil {
			continue
		}
		if key != "default" && typ != "number" && typ != "integer" {
			c.in(key, func() { c.Badf(item, "conflict", "remove it", "it is for numbers and integers only") })
			continue
		}
		text, ok := parameterText(typ, item.Text())
		if !ok {
			c.in(key, func() { c.Badf(item, "bad_value", "write "+exampleOf(typ), "%q is no %s", item.Text(), typ) })
			continue
		}
		v.Set(key, asset.NewString(text).At(item.Pos()))
	}
}

func exampleOf(typ string) string {
	switch typ {
	case "integer":
		return "a whole number, such as 3"
	case "number":
		return "a number, such as 0.5"
	}
	return "true or false"
}

// parameterText is the value of a parameter as its type spells it.
func parameterText(typ, text string) (string, bool) {
	switch typ {
	case "integer":
		f, ok := pythonNumber(text)
		if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
			return "", false
		}
		if i, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
			return strconv.FormatInt(i, 10), true
		}
		return strconv.FormatInt(int64(f), 10), true
	case "number":
		f, ok := pythonNumber(text)
		return asset.NewFloat(f).Text(), ok
	case "boolean":
		switch strings.ToLower(text) {
		case "true":
			return "True", true
		case "false":
			return "False", true
		}
		return "", false
	}
	return text, true
}

func pythonNumber(text string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return f, err == nil
}

// outputsOf are the declared outputs of a component; some components may
// give back parameters as well.
func outputsOf(parameters bool) Map {
	types := specDataTypes
	if parameters {
		types = specWords(append(types.names(), parameterTypes...)...)
	}
	return Map{Keys: portPath, Of: Object{Open: parameters, Fields: []Field{
		{YAML: "type", REST: "type", As: types, Required: true, Change: NewVersion, Doc: "What is given back."},
		portMode, portText,
	}, After: func(_ *Checker, v *asset.Value) { fold(v, "type", "mode") }}}
}

// checkPortNames refuses names that differ by case only.
func checkPortNames(c *Checker, ports *asset.Value) {
	seen := map[string]string{}
	for name, item := range ports.Entries() {
		low := strings.ToLower(name)
		if other, ok := seen[low]; ok {
			c.Badf(item, "bad_name", "rename one of them", "%q and %q differ by case only", other, name)
		}
		seen[low] = name
	}
}
